// Coverage: which events of the run some client has been handed whole: those are acked, each once,
// however many clients got it; at the end all others are shed.
//
// What is kept is the holes: per kind, the stretches of the run of which nobody got any event of
// that kind. Counts are always exact: an event is acked only while it lies in a hole, which then
// closes over it. Memory is bounded: beyond kMaxHoles holes of a kind the narrower half of them is
// given up, so that their events stay shed even if somebody gets them later.
//
// Threads: one at a time (the reactor; after its end, who tells what was shed).

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "generator/stream/layout.h"
#include "transports/deliveries.h"
#include "transports/http/granule.h"

namespace playload {

class Coverage {
 public:
  static constexpr std::size_t kMaxHoles = 30'000;

  // `deliveries` outlives it. `max_holes` >= 2: of a kind.
  explicit Coverage(Deliveries* deliveries, std::size_t max_holes = kMaxHoles);
  ~Coverage();
  Coverage(const Coverage&) = delete;
  Coverage& operator=(const Coverage&) = delete;

  // Wanted events [from, to) of the granule were handed whole to a client that wants `kinds` (those
  // of the granule's form) and had everything of these kinds from ordinal `since` on up to the
  // first of them, or there was nothing. REQUIRES: from < to; since <= the ordinal of the first.
  // Events that were handed to nobody before are told to Deliveries as acked; the latency of the
  // first and last of them is taken, at `now_ns` of the steady clock.
  void Handed(const Granule& granule, std::uint32_t from, std::uint32_t to, std::uint8_t kinds,
              Ordinal since, std::int64_t now_ns);

  // Events of a kind that were acked so far.
  [[nodiscard]] std::uint64_t acked(Kind kind) const;

  // What of the events before `end` was handed to nobody, ascending, without overlaps; a hole
  // speaks of its kinds only. A hole may hold no event of a kind at all.
  struct Hole {
    Ordinal first;
    Ordinal last;  // inclusive
    std::uint8_t kinds;
  };
  [[nodiscard]] std::vector<Hole> Holes(Ordinal end) const;
  // So many holes were given up that some of these were joined: holes may hold acked events too.
  [[nodiscard]] bool coarse() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Tells what of the events before `end`, all that were generated, was handed to nobody as shed:
// generated = acked + shed afterwards. In a shard the positions from the first to the last of a
// hole are also those of other shards between them; of these no event is this run's.
void TellShed(const Coverage& coverage, const Layout& layout, Ordinal end, Deliveries* deliveries);

}  // namespace playload
