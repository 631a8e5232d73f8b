#include "generator/shrink/shrinker.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "generator/pace/plan.h"
#include "scenarios/load.h"

namespace playload {
namespace {

Candidate BuiltIn(const std::string& name, Position events) {
  Result<Scenario> scenario = LoadScenario(name, {});
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  Result<Candidate> candidate = Normalized({std::move(*scenario), events});
  REQUIRE_MESSAGE(candidate, candidate.error().message());
  return *candidate;
}

template <typename List>
bool Has(const List& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&](const auto& i) { return i.name == name; });
}

// An oracle that is a function of the candidate; it also sees to what every question must be.
struct Oracle {
  std::function<bool(const Candidate&)> fails;
  std::set<std::string> asked = {};
  std::uint64_t questions = 0;

  StillFails Ask() {
    return [this](const Candidate& candidate, const std::string& what) -> Result<bool> {
      ++questions;
      CHECK_FALSE(what.empty());
      CHECK(asked.insert(Identity(candidate)).second);
      // The file of it says the same, its length too.
      const Scenario& s = candidate.scenario;
      const Result<Scenario> read = ParseScenario("test", ResolvedText(s), {});
      REQUIRE_MESSAGE(read, read.error().message());
      CHECK(ResolvedText(*read) == ResolvedText(s));
      CHECK(Plan(s.plan).DueBefore(s.duration_ns) == candidate.events);
      return fails(candidate);
    };
  }
};

Shrunk ShrinkWith(const Candidate& first, std::function<bool(const Candidate&)> fails,
                  std::uint64_t most = 1'000) {
  Oracle oracle{std::move(fails)};
  const Shrunk shrunk = Shrink(first, oracle.Ask(), most);
  CHECK(shrunk.attempts == oracle.questions);
  CHECK((Identity(shrunk.smallest) == Identity(first) || oracle.fails(shrunk.smallest)));
  return shrunk;
}

