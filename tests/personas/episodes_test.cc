// The scripted fraud episodes and their near misses, over every path of their chains: which
// sessions the fraud rule of the reference pipeline must alert on, and which never.

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "generator/event/catalog.h"
#include "personas/load.h"

namespace playload {
namespace {

// What a player has done on the purchase topic, as far as the rule and the refunds care.
struct Player {
  int state = 0;
  int events = 0;
  int purchases = 0;
  int refunds = 0;
  bool own = false;      // bought or refunded in the own currency
  bool foreign = false;  // and in another one
  bool last_foreign = false;
  bool refundable = false;
  bool again = false;  // a purchase was refunded twice

  [[nodiscard]] bool alerts() const { return events > 5 || (own && foreign); }
  [[nodiscard]] auto key() const {
    return std::tie(state, events, purchases, refunds, own, foreign, last_foreign, refundable,
                    again);
  }
  bool operator<(const Player& other) const { return key() < other.key(); }
};

// The simulation's reading of an emission (personas/persona.h).
void Emitted(Emit emit, Player* player) {
  const bool purchase = emit == Emit::kPurchase || emit == Emit::kPurchaseForeign;
  const bool refund = emit == Emit::kRefund || emit == Emit::kRefundAgain;
  if (purchase) {
    player->last_foreign = emit == Emit::kPurchaseForeign;
    player->refundable = true;
    ++player->purchases;
  } else if (refund) {
    if (player->purchases == 0 || (!player->refundable && emit == Emit::kRefund)) return;
    if (!player->refundable) player->again = true;
    player->refundable = false;
    ++player->refunds;
  } else {
    return;
  }
  ++player->events;
  (player->last_foreign ? player->foreign : player->own) = true;
}

// The players at the end of every possible session. Fails where a path has more than 50 events on
// the purchase topic, which no episode has.
std::set<Player> Outcomes(const std::string& name) {
  const Result<Persona> persona = BuiltInPersona(name);
  REQUIRE(persona.has_value());
  std::set<Player> seen = {Player{}};
  std::set<Player> ended;
  std::vector<Player> open = {Player{}};
  while (!open.empty()) {
    const Player player = open.back();
    open.pop_back();
    REQUIRE(player.events <= 50);
    for (const Transition& t : persona->states[static_cast<std::size_t>(player.state)].to) {
      Player next = player;
      Emitted(t.emit, &next);
      next.state = t.to;
      if (t.to == kExit) {
        ended.insert(next);
      } else if (seen.insert(next).second) {
        open.push_back(next);
      }
    }
  }
  return ended;
}

const std::vector<std::string> kAlways = {"card-tester", "currency-hopper", "refund-abuser"};
const std::vector<std::string> kNever = {"card-tester-near", "currency-near", "refund-near"};

std::vector<std::string> Scripted() {
  std::vector<std::string> all = kAlways;
  all.insert(all.end(), kNever.begin(), kNever.end());
  return all;
}

TEST_CASE("Episodes: the rule alerts on every session of the three kinds of fraud") {
  for (const std::string& name : kAlways) {
    CAPTURE(name);
    for (const Player& player : Outcomes(name)) CHECK(player.alerts());
  }
}

TEST_CASE("Episodes: the rule alerts on no session of a near miss") {
  for (const std::string& name : kNever) {
    CAPTURE(name);
    for (const Player& player : Outcomes(name)) CHECK_FALSE(player.alerts());
  }
}

// {events on the purchase topic at the end of a session, over all paths}
std::set<int> EventCounts(const std::string& name) {
  std::set<int> counts;
  for (const Player& player : Outcomes(name)) counts.insert(player.events);
  return counts;
}

TEST_CASE("Episodes: each has the events that its file promises") {
  CHECK(EventCounts("card-tester") == std::set<int>{6, 7, 8, 9, 10, 11, 12});
  CHECK(EventCounts("card-tester-near") == std::set<int>{5});
  CHECK(EventCounts("currency-hopper") == std::set<int>{2, 3, 4, 5});
  CHECK(EventCounts("currency-near") == std::set<int>{2, 3, 4, 5});
  CHECK(EventCounts("refund-abuser") == std::set<int>{6, 7, 8, 9, 10});
  CHECK(EventCounts("refund-near") == std::set<int>{5});

  for (const char* name : {"card-tester", "card-tester-near", "currency-near"}) {
    CAPTURE(name);
    for (const Player& player : Outcomes(name)) {
      CHECK_FALSE(player.foreign);
      CHECK(player.refunds == 0);
    }
  }
  for (const Player& player : Outcomes("refund-abuser")) {
    CHECK(player.purchases == 1);
    CHECK(player.again);
    CHECK_FALSE(player.foreign);
  }
  for (const Player& player : Outcomes("refund-near")) {
    CHECK(player.refunds >= 1);
    CHECK(player.purchases + player.refunds == 5);
    CHECK_FALSE(player.again);
    CHECK_FALSE(player.foreign);
  }
}

// A near miss teaches something only if one event more, or one currency more, would alert.
TEST_CASE("Episodes: near misses reach the threshold itself") {
  for (const std::string& name : kNever) {
    CAPTURE(name);
    const std::set<int> counts = EventCounts(name);
    CHECK(*counts.rbegin() == 5);
  }
}

// Not even an attempt: what a near miss does must be honest whatever the player did before.
TEST_CASE("Episodes: a near miss never buys abroad and never asks twice for a refund") {
  for (const std::string& name : kNever) {
    CAPTURE(name);
    const Result<Persona> persona = BuiltInPersona(name);
    REQUIRE(persona.has_value());
    for (const State& state : persona->states) {
      for (const Transition& t : state.to) {
        CHECK(t.emit != Emit::kPurchaseForeign);
        CHECK(t.emit != Emit::kRefundAgain);
      }
    }
  }
}

TEST_CASE("Episodes: one session, fast, and nothing bought that could run out") {
  for (const std::string& name : Scripted()) {
    CAPTURE(name);
    const Result<Persona> persona = BuiltInPersona(name);
    REQUIRE(persona.has_value());
    CHECK(persona->one_session);
    for (const State& state : persona->states) {
      CAPTURE(state.name);
      CHECK(DwellMeanMs(state.dwell) <= 2'000);
    }
    for (std::size_t type = 0; type < kKeptTypes; ++type) CHECK(persona->item_weights[type] == 0);
  }
}

TEST_CASE("Episodes: no persona but these and the fraudster buys abroad or refunds twice") {
  for (const std::string& name : BuiltInPersonas()) {
    const std::vector<std::string> scripted = Scripted();
    if (name == "fraudster") continue;
    if (std::find(scripted.begin(), scripted.end(), name) != scripted.end()) continue;
    CAPTURE(name);
    const Result<Persona> persona = BuiltInPersona(name);
    REQUIRE(persona.has_value());
    for (const State& state : persona->states) {
      for (const Transition& t : state.to) {
        CHECK(t.emit != Emit::kPurchaseForeign);
        CHECK(t.emit != Emit::kRefundAgain);
      }
    }
  }
}

}  // namespace
}  // namespace playload
