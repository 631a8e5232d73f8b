#include "transports/http/reactor.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <system_error>
#include <utility>

#include "generator/base/system.h"
#include "generator/event/fault.h"
#include "transports/http/guard.h"
#include "transports/http/names.h"
#include "transports/http/pages.h"
#include "transports/http/response.h"

namespace playload {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kSweepNs = kNsPerSecond;
// Looking at deadlines this often costs nothing and is as exact as they need to be.
constexpr int kMostWaitMs = 100;
constexpr std::int64_t kLingerNs = kNsPerSecond;
constexpr std::size_t kMostDiscarded = std::size_t{256} << 10;
// The whole of an answer; the largest has 2.8 MB.
constexpr std::int64_t kAnswerNs = 120 * kNsPerSecond;
constexpr std::size_t kMostAnswers = std::size_t{128} << 20;
constexpr std::size_t kMostSentAtOnce = std::size_t{512} << 10;
// Answers with more polled events wait for their turn.
constexpr std::uint32_t kFewPolled = 200;
constexpr std::int64_t kTurnNs = 2 * kNsPerMs;
constexpr std::int64_t kAcceptPauseNs = 100 * kNsPerMs;
constexpr int kAcceptsAtOnce = 64;
constexpr int kRequestsAtOnce = 32;
constexpr std::size_t kReadBytes = std::size_t{16} << 10;
// A head that comes in drops is looked at again after so many bytes, or at the end of a line.
constexpr std::size_t kCheckEvery = 512;
constexpr std::uint32_t kMostPerAddress = 1'024;
constexpr std::size_t kSessionsShown = 100;
// What the system says of the process is as old as this at most.
constexpr std::int64_t kProcessNs = kNsPerSecond / 2;
constexpr char kRetry[] = "retry: 2000\n\n";

std::int64_t Ns(std::chrono::milliseconds ms) { return ms.count() * kNsPerMs; }

void SwitchOn(int descriptor, int level, int option, int value = 1) {
  // Best effort: without it the connection works all the same.
  static_cast<void>(setsockopt(descriptor, level, option, &value, sizeof(value)));
}

// Nothing else shows that the reader of an idle stream is gone without a word.
void KeepAlive(int descriptor) {
  SwitchOn(descriptor, SOL_SOCKET, SO_KEEPALIVE);
  SwitchOn(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  SwitchOn(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  SwitchOn(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

std::string AddressText(const in6_addr& address, std::uint16_t port) {
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof(text));
    return std::string(text) + ":" + std::to_string(port);
  }
  inet_ntop(AF_INET6, &address, text, sizeof(text));
  return "[" + std::string(text) + "]:" + std::to_string(port);
}

sockaddr_in6 Mapped(const sockaddr_storage& peer) {
  sockaddr_in6 out{};
  if (peer.ss_family == AF_INET6) {
    std::memcpy(&out, &peer, sizeof(out));
    return out;
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &peer, sizeof(v4));
  out.sin6_family = AF_INET6;
  out.sin6_port = v4.sin_port;
  out.sin6_addr.s6_addr[10] = out.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&out.sin6_addr.s6_addr[12], &v4.sin_addr, 4);
  return out;
}

std::string_view MediaType(const PollRequest& poll) {
  return kMediaTypes[static_cast<unsigned>(poll.ndjson ? StreamFormat::kNdjson
                                                       : StreamFormat::kJson)];
}

Response NotBegun() {
  Response response = ErrorResponse(503, "", "the run has not begun yet");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

Response Full(std::string_view message) {
  Response response = ErrorResponse(503, "", message);
  response.headers.emplace_back("Retry-After", "2");
  return response;
}

std::uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t OpenDescriptors() {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Assigning an empty string would keep the memory.
void Free(std::string& text) { std::string().swap(text); }

}  // namespace

bool Reactor::AddressLess::operator()(const in6_addr& a, const in6_addr& b) const {
  return std::memcmp(&a, &b, sizeof(a)) < 0;
}

Reactor::Reactor(const HttpSettings& settings, Listener listener, Deliveries* deliveries)
    : settings_(settings),
      listener_(std::move(listener)),
      address_(listener_.address()),
      reader_(settings),
      coverage_(deliveries) {
  per_address_ = settings.max_per_address;
  if (per_address_ == 0) {
    per_address_ = address_.loopback ? settings.max_connections : kMostPerAddress;
  }
}

Reactor::~Reactor() {
  Stop(0);
  if (event_ >= 0) close(event_);
  if (epoll_ >= 0) close(epoll_);
}

Status Reactor::Start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  event_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  epoll_event of_event{};
  of_event.events = EPOLLIN;
  of_event.data.ptr = &event_;
  epoll_event of_listener{};
  of_listener.events = EPOLLIN;
  of_listener.data.ptr = &listener_;
  if (epoll_ < 0 || event_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &of_event) != 0 ||
      epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_.descriptor(), &of_listener) != 0) {
    return {Code::kInternal, "cannot serve HTTP: " + ErrnoText(errno)};
  }
  try {
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error& error) {
    return {Code::kInternal, std::string("cannot serve HTTP: no thread: ") + error.what()};
  }
  return {};
}

