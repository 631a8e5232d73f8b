#include "generator/judge/judge_thresholds.h"

#include <algorithm>
#include <optional>
#include <string>

#include "generator/judge/latency.h"

namespace playload {

namespace {

const Comparison* Find(const Verdict& verdict, const std::string& output) {
  const auto found = std::find_if(verdict.outputs.begin(), verdict.outputs.end(),
                                  [&](const Comparison& c) { return c.name == output; });
  return found == verdict.outputs.end() ? nullptr : &*found;
}

std::uint64_t CountOf(const Comparison& c, const std::string& what) {
  if (what == "expected") return c.expected;
  if (what == "seen") return c.seen();
  if (what == "matched") return c.matched;
  if (what == "may") return c.may;
  if (what == "foreign") return c.foreign;
  for (unsigned f = 0; f < kFlaws; ++f) {
    if (what == kFlawNames[f]) return c.flaws[f];
  }
  return 0;
}

// Adds what was measured under this name; false, with the reason, where that is not known.
bool AddLatency(const Verdict& verdict, const std::string& name, Histogram* sum, std::string* why) {
  for (const OutputLatency& latency : verdict.latency) {
    if (latency.name != name) continue;
    if (!latency.unknown.empty()) *why = name + ": " + latency.unknown;
    sum->Add(latency.total);
    return latency.unknown.empty();
  }
  *why = name + " was not verified";
  return false;
}

std::optional<double> Aggregated(const Threshold& threshold, const Histogram& histogram) {
  if (histogram.count() == 0) return std::nullopt;
  switch (threshold.aggregate) {
    case Threshold::Aggregate::kPercentile:
      return static_cast<double>(histogram.Percentile(threshold.percent));
    case Threshold::Aggregate::kMax:
      return static_cast<double>(histogram.max());
    case Threshold::Aggregate::kMean:
      return histogram.Mean();
    case Threshold::Aggregate::kNone:
      break;
  }
  return std::nullopt;
}

std::optional<double> LatencyOf(const Threshold& threshold, const Verdict& verdict,
                                const std::vector<std::string>& alerts, std::string* why) {
  Histogram sum;
  if (!threshold.output.empty()) {
    const std::string name =
        threshold.output + (threshold.part.empty() ? "" : "/" + threshold.part);
    if (!AddLatency(verdict, name, &sum, why)) return std::nullopt;
    return Aggregated(threshold, sum);
  }
  // All alerts, but for outputs of which a run has none.
  *why = "no alert was verified";
  for (const std::string& output : alerts) {
    const Comparison* const comparison = Find(verdict, output);
    if (comparison == nullptr) continue;
    if (comparison->seen() == 0) {
      if (sum.count() == 0) *why = "no alert was seen";
      continue;
    }
    if (!AddLatency(verdict, output, &sum, why)) return std::nullopt;
  }
  return Aggregated(threshold, sum);
}

}  // namespace

ThresholdNames VerdictNames(const std::vector<LatencyOutput>& outputs) {
  ThresholdNames names;
  for (const LatencyOutput& output : outputs) names.outputs.push_back({output.name, output.parts});
  return names;
}

std::vector<ThresholdResult> JudgeThresholds(const std::vector<Threshold>& thresholds,
                                             const Verdict& verdict,
                                             const std::vector<std::string>& alerts) {
  std::vector<ThresholdResult> results;
  for (const Threshold& threshold : thresholds) {
    std::string why;
    std::optional<double> value;
    if (threshold.latency()) {
      value = LatencyOf(threshold, verdict, alerts, &why);
    } else {
      for (const Comparison& comparison : verdict.outputs) {
        if (!threshold.output.empty() && comparison.name != threshold.output) continue;
        value = value.value_or(0) + static_cast<double>(CountOf(comparison, threshold.metric));
      }
      if (!value) {
        why = threshold.output.empty() ? "no output was verified"
                                       : threshold.output + " was not verified";
      }
    }
    results.push_back(JudgeThreshold(threshold, value, why));
  }
  return results;
}

}  // namespace playload
