#include "generator/measure/limits.h"

#include <algorithm>
#include <cmath>

#include "generator/base/text.h"

namespace playload {
namespace {

// Of the stage that only makes events, the row with as many workers as a run has is what counts.
bool IsWhole(const Figures& row, int threads) {
  switch (row.stage) {
    case BenchStage::kYardstick:
    case BenchStage::kSimulate:
    case BenchStage::kEncode:
      return false;
    case BenchStage::kGenerate:
      return row.threads == threads;
    default:
      return true;
  }
}

Limit LimitOf(double planned, const Figures& row) {
  Limit limit;
  limit.label = row.label;
  if (row.slices.empty()) return limit;
  const Spread spread = row.events_per_second();
  limit.times = spread.median / planned;
  limit.at_most = std::min(planned, spread.median);
  if (spread.median < planned) {
    limit.fit = Fit::kLimits;
  } else {
    limit.fit = spread.least < planned ? Fit::kBarely : Fit::kFits;
  }
  return limit;
}

}  // namespace

Limits FindLimits(double planned, int threads, const std::vector<Figures>& rows) {
  Limits limits;
  limits.planned = planned;
  for (const Figures& row : rows) {
    if (!IsWhole(row, threads)) continue;
    limits.each.push_back(LimitOf(planned, row));
    const Limit& added = limits.each.back();
    if (added.fit == Fit::kUnknown) continue;
    if (!limits.slowest || added.times < limits.each[*limits.slowest].times) {
      limits.slowest = limits.each.size() - 1;
    }
  }
  return limits;
}

double PeakRate(const std::vector<Stage>& plan) {
  std::int64_t peak = 0;
  for (const Stage& stage : plan) {
    peak = std::max({peak, stage.from_milli_rate, stage.to_milli_rate});
  }
  return static_cast<double>(peak) / 1e3;
}

Status CheckRate(double required, int threads, const std::vector<Figures>& rows) {
  std::string slow;
  for (const Figures& row : rows) {
    const bool asked = row.stage == BenchStage::kKafka ||
                       (row.stage == BenchStage::kGenerate && row.threads == threads);
    const double median = row.events_per_second().median;
    if (!asked || median >= required) continue;
    slow += (slow.empty() ? "" : ", ") + row.label + " makes " +
            FormatCount(static_cast<std::uint64_t>(std::llround(median))) + "/s";
  }
  if (slow.empty()) return {};
  return {Code::kVerification, "--require-rate " +
                                   FormatCount(static_cast<std::uint64_t>(std::llround(required))) +
                                   "/s is not reached: " + slow};
}

}  // namespace playload