void Reactor::Wake() {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  // It cannot be full: the reactor takes it down to 0.
  static_cast<void>(!write(event_, &one, sizeof(one)));
}

void Reactor::Begin(Source* source) {
  begun_.store(source, std::memory_order_release);
  Wake();
}

void Reactor::HistoryReady() {
  history_ready_.store(true, std::memory_order_release);
  Wake();
}

void Reactor::PollsReady() {
  polls_ready_.store(true, std::memory_order_release);
  Wake();
}

void Reactor::Drain() {
  Phase serving = Phase::kServe;
  phase_.compare_exchange_strong(serving, Phase::kDrain);
  Wake();
}

void Reactor::Stop(std::int64_t grace_ns) {
  if (!thread_.joinable()) return;
  grace_ns_.store(grace_ns);
  phase_.store(Phase::kFinish, std::memory_order_release);
  Wake();
  thread_.join();
}

Ordinal Reactor::fastest() const {
  const FanOut* const fan_out = published_.load(std::memory_order_acquire);
  return fan_out == nullptr ? FanOut::kNobody : fan_out->fastest();
}

void Reactor::Loop() {
  NameThisThread("http");
  now_ns_ = SteadyNow();
  sweep_ns_ = now_ns_ + kSweepNs;
  while (phase_.load(std::memory_order_acquire) != Phase::kEnd) {
    try {
      Turn();
    } catch (const std::exception&) {
      // Out of memory: all connections are let go, the server lives on; clients come back.
      EndAll();
    }
  }
  EndAll();
}

// What other threads have done since the last turn.
void Reactor::TakeNews() {
  // An exchange, so that what was set before a Wake() that found it true is seen below.
  woken_.exchange(false, std::memory_order_acq_rel);
  if (source_ == nullptr) {
    source_ = begun_.load(std::memory_order_acquire);
    if (source_ == nullptr) return;
    renderer_.emplace(source_->tables);
    fan_out_ = std::make_unique<FanOut>(settings_, *source_, *renderer_, coverage_, log_, now_ns_);
    published_.store(fan_out_.get(), std::memory_order_release);
    samples_.fill({now_ns_, 0});
  }
  const bool ended = source_->window.ended();
  const Ordinal head = source_->window.head();
  if (head != head_ || ended != run_ended_) {
    head_ = head;
    run_ended_ = ended;
    fan_out_->HeadMoved();
  }
  if (history_ready_.exchange(false, std::memory_order_acq_rel)) fan_out_->HistoryReady();
  if (polls_ready_.exchange(false, std::memory_order_acq_rel)) again_.Splice(polls_waiting_);
}

