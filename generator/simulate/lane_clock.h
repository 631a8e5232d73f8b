// LaneClock: the planned instants of one lane's events, and how near a wait between two of them can
// come to the edge of a window.
//
// A lane has 16 positions of the plan in a row, then none while the other lanes have theirs. So not
// every distance exists between two of its events: at a constant rate R those that are, up to
// 15/R more or less, a multiple of 16 lanes/R. Which of the lane's events begins a wait does
// matter, though: millisecond boundaries lie otherwise in every run.
//
// Units: instants are nanoseconds of the run; indices count the lane's events from 0.
// Threads: a value type, a view of the plan.

#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "generator/pace/plan.h"

namespace playload {

// "after 10m", "within 10m": the lane's first event at or after the edge, the last one before it.
struct LaneWait {
  std::int64_t ns = 0;
  bool within = false;
};

// "at 1m - 1ms": as ProbeStep has it.
struct ClockEdge {
  std::int64_t clock_ns = 0;
  std::int64_t shift_ns = 0;
};

class LaneClock {
 public:
  LaneClock(const Plan& plan, std::uint64_t lanes, std::uint64_t lane)
      : plan_(&plan), lanes_(lanes), lane_(lane) {}

  [[nodiscard]] std::int64_t InstantOf(std::uint64_t index) const;
  // The first event planned for this instant or later.
  [[nodiscard]] std::uint64_t FirstAt(std::int64_t instant_ns) const;

  // The event that a wait from `index` on ends with. It may be `index` itself. Where that event is
  // not right to the millisecond and its neighbour across the edge is, by timestamps of that
  // precision, it is the neighbour.
  [[nodiscard]] std::uint64_t EndOf(std::uint64_t index, const LaneWait& wait) const;
  // How far from the edge that is, in milliseconds as timestamps of that precision show them: 0
  // when `after 10m` ends 10m later, `within 10m` 9m59.999s. `start` of the run: whole
  // milliseconds.
  [[nodiscard]] std::int64_t MissMs(std::uint64_t index, const LaneWait& wait) const;

  // Which event from `index` on, of some hundred, meets the edge best; the first of several.
  static constexpr std::uint64_t kReach = std::uint64_t{16} * kRunLength;
  template <typename Free>
  [[nodiscard]] std::uint64_t BestStart(std::uint64_t index, const LaneWait& wait,
                                        const Free& free) const {
    std::uint64_t best = index;
    std::int64_t least = Plan::kNever;
    for (std::uint64_t i = index; i < index + kReach && least > 0; ++i) {
      const std::int64_t miss = MissMs(i, wait);
      if (miss >= least || !free(i)) continue;
      best = i;
      least = miss;
    }
    return best;
  }

  // The lane's first event from `index` on that comes at an edge of the clock, right to the
  // millisecond; where there is none at the next few edges, the first one at or behind the nearest.
  // `start_ns`: of the run, since 1970.
  static constexpr int kMostEdges = 8;
  template <typename Free>
  [[nodiscard]] std::uint64_t AtClock(std::uint64_t index, const ClockEdge& edge,
                                      std::int64_t start_ns, const Free& free) const {
    constexpr std::int64_t kMs = 1'000'000;
    const auto first_free = [&free](std::uint64_t i) {
      while (!free(i)) ++i;
      return i;
    };
    const std::int64_t from = InstantOf(index);
    if (from > Plan::kNever - start_ns - (kMostEdges + 1) * edge.clock_ns) return first_free(index);
    const std::int64_t now = (start_ns + from) / kMs * kMs - edge.shift_ns;
    std::int64_t at = (now + edge.clock_ns - 1) / edge.clock_ns * edge.clock_ns + edge.shift_ns;
    std::optional<std::uint64_t> nearest;
    for (int k = 0; k < kMostEdges; ++k, at += edge.clock_ns) {
      std::uint64_t i = std::max(index, FirstAt(at - start_ns));
      for (; InstantOf(i) < at - start_ns + kMs; ++i) {
        if (free(i)) return i;
      }
      if (!nearest) nearest = i;
    }
    return first_free(*nearest);
  }

 private:
  const Plan* plan_;
  std::uint64_t lanes_;
  std::uint64_t lane_;
};

}  // namespace playload
