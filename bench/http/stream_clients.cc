// Thousands of clients of /stream_events in one process, of several classes at once, each held to
// the contract event by event (stream_check.h), while the server is watched (server_watch.h).
//
//   stream_clients --address 127.0.0.1:8000 --pid 4711 --seconds 15
//       --class "steady clients=2000 query=rate=100"
//       --class "slow clients=100 query=rate=100 read=1024"
//       --class "resetting clients=100 query=rate=100 reset=1"
//       --class "churning clients=200 live=0.1-2"
//
// A class is its name and words KEY=VALUE:
//   clients=N      how many there are at any time
//   query=Q        of the request, without "?"; without it there is none
//   read=BYTES     reads that many bytes a second, ten times a second a tenth
//   rcvbuf=BYTES   the receive buffer that it asks the system for
//   reset=SECONDS  resets its connection (RST) so often and resumes with Last-Event-ID
//   live=A-B       goes after A to B seconds, every second one by a reset, and a new one comes
//
// A client of another class whose stream ends is counted as lost, and resumes. Prints a table;
// --json F writes all figures. Exit code 1: the server broke the contract. Loopback only.
//
// Threads: the clients are one epoll loop; the watch has its own.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <queue>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/http/server_watch.h"
#include "bench/http/stream_check.h"
#include "generator/run/json_writer.h"

namespace playload {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kRetryNs = kSecondNs / 5;      // after a refusal or an end that was not ours
constexpr std::int64_t kSlowReadNs = kSecondNs / 10;  // between two reads of a slow client
constexpr std::uint32_t kMostConnecting = 512;        // below every usual listen backlog
constexpr std::size_t kBufferBytes = 256 << 10;
constexpr std::size_t kMostUnfinishedBytes = 64 << 10;  // of a record: far beyond any event

std::int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "stream_clients: %s\n", message.c_str());
  std::exit(2);
}

double ToNumber(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || value < 0) {
    Fail("\"" + std::string(text) + "\" is no number");
  }
  return value;
}

// A class of clients and what became of them.
struct ClientClass {
  std::string name;
  std::string query;
  std::uint32_t clients = 1;
  std::size_t read_bytes = 0;  // a second; 0: as fast as it comes
  int receive_buffer = 0;
  std::int64_t reset_ns = 0;
  std::int64_t live_least_ns = 0, live_most_ns = 0;
  bool lines = false, whole = true;
  std::uint64_t after = 0;
  bool has_after = false;

  std::uint64_t streams = 0;  // answers 200
  std::uint64_t resumed = 0;  // of them with Last-Event-ID
  std::uint64_t bytes = 0;
  std::uint64_t lost = 0;                // streams that the server ended or reset
  std::uint64_t connect_errors = 0;      // connections that were not made
  std::map<int, std::uint64_t> refused;  // other answers, by status
  // Of clients that have gone.
  std::uint64_t events = 0, missed = 0;
  std::array<std::uint64_t, 3> gaps{};
  StreamFaults faults;

  void Take(const StreamCheck& check) {
    events += check.events();
    missed += check.missed();
    for (std::size_t r = 0; r < gaps.size(); ++r) gaps[r] += check.gaps()[r];
    faults.Add(check.faults());
  }
};

ClientClass ParseClass(const std::string& text) {
  ClientClass c;
  std::istringstream words(text);
  words >> c.name;
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) Fail("\"" + word + "\" in --class is not KEY=VALUE");
    const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
    const auto nanoseconds = [](std::string_view seconds) {
      return static_cast<std::int64_t>(ToNumber(seconds) * kSecondNs);
    };
    if (key == "clients") {
      c.clients = static_cast<std::uint32_t>(ToNumber(value));
    } else if (key == "query") {
      c.query = value;
    } else if (key == "read") {
      c.read_bytes = static_cast<std::size_t>(ToNumber(value));
    } else if (key == "rcvbuf") {
      c.receive_buffer = static_cast<int>(ToNumber(value));
    } else if (key == "reset") {
      c.reset_ns = nanoseconds(value);
    } else if (key == "live") {
      const std::size_t dash = value.find('-');
      if (dash == std::string::npos) Fail("live=A-B takes two numbers");
      c.live_least_ns = nanoseconds(std::string_view(value).substr(0, dash));
      c.live_most_ns = nanoseconds(std::string_view(value).substr(dash + 1));
    } else {
      Fail("--class does not know \"" + key + "\"");
    }
  }
  const std::string query = "&" + c.query + "&";
  c.lines = query.find("&format=") != std::string::npos &&
            query.find("&format=sse&") == std::string::npos;
  c.whole = query.find("&type=") == std::string::npos;
  if (const std::size_t at = query.find("&after="); at != std::string::npos) {
    c.has_after = true;
    c.after = static_cast<std::uint64_t>(
        ToNumber(std::string_view(query).substr(at + 7, query.find('&', at + 1) - at - 7)));
  }
  if (c.name.empty() || c.clients == 0) Fail("--class needs a name and at least one client");
  return c;
}

