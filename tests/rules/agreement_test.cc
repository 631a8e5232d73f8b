// The two evaluators share a rule set and no code that evaluates it: over thousands of random rule
// sets and streams they must put out the same, byte for byte. A failure prints its seed; the same
// seed makes the same case again.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "generator/rules/load.h"
#include "tests/rules/both.h"
#include "tests/rules/random_rules.h"

namespace playload {
namespace {

using testing::IncrementalOutputs;
using testing::RandomRules;

// What the cases had in them: a generator that never makes a late event would prove little.
struct Coverage {
  std::array<std::uint64_t, 5> windows{};
  std::array<std::uint64_t, 5> closing{};  // of them, those that answer when they close
  std::array<std::uint64_t, kAggregateForms> aggregates{};
  std::map<RuleStep::Answer, std::uint64_t> answers;
  std::array<std::uint64_t, 5> edges{};  // events at the edge of lateness
  std::array<std::uint64_t, 5> closing_edges{};
  std::uint64_t outputs = 0;
  std::uint64_t second_choices = 0;
  std::uint64_t open = 0;
  std::uint64_t waiting = 0;
};

std::uint64_t Cases(std::uint64_t otherwise) {
  const char* const wanted = std::getenv("PLAYLOAD_TEST_CASES");
  return wanted == nullptr ? otherwise : std::strtoull(wanted, nullptr, 10);
}

void CheckOne(std::uint64_t seed, Coverage* coverage) {
  CAPTURE(seed);
  RandomRules random(seed);
  const RuleSet made = random.Rules();
  const Status good = CheckRules(made);
  REQUIRE_MESSAGE(good.ok(), good.message());
  const std::string text = RuleSetText(made);
  CAPTURE(text);
  const Result<RuleSet> read = ParseRuleSet("random", text);
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  REQUIRE(*read == made);

  const std::vector<RecordedEvent> stream = random.Stream(5 + static_cast<unsigned>(seed % 60));
  std::vector<NaiveEdge> naive_edges;
  const std::vector<NaiveOutput> naive = NaiveOutputs(made, stream, &naive_edges);
  std::vector<RuleStep> steps;
  std::vector<NaiveEdge> edges;
  const std::vector<NaiveOutput> incremental = IncrementalOutputs(*read, stream, &steps, &edges);
  for (std::size_t i = 0; i < std::max(naive.size(), incremental.size()); ++i) {
    const std::string expected = i < naive.size() ? testing::Text(naive[i]) : "nothing";
    const std::string got = i < incremental.size() ? testing::Text(incremental[i]) : "nothing";
    CAPTURE(i);
    REQUIRE(got == expected);
  }
  REQUIRE(edges == naive_edges);
  // Looking at the steps changes nothing.
  if (seed % 7 == 0) REQUIRE(IncrementalOutputs(*read, stream) == incremental);

  for (const Rule& rule : made.rules) {
    ++coverage->windows[static_cast<unsigned>(rule.window.form)];
    if (rule.window.closes()) ++coverage->closing[static_cast<unsigned>(rule.window.form)];
    for (const StateValue& value : rule.state) {
      ++coverage->aggregates[static_cast<unsigned>(value.aggregate)];
    }
  }
  for (const RuleStep& step : steps) ++coverage->answers[step.answer];
  for (const NaiveEdge& edge : edges) {
    const RuleWindow& window = made.rules[edge.rule].window;
    auto& of = window.closes() ? coverage->closing_edges : coverage->edges;
    ++of[static_cast<unsigned>(window.form)];
  }
  coverage->outputs += naive.size();
  for (const NaiveOutput& output : naive) {
    coverage->second_choices += output.alternative > 0 ? 1 : 0;
    coverage->open += output.open ? 1 : 0;
    coverage->waiting += !output.open && output.wait_ns > 0 ? 1 : 0;
  }
}

TEST_CASE("Both evaluators say the same of random rules over random streams") {
  Coverage coverage;
  const std::uint64_t cases = Cases(4'000);
  for (std::uint64_t seed = 1; seed <= cases; ++seed) CheckOne(seed, &coverage);
  MESSAGE(cases << " cases, " << coverage.outputs << " outputs, "
                << coverage.answers[RuleStep::Answer::kLate] << " late events, "
                << coverage.answers[RuleStep::Answer::kCoolDown] << " held back by a cool-down, "
                << coverage.waiting << " windows that closed, " << coverage.open << " left open");
  if (cases < 1'000) return;
  for (const std::uint64_t count : coverage.windows) CHECK(count > cases / 10);
  for (const std::uint64_t count : coverage.aggregates) CHECK(count > cases / 10);
  for (const auto answer :
       {RuleStep::Answer::kNotValid, RuleStep::Answer::kLate, RuleStep::Answer::kNothing,
        RuleStep::Answer::kCoolDown, RuleStep::Answer::kOutput, RuleStep::Answer::kCounted}) {
    CHECK(coverage.answers[answer] > cases / 4);
  }
  CHECK(coverage.closing[static_cast<unsigned>(RuleWindow::Form::kTumbling)] > cases / 10);
  CHECK(coverage.closing[static_cast<unsigned>(RuleWindow::Form::kSession)] > cases / 10);
  for (const auto form :
       {RuleWindow::Form::kTumbling, RuleWindow::Form::kSliding, RuleWindow::Form::kSession}) {
    CHECK(coverage.edges[static_cast<unsigned>(form)] > cases / 50);
    if (form == RuleWindow::Form::kSliding) continue;
    CHECK(coverage.closing_edges[static_cast<unsigned>(form)] > cases / 50);
  }
  CHECK(coverage.waiting > cases / 4);
  CHECK(coverage.open > cases / 4);
  CHECK(coverage.outputs > cases);
  CHECK(coverage.second_choices > cases / 10);
}

// Long histories of few keys: what a window keeps is tidied up many times.
TEST_CASE("Both evaluators say the same over long streams") {
  for (std::uint64_t seed = 1; seed <= Cases(400) / 10; ++seed) {
    CAPTURE(seed);
    RandomRules random(seed * 1'000'003);
    const RuleSet rules = random.Rules();
    const std::vector<RecordedEvent> stream = random.Stream(600);
    const std::vector<NaiveOutput> naive = NaiveOutputs(rules, stream);
    const std::vector<NaiveOutput> incremental = IncrementalOutputs(rules, stream);
    CAPTURE(RuleSetText(rules));
    REQUIRE(incremental == naive);
  }
}

TEST_CASE("Both evaluators say the same over streams in disorder") {
  for (std::uint64_t seed = 1; seed <= Cases(4'000); ++seed) {
    CAPTURE(seed);
    RandomRules random(seed * 1'000'033);
    const RuleSet rules = random.Rules();
    const std::vector<RecordedEvent> stream = random.Jumble(60, rules.rules.front().input);
    CAPTURE(RuleSetText(rules));
    std::vector<NaiveEdge> naive_edges;
    std::vector<NaiveEdge> edges;
    const std::vector<NaiveOutput> naive = NaiveOutputs(rules, stream, &naive_edges);
    REQUIRE(IncrementalOutputs(rules, stream, nullptr, &edges) == naive);
    REQUIRE(edges == naive_edges);
  }
}

// What the edge is for: a key of which no event is at it has the same outputs in every reading of
// lateness within the edge.
TEST_CASE("Who is not at the edge of lateness counts the same for readers who draw it elsewhere") {
  std::uint64_t judged = 0;
  std::uint64_t left_out = 0;
  for (std::uint64_t seed = 1; seed <= Cases(4'000); ++seed) {
    CAPTURE(seed);
    RandomRules random(seed * 1'000'037);
    RuleSet rules = random.Rules();
    rules.rules.resize(1);
    Rule& rule = rules.rules.front();
    if (!rule.window.of_time() || rule.window.edge_ns == 0) continue;
    rule.output_key = KeyExpr();
    const std::vector<RecordedEvent> stream = random.Jumble(60, rule.input);
    CAPTURE(RuleSetText(rules));
    std::vector<NaiveEdge> edges;
    const std::vector<NaiveOutput> here = IncrementalOutputs(rules, stream, nullptr, &edges);

    RuleSet keys = rules;
    keys.rules.front() = Rule{};
    keys.rules.front().input = rule.input;
    keys.rules.front().key = rule.key;
    keys.rules.front().alternatives.push_back({std::nullopt, true, {}, 0});
    std::set<std::string> unsure;
    std::set<std::string> all;
    for (const NaiveOutput& of_event : IncrementalOutputs(keys, stream)) {
      all.insert(of_event.key);
      if (std::find(edges.begin(), edges.end(), NaiveEdge{of_event.event, 0}) != edges.end()) {
        unsure.insert(of_event.key);
      }
    }
    judged += all.size() - unsure.size();
    left_out += unsure.size();
    const auto by_key = [&](const std::vector<NaiveOutput>& outputs) {
      std::map<std::string, std::vector<std::string>> values;
      for (const NaiveOutput& output : outputs) {
        if (!unsure.contains(output.key)) values[output.key].push_back(output.value);
      }
      return values;
    };
    for (const std::int64_t by : {-rule.window.edge_ns, -rule.window.edge_ns / 2,
                                  rule.window.edge_ns / 3, rule.window.edge_ns}) {
      CAPTURE(by);
      RuleSet elsewhere = rules;
      std::int64_t& lateness = elsewhere.rules.front().window.lateness_ns;
      lateness = std::max<std::int64_t>(0, lateness + by);
      REQUIRE(by_key(IncrementalOutputs(elsewhere, stream)) == by_key(here));
    }
  }
  if (Cases(4'000) < 1'000) return;
  CHECK(judged > 200);
  CHECK(left_out > 200);
}

TEST_CASE("Both evaluators say the same of the built-in rule sets") {
  for (const std::string& name : BuiltInRuleSets()) {
    CAPTURE(name);
    const Result<RuleSet> rules = LoadRuleSet(name);
    REQUIRE_MESSAGE(rules.has_value(), rules.error().message());
    RuleSet again = *rules;
    again.text = RuleSetText(*rules);
    const Result<RuleSet> read = ParseRuleSet(name, again.text);
    REQUIRE_MESSAGE(read.has_value(), read.error().message());
    CHECK(*read == *rules);
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const std::vector<RecordedEvent> stream = RandomRules(seed).Stream(400);
      const std::vector<NaiveOutput> naive = NaiveOutputs(*rules, stream);
      REQUIRE(IncrementalOutputs(*rules, stream) == naive);
      if (name == "dataflow") CHECK(naive.size() > 100);
    }
  }
}

}  // namespace
}  // namespace playload
