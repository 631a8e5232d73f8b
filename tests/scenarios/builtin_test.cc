#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "generator/event/fault.h"
#include "generator/oracle/fraud_rule.h"
#include "generator/oracle/tally.h"
#include "generator/simulate/lanes.h"
#include "scenarios/load.h"

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

Scenario Load(const std::string& name) {
  Result<Scenario> scenario = LoadScenario(name, {});
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  return *scenario;
}

// What a stretch of a scenario's stream holds. Purchases are kept by player, so that the fraud rule
// can be applied to them naively; the simulation's own stamps are not looked at.
struct Observed {
  struct RegionMetrics {
    std::uint64_t metrics = 0, alerts = 0, cpu_alerts = 0, memory_alerts = 0;
    std::uint64_t at_80 = 0;  // the higher one of both is exactly 80
    std::uint64_t slow = 0;   // latency above a second
  };
  std::array<std::uint64_t, kKinds> events{};
  std::map<std::string, RegionMetrics> regions;
  std::map<std::uint64_t, std::vector<unsigned>> currencies_of;  // player -> currency of each event

  [[nodiscard]] RegionMetrics AllRegions() const {
    RegionMetrics sum;
    for (const auto& [name, region] : regions) {
      sum.metrics += region.metrics;
      sum.alerts += region.alerts;
    }
    return sum;
  }
};

// The alerts of one player: frequent, multi.
std::pair<std::uint64_t, std::uint64_t> AlertsOf(const std::vector<unsigned>& currencies) {
  std::uint64_t frequent = 0;
  std::uint64_t multi = 0;
  std::set<unsigned> seen;
  for (std::size_t i = 0; i < currencies.size(); ++i) {
    seen.insert(currencies[i]);
    if (i + 1 > 5) {
      ++frequent;
    } else if (seen.size() > 1) {
      ++multi;
    }
  }
  return {frequent, multi};
}

Observed Observe(const Scenario& scenario, std::uint64_t events) {
  const Model model(scenario, 20'261'120);
  Lanes lanes(model);
  REQUIRE(lanes.ok());
  Observed observed;
  std::array<Record, kRunLength> run;
  for (std::uint64_t n = 0; n * kRunLength < events; ++n) {
    const std::uint64_t lane = n % model.lanes();
    lanes.Simulate(lane, run.data(), kRunLength);
    for (const Record& record : run) {
      const Kind kind = KindOf(record.action);
      ++observed.events[static_cast<std::size_t>(kind)];
      if (kind == Kind::kPurchase) {
        const std::uint64_t player =
            record.life * model.players() + lane * model.lane_players() + record.entity;
        observed.currencies_of[player].push_back(record.b);
      } else if (kind == Kind::kServer) {
        auto& region = observed.regions[scenario.servers.regions[record.session].name];
        ++region.metrics;
        region.alerts += ServerAlert(record.a, record.b) ? 1 : 0;
        region.cpu_alerts += record.a > 80 ? 1 : 0;
        region.memory_alerts += record.b > 80 ? 1 : 0;
        region.at_80 += std::max(record.a, record.b) == 80 ? 1 : 0;
        region.slow += record.c > 1'000 ? 1 : 0;
      }
    }
  }
  return observed;
}

Scenario AtRate(Scenario scenario, std::int64_t per_second) {
  scenario.plan = {{per_second * 1'000, per_second * 1'000, 0}};
  return scenario;
}

// Leaves only the fraud: everybody in the mix is a bot, which never buys, and all incidents are
// played by this persona.
Scenario Only(const std::string& persona) {
  const std::string text =
      "scenario: only\n"
      "population: {players: 1000, mix: {bot: 1}, currencies: {USD: 0.5, EUR: 0.3, JPY: 0.2}}\n"
      "servers: {report_every: 1h}\n"
      "timeline:\n"
      "  - {fraud: only, share: 0.5, personas: [" +
      persona +
      "]}\n"
      "plan: {rate: 1k}\n";
  Result<Scenario> scenario = ParseScenario("only.yaml", text, {});
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  return *scenario;
}

TEST_CASE(
    "Built-ins: the eight of the documentation, each under its own name and with an `about`") {
  CHECK(BuiltInScenarios() == std::vector<std::string>{"compat", "data-faults", "edges",
                                                       "fraud-and-overload", "fraud-ring",
                                                       "launch-day", "overload", "steady"});
  for (const std::string& name : BuiltInScenarios()) {
    CAPTURE(name);
    const Scenario scenario = Load(name);
    CHECK(scenario.name == name);
    CHECK(scenario.file == "built-in");
    CHECK_FALSE(scenario.about.empty());
    CHECK(scenario.about.size() <= 100);  // a line of `playload list`
    CHECK(scenario.duration_ns > 0);
  }
}