struct Options {
  sockaddr_in server{};
  std::string host;
  pid_t pid = 0;
  double seconds = 10, settle = 1, after = 1, connect_timeout = 60;
  std::string json;
  std::vector<ClientClass> classes;
};

enum class State : std::uint8_t { kAway, kConnecting, kHead, kStreaming };

struct Client {
  Client(ClientClass* c) : of(c), check(c->lines, c->whole) {}

  ClientClass* of;
  StreamCheck check;
  int fd = -1;
  State state = State::kAway;
  bool waited_for = false;  // counts as connecting
  bool was_there = false;   // had a stream once
  bool resumes = false;     // asked with Last-Event-ID
  bool goes_by_reset = false;
  std::uint32_t timer = 0;          // only the timer with this number is still meant
  std::uint64_t events_before = 0;  // the window's begin
  std::string unfinished;           // the front of what has not all come yet
};

class Clients {
 public:
  explicit Clients(Options* options) : options_(*options), buffer_(kBufferBytes) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) Fail("no epoll");
    for (ClientClass& c : options->classes) {
      for (std::uint32_t i = 0; i < c.clients; ++i) clients_.emplace_back(&c);
    }
  }
  ~Clients() { close(epoll_); }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  [[nodiscard]] std::size_t count() const { return clients_.size(); }

  // Returns the seconds until every client had had a stream; -1: not all did within the time.
  double ConnectAll() {
    const std::int64_t began = NowNs();
    const std::int64_t until = began + ToNs(options_.connect_timeout);
    while (there_ < count() && NowNs() < until) {
      while (connecting_ < kMostConnecting && next_ < count()) Connect(&clients_[next_++]);
      Turn(until);
    }
    return there_ == count() ? Seconds(NowNs() - began) : -1;
  }

  void RunFor(double seconds) {
    for (const std::int64_t until = NowNs() + ToNs(seconds); NowNs() < until;) Turn(until);
  }

  void BeginWindow() {
    for (Client& client : clients_) client.events_before = client.check.events();
    window_began_ = NowNs();
  }

  struct Share {
    std::uint64_t least = ~std::uint64_t{0}, most = 0, sum = 0;
  };
  // Events of each client since BeginWindow(), by class.
  std::vector<Share> EndWindow() {
    window_seconds_ = Seconds(NowNs() - window_began_);
    std::vector<Share> shares(options_.classes.size());
    for (const Client& client : clients_) {
      Share& share = shares[static_cast<std::size_t>(client.of - options_.classes.data())];
      const std::uint64_t events = client.check.events() - client.events_before;
      share.least = std::min(share.least, events);
      share.most = std::max(share.most, events);
      share.sum += events;
    }
    return shares;
  }
  [[nodiscard]] double window_seconds() const { return window_seconds_; }

  void CloseAll() {
    for (Client& client : clients_) {
      Disconnect(&client, false);
      client.of->Take(client.check);
    }
  }

 private:
  struct Timer {
    std::int64_t due;
    std::size_t client;
    std::uint32_t number;
    bool operator>(const Timer& other) const { return due > other.due; }
  };

  static std::int64_t ToNs(double seconds) {
    return static_cast<std::int64_t>(seconds * static_cast<double>(kSecondNs));
  }
  static double Seconds(std::int64_t ns) {
    return static_cast<double>(ns) / static_cast<double>(kSecondNs);
  }

  std::size_t NumberOf(const Client* client) const {
    return static_cast<std::size_t>(client - clients_.data());
  }

  void SetTimer(Client* client, std::int64_t due) {
    timers_.push({due, NumberOf(client), ++client->timer});
  }

  // A fixed sequence, so that two runs have clients of the same lives.
  std::int64_t Between(std::int64_t least, std::int64_t most) {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    const auto width = static_cast<std::uint64_t>(most - least) + 1;
    return least + static_cast<std::int64_t>((random_ >> 20) % width);
  }

  void Turn(std::int64_t until) {
    const std::int64_t now = NowNs();
    while (!timers_.empty() && timers_.top().due <= now) {
      const Timer timer = timers_.top();
      timers_.pop();
      Client* client = &clients_[timer.client];
      if (client->timer == timer.number) Due(client, now);
    }
    std::int64_t wait = until - now;
    if (!timers_.empty()) wait = std::min(wait, timers_.top().due - now);
    // Rounded up: a wait of 0 ms until a timer is due would spin.
    const int wait_ms = static_cast<int>(std::clamp<std::int64_t>(wait / 1'000'000 + 1, 0, 100));
    epoll_event events[1024];
    const int ready = epoll_wait(epoll_, events, 1024, wait_ms);
    for (int i = 0; i < ready; ++i) Ready(&clients_[events[i].data.u64], events[i].events);
  }

  void Due(Client* client, std::int64_t now) {
    const ClientClass& c = *client->of;
    if (client->state == State::kAway) return Connect(client);
    if (c.read_bytes > 0) {
      SetTimer(client, now + kSlowReadNs);
      return Read(client);
    }
    if (c.reset_ns > 0) {
      Disconnect(client, true);
      return Connect(client);
    }
    // Its life is over; another one takes its place.
    Disconnect(client, client->goes_by_reset);
    client->goes_by_reset = !client->goes_by_reset;
    client->of->Take(client->check);
    client->check = StreamCheck(c.lines, c.whole);
    client->events_before = 0;
    Connect(client);
  }

  void Connect(Client* client) {
    ClientClass& c = *client->of;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) Fail(std::string("no socket: ") + std::strerror(errno));
    if (c.receive_buffer > 0) {
      setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &c.receive_buffer, sizeof(int));
    }
    const int on = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(client->fd, reinterpret_cast<const sockaddr*>(&options_.server),
                sizeof(options_.server)) != 0 &&
        errno != EINPROGRESS) {
      return NotConnected(client);
    }
    client->state = State::kConnecting;
    if (!client->waited_for) {
      client->waited_for = true;
      ++connecting_;
    }
    // Slow clients read by the clock, so that readiness must not wake them.
    epoll_event event{};
    event.events = c.read_bytes > 0 ? EPOLLOUT | EPOLLET : EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = NumberOf(client);
    epoll_ctl(epoll_, EPOLL_CTL_ADD, client->fd, &event);
  }

  void NotConnected(Client* client) {
    ++client->of->connect_errors;
    Disconnect(client, false);
    SetTimer(client, NowNs() + kRetryNs);
  }

  void Ready(Client* client, std::uint32_t events) {
    if (client->state == State::kAway) return;
    if (client->state == State::kConnecting) {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return NotConnected(client);
      if ((events & EPOLLOUT) == 0) return;
      return Ask(client);
    }
    if (client->of->read_bytes == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      Read(client);
    }
  }

  void Ask(Client* client) {
    const ClientClass& c = *client->of;
    std::string request = "GET /stream_events";
    if (!c.query.empty()) request += "?" + c.query;
    request += " HTTP/1.1\r\nHost: " + options_.host + "\r\nUser-Agent: stream_clients\r\n";
    client->check.Resume();
    client->resumes = client->check.has_position();
    if (client->resumes) {
      request += "Last-Event-ID: " + std::to_string(client->check.position()) + "\r\n";
    } else if (c.has_after) {
      client->check.StartAfter(c.after);
    }
    request += "\r\n";
    // A new connection's send buffer takes any head at once.
    if (send(client->fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      return NotConnected(client);
    }
    client->state = State::kHead;
    if (c.read_bytes > 0) SetTimer(client, NowNs() + kSlowReadNs);
  }

  void Read(Client* client) {
    const ClientClass& c = *client->of;
    const std::size_t tenth = std::max<std::size_t>(c.read_bytes / 10, 1);
    for (;;) {
      const std::size_t kept = client->unfinished.size();
      std::memcpy(buffer_.data(), client->unfinished.data(), kept);
      const std::size_t room =
          c.read_bytes > 0 ? std::min(tenth, buffer_.size() - kept) : buffer_.size() - kept;
      const ssize_t got = recv(client->fd, buffer_.data() + kept, room, 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got <= 0) return Ended(client, got == 0);
      client->of->bytes += static_cast<std::uint64_t>(got);
      Take(client, {buffer_.data(), kept + static_cast<std::size_t>(got)});
      // Edge-triggered: less than there was room for means that there is no more.
      if (client->fd < 0 || c.read_bytes > 0 || static_cast<std::size_t>(got) < room) return;
    }
  }

  void Take(Client* client, std::string_view bytes) {
    if (client->state == State::kHead) {
      const std::size_t end = bytes.find("\r\n\r\n");
      if (end == std::string_view::npos) {
        client->unfinished.assign(bytes);
        return;
      }
      if (!Answered(client, bytes.substr(0, end))) return;
      bytes.remove_prefix(end + 4);
    }
    bytes.remove_prefix(client->check.Take(bytes));
    client->unfinished.assign(bytes);
    if (bytes.size() > kMostUnfinishedBytes) Fail("a record that does not end");
  }

  // The head of the answer is there; false: it is a refusal.
  bool Answered(Client* client, std::string_view head) {
    ClientClass& c = *client->of;
    if (client->waited_for) {
      client->waited_for = false;
      --connecting_;
    }
    int status = 0;
    if (head.starts_with("HTTP/1.1 ") && head.size() >= 12) {
      std::from_chars(head.data() + 9, head.data() + 12, status);
    }
    if (status != 200) {
      ++c.refused[status];
      Disconnect(client, false);
      SetTimer(client, NowNs() + kRetryNs);
      return false;
    }
    client->state = State::kStreaming;
    ++c.streams;
    c.resumed += client->resumes;
    const std::int64_t now = NowNs();
    if (c.reset_ns > 0) {
      // The first time at any instant of the period, so that they do not all reset at once.
      SetTimer(client, now + (client->was_there ? c.reset_ns : Between(0, c.reset_ns)));
    } else if (c.live_most_ns > 0) {
      SetTimer(client, now + Between(c.live_least_ns, c.live_most_ns));
    }
    there_ += !client->was_there;
    client->was_there = true;
    return true;
  }

  // The stream ended, by the server's will or by a reset.
  void Ended(Client* client, bool in_order) {
    if (client->state == State::kStreaming) {
      ++client->of->lost;
      if (in_order) client->check.Ended(client->unfinished.size());
    } else {
      ++client->of->connect_errors;
    }
    Disconnect(client, false);
    SetTimer(client, NowNs() + kRetryNs);
  }

  void Disconnect(Client* client, bool reset) {
    if (client->fd >= 0) {
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      if (reset) setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
      close(client->fd);
      client->fd = -1;
    }
    if (client->waited_for) {
      client->waited_for = false;
      --connecting_;
    }
    client->state = State::kAway;
    client->unfinished.clear();
    client->unfinished.shrink_to_fit();
    ++client->timer;
  }

  const Options& options_;
  int epoll_ = -1;
  std::vector<Client> clients_;
  std::vector<char> buffer_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::size_t next_ = 0;
  std::uint32_t connecting_ = 0;
  std::size_t there_ = 0;  // clients that had a stream once
  std::uint64_t random_ = 1;
  std::int64_t window_began_ = 0;
  double window_seconds_ = 0;
};

