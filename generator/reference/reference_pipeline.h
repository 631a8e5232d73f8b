// ReferencePipeline: the four services of the reference data flow (profile dataflow, version 1;
// docs/verify.md), written as a newcomer would write them from that text: each record is parsed,
// its fields are checked, and the state is a std::map. It shares no code with the oracle, so that
// the two can be held against each other.
//
// Pure: record bytes in, output records out; no clock, no Kafka (run_pipeline.h has that).
// Threads: a value type, one thread at a time.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"

namespace playload {

// Which of the pipeline's rules are broken on purpose, to see whether one's verification notices.
struct PipelineBreakage {
  std::uint32_t frequent_above = 5;  // threshold=N: "too frequent" from transaction N + 1 on
  bool alert_at_80 = false;          // server-ge-80: cpu_load or memory_usage >= 80
  bool ignore_currency = false;      // ignore-currency: no alerts about several currencies
  std::uint64_t drop_one_in = 0;  // drop-one-in=N: every N-th alert of each topic is lost; 0: none
  bool drop_repeated = false;     // dedup: an input that came before, byte for byte, is left out
  bool lenient = false;  // lenient: a field of another type is taken for what it may have meant
  bool refuse_unknown = false;  // skip-unknown-field: an event with a field too many is left out
};

// One of the words above, on top of what `breakage` says already. kInvalid names the valid ones.
Status ParseBreakage(std::string_view text, PipelineBreakage* breakage);

class ReferencePipeline {
 public:
  enum class Input { kPlayerEvents, kPurchaseEvents, kServerMetrics };
  enum class Output { kSessionSummaries, kPurchaseAggregates, kServerAlerts, kFraudAlerts };
  static constexpr int kInputs = 3;
  static constexpr int kOutputs = 4;
  static const char* const kInputNames[kInputs];    // default topics
  static const char* const kOutputNames[kOutputs];  // default topics

  struct OutputRecord {
    Output output;
    std::string key;    // player, user or server id
    std::string value;  // compact JSON, fields in the documented order, shortest f64
  };

  explicit ReferencePipeline(const PipelineBreakage& breakage = {});
  ~ReferencePipeline();
  ReferencePipeline(ReferencePipeline&&) noexcept;
  ReferencePipeline& operator=(ReferencePipeline&&) noexcept;

  // Takes one record and appends what it causes to `outputs`; a purchase's aggregate comes before
  // its alert. False: the record is not a valid event of this kind (not JSON, a field that is
  // missing or of another type, a number that is not a u32), it causes nothing and changes nothing.
  // Fields beyond the documented ones are ignored.
  bool Process(Input input, std::string_view value, std::vector<OutputRecord>* outputs);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
