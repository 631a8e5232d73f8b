// Expect: what a correct pipeline must put out for a run, made again from its manifest; all of it
// or a slice, as outputs, as the events themselves, or as a history with the rules' state.
// rules_expect.h has the same for other rules than those of the reference pipeline.
//
// Threads: in the caller's thread, with `threads` workers; `stop` may be set by any other. Errors:
// as of Verify() (verify.h).

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "generator/base/status.h"
#include "generator/replay/outputs.h"
#include "generator/replay/slice.h"
#include "transports/kafka/settings.h"

namespace playload {

// "fraud-alerts" -> kFraudAlerts; an error names the valid ones.
Result<OutputKind> ParseOutputKind(std::string_view name);

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
