// Tally: how many outputs of each kind a correct pipeline makes. Adds up over lanes and shards.
//
// Threads: a value type.

#pragma once

#include <cstdint>

namespace playload {

struct Tally {
  std::uint64_t player_events = 0;    // = player-session-summaries
  std::uint64_t purchase_events = 0;  // = purchase-aggregates
  std::uint64_t server_metrics = 0;
  std::uint64_t server_alerts = 0;
  std::uint64_t fraud_frequent = 0;  // fraud-alerts "Too frequent transactions"
  std::uint64_t fraud_multi = 0;     // fraud-alerts "Multiple currency transactions"

  void Add(const Tally& o) {
    player_events += o.player_events;
    purchase_events += o.purchase_events;
    server_metrics += o.server_metrics;
    server_alerts += o.server_alerts;
    fraud_frequent += o.fraud_frequent;
    fraud_multi += o.fraud_multi;
  }
};

}  // namespace playload
