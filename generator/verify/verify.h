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

// "fraud-alerts" -> kFraudAlerts; an error names the valid ones.
Result<OutputKind> ParseOutputKind(std::string_view name);

// "at-least-once" -> kAtLeastOnce; an error names the valid ones.
Result<Delivery> ParseDelivery(std::string_view name);

// What a correct pipeline must put out for a run, as lines {"output":...,"key":...,"value":{...}}
// in the order of their cause; of all outputs, or of `only`. `fed_by`: where the pipeline had its
// events from: one of the run's destinations as its manifest calls it, "" for the first, or
// "polled" for the polled endpoints of its HTTP destination. `sink` gets whole lines and returns
// whether to go on. The run must be over.
// With a slice: of its events alone.
struct ExpectOptions {
  std::string run_dir;
  std::string fed_by;
  std::optional<OutputKind> only;
  int threads = 1;
  Slice slice;
  enum class What { kOutputs, kEvents, kHistory };
  What what = What::kOutputs;  // kHistory: REQUIRES slice.id
  // kHistory: where the input topics are, as "kafka://..."; "": offsets are not looked for.
  std::string locate;
  std::map<std::string, std::string> topics;  // as of VerifyOptions
  KafkaSettings settings;
  std::chrono::milliseconds connect_timeout{30'000};
  std::function<void(const std::string&)> log;  // what a reader must know; may be empty
};
Status Expect(const ExpectOptions& options, const std::atomic<bool>& stop,
              const std::function<bool(std::string_view lines)>& sink);
Status Expect(const std::string& run_dir, const std::string& fed_by, std::optional<OutputKind> only,
              int threads, const std::function<bool(std::string_view lines)>& sink);

// The same way, what data faults have done to the run's events: fault_lines.h.
Status ExpectFaults(const std::string& run_dir, const std::string& fed_by, int threads,
                    const std::function<bool(std::string_view lines)>& sink);

}  // namespace playload
