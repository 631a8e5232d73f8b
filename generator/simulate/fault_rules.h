// FaultRules: the data faults of a scenario as integers, and what they do to an event: a function
// of (seed, lane, index in the lane) alone, so that whoever makes the event, or its line, or asks
// what must come of it, finds the same.
//
// Units: nanoseconds; positions of the whole stream; indices count the events of a lane from 0.
// Threads: a value type, constant after construction.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "generator/base/random.h"
#include "generator/event/fault.h"
#include "generator/event/record.h"
#include "scenarios/scenario.h"

namespace playload {

class FaultRules {
 public:
  FaultRules() = default;
  FaultRules(const Scenario& scenario, std::uint64_t seed_key, std::uint64_t lanes);

  [[nodiscard]] bool empty() const { return incidents_.empty(); }
  [[nodiscard]] bool skews() const { return !skews_.empty(); }

  // Whether at this index something may be sent again, or be lost before it; what kind of event it
  // is, and whether an incident is active, is not asked.
  [[nodiscard]] bool MayMove(std::uint64_t lane, std::uint64_t index) const {
    return Repeated(lane, index) > 0 ||
           DropDraw(lane, index, 0) < total_[static_cast<unsigned>(FaultKind::kDrop)];
  }

  // How many events of the lane ago the one was that may be sent again at this index, from 1 to
  // kMostDistance; 0: none.
  [[nodiscard]] unsigned Repeated(std::uint64_t lane, std::uint64_t index) const {
    const std::uint64_t r = DrawAt(Key(lane), index, Purpose::kFaultRepeat);
    if (Low(r) >= total_[static_cast<unsigned>(FaultKind::kDuplicate)]) return 0;
    return 1 + Below(static_cast<std::uint32_t>(r >> 32), kMostDistance);
  }
  // Whether an event of this kind is sent again, planned for `instant`. REQUIRES: Repeated() > 0.
  [[nodiscard]] bool Repeats(std::uint64_t lane, std::uint64_t index, Kind kind,
                             std::int64_t instant) const {
    const std::uint64_t r = DrawAt(Key(lane), index, Purpose::kFaultRepeat);
    return Low(r) < ShareOf(FaultKind::kDuplicate, kind, instant);
  }

  // Whether the event of this kind that comes to an index as the `nth`, from 0, is lost.
  [[nodiscard]] bool Drops(std::uint64_t lane, std::uint64_t index, unsigned nth, Kind kind,
                           std::int64_t instant) const {
    return DropDraw(lane, index, nth) < ShareOf(FaultKind::kDrop, kind, instant);
  }

  // Whether at this index an event may be late or corrupt.
  [[nodiscard]] bool MayChange(std::uint64_t lane, std::uint64_t index) const {
    return Low(DrawAt(Key(lane), index, Purpose::kFaultChange)) < total_change_;
  }
  struct Change {
    Fault::What what = Fault::What::kNothing;  // kLate, kCorrupt, or nothing
    unsigned detail = 0;                       // as of Fault
  };
  [[nodiscard]] Change ChangeOf(std::uint64_t lane, std::uint64_t index, Kind kind,
                                std::int64_t instant) const;

  // Which incidents shift the clock of a server (from 0): as of Fault::skews.
  [[nodiscard]] std::uint32_t SkewsOf(std::uint64_t server, unsigned region,
                                      std::int64_t instant) const;

  // What the record's bits leave to be drawn again.

  // How late an event is, by an incident.
  [[nodiscard]] std::int64_t Delay(std::uint64_t lane, std::uint64_t index,
                                   unsigned incident) const;
  // By how much those incidents shift the clock of a server (from 0).
  [[nodiscard]] std::int64_t Skew(std::uint64_t server, std::uint32_t skews) const;
  // For where and by what a corrupt event is damaged.
  [[nodiscard]] std::uint64_t DamageDraw(std::uint64_t lane, std::uint64_t index) const {
    return DrawAt(Key(lane), index, Purpose::kFaultDamage);
  }

  // Which event of its lane a position is.
  [[nodiscard]] std::uint64_t IndexOf(Position position) const {
    return position / kRunLength / lanes_ * kRunLength + position % kRunLength;
  }
  // REQUIRES: the lane of `position` has so many events before it.
  [[nodiscard]] Position Before(Position position, unsigned distance) const {
    const std::uint64_t index = IndexOf(position) - distance;
    const std::uint64_t lane = position / kRunLength % lanes_;
    return (index / kRunLength * lanes_ + lane) * kRunLength + index % kRunLength;
  }

 private:
  static std::uint32_t Low(std::uint64_t r) { return static_cast<std::uint32_t>(r); }
  [[nodiscard]] std::uint64_t Key(std::uint64_t lane) const { return EntityKey(seed_key_, lane); }
  [[nodiscard]] std::uint64_t DropDraw(std::uint64_t lane, std::uint64_t index,
                                       unsigned nth) const {
    return Low(DrawAt(Key(lane), index * (kMostDrops + 1) + nth, Purpose::kFaultDrop));
  }
  // Of 2^32, of all incidents of a kind that are active.
  [[nodiscard]] std::uint64_t ShareOf(FaultKind fault, Kind kind, std::int64_t instant) const;

  std::uint64_t seed_key_ = 0;
  std::uint64_t lanes_ = 1;
  std::vector<FaultIncident> incidents_;
  std::vector<std::uint64_t> shares_;  // of 2^32, by incident
  std::vector<unsigned> skews_;        // incidents that are skews
  // What all incidents of a kind take together, were they active at once; of 2^32.
  std::array<std::uint64_t, kFaultKinds> total_{};
  std::uint64_t total_change_ = 0;
};

}  // namespace playload
