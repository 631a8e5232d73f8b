// What a shrinking has found, as the scenario file that is written and as a text for people.
//
// Threads: value types and pure functions.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "generator/shrink/candidate.h"
#include "generator/shrink/failure.h"
#include "generator/shrink/rerun.h"
#include "generator/shrink/shrinker.h"
#include "generator/stream/spec.h"
#include "generator/verify/verify.h"

namespace playload {

struct ShrinkFound {
  std::string file;    // that is written
  std::string run_id;  // of the run that failed
  RunSpec spec;        // of it: all but scenario and end holds for the smallest, too
  Failure failure;
  Candidate whole;  // what the run was
  Shrunk shrunk;
  Attempt smallest;  // the answer to it
  // How often the smallest was tried once more, and in how many of these the failure showed.
  std::uint64_t again = 0, again_failed = 0;
  // What else went wrong on the way: a failure or the end of a command, and the first attempt.
  std::map<std::string, std::uint64_t> others;
  std::string command;
  std::string kafka;                         // where it is, as "kafka://..."; "": files
  std::map<std::string, std::string> names;  // of RerunOptions
  std::vector<std::string> inputs, outputs;  // by their usual names
  int partitions = 1;
  std::vector<std::string> verify_words;  // of the command line, beside the usual
  std::string kept;                       // where all attempts are; "": nowhere
};

// The scenario, with a head that says what fails, of which run it is, and the commands that show it
// again: those behind its last empty comment, up to the scenario.
std::string SmallestFile(const ShrinkFound& found);

// Before and after, the failing key and its history, what else was seen.
std::string ShrinkText(const ShrinkFound& found);

}  // namespace playload
