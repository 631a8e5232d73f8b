#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "personas/load.h"
#include "scenarios/load.h"
#include "tests/scenarios/same.h"

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// ParseScenario(ResolvedText(s)) is s, and its resolved text is the same text again.
void CheckRoundTrip(const Scenario& scenario) {
  const std::string text = ResolvedText(scenario);
  const Result<Scenario> again = ParseScenario("resolved", text, {});
  REQUIRE_MESSAGE(again, again.error().message() << "\n" << text);
  CHECK(Differences(scenario, *again) == "");
  CHECK(ResolvedText(*again) == text);
}

// A small generator of test cases; any will do that gives the same cases everywhere.
class Cases {
 public:
  explicit Cases(std::uint64_t seed) : state_(seed) {}
  std::int64_t Below(std::int64_t bound) {
    state_ = state_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    return static_cast<std::int64_t>((state_ >> 33) % static_cast<std::uint64_t>(bound));
  }
  // `count` parts, each above 0, that sum to one.
  std::vector<std::int64_t> Parts(int count) {
    std::vector<std::int64_t> parts;
    std::int64_t left = kProbabilityOne;
    for (int i = 1; i < count; ++i) {
      parts.push_back(1 + Below(left / 2));
      left -= parts.back();
    }
    parts.push_back(left);
    return parts;
  }
  // A window that the format can say.
  Window MakeWindow() {
    Window w;
    w.at_ns = Below(1'000'000'007);
    if (Below(3) > 0) w.lasts_ns = 2'000 + Below(100 * kSecond);
    if (w.lasts_ns > 0 && Below(2) > 0) w.every_ns = w.lasts_ns + Below(1'000 * kSecond);
    return w;
  }

 private:
  std::uint64_t state_;
};

Scenario MakeScenario(std::uint64_t seed, const std::vector<Persona>& personas) {
  Cases cases(seed);
  Scenario s;
  s.name = "random-" + std::to_string(seed);
  if (seed % 3 > 0) s.about = "Number " + std::to_string(seed) + ": \"quoted\", {braces} \\ # no";
  s.personas = personas;
  s.population.players = static_cast<std::uint64_t>(1 + cases.Below(1'000'000'000));
  const int mixed = static_cast<int>(personas.size()) - 1;
  for (const std::int64_t parts : cases.Parts(mixed)) {
    s.population.mix.push_back({static_cast<int>(s.population.mix.size()), parts});
  }
  for (const std::int64_t parts : cases.Parts(1 + static_cast<int>(cases.Below(10)))) {
    s.population.currencies.push_back({static_cast<int>(s.population.currencies.size()), parts});
  }
  s.population.console_parts = cases.Below(kProbabilityOne + 1);
  s.population.levels = 1 + static_cast<int>(cases.Below(60));
  s.population.maps_per_level = 1 + static_cast<int>(cases.Below(4));
  if (cases.Below(2) > 0) {
    s.population.life_sessions = 1 + static_cast<double>(cases.Below(1'000'000'007)) / 7e7;
  }
  s.servers.players_per_server = 8 + static_cast<int>(cases.Below(1'017));
  s.servers.report_every_ms = 125 * (1 + cases.Below(1'000));
  for (const std::int64_t parts : cases.Parts(1 + static_cast<int>(cases.Below(16)))) {
    s.servers.regions.push_back({"r-" + std::to_string(s.servers.regions.size()), parts});
  }
  s.servers.virtual_parts = cases.Below(kProbabilityOne + 1);
  const std::int64_t frauds = 1 + cases.Below(16);
  for (std::int64_t i = 0; i < frauds; ++i) {
    FraudIncident incident;
    incident.name = "fraud-" + std::to_string(i);
    incident.window = cases.MakeWindow();
    incident.share_parts = 1 + cases.Below(kProbabilityOne / 16);
    // The last persona is in no mix, so the first incident names it first.
    incident.personas.push_back(mixed);
    for (std::int64_t k = cases.Below(4); k > 0; --k) {
      incident.personas.push_back(static_cast<int>(cases.Below(mixed + 1)));
    }
    s.fraud.push_back(std::move(incident));
  }
  const std::int64_t overloads = cases.Below(17);
  for (std::int64_t i = 0; i < overloads; ++i) {
    OverloadIncident incident;
    incident.name = "overload-" + std::to_string(i);
    incident.window = cases.MakeWindow();
    incident.region = static_cast<int>(cases.Below(std::ssize(s.servers.regions) + 1)) - 1;
    incident.ramp_ns = cases.Below(1'000);
    incident.cpu = static_cast<int>(cases.Below(101));
    incident.memory = static_cast<int>(cases.Below(100)) + 1;
    incident.latency = static_cast<int>(cases.Below(10'001));
    incident.cap = 1 + static_cast<int>(cases.Below(100));
    s.overload.push_back(std::move(incident));
  }
  const std::int64_t faults = cases.Below(17);
  for (std::int64_t i = 0; i < faults; ++i) {
    FaultIncident incident;
    incident.name = "fault-" + std::to_string(i);
    incident.window = cases.MakeWindow();
    incident.kind = static_cast<FaultKind>(cases.Below(kFaultKinds));
    incident.share_parts = 1 + cases.Below(kProbabilityOne / 64);
    incident.of = static_cast<std::uint8_t>(1 + cases.Below(7));
    if (incident.kind == FaultKind::kLate || incident.kind == FaultKind::kClockSkew) {
      incident.by_least_ns = cases.Below(100 * kSecond);
      incident.by_most_ns = incident.by_least_ns + 1 + cases.Below(100 * kSecond);
    }
    if (incident.kind == FaultKind::kCorrupt) {
      incident.how = static_cast<std::uint8_t>(1 + cases.Below((1 << kCorruptions) - 1));
    }
    if (incident.kind == FaultKind::kClockSkew) {
      incident.of = 4;
      incident.region = static_cast<int>(cases.Below(std::ssize(s.servers.regions) + 1)) - 1;
    }
    s.faults.push_back(std::move(incident));
  }
  const std::int64_t stages = 1 + cases.Below(5);
  for (std::int64_t i = 0; i < stages; ++i) {
    Stage stage;
    stage.from_milli_rate = 1 + cases.Below(1'000'000'000);
    stage.to_milli_rate =
        cases.Below(2) > 0 ? stage.from_milli_rate : 1 + cases.Below(1'000'000'000);
    const bool endless = i + 1 == stages && stage.from_milli_rate == stage.to_milli_rate;
    if (!endless || cases.Below(2) > 0) stage.lasts_ns = 1 + cases.Below(1'000 * kSecond);
    s.plan.push_back(stage);
  }
  if (cases.Below(2) > 0) s.duration_ns = 1 + cases.Below(1'000'000 * kSecond);
  return s;
}

TEST_CASE("Resolved text: reads back as the same scenario, for all built-ins") {
  for (const std::string& name : BuiltInScenarios()) {
    CAPTURE(name);
    const Result<Scenario> scenario = LoadScenario(name, {});
    REQUIRE_MESSAGE(scenario, scenario.error().message());
    CheckRoundTrip(*scenario);
  }
}

TEST_CASE("Resolved text: reads back as the same scenario, for any scenario") {
  std::vector<Persona> personas;
  for (const std::string& name : BuiltInPersonas()) {
    Result<Persona> persona = BuiltInPersona(name);
    REQUIRE_MESSAGE(persona, persona.error().message());
    personas.push_back(std::move(*persona));
  }
  REQUIRE(personas.size() >= 2);
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    CheckRoundTrip(MakeScenario(seed, personas));
  }
}

TEST_CASE("Resolved text: `about` survives whatever it holds") {
  Result<Scenario> scenario = LoadScenario("steady", {});
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  for (const std::string about :
       {"- a list? {a: map}", "#no comment", "\"", "\\", "'", "two\nlines\n\nof text", "tab\there",
        "\x01\x1f", "caf\xc3\xa9 \xe2\x82\xac", "yes", "null", "~", " leading", ": x"}) {
    CAPTURE(about);
    scenario->about = about;
    CheckRoundTrip(*scenario);
  }
}

TEST_CASE("Resolved text: does not depend on where personas came from") {
  Result<Persona> given = ParsePersona("mine.yaml", BuiltInPersonaText("casual"));
  REQUIRE_MESSAGE(given, given.error().message());
  const Result<Scenario> built_in = LoadScenario("steady", {});
  const Result<Scenario> from_file = LoadScenario("steady", {*given});
  REQUIRE(built_in);
  REQUIRE_MESSAGE(from_file, from_file.error().message());
  CHECK(ResolvedText(*built_in) == ResolvedText(*from_file));
}

// The manifest's scenario is the scenario, also for a version whose built-in personas are others.
TEST_CASE("Resolved text: an inlined persona beats the built-in one of the same name") {
  Result<Scenario> scenario = LoadScenario("steady", {});
  REQUIRE(scenario);
  scenario->personas[0].mean_sessions = 1.0625;
  scenario->personas[0].about = "Another.";
  CheckRoundTrip(*scenario);
}

TEST_CASE("Resolved text: says every default") {
  const Result<Scenario> scenario = ParseScenario(
      "my.yaml", "scenario: short\npopulation: {players: 5, mix: {casual: 1}}\nplan: {rate: 10}\n",
      {});
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  const std::string text = ResolvedText(*scenario);
  const std::string expected =
      "scenario: short\n"
      "profile: dataflow\n"
      "compat: false\n"
      "population:\n"
      "  players: 5\n"
      "  mix: {casual: 1}\n"
      "  currencies: {USD: 1}\n"
      "  console: 0.4\n"
      "  life: persona\n"
      "  levels: 30\n"
      "  maps_per_level: 3\n"
      "servers:\n"
      "  players_per_server: 128\n"
      "  report_every: 1m\n"
      "  regions: {us-west: 1}\n"
      "  virtual: 0\n"
      "plan:\n"
      "  stages:\n"
      "    - {rate: 10, for: forever}\n"
      "duration: forever\n"
      "inline_personas:\n"
      "  - persona: casual\n";
  CHECK(text.substr(0, expected.size()) == expected);
}

}  // namespace
}  // namespace playload
