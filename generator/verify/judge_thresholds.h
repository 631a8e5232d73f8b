// What `--threshold` asks of a verdict, looked up in it.
//
// Threads: pure functions.

#pragma once

#include <vector>

#include "generator/run/thresholds.h"
#include "generator/verify/verdict.h"

namespace playload {

// What a threshold about a verdict may name.
const ThresholdNames& VerdictNames();

std::vector<ThresholdResult> JudgeThresholds(const std::vector<Threshold>& thresholds,
                                             const Verdict& verdict);

}  // namespace playload
