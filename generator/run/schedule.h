// Schedule: which events of a batch are due, and when the others fall due. The pure part of the
// sender: it takes instants and holds no clock.
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
  Schedule(const Plan& plan, std::int64_t zero_ns) : plan_(plan), zero_ns_(zero_ns) {}

  // One past the last event of [from, batch.count) that is due at `now_ns`; `from` when none is.
  // Positions of a batch ascend, so the due ones are at its front.
  [[nodiscard]] std::uint32_t DueIn(const Batch& batch, std::uint32_t from,
                                    std::int64_t now_ns) const;

  // The first instant at which the event at `position` is due; Plan::kNever when it never is.
  [[nodiscard]] std::int64_t DueAt(Position position) const;

  // The mean time between two events of a batch; 0 where it has only one.
  [[nodiscard]] double GapNs(const Batch& batch) const;

  // The planned instant on the steady clock; Plan::kNever when there is none.
  [[nodiscard]] std::int64_t PlannedAt(Position position) const;

  // The same for `n` <= kRunLength events from `first` on, as Plan says.
  void PlannedAt(Position first, std::uint32_t n, std::int64_t* out) const;

  // How many events of the whole stream are due at `now_ns`.
  [[nodiscard]] Position DueBefore(std::int64_t now_ns) const;

 private:
  Plan plan_;
  std::int64_t zero_ns_;
};

}  // namespace playload
