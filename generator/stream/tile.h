// SimulateRuns: the part of a tile that some of its lanes make.
//
// Threads: as Lanes::Simulate().

#pragma once

#include <cstddef>
#include <cstdint>

#include "generator/event/record.h"
#include "generator/simulate/lanes.h"
#include "generator/stream/layout.h"

namespace playload {

// A tile: runs [begin, end) of a shard, whose lanes have made exactly the runs before `begin`. Of
// its lanes, in the order of their first runs, [from, to) are simulated; lane i writes its records
// from tile[i * stride] on.
inline void SimulateRuns(const Layout& layout, std::uint64_t begin, std::uint64_t end,
                         std::uint64_t from, std::uint64_t to, std::uint64_t stride, Record* tile,
                         Lanes* lanes) {
  const std::uint64_t runs = end - begin;
  for (std::uint64_t i = from; i < to;) {
    Lanes::Slice slices[Lanes::kTogether];
    std::size_t together = 0;
    for (; together < Lanes::kTogether && i < to; ++i) {
      const std::uint64_t lane_runs = (runs - i + layout.lanes() - 1) / layout.lanes();
      slices[together++] = {layout.LaneOf(begin + i), &tile[i * stride],
                            static_cast<std::uint32_t>(lane_runs * kRunLength)};
    }
    lanes->Simulate(slices, together);
  }
}

}  // namespace playload
