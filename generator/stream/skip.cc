#include "generator/stream/skip.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace playload {
namespace {

// Of each of the lanes that take turns: longer slices gain nothing.
constexpr std::uint64_t kSliceRuns = 256;

}  // namespace

void SkipRuns(const Layout& layout, std::uint64_t begin, std::uint64_t end, int threads,
              Lanes* lanes) {
  if (begin >= end || layout.lanes() == 0) return;
  const std::uint64_t runs = end - begin;
  const std::uint64_t touched = std::min(layout.lanes(), runs);
  // As many groups of lanes for each thread, and none much smaller than the others.
  const auto makers = static_cast<std::uint64_t>(std::max(threads, 1));
  const std::uint64_t full = (touched + Lanes::kTogether - 1) / Lanes::kTogether;
  const std::uint64_t groups = std::min(touched, (full + makers - 1) / makers * makers);
  std::atomic<std::uint64_t> next{0};
  const auto work = [&] {
    std::vector<Record> thrown_away(Lanes::kTogether * kSliceRuns * kRunLength);
    for (;;) {
      const std::uint64_t group = next.fetch_add(1);
      if (group >= groups) return;
      const std::uint64_t from = touched * group / groups;
      const std::uint64_t to = touched * (group + 1) / groups;
      // The first of them has the most to make, one run more than others at most.
      for (std::uint64_t made = 0; made < (runs - from + layout.lanes() - 1) / layout.lanes();
           made += kSliceRuns) {
        Lanes::Slice slices[Lanes::kTogether];
        std::size_t together = 0;
        for (std::uint64_t i = from; i < to; ++i) {
          const std::uint64_t all = (runs - i + layout.lanes() - 1) / layout.lanes();
          if (all <= made) continue;
          const std::uint64_t count = std::min(all - made, kSliceRuns);
          slices[together] = {layout.LaneOf(begin + i),
                              &thrown_away[together * kSliceRuns * kRunLength],
                              static_cast<std::uint32_t>(count * kRunLength)};
          ++together;
        }
        lanes->Simulate(slices, together);
      }
    }
  };
  std::vector<std::thread> helpers;
  for (std::uint64_t i = 1; i < std::min(makers, groups); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace playload
