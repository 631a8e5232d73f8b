#include "generator/mutants/probe_search.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "generator/rules/load.h"
#include "scenarios/script.h"

namespace playload {
namespace {

std::string Found(const std::string& name, std::string_view what) {
  Result<RuleSet> rules = LoadRuleSet(name);
  REQUIRE_MESSAGE(rules, rules.error().message());
  const std::vector<Mutant> mutants = MutantsOf(*rules);
  const auto mutant =
      std::find_if(mutants.begin(), mutants.end(), [&](const Mutant& m) { return m.what == what; });
  REQUIRE_MESSAGE(mutant != mutants.end(), std::string(what));
  const ProbeSearchResult result = SearchProbe(OnlyRule(*rules, mutant->rule), *mutant);
  CHECK(result.tried > 0);
  return result.script ? ScriptText(*result.script) : "none";
}

TEST_CASE("SearchProbe: the shortest sequence at the edge of a threshold") {
  CHECK(Found("dataflow", "'transactions > 5' is 'transactions > 4'") == "purchase USD x5");
  CHECK(Found("dataflow", "'transactions > 5' is 'transactions >= 5'") == "purchase USD x5");
  CHECK(Found("dataflow", "'transactions > 5' is 'transactions > 6'") == "purchase USD x6");
  CHECK(Found("dataflow", "currencies counts without regard to what is the same") ==
        "purchase USD x2");
  CHECK(Found("dataflow", "JPY is ignored") == "purchase JPY");
}

TEST_CASE("SearchProbe: metrics on both sides of a percentage") {
  const std::string found =
      Found("dataflow", "'parameters.cpu_load > 80' is 'parameters.cpu_load > 79'");
  CHECK(found.find("cpu 80 ") == 0);
  CHECK(Found("dataflow", "'parameters.memory_usage > 80' is 'parameters.memory_usage > 81'")
            .find("memory 81 ") != std::string::npos);
}

TEST_CASE("SearchProbe: both sides of a window's edge") {
  // Three at once and one more at the edge: in the longer window it is the fourth.
  const std::string longer = Found("velocity", "the window of 10m is 1 ms longer");
  CHECK(longer.find("after 10m") != std::string::npos);
  const std::string shorter = Found("velocity", "the window of 10m is 1 ms shorter");
  CHECK(shorter.find("after 9m59.999s from 1") != std::string::npos);
}

// Nothing but an event at the very edge shows it.
TEST_CASE("SearchProbe: an edge of the clock") {
  const char* const what = "an event at the end of a window is a part of it";
  CHECK(Found("level-spike", what) == "level_complete x10, at 1m, level_complete");
  CHECK(Found("spend-per-minute", what) == "at 1m, purchase USD");
}

TEST_CASE("SearchProbe: when a window answers") {
  CHECK(Found("spend-per-minute", "windows answer after each event, and not when they close") ==
        "purchase USD x2");
  CHECK(Found("spend-per-minute", "a window is closed by events of its key alone") ==
        "purchase USD");
  CHECK(Found("refund-abuse", "windows answer when they close, and not before") != "none");
}

// Session and player have nothing to tell them apart by: both fields are always the same.
TEST_CASE("SearchProbe: none where rule and mutant mean the same") {
  CHECK(Found("level-spike", "the key is parameters.player_id") == "none");
}

}  // namespace
}  // namespace playload
