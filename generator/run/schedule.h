// Schedule: which events of a batch are due, and when to wake up next. The pure part of the sender:
// it takes instants and holds no clock.
//
// Units: steady-clock nanoseconds; `zero_ns` is the run's start on that clock.
// Threads: a value type, constant after construction.

#pragma once

#include <cstdint>

#include "generator/pace/plan.h"
#include "transports/batch.h"

namespace playload {

class Schedule {
 public:
  // Between two releases of a dense plan. A release costs some microseconds of CPU: at 0.5 ms that
  // is below 3 % of a core, and an event is on average 0.25 ms late by it.
  static constexpr std::int64_t kTickNs = 500'000;

  Schedule(const Plan& plan, std::int64_t zero_ns) : plan_(plan), zero_ns_(zero_ns) {}

  // One past the last event of [from, batch.count) that is due at `now_ns`; `from` when none is.
  // Positions of a batch ascend, so the due ones are at its front.
  [[nodiscard]] std::uint32_t DueIn(const Batch& batch, std::uint32_t from,
                                    std::int64_t now_ns) const;

  // When to look again, given that the event at `position` is not due yet: the first instant at
  // which it is, or the next tick of the run when that is later. Ticks are counted from the run's
  // start, so that they never drift. kNever when the event is never due.
  [[nodiscard]] std::int64_t WakeAt(Position position, std::int64_t now_ns) const;

  // The planned instant on the steady clock; Plan::kNever when there is none.
  [[nodiscard]] std::int64_t PlannedAt(Position position) const;

  // How many events of the whole stream are due at `now_ns`.
  [[nodiscard]] Position DueBefore(std::int64_t now_ns) const;

 private:
  Plan plan_;
  std::int64_t zero_ns_;
};

}  // namespace playload
