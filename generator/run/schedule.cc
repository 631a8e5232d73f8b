#include "generator/run/schedule.h"

#include <algorithm>

namespace playload {

Position Schedule::DueBefore(std::int64_t now_ns) const {
  return now_ns <= zero_ns_ ? 0 : plan_.DueBefore(now_ns - zero_ns_);
}

std::uint32_t Schedule::DueIn(const Batch& batch, std::uint32_t from, std::int64_t now_ns) const {
  const Position due = DueBefore(now_ns);
  // The common cases first: all of it, nothing of it.
  if (batch.position(batch.count - 1) < due) return batch.count;
  if (batch.position(from) >= due) return from;
  // The last run whose first event is due, and how far into it.
  const auto after = std::upper_bound(batch.runs.begin(), batch.runs.end(), due - 1);
  const auto run = static_cast<std::uint32_t>(after - batch.runs.begin()) - 1;
  const Position into = std::min<Position>(due - batch.runs[run], kRunLength);
  return std::min(batch.count, run * kRunLength + static_cast<std::uint32_t>(into));
}

std::int64_t Schedule::PlannedAt(Position position) const {
  const std::int64_t planned = plan_.PlannedAt(position);
  return planned > Plan::kNever - std::max<std::int64_t>(zero_ns_, 0) ? Plan::kNever
                                                                      : zero_ns_ + planned;
}

std::int64_t Schedule::WakeAt(Position position, std::int64_t now_ns) const {
  const std::int64_t planned = PlannedAt(position);
  if (planned == Plan::kNever) return Plan::kNever;
  // An event is due strictly after its planned instant (Plan::DueBefore).
  const std::int64_t due = planned + 1;
  if (now_ns < zero_ns_) return due;
  const std::int64_t tick = zero_ns_ + ((now_ns - zero_ns_) / kTickNs + 1) * kTickNs;
  return std::max(due, tick);
}

}  // namespace playload
