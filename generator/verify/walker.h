// The events of a run as verification sees them: bytes, in plan order.
//
// Threads: value types; a walker calls its visitor in the caller's thread.

#pragma once

#include <functional>
#include <string_view>

#include "generator/base/status.h"
#include "generator/event/record.h"

namespace playload {

struct StreamEvent {
  Position position = 0;
  Kind kind = Kind::kPlayer;
  std::string_view key;    // as sent to Kafka
  std::string_view value;  // the line, without its newline
};

// Returns whether to go on.
using EventVisitor = std::function<bool(const StreamEvent&)>;

// Makes the events again, from the first one, and shows each to the visitor. May be called more
// than once; every time the same events come.
using StreamWalker = std::function<Status(const EventVisitor&)>;

}  // namespace playload
