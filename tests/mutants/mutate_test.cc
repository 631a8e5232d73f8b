#include "generator/mutants/mutate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "generator/rules/load.h"

namespace playload {
namespace {

RuleSet Rules(const std::string& name) {
  Result<RuleSet> rules = LoadRuleSet(name);
  REQUIRE_MESSAGE(rules, rules.error().message());
  return *rules;
}

bool Has(const std::vector<Mutant>& mutants, std::string_view what) {
  return std::any_of(mutants.begin(), mutants.end(),
                     [&](const Mutant& mutant) { return mutant.what == what; });
}

TEST_CASE("MutantsOf: what pipelines have wrong with the reference rules") {
  const std::vector<Mutant> mutants = MutantsOf(Rules("dataflow"));
  for (const char* what : {
           "'transactions > 5' is 'transactions > 6'",
           "'transactions > 5' is 'transactions > 4'",
           "'transactions > 5' is 'transactions >= 5'",
           "'currencies > 1' is 'currencies >= 1'",
           "currencies counts without regard to what is the same",
           "alternatives 1 and 2 are in the other order",
           "alternative 2, 'currencies > 1', is missing",
           "the key is parameters.transaction_id",
           "the key is user_data.platform",
           "refunds are ignored",
           "JPY is ignored",
           "'parameters.cpu_load > 80' is 'parameters.cpu_load > 79'",
           "'parameters.memory_usage > 80' is 'parameters.memory_usage >= 80'",
           "1 event in 10,000 is lost",
           "1 event in 10,000 comes twice",
           "state is lost after every 10,000 events",
       }) {
    CAPTURE(what);
    CHECK(Has(mutants, what));
  }
}

TEST_CASE("MutantsOf: windows, cool-downs, where and arrival") {
  const std::vector<Mutant> velocity = MutantsOf(Rules("velocity"));
  CHECK(Has(velocity, "the window of 10m is 1 ms longer"));
  CHECK(Has(velocity, "the window of 10m is 1 ms shorter"));
  CHECK(Has(velocity, "the window is tumbling"));
  CHECK(Has(velocity, "there is no cool-down"));
  CHECK(Has(velocity, "purchases is without its 'where'"));
  CHECK(Has(velocity, "arrival is taken for the event's time"));
  const std::vector<Mutant> overload = MutantsOf(Rules("sustained-overload"));
  CHECK(Has(overload, "the window of the last 5 is one less"));
  CHECK(Has(overload, "worst is the least"));
}

TEST_CASE("MutantsOf: each is valid, of one rule, and unlike its rule and all others") {
  for (const std::string& name : BuiltInRuleSets()) {
    CAPTURE(name);
    const RuleSet rules = Rules(name);
    const std::vector<Mutant> mutants = MutantsOf(rules);
    CHECK(mutants.size() >= 8);
    for (std::size_t i = 0; i < mutants.size(); ++i) {
      const Mutant& mutant = mutants[i];
      CAPTURE(mutant.what);
      REQUIRE(mutant.rules.rules.size() == 1);
      CHECK(CheckRules(mutant.rules).ok());
      const bool same_rules = mutant.rules.rules.front() == rules.rules[mutant.rule];
      CHECK(same_rules == (mutant.feed != Mutant::Feed::kWhole || mutant.arrival_time));
      for (std::size_t j = 0; j < i && !same_rules; ++j) {
        CHECK_FALSE(
            (mutants[j].rule == mutant.rule && mutants[j].rules.rules == mutant.rules.rules));
      }
    }
  }
}

}  // namespace
}  // namespace playload
