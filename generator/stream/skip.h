// SkipRuns: brings lanes forward without keeping what they make.
//
// Threads: makes up to `threads` - 1 and waits for them. Memory: 256 KiB for each. Cost: simulating
// alone, 20 to 27 ns an event and core.

#pragma once

#include <cstdint>

#include "generator/simulate/lanes.h"
#include "generator/stream/layout.h"

namespace playload {

// The lanes have made exactly the runs of the shard before `begin`, and then those before `end`.
void SkipRuns(const Layout& layout, std::uint64_t begin, std::uint64_t end, int threads,
              Lanes* lanes);

}  // namespace playload
