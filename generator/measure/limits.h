// Limits: what a machine's figures mean for a planned rate.
//
// Threads: pure functions. Units: events per second.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "generator/measure/figures.h"
#include "scenarios/scenario.h"

namespace playload {

enum class Fit {
  kFits,     // even the slowest slice was faster than the plan
  kBarely,   // the median was, the slowest slice was not
  kLimits,   // the median was slower: a run could not hold this plan
  kUnknown,  // the stage could not be measured
};

struct Limit {
  std::string label;
  Fit fit = Fit::kUnknown;
  double times = 0;    // the plan fits so many times into the median
  double at_most = 0;  // what a run would reach: the plan, or the median where that is less
};

struct Limits {
  double planned = 0;
  std::vector<Limit> each;  // what a run can have to do, in the order of the rows
  // Which of `each` is the slowest; none where nothing could be measured.
  std::optional<std::size_t> slowest;
};

// The stages that a run needs whole: generating with as many threads as a run would have, and each
// destination. REQUIRES: planned > 0.
Limits FindLimits(double planned, int threads, const std::vector<Figures>& rows);

// The highest rate that a plan asks for.
double PeakRate(const std::vector<Stage>& plan);

// What --require-rate asks: generating, and every Kafka that was given, reach the rate in the
// median. OK, or kVerification naming those that do not.
Status CheckRate(double required, int threads, const std::vector<Figures>& rows);

}  // namespace playload
