// When incidents are active: whether two of them ever are at once.
//
// Units: nanoseconds of the run. Threads: pure functions.

#pragma once

#include "scenarios/scenario.h"

namespace playload {

// Whether there is an instant, however late in a run without end, at which both windows are active.
// Exact. REQUIRES: at >= 0; every == 0, or 0 < lasts <= every.
bool Overlap(const Window& a, const Window& b);

}  // namespace playload
