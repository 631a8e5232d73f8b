#include "generator/replay/arrivals.h"

#include <algorithm>
#include <iterator>

namespace playload {

Arrivals::Arrivals(const LedgerEntry& entry) {
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    sent_[kind] = entry.generated[kind] > 0;
    std::vector<Interval> all;
    for (const Fate fate : {Fate::kFailed, Fate::kShed, Fate::kUnknown}) {
      const Arrival arrival =
          fate == Fate::kUnknown || entry.coarse ? Arrival::kUnknown : Arrival::kNever;
      for (const PositionInterval& i : entry.intervals[static_cast<unsigned>(fate)]) {
        if ((i.kinds >> kind & 1) != 0) all.push_back({i.first, i.last, arrival});
      }
    }
    std::sort(all.begin(), all.end(),
              [](const Interval& a, const Interval& b) { return a.first < b.first; });
    // Intervals of a coarse ledger may overlap: they become one.
    std::vector<Interval>& merged = intervals_[kind];
    for (const Interval& i : all) {
      if (!merged.empty() && i.first <= merged.back().last) {
        merged.back().last = std::max(merged.back().last, i.last);
        merged.back().arrival = Arrival::kUnknown;
      } else {
        merged.push_back(i);
      }
    }
  }
}

const Arrivals::Interval* Arrivals::At(const std::vector<Interval>& intervals, Position position) {
  const auto after = std::upper_bound(intervals.begin(), intervals.end(), position,
                                      [](Position p, const Interval& i) { return p < i.first; });
  return after == intervals.begin() ? nullptr : &*std::prev(after);
}

Arrival Arrivals::Of(Kind kind, Position position) const {
  const auto k = static_cast<std::size_t>(kind);
  if (!sent_[k]) return Arrival::kNever;
  const Interval* const interval = At(intervals_[k], position);
  return interval == nullptr || interval->last < position ? Arrival::kCertain : interval->arrival;
}

bool Arrivals::AllCertain(Position first, Position last) const {
  for (std::size_t k = 0; k < kKinds; ++k) {
    const Interval* const interval = At(intervals_[k], last);
    if (!sent_[k] || (interval != nullptr && interval->last >= first)) return false;
  }
  return true;
}

bool Arrivals::LostBefore(Kind kind, Position position) const {
  const auto k = static_cast<std::size_t>(kind);
  return sent_[k] &&
         std::any_of(intervals_[k].begin(), intervals_[k].end(), [position](const Interval& i) {
           return i.first < position && i.arrival == Arrival::kNever;
         });
}

}  // namespace playload
