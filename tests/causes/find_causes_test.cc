// What explains the outputs of pipelines in which one thing is known to be wrong: every mutant of
// every built-in rule set, and events that did not reach the rules as they should.

#include "generator/causes/find_causes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scenarios/script.h"
#include "tests/causes/causes_world.h"
#include "transports/kafka/partition.h"

namespace playload {
namespace {

// What a purchase rule with this window puts out.
RuleSet WithWindow(const std::string& window) {
  const Result<RuleSet> rules =
      ParseRuleSet("mine.yaml",
                   "rule_set: mine\nrules:\n  - rule: mine\n    input: purchase-events\n"
                   "    key: user_data.user_id\n    window: {" +
                       window +
                       "}\n    state: {n: count, total: sum parameters.amount}\n    when: n > 1\n"
                       "    output: a\n    record: {user: key, n: n, total: total}\n");
  REQUIRE_MESSAGE(rules.has_value(), rules.error().message());
  return *rules;
}

// Whether a pipeline of this mutant shows in the run; if so, it is to be found. `lines`: of the
// rule's input.
bool ShowsAndIsFound(const RunSpec& spec, const RuleSet& rules, const Mutant& mutant,
                     const std::vector<Line>& lines) {
  CAPTURE(rules.name);
  CAPTURE(mutant.what);
  const RuleSet rule = OnlyRule(rules, mutant.rule);
  CAPTURE(rule.text);
  const std::vector<Output> right = OutputsOf(rule, lines);
  const std::vector<Output> came = OutputsOf(mutant.rules, lines, mutant.reading);
  const std::set<std::string> differing = DifferingKeys(right, came);
  if (differing.empty() || came.empty()) return false;
  const Replay replay(spec, {}, std::nullopt, 2);
  const auto causes = CausesOf(replay, rules, rule.rules.front().output, came, differing);
  REQUIRE(causes.has_value());
  REQUIRE(!causes->found.empty());
  const Explanation& best = causes->found.front();
  CHECK(best.explains == causes->differing);
  CHECK(best.agrees == causes->agreeing);
  // Three are shown at most: others are as good.
  CHECK((Has(*causes, mutant.what) || causes->found.size() == 3));
  return true;
}

TEST_CASE("Every mutant that shows is found, or one that cannot be told from it here") {
  std::size_t shown = 0;
  for (const std::string& name : BuiltInRuleSets()) {
    const RuleSet rules = Load(name);
    RunSpec spec = SpecOf("fraud-and-overload", 40'000);
    spec.scenario.plan = {{200'000, 200'000, 0}};    // 200/s, for windows to end
    std::map<std::size_t, std::vector<Line>> lines;  // by rule
    for (const Mutant& mutant : MutantsOf(rules)) {
      if (mutant.feed != Mutant::Feed::kWhole || mutant.arrival_time) continue;
      const auto [of_rule, is_new] = lines.try_emplace(mutant.rule);
      if (is_new) of_rule->second = LinesFor(spec, OnlyRule(rules, mutant.rule));
      shown += ShowsAndIsFound(spec, rules, mutant, of_rule->second) ? 1 : 0;
    }
  }
  CHECK(shown > 100);
}

// At their edges, with events that come late.
TEST_CASE("Windows that are taken wrong are found, of each form and kind of answer") {
  for (const char* window :
       {"tumbling: 7s, lateness: 4s", "tumbling: 7s, lateness: 4s, answer: closed",
        "sliding: 4s, lateness: 4s", "session: 2s, lateness: 4s",
        "session: 2s, lateness: 4s, answer: closed"}) {
    const RuleSet rules = WithWindow(window);
    RunSpec spec = SpecOf("edges", 192'000);
    spec.scenario.plan = {{1'600'000, 1'600'000, 0}};  // at which waits of whole seconds are exact
    ProbeIncident probe = spec.scenario.probes.front();
    probe.name = "more";
    probe.share_parts = kProbabilityOne / 10;
    probe.scripts.clear();
    for (const char* text :
         {"at 7s, purchase USD", "at 7s, purchase USD, after 1s, purchase USD",
          "purchase USD, after 4s, purchase USD", "purchase USD, after 2s, purchase USD",
          "purchase USD, after 3s, purchase USD, after 1s, purchase USD"}) {
      const Result<Script> script = ParseScript(text, false);
      REQUIRE(script.has_value());
      probe.scripts.push_back(*script);
    }
    spec.scenario.probes.push_back(probe);
    FaultIncident fault;
    fault.name = "late";
    fault.kind = FaultKind::kLate;
    fault.of = 1u << static_cast<unsigned>(Kind::kPurchase);
    fault.share_parts = kProbabilityOne / 4;
    fault.by_least_ns = 500'000'000;
    fault.by_most_ns = 3'500'000'000;
    spec.scenario.faults = {fault};
    const std::vector<Line> lines = LinesFor(spec, rules);
    for (const Mutant& mutant : MutantsOf(rules)) {
      if (mutant.reading == WindowReading()) continue;
      CAPTURE(window);
      CAPTURE(mutant.what);
      CHECK(ShowsAndIsFound(spec, rules, mutant, lines));
    }
  }
}

TEST_CASE("Further mutants: numbers that are far off, windows of another size, one output a key") {
  const std::vector<Mutant> fraud =
      FurtherMutantsOf(OnlyRuleNamed(Load("dataflow"), "fraud-detection"));
  const auto has = [](const std::vector<Mutant>& mutants, const std::string& what) {
    for (const Mutant& mutant : mutants) {
      if (mutant.what == what) return CheckRules(mutant.rules).ok();
    }
    return false;
  };
  CHECK(has(fraud, "'transactions > 5' is 'transactions > 50'"));
  CHECK(has(fraud, "'transactions > 5' is 'transactions > 8'"));
  CHECK(has(fraud, "only the first output of a key is put out"));
  CHECK(has(FurtherMutantsOf(Load("velocity")), "the window of 10m is 1m"));
  CHECK(has(FurtherMutantsOf(Load("spend-per-minute")), "the window of 1m is 1h"));
}

TEST_CASE_FIXTURE(Incident, "State in six places is found, and the field that leads to them") {
  std::vector<std::unique_ptr<Pipeline>> places;
  for (int i = 0; i < 6; ++i) places.push_back(std::make_unique<Pipeline>(rule));
  for (const Line& line : lines) {
    const std::size_t at = line.text.find("trans_");
    const std::string transaction = line.text.substr(at, line.text.find('"', at) - at);
    places[static_cast<std::size_t>(PartitionOf(transaction, 6))]->Process(line);
  }
  std::vector<Output> came;
  for (const auto& place : places) {
    came.insert(came.end(), place->outputs().begin(), place->outputs().end());
  }
  const Explanations causes = Causes(came);
  CHECK(causes.found.size() == 1);
  CHECK(causes.found.front().what ==
        "the state of a key is in 6 places, by the partition of parameters.transaction_id");
  CHECK(causes.found.front().explains == causes.differing);
}

TEST_CASE_FIXTURE(Incident, "Events that were lost are found, and where") {
  Pipeline pipeline(rule);
  for (const Line& line : lines) {
    if (!Within(line)) pipeline.Process(line);
  }
  const Explanations causes = Causes(pipeline.outputs());
  const Explanation& best = causes.found.front();
  CHECK(best.what == "events were not counted");
  CHECK(best.explains == *best.tried);
  REQUIRE(best.place.has_value());
  for (const Explanation::Example& example : best.examples) {
    CAPTURE(example.key);
    if (!example.certain) continue;
    CHECK(example.place.first >= first);
    CHECK(example.place.last <= last);
  }
}

TEST_CASE_FIXTURE(Incident, "Events that a restart counted again are found, and where") {
  Pipeline pipeline(rule);
  for (const Line& line : lines) {
    if (line.position > last && !Within(line)) continue;
    pipeline.Process(line);
  }
  for (const Line& line : lines) {
    if (line.position >= first) pipeline.Process(line);
  }
  for (const Delivery delivery : {Delivery::kExactlyOnce, Delivery::kAtLeastOnce}) {
    const Explanations causes = Causes(pipeline.outputs(), delivery);
    const Explanation& best = causes.found.front();
    CHECK(best.what == "events were counted twice");
    CHECK(best.explains == *best.tried);
    std::size_t certain = 0;
    for (const Explanation::Example& example : best.examples) {
      if (!example.certain) continue;
      ++certain;
      CHECK(example.place.first >= first);
      CHECK(example.place.last <= last);
    }
    CHECK(certain > 0);
  }
}

TEST_CASE_FIXTURE(Incident, "State that was lost is found, and when") {
  Pipeline pipeline(rule);
  bool forgot = false;
  for (const Line& line : lines) {
    if (line.position >= first && !forgot) {
      pipeline.Forget();
      forgot = true;
    }
    pipeline.Process(line);
  }
  const Explanations causes = Causes(pipeline.outputs());
  const Explanation& best = causes.found.front();
  CHECK(best.what == "state began anew");
  CHECK(best.explains == *best.tried);
  for (const Explanation::Example& example : best.examples) {
    CAPTURE(example.key);
    CHECK(example.events == 0);
    CHECK(example.place.first < first);
    CHECK(example.place.last >= first);
  }
}

TEST_CASE_FIXTURE(Incident, "Outputs that were lost are told from events that were") {
  std::vector<Output> came;
  for (std::size_t i = 0; i < right.size(); ++i) {
    // The last one of a key would be missing, too, where its event was not counted.
    const bool last_of_key =
        std::none_of(right.begin() + static_cast<std::ptrdiff_t>(i) + 1, right.end(),
                     [&](const Output& later) { return later.key == right[i].key; });
    if (i % 4 != 0 || last_of_key) came.push_back(right[i]);
  }
  const Explanations causes = Causes(came);
  REQUIRE(causes.found.size() == 1);
  CHECK(causes.found.front().what == "outputs were lost, though their events were counted");
  CHECK(causes.found.front().explains == *causes.found.front().tried);
}

TEST_CASE_FIXTURE(Incident, "What has several causes is not explained by one") {
  // Of every third key an output is lost, of every third one is another amount.
  std::vector<Output> came = right;
  std::size_t i = 0;
  for (Output& output : came) {
    if (++i % 3 == 0) output.value.insert(output.value.size() - 1, R"(,"more":1)");
  }
  const Replay replay(spec, {}, std::nullopt, 2);
  const auto causes =
      CausesOf(replay, rules, "purchase-aggregates", came, DifferingKeys(right, came));
  REQUIRE(causes.has_value());
  CHECK(causes->differing > 3);
  CHECK(causes->found.empty());
}

TEST_CASE_FIXTURE(Incident, "Where many keys are looked at, all is as with few") {
  spec = SpecOf("fraud-ring", 2'000'000);
  spec.scenario.population.players = 200'000;
  rule = OnlyRuleNamed(rules, "fraud-detection");
  lines = LinesFor(spec, rule);
  right = OutputsOf(rule, lines);
  RuleSet wrong = rule;
  wrong.rules[0].alternatives[0].when->of[1].number = 7;
  const std::vector<Output> came = OutputsOf(wrong, lines);
  std::set<std::string> keys;
  std::set<std::string> examples;
  for (const Output& output : right) keys.insert(output.key);
  CHECK(keys.size() > Suspects::kMostKeys);
  for (const std::string& key : DifferingKeys(right, came)) {
    if (examples.size() < 5) examples.insert(key);
  }
  const Replay replay(spec, {}, std::nullopt, 2);
  const auto causes = CausesOf(replay, rules, "fraud-alerts", came, examples);
  REQUIRE(causes.has_value());
  CHECK(causes->differing + causes->agreeing <= Suspects::kMostKeys + examples.size());
  CHECK(causes->differing + causes->agreeing > Suspects::kMostKeys / 4);
  REQUIRE(!causes->found.empty());
  CHECK(causes->found.front().explains == causes->differing);
  CHECK(causes->found.front().agrees == causes->agreeing);
}

}  // namespace
}  // namespace playload
