// Which mutants cannot be told from the rules whatever comes, as a proof: where it is one, no
// sequence has to be tried.
//
// Threads: pure functions.

#pragma once

#include <optional>
#include <string>

#include "generator/mutants/mutate.h"
#include "generator/rules/rule_set.h"

namespace playload {

// Why they are the same; nothing: not proven. REQUIRES: `rule` is the one rule of the mutant.
std::optional<std::string> ProvenEquivalent(const RuleSet& rule, const Mutant& mutant);

}  // namespace playload
