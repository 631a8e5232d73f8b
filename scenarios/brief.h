// A scenario as a file for people: what a resolved text says and a file need not say is left out.
//
// Threads: pure functions.

#pragma once

#include <string>

#include "scenarios/scenario.h"

namespace playload {

// In the scenario file format, without what is the default anyhow, and with built-in personas by
// name: parsing it gives a scenario with the same ResolvedText(). REQUIRES: one that can be parsed.
std::string BriefText(const Scenario& scenario);

}  // namespace playload
