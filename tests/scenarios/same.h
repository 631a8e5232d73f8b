// Deep comparison of scenarios, for tests.

#pragma once

#include <string>

#include "scenarios/scenario.h"

namespace playload {

// Empty when both are the same in everything but where they were read (`file`); otherwise what
// differs, one line each. Doubles are compared bit for bit.
std::string Differences(const Scenario& a, const Scenario& b);

}  // namespace playload