void Reactor::Turn() {
  TakeNews();
  now_ns_ = SteadyNow();
  const Phase phase = phase_.load(std::memory_order_acquire);
  if (phase == Phase::kFinish && !finishing_) BeginFinish();
  bool more = false;
  if (fan_out_) {
    more = fan_out_->Work(now_ns_);
    CloseStreams();
    handed_.store(std::accumulate(polled_events_.begin(), polled_events_.end(), fan_out_->events()),
                  std::memory_order_relaxed);
    if (phase == Phase::kDrain) {
      drained_.store(fan_out_->AllCaughtUp(), std::memory_order_release);
    }
  }
  TakeTurns();

  std::array<epoll_event, 256> events;
  const int count =
      epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), TimeoutMs(more));
  now_ns_ = SteadyNow();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == &event_) {
      std::uint64_t value = 0;
      static_cast<void>(!read(event_, &value, sizeof(value)));
    } else if (event.data.ptr == &listener_) {
      Accept();
    } else {
      auto& c = *static_cast<Connection*>(event.data.ptr);
      if (!c.doomed) Happened(c, event.events);
    }
  }
  CheckDeadlines();
  if (now_ns_ >= sweep_ns_ && fan_out_) {
    sweep_ns_ = now_ns_ + kSweepNs;
    std::rotate(samples_.begin(), samples_.begin() + 1, samples_.end());
    samples_.back() = {now_ns_, source_->window.head()};
    fan_out_->Sweep(now_ns_);
    CloseStreams();
  }
  doomed_.clear();
  if (finishing_ && (all_.empty() || now_ns_ >= finish_by_ns_)) phase_.store(Phase::kEnd);
}

// Goes on with those who had more to do than their share, for some milliseconds; then the others
// are looked after, and the rest keeps its place.
void Reactor::TakeTurns() {
  const std::int64_t until = SteadyNow() + kTurnNs;
  List<Connection, TurnWork> turns;
  turns.Splice(again_);
  while (Connection* c = turns.PopFront()) {
    Continue(*c);
    if (SteadyNow() >= until) break;
  }
  turns.Splice(again_);
  again_.Splice(turns);
}

int Reactor::TimeoutMs(bool more) const {
  if (more || !again_.empty()) return 0;
  std::int64_t until = now_ns_ + kMostWaitMs * kNsPerMs;
  if (fan_out_) until = std::min(until, fan_out_->next_ns());
  if (finishing_) until = std::min(until, finish_by_ns_);
  return static_cast<int>(std::max<std::int64_t>(0, (until - now_ns_ + kNsPerMs - 1) / kNsPerMs));
}

// --- connections

void Reactor::Accept() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    const int descriptor = accept4(listener_.descriptor(), reinterpret_cast<sockaddr*>(&peer),
                                   &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        PauseAccepting();
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return;
    }
    ++accepted_;
    Admit(descriptor, Mapped(peer));
  }
}

// Whoever comes waits in the system's queue until descriptors are free again.
void Reactor::PauseAccepting() {
  ++accept_pauses_;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_.descriptor(), nullptr);
  accept_again_ns_ = now_ns_ + kAcceptPauseNs;
}

void Reactor::ResumeAccepting() {
  accept_again_ns_ = -1;
  if (finishing_) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &listener_;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_.descriptor(), &event);
}

void Reactor::Admit(int descriptor, const sockaddr_in6& peer) {
  std::uint32_t& from_here = addresses_[peer.sin6_addr];
  if (open_ >= settings_.max_connections || from_here >= per_address_) {
    if (from_here == 0) addresses_.erase(peer.sin6_addr);
    return Refuse(descriptor);
  }
  SwitchOn(descriptor, IPPROTO_TCP, TCP_NODELAY);
  auto connection = std::make_unique<Connection>();
  Connection& c = *connection;
  c.descriptor = descriptor;
  c.address = peer.sin6_addr;
  c.port = ntohs(peer.sin6_port);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &c;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    if (from_here == 0) addresses_.erase(peer.sin6_addr);
    close(descriptor);
    return;
  }
  ++from_here;
  ++open_;
  all_.PushBack(connection.release());  // Close() takes it back
  SetDeadline(c, &heads_, Ns(settings_.head_timeout));
}

