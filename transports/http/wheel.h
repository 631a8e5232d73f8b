// Wheel: wakes stream clients with a rate of their own, to the millisecond. An instant beyond the
// wheel's 4 s is put into its last slot, and the client then looks again.
//
// Threads: one owner. Units: ns of the steady clock.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "transports/http/list.h"

namespace playload {

template <typename T, typename L>
class Wheel {
 public:
  static constexpr std::int64_t kSlotNs = 1'000'000;
  static constexpr std::int64_t kSlots = 4'096;

  explicit Wheel(std::int64_t now_ns) : slot_(now_ns / kSlotNs) {}

  // Wakes it at `at_ns` or up to a slot later, never in the present slot.
  void Add(T* element, std::int64_t at_ns) {
    const std::int64_t slot =
        std::clamp((at_ns + kSlotNs - 1) / kSlotNs, slot_ + 1, slot_ + kSlots - 1);
    slots_[Index(slot)].PushBack(element);
    next_ = std::min(next_, slot);
  }
  // Moves those whose time has come to `ready`.
  void Advance(std::int64_t now_ns, List<T, L>* ready) {
    const std::int64_t now = now_ns / kSlotNs;
    if (now < next_) {
      slot_ = std::max(slot_, std::min(now, next_ - 1));
      return;
    }
    for (std::int64_t s = next_; s <= now && s < next_ + kSlots; ++s) {
      ready->Splice(slots_[Index(s)]);
    }
    slot_ = now;
    next_ = kNone;
    for (std::int64_t s = now + 1; s < now + kSlots; ++s) {
      if (slots_[Index(s)].empty()) continue;
      next_ = s;
      break;
    }
  }
  // When Advance() has something to do next; max() when nothing is in it. An element that left by
  // itself may make it too early, never too late.
  [[nodiscard]] std::int64_t next_ns() const {
    return next_ == kNone ? std::numeric_limits<std::int64_t>::max() : next_ * kSlotNs;
  }

 private:
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  static std::size_t Index(std::int64_t slot) { return static_cast<std::size_t>(slot % kSlots); }

  std::int64_t slot_;          // everything up to it was moved out
  std::int64_t next_ = kNone;  // no slot before it holds anything
  std::array<List<T, L>, kSlots> slots_;
};

}  // namespace playload
