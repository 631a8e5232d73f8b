// DeliveryWatch: what became of each of the latest events of a destination, one by one, for one
// follower who goes through the stream behind its sender. Deliveries only counts the acknowledged.
//
// Threads: each method says. Nothing blocks: what is told writes one word.
// Memory: 8 bytes for each of kWindow positions. Where an event beyond the window of the follower
// is told of, its fate finds no place: overflowed() is true from then on, and the follower has to
// wait for the ledger.
// Units: steady-clock nanoseconds; kept in microseconds, of the latest 71 minutes.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "generator/event/record.h"
#include "transports/fate.h"

namespace playload {

class DeliveryWatch {
 public:
  static constexpr Position kWindow = Position{1} << 21;

  DeliveryWatch() : slots_(std::make_unique<std::atomic<std::uint64_t>[]>(kWindow)) {}

  // Sender thread: events before `end` may be on their way from now on.
  void Offering(Position end) { offered_.store(end, std::memory_order_release); }

  // The thread that learns of it; once for each event.
  void Acked(Position position, std::int64_t sent_ns, std::int64_t now_ns) {
    const auto took = std::clamp<std::int64_t>((now_ns - sent_ns) / 1'000, 0, kLongest);
    Set(position, kAckedBit | static_cast<std::uint64_t>(took) << 32 |
                      (static_cast<std::uint64_t>(sent_ns / 1'000) & 0xFFFFFFFFu));
  }
  // Any thread.
  void Lost(Position position, Fate fate) { Set(position, std::uint64_t{1} + Index(fate)); }

  // The follower's thread, for events at or behind the last Forget():

  struct Told {
    Fate fate = Fate::kAcked;
    std::int64_t sent_ns = 0;   // kAcked only
    std::int64_t acked_ns = 0;  // the same
  };

  // Events before this position may be on their way.
  [[nodiscard]] Position offered() const { return offered_.load(std::memory_order_acquire); }
  // Absent while nothing is known. `now_ns`: about now, at most 71 minutes after the event was
  // sent.
  [[nodiscard]] std::optional<Told> Of(Position position, std::int64_t now_ns) const {
    const std::uint64_t slot = slots_[position % kWindow].load(std::memory_order_acquire);
    if (slot == 0) return std::nullopt;
    if ((slot & kAckedBit) == 0) return Told{static_cast<Fate>(slot - 1), 0, 0};
    const auto now = static_cast<std::uint64_t>(now_ns / 1'000);
    const std::uint64_t since = (now - slot) & 0xFFFFFFFFu;
    const auto sent_ns = static_cast<std::int64_t>(now - since) * 1'000;
    const auto took_ns = static_cast<std::int64_t>((slot & ~kAckedBit) >> 32) * 1'000;
    return Told{Fate::kAcked, sent_ns, sent_ns + took_ns};
  }
  // The follower is through with all events before `end`, of which those in [first, end) are its
  // own.
  void Forget(Position first, Position end) {
    for (Position p = first; p < end; ++p) {
      slots_[p % kWindow].store(0, std::memory_order_relaxed);
    }
    begin_.store(end, std::memory_order_release);
  }
  // For good.
  [[nodiscard]] bool overflowed() const { return overflowed_.load(std::memory_order_acquire); }

 private:
  static constexpr std::uint64_t kAckedBit = std::uint64_t{1} << 63;
  static constexpr std::int64_t kLongest = (std::int64_t{1} << 31) - 1;

  static std::uint64_t Index(Fate fate) { return static_cast<std::uint64_t>(fate); }

  void Set(Position position, std::uint64_t slot) {
    const Position begin = begin_.load(std::memory_order_acquire);
    if (position < begin) return;  // it was told of before, and the follower is through with it
    if (position - begin >= kWindow) {
      overflowed_.store(true, std::memory_order_release);
      return;
    }
    slots_[position % kWindow].store(slot, std::memory_order_release);
  }

  const std::unique_ptr<std::atomic<std::uint64_t>[]> slots_;  // 0: nothing is known
  std::atomic<Position> begin_{0};                             // of the follower's window
  std::atomic<Position> offered_{0};
  std::atomic<bool> overflowed_{false};
};

}  // namespace playload
