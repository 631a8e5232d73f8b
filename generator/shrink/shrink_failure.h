// ShrinkFailure: from a run whose verification failed to the smallest scenario that still shows one
// of its failures, written as a scenario file (docs/shrink.md).
//
// The run's own scenario is re-run first: where that does not show the failure, nothing is shrunk.
// What is smallest in the end is re-run some times more, to see whether it always fails.
//
// Threads: those of rerun.h; `stop` may be set by any other: the smallest so far is then written.
// Errors: kInvalid (the command does not show the failure, fails or takes too long; the file is
// there already), kInterrupted, kDestination (a disk, Kafka), kUnreachable.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/shrink/failure.h"
#include "generator/shrink/rerun.h"

namespace playload {

struct ShrinkOptions {
  std::string file;  // to be written; not there yet
  std::string run_dir;
  std::string fed_by;  // as of VerifyOptions
  Failure failure;
  bool saw_outputs = true;  // whether the run's pipeline had put out anything
  std::uint64_t most_attempts = 200;
  std::string keep;  // a folder that is made for all attempts; "": none is kept
  std::vector<std::string> verify_words;  // of ShrinkFound
  // How to run and verify. Of `spec`, `folder` and `keep` nothing is looked at: they come from
  // here.
  RerunOptions rerun;
  std::function<void(const std::string&)> log;  // a line for each attempt
};

struct ShrinkResult {
  Status status;     // kInterrupted where the smallest so far was written
  std::string text;  // for people
};
// `text` only where the file was written.
ShrinkResult ShrinkFailure(ShrinkOptions options, const std::atomic<bool>& stop);

}  // namespace playload
