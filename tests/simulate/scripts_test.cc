// What probes make of lanes: every script as it is written, in turn, at the stated rate, and waits
// that end at the lane's nearest event on the right side of the edge.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "generator/oracle/fraud_rule.h"
#include "generator/pace/plan.h"
#include "generator/simulate/lanes.h"
#include "scenarios/script.h"
#include "tests/support/world.h"

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'767'225'600'123'000'000;  // of runs, where clocks matter

Script Read(const char* text, bool server = false) {
  const Result<Script> script = ParseScript(text, server);
  REQUIRE_MESSAGE(script, script.error().message());
  return *script;
}

Scenario World(std::vector<Script> scripts, std::int64_t parts) {
  Scenario world = test::World(2'000, {"casual", "regular"});
  world.plan = {{5'000'000, 5'000'000, 0}};  // 5,000/s
  world.probes.push_back({"probe", {}, parts, std::move(scripts)});
  return world;
}

std::vector<Record> LaneRecords(const Model& model, std::uint64_t lane, std::uint32_t count,
                                std::uint32_t slice) {
  Lanes lanes(model);
  REQUIRE(lanes.ok());
  std::vector<Record> records(count);
  for (std::uint32_t n = 0; n < count; n += slice) {
    lanes.Simulate(lane, &records[n], std::min(slice, count - n));
  }
  return records;
}

bool Same(const Record& a, const Record& b) {
  return a.life == b.life && a.session == b.session && a.entity == b.entity &&
         a.action == b.action && a.flags == b.flags && a.a == b.a && a.b == b.b && a.c == b.c;
}

std::int64_t InstantOf(const Model& model, std::uint64_t lane, std::uint64_t made) {
  const std::uint64_t run = made / kRunLength * model.lanes() + lane;
  return model.timeline.PlannedAt(run * kRunLength + made % kRunLength);
}

// The lives of players by number, as indices of their records.
std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> Lives(
    const std::vector<Record>& records) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> lives;
  for (std::uint32_t i = 0; i < records.size(); ++i) {
    if (records[i].action == Action::kServerMetric) continue;
    lives[{records[i].entity, records[i].life}].push_back(i);
  }
  return lives;
}

// What a life did, when its session was begun and ended in these records; "" else.
std::string Deeds(const std::vector<Record>& records, const std::vector<std::uint32_t>& life) {
  if (records[life.front()].action != Action::kSessionStart ||
      records[life.back()].action != Action::kSessionEnd) {
    return "";
  }
  std::string deeds;
  for (std::size_t i = 1; i + 1 < life.size(); ++i) {
    const Record& r = records[life[i]];
    deeds += static_cast<char>('a' + static_cast<int>(r.action));
    if (r.action == Action::kPurchase) deeds += std::to_string(r.b) + "/" + std::to_string(r.a);
    deeds += ' ';
  }
  return deeds;
}

TEST_CASE("Scripts: each is played as it is written, in turn, at the stated share") {
  const Scenario world = World({Read("purchase EUR potion_mana x3, refund, level_complete"),
                                Read("purchase GBP skin_wolf, interaction x2")},
                               kProbabilityOne / 20);
  const Model model(world, 3);
  const std::vector<Record> records = LaneRecords(model, 1, 400'000, 400'000);
  std::map<std::string, int> seen;
  int sessions = 0;
  for (const Record& r : records) sessions += r.action == Action::kSessionStart ? 1 : 0;
  for (const auto& [who, life] : Lives(records)) ++seen[Deeds(records, life)];
  const int first = seen["g1/15 g1/15 g1/15 h d "];
  const int second = seen["g2/1 b b "];
  CHECK(first > 100);
  CHECK(std::abs(first - second) <= 2);  // in turn; the last ones may not have ended
  CHECK(std::abs(first + second - sessions / 20) <= 3);
}

