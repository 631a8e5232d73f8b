// PollSource: what the polled endpoints hand out: the events of one kind after the other, each
// once, over all clients. Each kind has a cursor of its own, which starts when it is first asked.
// Not bounded by --events or --duration: who pulls makes the plan.
//
// Threads: Take() belongs to the reactor; `ready` is called by the source's thread, which starts
// with the first call. Memory: up to three times the lanes, and kMostAhead events a kind.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "generator/stream/cursor.h"

namespace playload {

struct PolledEvent {
  Record record;
  std::uint64_t lane;
  Position position;
};

class PollSource {
 public:
  static constexpr std::uint32_t kMostAtOnce = 10'000;
  static constexpr std::uint32_t kMostAhead = 2 * kMostAtOnce;
  static constexpr std::uint64_t kMostBarren = std::uint64_t{1} << 24;  // half a second

  // `tables` outlives it; its spec's end is not looked at.
  PollSource(const StreamTables& tables, std::function<void()> ready);
  ~PollSource();
  PollSource(const PollSource&) = delete;
  PollSource& operator=(const PollSource&) = delete;

  // Replaces *out by the next `count` events of the kind and returns true; or false when they are
  // not at hand yet, and `ready` is called later. REQUIRES: 1 <= count <= kMostAtOnce.
  bool Take(Kind kind, std::uint32_t count, std::vector<PolledEvent>* out);
  // The scenario has no more events of the kind: there was none in kMostBarren events. Take() gives
  // what was found before, and then false for good.
  [[nodiscard]] bool dry(Kind kind) const;

  // Events handed out so far, and one past the position of the last; reactor, and any after it.
  [[nodiscard]] std::array<std::uint64_t, kKinds> handed() const;
  [[nodiscard]] std::array<Position, kKinds> ends() const;
  [[nodiscard]] bool ok() const;  // false: a cursor could not be made, out of memory

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
