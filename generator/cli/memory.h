// How much memory a run needs and how much there is, so that one that cannot fit is refused before
// it starts.
//
// Threads: pure but for reading /proc.

#pragma once

#include <cstdint>

#include "generator/base/status.h"
#include "generator/cli/run_setup.h"

namespace playload {

// Streams, batches and queues of all destinations; one destination where none is named.
std::uint64_t MemoryOf(const RunSetup& setup);

// What this process can still get, without swap; the largest number where it cannot be found out.
std::uint64_t MemoryAvailable();

// kInvalid naming --players when it cannot fit.
Status CheckMemory(const RunSetup& setup);

}  // namespace playload
