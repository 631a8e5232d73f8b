// How much memory a run needs and how much there is, so that one that cannot fit is refused before
// it starts, and `playload plan` can say what `top` will show.
//
// Threads: pure but for reading /proc.

#pragma once

#include <cstdint>

#include "generator/base/status.h"
#include "generator/cli/run_setup.h"

namespace playload {

// Bytes resident in the whole process: program and libraries, streams, batches, queues.
struct Memory {
  // Once all players have been touched and every store that the run fills by itself is full;
  // destinations take what they are sent (of Kafka at `--rate max`: at their own pace, so the queue
  // is full), HTTP clients read what is live. Held against runs by bench/generate/memory.py: within
  // 10 %, or less where the run ends sooner; but the embedded Kafka at full speed, which shares the
  // cores, may come to anything below `at_most`.
  std::uint64_t expected = 0;
  // When Kafka's queue is full, a reader of stdout slow, or HTTP clients ask for all that may be
  // asked for.
  std::uint64_t at_most = 0;
};

// Of all destinations; of one that throws everything away where none is named.
Memory MemoryOf(const RunSetup& setup);

// What this process can still get, without swap; the largest number where it cannot be found out.
std::uint64_t MemoryAvailable();

// kInvalid naming --players when it may not fit.
Status CheckMemory(const RunSetup& setup);

}  // namespace playload
