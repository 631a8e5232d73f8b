// Data faults in the records of lanes: as many as were asked for, of what was asked for, the same
// whatever way the records are asked for, and nothing else is changed by them.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "generator/event/fault.h"
#include "generator/oracle/fraud_rule.h"
#include "generator/simulate/lanes.h"
#include "scenarios/script.h"
#include "tests/support/world.h"

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kRecords = 160'000;  // of each lane

FaultIncident Incident(FaultKind kind, double share) {
  FaultIncident incident;
  incident.name = "fault";
  incident.kind = kind;
  incident.share_parts = std::llround(share * static_cast<double>(kProbabilityOne));
  if (kind == FaultKind::kLate || kind == FaultKind::kClockSkew) {
    incident.by_least_ns = kSecond;
    incident.by_most_ns = 10 * kSecond;
  }
  if (kind == FaultKind::kClockSkew) incident.of = 4;
  if (kind == FaultKind::kCorrupt) incident.how = (1u << kCorruptions) - 1;
  return incident;
}

Scenario WorldWith(const std::vector<FaultIncident>& faults) {
  Scenario scenario = test::World(1'000, {"casual", "regular", "whale", "card-tester"});
  scenario.servers.report_every_ms = 30'000;
  scenario.servers.players_per_server = 16;
  scenario.faults = faults;
  return scenario;
}

Scenario Everything() {
  std::vector<FaultIncident> all = {
      Incident(FaultKind::kDuplicate, 0.03), Incident(FaultKind::kLate, 0.05),
      Incident(FaultKind::kDrop, 0.04), Incident(FaultKind::kCorrupt, 0.06),
      Incident(FaultKind::kClockSkew, 0.4)};
  return WorldWith(all);
}

std::vector<Record> LaneRecords(const Model& model, std::uint64_t lane, std::uint32_t slice) {
  Lanes lanes(model);
  REQUIRE(lanes.ok());
  std::vector<Record> records(kRecords);
  for (std::uint32_t n = 0; n < kRecords; n += slice) {
    lanes.Simulate(lane, &records[n], std::min(slice, kRecords - n));
  }
  return records;
}

bool Same(const Record& a, const Record& b) { return std::memcmp(&a, &b, sizeof(Record)) == 0; }

std::size_t Differing(const std::vector<Record>& a, const std::vector<Record>& b) {
  std::size_t differing = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    differing += Same(a[i], b[i]) ? 0 : 1;
  }
  return differing;
}

// Within five standard deviations of a binomial count: once in two million times it is not.
void CheckShare(std::uint64_t count, std::uint64_t of, double share) {
  const auto n = static_cast<double>(of);
  const double deviation = std::sqrt(n * share * (1 - share)) + 1;
  CAPTURE(count);
  CAPTURE(of);
  CAPTURE(share);
  CHECK(std::abs(static_cast<double>(count) - n * share) < 5 * deviation);
}

