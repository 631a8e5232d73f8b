// Plan: the offered load. A pure function between positions and planned instants; it holds no
// clock, so a late sender cannot move it.
//
// Units: instants are nanoseconds of the run, from its start; positions count the whole stream,
// also under --shard. Threads: a value type, constant after construction.

#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "generator/event/record.h"
#include "scenarios/scenario.h"

namespace playload {

class Plan {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  // REQUIRES: stages not empty, rates > 0, every stage but the last with lasts_ns > 0.
  explicit Plan(std::vector<Stage> stages);

  // The planned instant of event n: the smallest t with DueBefore(t + 1) > n. kNever past 292
  // years.
  [[nodiscard]] std::int64_t PlannedAt(Position n) const;

  // The planned instants of `n` <= kRunLength events from `first` on, for some 2 ns each instead of
  // a division of 128 bits. Inside a ramp, those between the first and the last are put on a
  // straight line; everywhere else they are exact.
  void PlannedAt(Position first, std::uint32_t n, std::int64_t* out) const;

  // How many events are planned strictly before instant t.
  [[nodiscard]] Position DueBefore(std::int64_t t_ns) const;

  // The rate at instant t, events per 1,000 s.
  [[nodiscard]] std::int64_t MilliRateAt(std::int64_t t_ns) const;

  [[nodiscard]] const std::vector<Stage>& stages() const { return stages_; }

 private:
  std::vector<Stage> stages_;
  std::vector<std::int64_t> starts_ns_;  // of each stage
  std::vector<Position> first_;          // events planned before each stage's start
};

}  // namespace playload
