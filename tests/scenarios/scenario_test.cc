#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "personas/load.h"
#include "scenarios/load.h"

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

using Lines = std::vector<std::string>;

// A scenario with something of everything; tests change single lines of it, counted from 1.
Lines Good() {
  return {
      "scenario: mine",                                  // 1
      "about: A test.",                                  // 2
      "population:",                                     // 3
      "  players: 1000",                                 // 4
      "  mix: {casual: 0.7, regular: 0.3}",              // 5
      "  currencies: {USD: 0.6, EUR: 0.4}",              // 6
      "servers:",                                        // 7
      "  regions: {us-west: 0.5, eu-central: 0.5}",      // 8
      "timeline:",                                       // 9
      "  - {fraud: ring, share: 0.1, personas: [bot]}",  // 10
      "  - {overload: hot, region: us-west, cpu: 50}",   // 11
      "plan: {rate: 1k}",                                // 12
      "duration: 20s",                                   // 13
  };
}

std::string Join(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

Result<Scenario> Parse(const Lines& lines) { return ParseScenario("my.yaml", Join(lines), {}); }

Lines With(std::size_t line, const std::string& text) {
  Lines lines = Good();
  lines[line - 1] = text;
  return lines;
}

std::string ErrorOf(const Lines& lines) {
  const Result<Scenario> scenario = Parse(lines);
  if (scenario) return "no error";
  CHECK(scenario.error().code() == Code::kInvalid);
  CHECK(scenario.error().message().find('\n') == std::string::npos);
  return scenario.error().message();
}

struct Case {
  std::size_t line;  // where the text goes, and where the error must be
  std::string text;
  std::string says;  // part of the message behind "my.yaml:LINE: "
};

void CheckErrors(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const std::string error = ErrorOf(With(c.line, c.text));
    CAPTURE(error);
    const std::string where = "my.yaml:" + std::to_string(c.line) + ": ";
    CHECK(error.substr(0, where.size()) == where);
    CHECK(error.find(c.says) != std::string::npos);
  }
}

// A folder of its own for each test that needs files.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "playload-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// A built-in's text under another name, so that it is a user's persona of the same behaviour.
std::string Renamed(const std::string& builtin, const std::string& name) {
  std::string text(BuiltInPersonaText(builtin));
  const std::string key = "persona: " + builtin + "\n";
  REQUIRE(text.find(key) != std::string::npos);
  return text.replace(text.find(key), key.size(), "persona: " + name + "\n");
}

