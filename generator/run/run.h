// Execute: one run, from its spec and destinations to the files of its run directory. Makes the
// threads: one sender per destination, each with its stream's workers; the caller's thread watches
// them, shows progress and takes the signals' flags.
//
// Every destination is open before the clock starts. Whatever happens afterwards, manifest, ledger
// and summary are written, and every event is accounted for.
//
// HTTP destinations may stay up when everything is sent, so that who reads slowly, later or again
// still gets it. What is known by then is in the run directory already: the manifest with its ends
// and digests (unfinished), and a ledger in which the fates that are still open are "unknown".
//
// Threads: called once at a time. Errors: in RunResult::status; its code is the exit code.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/run/checkpoints.h"
#include "generator/run/destinations.h"
#include "generator/run/progress.h"
#include "generator/run/summary.h"
#include "generator/run/waiter.h"
#include "generator/stream/spec.h"

namespace playload {

struct RunOptions {
  RunSpec spec;
  // --start was given; otherwise the run starts when everything is open.
  bool start_given = false;
  std::vector<Address> to;
  DestinationOptions destinations;
  std::string run_dir;  // empty: playload-runs/<run id>
  int threads = 1;      // workers of each destination's stream
  Pacing pacing = Pacing::kSleep;
  CheckpointOptions checkpoints;
  std::int64_t drain_timeout_ns = 30'000'000'000;
  // How long HTTP destinations stay up after the run's last event. A signal ends that; it is then
  // no interruption, for nothing is cut off by it.
  static constexpr std::int64_t kUntilSignal = INT64_MAX;
  std::int64_t stay_ns = 0;

  // Told once every HTTP destination (one at least) answers stream requests.
  std::function<void(const std::vector<const Destination*>&)> serving;

  // Optional company of the run (pipeline, verification). `opened` is called when every destination
  // is open and the manifest is written, before the clock starts; an error ends the run there.
  // `finished` when the run directory is complete, before anything that was opened goes away (the
  // embedded Kafka); its error becomes the run's where the run itself has none.
  std::function<Status(const std::string& run_dir, const std::vector<const Destination*>&)> opened;
  std::function<Status(const RunSummary&)> finished;
  // What the company says of itself in the progress line.
  std::function<std::string()> beside;
};

struct RunResult {
  Status status;               // the first thing that went wrong: it decides the exit code
  std::vector<Status> others;  // what else went wrong
  RunSummary summary;          // empty where the run directory could not be made
};

// `stop` and `hurry` as of Signals. `progress` may be told by several threads.
RunResult Execute(RunOptions options, const std::atomic<bool>& stop, const std::atomic<bool>& hurry,
                  Progress& progress);

// "20261120T133547Z-fraud-ring-7", with "-shard-2-of-5" where it is one.
std::string MakeRunId(std::int64_t now_ns, const RunSpec& spec);

}  // namespace playload
