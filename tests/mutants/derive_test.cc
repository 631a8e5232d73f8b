#include "generator/mutants/derive.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "generator/rules/load.h"
#include "scenarios/script.h"

namespace playload {
namespace {

RuleSet Rules(const std::string& text) {
  Result<RuleSet> rules = ParseRuleSet("mine.yaml", text);
  REQUIRE_MESSAGE(rules, rules.error().message());
  return *rules;
}

std::vector<std::string> Texts(const std::vector<Script>& scripts) {
  std::vector<std::string> texts;
  for (const Script& script : scripts) texts.push_back(ScriptText(script));
  return texts;
}

std::vector<std::string> BuiltIn(const std::string& name, const std::string& rule) {
  const Result<RuleSet> rules = LoadRuleSet(name);
  REQUIRE_MESSAGE(rules, rules.error().message());
  for (const DerivedProbes::OfRule& of : DeriveProbes(*rules).rules) {
    if (of.rule == rule) return Texts(of.scripts);
  }
  return {};
}

void HasAll(const std::vector<std::string>& texts, const std::vector<std::string>& wanted) {
  for (const std::string& text : wanted) {
    CAPTURE(text);
    CHECK(std::count(texts.begin(), texts.end(), text) == 1);
  }
}

TEST_CASE("DeriveProbes: what the fraud rule of the reference pipeline asks for") {
  HasAll(BuiltIn("dataflow", "fraud-detection"),
         {"purchase USD x4", "purchase USD x5", "purchase USD x6",  // N - 1, N, N + 1
          "purchase USD x3",                                        // six events of two keys
          "purchase USD x2", "purchase USD, purchase EUR",          // one currency, another one
          "purchase EUR, purchase USD", "purchase USD, purchase EUR, purchase USD",
          "purchase USD x5, refund", "purchase USD x4, refund",  // a refund that counts
          "purchase USD, purchase EUR x5"});                     // both reasons
  CHECK(BuiltIn("dataflow", "player-session-analytics").empty());
}

TEST_CASE("DeriveProbes: percentages one below, at, and one above") {
  HasAll(BuiltIn("dataflow", "server-health-monitor"),
         {"cpu 79 memory 50 latency 50, cpu 80 memory 50 latency 50, cpu 81 memory 50 latency 50",
          "cpu 50 memory 79 latency 50, cpu 50 memory 80 latency 50, cpu 50 memory 81 latency 50",
          "cpu 80 memory 80 latency 5000"});
}

TEST_CASE("DeriveProbes: the edges of windows and cool-downs, one millisecond before and after") {
  HasAll(BuiltIn("velocity", "velocity"), {"purchase USD x3, after 9m59.999s from 1, purchase USD",
                                           "purchase USD x3, after 10m from 1, purchase USD",
                                           "purchase USD x3, after 10m0.001s from 1, purchase USD",
                                           "purchase USD x7, after 9m59.999s from 4, purchase USD",
                                           "purchase USD x7, after 10m from 4, purchase USD",
                                           "purchase USD x7, after 10m0.001s from 4, purchase USD",
                                           "purchase USD x3, refund", "purchase USD x2"});
  HasAll(BuiltIn("refund-abuse", "refund-abuse"),
         {"purchase USD, after 29m59.999s, refund x2", "purchase USD, after 30m, refund x2",
          "purchase USD, after 30m0.001s, refund x2"});
  HasAll(BuiltIn("impossible-travel", "impossible-travel"),
         {"purchase USD, after 59m59.999s, purchase EUR", "purchase USD, after 1h, purchase EUR",
          "purchase USD, after 1h0.001s, purchase EUR"});
}

TEST_CASE("DeriveProbes: the edges of tumbling windows, one millisecond before and after") {
  HasAll(BuiltIn("level-spike", "level-spike"),
         {"level_complete x10, at 1m, level_complete",
          "level_complete x10, at 1m - 1ms, level_complete",
          "level_complete x10, at 1m + 1ms, level_complete"});
  HasAll(BuiltIn("spend-per-minute", "spend-per-minute"),
         {"at 1m, purchase USD", "at 1m - 1ms, purchase USD", "at 1m + 1ms, purchase USD"});
}

TEST_CASE("DeriveProbes: the last N, and levels") {
  HasAll(BuiltIn("sustained-overload", "sustained-overload"),
         {"cpu 81 memory 50 latency 50 x2", "cpu 81 memory 50 latency 50 x3",
          "cpu 81 memory 50 latency 50 x4", "cpu 81 memory 50 latency 50 x6"});
  HasAll(BuiltIn("level-spike", "level-spike"),
         {"level_complete x9", "level_complete x10", "level_complete x11", "level_complete x6"});
}

TEST_CASE("DeriveProbes: items, amounts and latencies that conditions name") {
  const RuleSet rules = Rules(
      "rule_set: mine\nrules:\n"
      "  - rule: skins\n    input: purchase-events\n    key: user_data.user_id\n"
      "    when: parameters.item_type == \"skin\"\n    output: a\n    record: {user: key}\n"
      "  - rule: large\n    input: purchase-events\n    key: user_data.user_id\n"
      "    when: parameters.amount > 10\n    output: b\n    record: {user: key}\n"
      "  - rule: slow\n    input: server-metrics\n    key: parameters.server_id\n"
      "    when: parameters.latency >= 1000\n    output: c\n    record: event\n");
  const DerivedProbes probes = DeriveProbes(rules);
  REQUIRE(probes.rules.size() == 3);
  for (const DerivedProbes::OfRule& of : probes.rules) {
    CAPTURE(of.rule);
    CHECK_FALSE(of.scripts.empty());
  }
  const std::vector<std::string> skins = Texts(probes.rules[0].scripts);
  CHECK(std::any_of(skins.begin(), skins.end(), [](const std::string& text) {
    return text.find("purchase USD skin_") != std::string::npos;
  }));
  HasAll(Texts(probes.rules[2].scripts),
         {"cpu 50 memory 50 latency 999, cpu 50 memory 50 latency 1000, "
          "cpu 50 memory 50 latency 1001"});
}

TEST_CASE("DeriveProbes: each script once, and the same ones every time") {
  const Result<RuleSet> rules = LoadRuleSet("dataflow");
  REQUIRE(rules);
  const DerivedProbes probes = DeriveProbes(*rules);
  std::vector<std::string> texts = Texts(probes.Scripts(false));
  CHECK(texts == Texts(DeriveProbes(*rules).Scripts(false)));
  std::sort(texts.begin(), texts.end());
  CHECK(std::adjacent_find(texts.begin(), texts.end()) == texts.end());
  for (const Script& script : probes.Scripts(true)) CHECK(script.server);
}

}  // namespace
}  // namespace playload
