#include "transports/deliveries.h"

#include <algorithm>
#include <cassert>
#include <iterator>

#include "transports/intervals.h"

namespace playload {
namespace {

using Intervals = std::map<Position, Position>;  // first -> last, disjoint, never adjacent

void Insert(Intervals& intervals, Position position) {
  auto next = intervals.upper_bound(position);
  if (next != intervals.begin()) {
    const auto before = std::prev(next);
    if (position <= before->second) return;
    if (position == before->second + 1) {
      before->second = position;
      if (next != intervals.end() && next->first == position + 1) {
        before->second = next->second;
        intervals.erase(next);
      }
      return;
    }
  }
  if (next != intervals.end() && next->first == position + 1) {
    const Position last = next->second;
    next = intervals.erase(next);
    intervals.emplace_hint(next, position, last);
    return;
  }
  intervals.emplace_hint(next, position, position);
}

// Joins neighbours, those with the smallest gaps first, until half of the intervals are left.
// Halving instead of joining one pair makes the cost per insertion constant however many events are
// lost.
void JoinNearest(Intervals& intervals) {
  std::vector<Position> gaps;
  gaps.reserve(intervals.size());
  for (auto it = intervals.begin(), next = std::next(it); next != intervals.end(); it = next++) {
    gaps.push_back(next->first - it->second);
  }
  const auto middle = gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2);
  std::nth_element(gaps.begin(), middle, gaps.end());
  const Position widest = *middle;
  for (auto it = intervals.begin(), next = std::next(it); next != intervals.end();) {
    if (next->first - it->second <= widest) {
      it->second = next->second;
      next = intervals.erase(next);
    } else {
      it = next++;
    }
  }
}

}  // namespace

void Deliveries::Acked(Kind kind, Position position, std::int64_t now_ns, std::int64_t sent_ns) {
  Latency(position, now_ns, sent_ns);
  AckedMany(kind, 1);
}

void Deliveries::Latency(Position position, std::int64_t now_ns, std::int64_t sent_ns) {
  const std::int64_t planned = planned_ns_ ? planned_ns_(position) : -1;
  if (planned >= 0) from_plan_.Record(std::max<std::int64_t>(now_ns - planned, 0));
  if (sent_ns >= 0) from_send_.Record(std::max<std::int64_t>(now_ns - sent_ns, 0));
  if (DeliveryWatch* const w = watch()) w->Acked(position, sent_ns >= 0 ? sent_ns : now_ns, now_ns);
}

void Deliveries::Lost(Fate fate, Kind kind, Position position, const std::string& reason) {
  assert(fate != Fate::kAcked);
  Add(fates_[static_cast<unsigned>(fate)], kind, 1);
  if (DeliveryWatch* const w = watch()) w->Lost(position, fate);
  const std::lock_guard lock(mutex_);
  ++reasons_[reason];
  Intervals& intervals = lost_[static_cast<unsigned>(fate)];
  Insert(intervals, position);
  if (intervals.size() > kMaxIntervals) {
    JoinNearest(intervals);
    coarse_ = true;
  }
}

void Deliveries::LostRange(Fate fate, const std::array<std::uint64_t, kKinds>& counts,
                           const std::vector<PositionInterval>& intervals,
                           const std::string& reason, bool coarse) {
  assert(fate != Fate::kAcked);
  std::uint64_t all = 0;
  for (unsigned k = 0; k < kKinds; ++k) {
    Add(fates_[static_cast<unsigned>(fate)], static_cast<Kind>(k), counts[k]);
    all += counts[k];
  }
  const std::lock_guard lock(mutex_);
  if (all > 0) reasons_[reason] += all;
  coarse_ = coarse_ || coarse;
  std::vector<PositionInterval>& ranges = ranges_[static_cast<unsigned>(fate)];
  ranges.insert(ranges.end(), intervals.begin(), intervals.end());
  ranges = Flatten(ranges);
  while (ranges.size() > kMaxIntervals) {
    JoinNearest(ranges);
    coarse_ = true;
  }
}

void Deliveries::Count(const std::string& what, std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  counters_[what] += n;
}

std::vector<PositionInterval> Deliveries::intervals(Fate fate) const {
  const std::lock_guard lock(mutex_);
  const std::vector<PositionInterval>& ranges = ranges_[static_cast<unsigned>(fate)];
  std::vector<PositionInterval> out;
  const Intervals& intervals = lost_[static_cast<unsigned>(fate)];
  out.reserve(intervals.size() + ranges.size());
  for (const auto& [first, last] : intervals) out.push_back({first, last});
  if (ranges.empty()) return out;
  out.insert(out.end(), ranges.begin(), ranges.end());
  return Flatten(out);
}

std::map<std::string, std::uint64_t> Deliveries::reasons() const {
  const std::lock_guard lock(mutex_);
  return reasons_;
}

std::map<std::string, std::uint64_t> Deliveries::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

bool Deliveries::coarse() const {
  const std::lock_guard lock(mutex_);
  return coarse_;
}

}  // namespace playload