TEST_CASE("Shrink: what always fails becomes one event of one player, all else as by default") {
  const Shrunk shrunk =
      ShrinkWith(BuiltIn("fraud-and-overload", 400'000), [](const Candidate&) { return true; });
  const Scenario& s = shrunk.smallest.scenario;
  CHECK(shrunk.end == Shrunk::End::kSmallest);
  CHECK(shrunk.smallest.events == 1);
  CHECK(TimelineEntries(s) == 0);
  CHECK(s.population.players == 1);
  CHECK(s.population.mix.size() == 1);
  CHECK(s.population.currencies.size() == 1);
  CHECK(s.population.currencies.front().currency == 0);
  CHECK(s.population.life_sessions == 0);
  CHECK(s.servers.regions.size() == 1);
  CHECK(s.servers.players_per_server == Servers{}.players_per_server);
  CHECK(s.personas.size() == 1);
  CHECK(shrunk.attempts < 40);
}

TEST_CASE("Shrink: what never fails smaller stays as it is") {
  const Candidate first = BuiltIn("fraud-and-overload", 400'000);
  const Shrunk shrunk = ShrinkWith(first, [](const Candidate&) { return false; });
  CHECK(shrunk.end == Shrunk::End::kSmallest);
  CHECK(Identity(shrunk.smallest) == Identity(first));
}

TEST_CASE("Shrink: the shortest prefix is found by bisection") {
  const Shrunk shrunk =
      ShrinkWith(BuiltIn("steady", 60'000), [](const Candidate& c) { return c.events >= 12'345; });
  CHECK(shrunk.smallest.events == 12'345);
  CHECK(shrunk.attempts < 60);
}

TEST_CASE("Shrink: a number of players is found exactly where more of them always fail") {
  const Shrunk shrunk = ShrinkWith(BuiltIn("steady", 60'000), [](const Candidate& c) {
    return c.scenario.population.players >= 777;
  });
  CHECK(shrunk.smallest.scenario.population.players == 777);
}

TEST_CASE("Shrink: where one player of a kind is enough, no crowd is gone through") {
  const auto is = [](const Candidate& c, const char* persona) {
    return Has(c.scenario.personas, persona);
  };
  const Shrunk shrunk = ShrinkWith(BuiltIn("fraud-and-overload", 400'000), [&](const Candidate& c) {
    // In a crowd it takes long until one of them comes, and whales fail too, before that.
    const bool alone = c.scenario.personas.size() == 1 && c.scenario.population.players == 1;
    return (is(c, "card-tester-near") && c.events >= (alone ? 6 : 2'000)) ||
           (is(c, "whale") && c.events >= 900);
  });
  const Scenario& s = shrunk.smallest.scenario;
  CHECK(shrunk.smallest.events == 6);
  CHECK(s.population.players == 1);
  CHECK(TimelineEntries(s) == 0);
  CHECK(s.personas.front().name == "card-tester-near");
  CHECK(shrunk.attempts < 40);
}

TEST_CASE("Shrink: where one overload is enough, its ramp and region are not gone through") {
  const Shrunk shrunk = ShrinkWith(BuiltIn("fraud-and-overload", 400'000), [&](const Candidate& c) {
    // Another one passes over 80 percent too, late.
    const std::vector<OverloadIncident>& all = c.scenario.overload;
    return c.events >= 5'000 ? !all.empty()
                             : c.events >= 3 && Has(all, "ap-south-at-80") &&
                                   all.back().ramp_ns == 0 && all.size() == 1;
  });
  CHECK(shrunk.smallest.events == 3);
  CHECK(Has(shrunk.smallest.scenario.overload, "ap-south-at-80"));
  CHECK(shrunk.attempts < 40);
}

TEST_CASE("Shrink: two incidents that must be there together stay, and no other") {
  const Shrunk shrunk = ShrinkWith(BuiltIn("fraud-and-overload", 400'000), [](const Candidate& c) {
    return Has(c.scenario.fraud, "ring") && Has(c.scenario.overload, "eu-central-memory") &&
           c.events > 100;
  });
  const Scenario& s = shrunk.smallest.scenario;
  CHECK(TimelineEntries(s) == 2);
  CHECK(shrunk.smallest.events == 101);
  // Simplified as far as it goes.
  REQUIRE(s.fraud.size() == 1);
  CHECK(s.fraud.front().share_parts == kProbabilityOne);
  CHECK(s.fraud.front().personas.size() == 1);
  CHECK(s.fraud.front().window.at_ns == 0);
  CHECK(s.fraud.front().window.every_ns == 0);
  REQUIRE(s.overload.size() == 1);
  CHECK(s.overload.front().ramp_ns == 0);
  CHECK(s.overload.front().region == -1);
}

TEST_CASE("Shrink: no timeline entry of the result can be left out, whatever the entries decide") {
  const std::vector<std::function<bool(const Scenario&)>> oracles = {
      [](const Scenario& s) { return s.overload.size() % 2 == 1 && !s.fraud.empty(); },
      [](const Scenario& s) { return TimelineEntries(s) % 3 == 0; },
      [](const Scenario& s) { return Has(s.fraud, "ring") != Has(s.fraud, "always-some"); },
      [](const Scenario& s) {
        return s.overload.size() >= 3 || (Has(s.overload, "us-west-slow") && s.fraud.size() == 1);
      },
  };
  for (const auto& fails : oracles) {
    Candidate first = BuiltIn("fraud-and-overload", 1'000);
    if (!fails(first.scenario)) first.scenario.fraud.pop_back();
    if (!fails(first.scenario)) first.scenario.overload.pop_back();
    REQUIRE(fails(first.scenario));
    const Result<Candidate> normalized = Normalized(first);
    REQUIRE(normalized);
    const Shrunk shrunk =
        ShrinkWith(*normalized, [&](const Candidate& c) { return fails(c.scenario); });
    CHECK(shrunk.end == Shrunk::End::kSmallest);
    for (std::size_t i = 0; i < TimelineEntries(shrunk.smallest.scenario); ++i) {
      Scenario without = shrunk.smallest.scenario;
      RemoveTimelineEntries(i, i + 1, &without);
      CHECK_FALSE(fails(without));
    }
  }
}

TEST_CASE("Shrink: an oracle that is not monotone still ends at something that fails") {
  const Shrunk shrunk = ShrinkWith(BuiltIn("fraud-ring", 100'000), [](const Candidate& c) {
    return c.events % 7 != 3 && c.scenario.population.players % 5 != 1;
  });
  CHECK(shrunk.end == Shrunk::End::kSmallest);
  CHECK(shrunk.smallest.events < 10);
  CHECK(shrunk.smallest.scenario.population.players < 10);
}

TEST_CASE("Shrink: probes lose scripts and steps") {
  Candidate first = BuiltIn("edges", 10'000);
  const auto purchases = [](const Candidate& c) {
    std::size_t most = 0;
    for (const ProbeIncident& probe : c.scenario.probes) {
      for (const Script& script : probe.scripts) {
        most = std::max<std::size_t>(
            most, static_cast<std::size_t>(std::count_if(
                      script.steps.begin(), script.steps.end(),
                      [](const auto& s) { return s.what == ProbeStep::What::kPurchase; })));
      }
    }
    return most >= 3;
  };
  REQUIRE(purchases(first));
  const Shrunk shrunk = ShrinkWith(first, purchases);
  REQUIRE(shrunk.smallest.scenario.probes.size() == 1);
  REQUIRE(shrunk.smallest.scenario.probes.front().scripts.size() == 1);
  CHECK(shrunk.smallest.scenario.probes.front().scripts.front().steps.size() == 3);
}

TEST_CASE("Shrink: compat has players and a length, and nothing else to leave out") {
  const Shrunk shrunk = ShrinkWith(BuiltIn("compat", 10'000), [](const Candidate& c) {
    return c.events >= 10 && c.scenario.population.players >= 3;
  });
  CHECK(shrunk.smallest.events == 10);
  CHECK(shrunk.smallest.scenario.population.players == 3);
}

TEST_CASE("Shrink: a plan of stages becomes its first rate, where that fails too") {
  const Candidate first = BuiltIn("launch-day", 500'000);
  REQUIRE(first.scenario.plan.size() > 1);
  const Shrunk flat = ShrinkWith(first, [](const Candidate& c) { return c.events > 50; });
  CHECK(flat.smallest.scenario.plan.size() == 1);
  const Shrunk staged =
      ShrinkWith(first, [](const Candidate& c) { return c.scenario.plan.size() > 1; });
  CHECK(staged.smallest.scenario.plan.size() == first.scenario.plan.size());
}

TEST_CASE("Shrink: asks no more often than allowed, and keeps the smallest so far") {
  const Candidate first = BuiltIn("fraud-and-overload", 400'000);
  for (const std::uint64_t most : {0, 1, 5, 12, 21, 25}) {
    const Shrunk shrunk = ShrinkWith(
        first, [](const Candidate& c) { return c.events >= 300; }, most);
    CHECK(shrunk.attempts == most);
    CHECK(shrunk.end == Shrunk::End::kAttempts);
    CHECK(shrunk.smallest.events <= (most < 21 ? 400'000 : 1'024));
  }
}

TEST_CASE("Shrink: an error ends it with the smallest so far") {
  std::uint64_t left = 23;
  const Shrunk shrunk = Shrink(
      BuiltIn("fraud-and-overload", 400'000),
      [&](const Candidate& c, const std::string&) -> Result<bool> {
        if (left-- == 0) return Status(Code::kInterrupted, "interrupted");
        return c.events >= 300;
      },
      1'000);
  CHECK(shrunk.end == Shrunk::End::kStopped);
  CHECK(shrunk.error.code() == Code::kInterrupted);
  CHECK(shrunk.attempts == 24);
  CHECK(shrunk.smallest.events <= 1'024);
  CHECK(shrunk.smallest.events >= 300);
}

TEST_CASE("Removing from a mix: what is left takes over, to the last part") {
  Scenario s = BuiltIn("fraud-and-overload", 10).scenario;
  const auto sum = [](const auto& shares) {
    std::int64_t parts = 0;
    for (const auto& share : shares) {
      CHECK(share.parts > 0);
      parts += share.parts;
    }
    return parts;
  };
  s.population.mix[0].parts = 1;
  s.population.mix[1].parts += 449'999'999;
  RemovePersonas(2, 3, &s);
  CHECK(s.population.mix.size() == 3);
  CHECK(sum(s.population.mix) == kProbabilityOne);
  RemoveCurrencies(0, 2, &s);
  CHECK(s.population.currencies.size() == 3);
  CHECK(sum(s.population.currencies) == kProbabilityOne);
  // eu-central is the second of four.
  const int before = s.overload.front().region;
  REQUIRE(before == 1);
  RemoveRegions(0, 1, &s);
  CHECK(s.overload.front().region == 0);
  CHECK(sum(s.servers.regions) == kProbabilityOne);
  RemoveRegions(0, 1, &s);
  CHECK(s.overload.front().region == -1);
  CHECK(sum(s.servers.regions) == kProbabilityOne);
}

TEST_CASE("DurationOf: exactly so many events, and round") {
  const std::vector<std::vector<Stage>> plans = {
      {{20'000'000, 20'000'000, 0}},
      {{1, 1, 0}},
      {{999'999'999'999, 999'999'999'999, 0}},
      {{333'333, 333'333, 0}},
      {{500'000, 20'000'000, 10'000'000'000}, {20'000'000, 20'000'000, 0}},
  };
  for (const std::vector<Stage>& stages : plans) {
    const Plan plan(stages);
    for (const Position events : {1, 2, 3, 7, 10, 99, 1'000, 54'321, 1'000'000}) {
      const std::int64_t duration = DurationOf(stages, events);
      CHECK(plan.DueBefore(duration) == events);
    }
  }
  CHECK(DurationOf(plans[0], 20'000) == 1'000'000'000);
  CHECK(DurationOf(plans[0], 19'990) == 999'500'000);
  CHECK(DurationOf(plans[0], 1'200'000) == 60'000'000'000);
}

}  // namespace
}  // namespace playload
