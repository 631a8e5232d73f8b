// How near the waits of a scenario's probes come to the edges that they are for: a lane has only
// its share of the plan's instants (generator/simulate/lane_clock.h).
//
// Threads: pure functions.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scenarios/scenario.h"

namespace playload {

// An edge is where scripts wait in several ways to one and the same second: at it, within it, one
// millisecond less or more.
struct EdgeReach {
  std::int64_t wait_ns = 0;      // to the nearest second of it: 10m of 9m59.999s, 10m and 10m0.001s
  std::int64_t miss_ms = 0;      // the worst of them, of all lanes; 0: met to the millisecond
  bool longer_than_run = false;  // nobody gets there; miss_ms says nothing
  // Of the clock, each `wait_ns`: miss_ms is that of the lane which comes nearest, for few have an
  // event there at all.
  bool of_clock = false;
};

// One for each edge, ascending, those of the clock last. `lanes` as of the scenario's Model;
// `start_ns` of the run; `run_ns` 0: without end.
std::vector<EdgeReach> EdgesOf(const Scenario& scenario, std::uint64_t lanes, std::int64_t start_ns,
                               std::int64_t run_ns);

// The constant rate nearest to the plan's at which all of them are met to the millisecond, of the
// round ones; nothing when there is none. Events per 1,000 s.
std::optional<std::int64_t> RateForEdges(const Scenario& scenario, std::uint64_t lanes,
                                         std::int64_t start_ns);

}  // namespace playload
