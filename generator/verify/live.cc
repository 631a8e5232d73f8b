#include "generator/verify/live.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "generator/base/system.h"
#include "generator/base/text.h"
#include "generator/replay/replay.h"
#include "transports/kafka/reader.h"

namespace playload {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPoll{50};
// Between two looks at what has been settled and seen.
constexpr milliseconds kLook{5};
constexpr std::int64_t kLookNs = 5'000'000;
// The running verdict takes at most one part in so many of the time.
constexpr std::int64_t kJudgeShare = 50;

}  // namespace

void RunningVerdict::Set(const Counts& counts) {
  const std::lock_guard lock(mutex_);
  counts_ = counts;
}

void RunningVerdict::SetSeen(std::uint64_t records) {
  const std::lock_guard lock(mutex_);
  counts_.reset();
  seen_ = records;
}

std::string RunningVerdict::Text() const {
  const std::lock_guard lock(mutex_);
  if (!counts_) return "verify: " + FormatCount(seen_) + " seen";
  return "verify: " + FormatCount(counts_->matched) + " matched, " +
         FormatCount(counts_->outstanding) + " outstanding, " + FormatCount(counts_->wrong) +
         " wrong" +
         (counts_->unreadable == 0 ? "" : ", " + FormatCount(counts_->unreadable) + " unreadable");
}

void RunningJudge::Look(std::int64_t now_ns) {
  if (feed_.judge_every_ns == 0 || now_ns < next_ns_) return;
  RunningVerdict::Counts counts;
  for (std::size_t i = 0; i < outputs_.outputs().size(); ++i) {
    const Comparison comparison = outputs_.Judge(i);
    counts.matched += comparison.matched;
    counts.outstanding += comparison.flaw(Flaw::kMissing);
    counts.wrong += comparison.flaw(Flaw::kWrong) + comparison.flaw(Flaw::kUnexpected) +
                    comparison.flaw(Flaw::kDuplicate);
    counts.unreadable += comparison.flaw(Flaw::kUnreadable);
  }
  feed_.verdict.Set(counts);
  const std::int64_t took = SteadyNow() - now_ns;
  next_ns_ = now_ns + std::max(feed_.judge_every_ns, took * kJudgeShare);
}

void LiveReader::Start() {
  thread_ = std::thread([this] { Read(); });
}

void LiveReader::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_.store(true);
  }
  room_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LiveReader::Read() {
  while (!stop_.load(std::memory_order_relaxed)) {
    Chunk chunk;
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [this] { return bytes_ < kMostBytes || stop_.load(); });
      if (!unused_.empty()) {
        chunk = std::move(unused_.back());
        unused_.pop_back();
      }
    }
    Status status = ReadSome(&chunk);
    const std::lock_guard lock(mutex_);
    if (chunk.entries.empty()) {
      unused_.push_back(std::move(chunk));
    } else {
      bytes_ += chunk.memory();
      chunks_.push_back(std::move(chunk));
    }
    if (!status.ok()) {
      status_ = std::move(status);
      return;
    }
  }
}

Status LiveReader::ReadSome(Chunk* chunk) {
  chunk->entries.clear();
  chunk->bytes.clear();
  Status status = collector_.Poll(kPoll, [chunk](const CollectedRecord& record) {
    if (chunk->entries.empty()) chunk->seen_ns = SteadyNow();
    const std::string_view key = record.key.value_or("");
    chunk->entries.push_back({*record.output, record.partition, record.key.has_value(),
                              static_cast<std::uint32_t>(key.size()),
                              static_cast<std::uint32_t>(record.value.size())});
    chunk->bytes.append(key).append(record.value);
  });
  chunk->caused_before = watch_.offered();
  return status;
}

void LiveReader::HandOn(const Chunk& chunk, bool settled, const Sink& sink) {
  const char* at = chunk.bytes.data();
  for (const Chunk::Entry& entry : chunk.entries) {
    const std::string_view key(at, entry.key_bytes);
    const std::string_view value(at + entry.key_bytes, entry.value_bytes);
    at += entry.key_bytes + entry.value_bytes;
    sink({entry.output, entry.partition, entry.has_key ? std::optional(key) : std::nullopt, value,
          chunk.seen_ns, settled});
  }
}

Status LiveReader::Take(Position told, const Sink& sink) {
  std::vector<Chunk> taken;
  Status status;
  {
    const std::lock_guard lock(mutex_);
    const auto end = bytes_ >= kMostBytes
                         ? chunks_.end()
                         : std::find_if(chunks_.begin(), chunks_.end(), [told](const Chunk& chunk) {
                             return chunk.caused_before > told;
                           });
    for (auto chunk = chunks_.begin(); chunk != end; ++chunk) bytes_ -= chunk->memory();
    taken.assign(std::make_move_iterator(chunks_.begin()), std::make_move_iterator(end));
    chunks_.erase(chunks_.begin(), end);
    status = status_;
  }
  room_.notify_all();
  for (const Chunk& chunk : taken) HandOn(chunk, chunk.caused_before <= told, sink);
  const std::lock_guard lock(mutex_);
  for (Chunk& chunk : taken) {
    if (unused_.size() < 16 && chunk.memory() <= kMostReused) unused_.push_back(std::move(chunk));
  }
  return status;
}

