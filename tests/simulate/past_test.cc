#include "generator/simulate/past.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "tests/support/world.h"

namespace playload {
namespace {

// What a lane's players bought so far, by place and life.
using Bought = std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<Record>>;

// All but the fields that no purchase has.
bool Same(const Record& a, const Record& b) { return std::memcmp(&a, &b, sizeof(Record)) == 0; }

constexpr int kScriptItem = 2;

// `timed`: with scripts, some of whose steps wait for an instant.
Scenario Eventful(std::uint64_t players, bool timed = false) {
  Scenario world = test::World(
      players, {"newcomer", "casual", "regular", "grinder", "social", "whale", "bot", "fraudster"});
  world.population.life_sessions = 3;
  FraudIncident fraud;
  fraud.window = {1'000'000'000, 3'000'000'000, 0};
  fraud.share_parts = 200'000'000;
  fraud.personas = {7};
  world.fraud = {fraud};
  ProbeIncident probe;
  probe.share_parts = 300'000'000;
  ProbeStep buy;
  buy.what = ProbeStep::What::kPurchase;
  buy.item = kScriptItem;
  ProbeStep later = buy;
  later.currency = 3;
  later.wait_ns = 400'000'000;
  ProbeStep back;
  back.what = ProbeStep::What::kRefund;
  probe.scripts = {{false, {buy, buy, back, later, buy}}, {false, {buy, later, later, later}}};
  if (timed) world.probes = {probe};
  return world;
}

// At any instant, for every life of the lane: the present one's purchases, and of others none.
TEST_CASE("Past: what was bought before a copy was made is known from the copy") {
  for (const std::uint64_t players : {1ULL, 60ULL, 700ULL, 9'000ULL}) {
    const Model model(Eventful(players, players >= 700), 77);
    const std::uint64_t lane = model.lanes() - 1;
    Lanes lanes(model, static_cast<std::int64_t>(lane));
    REQUIRE(lanes.ok());
    Bought bought;
    std::size_t compared = 0;
    std::size_t gone = 0;
    std::size_t scripted = 0;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> gone_for_good;
    std::vector<Record> records(4'096);
    std::uint64_t made = 0;
    // The first copies are of a time at which most players have not come yet.
    for (const std::uint64_t until : {16ULL, 400ULL, 8'000ULL, 90'000ULL, 700'000ULL, 700'016ULL}) {
      CAPTURE(players);
      CAPTURE(until);
      while (made < until) {
        const std::uint64_t count = std::min<std::uint64_t>(until - made, records.size());
        lanes.Simulate(lane, records.data(), static_cast<std::uint32_t>(count));
        made += count;
        for (std::uint64_t i = 0; i < count; ++i) {
          const Record& r = records[i];
          if (KindOf(r.action) == Kind::kPurchase) bought[{r.entity, r.life}].push_back(r);
        }
      }
      const LanesCopy copy = lanes.Copy();
      Past past(model, copy);
      for (std::uint32_t place = 0; place < model.PlayersIn(lane); ++place) {
        const std::optional<Past::Life> life = past.LifeAt(lane, place);
        if (!life) {
          CHECK(past.Purchases(lane, place, 0).empty());
          continue;
        }
        std::vector<Record> again = past.Purchases(lane, place, life->number);
        // The alert of a record is the place's, which is that of the life.
        const auto found = bought.find({place, life->number});
        const std::vector<Record> none;
        const std::vector<Record>& first =
            life->over || found == bought.end() ? none : found->second;
        REQUIRE(again.size() == first.size());
        REQUIRE(std::equal(again.begin(), again.end(), first.begin(), Same));
        compared += first.size();
        for (const Record& r : first) scripted += r.a == kScriptItem ? 1 : 0;
        REQUIRE(past.Purchases(lane, place, life->number + 1).empty());
      }
      for (const auto& [who, purchases] : bought) {
        const std::optional<Past::Life> life = past.LifeAt(lane, who.first);
        REQUIRE(life.has_value());
        REQUIRE(who.second <= life->number);
        // Nothing may come of who is over, nor of who was there before.
        if (!gone_for_good.contains(who) && (who.second < life->number || life->over)) {
          gone_for_good[who] = purchases.size();
        }
        if (gone_for_good.contains(who)) REQUIRE(gone_for_good[who] == purchases.size());
        if (who.second == life->number) continue;
        REQUIRE(past.Purchases(lane, who.first, who.second).empty());
        ++gone;
      }
    }
    if (players >= 60) CHECK(compared > 50);
    if (players >= 700) CHECK(scripted > 5);
    CHECK(gone > 10);
  }
}

TEST_CASE("Past: of a lane that was never touched nothing is known") {
  const Model model(Eventful(700), 1);
  Lanes lanes(model);
  const LanesCopy copy = lanes.Copy();
  Past past(model, copy);
  CHECK(!past.LifeAt(0, 3).has_value());
  CHECK(past.Purchases(0, 3, 0).empty());
}

// A lane alone goes on from a copy of all of them as it would have among the others.
TEST_CASE("Lanes: one lane is put back from its bytes, and nothing else is taken for it") {
  const Model model(Eventful(700), 5);
  Lanes all(model);
  REQUIRE(all.ok());
  std::vector<Record> first(1'600);
  std::vector<Record> second(1'600);
  for (std::uint64_t lane = 0; lane < 3; ++lane) all.Simulate(lane, first.data(), 1'600);
  const LanesCopy copy = all.Copy();
  REQUIRE(copy.lanes() == 3);
  CHECK(copy.number(2) == 2);
  CHECK(copy.Find(3).empty());
  all.Simulate(2, first.data(), 1'600);

  Lanes one(model, 2);
  REQUIRE(one.Put(2, copy.Find(2)));
  one.Simulate(2, second.data(), 1'600);
  CHECK(std::memcmp(first.data(), second.data(), 1'600 * sizeof(Record)) == 0);

  CHECK(!one.Put(1, copy.Find(1)));  // there is no room for it
  const std::span<const std::byte> bytes = copy.Find(2);
  CHECK(!one.Put(2, bytes.first(bytes.size() - 1)));
  CHECK(!one.Put(2, bytes.first(10)));
  CHECK(!one.Put(2, {}));
}

}  // namespace
}  // namespace playload
