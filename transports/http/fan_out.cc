#include "transports/http/fan_out.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "generator/base/system.h"
#include "generator/base/wide.h"

namespace playload {
namespace {

constexpr std::int64_t kPsPerNs = 1'000;
// Between two looks at the sockets.
constexpr std::int64_t kWorkNs = 2'000'000;
constexpr std::uint64_t kSlowEvents = 100'000;
constexpr std::int64_t kSlowSeconds = 5;
// Old blocks that are asked for ahead of a client: many of one that takes them as fast as they
// come, a few of one that takes its time.
constexpr std::uint32_t kBlocksAhead = 48;
constexpr std::uint32_t kBlocksAheadPaced = 2;
constexpr char kComment[] = ":\n\n";

// Assigning an empty string would keep the memory.
void Free(std::string& text) { std::string().swap(text); }

}  // namespace

FanOut::FanOut(const HttpSettings& settings, Source& source, Renderer& renderer, Coverage& coverage,
               ClientLog& log, std::int64_t now_ns)
    : settings_(settings),
      source_(source),
      renderer_(renderer),
      coverage_(coverage),
      log_(log),
      wheel_(now_ns) {}

bool FanOut::AtEnd(Ordinal next) const {
  return source_.window.ended() && next >= source_.window.head();
}

// The sequence number of the event at `ordinal`, or the one that it would have.
std::uint64_t FanOut::SequenceAt(Ordinal ordinal) const {
  const Layout& layout = source_.tables.layout;
  return layout.lanes() == 0 ? 1 : layout.PositionOf(ordinal) + 1;
}

bool FanOut::NothingLeft(const StreamRequest& request) const {
  if (!settings_.end_closes || !source_.window.ended()) return false;
  if (!request.after || source_.tables.layout.lanes() == 0) return true;
  const Ordinal next = source_.tables.layout.OrdinalAt(*request.after);
  for (unsigned k = 0; k < kKinds; ++k) {
    if (Wants(request.form.kinds, static_cast<Kind>(k)) && source_.latest[k].load() > next) {
      return false;
    }
  }
  return true;
}

void FanOut::Add(StreamClient* client, const StreamRequest& request, std::string head,
                 std::int64_t now_ns) {
  StreamClient& c = *client;
  c.form = request.form;
  c.interval_ps = request.interval_ps;
  c.origin_ns = c.written_ns = now_ns;
  if (request.limit > 0) c.left = request.limit;
  c.extra = std::move(head);
  const Ordinal live = source_.window.head();
  c.next = live;
  c.has = SequenceAt(live) - 1;
  if (request.after && source_.tables.layout.lanes() > 0) {
    c.has = *request.after;
    const Ordinal wanted = source_.tables.layout.OrdinalAt(*request.after);
    if (wanted > live) {
      c.jump = GapReason::kAhead;
    } else if (settings_.window > 0 && wanted + settings_.window < live) {
      c.jump = GapReason::kWindow;
    } else {
      c.next = wanted;
    }
  }
  c.since = c.next;
  c.least_lag = live - c.next;
  c.session.number = log_.Begin();
  c.session.form = c.form;
  c.place = all_.size();
  all_.push_back(client);
  if (c.jump) Jump(c);
  FindFastest();
  ready_.PushBack(client);
}

void FanOut::Remove(StreamClient* client, SessionEnd end) {
  client->Unlink();
  StopWaiting(*client);
  std::erase_if(finished_, [client](const auto& finished) { return finished.first == client; });
  all_[client->place] = all_.back();
  all_[client->place]->place = client->place;
  all_.pop_back();
  client->session.end = end;
  log_.End(client->session);
  FindFastest();
}

void FanOut::Writable(StreamClient* client) {
  if (!client->blocked) return;
  client->blocked = false;
  ready_.PushBack(client);
}

void FanOut::HeadMoved() { ready_.Splice(idle_); }

void FanOut::FindFastest() {
  if (source_.paced) return;  // the plan is the pace
  Ordinal fastest = all_.empty() ? kNobody : 0;
  for (const StreamClient* client : all_) fastest = std::max(fastest, client->next);
  fastest_.store(fastest, std::memory_order_relaxed);
}

bool FanOut::Work(std::int64_t now_ns) {
  wheel_.Advance(now_ns, &ready_);
  for (int served = 1; StreamClient* client = ready_.PopFront(); ++served) {
    Serve(client);
    if (served % 16 == 0 && SteadyNow() - now_ns > kWorkNs) break;
  }
  return !ready_.empty();
}

void FanOut::Serve(StreamClient* client) {
  SessionEnd end = SessionEnd::kClient;
  switch (Pump(*client, &end)) {
    case Outcome::kMore:
      return ready_.PushBack(client);
    case Outcome::kIdle:
      return idle_.PushBack(client);
    case Outcome::kPaced:
      return wheel_.Add(client, NextDue(*client));
    case Outcome::kWaiting:
      return waiting_.PushBack(client);
    case Outcome::kBlocked:
      client->blocked = true;
      return;
    case Outcome::kFinished:
      finished_.emplace_back(client, end);
      return;
  }
}

FanOut::Outcome FanOut::Pump(StreamClient& c, SessionEnd* end) {
  if (c.jump && c.cut == 0 && c.extra_at == 0) Jump(c);
  // The run may have gone on since the client was put on the idle list.
  const Ordinal head = source_.window.head();
  std::uint64_t allowed = c.left;
  if (c.interval_ps > 0) {
    const std::int64_t now = SteadyNow();
    // What it could not have because the run was not there yet is not made up for.
    if (c.next >= head && NextDue(c) < now) {
      c.origin_ns = now;
      c.paced = 0;
    }
    allowed = std::min(allowed, DueNow(c, now));
  }
  const Gathered gathered = c.closing
                                ? GatherEventInHand(c)
                                : Gather(c, std::max<std::uint64_t>(allowed, c.cut > 0), head);
  if (gathered.bytes > 0) {
    std::optional<SessionEnd> broken;
    const bool all = Send(c, gathered, &broken);
    for (std::size_t i = 0; i < gathered.pieces; ++i) pieces_[i].granule = GranuleRef();
    if (broken) {
      *end = *broken;
      return Outcome::kFinished;
    }
    if (!all) return Outcome::kBlocked;
  }
  if (c.closing || c.left == 0) {
    *end = c.left == 0 ? SessionEnd::kLimit : SessionEnd::kShutdown;
    return Outcome::kFinished;
  }
  if (gathered.waiting) {
    if (source_.history.ok()) return Outcome::kWaiting;
    *end = SessionEnd::kError;  // out of memory: it may come back
    return Outcome::kFinished;
  }
  if (gathered.more) return Outcome::kMore;
  if (c.next >= head) {
    if (source_.window.head() > head) return Outcome::kMore;
    if (settings_.end_closes && AtEnd(c.next)) {
      *end = SessionEnd::kRunEnded;
      return Outcome::kFinished;
    }
    return Outcome::kIdle;
  }
  return c.interval_ps > 0 ? Outcome::kPaced : Outcome::kMore;
}

// Whole events from the client's place on, at most `allowed` of those that it wants.
FanOut::Gathered FanOut::Gather(StreamClient& c, std::uint64_t allowed, Ordinal head) {
  Gathered got;
  got.bytes = c.extra.size() - c.extra_at;
  int scanned = 0;
  for (Ordinal at = c.next; at < head && allowed > 0;) {
    if (got.pieces == kMostPieces || got.bytes >= kMostBytes || scanned == kMostScanned) {
      got.more = true;
      break;
    }
    const bool cut = got.pieces == 0 && c.cut > 0;
    GranuleRef granule = cut ? c.cut_granule : GranuleAt(at, c);
    if (!granule) {
      got.waiting = true;
      break;
    }
    const Granule& g = *granule;
    const Ordinal released = head - g.first;
    const std::uint32_t from = at == g.first ? 0 : g.EventAt(at);
    std::uint32_t to = g.count;
    if (released < g.slots || g.count - from > allowed) {
      to = from;
      while (to < g.count && g.slot[to] < released && to - from < allowed) ++to;
    }
    const bool stopped = to < g.count && g.slot[to] < released;  // by `allowed`
    at = stopped ? g.first + g.slot[to] : std::min<Ordinal>(g.first + g.slots, head);
    if (to == from) {
      ++scanned;
      if (got.pieces == 0) {
        c.next = at;
      } else {
        pieces_[got.pieces - 1].after = at;
      }
      continue;
    }
    allowed -= to - from;
    Piece& piece = pieces_[got.pieces++];
    piece.from = from;
    piece.to = to;
    piece.begin = g.begin_of(from) + (cut ? c.cut : 0);
    piece.after = at;
    got.bytes += g.ends[to - 1] - piece.begin;
    piece.granule = std::move(granule);
  }
  return got;
}

FanOut::Gathered FanOut::GatherEventInHand(StreamClient& c) {
  Gathered got;
  if (c.extra_at > 0) got.bytes = c.extra.size() - c.extra_at;
  if (c.cut == 0) return got;
  const Granule& g = *c.cut_granule;
  Piece& piece = pieces_[got.pieces++];
  piece.from = g.EventAt(c.next);
  piece.to = piece.from + 1;
  piece.begin = g.begin_of(piece.from) + c.cut;
  piece.after = c.next + 1;
  piece.granule = c.cut_granule;
  got.bytes += g.ends[piece.from] - piece.begin;
  return got;
}

bool FanOut::Send(StreamClient& c, const Gathered& gathered, std::optional<SessionEnd>* end) {
  std::array<iovec, kMostPieces + 1> parts;
  std::size_t count = 0;
  if (c.extra_at < c.extra.size()) {
    parts[count++] = {c.extra.data() + c.extra_at, c.extra.size() - c.extra_at};
  }
  for (std::size_t i = 0; i < gathered.pieces; ++i) {
    const Piece& piece = pieces_[i];
    const Granule& g = *piece.granule;
    parts[count++] = {const_cast<char*>(g.bytes) + piece.begin, g.ends[piece.to - 1] - piece.begin};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  ssize_t sent = 0;
  do {
    sent = sendmsg(c.descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    *end = errno == EPIPE || errno == ECONNRESET || errno == ETIMEDOUT ? SessionEnd::kClient
                                                                       : SessionEnd::kError;
    return false;
  }
  Took(c, gathered, static_cast<std::size_t>(sent), SteadyNow());
  return static_cast<std::size_t>(sent) == gathered.bytes;
}

// The socket took this many bytes of what was gathered.
void FanOut::Took(StreamClient& c, const Gathered& gathered, std::size_t bytes,
                  std::int64_t now_ns) {
  c.written_ns = now_ns;
  c.session.bytes += bytes;
  bytes_[static_cast<unsigned>(c.form.format)] += bytes;
  if (c.extra_at < c.extra.size()) {
    const std::size_t extra = std::min(bytes, c.extra.size() - c.extra_at);
    c.extra_at += extra;
    bytes -= extra;
    if (c.extra_at < c.extra.size()) return;
    Free(c.extra);
    c.extra_at = 0;
  }
  for (std::size_t i = 0; i < gathered.pieces; ++i) {
    const Piece& piece = pieces_[i];
    const Granule& g = *piece.granule;
    if (bytes == 0) return;
    const std::uint32_t reached = piece.begin + static_cast<std::uint32_t>(std::min<std::size_t>(
                                                    bytes, g.ends[piece.to - 1] - piece.begin));
    bytes -= reached - piece.begin;
    if (reached == g.ends[piece.to - 1]) {
      Account(c, g, piece.from, piece.to, now_ns);
      c.next = piece.after;
      c.cut = 0;
      c.cut_granule = GranuleRef();
      continue;
    }
    std::uint32_t whole = piece.from;
    while (g.ends[whole] <= reached) ++whole;
    if (whole > piece.from) Account(c, g, piece.from, whole, now_ns);
    c.next = g.first + g.slot[whole];
    c.cut = reached - g.begin_of(whole);
    c.cut_granule = c.cut > 0 ? piece.granule : GranuleRef();
    return;
  }
}

void FanOut::Account(StreamClient& c, const Granule& granule, std::uint32_t from, std::uint32_t to,
                     std::int64_t now_ns) {
  const std::uint32_t events = to - from;
  coverage_.Handed(granule, from, to, c.form.kinds, c.since, now_ns);
  c.since = granule.first + granule.slot[to - 1] + 1;
  c.has = granule.position_of(to - 1) + 1;
  c.left -= events;  // without a limit it does not get to 0 in a lifetime
  c.paced += events;
  if (c.session.first == 0) c.session.first = granule.position_of(from) + 1;
  c.session.last = c.has;
  c.session.events += events;
  events_[static_cast<unsigned>(c.form.format)] += events;
  if (!source_.paced && c.since > fastest_.load(std::memory_order_relaxed)) {
    fastest_.store(c.since, std::memory_order_relaxed);
  }
}

// How many events its own rate allows it now.
std::uint64_t FanOut::DueNow(const StreamClient& c, std::int64_t now_ns) const {
  if (now_ns < c.origin_ns) return 0;
  const auto due = static_cast<std::uint64_t>(static_cast<Wide>(now_ns - c.origin_ns) * kPsPerNs /
                                              static_cast<Wide>(c.interval_ps)) +
                   1;
  return due > c.paced ? due - c.paced : 0;
}

std::int64_t FanOut::NextDue(const StreamClient& c) const {
  return c.origin_ns + static_cast<std::int64_t>(static_cast<Wide>(c.paced) *
                                                 static_cast<Wide>(c.interval_ps) / kPsPerNs);
}

GranuleRef FanOut::GranuleAt(Ordinal ordinal, StreamClient& c) {
  const std::uint64_t number = ordinal / kGranuleEvents;
  const std::uint64_t key = number * Form::kIds + c.form.id();
  Cached& cached = cache_[(number * 31 + c.form.id()) % kCached];
  if (cached.key == key) return cached.granule;
  constexpr std::uint64_t kPerBlock = kBatchEvents / kGranuleEvents;
  const BlockRef block = BlockAt(number / kPerBlock, c);
  if (!block) return GranuleRef();
  cached.granule = renderer_.Render(*block, static_cast<std::uint32_t>(number % kPerBlock), c.form);
  cached.key = key;
  return cached.granule;
}

// The client does not need the old block any more that it may have asked for.
void FanOut::StopWaiting(StreamClient& c) {
  if (c.waits_for) source_.history.Forget(*c.waits_for);
  c.waits_for.reset();
}

BlockRef FanOut::BlockAt(std::uint64_t number, StreamClient& c) {
  c.waits_for.reset();
  if (block_ && block_->number == number) return block_;
  BlockRef block = source_.window.Get(number);
  if (!block) {
    // Only what is released exists for history.
    const std::uint64_t last = (source_.window.head() - 1) / kBatchEvents;
    const std::uint32_t ahead = c.interval_ps > 0 ? kBlocksAheadPaced : kBlocksAhead;
    block = source_.history.Get(
        number, static_cast<std::uint32_t>(std::min<std::uint64_t>(ahead, last - number)));
    if (!block) c.waits_for = number;
  }
  if (block) block_ = block;
  return block;
}

// Goes on with the next event of the run, and says so.
void FanOut::Jump(StreamClient& c) {
  const GapReason reason = *c.jump;
  c.jump.reset();
  StopWaiting(c);
  const Ordinal live = source_.window.head();
  const std::uint64_t next = SequenceAt(live);
  const bool known = reason != GapReason::kAhead;
  const std::uint64_t missed = known && next - 1 > c.has ? next - 1 - c.has : 0;
  if (c.form.format == StreamFormat::kSse) {
    c.extra +=
        GapEvent(known ? static_cast<std::int64_t>(missed) : -1, next, GapReasonName(reason));
  }
  ++gaps_[static_cast<unsigned>(reason)];
  ++c.session.gaps;
  c.session.missed += missed;
  missed_ += missed;
  c.next = c.since = live;
  c.has = next - 1;
  c.least_lag = 0;
}

std::uint64_t FanOut::SlowAfter() const {
  if (settings_.slow_after > 0) return settings_.slow_after;
  if (!source_.paced) return kSlowEvents;
  const std::int64_t at = SteadyNow() - source_.zero_ns;
  const auto rate = static_cast<std::uint64_t>(
      source_.tables.plan.MilliRateAt(std::max<std::int64_t>(at, 0)) / 1'000);
  return std::max(kSlowEvents, rate * kSlowSeconds);
}

void FanOut::Sweep(std::int64_t now_ns) {
  const Ordinal head = source_.window.head();
  const std::uint64_t slow_after = SlowAfter();
  // While the run races through its past nobody can keep up with it.
  const bool raced = source_.raced.exchange(false);
  const std::int64_t comment_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(settings_.keep_alive).count();
  for (StreamClient* client : all_) {
    StreamClient& c = *client;
    const Ordinal lag = head > c.next ? head - c.next : 0;
    c.least_lag = raced ? lag : std::min(c.least_lag, lag);
    const bool outside = settings_.window > 0 && lag > settings_.window;
    const bool slow = c.interval_ps == 0 && c.blocked && lag - c.least_lag > slow_after;
    if ((slow || outside) && !c.jump && !c.closing) {
      if (settings_.slow_closes && c.interval_ps == 0) {
        ++slow_closed_;
        finished_.emplace_back(client, SessionEnd::kSlow);
        c.closing = true;
        c.blocked = false;
        c.Unlink();
        continue;
      }
      c.jump = c.interval_ps == 0 ? GapReason::kSlow : GapReason::kWindow;
      if (!c.blocked) ready_.PushBack(client);
    }
    const bool quiet = !c.blocked && c.extra.empty() && c.cut == 0 && !c.closing;
    if (quiet && c.form.format == StreamFormat::kSse && now_ns - c.written_ns >= comment_ns) {
      c.extra = kComment;
      ready_.PushBack(client);
    }
  }
  FindFastest();
}

bool FanOut::AllCaughtUp() const {
  const Ordinal head = source_.window.head();
  return std::all_of(all_.begin(), all_.end(), [head](const StreamClient* client) {
    return client->interval_ps > 0 ||
           (client->next >= head && client->cut == 0 && client->extra.empty());
  });
}

void FanOut::FinishAll() {
  for (StreamClient* client : all_) {
    client->closing = true;
    if (!client->blocked) ready_.PushBack(client);
  }
}

void FanOut::AddTo(ServerStatus* status) const {
  const Ordinal head = source_.window.head();
  for (const StreamClient* client : all_) {
    ++status->streams[static_cast<unsigned>(client->form.format)];
    if (client->jump) ++status->streams_slow;
    const Ordinal lag = head > client->next ? head - client->next : 0;
    if (static_cast<double>(lag) > std::max(status->released_rate, 1.0)) ++status->streams_behind;
  }
  status->stream_events = events_;
  status->stream_bytes = bytes_;
  status->gaps = gaps_;
  status->missed = missed_;
  status->slow_closed = slow_closed_;
}

std::vector<ClientSession> FanOut::OpenSessions(std::size_t most) const {
  std::vector<ClientSession> sessions;
  const Ordinal head = source_.window.head();
  for (const StreamClient* client : all_) {
    if (sessions.size() == most) break;
    sessions.push_back(client->session);
    sessions.back().behind = head > client->next ? head - client->next : 0;
  }
  return sessions;
}

}  // namespace playload
