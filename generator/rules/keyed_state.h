// KeyedState: the values of a rule's state, key by key, kept up to date with each event; private to
// the incremental evaluator. Which of the four classes behind it keeps them follows from the
// window:
//   rows    no window; tumbling and session without lateness: one row of words a key
//   panes   tumbling with lateness: one row for each window that is still open
//   queue   sliding without lateness, last: events come and go in the same order
//   buffer  sliding and session with lateness: events are kept, and looked through
//
// Words: a number's double as bits, or a text's symbol; Symbols::kNone: no value.
// Threads: one owner.

#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "generator/rules/rule_set.h"

namespace playload {

inline constexpr std::size_t kMostStateValues = 16;
using StateWords = std::array<std::uint64_t, kMostStateValues>;

// What became of an event.
struct Fate {
  bool late = false;     // and dropped
  bool at_edge = false;  // of being late or not: another reading would have it otherwise
};

class KeyedState {
 public:
  struct Value {
    Aggregate aggregate = Aggregate::kCount;
    bool whole = true;  // sums are exact
  };

  // Null when nothing has to be kept: no state, no time. `grows_together` as of WindowReading.
  static std::unique_ptr<KeyedState> Make(std::vector<Value> values, const RuleWindow& window,
                                          bool cool_down, bool grows_together = true);
  virtual ~KeyedState() = default;

  // Adds an event: `in[i]` is what value i takes of it, kNone where it takes nothing (a count takes
  // any other word). Unless it is late, `now` has the values with the event and,
  // where it is not null, `before` those of its window without it. `last_output` points to the time
  // of the key's latest output until the next call, and is null without a cool-down.
  virtual Fate Add(std::uint64_t key, std::int64_t time_ns, const StateWords& in, StateWords* now,
                   StateWords* before, std::int64_t** last_output) = 0;

  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
};

}  // namespace playload
