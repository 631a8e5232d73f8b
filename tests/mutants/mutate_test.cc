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

RuleSet WithWindow(const std::string& window) {
  Result<RuleSet> rules =
      ParseRuleSet("mine.yaml",
                   "rule_set: mine\nrules:\n  - rule: mine\n    input: purchase-events\n"
                   "    key: user_data.user_id\n    window: {" +
                       window +
                       "}\n    state: {n: count}\n    when: n > 1\n    output: a\n"
                       "    record: {user: key, n: n}\n");
  REQUIRE_MESSAGE(rules, rules.error().message());
  return *rules;
}

TEST_CASE("MutantsOf: windows that are taken wrong, and answers at another time") {
  const std::vector<Mutant> tumbling = MutantsOf(Rules("spend-per-minute"));
  for (const char* what : {
           "nobody may be late",
           "an event at the end of a window is a part of it",
           "a window begins with an event, not at a multiple of 1m",
           "windows answer after each event, and not when they close",
           "windows answer at their end, and again to each event that is late",
           "a window is closed by events of its key alone",
           "the key is parameters.currency",
       }) {
    CAPTURE(what);
    CHECK(Has(tumbling, what));
  }
  const std::vector<Mutant> sliding = MutantsOf(Rules("velocity"));
  CHECK(Has(sliding, "an event 10m before another is in its window"));
  const std::vector<Mutant> session = MutantsOf(Rules("refund-abuse"));
  CHECK(Has(session, "events exactly 30m apart are two sessions"));
  CHECK(Has(session, "two sessions stay two when an event comes between them"));
  CHECK(Has(session, "windows answer when they close, and not before"));
  // Where nobody may be late nobody comes between two sessions, or behind an answer.
  const std::vector<Mutant> in_time = MutantsOf(WithWindow("session: 5s, answer: closed"));
  CHECK_FALSE(Has(in_time, "two sessions stay two when an event comes between them"));
  CHECK_FALSE(Has(in_time, "windows answer at their end, and again to each event that is late"));
  // What the event itself says has no place in the answer of a window.
  CHECK_FALSE(
      Has(MutantsOf(Rules("level-spike")), "windows answer when they close, and not before"));
}

TEST_CASE("MutantsOf: windows by another clock, where it has them at other times") {
  const auto clocks = [](const std::vector<Mutant>& mutants) {
    std::vector<std::string> found;
    for (const Mutant& mutant : mutants) {
      if (mutant.reading.ahead_ns != 0) found.push_back(mutant.what);
    }
    return found;
  };
  using Texts = std::vector<std::string>;
  CHECK(clocks(MutantsOf(WithWindow("tumbling: 1m"))) == Texts{});
  CHECK(clocks(MutantsOf(WithWindow("tumbling: 15m"))) == Texts{});
  CHECK(clocks(MutantsOf(WithWindow("tumbling: 1h"))) ==
        Texts{"windows begin by local time, UTC+5:30"});
  CHECK(clocks(MutantsOf(WithWindow("tumbling: 30m"))) ==
        Texts{"windows begin by local time, UTC+5:45"});
  CHECK(clocks(MutantsOf(WithWindow("tumbling: 1d"))) ==
        Texts{"windows begin by local time, UTC+1"});
  CHECK(clocks(MutantsOf(WithWindow("tumbling: 7d"))) == Texts{"windows begin on Mondays"});
  const Texts further = clocks(FurtherMutantsOf(WithWindow("tumbling: 1d")));
  CHECK(further.size() == 11);
  CHECK(std::find(further.begin(), further.end(), "windows begin by local time, UTC-5") !=
        further.end());
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
      const bool same_reading = mutant.reading == WindowReading();
      CHECK((same_rules && same_reading) ==
            (mutant.feed != Mutant::Feed::kWhole || mutant.arrival_time));
      CHECK((same_rules || same_reading));
      for (std::size_t j = 0; j < i && !same_rules; ++j) {
        CHECK_FALSE(
            (mutants[j].rule == mutant.rule && mutants[j].rules.rules == mutant.rules.rules));
      }
    }
  }
}

}  // namespace
}  // namespace playload
