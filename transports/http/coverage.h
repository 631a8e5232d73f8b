// Coverage: which events of the run some client has been handed whole: those are acked, each once,
// however many clients got it; at the end all others are shed.
//
// Threads: Handed() and Finish() belong to the reactor. Memory: bounded: at most kMaxHoles holes a kind; when
// there are more, the oldest ones are closed: their events stay shed whatever is sent later.
// Counts are always exact.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "transports/deliveries.h"
#include "transports/http/granule.h"

namespace playload {

class Coverage {
 public:
  static constexpr std::size_t kMaxHoles = 30'000;

  // `deliveries` outlives it.
  explicit Coverage(Deliveries* deliveries);
  ~Coverage();
  Coverage(const Coverage&) = delete;
  Coverage& operator=(const Coverage&) = delete;

  // Wanted events [from, to) of the granule were handed whole to a client whose previous event of
  // these kinds was just before (so that nothing of `kinds` lies between `since` and the first of them).
  // Events that were handed to nobody before are told to Deliveries as acked; the latency of the
  // first and last of them is taken, at `now_ns` of the steady clock.
  void Handed(const Granule& granule, std::uint32_t from, std::uint32_t to, std::uint8_t kinds,
              Ordinal since, std::int64_t now_ns);

  // Events of a kind that were acked so far.
  [[nodiscard]] std::uint64_t acked(Kind kind) const;

  // What of the events before `end` was handed to nobody, as positions ascending; an interval speaks of its kinds
  // only. `position_of(ordinal)` as of the layout.
  struct Hole {
    Ordinal first;
    Ordinal last;  // inclusive
    std::uint8_t kinds;
  };
  [[nodiscard]] std::vector<Hole> Holes(Ordinal end) const;

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace playload
