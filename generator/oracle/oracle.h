// Oracle: what a correct pipeline must put out for each event, with the exact state of the
// reference reading (profile dataflow, version 1; docs/verify.md): for each user the number of
// events of the purchase topic, their currencies, and the f64 sum of their amounts in the order of
// arrival.
//
// Fed in plan order. What it answers for an event is all that this event causes:
//   player event    one player-session-summary, always
//   purchase event  one purchase-aggregate, always; a fraud alert or none
//   server metric   one server alert or none (ServerAlert() in fraud_rule.h)
// The simulation counts alerts with one byte a player (fraud_rule.h); this class shares no code
// with that count, nor with the reference pipeline, and the tests hold the three against each
// other.
//
// Memory: about 50 bytes for each user who buys.
// Threads: a value type.

#pragma once

#include <cassert>
#include <cstdint>

#include "generator/oracle/fraud_rule.h"
#include "generator/oracle/number_map.h"
#include "generator/oracle/tally.h"

namespace playload {

// One event of the purchase topic, purchase or refund: both count and both add their amount.
struct PurchaseFacts {
  std::uint64_t user = 0;         // number of user_data.user_id
  std::uint8_t currency = 0;      // any numbering below 32
  std::uint8_t decimals = 0;      // of `minor_units`, up to 15
  std::uint64_t minor_units = 0;  // the amount is minor_units / 10^decimals; below 2^53
};

struct PurchaseOutputs {
  double total_amount = 0;
  std::uint32_t transaction_count = 0;
  FraudAlert alert = FraudAlert::kNone;
};

struct ServerFacts {
  std::uint32_t cpu_load = 0;      // percent
  std::uint32_t memory_usage = 0;  // percent
};

// The double nearest to the decimal amount, which is what a JSON parser makes of its text: both
// integers are exact as doubles, and IEEE division rounds their quotient correctly.
inline double AmountOf(const PurchaseFacts& facts) {
  constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  assert(facts.decimals <= 15 && facts.minor_units < (std::uint64_t{1} << 53));
  return static_cast<double>(facts.minor_units) / kPowers[facts.decimals];
}

class Oracle {
 public:
  void PlayerEvent() { ++tally_.player_events; }

  PurchaseOutputs Purchase(const PurchaseFacts& facts) {
    assert(facts.currency < 32);
    User& user = users_[facts.user];
    user.total += AmountOf(facts);
    user.count += 1;
    user.currencies |= std::uint32_t{1} << facts.currency;
    ++tally_.purchase_events;
    FraudAlert alert = FraudAlert::kNone;
    if (user.count > kMostTransactions) {
      alert = FraudAlert::kFrequent;
      ++tally_.fraud_frequent;
    } else if ((user.currencies & (user.currencies - 1)) != 0) {  // more than one bit
      alert = FraudAlert::kMulti;
      ++tally_.fraud_multi;
    }
    return {user.total, user.count, alert};
  }

  // Whether the metric is an alert.
  bool ServerMetric(const ServerFacts& facts) {
    const bool alert = ServerAlert(facts.cpu_load, facts.memory_usage);
    ++tally_.server_metrics;
    tally_.server_alerts += alert ? 1 : 0;
    return alert;
  }

  // There are no more events of this user.
  void Forget(std::uint64_t user) { users_.Erase(user); }

  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] std::size_t users() const { return users_.size(); }

 private:
  static constexpr std::uint32_t kMostTransactions = 5;  // without an alert

  struct User {
    double total = 0;
    std::uint32_t count = 0;
    std::uint32_t currencies = 0;  // one bit each
  };

  NumberMap<User> users_;
  Tally tally_;
};

}  // namespace playload
