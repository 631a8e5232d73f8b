// Trial: a run as `playload run --rate max` does it, by the same Execute(), watched from beside.
//
// Threads: the run's own, and for a sampled one a thread that reads its counters every 2 ms (0.2 %
// of a core). Errors: as Execute(); kInterrupted when `stop` was set.

#pragma once

#include <atomic>
#include <cstdint>

#include "generator/base/status.h"
#include "generator/measure/figures.h"
#include "generator/measure/plain_writer.h"
#include "generator/run/run.h"

namespace playload {

struct SampleOptions {
  std::int64_t lasts_ns = 0;  // the run, from its start
  std::int64_t warm_ns = 0;   // not counted, from the first delivered event
  int slices = 8;
  DrainedPipe* pipe = nullptr;  // its reader's CPU time is not the run's
};

// The events that the one destination of `run` acknowledges, in slices of one run. Longer than
// asked for where else too few events came. Run directories: run.run_dir with a number behind it.
Status RunSampled(const RunOptions& run, const SampleOptions& options,
                  const std::atomic<bool>& stop, Figures* figures);

// The run as one slice: all its events, from when the first one could go out until everything is
// closed, what the disk has to do included.
Status RunWhole(RunOptions run, const std::atomic<bool>& stop, Figures* figures);

}  // namespace playload
