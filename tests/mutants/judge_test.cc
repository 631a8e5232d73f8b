#include "generator/mutants/judge.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "generator/mutants/weave.h"
#include "generator/rules/load.h"
#include "scenarios/load.h"
#include "scenarios/script.h"
#include "tests/support/world.h"

namespace playload {
namespace {

using MutantFate = JudgedMutant::Fate;

RuleSet Rules(const std::string& name) {
  Result<RuleSet> rules = LoadRuleSet(name);
  REQUIRE_MESSAGE(rules, rules.error().message());
  return *rules;
}

Judgement Judge(const Scenario& scenario, const RuleSet& rules, Position events,
                TimestampForm form = TimestampForm::kSeconds) {
  const std::atomic<bool> stop{false};
  RunSpec spec = test::SpecOf(scenario, 1, events);
  spec.timestamp_form = form;
  Result<Judgement> judgement = JudgeMutants(spec, rules, 1, stop);
  REQUIRE_MESSAGE(judgement, judgement.error().message());
  return std::move(*judgement);
}

Judgement Judge(const Scenario& scenario, const std::string& rules, Position events,
                TimestampForm form = TimestampForm::kSeconds) {
  return Judge(scenario, Rules(rules), events, form);
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

TEST_CASE("JudgeMutants: fraud-and-overload kills all that can be killed") {
  const Judgement judgement = Judge(BuiltIn("fraud-and-overload"), "dataflow", 1'000'000);
  CHECK(Of(judgement, MutantFate::kSurvived) == std::vector<std::string>{});
  CHECK(judgement.Count(MutantFate::kEquivalent) == 0);
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
    if (judged.fate == MutantFate::kSurvived) {
      CHECK(judged.script.has_value() != !judged.needs.empty());
    }
  }
}

Scenario Woven(Scenario scenario, const std::string& rules) {
  scenario.weave.sources = {{rules, 0}};
  const Status woven = WeaveProbes(&scenario);
  REQUIRE_MESSAGE(woven.ok(), woven.message());
  return scenario;
}

// The window's edges to the millisecond, at 2,000 and at 20,000 events/s.
TEST_CASE(
    "JudgeMutants: with its probes woven in, ordinary players kill all of a window's mutants") {
  const RuleSet velocity = Rules("velocity");
  std::string text = velocity.text;
  for (std::size_t at = 0; (at = text.find("10m", at)) != std::string::npos;) {
    text.replace(at, 3, "16s");
  }
  const Result<RuleSet> rules = ParseRuleSet("short.yaml", text);
  REQUIRE_MESSAGE(rules, rules.error().message());
  for (const std::int64_t rate : {2'000, 20'000}) {
    CAPTURE(rate);
    Scenario world = test::World(2'000, {"casual"});
    world.plan = {{rate * 1'000, rate * 1'000, 0}};
    for (const ProbeIncident& probe : Woven(world, "velocity").probes) {
      world.probes.push_back(probe);
      for (Script& script : world.probes.back().scripts) {
        for (ProbeStep& step : script.steps) {
          if (step.wait_ns > 0) step.wait_ns += 16'000'000'000 - 600'000'000'000;
          if (step.wait_ns < 0) step.wait_ns = 8'000'000'000;  // half a window
        }
      }
      world.probes.back().milli_rate = 10'000;
    }
    const Judgement judgement =
        Judge(world, *rules, static_cast<Position>(rate) * 120, TimestampForm::kMillis);
    std::vector<std::string> survived = Of(judgement, MutantFate::kSurvived);
    // How many events come to matter, when one in 10,000 does, is another matter.
    std::erase_if(survived,
                  [](const std::string& what) { return what.find("10,000") != std::string::npos; });
    CHECK(survived == std::vector<std::string>{});
    CHECK(Of(judgement, MutantFate::kEquivalent) ==
          std::vector<std::string>{"arrival is taken for the event's time"});
  }
}

TEST_CASE("JudgeMutants: what whole seconds cannot show says so") {
  Scenario world = test::World(500, {"casual"});
  const Judgement judgement = Judge(world, "refund-abuse", 1'000);
  int fine = 0;
  for (const JudgedMutant& judged : judgement.mutants) {
    if (judged.mutant.what.find("1 ms") == std::string::npos) continue;
    ++fine;
    CHECK(judged.script.has_value());
    CHECK(judged.needs == "--timestamp-precision ms");
  }
  CHECK(fine == 2);
}

// Lateness is no matter where nobody is late; where some are it shows.
TEST_CASE("JudgeMutants: late events kill what is equivalent without them") {
  Scenario world = Woven(test::World(2'000, {"casual"}), "velocity");
  world.plan = {{2'000'000, 2'000'000, 0}};
  world.probes[0].milli_rate = 20'000;
  const std::vector<std::string> late = {"arrival is taken for the event's time"};
  CHECK(Of(Judge(world, "velocity", 200'000), MutantFate::kEquivalent) == late);
  FaultIncident fault;
  fault.name = "late";
  fault.kind = FaultKind::kLate;
  fault.of = 1u << static_cast<unsigned>(Kind::kPurchase);
  fault.share_parts = kProbabilityOne / 5;
  fault.by_least_ns = 1'000'000'000;
  fault.by_most_ns = 60'000'000'000;
  world.faults = {fault};
  const Judgement judgement = Judge(world, "velocity", 200'000);
  CHECK(Of(judgement, MutantFate::kEquivalent) == std::vector<std::string>{});
  const std::vector<std::string> killed = Of(judgement, MutantFate::kKilled);
  CHECK(std::find(killed.begin(), killed.end(), late[0]) != killed.end());
}

RuleSet WithWindow(const std::string& window) {
  Result<RuleSet> rules = ParseRuleSet(
      "mine.yaml",
      "rule_set: mine\nrules:\n  - rule: mine\n    input: purchase-events\n"
      "    key: user_data.user_id\n    window: {" +
          window + "}\n    state: {n: count}\n    output: a\n    record: {user: key, n: n}\n");
  REQUIRE_MESSAGE(rules, rules.error().message());
  return *rules;
}

bool Has(const std::vector<std::string>& texts, const char* text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// Who does not wait for late events answers earlier, for many keys at a time, and no otherwise;
// at the end of the run, too, where the right answers would still be open.
TEST_CASE("JudgeMutants: an answer that comes earlier is the same answer") {
  Scenario world = test::World(2'000, {"casual"});
  world.plan = {{20'000'000, 20'000'000, 0}};
  const RuleSet rules = WithWindow("tumbling: 5s, lateness: 2s, answer: closed");
  for (const Position events : {200'000u, 210'000u, 220'000u, 270'000u}) {
    CAPTURE(events);
    const Judgement judgement = Judge(world, rules, events, TimestampForm::kMillis);
    CHECK(Has(Of(judgement, MutantFate::kEquivalent), "nobody may be late"));
    CHECK(Has(Of(judgement, MutantFate::kKilled), "a window is closed by events of its key alone"));
  }
}

TEST_CASE("JudgeMutants: late events kill what becomes of late events alone") {
  Scenario world = test::World(2'000, {"casual"});
  world.plan = {{2'000'000, 2'000'000, 0}};
  const Result<Script> script =
      ParseScript("purchase USD, after 3s, purchase USD, after 1s, purchase USD", false);
  REQUIRE(script);
  world.probes.push_back({"between", {}, kProbabilityOne / 10, {*script}});
  const std::vector<const char*> what = {
      "nobody may be late", "two sessions stay two when an event comes between them",
      "windows answer at their end, and again to each event that is late"};
  for (const char* answer : {"each", "closed"}) {
    const RuleSet rules = WithWindow("session: 2s, lateness: 4s, answer: " + std::string(answer));
    const std::size_t those = std::string(answer) == "each" ? 2 : 3;
    world.faults.clear();
    const std::vector<std::string> same =
        Of(Judge(world, rules, 200'000, TimestampForm::kMillis), MutantFate::kEquivalent);
    FaultIncident fault;
    fault.name = "late";
    fault.kind = FaultKind::kLate;
    fault.of = 1u << static_cast<unsigned>(Kind::kPurchase);
    fault.share_parts = kProbabilityOne / 5;
    fault.by_least_ns = 500'000'000;
    fault.by_most_ns = 3'000'000'000;
    world.faults = {fault};
    const std::vector<std::string> killed =
        Of(Judge(world, rules, 200'000, TimestampForm::kMillis), MutantFate::kKilled);
    for (std::size_t i = 0; i < those; ++i) {
      CAPTURE(answer);
      CAPTURE(what[i]);
      CHECK(Has(same, what[i]));
      CHECK(Has(killed, what[i]));
    }
  }
}

TEST_CASE("JudgeMutants: interrupted") {
  const std::atomic<bool> stop{true};
  const Result<Judgement> judgement = JudgeMutants(
      test::SpecOf(test::World(100, {"casual"}), 1, 10'000), Rules("dataflow"), 1, stop);
  REQUIRE_FALSE(judgement);
  CHECK(judgement.error().code() == Code::kInterrupted);
}

}  // namespace
}  // namespace playload
