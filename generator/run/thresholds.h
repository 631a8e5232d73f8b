// Thresholds: what `--threshold` says must hold of a run's measurements, as in
// "alert_latency{fraud-alerts}.p(99.9)<500ms" (docs/live-verify.md has the grammar), and what came
// of it. Where the measurements come from is the caller's.
//
// Threads: value types and pure functions. Errors: kInvalid that says what would be right.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/run/json_writer.h"

namespace playload {

struct Threshold {
  enum class Aggregate : std::uint8_t { kNone, kPercentile, kMax, kMean };
  enum class Op : std::uint8_t { kLess, kAtMost, kMore, kAtLeast, kEqual };

  std::string text;    // as given
  std::string metric;  // "alert_latency" or a class of the verdict
  std::string output;  // "": all of them
  std::string part;    // "": all of it
  Aggregate aggregate = Aggregate::kNone;
  double percent = 0;  // kPercentile
  Op op = Op::kLess;
  double limit = 0;  // ns of a latency, else a count

  [[nodiscard]] bool latency() const;
  [[nodiscard]] bool Holds(double value) const;
};

// What a threshold may name: the outputs, each with the parts whose latency is measured apart.
struct ThresholdNames {
  struct Output {
    std::string name;
    std::vector<std::string> parts;
  };
  std::vector<Output> outputs;
};

Result<Threshold> ParseThreshold(std::string_view text, const ThresholdNames& names);

struct ThresholdResult {
  std::string text;
  bool passed = false;
  std::optional<double> value;  // ms or a count; absent: not known, which does not pass
  std::string value_text;       // "1.24 s", "12", "unknown"
  std::string why;              // why it is not known
};

// `value`: ns or a count.
ThresholdResult JudgeThreshold(const Threshold& threshold, const std::optional<double>& value,
                               const std::string& why_unknown);

// "thresholds": [...], and a line each for people.
void WriteThresholdsJson(const std::vector<ThresholdResult>& results, JsonText* json);
std::string ThresholdsText(const std::vector<ThresholdResult>& results);

}  // namespace playload
