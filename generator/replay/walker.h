// What a run sent, made again from its spec: bytes, in plan order. Nothing of the stream is kept
// anywhere; it is regenerated each time.
//
// Threads: a walker makes `threads` workers for each walk; its visitor runs in the caller's thread.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/event/fault.h"
#include "generator/event/record.h"
#include "generator/stream/spec.h"

namespace playload {

struct StreamEvent {
  Position position = 0;
  Kind kind = Kind::kPlayer;
  std::string_view key;     // as sent to Kafka
  std::string_view value;   // the line, without its newline
  std::uint16_t fault = 0;  // FaultMark

  [[nodiscard]] bool valid() const { return (fault & FaultMark::kInvalid) == 0; }
};

// A line as it may stand in a report: '?' for what a fault has left of it that is not ASCII.
inline std::string AsAscii(std::string_view line) {
  std::string text(line);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x7F) c = '?';
  }
  return text;
}

// Returns whether to go on.
using EventVisitor = std::function<bool(const StreamEvent&)>;

// Makes the events again, from the first one, and shows each to the visitor. May be called more
// than once; every time the same events come.
using StreamWalker = std::function<Status(const EventVisitor&)>;

// `stamps`: the recorded instants of the batches of a run at rate max on the live clock, else
// empty. A walk ends where the spec does: give the run's final end.
StreamWalker WalkRun(RunSpec spec, std::vector<std::int64_t> stamps, int threads);

// What the polled endpoints of a run handed out: the first `counts` events of each kind, in plan
// order over the three, with the timestamps that are planned for them.
StreamWalker WalkPolled(RunSpec spec, const std::array<std::uint64_t, kKinds>& counts, int threads);

}  // namespace playload
