// WindowReading: a window as pipelines take it that have it wrong, where no rule set can say so.
// The evaluator runs a rule with it for mutants (generator/mutants/mutate.h); of the right reading
// (docs/rules.md) nothing is otherwise. At most one thing is.
//
// Threads: a value type. Units: nanoseconds.

#pragma once

#include <cstdint>

#include "generator/rules/rule_set.h"

namespace playload {

struct WindowReading {
  // When a window answers that is to answer when it closes.
  enum class Answers : std::uint8_t {
    kClosed,
    kEach,   // after each of its events, and not when it closes
    kAgain,  // at its end, without waiting for who is late, and again to each of these
  };
  Answers answers = Answers::kClosed;
  bool closed_by_key = false;  // by the time of the key's own events, not that of the whole input
  bool other_edge = false;     // tumbling: an event at the end is still in the window; sliding: so
                               // is one at t - SIZE; session: exactly GAP apart are two
  bool from_event = false;     // tumbling: a window begins with an event that no window of its key
                               // has, wherever the clock stands
  bool grows_together = true;  // session: false: two stay two when an event comes between them
  std::int64_t ahead_ns = 0;   // tumbling: by a clock that is so far ahead of UTC; not negative

  // Whether it shows where every event comes in the order of its time.
  [[nodiscard]] bool ShowsInOrder() const {
    return answers == Answers::kEach || closed_by_key || other_edge || from_event || ahead_ns != 0;
  }
  bool operator==(const WindowReading&) const = default;
};

// How far ahead the clock of tumbling windows is, in which an event at the end is none of the
// window.
inline std::int64_t AheadOf(const RuleWindow& window, const WindowReading& reading) {
  return reading.other_edge && window.form == RuleWindow::Form::kTumbling ? window.size_ns - 1
                                                                          : reading.ahead_ns;
}

}  // namespace playload
