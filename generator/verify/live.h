// Verification beside a run that goes on (docs/live-verify.md): what the run and its verification
// tell each other, and the two that compare meanwhile: a reader that stamps what it sees, and a
// follower that makes the events again as far as their fate is known.
//
// Units: steady-clock nanoseconds. Threads: each class says.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/latency.h"
#include "generator/judge/outputs_judge.h"
#include "generator/pace/plan.h"
#include "generator/replay/expectation.h"
#include "generator/stream/spec.h"
#include "generator/verify/collector.h"
#include "transports/delivery_watch.h"

namespace playload {

// The verdict so far, for the progress line. Threads: one writer, any readers.
class RunningVerdict {
 public:
  struct Counts {
    std::uint64_t matched = 0;
    std::uint64_t outstanding = 0;  // called for, and not there yet
    std::uint64_t wrong = 0;        // wrong, unexpected and duplicate ones
    std::uint64_t unreadable = 0;
  };

  void Set(const Counts& counts);
  // While nothing can be compared.
  void SetSeen(std::uint64_t records);
  // "verify: 1,204,331 matched, 12 outstanding, 0 wrong", and ", 3 unreadable" where there are any.
  [[nodiscard]] std::string Text() const;

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::optional<Counts> counts_;
  std::uint64_t seen_ = 0;
};

// Between a run and the verification beside it. Outlives both.
struct LiveFeed {
  // The run's: before it starts.
  DeliveryWatch watch;
  std::optional<std::int64_t> zero_ns;  // the run's start, where its plan has instants
  std::int64_t opened_ns = 0;  // what was planned before has no latency: nobody could have sent it
  // Where the output topics ended when the run began, if they are on another Kafka; those of its
  // own are in its manifest.
  std::optional<std::map<std::string, std::vector<std::int64_t>>> output_starts;
  std::int64_t judge_every_ns = 0;  // how often the running verdict is wanted; 0: never

  // The run's, at its end.
  std::atomic<bool> over{false};         // its directory is complete
  std::atomic<bool> interrupted{false};  // set before: nobody wants to wait for long

  // The verification's.
  RunningVerdict verdict;
};

// Works out the running verdict now and then; never for more than some 2 % of the time.
// Threads: one thread at a time.
class RunningJudge {
 public:
  // Both outlive it.
  RunningJudge(LiveFeed& feed, const OutputsJudge& outputs) : feed_(feed), outputs_(outputs) {}
  void Look(std::int64_t now_ns);

 private:
  LiveFeed& feed_;
  const OutputsJudge& outputs_;
  std::int64_t next_ns_ = 0;
};

// Reads what a collector gets, in a thread of its own so that each record's instant is that of its
// arrival, and keeps it until all that may have caused it was told.
// Threads: makes one; its methods belong to one other thread, and the collector to it in between.
class LiveReader {
 public:
  struct Record {
    std::size_t output;
    std::int32_t partition;
    std::optional<std::string_view> key;
    std::string_view value;
    std::int64_t seen_ns;
    bool settled;  // all events that may have caused it were told
  };
  using Sink = std::function<void(const Record&)>;

  // Waits with reading while so much is kept.
  static constexpr std::size_t kMostBytes = std::size_t{64} << 20;

  // Both outlive it.
  LiveReader(Collector* collector, const DeliveryWatch& watch)
      : collector_(*collector), watch_(watch) {}
  ~LiveReader() { Stop(); }
  LiveReader(const LiveReader&) = delete;
  LiveReader& operator=(const LiveReader&) = delete;

  void Start();
  // Hands on, in their order, the records that events before `told` may have caused. Where as much
  // is kept as may be, all of them: rather called too early than not read. The error of reading.
  Status Take(Position told, const Sink& sink);
  // Reads no more. What is kept can still be taken.
  void Stop();

 private:
  // What one Poll() gave.
  struct Chunk {
    Position caused_before = 0;
    std::int64_t seen_ns = 0;
    struct Entry {
      std::size_t output;
      std::int32_t partition;
      bool has_key;
      std::uint32_t key_bytes;
      std::uint32_t value_bytes;
    };
    std::vector<Entry> entries;
    std::string bytes;  // of keys and values, one after the other

    // Records without a byte of their own take memory too.
    [[nodiscard]] std::size_t memory() const {
      return entries.size() * sizeof(Entry) + bytes.size();
    }
  };
  // The memory of larger ones is not kept for the next ones.
  static constexpr std::size_t kMostReused = std::size_t{1} << 20;

  void Read();
  Status ReadSome(Chunk* chunk);
  static void HandOn(const Chunk& chunk, bool settled, const Sink& sink);

  Collector& collector_;
  const DeliveryWatch& watch_;
  std::thread thread_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;  // guards what follows
  std::condition_variable room_;
  std::vector<Chunk> chunks_;  // oldest first
  std::vector<Chunk> unused_;  // their memory
  std::size_t bytes_ = 0;      // that chunks_ take
  Status status_;
};

// Goes through the stream behind its sender. Threads: Follow() runs in the caller's thread and
// makes that of the reader.
class LiveFollower {
 public:
  // What the ledger says when the run is over.
  struct Ended {
    Position end = 0;
    const Arrivals* arrivals = nullptr;
  };

  struct Options {
    RunSpec spec;  // of the run, paced
    Collector* collector = nullptr;
    OutputsJudge* outputs = nullptr;
    RunningJudge* running = nullptr;
    // Asked for once, when the run is over.
    std::function<Result<Ended>()> ended;
  };

  LiveFollower(LiveFeed& feed, Options options) : feed_(feed), options_(std::move(options)) {}

  // Until the run is over and all of it was told, or `stop`.
  Status Follow(const std::atomic<bool>& stop);
  // Events before this position were told.
  [[nodiscard]] Position told() const { return told_; }
  // Those of them whose fate only the ledger said.
  [[nodiscard]] std::uint64_t told_late() const { return told_late_; }

 private:
  bool Tell(ReplayedRun run, const std::atomic<bool>& stop);
  bool WaitForMore(const std::atomic<bool>& stop);
  std::uint32_t Settled(const ReplayedRun& run, std::int64_t now_ns);
  std::uint32_t FromLedger(const ReplayedRun& run);
  bool Serve(std::int64_t now_ns);
  Status Compare(Position told);

  LiveFeed& feed_;
  const Options options_;
  std::optional<LiveReader> reader_;
  std::optional<Ended> ended_;
  std::array<Arrival, kRunLength> arrivals_{};
  Position told_ = 0;
  std::uint64_t told_late_ = 0;
  std::uint64_t compared_ = 0;  // records
  std::int64_t served_ns_ = 0;
  Status status_;
};

// When events of a run were due, sent and acknowledged, as the feed knows it.
std::function<LatencyMeter::Instants(Position)> InstantsFrom(const LiveFeed& feed,
                                                             const RunSpec& spec);

// Where topics end now; those that are not there are left out.
Result<std::map<std::string, std::vector<std::int64_t>>> TopicEnds(
    const KafkaSource& source, const std::vector<std::string>& topics,
    const std::atomic<bool>& stop);

}  // namespace playload
