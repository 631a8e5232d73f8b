// The probes of a rule set: for every mutant that a sequence of events can tell from the rules the
// shortest one that does, and beside them what the rules' own constants say: N - 1, N and N + 1 of
// a threshold, one key's events split over two, currencies again and in the other order, a refund
// as the last of N, percentages one below, at and one above, and every window's edge one
// millisecond before, at it and one after. docs/probes.md has them for the built-in rule sets.
//
// Threads: pure functions. The same rule set gives the same probes.

#pragma once

#include <string>
#include <vector>

#include "generator/rules/rule_set.h"
#include "scenarios/scenario.h"

namespace playload {

// Behind "no probe can be derived from rules 'x'".
inline constexpr const char* kNothingToDerive = ": they compare nothing and remember nothing";

struct DerivedProbes {
  struct OfRule {
    std::string rule;
    std::vector<Script> scripts;  // each once; none: the rule answers to every event alike
  };
  std::vector<OfRule> rules;  // in their order

  // Of all rules, each once.
  [[nodiscard]] std::vector<Script> Scripts(bool server) const;
};

DerivedProbes DeriveProbes(const RuleSet& rules);

// As entries of a scenario's timeline, with a comment for each rule.
std::string ProbesText(const DerivedProbes& probes, const std::string& name);

}  // namespace playload
