#include "generator/causes/bound_search.h"

#include <map>

namespace playload {

std::optional<FoundBound> BestBound(const std::vector<std::vector<BoundRange>>& differing,
                                    const std::vector<std::vector<BoundRange>>& agreeing) {
  struct Change {
    std::int64_t differing = 0;
    std::int64_t agreeing = 0;
  };
  std::map<double, Change> changes;
  const auto add = [&changes](const std::vector<std::vector<BoundRange>>& keys,
                              std::int64_t Change::*side) {
    for (const std::vector<BoundRange>& ranges : keys) {
      for (const BoundRange& range : ranges) {
        ++(changes[range.from].*side);
        --(changes[range.to].*side);
      }
    }
  };
  add(differing, &Change::differing);
  add(agreeing, &Change::agreeing);
  std::optional<FoundBound> best;
  bool open = false;  // the best one goes on
  FoundBound now;
  for (const auto& [at, change] : changes) {
    if (open && (change.differing != 0 || change.agreeing != 0)) {
      best->range.to = at;
      open = false;
    }
    now.explains += static_cast<std::uint64_t>(change.differing);  // wraps, and comes back
    now.agrees += static_cast<std::uint64_t>(change.agreeing);
    if (now.explains == 0) continue;
    if (best && now.explains + now.agrees <= best->explains + best->agrees) continue;
    best = now;
    best->range.from = at;
    open = true;
  }
  return best;
}

}  // namespace playload
