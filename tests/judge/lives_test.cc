// Who has left does nothing any more: what a live verification lets go of it never needs again.

#include "generator/judge/lives.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "generator/replay/replay.h"
#include "scenarios/load.h"

namespace playload {
namespace {

TEST_CASE("Lives: who comes to a place is told from who was there before") {
  Lives lives(10);
  std::uint64_t left = 99;
  CHECK(lives.Arrived(3, &left));  // the first life
  CHECK(left == 0);
  CHECK(!lives.Left(3));
  CHECK(!lives.Arrived(3, &left));
  CHECK(lives.Arrived(43, &left));  // life 4
  CHECK(left == 3);
  CHECK(lives.Left(3));
  CHECK(lives.Left(33));  // whether there was a life 3 it does not know
  CHECK(!lives.Left(43));
  CHECK(!lives.Left(53));
  CHECK(!lives.Left(4));
  CHECK(!lives.Arrived(3, &left));
  CHECK(lives.Arrived(20, &left));  // the last place
  CHECK(left == 0);
  CHECK(lives.Arrived(100, &left));
  CHECK(left == 20);
  CHECK(!Lives().Arrived(1, &left));
  CHECK(!Lives().Left(1));
}

TEST_CASE("Lives: in no scenario without stragglers does a player come who has left") {
  for (const std::string& name : BuiltInScenarios()) {
    CAPTURE(name);
    Result<Scenario> scenario = LoadScenario(name, {});
    REQUIRE(scenario.has_value());
    auto& faults = scenario->faults;
    faults.erase(std::remove_if(faults.begin(), faults.end(),
                                [](const FaultIncident& fault) {
                                  return fault.kind == FaultKind::kLate ||
                                         fault.kind == FaultKind::kDuplicate;
                                }),
                 faults.end());
    if (scenario->compat) continue;
    RunSpec spec;
    spec.scenario = *scenario;
    spec.scenario.population.players = 200;  // so that there are many lives
    spec.scenario.plan = {{1'000'000, 1'000'000, 0}};
    spec.seed = 3;
    spec.clock = Clock::kVirtual;
    spec.end = 500'000;
    const Replay replay(spec, {}, {}, 1);
    const RecordFacts facts(replay);
    Lives lives(replay.tables().model.players());
    std::uint64_t gone = 0;
    std::uint64_t back = 0;
    REQUIRE(replay
                .Walk([&](const ReplayedRun& run) {
                  for (std::uint32_t i = 0; i < run.count; ++i) {
                    if (KindOf(run.records[i].action) == Kind::kServer) continue;
                    const std::uint64_t player = facts.Player(run.records[i], run.lane);
                    std::uint64_t left = 0;
                    if (lives.Arrived(player, &left)) gone += left != 0 ? 1 : 0;
                    back += lives.Left(player) ? 1 : 0;
                  }
                  return true;
                })
                .ok());
    CHECK(gone > 500);
    CHECK(back == 0);
  }
}

}  // namespace
}  // namespace playload
