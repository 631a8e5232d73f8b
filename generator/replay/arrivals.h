// Which events of a destination arrived.
//
// Threads: value types.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "generator/event/record.h"
#include "generator/replay/walker.h"
#include "generator/run/ledger.h"

namespace playload {

enum class Arrival : std::uint8_t { kCertain, kNever, kUnknown };

// From the ledger of the destination. Failed and shed ones never did; where the
// ledger is coarse their intervals hold acknowledged events too, so that nothing is certain there.
// Nor did those of a kind that the destination was not sent at all (`run --type`).
class Arrivals {
 public:
  Arrivals() = default;  // everything arrived
  explicit Arrivals(const LedgerEntry& entry);

  [[nodiscard]] Arrival Of(Kind kind, Position position) const;
  [[nodiscard]] Arrival Of(const StreamEvent& event) const {
    return Of(event.kind, event.position);
  }
  // Whether all events at these positions arrived for certain, whatever their kind.
  [[nodiscard]] bool AllCertain(Position first, Position last) const;
  // Whether events of this kind before `position` never arrived, of a kind that was sent.
  [[nodiscard]] bool LostBefore(Kind kind, Position position) const;

 private:
  struct Interval {
    Position first;
    Position last;  // inclusive
    Arrival arrival;
  };
  std::array<bool, kKinds> sent_ = {true, true, true};
  // The last one that begins at or before `position`; null when there is none.
  static const Interval* At(const std::vector<Interval>& intervals, Position position);

  // By kind, ascending; where two overlap, kUnknown comes of it.
  std::array<std::vector<Interval>, kKinds> intervals_;
};

}  // namespace playload
