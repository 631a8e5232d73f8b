// What `--threshold` asks of a verdict, looked up in it.
//
// Threads: pure functions.

#pragma once

#include <string>
#include <vector>

#include "generator/judge/verdict.h"
#include "generator/run/thresholds.h"

namespace playload {

// What a threshold about a verdict may name: these outputs.
ThresholdNames VerdictNames(const std::vector<LatencyOutput>& outputs);

// `alerts`: the outputs that alert_latency is about where it names none.
std::vector<ThresholdResult> JudgeThresholds(const std::vector<Threshold>& thresholds,
                                             const Verdict& verdict,
                                             const std::vector<std::string>& alerts);

}  // namespace playload
