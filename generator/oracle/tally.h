// Tally: how many outputs of each kind a correct pipeline makes, and how many events each data
// fault has touched. Adds up over lanes and shards.
//
// Threads: a value type.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "generator/event/fault.h"
#include "generator/event/record.h"

namespace playload {

// By Kind of event and FaultLabel. An event that two faults have touched counts for both.
using FaultCounts = std::array<std::array<std::uint64_t, kFaultLabels>, kKinds>;

struct Tally {
  // Valid ones: what is corrupt causes nothing.
  std::uint64_t player_events = 0;    // = player-session-summaries
  std::uint64_t purchase_events = 0;  // = purchase-aggregates
  std::uint64_t server_metrics = 0;
  std::uint64_t server_alerts = 0;
  std::uint64_t fraud_frequent = 0;  // fraud-alerts "Too frequent transactions"
  std::uint64_t fraud_multi = 0;     // fraud-alerts "Multiple currency transactions"
  FaultCounts faults{};

  void Add(const Tally& o) {
    player_events += o.player_events;
    purchase_events += o.purchase_events;
    server_metrics += o.server_metrics;
    server_alerts += o.server_alerts;
    fraud_frequent += o.fraud_frequent;
    fraud_multi += o.fraud_multi;
    for (std::size_t k = 0; k < kKinds; ++k) {
      for (std::size_t l = 0; l < kFaultLabels; ++l) faults[k][l] += o.faults[k][l];
    }
  }

  // An event that a fault has touched. A repetition counts as one, whatever it repeats.
  void AddFault(Kind kind, const Fault& fault) {
    const auto count = [this](std::size_t k, FaultLabel label) -> std::uint64_t& {
      return faults[k][static_cast<std::size_t>(label)];
    };
    const auto k = static_cast<std::size_t>(kind);
    if (fault.duplicate()) {
      ++count(k, FaultLabel::kDuplicate);
      return;
    }
    if (fault.late()) ++count(k, FaultLabel::kLate);
    if (fault.corrupt()) ++count(k, LabelOf(fault.how()));
    if (fault.skews != 0) ++count(k, FaultLabel::kClockSkew);
    for (std::size_t l = 0; l < kKinds; ++l) count(l, FaultLabel::kDrop) += fault.lost[l];
  }
};

// How many events of all kinds a fault has touched.
inline std::uint64_t TotalOf(const FaultCounts& faults, std::size_t label) {
  return faults[0][label] + faults[1][label] + faults[2][label];
}

}  // namespace playload