struct Result {
  double connect_seconds = 0, window_seconds = 0;
  std::vector<Clients::Share> shares;
  ProcessSample before, begin, end, after;
};

double Mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

double Milliseconds(const Histogram& microseconds, double percent) {
  return static_cast<double>(microseconds.Percentile(percent)) / 1'000;
}

// Whole cores, over the window.
double Cpu(const Result& result) {
  return (result.end.cpu_seconds - result.begin.cpu_seconds) / result.window_seconds;
}

// Of one client, while all are there.
double BytesPerClient(const Result& result, std::size_t clients) {
  const std::uint64_t before = result.before.rss_bytes;
  const std::uint64_t more = std::max(result.end.rss_bytes, before) - before;
  return static_cast<double>(more) / static_cast<double>(clients);
}

void PrintTable(const Options& options, const Result& result, const ServerWatch& watch,
                std::size_t clients) {
  if (result.connect_seconds >= 0) {
    std::printf("%zu clients had their streams after %.2f s; figures of the %.1f s after that\n",
                clients, result.connect_seconds, result.window_seconds);
  } else {
    std::printf("not all of %zu clients had a stream within %.0f s\n", clients,
                options.connect_timeout);
  }
  std::printf("%-12s %8s %9s %9s %8s %8s %8s %8s %7s %8s %7s %8s %7s\n", "class", "clients",
              "streams", "resumed", "least", "mean", "most", "events/s", "gaps", "missed", "lost",
              "refused", "faults");
  for (std::size_t i = 0; i < options.classes.size(); ++i) {
    const ClientClass& c = options.classes[i];
    const Clients::Share& share = result.shares[i];
    std::uint64_t refused = c.connect_errors;
    for (const auto& [status, times] : c.refused) refused += times;
    std::printf("%-12s %8u %9lu %9lu %8lu %8.1f %8lu %8.0f %7lu %8lu %7lu %8lu %7lu\n",
                c.name.c_str(), c.clients, c.streams, c.resumed, share.least,
                static_cast<double>(share.sum) / c.clients, share.most,
                static_cast<double>(share.sum) / result.window_seconds,
                c.gaps[0] + c.gaps[1] + c.gaps[2], c.missed, c.lost, refused, c.faults.total());
  }
  const char* phases[] = {"while connecting", "then"};
  for (std::size_t phase = 0; phase < 2; ++phase) {
    const HealthFigures& health = watch.health(phase);
    std::printf("/healthz %-17s %5lu checks, %lu failed, p50 %.1f p95 %.1f p99 %.1f max %.1f ms\n",
                phases[phase], health.microseconds.count() + health.failed, health.failed,
                Milliseconds(health.microseconds, 50), Milliseconds(health.microseconds, 95),
                Milliseconds(health.microseconds, 99), Milliseconds(health.microseconds, 100));
  }
  if (options.pid == 0) return;
  std::printf("server: resident %.1f MiB before, %.1f at the end, %.1f after; %.1f KiB a client\n",
              Mebibytes(result.before.rss_bytes), Mebibytes(result.end.rss_bytes),
              Mebibytes(result.after.rss_bytes), BytesPerClient(result, clients) / 1024);
  std::printf("server: descriptors %lu before, %lu at the end, %lu after; CPU %.2f cores\n",
              result.before.descriptors, result.end.descriptors, result.after.descriptors,
              Cpu(result));
}