TEST_CASE("Scenario: every field of a file arrives, with its exact value") {
  const Result<Scenario> result = Parse({
      "scenario: all-of-it",
      "about: Everything.",
      "profile: dataflow",
      "compat: false",
      "population:",
      "  players: 20k",
      "  mix: {whale: 0.000000001, casual: 0.999999999}",
      "  currencies: {KWD: 0.25, JPY: 0.75}",
      "  console: 0.125",
      "  levels: 60",
      "  maps_per_level: 4",
      "  life: 4.5",
      "servers:",
      "  players_per_server: 8",
      "  report_every: 2500ms",
      "  regions: {a: 0.1, b: 0.9}",
      "  virtual: 0.5",
      "timeline:",
      "  - {fraud: ring, at: 1s, for: 2s, every: 1m, share: 0.05, personas: [bot, casual, bot]}",
      "  - {overload: climb, region: b, at: 4s, for: 6s, every: 20s, ramp: 2s, cpu: 70,",
      "     memory: 20, latency: 300, cap: 80}",
      "  - {overload: all, latency: 1}",
      "plan:",
      "  stages:",
      "    - {from: 1k, to: 50k, for: 60s}",
      "    - {to: 20k, for: 1h}",
      "    - {rate: 0.5}",
      "duration: 1d",
  });
  REQUIRE_MESSAGE(result, result.error().message());
  const Scenario& s = *result;
  CHECK(s.name == "all-of-it");
  CHECK(s.about == "Everything.");
  CHECK(s.file == "my.yaml");
  CHECK(s.profile == "dataflow");
  CHECK_FALSE(s.compat);

  CHECK(s.population.players == 20'000);
  REQUIRE(s.personas.size() == 3);
  CHECK(s.personas[0].name == "whale");
  CHECK(s.personas[1].name == "casual");
  CHECK(s.personas[2].name == "bot");
  REQUIRE(s.population.mix.size() == 2);
  CHECK(s.population.mix[0].persona == 0);
  CHECK(s.population.mix[0].parts == 1);
  CHECK(s.population.mix[1].persona == 1);
  CHECK(s.population.mix[1].parts == 999'999'999);
  REQUIRE(s.population.currencies.size() == 2);
  CHECK(s.population.currencies[0].currency == 5);
  CHECK(s.population.currencies[0].parts == 250'000'000);
  CHECK(s.population.currencies[1].currency == 3);
  CHECK(s.population.console_parts == 125'000'000);
  CHECK(s.population.levels == 60);
  CHECK(s.population.maps_per_level == 4);
  CHECK(s.population.life_sessions == 4.5);

  CHECK(s.servers.players_per_server == 8);
  CHECK(s.servers.report_every_ms == 2'500);
  REQUIRE(s.servers.regions.size() == 2);
  CHECK(s.servers.regions[1].name == "b");
  CHECK(s.servers.regions[1].parts == 900'000'000);
  CHECK(s.servers.virtual_parts == 500'000'000);

  REQUIRE(s.fraud.size() == 1);
  CHECK(s.fraud[0].name == "ring");
  CHECK(s.fraud[0].window.at_ns == kSecond);
  CHECK(s.fraud[0].window.lasts_ns == 2 * kSecond);
  CHECK(s.fraud[0].window.every_ns == 60 * kSecond);
  CHECK(s.fraud[0].share_parts == 50'000'000);
  CHECK(s.fraud[0].personas == std::vector<int>{2, 1, 2});
  REQUIRE(s.overload.size() == 2);
  CHECK(s.overload[0].region == 1);
  CHECK(s.overload[0].ramp_ns == 2 * kSecond);
  CHECK(s.overload[0].cpu == 70);
  CHECK(s.overload[0].memory == 20);
  CHECK(s.overload[0].latency == 300);
  CHECK(s.overload[0].cap == 80);
  CHECK(s.overload[1].region == -1);
  CHECK(s.overload[1].window.at_ns == 0);
  CHECK(s.overload[1].window.lasts_ns == 0);
  CHECK(s.overload[1].window.every_ns == 0);
  CHECK(s.overload[1].latency == 1);
  CHECK(s.overload[1].cap == 100);

  REQUIRE(s.plan.size() == 3);
  CHECK(s.plan[0].from_milli_rate == 1'000'000);
  CHECK(s.plan[0].to_milli_rate == 50'000'000);
  CHECK(s.plan[0].lasts_ns == 60 * kSecond);
  CHECK(s.plan[1].from_milli_rate == 50'000'000);  // where the stage before ended
  CHECK(s.plan[1].to_milli_rate == 20'000'000);
  CHECK(s.plan[2].from_milli_rate == 500);
  CHECK(s.plan[2].to_milli_rate == 500);
  CHECK(s.plan[2].lasts_ns == 0);
  CHECK(s.duration_ns == 86'400 * kSecond);
}

TEST_CASE("Scenario: what a file leaves out has the documented default") {
  const Result<Scenario> result =
      Parse({"scenario: short", "population: {players: 5, mix: {casual: 1}}", "plan: {rate: 10}"});
  REQUIRE_MESSAGE(result, result.error().message());
  const Scenario& s = *result;
  CHECK(s.about.empty());
  CHECK(s.profile == "dataflow");
  REQUIRE(s.population.currencies.size() == 1);
  CHECK(s.population.currencies[0].currency == 0);
  CHECK(s.population.currencies[0].parts == kProbabilityOne);
  CHECK(s.population.console_parts == 400'000'000);
  CHECK(s.population.levels == 30);
  CHECK(s.population.maps_per_level == 3);
  CHECK(s.population.life_sessions == 0);
  CHECK(s.servers.players_per_server == 128);
  CHECK(s.servers.report_every_ms == 60'000);
  REQUIRE(s.servers.regions.size() == 1);
  CHECK(s.servers.regions[0].name == "us-west");
  CHECK(s.servers.virtual_parts == 0);
  CHECK(s.fraud.empty());
  CHECK(s.overload.empty());
  CHECK(s.duration_ns == 0);
}

TEST_CASE("Scenario: `about` loses the line ends behind it, however YAML keeps them") {
  for (const char* about :
       {"about: A.", "about: >\n  A.", "about: |\n  A.", "about: |+\n  A.\n\n"}) {
    CAPTURE(about);
    const Result<Scenario> scenario = Parse(With(2, about));
    REQUIRE_MESSAGE(scenario, scenario.error().message());
    CHECK(scenario->about == "A.");
  }
}

TEST_CASE("Scenario: the file that the errors below are made from is right") {
  const Result<Scenario> scenario = Parse(Good());
  CHECK_MESSAGE(scenario, scenario.error().message());
}

TEST_CASE("Scenario: unknown names are errors that say the nearest valid one") {
  CheckErrors({
      {2, "abuot: A test.", "scenario has no key 'abuot'; did you mean 'about'?"},
      {2, "profile: dataflw", "unknown profile 'dataflw'; did you mean 'dataflow'?"},
      {4, "  plyers: 1000", "population has no key 'plyers'; did you mean 'players'?"},
      {5, "  mix: {casul: 0.7, regular: 0.3}", "unknown persona 'casul'; did you mean 'casual'?"},
      {6, "  currencies: {USD: 0.6, EUE: 0.4}", "unknown currency 'EUE'; did you mean 'EUR'?"},
      {6, "  currencies: {usd: 1}", "unknown currency 'usd'; did you mean 'USD'?"},
      {8, "  region: {us-west: 1}", "servers has no key 'region'; did you mean 'regions'?"},
      {10, "  - {fraud: ring, share: 0.1, personas: [bott]}", "did you mean 'bot'?"},
      {10, "  - {fraud: ring, share: 0.1, personas: [bot], cpu: 5}", "has no key 'cpu'"},
      {10, "  - {fruad: ring, share: 0.1, personas: [bot]}", "did you mean 'fraud'?"},
      {10, "  - {outage: ring}",
       "an incident needs 'fraud: NAME', 'overload: NAME', 'probe: NAME' or 'fault: NAME'"},
      {10, "  - {fraud: ring, overload: hot}", "not several"},
      {11, "  - {overload: hot, region: us-wets, cpu: 50}", "did you mean 'us-west'?"},
      {11, "  - {overload: hot, cpus: 50}", "did you mean 'cpu'?"},
      {12, "plan: {rates: 1k}", "plan has no key 'rates'; did you mean 'rate'?"},
      {12, "plan: {stages: [{rat: 1k}]}", "stage has no key 'rat'; did you mean 'rate'?"},
  });
}

TEST_CASE("Scenario: wrong types and values out of range are errors") {
  CheckErrors({
      {1, "scenario: [a]", "'scenario' must be a single value, not a list"},
      {1, "scenario: My Own", "must be 1 to 64 of a-z, 0-9 and '-'"},
      {1, "scenario: -x", "not beginning with '-'"},
      {1, "scenario: " + std::string(65, 'x'), "must be 1 to 64"},
      {2, "compat: maybe", "'compat' must be true or false"},
      {2, "inline_personas: {}", "inline_personas must be a list"},
      {2, "personas: bot", "personas must be a list"},
      {2, "personas: []", "with at least one entry"},
      {4, "  players: 0", "from 1 to 1,000,000,000, not '0'"},
      {4, "  players: -5", "not '-5'"},
      {4, "  players: 1000000001", "from 1 to 1,000,000,000"},
      {4, "  players: 1.5", "a whole number"},
      {4, "  players: many", "not 'many'"},
      {4, "  players: [1]", "a whole number"},
      {4, "  players:", "a whole number"},
      {5, "  mix: [casual, regular]", "mix must be a map of names to shares"},
      {5, "  mix: {}", "mix must be a map of names to shares"},
      {5, "  mix: {casual: some, regular: 0.3}", "'casual' must be a decimal from 0 to 1"},
      {6, "  console: 1.5", "'console' must be a decimal from 0 to 1"},
      {6, "  console: -0.5", "'console' must be a decimal from 0 to 1"},
      {6, "  levels: 0", "'levels' must be a whole number from 1 to 60"},
      {6, "  levels: 61", "from 1 to 60"},
      {6, "  maps_per_level: 5", "from 1 to 4"},
      {6, "  life: 0.5", "'life' must be a number from 1 to 255"},
      {6, "  life: nan", "'life' must be a number"},
      {6, "  life: 256", "from 1 to 255"},
      {8, "  players_per_server: 7", "from 8 to 1024"},
      {8, "  players_per_server: 1025", "from 8 to 1024"},
      {8, "  report_every: 100ms", "'report_every' must be from 125ms to 1d"},
      {8, "  report_every: 2d", "'report_every' must be from 125ms to 1d"},
      {8, "  report_every: 200ms", "a multiple of 125ms"},
      {8, "  report_every: 10", "has no unit"},
      {8, "  virtual: 2", "'virtual' must be a decimal"},
      {8, "  regions: [us-west]", "regions must be a map"},
      {8, "  regions: {US West: 1}", "region 'US West' must be 1 to 64"},
      {8, "  regions: {every: 1}", "take another name"},
      {10, "  - {fraud: ring, share: 2, personas: [bot]}", "'share' must be a decimal"},
      {10, "  - {fraud: ring, share: 0.1, personas: bot}", "personas must be a list"},
      {10, "  - {fraud: ring, share: 0.1, personas: []}", "with at least one entry"},
      {10, "  - {fraud: ring, share: 0.1, personas: [[bot]]}", "a list of names"},
      {10, "  - {fraud: ring, share: 0.1}", "needs the key 'personas'"},
      {10, "  - {fraud: ring, personas: [bot]}", "needs the key 'share'"},
      {10, "  - {fraud: ring, at: -1s, share: 0.1, personas: [bot]}", "'at'"},
      {10, "  - {fraud: ring, at: 4000d, share: 0.1, personas: [bot]}", "'at' must be from"},
      {10, "  - {fraud: ring, for: 0s, share: 0.1, personas: [bot]}", "'for' must be from 1ns"},
      {10, "  - {fraud: Ring, share: 0.1, personas: [bot]}", "incident name 'Ring' must be"},
      {10, "  - ring", "an incident must be a map"},
      {10, "  - {}", "an incident must be a map"},
      {11, "  - {overload: hot, cpu: 101}", "'cpu' must be a whole number from 0 to 100"},
      {11, "  - {overload: hot, memory: -1}", "'memory' must be a whole number from 0 to 100"},
      {11, "  - {overload: hot, latency: 10001}", "from 0 to 10000"},
      {11, "  - {overload: hot, cap: 0}", "'cap' must be a whole number from 1 to 100"},
      {11, "  - {overload: hot, region: [us-west], cpu: 1}", "unknown region"},
      {12, "plan: {rate: 0}", "must be above 0"},
      {12, "plan: {rate: -5}", "is not a number of events per second"},
      {12, "plan: {rate: 2G}", "is too high"},
      {12, "plan: {rate: fast}", "is not a number of events per second"},
      {12, "plan: 1k", "plan must be a map"},
      {12, "plan: {}", "either 'rate' or 'stages'"},
      {12, "plan: {rate: 1, stages: [{rate: 1}]}", "either 'rate' or 'stages'"},
      {12, "plan: {stages: 5}", "stages must be a list"},
      {12, "plan: {stages: []}", "with at least one entry"},
      {13, "duration: 0s", "'duration' must be from 1ns"},
      {13, "duration: 20", "has no unit"},
      {13, "duration: 4000d", "'duration' must be from 1ns to 3650d"},
  });
}

TEST_CASE("Scenario: shares must sum to 1 exactly, and each must be there for something") {
  CheckErrors({
      {5, "  mix: {casual: 0.7, regular: 0.2}", "mix: the shares sum to 0.9, not to 1"},
      {5, "  mix: {casual: 0.7, regular: 0.4}", "mix: the shares sum to 1.1, not to 1"},
      {5, "  mix: {casual: 0.333333333, regular: 0.666666666}", "sum to 0.999999999, not to 1"},
      {5, "  mix: {casual: 1, regular: 0}", "'regular' has no share; leave it out"},
      {6, "  currencies: {USD: 0.6}", "currencies: the shares sum to 0.6, not to 1"},
      {8, "  regions: {us-west: 0.5, eu-central: 0.6}", "regions: the shares sum to 1.1"},
  });
}

TEST_CASE("Scenario: an incident that has no effect, or contradicts itself, is an error") {
  CheckErrors({
      {10, "  - {fraud: ring, share: 0, personas: [bot]}", "a share of 0 has no effect"},
      {11, "  - {overload: hot, region: us-west}", "overload 'hot' has no effect"},
      {11, "  - {overload: hot, cpu: 0, memory: 0, latency: 0, cap: 100}", "has no effect"},
      {11, "  - {overload: hot, cap: 80}", "cap needs cpu or memory"},
      {11, "  - {overload: hot, latency: 300, cap: 80}", "cap needs cpu or memory"},
      {11, "  - {overload: ring, cpu: 50}", "two incidents are named 'ring'"},
      {11, "  - {overload: hot, cpu: 9, for: 6s, every: 5s}", "every 5s is shorter than for 6s"},
      {11, "  - {overload: hot, cpu: 9, every: 5s}", "'every' needs 'for'"},
      {11, "  - {overload: hot, cpu: 9, for: 3s, ramp: 2s}", "longer than for 3s"},
      {11, "  - {fraud: two, share: 0.95, personas: [bot]}", "take 1.05 of the sessions"},
  });
  // The same shares at different times are fine.
  Lines lines = Good();
  lines[9] = "  - {fraud: one, at: 0s, for: 5s, every: 10s, share: 0.9, personas: [bot]}";
  lines[10] = "  - {fraud: two, at: 5s, for: 5s, every: 10s, share: 0.9, personas: [bot]}";
  CHECK(Parse(lines));
  lines[10] = "  - {fraud: two, at: 4s, for: 5s, every: 10s, share: 0.9, personas: [bot]}";
  CHECK_FALSE(Parse(lines));
}

// The faults of a scenario whose timeline has these lines more.
Result<Scenario> WithFaults(const Lines& faults) {
  Lines lines = Good();
  lines.insert(lines.begin() + 11, faults.begin(), faults.end());
  return Parse(lines);
}

TEST_CASE("Scenario: faults arrive with their defaults and exact values") {
  const Result<Scenario> scenario = WithFaults({
      "  - {fault: again, kind: duplicate, share: 0.01}",
      "  - {fault: old, kind: late, of: [player, server], at: 2s, for: 3s, every: 10s, share: 0.2, "
      "by: 1.5s..2m}",
      "  - {fault: gone, kind: drop, of: purchase, share: 0.000000001}",
      "  - {fault: rotten, kind: corrupt, share: 0.5}",
      "  - {fault: cut, kind: corrupt, of: server, share: 0.3, how: [bad-utf8, cut-off]}",
      "  - {fault: clocks, kind: clock-skew, region: eu-central, share: 1, by: 2s}",
      "  - {fault: all-clocks, kind: clock-skew, region: every, share: 0.5, by: 0s..1ms}",
  });
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  const std::vector<FaultIncident>& faults = scenario->faults;
  REQUIRE(faults.size() == 7);
  CHECK(faults[0].name == "again");
  CHECK(faults[0].kind == FaultKind::kDuplicate);
  CHECK(faults[0].of == 7);
  CHECK(faults[0].share_parts == kProbabilityOne / 100);
  CHECK(faults[0].window.at_ns == 0);
  CHECK(faults[0].window.lasts_ns == 0);
  CHECK(faults[1].kind == FaultKind::kLate);
  CHECK(faults[1].of == 5);
  CHECK(faults[1].window.at_ns == 2 * kSecond);
  CHECK(faults[1].window.lasts_ns == 3 * kSecond);
  CHECK(faults[1].window.every_ns == 10 * kSecond);
  CHECK(faults[1].by_least_ns == kSecond * 3 / 2);
  CHECK(faults[1].by_most_ns == 120 * kSecond);
  CHECK(faults[2].kind == FaultKind::kDrop);
  CHECK(faults[2].of == 2);
  CHECK(faults[2].share_parts == 1);
  CHECK(faults[3].kind == FaultKind::kCorrupt);
  CHECK(faults[3].how == 63);
  CHECK(faults[4].of == 4);
  CHECK(faults[4].how == 17);
  CHECK(faults[5].kind == FaultKind::kClockSkew);
  CHECK(faults[5].region == 1);
  CHECK(faults[5].of == 4);
  CHECK(faults[5].by_least_ns == 2 * kSecond);
  CHECK(faults[5].by_most_ns == 2 * kSecond);
  CHECK(faults[6].region == -1);
}

TEST_CASE("Scenario: a fault that is not one is an error") {
  const std::string f = "  - {fault: x, share: 0.1, kind: ";
  CheckErrors({
      {11, "  - {fault: x, share: 0.1}", "fault needs the key 'kind'"},
      {11, "  - {fault: x, kind: drop}", "fault needs the key 'share'"},
      {11, "  - {fault: x, kind: drop, share: 0}", "a share of 0 has no effect"},
      {11, "  - {fault: ring, kind: drop, share: 0.1}", "two incidents are named 'ring'"},
      {11, "  - {fault: Bad, kind: drop, share: 0.1}", "incident name 'Bad' must be"},
      {11, "  - {fault: x, fraud: ring, kind: drop, share: 0.1}", "not several"},
      {11, "  - {faults: x, kind: drop, share: 0.1}", "did you mean 'fault'?"},
      {11, f + "duplicat}", "unknown kind of fault 'duplicat'; did you mean 'duplicate'?"},
      {11, f + "drop, oof: player}", "did you mean 'of'?"},
      {11, f + "drop, of: players}", "of: unknown name 'players'; did you mean 'player'?"},
      {11, f + "drop, of: [player, player]}", "of: 'player' is there twice"},
      {11, f + "drop, of: []}", "of must be a list with at least one entry"},
      {11, f + "drop, by: 2s}", "'by' means nothing to a fault of kind drop"},
      {11, f + "duplicate, how: cut-off}", "'how' means nothing to a fault of kind duplicate"},
      {11, f + "late, by: 1s, region: us-west}", "'region' means nothing to a fault of kind late"},
      {11, f + "clock-skew, by: 1s, of: server}", "'of' means nothing to a fault of kind clock"},
      {11, f + "late}", "a fault of kind late needs 'by', such as by: 100ms..2s"},
      {11, f + "clock-skew}", "a fault of kind clock-skew needs 'by'"},
      {11, f + "late, by: 2}",
       "by must be a duration or a range of two, such as 100ms..2s, not '2'"},
      {11, f + "late, by: 2s..}", "by must be a duration or a range"},
      {11, f + "late, by: [1s, 2s]}", "by must be a duration or a range"},
      {11, f + "late, by: 3s..2s}", "by must go from a duration to one as long or longer"},
      {11, f + "late, by: 0s}", "by must go from"},
      {11, f + "late, by: 1s..31d}", "at most 30d, not '1s..31d'"},
      {11, f + "corrupt, how: [cut-of]}", "how: unknown name 'cut-of'; did you mean 'cut-off'?"},
      {11, f + "clock-skew, by: 1s, region: us-wet}", "unknown region 'us-wet'; did you mean"},
      {11, f + "drop, for: 6s, every: 5s}", "every 5s is shorter than for 6s"},
      {11, "  - {fault: x, kind: drop, share: 0.3}",
       "take a share of 0.3; they sum to at most 0.25"},
      {11, "  - {fault: x, kind: duplicate, share: 0.26}", "duplicate events at the same time"},
  });
  const auto error = [](const Lines& faults) {
    const Result<Scenario> scenario = WithFaults(faults);
    return scenario ? std::string("no error") : scenario.error().message();
  };
  CHECK(error({"  - {fault: a, kind: late, share: 0.6, by: 1s}",
               "  - {fault: b, kind: corrupt, share: 0.5}"}) ==
        "my.yaml:13: late and corrupt events at the same time as 'b' take a share of 1.1; they sum "
        "to at most 1");
  // Of other kinds of events, or at other times, or what adds up: fine.
  CHECK(error({"  - {fault: a, kind: late, of: player, share: 0.6, by: 1s}",
               "  - {fault: b, kind: corrupt, of: [purchase, server], share: 0.5}"}) == "no error");
  CHECK(error({"  - {fault: a, kind: drop, share: 0.2, for: 5s}",
               "  - {fault: b, kind: drop, share: 0.2, at: 5s}"}) == "no error");
  CHECK(error({"  - {fault: a, kind: clock-skew, share: 0.9, by: 1s}",
               "  - {fault: b, kind: clock-skew, share: 0.9, by: 1s}"}) == "no error");
}

TEST_CASE("Scenario: a stage is a rate or a ramp, and only the last may be without an end") {
  CheckErrors({
      {12, "plan: {stages: [{rate: 1k}, {rate: 2k}]}", "only the last stage may be without 'for'"},
      {12, "plan: {stages: [{from: 1k, to: 2k}]}", "a ramp needs 'for'"},
      {12, "plan: {stages: [{to: 2k, for: 5s}]}", "the first stage needs 'from'"},
      {12, "plan: {stages: [{from: 2k, for: 5s}]}", "either 'rate', or 'to'"},
      {12, "plan: {stages: [{rate: 1k, to: 2k, for: 5s}]}", "either 'rate', or 'to'"},
      {12, "plan: {stages: [{rate: 1k, from: 2k, for: 5s}]}", "either 'rate', or 'to'"},
      {12, "plan: {stages: [{for: 5s}]}", "either 'rate', or 'to'"},
      {12, "plan: {stages: [{from: 0, to: 2k, for: 5s}]}", "must be above 0"},
      {12, "plan: {stages: [{from: 1, to: 2k, for: 400d}]}", "a ramp takes at most 365d"},
      {12, "plan: {stages: [{rate: 1, for: 3000d}, {rate: 2, for: 3000d}]}", "last longer than"},
  });
}

TEST_CASE("Scenario: what is missing is named") {
  for (const auto& [line, says] :
       std::vector<std::pair<std::size_t, std::string>>{{1, "scenario needs the key 'scenario'"},
                                                        {4, "population needs the key 'players'"},
                                                        {5, "population needs the key 'mix'"},
                                                        {12, "scenario needs the key 'plan'"}}) {
    Lines lines = Good();
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(line) - 1);
    const std::string error = ErrorOf(lines);
    CAPTURE(error);
    CHECK(error.find(says) != std::string::npos);
    CHECK(error.substr(0, 8) == "my.yaml:");
  }
}

TEST_CASE("Scenario: bounds on how many of everything") {
  std::string regions;
  for (int i = 0; i < 17; ++i) {
    regions += std::string(i == 0 ? "" : ", ") + "r" + std::to_string(i) + ": " +
               (i == 0 ? "0.2" : "0.05");
  }
  CHECK(ErrorOf(With(8, "  regions: {" + regions + "}")).find("at most 16 regions") !=
        std::string::npos);

  Lines incidents = Good();
  for (int i = 0; i < 16; ++i) {
    incidents.insert(incidents.begin() + 11, "  - {overload: o" + std::to_string(i) + ", cpu: 1}");
  }
  CHECK(ErrorOf(incidents) == "my.yaml:27: timeline: at most 16 incidents of a kind");
  incidents.erase(incidents.begin() + 11);
  CHECK(Parse(incidents));

  std::string stages;
  for (int i = 0; i < 1'001; ++i) stages += std::string(i == 0 ? "" : ", ") + "{rate: 1, for: 1s}";
  CHECK(ErrorOf(With(12, "plan: {stages: [" + stages + "]}")).find("at most 1,000 stages") !=
        std::string::npos);
}

TEST_CASE("Scenario: a 33rd persona is one too many") {
  const Folder folder;
  std::vector<Persona> given;
  std::string mix;
  for (int i = 0; i < 33; ++i) {
    const std::string name = std::string("p").append(std::to_string(i));
    Result<Persona> persona = ParsePersona("p.yaml", Renamed("casual", name));
    REQUIRE_MESSAGE(persona, persona.error().message());
    given.push_back(*persona);
    mix += std::string(i == 0 ? "" : ", ") + name + ": " + (i == 0 ? "0.68" : "0.01");
  }
  const Result<Scenario> scenario =
      ParseScenario("my.yaml", Join(With(5, "  mix: {" + mix + "}")), given);
  REQUIRE_FALSE(scenario);
  CHECK(scenario.error().message() ==
        "my.yaml:5: persona 'p32' is one too many: a scenario has at most 32");
}

TEST_CASE("Scenario: compat takes what it draws from and nothing else") {
  const Lines compat = {"scenario: old", "compat: true", "population: {players: 99}",
                        "plan: {rate: 1k}"};
  const Result<Scenario> scenario = Parse(compat);
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  CHECK(scenario->compat);
  CHECK(scenario->personas.empty());
  CHECK(scenario->population.mix.empty());
  CHECK(scenario->population.levels == 3);
  CHECK(scenario->population.maps_per_level == 3);
  CHECK(scenario->population.console_parts == kProbabilityOne / 2);

  for (const char* entry : {"mix: {casual: 1}", "currencies: {USD: 1}", "console: 0.5", "life: 4",
                            "levels: 3", "maps_per_level: 3"}) {
    Lines lines = compat;
    lines[2] = std::string("population: {players: 99, ") + entry + "}";
    const std::string error = ErrorOf(lines);
    CAPTURE(error);
    CHECK(error.substr(0, 20) == "my.yaml:3: compat dr");
  }
  for (const char* entry :
       {"personas: [a.yaml]", "inline_personas: []", "servers: {virtual: 1}", "timeline: []"}) {
    Lines lines = compat;
    lines.emplace_back(entry);
    const std::string error = ErrorOf(lines);
    CAPTURE(error);
    CHECK(error.substr(0, 20) == "my.yaml:5: compat dr");
  }
  Lines lines = compat;
  lines[2] = "population: {players: 1025}";
  CHECK(ErrorOf(lines).find("from 1 to 1,024, not '1025'") != std::string::npos);
}

TEST_CASE("Scenario: what is not YAML is one clear line") {
  CHECK(ErrorOf({"scenario: [", "x"}).substr(0, 8) == "my.yaml:");
  CHECK(ErrorOf({"just text"}) ==
        "my.yaml:1: scenario must be a map of keys and values, not a single value");
  CHECK(ErrorOf({}).substr(0, 10) == "my.yaml:1:");
  Lines twice = Good();
  twice.emplace_back("duration: 5s");
  CHECK(ErrorOf(twice).find("my.yaml:14: the key 'duration' is here a second time") == 0);
}

TEST_CASE("Load: a name is a built-in, a path is a file") {
  const Folder folder;
  const std::string path = folder.Write("mine.yaml", Join(Good()));
  const Result<Scenario> by_path = LoadScenario(path, {});
  REQUIRE_MESSAGE(by_path, by_path.error().message());
  CHECK(by_path->name == "mine");
  CHECK(by_path->file == path);

  const Result<Scenario> by_name = LoadScenario("steady", {});
  REQUIRE_MESSAGE(by_name, by_name.error().message());
  CHECK(by_name->file == "built-in");

  const Result<Scenario> typo = LoadScenario("stedy", {});
  REQUIRE_FALSE(typo);
  CHECK(typo.error().code() == Code::kInvalid);
  CHECK(typo.error().message().find("unknown scenario 'stedy'; did you mean 'steady'?") == 0);
  // Each of these is a path, so the file is what is missing.
  for (const std::string& missing : {folder.path() + "/no", std::string("steady.yaml"),
                                     std::string("steady.yml"), std::string("./steady")}) {
    const Result<Scenario> none = LoadScenario(missing, {});
    REQUIRE_FALSE(none);
    CHECK(none.error().message().find(missing + ": ") == 0);
  }
  CHECK(LoadScenario(folder.path() + "/", {}).error().message().find("is a folder") !=
        std::string::npos);
}

TEST_CASE("Load: persona files stand relative to the scenario's folder") {
  const Folder folder;
  folder.Write("people/shopper.yaml", Renamed("whale", "shopper"));
  Lines lines = With(5, "  mix: {casual: 0.7, shopper: 0.3}");
  lines.emplace_back("personas: [people/shopper.yaml]");
  const std::string path = folder.Write("mine.yaml", Join(lines));

  const Result<Scenario> scenario = LoadScenario(path, {});
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  REQUIRE(scenario->personas.size() == 3);
  CHECK(scenario->personas[1].name == "shopper");
  CHECK(scenario->personas[1].file == folder.path() + "/people/shopper.yaml");

  lines.back() = "personas: [people/shoper.yaml]";
  folder.Write("mine.yaml", Join(lines));
  const Result<Scenario> missing = LoadScenario(path, {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message().find(path + ":14: persona file: " + folder.path() +
                                       "/people/shoper.yaml: ") == 0);

  // An error inside the persona file is told with that file's line.
  folder.Write("people/broken.yaml", "persona: broken\nstates: 5\n");
  lines.back() = "personas: [people/broken.yaml]";
  folder.Write("mine.yaml", Join(lines));
  const Result<Scenario> broken = LoadScenario(path, {});
  REQUIRE_FALSE(broken);
  CHECK(broken.error().message().find(folder.path() + "/people/broken.yaml:") == 0);
}

TEST_CASE("Load: a given persona beats a file's, a file's beats a built-in one") {
  const Folder folder;
  Result<Persona> whale = BuiltInPersona("whale");
  REQUIRE(whale);
  folder.Write("casual.yaml", Renamed("whale", "casual"));
  Lines lines = Good();
  lines.emplace_back("personas: [casual.yaml]");
  const std::string path = folder.Write("mine.yaml", Join(lines));

  const Result<Scenario> from_file = LoadScenario(path, {});
  REQUIRE_MESSAGE(from_file, from_file.error().message());
  CHECK(from_file->personas[0].name == "casual");
  CHECK(from_file->personas[0].states.size() == whale->states.size());
  CHECK(from_file->personas[0].file == folder.path() + "/casual.yaml");

  Result<Persona> given = ParsePersona("flag.yaml", Renamed("bot", "casual"));
  REQUIRE(given);
  const Result<Scenario> from_flag = LoadScenario(path, {*given});
  REQUIRE_MESSAGE(from_flag, from_flag.error().message());
  CHECK(from_flag->personas[0].file == "flag.yaml");
}

TEST_CASE("Load: a persona file that nothing names is an error, and so is one given twice") {
  const Folder folder;
  folder.Write("other.yaml", Renamed("whale", "other"));
  Lines lines = Good();
  lines.emplace_back("personas: [other.yaml]");
  const std::string path = folder.Write("mine.yaml", Join(lines));
  const Result<Scenario> unused = LoadScenario(path, {});
  REQUIRE_FALSE(unused);
  CHECK(unused.error().message().find(path + ":14: persona 'other' is not used") == 0);

  lines.back() = "personas: [other.yaml, other.yaml]";
  folder.Write("mine.yaml", Join(lines));
  const Result<Scenario> twice = LoadScenario(path, {});
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message().find(path + ":14: persona 'other' is already given") == 0);
}

}  // namespace
}  // namespace playload
