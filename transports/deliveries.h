// Deliveries: the ledger of one destination while it runs. Counts what became of each event, keeps
// the positions of those that did not arrive as intervals, and measures latency.
//
// Threads: each method says. Counters may be read by any thread at any time (progress line).
// Memory: bounded; when there are more than kMaxIntervals exceptions the nearest ones are joined
// and `coarse()` says so (the counts stay exact).

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "generator/base/histogram.h"
#include "generator/event/record.h"
#include "transports/delivery_watch.h"
#include "transports/fate.h"

namespace playload {

inline constexpr std::uint8_t kAllKinds = (1u << kKinds) - 1;

struct PositionInterval {
  Position first;
  Position last;                   // inclusive
  std::uint8_t kinds = kAllKinds;  // bit k: speaks of events of kind k; never 0
  friend bool operator==(const PositionInterval&, const PositionInterval&) = default;
};

class Deliveries {
 public:
  static constexpr std::size_t kMaxIntervals = 100'000;

  // `planned_ns(position)`: the event's planned instant on the steady clock (ns), or -1 when
  // nothing is planned (rate max, virtual clock): latency from the plan is then not measured.
  explicit Deliveries(std::function<std::int64_t(Position)> planned_ns)
      : planned_ns_(std::move(planned_ns)) {}

  // From then on each event that Latency(), Acked() or Lost() tells of is told to `watch` too,
  // which outlives this. Before anything is sent.
  void WatchWith(DeliveryWatch* watch) { watch_.store(watch, std::memory_order_release); }
  // Null where nobody watches.
  [[nodiscard]] DeliveryWatch* watch() const { return watch_.load(std::memory_order_relaxed); }

  // Sender thread: the stream handed `n` events of a kind to the transport (counted once each).
  void Generated(Kind kind, std::uint64_t n) { Add(generated_, kind, n); }

  // One completion thread at a time (`who` learns of the acknowledgement): counted, and its latency
  // taken. `sent_ns` is when it was handed to the client library, steady clock; -1 if not known.
  void Acked(Kind kind, Position position, std::int64_t now_ns, std::int64_t sent_ns);
  // The same in two steps, for many at once: the latency of each, if there is one to take, and then
  // the count.
  void Latency(Position position, std::int64_t now_ns, std::int64_t sent_ns);
  void AckedMany(Kind kind, std::uint64_t n) { Add(fates_[0], kind, n); }

  // Any thread. `reason` is counted in the summary.
  void Lost(Fate fate, Kind kind, Position position, const std::string& reason);

  // Any thread: the same for many at once: `counts` events of the kinds, which lie in `intervals`
  // (there, positions may be that are not this shard's). `coarse`: as coarse() below.
  void LostRange(Fate fate, const std::array<std::uint64_t, kKinds>& counts,
                 const std::vector<PositionInterval>& intervals, const std::string& reason,
                 bool coarse);

  // Any thread: things worth counting that are not fates ("queue_full_ns", "producer_rebuilds",
  // "resent", "possible_duplicates", ...). They appear in summary.json under "counters".
  void Count(const std::string& what, std::uint64_t n);

  [[nodiscard]] std::uint64_t generated(Kind kind) const { return Load(generated_, kind); }
  [[nodiscard]] std::uint64_t fate(Fate f, Kind kind) const {
    return Load(fates_[static_cast<unsigned>(f)], kind);
  }

  // After the run: consistent copies. Intervals ascend and do not overlap.
  [[nodiscard]] std::vector<PositionInterval> intervals(Fate fate) const;
  [[nodiscard]] std::map<std::string, std::uint64_t> reasons() const;
  [[nodiscard]] std::map<std::string, std::uint64_t> counters() const;
  // There were more intervals than are kept: they may hold acknowledged events too.
  [[nodiscard]] bool coarse() const;
  [[nodiscard]] const Histogram& latency_from_plan() const { return from_plan_; }
  [[nodiscard]] const Histogram& latency_from_send() const { return from_send_; }

 private:
  using PerKind = std::array<std::atomic<std::uint64_t>, kKinds>;
  static void Add(PerKind& counters, Kind kind, std::uint64_t n) {
    counters[static_cast<unsigned>(kind)].fetch_add(n, std::memory_order_relaxed);
  }
  static std::uint64_t Load(const PerKind& counters, Kind kind) {
    return counters[static_cast<unsigned>(kind)].load(std::memory_order_relaxed);
  }

  const std::function<std::int64_t(Position)> planned_ns_;
  std::atomic<DeliveryWatch*> watch_{nullptr};
  PerKind generated_{};
  std::array<PerKind, kFates> fates_{};
  // Owned by the completion thread.
  Histogram from_plan_;
  Histogram from_send_;

  mutable std::mutex mutex_;                                  // guards what follows
  std::array<std::map<Position, Position>, kFates> lost_;     // first -> last, disjoint
  std::array<std::vector<PositionInterval>, kFates> ranges_;  // of LostRange()
  std::map<std::string, std::uint64_t> reasons_;
  std::map<std::string, std::uint64_t> counters_;
  bool coarse_ = false;
};

}  // namespace playload