// Says 503 and closes, as far as that is possible without keeping anything of the connection.
void Reactor::Refuse(int descriptor) {
  ++refused_;
  ++answers_[503];
  const std::string text =
      ResponseText(Full("too many connections; try again later"), AnswerOptions{});
  static_cast<void>(send(descriptor, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  shutdown(descriptor, SHUT_WR);
  // What has come is read, since closing would else reset the connection and take the answer with
  // it.
  std::array<char, kReadBytes> buffer;
  static_cast<void>(recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT));
  close(descriptor);
}

void Reactor::Happened(Connection& c, std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0 && c.state != Connection::State::kHead) {
    return Close(c);
  }
  switch (c.state) {
    case Connection::State::kHead:
      if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ReadHeads(c);
      return;
    case Connection::State::kAnswer:
      if ((events & EPOLLOUT) != 0) Continue(c);
      return;
    case Connection::State::kPoll:
      return;
    case Connection::State::kStream:
      // What a client says after its request is nobody's business, and that it closed its side is
      // no reason to stop.
      if ((events & EPOLLOUT) != 0) fan_out_->Writable(c.stream.get());
      return;
    case Connection::State::kLinger:
      return Discard(c);
  }
}

void Reactor::Continue(Connection& c) {
  if (c.state == Connection::State::kPoll) AnswerPoll(c, *c.poll);
  if (c.state == Connection::State::kAnswer && !c.doomed) SendRest(c);
  if (c.state == Connection::State::kHead && !c.doomed) ReadHeads(c);
}

// Reads and answers requests until there is nothing to read, or something to wait for.
void Reactor::ReadHeads(Connection& c) {
  for (int requests = 0; !c.doomed && c.state == Connection::State::kHead;) {
    if (c.in.size() > c.checked) {
      c.checked = c.in.size();
      const HeadCheck check = CheckHead(c.in);
      if (check.state == HeadCheck::State::kForeign) return Close(c);
      if (check.state == HeadCheck::State::kRefused) {
        c.in.clear();
        Request request;
        return Answer(c, ErrorResponse(check.status, "", check.message), request);
      }
      if (check.state == HeadCheck::State::kWhole) {
        const std::string head = c.in.substr(0, check.bytes);
        c.in.erase(0, check.bytes);
        c.checked = 0;
        Handle(c, head);
        if (++requests == kRequestsAtOnce && !c.doomed && c.state == Connection::State::kHead) {
          again_.PushBack(&c);
          return;
        }
        continue;
      }
    }
    if (!Receive(c)) return;
  }
}

