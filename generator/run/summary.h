// The summary of a run: summary.json and the lines that are printed at the end. Made on every kind
// of end, also after a failure or Ctrl-C. docs/run-directory.md describes the fields.
//
// Threads: pure functions and value types.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/base/histogram.h"
#include "generator/base/status.h"
#include "generator/oracle/tally.h"
#include "generator/run/http_summary.h"
#include "generator/run/ledger.h"
#include "generator/run/sender.h"
#include "generator/run/thresholds.h"
#include "generator/stream/spec.h"

namespace playload {

struct DestinationSummary {
  LedgerEntry ledger;
  SenderReport sender;
  Status status;
  bool reader_gone = false;  // of stdout: an end, not a failure
  std::array<bool, kKinds> kinds = {true, true, true};
  std::map<std::string, std::uint64_t> counters;
  std::map<std::string, std::uint64_t> reasons;
  Histogram latency_from_plan, latency_from_send;  // ns
  std::optional<HttpSummary> http;
};

struct RunSummary {
  std::string run_id;
  std::string run_dir;
  RunSpec spec;
  bool begun = false;  // the clock was started: everything opened
  bool interrupted = false;
  bool signalled = false;    // a signal has come: an interruption, or the end of a server's stay
  Status status;             // of the whole run
  std::int64_t zero_ns = 0;  // the run's start on the senders' clock
  std::uint64_t lanes = 1;   // of the whole stream: how many of its events are this shard's
  Pacing pacing = Pacing::kSleep;
  std::vector<DestinationSummary> destinations;
  // What a correct pipeline makes of the events of the first destination, and their digest; unknown
  // when that would have had to be worked out again and nobody wanted to wait.
  std::optional<Tally> expected;
  std::optional<std::uint64_t> digest;
  std::vector<ThresholdResult> thresholds;  // of --threshold, once they are judged
};

// Whether playload itself held the plan back, and why it is thought so.
struct Bottleneck {
  enum class Who { kNobody, kPlayload, kDestination };
  Who who = Who::kNobody;
  std::string why;
};

// A plan counts as held when 99 % of the events were released within this time of their instant.
inline constexpr std::int64_t kHeldWithinNs = 100'000'000;

// REQUIRES: the destination was sent to.
Bottleneck FindBottleneck(const RunSpec& spec, const DestinationSummary& destination);

// "12 duplicate, 3 late"; "none".
std::string FaultsText(const FaultCounts& faults);

std::string SummaryJson(const RunSummary& summary);
// For people; several lines, the last with its newline.
std::string SummaryText(const RunSummary& summary);
Status WriteSummary(const RunSummary& summary);

}  // namespace playload
