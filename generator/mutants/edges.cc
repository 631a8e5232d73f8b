#include "generator/mutants/edges.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "generator/pace/plan.h"
#include "generator/simulate/lane_clock.h"

namespace playload {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kMostLanes = 16;  // that are looked at
// Where in the run the waits begin that are looked at, in quarters of what is left before the edge.
constexpr int kQuarters = 4;

using Waits = std::set<std::pair<std::int64_t, bool>>;  // how long, and whether within

// The waits of all scripts that are for an edge, by it.
std::map<std::int64_t, Waits> WaitsOf(const Scenario& scenario) {
  std::map<std::int64_t, Waits> waits;
  for (const ProbeIncident& probe : scenario.probes) {
    for (const Script& script : probe.scripts) {
      for (const ProbeStep& step : script.steps) {
        if (step.wait_ns == 0) continue;
        const std::int64_t second = (step.wait_ns + kNsPerSecond / 2) / kNsPerSecond * kNsPerSecond;
        const bool near = std::abs(second - step.wait_ns) <= 10 * kNsPerMs;
        waits[near ? second : step.wait_ns].insert({step.wait_ns, step.within});
      }
    }
  }
  // What is only waited within, as half of a window is, needs no exact end.
  std::erase_if(waits, [](const auto& edge) {
    return edge.second.size() < 2 || std::all_of(edge.second.begin(), edge.second.end(),
                                                 [](const auto& wait) { return wait.second; });
  });
  return waits;
}

// The edges of the clock that scripts wait for: its sizes, with the shifts of each.
std::map<std::int64_t, std::set<std::int64_t>> ClocksOf(const Scenario& scenario) {
  std::map<std::int64_t, std::set<std::int64_t>> clocks;
  for (const ProbeIncident& probe : scenario.probes) {
    for (const Script& script : probe.scripts) {
      for (const ProbeStep& step : script.steps) {
        if (step.clock_ns > 0) clocks[step.clock_ns].insert(step.shift_ns);
      }
    }
  }
  return clocks;
}

// Of the shift that is missed most, how near the lane comes to it that comes nearest.
std::int64_t ClockMiss(const Plan& plan, std::uint64_t lanes, std::int64_t clock_ns,
                       const std::set<std::int64_t>& shifts, std::int64_t start_ns) {
  std::int64_t worst = 0;
  for (const std::int64_t shift : shifts) {
    std::int64_t least = Plan::kNever;
    for (std::uint64_t lane = 0; lane < std::min(lanes, kMostLanes) && least > 0; ++lane) {
      const LaneClock clock(plan, lanes, lane);
      const std::uint64_t at =
          clock.AtClock(0, {clock_ns, shift}, start_ns, [](std::uint64_t) { return true; });
      const std::int64_t behind = (start_ns + clock.InstantOf(at) - shift) % clock_ns / kNsPerMs;
      least = std::min(least, behind);
    }
    worst = std::max(worst, least);
  }
  return worst;
}

std::int64_t WorstMiss(const Plan& plan, std::uint64_t lanes, const Waits& waits,
                       std::int64_t room_ns) {
  std::int64_t worst = 0;
  for (std::uint64_t lane = 0; lane < std::min(lanes, kMostLanes); ++lane) {
    const LaneClock clock(plan, lanes, lane);
    for (const auto& [ns, within] : waits) {
      const LaneWait wait{ns, within};
      for (int quarter = 0; quarter < kQuarters; ++quarter) {
        const std::uint64_t from = clock.FirstAt(room_ns / kQuarters * quarter);
        const std::uint64_t start = clock.BestStart(from, wait, [](std::uint64_t) { return true; });
        worst = std::max(worst, clock.MissMs(start, wait));
      }
    }
  }
  return worst;
}

}  // namespace

std::vector<EdgeReach> EdgesOf(const Scenario& scenario, std::uint64_t lanes, std::int64_t start_ns,
                               std::int64_t run_ns) {
  std::vector<EdgeReach> edges;
  const Plan plan(scenario.plan);
  for (const auto& [edge, waits] : WaitsOf(scenario)) {
    EdgeReach reach;
    reach.wait_ns = edge;
    reach.longer_than_run = run_ns > 0 && edge >= run_ns;
    const std::int64_t room = run_ns > 0 ? run_ns - edge : edge;
    if (!reach.longer_than_run) reach.miss_ms = WorstMiss(plan, lanes, waits, room);
    edges.push_back(reach);
  }
  for (const auto& [clock, shifts] : ClocksOf(scenario)) {
    EdgeReach reach;
    reach.of_clock = true;
    reach.wait_ns = clock;
    reach.longer_than_run = run_ns > 0 && clock - start_ns % clock >= run_ns;
    if (!reach.longer_than_run) reach.miss_ms = ClockMiss(plan, lanes, clock, shifts, start_ns);
    edges.push_back(reach);
  }
  return edges;
}

std::optional<std::int64_t> RateForEdges(const Scenario& scenario, std::uint64_t lanes,
                                         std::int64_t start_ns) {
  constexpr std::array<std::int64_t, 9> kRound = {1'000, 1'250, 1'600, 2'000, 2'500,
                                                  4'000, 5'000, 6'400, 8'000};
  const std::map<std::int64_t, Waits> waits = WaitsOf(scenario);
  const auto clocks = ClocksOf(scenario);
  const auto now = static_cast<double>(scenario.plan.back().to_milli_rate);
  std::optional<std::int64_t> nearest;
  for (std::int64_t unit = 100; unit <= 1'000'000; unit *= 10) {
    for (const std::int64_t round : kRound) {
      const std::int64_t rate = round * unit;
      const double far = std::abs(std::log(static_cast<double>(rate) / now));
      if (nearest && far >= std::abs(std::log(static_cast<double>(*nearest) / now))) continue;
      const Plan plan({Stage{rate, rate, 0}});
      const bool met = std::all_of(waits.begin(), waits.end(), [&](const auto& edge) {
        return WorstMiss(plan, lanes, edge.second, edge.first) == 0;
      });
      const bool clocks_met = std::all_of(clocks.begin(), clocks.end(), [&](const auto& clock) {
        return ClockMiss(plan, lanes, clock.first, clock.second, start_ns) == 0;
      });
      if (met && clocks_met) nearest = rate;
    }
  }
  return nearest;
}

}  // namespace playload
