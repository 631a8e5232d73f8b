#include "generator/mutants/judge.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "generator/rules/load.h"
#include "scenarios/load.h"
#include "tests/support/world.h"

namespace playload {
namespace {

using MutantFate = JudgedMutant::Fate;

RuleSet Rules(const std::string& name) {
  Result<RuleSet> rules = LoadRuleSet(name);
  REQUIRE_MESSAGE(rules, rules.error().message());
  return *rules;
}

Judgement Judge(const Scenario& scenario, const std::string& rules, Position events,
                bool scripts = false) {
  const std::atomic<bool> stop{false};
  Result<Judgement> judgement =
      JudgeMutants(test::SpecOf(scenario, 1, events), Rules(rules), scripts, 1, stop);
  REQUIRE_MESSAGE(judgement, judgement.error().message());
  return std::move(*judgement);
}

std::vector<std::string> Of(const Judgement& judgement, MutantFate fate) {
  std::vector<std::string> what;
  for (const JudgedMutant& judged : judgement.mutants) {
    if (judged.fate == fate) what.push_back(judged.mutant.what);
  }
  return what;
}

Scenario BuiltIn(const std::string& name) {
  Result<Scenario> scenario = LoadScenario(name, {});
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  return *scenario;
}

// What it lacks are players with both reasons at once: which of them wins does not show.
TEST_CASE("JudgeMutants: fraud-and-overload kills all that can be killed, but one") {
  const Judgement judgement = Judge(BuiltIn("fraud-and-overload"), "dataflow", 1'000'000);
  CHECK(Of(judgement, MutantFate::kSurvived) ==
        std::vector<std::string>{"alternatives 1 and 2 are in the other order"});
}

TEST_CASE("JudgeMutants: edges kills all that can be killed") {
  const Judgement judgement = Judge(BuiltIn("edges"), "dataflow", 1'000'000);
  CHECK(judgement.events == 1'000'000);
  CHECK(Of(judgement, MutantFate::kSurvived) == std::vector<std::string>{});
  CHECK(judgement.Count(MutantFate::kKilled) > 50);
  for (const JudgedMutant& judged : judgement.mutants) {
    if (judged.fate != MutantFate::kKilled) continue;
    CHECK(judged.events >= 1);
    CHECK(judged.events <= judgement.events);
  }
}

TEST_CASE("JudgeMutants: a quiet scenario kills less, and its survivors say what it takes") {
  const Judgement judgement = Judge(test::World(2'000, {"casual"}), "dataflow", 50'000);
  const std::vector<std::string> survived = Of(judgement, MutantFate::kSurvived);
  CHECK(survived.size() > 5);
  for (const JudgedMutant& judged : judgement.mutants) {
    if (judged.fate == MutantFate::kSurvived)
      CHECK(judged.script.has_value() != !judged.needs.empty());
  }
}

// What survives is killed once the probes that are printed for it are in the scenario.
TEST_CASE("ProbesText: with the probes in its timeline a scenario kills what it did not") {
  for (const std::string rules : {"dataflow", "velocity", "sustained-overload"}) {
    CAPTURE(rules);
    Scenario world = test::World(2'000, {"casual"});
    world.plan = {{200'000, 200'000, 0}};  // 200/s: longer than the windows
    const Judgement before = Judge(world, rules, 400'000, true);
    const std::string text =
        "scenario: probed\npopulation: {players: 10, mix: {casual: 1}}\n"
        "timeline:\n" +
        ProbesText(before, "probe") + "plan: {rate: 1k}\n";
    const Result<Scenario> probed = ParseScenario("probed.yaml", text, {});
    CAPTURE(text);
    REQUIRE_MESSAGE(probed, probed.error().message());
    world.probes = probed->probes;
    const Judgement after = Judge(world, rules, 400'000);
    for (std::size_t i = 0; i < before.mutants.size(); ++i) {
      if (!before.mutants[i].script) continue;
      // Edges are met as well as the lane's events lie (docs/probes.md), not to the millisecond.
      if (before.mutants[i].mutant.what.find("1 ms") != std::string::npos) continue;
      const auto& steps = before.mutants[i].script->steps;
      if (std::any_of(steps.begin(), steps.end(), [](const ProbeStep& s) { return s.from > 0; })) {
        continue;
      }
      CAPTURE(before.mutants[i].mutant.what);
      CHECK(after.mutants[i].fate == MutantFate::kKilled);
    }
  }
}

TEST_CASE("JudgeMutants: interrupted") {
  const std::atomic<bool> stop{true};
  const Result<Judgement> judgement = JudgeMutants(
      test::SpecOf(test::World(100, {"casual"}), 1, 10'000), Rules("dataflow"), false, 1, stop);
  REQUIRE_FALSE(judgement);
  CHECK(judgement.error().code() == Code::kInterrupted);
}

}  // namespace
}  // namespace playload
