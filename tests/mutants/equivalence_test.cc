#include "generator/mutants/equivalence.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "generator/mutants/probe_search.h"
#include "generator/rules/load.h"

namespace playload {
namespace {

RuleSet OneRule(const std::string& body) {
  Result<RuleSet> rules =
      ParseRuleSet("mine.yaml", "rule_set: mine\nrules:\n  - rule: one\n" + body);
  REQUIRE_MESSAGE(rules, rules.error().message());
  return *rules;
}

std::string Proof(const RuleSet& rules, const std::string& what) {
  const std::vector<Mutant> mutants = MutantsOf(rules);
  const auto mutant = std::find_if(mutants.begin(), mutants.end(), [&](const Mutant& m) {
    return m.what.find(what) != std::string::npos;
  });
  REQUIRE_MESSAGE(mutant != mutants.end(), what);
  return ProvenEquivalent(OnlyRule(rules, mutant->rule), *mutant).value_or("none");
}

TEST_CASE("ProvenEquivalent: two fields that hold the same in every event") {
  const Result<RuleSet> rules = LoadRuleSet("level-spike");
  REQUIRE(rules);
  CHECK(Proof(*rules, "the key is parameters.player_id").find("proven: ") == 0);
  CHECK(Proof(*rules, "the key is parameters.session_id") == "none");
  // Also where the key is put out as the last value of the field that it was.
  const RuleSet closed = OneRule(
      "    input: player-events\n    key: user_data.user_id\n"
      "    window: {tumbling: 5s, answer: closed}\n    state: {n: count}\n"
      "    output: a\n    record: {user: key, n: n}\n");
  CHECK(Proof(closed, "the key is parameters.player_id").find("proven: ") == 0);
  CHECK(Proof(closed, "the key is parameters.session_id") == "none");
}

TEST_CASE("ProvenEquivalent: conditions over one event, by all cases that they can tell apart") {
  const RuleSet rules = OneRule(
      "    input: server-metrics\n    key: parameters.server_id\n"
      "    when: parameters.cpu_load > 80 and parameters.cpu_load > 70 or "
      "server_data.region == \"us\"\n"
      "    output: a\n    record: event\n");
  CHECK(Proof(rules, "'parameters.cpu_load > 70' is 'parameters.cpu_load > 71'").find("proven") ==
        0);
  CHECK(Proof(rules, "'parameters.cpu_load > 70' is 'parameters.cpu_load >= 70'").find("proven") ==
        0);
  CHECK(Proof(rules, "'parameters.cpu_load > 80' is 'parameters.cpu_load > 81'") == "none");
}

// A proof and a probe exclude each other: over every mutant of the built-in rules.
TEST_CASE("ProvenEquivalent: never where a sequence tells the two apart") {
  int proven = 0;
  for (const std::string& name : BuiltInRuleSets()) {
    const Result<RuleSet> rules = LoadRuleSet(name);
    REQUIRE(rules);
    for (const Mutant& mutant : MutantsOf(*rules)) {
      const RuleSet rule = OnlyRule(*rules, mutant.rule);
      if (!ProvenEquivalent(rule, mutant)) continue;
      ++proven;
      CAPTURE(mutant.what);
      CHECK_FALSE(SearchProbe(rule, mutant).script.has_value());
    }
  }
  CHECK(proven == 1);
}

}  // namespace
}  // namespace playload
