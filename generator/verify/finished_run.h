// A run that is over, as verification takes it up: which of its destinations fed the pipeline, its
// events again, what arrived of them, and what a reader of a verdict must know beside the numbers.
//
// Threads: value types and pure functions, but for reading the run directory. Errors: kInvalid.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/history.h"
#include "generator/replay/expectation.h"
#include "generator/replay/outputs.h"
#include "generator/replay/replay.h"
#include "generator/replay/walker.h"
#include "generator/run/ledger.h"
#include "generator/run/manifest.h"

namespace playload {

// As one of its destinations got it.
struct FinishedRun {
  RunSpec spec;
  StreamWalker walker;                   // its lines, for those who need all of them
  std::shared_ptr<const Replay> replay;  // the same as records
  Arrivals arrivals;
  LedgerEntry ledger;
};

// Where a pipeline had its events from.
struct FedBy {
  std::size_t destination = 0;
  bool polled = false;  // from the polled endpoints of it
};

// `name` as of VerifyOptions::fed_by, but for "".
Result<FedBy> FindFedBy(const Manifest& manifest, const std::string& name);
// The destination that the outputs at `from` come from: the same address, else the first of the
// same kind, else the first.
std::size_t DestinationFor(const Manifest& manifest, const std::string& from);

// A run whose pipeline is to be judged, and what fed that; it need not be over. `from`, `fed_by`:
// as of VerifyOptions.
struct JudgedRun {
  Manifest manifest;
  FedBy fed_by;
};
Result<JudgedRun> OpenJudgedRun(const std::string& run_dir, const std::string& from,
                                const std::string& fed_by);

// A run that must be over; fed by its first destination where nothing is said.
Result<JudgedRun> OpenFinishedRun(const std::string& run_dir, const std::string& fed_by);

Result<FinishedRun> LoadRun(const std::string& run_dir, const FedBy& fed_by, int threads);
// For histories of what this destination was sent.
HistoryTopics TopicsOf(const ManifestDestination& destination);
// The players and servers of a shard; empty where all are.
OwnNumber OwnNumbersOf(const RunSpec& spec);

// Events that did not arrive or may not have, a plan that was not offered, possible duplicates.
void AddRunNotes(const std::string& run_dir, const FedBy& fed_by, const FinishedRun& run,
                 std::vector<std::string>* notes);

}  // namespace playload
