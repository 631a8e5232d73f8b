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

void Schedule::PlannedAt(Position first, std::uint32_t n, std::int64_t* out) const {
  plan_.PlannedAt(first, n, out);
  for (std::uint32_t i = 0; i < n; ++i) {
    out[i] = out[i] > Plan::kNever - std::max<std::int64_t>(zero_ns_, 0) ? Plan::kNever
                                                                         : zero_ns_ + out[i];
  }
}

std::int64_t Schedule::DueAt(Position position) const {
  // An event is due strictly after its planned instant (Plan::DueBefore).
  const std::int64_t planned = PlannedAt(position);
  return planned == Plan::kNever ? Plan::kNever : planned + 1;
}

double Schedule::GapNs(const Batch& batch) const {
  if (batch.count < 2) return 0;
  const std::int64_t first = PlannedAt(batch.position(0));
  const std::int64_t last = PlannedAt(batch.position(batch.count - 1));
  return static_cast<double>(last - first) / (batch.count - 1);
}

}  // namespace playload