// Whether more has come; a connection that has ended is closed.
bool Reactor::Receive(Connection& c) {
  std::array<char, kReadBytes> buffer;
  while (true) {
    const ssize_t got = recv(c.descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (got <= 0) {
      Close(c);
      return false;
    }
    // From the first byte of a head on it is expected to come soon.
    if (c.in.empty()) SetDeadline(c, &heads_, Ns(settings_.head_timeout));
    const std::string_view part(buffer.data(), static_cast<std::size_t>(got));
    c.in.append(part);
    const bool look = part.find('\n') != std::string_view::npos || c.in.size() < 64 ||
                      c.in.size() - c.checked >= kCheckEvery || c.in.size() > kMaxHeadBytes;
    if (look) return true;
  }
}

void Reactor::Handle(Connection& c, std::string_view head) {
  Request request = reader_.Read(head);
  if (const auto* response = std::get_if<Response>(&request.what)) {
    Answer(c, *response, request);
  } else if (std::holds_alternative<Page>(request.what)) {
    AnswerPage(c, request);
  } else if (source_ == nullptr) {
    Answer(c, NotBegun(), request);
  } else if (std::holds_alternative<PollRequest>(request.what)) {
    HandlePoll(c, request);
  } else {
    HandleStream(c, request);
  }
}

void Reactor::AnswerPage(Connection& c, const Request& request) {
  switch (std::get<Page>(request.what)) {
    case Page::kIndex:
      return Answer(c, IndexPage(settings_), request);
    case Page::kHealth:
      return Answer(c, HealthPage(), request);
    case Page::kReady: {
      ServerStatus status;
      status.begun = source_ != nullptr;
      return Answer(c, ReadyPage(status), request);
    }
    case Page::kMetrics:
      return Answer(c, MetricsPage(MakeStatus(0)), request);
    case Page::kOpenApi:
      return Answer(c, OpenApiPage(settings_), request);
    case Page::kStatus:
      return Answer(c, StatusPage(MakeStatus(kSessionsShown)), request);
  }
}

void Reactor::HandlePoll(Connection& c, const Request& request) {
  const auto& poll = std::get<PollRequest>(request.what);
  if (request.head) {
    // How long the answer would be is not known without taking the events.
    ++answers_[200];
    return SendText(c, StreamHeadText(MediaType(poll), request.origin), false);
  }
  if (poll.count <= kFewPolled) return AnswerPoll(c, request);
  // It takes milliseconds: one after the other, each in its turn.
  AwaitPoll(c, request);
  again_.PushBack(&c);
}

void Reactor::AwaitPoll(Connection& c, const Request& request) {
  c.state = Connection::State::kPoll;
  c.poll = std::make_unique<Request>(request);
  static_cast<DeadlineWork&>(c).Unlink();
}

// Answers with the next events of the kind, if they are at hand; else the connection waits.
void Reactor::AnswerPoll(Connection& c, const Request& request) {
  const PollRequest poll = std::get<PollRequest>(request.what);
  // The request may live in the connection itself.
  const std::unique_ptr<Request> waited = std::move(c.poll);
  c.state = Connection::State::kHead;
  if (answer_bytes_ > kMostAnswers) {
    return Answer(c, Full("too many large answers are on their way; try again later"), request);
  }
  if (!source_->polls.Take(poll.kind, poll.count, &polled_)) {
    if (!source_->polls.ok()) {
      return Answer(c, Full("out of memory"), request);
    }
    if (source_->polls.dry(poll.kind)) {
      return Answer(c, ErrorResponse(404, "", "this scenario makes no such events"), request);
    }
    AwaitPoll(c, request);
    polls_waiting_.PushBack(&c);
    return;
  }
  const bool planned = source_->tables.spec.clock == Clock::kVirtual;
  Response response;
  response.type = MediaType(poll);
  renderer_->RenderLines(polled_, planned ? -1 : UtcNow(), &response.body, &ends_);
  if (!poll.ndjson && poll.array) {
    for (const std::uint32_t end : ends_) response.body[end - 1] = ',';
    response.body.back() = ']';
    response.body.insert(response.body.begin(), '[');
  } else if (!poll.ndjson) {
    response.body.pop_back();
  }
  const auto kind = static_cast<unsigned>(poll.kind);
  ++polls_[kind];
  polled_events_[kind] += poll.count;
  Answer(c, response, request);
}

void Reactor::HandleStream(Connection& c, const Request& request) {
  const auto& wanted = std::get<StreamRequest>(request.what);
  if (fan_out_->NothingLeft(wanted)) {
    Response nothing;
    nothing.status = 204;
    return Answer(c, nothing, request);
  }
  std::string head =
      StreamHeadText(kMediaTypes[static_cast<unsigned>(wanted.form.format)], request.origin);
  ++answers_[200];
  if (request.head) return SendText(c, std::move(head), false);
  if (wanted.form.format == StreamFormat::kSse) head += kRetry;
  KeepAlive(c.descriptor);
  static_cast<DeadlineWork&>(c).Unlink();
  c.state = Connection::State::kStream;
  Free(c.in);
  c.stream = std::make_unique<ConnectionStream>();
  c.stream->connection = &c;
  c.stream->descriptor = c.descriptor;
  c.stream->session.address = AddressText(c.address, c.port);
  c.stream->session.user_agent = request.user_agent;
  c.stream->session.began_ns = UtcNow();
  streams_.fetch_add(1, std::memory_order_relaxed);
  fan_out_->Add(c.stream.get(), wanted, std::move(head), now_ns_);
}

void Reactor::Answer(Connection& c, const Response& response, const Request& request) {
  ++answers_[response.status];
  AnswerOptions options;
  options.head = request.head;
  options.keep_alive = request.keep_alive && !finishing_;
  options.origin = request.origin;
  SendText(c, ResponseText(response, options), options.keep_alive);
}

void Reactor::SendText(Connection& c, std::string text, bool keep_alive) {
  c.out = std::move(text);
  c.out_at = 0;
  c.close_after = !keep_alive;
  c.state = Connection::State::kAnswer;
  answer_bytes_ += c.out.size();
  SetDeadline(c, &answers_out_, kAnswerNs);
  SendRest(c);
}

void Reactor::SendRest(Connection& c) {
  const std::size_t share = c.out_at + kMostSentAtOnce;
  while (c.out_at < c.out.size()) {
    if (c.out_at >= share) return again_.PushBack(&c);
    const ssize_t sent =
        send(c.descriptor, c.out.data() + c.out_at,
             std::min(c.out.size() - c.out_at, kMostSentAtOnce), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (sent < 0) return Close(c);
    c.out_at += static_cast<std::size_t>(sent);
  }
  answer_bytes_ -= c.out.size();
  c.out.clear();
  if (c.out.capacity() > kReadBytes) Free(c.out);
  c.out_at = 0;
  if (c.close_after) return Linger(c);
  c.state = Connection::State::kHead;
  if (c.in.empty()) {
    if (c.in.capacity() > 1'024) Free(c.in);
    SetDeadline(c, &idles_, Ns(settings_.idle_timeout));
  } else {
    SetDeadline(c, &heads_, Ns(settings_.head_timeout));
  }
}

// Closes our side and waits a little for the other one: closing with unread input would reset the
// connection and could take the answer with it.
void Reactor::Linger(Connection& c) {
  c.state = Connection::State::kLinger;
  Free(c.in);
  shutdown(c.descriptor, SHUT_WR);
  SetDeadline(c, &lingers_, kLingerNs);
  Discard(c);
  // At the end there is no time for that; with all input read, what was sent still arrives.
  if (finishing_ && !c.doomed) Close(c);
}

void Reactor::Discard(Connection& c) {
  std::array<char, kReadBytes> buffer;
  while (c.discarded < kMostDiscarded) {
    const ssize_t got = recv(c.descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) break;
    c.discarded += static_cast<std::size_t>(got);
  }
  Close(c);
}

void Reactor::EndStream(Connection& c, SessionEnd end) {
  c.stream->session.ended_ns = UtcNow();
  fan_out_->Remove(c.stream.get(), end);
  streams_.fetch_sub(1, std::memory_order_relaxed);
  c.stream.reset();
}

// Closes the connections of streams that are over.
void Reactor::CloseStreams() {
  for (const auto& [client, end] : fan_out_->TakeFinished()) {
    Connection& c = *static_cast<ConnectionStream*>(client)->connection;
    if (c.doomed || c.state != Connection::State::kStream) continue;
    EndStream(c, end);
    if (end == SessionEnd::kClient || end == SessionEnd::kError) {
      Close(c);
    } else {
      Linger(c);
    }
  }
}

void Reactor::Close(Connection& c) {
  if (std::exchange(c.doomed, true)) return;
  if (c.stream) EndStream(c, finishing_ ? SessionEnd::kShutdown : SessionEnd::kClient);
  answer_bytes_ -= c.out.size();
  static_cast<DeadlineWork&>(c).Unlink();
  static_cast<TurnWork&>(c).Unlink();
  static_cast<AllWork&>(c).Unlink();
  // Before the descriptor is closed: it may be another connection's the next moment.
  epoll_ctl(epoll_, EPOLL_CTL_DEL, c.descriptor, nullptr);
  close(c.descriptor);
  --open_;
  const auto from_here = addresses_.find(c.address);
  if (--from_here->second == 0) addresses_.erase(from_here);
  // Events of this turn may still speak of it.
  doomed_.emplace_back(&c);
  if (accept_again_ns_ >= 0) accept_again_ns_ = now_ns_;
}

void Reactor::SetDeadline(Connection& c, Deadlines* list, std::int64_t after_ns) {
  c.deadline_ns = now_ns_ + after_ns;
  list->PushBack(&c);
}

void Reactor::CheckDeadlines() {
  for (Deadlines* list : {&heads_, &idles_, &answers_out_, &lingers_}) {
    while (Connection* c = list->front()) {
      if (c->deadline_ns > now_ns_) break;
      if (list == &heads_) ++head_timeouts_;
      Close(*c);
    }
  }
  if (accept_again_ns_ >= 0 && now_ns_ >= accept_again_ns_) ResumeAccepting();
}

// Nobody is let in any more; whoever waits goes, streams end after the event in hand.
void Reactor::BeginFinish() {
  finishing_ = true;
  finish_by_ns_ = now_ns_ + grace_ns_.load();
  epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_.descriptor(), nullptr);
  listener_.Close();
  List<Connection, AllWork> keep;
  while (Connection* c = all_.PopFront()) {
    keep.PushBack(c);
    const bool waits = c->state == Connection::State::kPoll ||
                       c->state == Connection::State::kLinger ||
                       (c->state == Connection::State::kHead && c->in.empty());
    if (waits) Close(*c);
  }
  all_.Splice(keep);
  if (fan_out_) fan_out_->FinishAll();
}

void Reactor::EndAll() {
  while (Connection* c = all_.front()) Close(*c);
  doomed_.clear();
}

// --- what is shown

std::string Reactor::LatestEvent(Kind kind) const {
  const Ordinal after = source_->latest[static_cast<unsigned>(kind)].load();
  if (after == 0) return {};
  const BlockRef block = source_->window.Get((after - 1) / kBatchEvents);
  if (!block) return {};
  const Record& record = block->records[(after - 1) % kBatchEvents];
  if (IsFaulty(record)) {
    // As it was before it was damaged, for it becomes a part of a JSON document here.
    const Layout& layout = source_->tables.layout;
    const PolledEvent whole{WithoutCorruption(record), layout.LaneOf((after - 1) / kRunLength),
                            layout.PositionOf(after - 1)};
    std::string line;
    std::vector<std::uint32_t> ends;
    renderer_->RenderLines({&whole, 1}, block->stamp_ns, &line, &ends);
    line.pop_back();
    return line;
  }
  Form form;
  form.format = StreamFormat::kNdjson;
  form.kinds = static_cast<std::uint8_t>(1u << static_cast<unsigned>(kind));
  const GranuleRef granule = renderer_->Render(
      *block, static_cast<std::uint32_t>((after - 1) % kBatchEvents / kGranuleEvents), form);
  const std::uint32_t e = granule->EventAt(after - 1);
  if (e == granule->count) return {};
  const std::uint32_t begin = granule->begin_of(e);
  return {granule->bytes + begin, granule->ends[e] - begin - 1};
}

ServerStatus Reactor::MakeStatus(std::size_t sessions) const {
  ServerStatus status;
  status.scenario = settings_.scenario;
  status.begun = source_ != nullptr;
  status.polls = polls_;
  status.polled_events = polled_events_;
  status.connections = open_;
  status.connections_total = accepted_;
  status.connections_refused = refused_;
  status.accept_pauses = accept_pauses_;
  status.head_timeouts = head_timeouts_;
  status.answers.assign(answers_.begin(), answers_.end());
  // Counting descriptors takes milliseconds when there are thousands.
  if (now_ns_ >= process_.until_ns) {
    process_ = {now_ns_ + kProcessNs, ResidentBytes(), OpenDescriptors(), CpuSeconds()};
  }
  status.resident_bytes = process_.resident_bytes;
  status.open_descriptors = process_.open_descriptors;
  status.cpu_seconds = process_.cpu_seconds;
  if (source_ == nullptr) return status;
  const StreamTables& tables = source_->tables;
  status.seed = tables.spec.seed;
  status.start_ns = tables.spec.start_ns;
  status.ended = source_->window.ended();
  status.paced = source_->paced;
  const std::int64_t at = now_ns_ - source_->zero_ns;
  if (status.paced && !status.ended) {
    status.planned_rate =
        static_cast<double>(tables.plan.MilliRateAt(std::max<std::int64_t>(at, 0))) / 1'000;
  }
  const Sample& oldest = samples_.front();
  const Ordinal head = source_->window.head();
  if (now_ns_ > oldest.ns) {
    status.released_rate = static_cast<double>(head - oldest.head) * kNsPerSecond /
                           static_cast<double>(now_ns_ - oldest.ns);
  }
  if (head > 0) status.head = tables.layout.PositionOf(head - 1) + 1;
  status.behind_ns = source_->behind_ns.load();
  for (unsigned k = 0; k < kKinds; ++k) {
    status.released[k] = source_->released[k].load();
    status.acked[k] = coverage_.acked(static_cast<Kind>(k));
    if (sessions > 0) status.latest[k] = LatestEvent(static_cast<Kind>(k));
  }
  fan_out_->AddTo(&status);
  status.history_blocks = source_->history.made();
  status.clients = log_.Copy(fan_out_->OpenSessions(sessions));
  return status;
}

}  // namespace playload