TEST_CASE("Faults: slices of any length, lanes in turns, and copies give the same records") {
  const Model model(Everything(), 5);
  const std::vector<Record> whole = LaneRecords(model, 1, kRecords);
  for (const std::uint32_t slice : {16u, 48u, 4'096u}) {
    CHECK(Differing(whole, LaneRecords(model, 1, slice)) == 0);
  }
  Lanes lanes(model);
  std::vector<std::vector<Record>> together(Lanes::kTogether, std::vector<Record>(kRecords));
  for (std::uint32_t n = 0; n < kRecords; n += 1'600) {
    Lanes::Slice slices[Lanes::kTogether];
    for (std::size_t i = 0; i < Lanes::kTogether; ++i) slices[i] = {i, &together[i][n], 1'600};
    lanes.Simulate(slices, Lanes::kTogether);
  }
  CHECK(Differing(whole, together[1]) == 0);

  lanes.Reset();
  std::vector<Record> rest(kRecords);
  lanes.Simulate(1, rest.data(), 80'000);
  const LanesCopy copy = lanes.Copy();
  CHECK(copy.bytes() <= Lanes::BytesPerLane(model) * 2);
  lanes.Simulate(1, rest.data() + 80'000, 80'000);
  CHECK(Differing(whole, rest) == 0);
  Lanes other(model);
  other.Simulate(1, rest.data(), 1'600);  // something else is there before
  other.Restore(copy);
  other.Simulate(1, rest.data() + 80'000, 80'000);
  std::copy(whole.begin(), whole.begin() + 80'000, rest.begin());
  CHECK(Differing(whole, rest) == 0);
  // One lane alone, as for one player's history.
  Lanes alone(model, 1);
  alone.Simulate(1, rest.data(), kRecords);
  CHECK(Differing(whole, rest) == 0);
}

// What the players do is what they did without faults, in the same order; only what becomes of it
// differs. Their answers by the fraud rule are not compared: those are of what arrives.
TEST_CASE("Faults: under them the same events happen") {
  Scenario scenario = Everything();
  const Model with(scenario, 5);
  scenario.faults.clear();
  const Model without(scenario, 5);
  const std::vector<Record> faulty = LaneRecords(with, 2, 4'096);
  const std::vector<Record> plain = LaneRecords(without, 2, 4'096);
  std::size_t next = 0;
  std::size_t lost = 0;
  std::size_t compared = 0;
  const auto bare = [](Record record) {
    if (KindOf(record.action) == Kind::kPurchase) {
      record.flags &= static_cast<std::uint8_t>(~(3u << Record::kAlertShift));
    }
    return record;
  };
  for (const Record& record : faulty) {
    Fault fault;
    if (IsFaulty(record)) fault = FaultOf(record);
    if (fault.duplicate()) continue;
    std::array<std::uint32_t, 3> kinds{};
    std::uint32_t skipped = fault.lost[0] + fault.lost[1] + fault.lost[2];
    lost += skipped;
    for (; skipped > 0 && next < plain.size(); --skipped) {
      ++kinds[static_cast<std::size_t>(KindOf(plain[next++].action))];
    }
    if (next == plain.size()) break;
    REQUIRE(kinds == fault.lost);
    REQUIRE(Same(bare(PlainOf(record)), bare(plain[next])));
    ++next;
    ++compared;
  }
  CHECK(compared > 150'000);
  CHECK(lost > 5'000);
}

// Who waits for an instant takes the lane's event of that instant, which therefore is no
// repetition.
TEST_CASE("Faults: beside probes that wait for an instant") {
  Scenario scenario = Everything();
  ProbeIncident probe;
  probe.share_parts = kProbabilityOne / 20;
  const Result<Script> script = ParseScript("purchase USD x2, after 50ms, purchase KWD", false);
  REQUIRE(script.has_value());
  probe.scripts = {*script};
  scenario.probes = {probe};
  const Model model(scenario, 5);
  const std::vector<Record> whole = LaneRecords(model, 1, kRecords);
  for (const std::uint32_t slice : {16u, 48u}) {
    CHECK(Differing(whole, LaneRecords(model, 1, slice)) == 0);
  }
  std::uint64_t waited = 0;
  for (const Record& record : whole) {
    waited += KindOf(record.action) == Kind::kPurchase && record.b == 5 ? 1 : 0;  // KWD
  }
  CHECK(waited > 50);
}

TEST_CASE("Faults: each comes at the rate that was asked for") {
  const Scenario scenario = Everything();
  const Model model(scenario, 20'261'129);
  std::uint64_t all = 0, duplicates = 0, sent = 0, late = 0, lost = 0;
  std::array<std::uint64_t, kCorruptions> corrupt{};
  std::array<std::uint64_t, kMostDistance + 1> distances{};
  for (std::uint64_t lane = 0; lane < 4; ++lane) {
    for (const Record& record : LaneRecords(model, lane, 4'096)) {
      ++all;
      Fault fault;
      if (IsFaulty(record)) fault = FaultOf(record);
      if (fault.duplicate()) {
        ++duplicates;
        ++distances[fault.distance];
        continue;
      }
      ++sent;
      late += fault.late() ? 1 : 0;
      lost += fault.lost[0] + fault.lost[1] + fault.lost[2];
      if (fault.corrupt()) ++corrupt[static_cast<unsigned>(fault.how())];
    }
  }
  CheckShare(duplicates, all, 0.03);
  CheckShare(late, sent, 0.05);
  CheckShare(lost, sent + lost, 0.04);
  double chi_square = 0;
  std::uint64_t damaged = 0;
  for (const std::uint64_t count : corrupt) damaged += count;
  CheckShare(damaged, sent, 0.06);
  for (const std::uint64_t count : corrupt) {
    const double expected = static_cast<double>(damaged) / kCorruptions;
    chi_square += std::pow(static_cast<double>(count) - expected, 2) / expected;
  }
  CHECK(chi_square < 25.7);  // 5 degrees of freedom, p = 0.0001
  CHECK(distances[0] == 0);
  for (unsigned d = 1; d <= kMostDistance; ++d) CHECK(distances[d] > duplicates / 40);
}

// The share of a fault that is for some kinds of events is a share of those, and others are spared.
TEST_CASE("Faults: only the kinds of events that were asked for, at their rate") {
  for (const FaultKind kind :
       {FaultKind::kDuplicate, FaultKind::kLate, FaultKind::kDrop, FaultKind::kCorrupt}) {
    for (unsigned k = 0; k < kKinds; ++k) {
      CAPTURE(kFaultKindNames[static_cast<unsigned>(kind)]);
      CAPTURE(k);
      FaultIncident incident = Incident(kind, 0.2);
      incident.of = static_cast<std::uint8_t>(1u << k);
      const Model model(WorldWith({incident}), 3);
      std::uint64_t met = 0, others = 0, of_kind = 0, new_of_kind = 0, all = 0, all_new = 0;
      for (std::uint64_t lane = 0; lane < 4; ++lane) {
        for (const Record& record : LaneRecords(model, lane, 4'096)) {
          const auto own = static_cast<unsigned>(KindOf(record.action));
          Fault fault;
          if (IsFaulty(record)) fault = FaultOf(record);
          ++all;
          all_new += fault.duplicate() ? 0 : 1;
          of_kind += own == k ? 1 : 0;
          new_of_kind += own == k && !fault.duplicate() ? 1 : 0;
          if (kind == FaultKind::kDrop) {
            for (unsigned l = 0; l < kKinds; ++l) (l == k ? met : others) += fault.lost[l];
          } else if (IsFaulty(record)) {
            ++(own == k ? met : others);
          }
        }
      }
      CHECK(others == 0);
      CHECK(met > 100);
      if (kind == FaultKind::kDrop) {
        CheckShare(met, new_of_kind + met, 0.2);
      } else if (kind == FaultKind::kDuplicate) {
        // At a fifth of all positions, if what is found there to repeat is one of them.
        const double share = static_cast<double>(new_of_kind) / static_cast<double>(all_new);
        CHECK(static_cast<double>(met) ==
              doctest::Approx(0.2 * share * static_cast<double>(all)).epsilon(0.08));
      } else {
        CheckShare(met, of_kind, 0.2);
      }
    }
  }
}

TEST_CASE("Faults: only while their incident is active") {
  FaultIncident incident = Incident(FaultKind::kCorrupt, 0.5);
  incident.window = {2 * kSecond, kSecond, 5 * kSecond};
  incident.how = 1u << static_cast<unsigned>(Corruption::kWrongType);
  const Model model(WorldWith({incident}), 3);
  std::uint64_t inside = 0, met = 0;
  const std::vector<Record> records = LaneRecords(model, 0, 4'096);
  for (std::size_t k = 0; k < records.size(); ++k) {
    const std::uint64_t run = k / kRunLength * model.lanes();
    const std::int64_t at = model.timeline.PlannedAt(run * kRunLength + k % kRunLength);
    std::int64_t into = 0;
    const bool active = Active(incident.window, at, &into);
    inside += active ? 1 : 0;
    if (!IsFaulty(records[k])) continue;
    ++met;
    REQUIRE(active);
    REQUIRE(FaultOf(records[k]).how() == Corruption::kWrongType);
  }
  CheckShare(met, inside, 0.5);
}

// A repetition is its original, whatever had become of that.
TEST_CASE("Faults: a repetition repeats an event of its lane, damage and all") {
  const Model model(Everything(), 8);
  const std::vector<Record> records = LaneRecords(model, 0, 4'096);
  std::map<std::string, std::uint64_t> of;
  for (std::size_t k = 0; k < records.size(); ++k) {
    if (!IsFaulty(records[k])) continue;
    const Fault fault = FaultOf(records[k]);
    if (!fault.duplicate()) continue;
    REQUIRE(fault.distance <= k);
    const Record& original = records[k - fault.distance];
    Fault before;
    if (IsFaulty(original)) before = FaultOf(original);
    REQUIRE_FALSE(before.duplicate());
    REQUIRE(before.what == fault.what);
    REQUIRE(before.detail == fault.detail);
    REQUIRE(before.skews == fault.skews);
    Record plain = PlainOf(records[k]);
    plain.flags = PlainOf(original).flags;  // the fraud rule has counted on
    REQUIRE(Same(plain, PlainOf(original)));
    ++of[fault.corrupt()    ? "corrupt"
         : fault.late()     ? "late"
         : fault.skews != 0 ? "skewed"
                            : "plain"];
  }
  for (const char* what : {"corrupt", "late", "skewed", "plain"}) {
    CAPTURE(what);
    CHECK(of[what] > 10);
  }
}

// What the records say of fraud is the rule over what arrives and is valid, counted naively.
TEST_CASE("Faults: the fraud rule counts what arrives") {
  const Model model(Everything(), 9);
  struct User {
    unsigned count = 0;
    std::map<unsigned, int> currencies;
  };
  std::map<std::pair<std::uint32_t, std::uint16_t>, User> users;
  std::map<FraudAlert, std::uint64_t> alerts;
  std::uint64_t unlike = 0;
  for (const Record& record : LaneRecords(model, 3, 4'096)) {
    if (KindOf(record.action) != Kind::kPurchase) continue;
    const auto said = static_cast<FraudAlert>(record.flags >> Record::kAlertShift & 3);
    if (IsFaulty(record) && !FaultOf(record).valid()) {
      REQUIRE(said == FraudAlert::kNone);
      continue;
    }
    User& user = users[{record.life, record.entity}];
    ++user.count;
    ++user.currencies[record.b];
    const FraudAlert right = user.count > 5               ? FraudAlert::kFrequent
                             : user.currencies.size() > 1 ? FraudAlert::kMulti
                                                          : FraudAlert::kNone;
    unlike += said == right ? 0 : 1;
    ++alerts[said];
  }
  CHECK(unlike == 0);
  CHECK(alerts[FraudAlert::kFrequent] > 100);
}

TEST_CASE("Faults: clocks are wrong by a constant of the server, forwards and backwards") {
  Scenario scenario = WorldWith({Incident(FaultKind::kClockSkew, 0.5)});
  scenario.population.players = 60'000;
  scenario.servers.players_per_server = 64;
  scenario.faults[0].region = 1;
  const Model model(scenario, 4);
  std::uint64_t skewed = 0, ahead = 0, in_region = 0;
  for (std::uint64_t server = 0; server < model.servers(); ++server) {
    const unsigned region = model.RegionOf(server);
    const std::uint32_t skews = model.faults.SkewsOf(server, region, kSecond);
    if (region != 1) {
      REQUIRE(skews == 0);
      continue;
    }
    ++in_region;
    if (skews == 0) continue;
    ++skewed;
    const std::int64_t by = model.faults.Skew(server, skews);
    REQUIRE(std::abs(by) >= kSecond);
    REQUIRE(std::abs(by) <= 10 * kSecond);
    ahead += by > 0 ? 1 : 0;
  }
  CHECK(in_region > 300);
  CheckShare(skewed, in_region, 0.5);
  CheckShare(ahead, skewed, 0.5);
}

TEST_CASE("Faults: a record holds all of its fault, and its event") {
  const Record purchase{7, 9, 12, Action::kRefund, 1 | 2 << Record::kAlertShift, 3, 4, 0};
  const Record player{7, 9, 12, Action::kSessionEnd, 1, 3, 4, 0};
  const Record server{0, 3, 12, Action::kServerMetric, 1, 90, 91, 60'000};
  for (const Record& plain : {purchase, player, server}) {
    const bool is_server = plain.action == Action::kServerMetric;
    const std::uint32_t skews = is_server ? 0x8001u << 16 : 0;
    // Late by incident 15, after five that were lost.
    const Record late = WithFault(plain, 2 | 15 << 2 | (0b01'10'11'11'01u << 6) | skews);
    REQUIRE(IsFaulty(late));
    CHECK(KindOf(late.action) == KindOf(plain.action));
    CHECK(Same(PlainOf(late), plain));
    Fault fault = FaultOf(late);
    CHECK(fault.late());
    CHECK(fault.valid());
    CHECK(fault.detail == 15);
    CHECK(fault.lost == std::array<std::uint32_t, 3>{2, 1, 2});
    CHECK(fault.skews == (is_server ? 0x8001 : 0));
    // A repetition of a corrupt one.
    const Record again = WithFault(plain, 1 | 15 << 2 | 3 << 6 | 5 << 8 | skews);
    fault = FaultOf(again);
    CHECK(fault.duplicate());
    CHECK(fault.distance == 16);
    CHECK(fault.corrupt());
    CHECK(fault.how() == Corruption::kSchemaVersion);
    CHECK_FALSE(fault.valid());
    CHECK(fault.lost == std::array<std::uint32_t, 3>{});
    const Fault healed = FaultOf(WithoutCorruption(again));
    CHECK(healed.distance == 16);
    CHECK_FALSE(healed.corrupt());
    CHECK(healed.skews == fault.skews);
  }
}

}  // namespace
}  // namespace playload