TEST_CASE("Built-ins: plans and sizes are those of the documentation") {
  const Scenario steady = Load("steady");
  CHECK(steady.population.players == 10'000);
  REQUIRE(steady.plan.size() == 1);
  CHECK(steady.plan[0].to_milli_rate == 1'000'000);
  CHECK(steady.duration_ns == 60 * kSecond);
  CHECK(steady.fraud.empty());
  CHECK(steady.overload.empty());

  const Scenario both = Load("fraud-and-overload");
  REQUIRE(both.plan.size() == 1);
  CHECK(both.plan[0].to_milli_rate == 20'000'000);
  CHECK(both.duration_ns == 20 * kSecond);
  for (const OverloadIncident& incident : both.overload) {
    CHECK(incident.window.every_ns == 10 * kSecond);
  }

  const Scenario compat = Load("compat");
  CHECK(compat.compat);
  CHECK(compat.population.players == 99);
  CHECK(Model(compat, 1).servers() == 3);

  const Scenario launch = Load("launch-day");
  CHECK(launch.population.players == 20'000);
  CHECK(launch.plan.size() == 5);
  CHECK(launch.plan[1].from_milli_rate < launch.plan[1].to_milli_rate);
}

// Of each fault, some in every second of the run or in every turn of its incident.
TEST_CASE("Built-ins: data-faults has every fault") {
  const Scenario scenario = Load("data-faults");
  const Model model(scenario, 3);
  Lanes lanes(model);
  REQUIRE(lanes.ok());
  Tally tally;
  std::array<Record, kRunLength> run;
  for (std::uint64_t n = 0; n < 200'000 / kRunLength; ++n) {
    lanes.Simulate(n % model.lanes(), run.data(), kRunLength);
    for (const Record& record : run) {
      if (IsFaulty(record)) tally.AddFault(KindOf(record.action), FaultOf(record));
    }
  }
  for (std::size_t label = 0; label < kFaultLabels; ++label) {
    CAPTURE(kFaultLabelNames[label]);
    CHECK(TotalOf(tally.faults, label) > 200);
    CHECK(TotalOf(tally.faults, label) < 20'000);
  }
  std::set<FaultKind> kinds;
  for (const FaultIncident& incident : scenario.faults) kinds.insert(incident.kind);
  CHECK(kinds.size() == kFaultKinds);
}

// Every kind of event is there in an amount that a test can use.
TEST_CASE("Built-ins: all three kinds of events come, none crowds out the others") {
  for (const std::string& name : BuiltInScenarios()) {
    if (name == "compat") continue;
    CAPTURE(name);
    const Observed observed = Observe(Load(name), 100'000);
    CHECK(observed.events[0] > 60'000);
    CHECK(observed.events[1] > 200);
    CHECK(observed.events[2] > 2'000);
    CHECK(observed.events[2] < 30'000);
  }
}

TEST_CASE("Built-ins: no server alerts in steady, launch-day and fraud-ring") {
  for (const char* name : {"steady", "launch-day", "fraud-ring"}) {
    CAPTURE(name);
    // At this rate 600,000 events last through every stage and incident.
    const Observed observed = Observe(AtRate(Load(name), 3'000), 600'000);
    CHECK(observed.AllRegions().metrics > 10'000);
    CHECK(observed.AllRegions().alerts == 0);
  }
}

TEST_CASE("Built-ins: launch-day is slow while the crowd is there") {
  const Observed observed = Observe(AtRate(Load("launch-day"), 2'000), 300'000);
  for (const auto& entry : observed.regions) {
    CAPTURE(entry.first);
    CHECK(entry.second.slow > 500);
    CHECK(entry.second.slow < entry.second.metrics / 2);
  }
}

// One region passes 80 by cpu_load and by memory_usage, one stands at exactly 80, one is slow, one
// is untouched; whatever the rate.
TEST_CASE("Built-ins: overloads alert in one region, near misses in the others") {
  for (const char* name : {"overload", "fraud-and-overload"}) {
    for (const std::int64_t rate : {200, 5'000, 50'000}) {
      CAPTURE(name);
      CAPTURE(rate);
      Observed observed = Observe(AtRate(Load(name), rate), static_cast<std::uint64_t>(rate) * 20);
      const std::uint64_t few = static_cast<std::uint64_t>(rate) / 20;
      CHECK(observed.regions["eu-central"].cpu_alerts > few);
      CHECK(observed.regions["eu-central"].memory_alerts > few);
      CHECK(observed.regions["eu-central"].metrics > observed.regions["eu-central"].alerts * 2);
      CHECK(observed.regions["ap-south"].alerts == 0);
      CHECK(observed.regions["ap-south"].at_80 > few);
      CHECK(observed.regions["us-west"].alerts == 0);
      CHECK(observed.regions["us-west"].slow > few);
      CHECK(observed.regions["sa-east"].alerts == 0);
      CHECK(observed.regions["sa-east"].metrics > few);
    }
  }
}

// The fraud rule is for life, so a scenario whose players stayed for ever would end up alerting for
// every purchase. The shares here hold from a few thousand events to millions.
TEST_CASE("Built-ins: fraud stays rare and buyers mostly honest, however long or fast the run") {
  for (const char* name : {"fraud-ring", "fraud-and-overload"}) {
    for (const std::uint64_t events : {30'000u, 300'000u, 3'000'000u}) {
      CAPTURE(name);
      CAPTURE(events);
      // Sixty seconds each, so that the waves come as often.
      const Observed observed =
          Observe(AtRate(Load(name), static_cast<std::int64_t>(events) / 60), events);
      double frequent = 0;
      double multi = 0;
      double buyers = 0;
      double alerted = 0;
      double at_threshold = 0;
      for (const auto& [player, currencies] : observed.currencies_of) {
        const auto [f, m] = AlertsOf(currencies);
        frequent += static_cast<double>(f);
        multi += static_cast<double>(m);
        buyers += 1;
        alerted += f + m > 0 ? 1 : 0;
        at_threshold += currencies.size() == 5 && m == 0 ? 1 : 0;
      }
      const auto purchases = static_cast<double>(observed.events[1]);
      CHECK((frequent + multi) / purchases > 0.08);
      CHECK((frequent + multi) / purchases < 0.32);
      CHECK(multi > 10);
      CHECK(alerted / buyers < 0.4);
      CHECK(at_threshold / buyers > 0.08);  // near misses with exactly five
    }
  }
}

// Without their incidents: what honest players alone set off, after some dozens of sessions at
// every place. With lives as long as the personas' own it would be half of all purchases by then.
TEST_CASE("Built-ins: honest players of the fraud scenarios stay under the threshold for life") {
  for (const char* name : {"fraud-ring", "fraud-and-overload"}) {
    CAPTURE(name);
    Scenario honest = AtRate(Load(name), 50'000);
    honest.fraud.clear();
    honest.probes.clear();
    const Observed observed = Observe(honest, 4'000'000);
    std::uint64_t alerts = 0;
    std::uint64_t alerted = 0;
    for (const auto& [player, currencies] : observed.currencies_of) {
      const auto [frequent, multi] = AlertsOf(currencies);
      CHECK(multi == 0);
      alerts += frequent;
      alerted += frequent > 0 ? 1 : 0;
    }
    CHECK(alerts * 100 < observed.events[1] * 18);
    CHECK(alerted * 100 < observed.currencies_of.size() * 8);
  }
}

TEST_CASE("Fraud personas: every finished episode alerts, every near miss does not") {
  struct Case {
    const char* persona;
    bool frequent, multi;  // which alerts its players cause
    std::size_t least, most;
  };
  for (const Case& c :
       {Case{"card-tester", true, false, 6, 12}, Case{"card-tester-near", false, false, 5, 5},
        Case{"currency-hopper", false, true, 2, 5}, Case{"currency-near", false, false, 2, 5},
        Case{"refund-abuser", true, false, 6, 10}, Case{"refund-near", false, false, 5, 5}}) {
    CAPTURE(c.persona);
    const Observed observed = Observe(Only(c.persona), 100'000);
    std::uint64_t finished = 0;
    std::uint64_t wrong = 0;
    for (const auto& [player, currencies] : observed.currencies_of) {
      const auto [frequent, multi] = AlertsOf(currencies);
      if ((frequent > 0 && !c.frequent) || (multi > 0 && !c.multi)) ++wrong;
      if (currencies.size() > c.most) ++wrong;
      if (currencies.size() < c.least) continue;  // still at it when the stretch ended
      ++finished;
      if ((frequent > 0) != c.frequent || (multi > 0) != c.multi) ++wrong;
    }
    CHECK(finished > 500);
    CHECK(finished * 20 > observed.currencies_of.size() * 19);
    CHECK(wrong == 0);
  }
}

// P(cpu > 80 or memory > 80) with cpu uniform on 20..100 and memory on 30..90 is
// 1 - 61/81 * 51/61 = 30/81. Of n metrics the share stays within 5 standard deviations.
TEST_CASE("Built-ins: under compat 30 of 81 server metrics alert") {
  const Scenario compat = Load("compat");
  const Observed observed = Observe(compat, 300'000);
  const auto metrics = static_cast<double>(observed.AllRegions().metrics);
  const double share = static_cast<double>(observed.AllRegions().alerts) / metrics;
  CHECK(metrics > 90'000);
  CHECK(share > 30.0 / 81 - 0.008);
  CHECK(share < 30.0 / 81 + 0.008);
  CHECK(observed.currencies_of.size() == 99);
}

}  // namespace
}  // namespace playload
