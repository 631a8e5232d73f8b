// Verify: a run's events are made again from its manifest, the oracle says what a correct pipeline
// must put out for those that arrived, and that is held against what a pipeline did put out. With
// `inputs`, the input topics are held against the events themselves.
//
// It may be called while the run goes on: it reads from the start, and makes the expected side when
// manifest.json says that the run is over; of a run in the same process, meanwhile. Nothing of the
// size of the stream is stored anywhere; memory: see output_matcher.h and input_matcher.h.
//
// Threads: Verify() runs in the caller's thread, with `threads` workers while events are made
// again; `stop` may be set by any other. Errors: kInvalid (no such run, another version, no such
// topic or file, a run that does not end), kUnreachable, kDestination (reading failed),
// kInterrupted. A pipeline that is wrong is no error: see Verdict::passed().

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/verdict.h"
#include "generator/replay/outputs.h"
#include "generator/replay/slice.h"
#include "generator/rules/rule_set.h"
#include "generator/run/thresholds.h"
#include "generator/verify/live.h"
#include "transports/kafka/settings.h"

namespace playload {

struct VerifyOptions {
  std::string run_dir;
  std::string from;        // "kafka://host:port[,...]" or "file:DIR"
  KafkaSettings settings;  // for kafka://
  // Other names of the outputs' and inputs' topics (or files), by their usual name. Inputs are
  // called as the run called them where nothing is said here.
  std::map<std::string, std::string> topics;
  // What the pipeline is to do. Absent: what the reference pipeline does; the rule set `dataflow`
  // says the same, but is slower.
  std::optional<RuleSet> rules;
  // The outputs to verify. Empty: all, or none with `inputs`.
  std::vector<std::string> only;
  bool inputs = false;
  // Look for what explains the differences of outputs (docs/causes.md).
  bool causes = false;
  bool locate = false;  // find the offsets of the events in the examples' histories
  Delivery delivery = Delivery::kExactlyOnce;  // what the pipeline promises of its outputs
  std::string fed_by;  // as of Expect(); "": by the destination that `from` stands for
  // Kafka: how long nothing may come before what is missing is called missing. While the run is not
  // over, nothing coming for so long is an error.
  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds connect_timeout{30'000};
  int threads = 1;
  std::function<void(const std::string&)> log;  // what it is waiting for; may be empty
  // The run goes on in this process: the two sides are compared meanwhile (live.h), where its plan
  // allows that. Set `stop` then ends with the verdict so far.
  LiveFeed* live = nullptr;
  // Measure latency, too; always done of a live run.
  bool latency = false;
  std::vector<Threshold> thresholds;
};

// What Verify() found.
struct Verification {
  Verdict verdict;
  // The history of the keys in the examples, for VerdictText() and WriteVerdict().
  FlawHistory history;
  FlawHistoryFields history_fields;
};

// Does not write verdict.json: WriteVerdict() does.
Result<Verification> Verify(const VerifyOptions& options, const std::atomic<bool>& stop);

// "at-least-once" -> kAtLeastOnce; an error names the valid ones.
Result<Delivery> ParseDelivery(std::string_view name);

}  // namespace playload
