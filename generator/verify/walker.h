// The events of a run as verification sees them: bytes, in plan order.
//
// Threads: value types; a walker calls its visitor in the caller's thread.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "generator/base/status.h"
#include "generator/event/fault.h"
#include "generator/event/record.h"

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
inline std::string Printable(std::string_view line) {
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

}  // namespace playload
