#include "generator/simulate/lanes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "generator/oracle/fraud_rule.h"
#include "personas/facts.h"
#include "tests/support/world.h"

namespace playload {
namespace {

const std::vector<std::string> kOrdinary = {"newcomer", "casual", "regular", "grinder",
                                            "social",   "whale",  "bot",     "fraudster"};

std::vector<Record> LaneRecords(const Scenario& scenario, std::uint64_t seed, std::uint64_t lane,
                                std::uint32_t count, std::uint32_t slice) {
  const Model model(scenario, seed);
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

// A lane's k-th record does not depend on how the records were asked for.
TEST_CASE("Lanes: slices of any length give the same records") {
  const Scenario world = test::World(3'000, kOrdinary);
  const std::vector<Record> whole = LaneRecords(world, 5, 1, 160'000, 160'000);
  for (const std::uint32_t slice : {16u, 48u, 4'096u}) {
    const std::vector<Record> parts = LaneRecords(world, 5, 1, 160'000, slice);
    std::size_t differing = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) differing += Same(whole[i], parts[i]) ? 0 : 1;
    CHECK(differing == 0);
  }
}

// Nor does it depend on which lanes it takes turns with, nor on how long their slices are.
TEST_CASE("Lanes: lanes that are simulated together make what each makes alone") {
  const Scenario world = test::World(3'000, kOrdinary);
  const Model model(world, 5);
  for (const std::size_t together : {std::size_t{1}, std::size_t{3}, Lanes::kTogether}) {
    CAPTURE(together);
    Lanes lanes(model);
    REQUIRE(lanes.ok());
    std::vector<std::vector<Record>> records(together, std::vector<Record>(64'000));
    for (std::uint32_t from = 0; from < 64'000; from += 1'600) {
      std::vector<Lanes::Slice> slices;
      for (std::size_t i = 0; i < together; ++i) {
        // Slices of unlike lengths.
        const auto part = static_cast<std::uint32_t>(from % 3'200 == 0 ? 16 * i : 0);
        if (part > 0) lanes.Simulate(i, &records[i][from], part);
        slices.push_back({i, &records[i][from + part], 1'600 - part});
      }
      lanes.Simulate(slices.data(), slices.size());
    }
    for (std::size_t i = 0; i < together; ++i) {
      const std::vector<Record> alone = LaneRecords(world, 5, i, 64'000, 64'000);
      std::size_t differing = 0;
      for (std::size_t k = 0; k < alone.size(); ++k) {
        differing += Same(alone[k], records[i][k]) ? 0 : 1;
      }
      CHECK(differing == 0);
    }
  }
}

// Copied at any moment and put back any time later, into lanes that are as new or further on, lanes
// give what they gave after the copy; Reset() is the beginning.
TEST_CASE("Lanes: a copy put back goes on as the lanes did") {
  Scenario compat = test::World(99, {"casual"});
  compat.compat = true;
  for (const Scenario& world : {test::World(3'000, kOrdinary), compat}) {
    const Model model(world, 5);
    Lanes lanes(model);
    REQUIRE(lanes.ok());
    const auto take = [&model](Lanes& from, std::uint32_t count) {
      std::vector<Record> all(count * model.lanes());
      for (std::uint64_t lane = 0; lane < model.lanes(); ++lane) {
        from.Simulate(lane, &all[lane * count], count);
      }
      return all;
    };
    const auto differing = [](const std::vector<Record>& a, const std::vector<Record>& b) {
      std::size_t n = a.size() == b.size() ? 0 : 1;
      for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) n += Same(a[i], b[i]) ? 0 : 1;
      return n;
    };
    CHECK(lanes.CopyBytes() == 0);
    const LanesCopy nothing = lanes.Copy();
    std::vector<Record> one(kRunLength);
    lanes.Simulate(0, one.data(), kRunLength);
    // What is expected of a lane leaves room for more players online than there are on average.
    CHECK(lanes.CopyBytes() > Lanes::BytesPerLane(model) / 4);
    CHECK(lanes.CopyBytes() <= Lanes::BytesPerLane(model));
    const LanesCopy first_lane = lanes.Copy();
    CHECK(first_lane.bytes() == lanes.CopyBytes());
    const std::vector<Record> after_one = take(lanes, 4'096);
    take(lanes, 160'000);
    CHECK(lanes.CopyBytes() > model.lanes() * Lanes::BytesPerLane(model) / 2);
    CHECK(lanes.CopyBytes() <= model.lanes() * Lanes::BytesPerLane(model));
    const LanesCopy late = lanes.Copy();
    const std::vector<Record> after_late = take(lanes, 4'096);

    Lanes other(model);
    other.Restore(late);
    CHECK(differing(take(other, 4'096), after_late) == 0);
    other.Restore(first_lane);
    CHECK(differing(take(other, 4'096), after_one) == 0);
    lanes.Restore(late);
    CHECK(differing(take(lanes, 4'096), after_late) == 0);
    Lanes fresh(model);
    const std::vector<Record> begin = take(fresh, 4'096);
    other.Restore(nothing);
    CHECK(other.CopyBytes() == 0);
    CHECK(differing(take(other, 4'096), begin) == 0);
    lanes.Reset();
    CHECK(lanes.CopyBytes() == 0);
    CHECK(differing(take(lanes, 4'096), begin) == 0);
  }
}

// The world's invariants, on every record of two lanes of every ordinary persona: sessions begin,
// hold the player's events and end; identity is for life; a level starts where the last one was
// completed; purchases are consistent with the inventory; refunds name an earlier purchase, once.
TEST_CASE("Lanes: players keep identity, sessions, levels and inventory") {
  struct Player {
    bool open = false;
    std::uint32_t session = 0;
    std::uint8_t platform = 0;
    unsigned level = 0;
    std::set<unsigned> kept;
    std::multiset<std::pair<unsigned, unsigned>> refundable;  // item, currency
  };
  // Without the fraudster, who refunds one purchase again and again.
  const Scenario world =
      test::World(2'000, {"newcomer", "casual", "regular", "grinder", "social", "whale", "bot"});
  const Model model(world, 11);
  for (const std::uint64_t lane : {std::uint64_t{0}, model.lanes() - 1}) {
    std::unordered_map<std::uint64_t, Player> players;
    std::set<std::uint64_t> sessions;
    std::map<Action, int> seen;
    for (const Record& r : LaneRecords(world, 11, lane, 1'600'000, 4'096)) {
      ++seen[r.action];
      if (r.action == Action::kServerMetric) {
        REQUIRE(r.entity < model.ServersIn(lane));
        REQUIRE(r.a <= 100);
        REQUIRE(r.b <= 100);
        REQUIRE(r.session < 2);
        continue;
      }
      REQUIRE(r.entity < model.PlayersIn(lane));
      const std::uint64_t id = std::uint64_t{r.life} << 16 | r.entity;
      const bool known = players.contains(id);
      Player& p = players[id];
      if (!known) p.platform = r.flags & Record::kConsole;
      REQUIRE((r.flags & Record::kConsole) == p.platform);
      if (r.action == Action::kSessionStart) {
        REQUIRE(!p.open);
        REQUIRE(sessions.insert(std::uint64_t{r.session} << 16 | r.entity).second);
        p.open = true;
        p.session = r.session;
      }
      REQUIRE(p.open);
      REQUIRE(r.session == p.session);
      if (r.action == Action::kSessionEnd) p.open = false;
      if (KindOf(r.action) == Kind::kPlayer) {
        REQUIRE(r.a >= 1);
        REQUIRE(r.a <= 30);
        if (p.level == 0) p.level = r.a;
        REQUIRE(r.a == p.level);
        REQUIRE((r.b - 1u) / 3 == p.level - 1);  // a map of this level
        if (r.action == Action::kLevelComplete) p.level = std::min(p.level + 1, 30u);
      }
      const bool kept =
          KindOf(r.action) == Kind::kPurchase && static_cast<int>(kCatalog[r.a].type) < kKeptTypes;
      if (r.action == Action::kPurchase) {
        if (kept) REQUIRE(p.kept.insert(r.a).second);
        p.refundable.insert({r.a, r.b});
      }
      if (r.action == Action::kRefund) {
        const auto bought = p.refundable.find({r.a, r.b});
        REQUIRE(bought != p.refundable.end());
        p.refundable.erase(bought);
        if (kept) p.kept.erase(r.a);
      }
    }
    for (const Action a : {Action::kMove, Action::kInteraction, Action::kLevelStart,
                           Action::kLevelComplete, Action::kSessionStart, Action::kSessionEnd,
                           Action::kPurchase, Action::kRefund, Action::kServerMetric}) {
      CAPTURE(static_cast<int>(a));
      CHECK(seen[a] > 50);
    }
  }
}

// Means over whole sessions against the fundamental matrix, within five standard errors.
TEST_CASE("Lanes: what a session emits is what the fundamental matrix says") {
  for (const char* name : {"newcomer", "casual", "regular", "grinder", "social", "bot"}) {
    CAPTURE(name);
    const Scenario world = test::World(1'024, {name});
    const PersonaFacts facts = ComputeFacts(world.personas[0]);
    std::unordered_map<std::uint64_t, std::uint32_t> events;
    double sessions = 0;
    double sum = 0;
    double squares = 0;
    std::map<Action, double> emitted;
    std::unordered_map<std::uint64_t, std::map<Action, int>> open;
    for (const Record& r : LaneRecords(world, 23, 0, 1'200'000, 4'096)) {
      if (r.action == Action::kServerMetric) continue;
      const std::uint64_t id = std::uint64_t{r.session} << 16 | r.entity;
      ++open[id][r.action];
      if (r.action != Action::kSessionEnd) continue;
      double all = 0;
      for (const auto& [action, n] : open[id]) {
        emitted[action] += n;
        all += n;
      }
      open.erase(id);
      sessions += 1;
      sum += all;
      squares += all * all;
    }
    REQUIRE(sessions > 1'000);
    const double mean = sum / sessions;
    const double error = std::sqrt((squares / sessions - mean * mean) / sessions);
    // Sessions still open at the end are the longer ones: allow for what they could add.
    const double unfinished = static_cast<double>(open.size()) / sessions;
    CHECK(std::abs(mean - facts.events) < 5 * error + unfinished * facts.events);
    const double completed =
        facts.emitted[static_cast<unsigned>(Emit::kLevelComplete)] / facts.events;
    CHECK(emitted[Action::kLevelComplete] / sum == doctest::Approx(completed).epsilon(0.05));
    CHECK(emitted[Action::kSessionEnd] == sessions);
  }
}

// The byte of state per player answers as a recount of each player's whole history does.
TEST_CASE("Lanes: the fraud answer stamped on a record is the closed form's") {
  Scenario world = test::World(700, kOrdinary);
  world.population.life_sessions = 4;
  struct User {
    unsigned count = 0;
    std::set<unsigned> currencies;
  };
  std::unordered_map<std::uint64_t, User> users;
  int frequent = 0;
  int multi = 0;
  for (const Record& r : LaneRecords(world, 3, 0, 1'600'000, 16'000)) {
    if (KindOf(r.action) != Kind::kPurchase) continue;
    User& user = users[std::uint64_t{r.life} << 16 | r.entity];
    ++user.count;
    user.currencies.insert(r.b);
    const FraudAlert expected = user.count > 5               ? FraudAlert::kFrequent
                                : user.currencies.size() > 1 ? FraudAlert::kMulti
                                                             : FraudAlert::kNone;
    REQUIRE(static_cast<FraudAlert>(r.flags >> Record::kAlertShift & 3) == expected);
    frequent += expected == FraudAlert::kFrequent ? 1 : 0;
    multi += expected == FraudAlert::kMulti ? 1 : 0;
  }
  CHECK(frequent > 50);
  CHECK(multi > 50);
}

// An incident takes its share of the sessions, by new players, who leave with the session.
TEST_CASE("Lanes: fraud episodes are new players of one session, in the share asked for") {
  Scenario world = test::World(2'000, {"casual", "regular"});
  world.personas.push_back(test::MustLoad("card-tester"));
  world.personas.push_back(test::MustLoad("card-tester-near"));
  FraudIncident incident;
  incident.name = "ring";
  incident.share_parts = 50'000'000;  // 5 %
  incident.personas = {2, 3};
  world.fraud.push_back(incident);
  std::unordered_map<std::uint64_t, std::vector<Record>> players;
  std::uint64_t sessions = 0;
  for (const Record& r : LaneRecords(world, 9, 2, 800'000, 4'096)) {
    if (r.action == Action::kServerMetric) continue;
    sessions += r.action == Action::kSessionStart ? 1 : 0;
    players[std::uint64_t{r.life} << 16 | r.entity].push_back(r);
  }
  std::uint64_t alerting = 0;
  std::uint64_t near = 0;
  for (const auto& [id, history] : players) {
    if (history.back().action != Action::kSessionEnd) continue;
    int purchases = 0;
    bool alerts = false;
    for (const Record& r : history) {
      purchases += KindOf(r.action) == Kind::kPurchase ? 1 : 0;
      alerts = alerts || (r.flags >> Record::kAlertShift & 3) != 0;
    }
    const bool one_session = history.front().session == history.back().session;
    if (one_session && purchases >= 6 && alerts) ++alerting;
    if (one_session && purchases == 5 && !alerts) ++near;
  }
  const double share = static_cast<double>(alerting + near) / static_cast<double>(sessions);
  CHECK(share == doctest::Approx(0.05).epsilon(0.15));
  CHECK(alerting > 100);
  CHECK(near > 100);
}

// A server's cpu_load rises with the players who are on it: the load while many are online exceeds
// the load while few are.
TEST_CASE("Lanes: server load follows the players on the server") {
  Scenario world = test::World(1'024, {"bot", "grinder"});
  world.servers.players_per_server = 1'024;
  world.servers.report_every_ms = 10'000;
  std::vector<std::pair<int, int>> seen;  // players online, cpu_load
  int online = 0;
  for (const Record& r : LaneRecords(world, 8, 0, 1'600'000, 16'000)) {
    online += r.action == Action::kSessionStart ? 1 : r.action == Action::kSessionEnd ? -1 : 0;
    if (r.action == Action::kServerMetric) seen.emplace_back(online, r.a);
  }
  REQUIRE(seen.size() > 1'000);
  std::sort(seen.begin(), seen.end());
  double low = 0;
  double high = 0;
  const std::size_t quarter = seen.size() / 4;
  for (std::size_t i = 0; i < quarter; ++i) {
    low += seen[i].second;
    high += seen[seen.size() - 1 - i].second;
  }
  CHECK(high / static_cast<double>(quarter) > low / static_cast<double>(quarter) + 3);
}

// A region climbs over 80 and recovers; a cap of 80 holds the other at exactly 80.
TEST_CASE("Lanes: overload incidents move a region's metrics inside their window only") {
  Scenario world = test::World(2'000, {"regular"});
  OverloadIncident climb;
  climb.window = {2'000'000'000, 4'000'000'000, 0};
  climb.region = 0;
  climb.ramp_ns = 1'000'000'000;
  climb.cpu = 90;
  OverloadIncident held = climb;
  held.region = 1;
  held.cap = 80;
  OverloadIncident slow = climb;
  slow.region = 1;
  slow.cpu = 0;
  slow.latency = 2'000;
  world.overload = {climb, held, slow};
  const Model model(world, 1);
  const Plan plan(world.plan);
  std::map<unsigned, std::map<bool, std::set<unsigned>>> cpu;  // region, inside -> loads seen
  std::set<unsigned> latencies;
  for (std::uint64_t lane = 0; lane < model.lanes(); ++lane) {
    const std::vector<Record> records = LaneRecords(world, 1, lane, 16'000, 16'000);
    for (std::size_t k = 0; k < records.size(); ++k) {
      if (records[k].action != Action::kServerMetric) continue;
      const std::int64_t t = plan.PlannedAt((k / 16 * model.lanes() + lane) * 16 + k % 16);
      const bool inside = t >= 3'000'000'000 && t < 5'000'000'000;
      const bool outside = t < 2'000'000'000 || t >= 6'000'000'000;
      if (inside || outside) cpu[records[k].session][inside].insert(records[k].a);
      if (inside && records[k].session == 1) latencies.insert(records[k].c);
    }
  }
  CHECK(*cpu[0][true].begin() > 80);
  CHECK(*cpu[0][false].rbegin() <= 80);
  CHECK(cpu[1][true] == std::set<unsigned>{80});
  CHECK(*cpu[1][false].rbegin() < 80);
  CHECK(*latencies.begin() > 2'000);
}

// The original's domains: 30 of 81 server metrics exceed a threshold (reference/dataflow.md).
TEST_CASE("Lanes: compat draws the original's domains uniformly") {
  Scenario compat = test::World(99, {"casual"});
  compat.compat = true;
  double metrics = 0;
  double alerts = 0;
  std::set<unsigned> players;
  std::map<unsigned, int> actions;
  unsigned low = 100'000;
  unsigned high = 0;
  for (const Record& r : LaneRecords(compat, 77, 0, 1'600'000, 16'000)) {
    ++actions[static_cast<unsigned>(r.action)];
    if (r.action == Action::kServerMetric) {
      metrics += 1;
      alerts += ServerAlert(r.a, r.b) ? 1 : 0;
      REQUIRE(r.entity < 3);
      REQUIRE((r.a >= 20 && r.a <= 100 && r.b >= 30 && r.b <= 90 && r.c >= 50 && r.c <= 300));
      continue;
    }
    players.insert(r.entity + 1u);
    if (r.action == Action::kPurchase) {
      low = std::min<unsigned>(low, r.c);
      high = std::max<unsigned>(high, r.c);
    }
  }
  CHECK(players.size() == 99);
  CHECK(*players.rbegin() == 99);
  CHECK(low == 99);
  CHECK(high == 2'999);
  const double p = 30.0 / 81;
  CHECK(std::abs(alerts / metrics - p) < 5 * std::sqrt(p * (1 - p) / metrics));
  CHECK(actions.size() == 5);  // three player actions, purchase, metric
}

}  // namespace
}  // namespace playload
