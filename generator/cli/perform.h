// Performs what `run` and `serve` have read from their flags: the run with its company (pipeline,
// verification), its signals and what is said on stderr.
//
// Threads: main thread, before any other is made. Errors: the run's; its code is the exit code.

#pragma once

#include <string>

#include "generator/base/status.h"
#include "generator/cli/run_setup.h"

namespace playload {

Status Perform(const RunSetup& setup);

// "fraud-ring, seed 7, 60,000 events to null".
std::string Headline(const RunSetup& setup);

}  // namespace playload
