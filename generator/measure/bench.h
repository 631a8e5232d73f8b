// Bench: measures this machine, stage by stage, for `playload bench`: how fast it makes events, and
// how fast they get into a pipe, into files and into Kafka.
//
// Whatever goes to a destination is a run as `playload run --rate max` would do it, by Execute().
// What simulating and encoding cost alone, and the yardsticks, are loops beside it.
//
// Threads: called once at a time; makes those of the runs. Files: in one folder of its own inside
// `folder`, and one for the run directories; both are removed whatever happens (but SIGKILL).
// Standard output belongs to the bench while it measures the pipe.
// Errors: kInterrupted once `stop` is set; what is wrong with a Kafka that was given, before
// anything else is measured; kInternal without memory. What fails in the middle is told in its row.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/measure/figures.h"
#include "generator/measure/machine.h"
#include "generator/run/run.h"

namespace playload {

struct BenchOptions {
  // The spec, `to` (the clusters that were given), topics, Kafka settings, threads. The spec's rate
  // and end are of no meaning: everything is done as fast as it goes.
  RunOptions run;
  std::int64_t stage_ns = 2'000'000'000;  // of each stage, with its warm-up; half for parts alone
  std::string folder = ".";               // whose file system is measured
  std::function<void(const std::string&)> log;  // a line as each stage is through
};

struct BenchReport {
  MachineFacts machine;
  std::vector<Figures> rows;  // in the order of the table; the yardstick is the first
  // Of the file system: what was free when it was measured.
  std::uint64_t free_bytes = 0;
};

Result<BenchReport> RunBench(const BenchOptions& options, const std::atomic<bool>& stop);

// The number of workers with which the scaling is measured: those of a run, two where a run has one
// and there is a core for the second.
int ScaledThreads(int threads, int cores);

}  // namespace playload