Status LiveFollower::Follow(const std::atomic<bool>& stop) {
  const Replay replay(options_.spec, {}, std::nullopt, 1);
  options_.outputs->Begin(replay);
  reader_.emplace(options_.collector, feed_.watch);
  reader_->Start();
  Status walked = replay.Walk([&](const ReplayedRun& run) { return Tell(run, stop); });
  // Its last event may be settled before the run is over.
  while (walked.ok() && status_.ok() && !ended_ && WaitForMore(stop)) {
  }
  if (ended_ && told_ >= ended_->end) options_.outputs->End();
  reader_->Stop();
  if (!walked.ok()) return walked;
  if (!status_.ok()) return status_;
  // After `stop` something may be kept whose cause was not told.
  const Position all = stop.load() ? told_ : ~Position{0};
  return Compare(all);
}

// What events before `told` may have caused.
Status LiveFollower::Compare(Position told) {
  return reader_->Take(told, [this](const LiveReader::Record& record) {
    ++compared_;
    CollectedRecord read;
    read.output = record.output;
    read.partition = record.partition;
    read.key = record.key;
    read.value = record.value;
    read.settled = record.settled;
    options_.outputs->AddProduced(read, record.seen_ns);
  });
}

// Returns whether to go on.
bool LiveFollower::Tell(ReplayedRun run, const std::atomic<bool>& stop) {
  while (run.count > 0) {
    const std::int64_t now_ns = SteadyNow();
    if (now_ns - served_ns_ >= kLookNs && !Serve(now_ns)) return false;
    std::uint32_t n = Settled(run, now_ns);
    if (n == 0) {
      if (!ended_) {
        if (!WaitForMore(stop)) return false;
        continue;
      }
      n = FromLedger(run);
      if (n == 0) return false;
    }
    ReplayedRun now = run;
    now.count = n;
    options_.outputs->Tell(now, arrivals_.data());
    told_ = run.first + n;
    feed_.watch.Forget(run.first, told_);
    run.records += n;
    run.first += n;
    run.count -= n;
  }
  return !stop.load(std::memory_order_relaxed);
}

// How many events at the front of the run are settled; what became of them is then in arrivals_.
std::uint32_t LiveFollower::Settled(const ReplayedRun& run, std::int64_t now_ns) {
  std::uint32_t n = 0;
  for (; n < run.count; ++n) {
    const std::optional<DeliveryWatch::Told> told = feed_.watch.Of(run.first + n, now_ns);
    if (!told) break;
    arrivals_[n] = told->fate == Fate::kAcked     ? Arrival::kCertain
                   : told->fate == Fate::kUnknown ? Arrival::kUnknown
                                                  : Arrival::kNever;
  }
  return n;
}

std::uint32_t LiveFollower::FromLedger(const ReplayedRun& run) {
  std::uint32_t n = 0;
  for (; n < run.count && run.first + n < ended_->end; ++n) {
    arrivals_[n] = ended_->arrivals->Of(KindOf(run.records[n].action), run.first + n);
  }
  told_late_ += n;
  return n;
}

// Something else meanwhile; false when there is nothing to wait for any more.
bool LiveFollower::WaitForMore(const std::atomic<bool>& stop) {
  if (feed_.over.load(std::memory_order_acquire)) {
    const Result<Ended> ended = options_.ended();
    if (!ended) {
      status_ = ended.error();
      return false;
    }
    ended_ = *ended;
    return true;
  }
  if (stop.load(std::memory_order_relaxed)) return false;
  std::this_thread::sleep_for(kLook);
  return Serve(SteadyNow());
}

bool LiveFollower::Serve(std::int64_t now_ns) {
  served_ns_ = now_ns;
  status_ = Compare(told_);
  if (feed_.watch.overflowed() && !ended_) {
    feed_.verdict.SetSeen(compared_);
  } else {
    options_.running->Look(now_ns);
  }
  return status_.ok();
}

std::function<LatencyMeter::Instants(Position)> InstantsFrom(const LiveFeed& feed,
                                                             const RunSpec& spec) {
  return [&feed, plan = Plan(spec.scenario.plan)](Position position) {
    LatencyMeter::Instants at;
    if (!feed.zero_ns) return at;
    const std::int64_t planned = plan.PlannedAt(position);
    if (planned == Plan::kNever || *feed.zero_ns + planned < feed.opened_ns) return at;
    at.planned_ns = *feed.zero_ns + planned;
    const auto told = feed.watch.Of(position, SteadyNow());
    if (told && told->fate == Fate::kAcked) {
      at.sent_ns = told->sent_ns;
      at.acked_ns = told->acked_ns;
    }
    return at;
  };
}

Result<std::map<std::string, std::vector<std::int64_t>>> TopicEnds(
    const KafkaSource& source, const std::vector<std::string>& topics,
    const std::atomic<bool>& stop) {
  KafkaReader reader({.brokers = source.brokers,
                      .settings = source.settings,
                      .topics = {},
                      .connect_timeout = source.connect_timeout,
                      .log = {}});
  if (Status s = reader.Open(stop); !s.ok()) return s;
  std::map<std::string, std::vector<std::int64_t>> ends;
  for (const std::string& topic : topics) {
    const Result<bool> exists = reader.TopicExists(topic);
    if (!exists) return exists.error();
    if (!*exists) continue;
    Result<KafkaReader::Offsets> offsets = reader.EndOffsets(topic);
    if (!offsets) return offsets.error();
    ends[topic] = std::move(*offsets);
  }
  return ends;
}

}  // namespace playload