void WriteSample(JsonText* json, const ProcessSample& sample) {
  json->BeginObject();
  json->Key("seconds");
  json->Decimal(sample.seconds);
  json->Field("rss_bytes", sample.rss_bytes);
  json->Field("descriptors", sample.descriptors);
  json->Key("cpu_seconds");
  json->Decimal(sample.cpu_seconds);
  json->EndObject();
}

void WriteHealth(JsonText* json, const HealthFigures& health) {
  json->BeginObject();
  json->Field("answered", health.microseconds.count());
  json->Field("failed", health.failed);
  for (const auto& [name, percent] :
       {std::pair{"p50_ms", 50.0}, {"p95_ms", 95.0}, {"p99_ms", 99.0}, {"max_ms", 100.0}}) {
    json->Key(name);
    json->Decimal(Milliseconds(health.microseconds, percent));
  }
  json->EndObject();
}

void WriteClass(JsonText* json, const ClientClass& c, const Clients::Share& share) {
  json->BeginObject();
  json->Field("name", c.name);
  json->Field("query", c.query);
  json->Field("clients", std::uint64_t{c.clients});
  json->Field("streams", c.streams);
  json->Field("resumed", c.resumed);
  json->Field("events", c.events);
  json->Field("bytes", c.bytes);
  json->Field("window_least", share.least);
  json->Field("window_most", share.most);
  json->Field("window_events", share.sum);
  json->Key("gaps");
  json->BeginObject();
  for (std::size_t r = 0; r < c.gaps.size(); ++r) json->Field(StreamCheck::kReasons[r], c.gaps[r]);
  json->EndObject();
  json->Field("missed", c.missed);
  json->Field("lost", c.lost);
  json->Field("connect_errors", c.connect_errors);
  json->Key("refused");
  json->BeginObject();
  for (const auto& [status, times] : c.refused) json->Field(std::to_string(status), times);
  json->EndObject();
  json->Key("faults");
  json->BeginObject();
  json->Field("order", c.faults.order);
  json->Field("hole", c.faults.hole);
  json->Field("gap", c.faults.gap);
  json->Field("malformed", c.faults.malformed);
  json->Field("cut", c.faults.cut);
  json->EndObject();
  json->EndObject();
}

