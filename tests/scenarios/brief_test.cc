#include "scenarios/brief.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "scenarios/load.h"

namespace playload {
namespace {

TEST_CASE("BriefText: reads as the same scenario, and nothing in it could be left out") {
  for (const std::string& name : BuiltInScenarios()) {
    const Result<Scenario> scenario = LoadScenario(name, {});
    REQUIRE(scenario);
    const std::string brief = BriefText(*scenario);
    const Result<Scenario> read = ParseScenario("test", brief, {});
    REQUIRE_MESSAGE(read, read.error().message());
    CHECK(ResolvedText(*read) == ResolvedText(*scenario));
    // Built-in personas are named, not written out.
    CHECK(brief.find("inline_personas") == std::string::npos);
    CHECK(brief.find("profile:") == std::string::npos);
    CHECK(brief.size() < ResolvedText(*scenario).size());
  }
}

TEST_CASE("BriefText: the smallest scenario is as short as a person would write it") {
  const Result<Scenario> scenario = ParseScenario(
      "test", "scenario: s\npopulation: {players: 5, mix: {casual: 1}}\nplan: {rate: 9}\n", {});
  REQUIRE(scenario);
  CHECK(BriefText(*scenario) ==
        "scenario: s\npopulation:\n  players: 5\n  mix: {casual: 1}\n"
        "plan:\n  stages:\n    - {rate: 9, for: forever}\n");
}

TEST_CASE("BriefText: a persona of the user's own is written out") {
  Result<Scenario> scenario = LoadScenario("steady", {});
  REQUIRE(scenario);
  scenario->personas.front().mean_sessions += 1;
  const std::string brief = BriefText(*scenario);
  const std::string own = "  - persona: " + scenario->personas.front().name + "\n";
  CHECK(brief.find("inline_personas:\n" + own) != std::string::npos);
  CHECK(std::count(brief.begin(), brief.end(), '\n') < 100);
  const Result<Scenario> read = ParseScenario("test", brief, {});
  REQUIRE(read);
  CHECK(ResolvedText(*read) == ResolvedText(*scenario));
}

}  // namespace
}  // namespace playload