TEST_CASE("Scripts: slices of any length, and lanes together, give the same records") {
  const Scenario world = World(
      {Read("purchase USD x3, after 2s, purchase USD x3"), Read("move, within 500ms, purchase JPY"),
       Read("move x2, at 1s, move x2, at 250ms + 1ms, purchase JPY")},
      kProbabilityOne / 10);
  const Model model(world, 9, kStart);
  const std::vector<Record> whole = LaneRecords(model, 2, 96'000, 96'000);
  for (const std::uint32_t slice : {16u, 80u, 4'096u}) {
    const std::vector<Record> parts = LaneRecords(model, 2, 96'000, slice);
    std::size_t differing = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) differing += Same(whole[i], parts[i]) ? 0 : 1;
    CHECK(differing == 0);
  }
  Lanes lanes(model);
  std::vector<std::vector<Record>> records(4, std::vector<Record>(96'000));
  for (std::uint32_t from = 0; from < 96'000; from += 1'600) {
    std::vector<Lanes::Slice> slices;
    for (std::size_t i = 0; i < 4; ++i) slices.push_back({i, &records[i][from], 1'600});
    lanes.Simulate(slices.data(), slices.size());
  }
  std::size_t differing = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) differing += Same(whole[i], records[2][i]) ? 0 : 1;
  CHECK(differing == 0);
}

TEST_CASE("Scripts: a copy put back in the middle of waits goes on as the lanes did") {
  const Scenario world = World({Read("purchase USD x3, after 2s, purchase USD x3"),
                                Read("purchase USD x3, at 2s, purchase USD")},
                               kProbabilityOne / 5);
  const Model model(world, 9, kStart);
  Lanes lanes(model);
  std::vector<Record> before(32'000);
  lanes.Simulate(1, before.data(), 32'000);
  const LanesCopy copy = lanes.Copy();
  std::vector<Record> after(32'000);
  lanes.Simulate(1, after.data(), 32'000);
  lanes.Restore(copy);
  std::vector<Record> again(32'000);
  lanes.Simulate(1, again.data(), 32'000);
  std::size_t differing = 0;
  for (std::size_t i = 0; i < after.size(); ++i) differing += Same(after[i], again[i]) ? 0 : 1;
  CHECK(differing == 0);
}

// No event of the lane lies between the edge and the step, but those that other probes have taken.
TEST_CASE("Scripts: waits end at the lane's nearest event on the right side of the edge") {
  const Scenario world = World(
      {Read("purchase USD, after 3s, purchase EUR"), Read("purchase USD, within 3s, purchase EUR")},
      kProbabilityOne / 50);
  const Model model(world, 4);
  const std::vector<Record> records = LaneRecords(model, 0, 160'000, 160'000);
  int after = 0;
  int within = 0;
  int exact = 0;
  for (const auto& [who, life] : Lives(records)) {
    const std::string deeds = Deeds(records, life);
    if (deeds != "g0/14 g1/14 ") continue;
    const std::uint32_t first = life[1];
    const std::uint32_t second = life[2];
    const std::int64_t edge = InstantOf(model, 0, first) + 3 * kSecond;
    const std::int64_t at = InstantOf(model, 0, second);
    // Whether all between here and the edge belong to scripts that wait, too, is not looked at: at
    // this share there is hardly one.
    if (at >= edge) {
      ++after;
      exact += InstantOf(model, 0, second - 1) < edge ? 1 : 0;
    } else {
      ++within;
      exact += InstantOf(model, 0, second + 1) >= edge ? 1 : 0;
    }
    CHECK(std::abs(at - edge) < kSecond / 10);
  }
  CHECK(after > 20);
  CHECK(std::abs(after - within) <= 4);
  CHECK(exact >= (after + within) * 9 / 10);
}

// Of three events, the first and the last as far apart as the script says, in whole milliseconds.
TEST_CASE("Scripts: an edge is met to the millisecond where the lane has such events") {
  const std::vector<std::pair<const char*, std::int64_t>> edges = {
      {"purchase USD x2, after 16s from 1, purchase USD", 16'000},
      {"purchase USD x2, after 15.999s from 1, purchase USD", 15'999},
      {"purchase USD x2, after 16.001s from 1, purchase USD", 16'001},
      {"purchase USD x2, within 16s from 1, purchase USD", 15'999},
      {"purchase USD, after 16.001s, purchase USD x2", 16'001}};
  // 16 lanes / rate divides 16 s at all of them; 5,000/s have odd fractions of milliseconds.
  for (const std::int64_t rate : {1'000, 2'000, 5'000, 20'000}) {
    CAPTURE(rate);
    for (const auto& [text, wanted] : edges) {
      CAPTURE(text);
      const bool first_gap = std::string(text).find("from 1") == std::string::npos;
      Scenario world = World({Read(text)}, kProbabilityOne / 100);
      world.plan = {{rate * 1'000, rate * 1'000, 0}};
      const Model model(world, 5);
      const auto count = static_cast<std::uint32_t>(rate) * 6;  // 48 s of eight lanes
      const std::vector<Record> records = LaneRecords(model, 3, count / 16 * 16, 1'600);
      int met = 0;
      int played = 0;
      for (const auto& [who, life] : Lives(records)) {
        if (Deeds(records, life) != "g0/14 g0/14 g0/14 ") continue;
        const auto ms = [&](std::size_t i) { return InstantOf(model, 3, life[i]) / 1'000'000; };
        ++played;
        met += ms(first_gap ? 2 : 3) - ms(1) == wanted ? 1 : 0;
      }
      CHECK(played > 0);
      CHECK(met == played);
    }
  }
}

// How many scripts were played, and how many of them at the edge.
struct Hits {
  int played = 0;
  int met = 0;
};

TEST_CASE(
    "Scripts: an edge of the clock is met to the millisecond by lanes that have such events") {
  const std::vector<std::pair<const char*, std::int64_t>> edges = {
      {"purchase USD x2, at 2s, purchase USD", 0},
      {"purchase USD x2, at 2s - 1ms, purchase USD", 1'999},
      {"purchase USD x2, at 2s + 1ms, purchase USD", 1}};
  for (const std::int64_t rate : {1'000, 2'000, 5'000, 20'000}) {
    CAPTURE(rate);
    for (const auto& [text, wanted] : edges) {
      CAPTURE(text);
      Scenario world = World({Read(text)}, kProbabilityOne / 200);
      world.plan = {{rate * 1'000, rate * 1'000, 0}};
      const Model model(world, 5, kStart);
      Hits all;
      for (std::uint64_t lane = 0; lane < model.lanes(); ++lane) {
        const auto count = static_cast<std::uint32_t>(rate) * 10;  // 80 s of eight lanes
        const std::vector<Record> records = LaneRecords(model, lane, count / 16 * 16, 1'600);
        Hits hits;
        for (const auto& [who, life] : Lives(records)) {
          if (Deeds(records, life) != "g0/14 g0/14 g0/14 ") continue;
          ++hits.played;
          const std::int64_t ms = (kStart + InstantOf(model, lane, life[3])) / 1'000'000 % 2'000;
          hits.met += ms == wanted ? 1 : 0;
          // What does not wait comes right before it.
          CHECK(life[3] == life[1] + 2);
        }
        all.played += hits.played;
        all.met += hits.met;
        // A lane meets the edge always or never, but for those for whom there was no room at it.
        if (hits.met > 0) CHECK(hits.met * 2 > hits.played);
      }
      CHECK(all.met > 0);
      // At 2,000 and 20,000/s two lanes and four have events there, at the others all in turn.
      if (rate % 2'000 != 0) CHECK(all.met * 2 > all.played);
    }
  }
}

TEST_CASE("Scripts: the run's start matters to those who go by the clock, and to nobody else") {
  for (const bool clock : {false, true}) {
    const Scenario world =
        World({Read(clock ? "move, at 1s, move" : "move, after 1s, move")}, kProbabilityOne / 20);
    const std::vector<Record> one = LaneRecords(Model(world, 5, kStart), 0, 48'000, 48'000);
    const std::vector<Record> other =
        LaneRecords(Model(world, 5, kStart + kSecond / 2), 0, 48'000, 48'000);
    std::size_t differing = 0;
    for (std::size_t i = 0; i < one.size(); ++i) differing += Same(one[i], other[i]) ? 0 : 1;
    CHECK((differing > 0) == clock);
  }
}

// Every server's scripts have all steps, in order and when they are to come.
TEST_CASE("Scripts: servers wait for edges of the clock and for one another's metrics") {
  Scenario world = World({Read("cpu 81 memory 90, cpu 82 memory 90, at 2s, cpu 83 memory 90, "
                               "after 1.6s, cpu 84 memory 90",
                               true)},
                         kProbabilityOne / 10);
  world.plan = {{2'000'000, 2'000'000, 0}};
  const Model model(world, 8, kStart);
  int met = 0;
  int played = 0;
  for (std::uint64_t lane = 0; lane < model.lanes(); ++lane) {
    const std::vector<Record> records = LaneRecords(model, lane, 80'000, 1'600);
    std::map<std::uint16_t, std::vector<std::uint32_t>> at;  // of scripts' metrics, by server
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      const Record& r = records[i];
      if (r.action != Action::kServerMetric || r.b != 90) continue;
      std::vector<std::uint32_t>& metrics = at[r.entity];
      CHECK(r.a == 81 + metrics.size() % 4);
      metrics.push_back(i);
    }
    for (const auto& [server, metrics] : at) {
      for (std::size_t i = 0; i + 4 <= metrics.size(); i += 4) {
        ++played;
        CHECK(metrics[i + 1] == metrics[i] + 1);
        CHECK(metrics[i + 2] == metrics[i] + 2);
        const auto ms = [&](std::size_t step) {
          return (kStart + InstantOf(model, lane, metrics[i + step])) / 1'000'000;
        };
        met += ms(2) % 2'000 == 0 ? 1 : 0;
        CHECK(ms(3) - ms(2) >= 1'600);
        CHECK(ms(3) - ms(2) < 1'600 + 64);
      }
    }
  }
  CHECK(played > 100);
  CHECK(met > 5);
}

TEST_CASE("Scripts: so many begin per second as the rate says, each in turn, over all lanes") {
  Scenario world =
      World({Read("purchase GBP"), Read("purchase GBP x2"), Read("purchase GBP x3")}, 0);
  world.probes[0].milli_rate = 2'500;
  world.probes[0].window = {4 * kSecond, 2 * kSecond, 10 * kSecond};
  const Model model(world, 5);
  std::map<std::string, int> seen;
  for (std::uint64_t lane = 0; lane < model.lanes(); ++lane) {
    // 160 s of eight lanes: active for 32 s.
    const std::vector<Record> records = LaneRecords(model, lane, 100'000, 100'000);
    for (const auto& [who, life] : Lives(records)) {
      const std::string deeds = Deeds(records, life);
      if (deeds.find("g2/14") != 0) continue;
      ++seen[deeds];
      const std::int64_t into = (InstantOf(model, lane, life[0]) - 4 * kSecond) % (10 * kSecond);
      CHECK(into < 2 * kSecond);
    }
  }
  CHECK(seen.size() == 3);
  for (const auto& [deeds, times] : seen) CHECK(std::abs(times - 80 / 3) <= 2);
}

TEST_CASE("Scripts: alerts stamped on records count what scripts buy") {
  const Scenario world = World(
      {Read("purchase USD x6, refund"), Read("purchase USD, purchase EUR")}, kProbabilityOne / 20);
  const Model model(world, 6);
  const std::vector<Record> records = LaneRecords(model, 0, 160'000, 160'000);
  const auto alert = [](const Record& r) { return r.flags >> Record::kAlertShift & 3; };
  int frequent = 0;
  int multi = 0;
  for (const auto& [who, life] : Lives(records)) {
    const std::string deeds = Deeds(records, life);
    if (deeds == "g0/14 g0/14 g0/14 g0/14 g0/14 g0/14 h ") {
      ++frequent;
      CHECK(alert(records[life[5]]) == static_cast<int>(FraudAlert::kNone));
      CHECK(alert(records[life[6]]) == static_cast<int>(FraudAlert::kFrequent));
      CHECK(alert(records[life[7]]) == static_cast<int>(FraudAlert::kFrequent));
    } else if (deeds == "g0/14 g1/14 ") {
      ++multi;
      CHECK(alert(records[life[1]]) == static_cast<int>(FraudAlert::kNone));
      CHECK(alert(records[life[2]]) == static_cast<int>(FraudAlert::kMulti));
    }
  }
  CHECK(frequent > 20);
  CHECK(multi > 20);
}

TEST_CASE("Scripts: servers report what theirs say, and then their own again") {
  const Scenario world =
      World({Read("cpu 80 memory 80, cpu 100 memory 99 latency 7", true)}, kProbabilityOne / 100);
  const Model model(world, 8);
  const std::vector<Record> records = LaneRecords(model, 0, 160'000, 160'000);
  int metrics = 0;
  int edges = 0;
  std::map<std::uint16_t, bool> expects;  // the second step, by server
  for (const Record& r : records) {
    if (r.action != Action::kServerMetric) continue;
    ++metrics;
    bool& second = expects[r.entity];
    if (second) {
      CHECK(r.a == 100);
      CHECK(r.b == 99);
      CHECK(r.c == 7);
      second = false;
    } else if (r.a == 80 && r.b == 80) {  // not without the probe: at most 77 and 71 percent
      ++edges;
      second = true;
    }
  }
  CHECK(edges > 10);
  // The second step is no beginning: of those that may be one, 1 in 100 is.
  CHECK(std::abs(edges - (metrics - edges) / 100) <= 1);
}

}  // namespace
}  // namespace playload