std::string Json(const Options& options, const Result& result, const ServerWatch& watch,
                 std::size_t clients) {
  JsonText json;
  json.BeginObject();
  json.Field("clients", std::uint64_t{clients});
  json.Key("connect_seconds");
  if (result.connect_seconds >= 0) {
    json.Decimal(result.connect_seconds);
  } else {
    json.Null();
  }
  json.Key("window_seconds");
  json.Decimal(result.window_seconds);
  json.Key("classes");
  json.BeginArray();
  for (std::size_t i = 0; i < options.classes.size(); ++i) {
    WriteClass(&json, options.classes[i], result.shares[i]);
  }
  json.EndArray();
  json.Key("healthz");
  json.BeginObject();
  json.Key("connecting");
  WriteHealth(&json, watch.health(0));
  json.Key("window");
  WriteHealth(&json, watch.health(1));
  json.EndObject();
  if (options.pid != 0) {
    json.Key("server");
    json.BeginObject();
    for (const auto& [name, sample] : {std::pair{"before", &result.before},
                                       {"begin", &result.begin},
                                       {"end", &result.end},
                                       {"after", &result.after}}) {
      json.Key(name);
      WriteSample(&json, *sample);
    }
    json.Key("cpu_cores");
    json.Decimal(Cpu(result));
    json.Field("bytes_per_client", static_cast<std::uint64_t>(BytesPerClient(result, clients)));
    json.Key("samples");
    json.BeginArray();
    for (const ProcessSample& sample : watch.samples()) WriteSample(&json, sample);
    json.EndArray();
    json.EndObject();
  }
  json.EndObject();
  return json.Text();
}

