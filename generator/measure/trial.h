// Trial: a run as `playload run --rate max` does it, by the same Execute(), watched from beside.
//
// Threads: the run's own, and one that reads its counters every 2 ms (0.2 % of a core). Errors: as
// Execute(); kInterrupted when `stop` was set.

#pragma once

#include <atomic>
#include <cstdint>

#include "generator/base/status.h"
#include "generator/measure/figures.h"
#include "generator/measure/plain_writer.h"
#include "generator/run/run.h"

namespace playload {

struct SampleOptions {
  std::int64_t settling_ns = 0;   // what the first `warm_events` take, about
  std::uint64_t warm_events = 0;  // not counted
  std::int64_t lasts_ns = 0;      // from then on
  std::int64_t warm_ns = 0;       // of that: not counted either
  int slices = 8;
  DrainedPipe* pipe = nullptr;  // its reader's CPU time is not the run's
};

// The events that the one destination of `run` acknowledges, in slices of one run. Longer than
// asked for where else too few events came (LongestNs() in curve.h). Run directories: run.run_dir
// with a number behind it.
Status RunSampled(const RunOptions& run, const SampleOptions& options,
                  const std::atomic<bool>& stop, Figures* figures);

// The run as one slice: its events but for the first `warm_events`, until everything is closed,
// what the disk has to do included. REQUIRES: the run has more events.
Status RunWhole(RunOptions run, std::uint64_t warm_events, const std::atomic<bool>& stop,
                Figures* figures);

}  // namespace playload
