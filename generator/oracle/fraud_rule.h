// The fraud rule of the reference pipeline (profile dataflow, version 1) in one byte per player: an
// alert for every purchase-topic event at or past the sixth, and for every one at or after the
// first in a second currency; the former reason wins. reference/dataflow.md section 3,
// docs/verify.md.
//
// Observes only: the simulation stamps its records with the answer and never reads it.
//
// Threads: a value type, owned by its lane.

#pragma once

#include <cstdint>

namespace playload {

enum class FraudAlert : std::uint8_t { kNone = 0, kMulti = 1, kFrequent = 2 };

struct FraudState {
  // 0-2: events so far, up to 6; 3-6: first currency; 7: a second one was seen
  std::uint8_t bits = 0;

  // Whether there was an event in this life.
  [[nodiscard]] bool any() const { return (bits & 7) != 0; }

  // One purchase-topic event of the player, in a currency below 16.
  FraudAlert Observe(unsigned currency) {
    unsigned count = bits & 7u;
    const unsigned first = count == 0 ? currency : bits >> 3 & 15u;
    const bool multi = (bits & 0x80u) != 0 || currency != first;
    if (count < 6) ++count;
    bits = static_cast<std::uint8_t>(count | first << 3 | (multi ? 0x80u : 0u));
    return count > 5 ? FraudAlert::kFrequent : multi ? FraudAlert::kMulti : FraudAlert::kNone;
  }
};

// The server rule: strict, latency does not matter.
constexpr bool ServerAlert(unsigned cpu_load, unsigned memory_usage) {
  return cpu_load > 80 || memory_usage > 80;
}

}  // namespace playload