sockaddr_in ParseAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    Fail("--address is 127.0.0.1:PORT");
  }
  if (ntohl(address.sin_addr.s_addr) >> 24 != 127) Fail("only loopback addresses are loaded");
  address.sin_port = htons(static_cast<std::uint16_t>(ToNumber(text.substr(colon + 1))));
  return address;
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (i + 1 == argc) Fail(std::string(flag) + " takes a value");
    const std::string value = argv[i + 1];
    if (flag == "--address") {
      options.server = ParseAddress(value);
      options.host = value;
    } else if (flag == "--pid") {
      options.pid = static_cast<pid_t>(ToNumber(value));
    } else if (flag == "--seconds") {
      options.seconds = ToNumber(value);
    } else if (flag == "--settle") {  // between the last client's stream and the window
      options.settle = ToNumber(value);
    } else if (flag == "--after") {  // between the last close and the last look at the server
      options.after = ToNumber(value);
    } else if (flag == "--connect-timeout") {
      options.connect_timeout = ToNumber(value);
    } else if (flag == "--json") {
      options.json = value;
    } else if (flag == "--class") {
      options.classes.push_back(ParseClass(value));
    } else {
      Fail("unknown flag " + std::string(flag));
    }
  }
  if (options.host.empty() || options.classes.empty()) Fail("--address and --class are needed");
  return options;
}

void RaiseDescriptors(std::size_t needed) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < needed) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, needed);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur < needed) {
    Fail("needs " + std::to_string(needed) + " descriptors, may have " +
         std::to_string(limit.rlim_cur));
  }
}

int Main(int argc, char** argv) {
  Options options = ParseOptions(argc, argv);
  Clients clients(&options);
  RaiseDescriptors(clients.count() + 64);

  ServerWatch watch(options.server, options.pid);
  Result result;
  result.before = watch.Sample();
  result.connect_seconds = clients.ConnectAll();
  clients.RunFor(options.settle);
  watch.NextPhase();
  result.begin = watch.Sample();
  clients.BeginWindow();
  clients.RunFor(options.seconds);
  result.shares = clients.EndWindow();
  result.window_seconds = clients.window_seconds();
  result.end = watch.Sample();
  watch.NextPhase();
  clients.CloseAll();
  std::this_thread::sleep_for(std::chrono::duration<double>(options.after));
  result.after = watch.Sample();
  watch.Stop();

  PrintTable(options, result, watch, clients.count());
  std::uint64_t faults = 0;
  for (const ClientClass& c : options.classes) faults += c.faults.total();
  if (!options.json.empty()) {
    std::ofstream(options.json) << Json(options, result, watch, clients.count());
  }
  return faults > 0 || result.connect_seconds < 0 ? 1 : 0;
}

}  // namespace
}  // namespace playload

int main(int argc, char** argv) { return playload::Main(argc, argv); }
