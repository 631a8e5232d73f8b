// The events that the conditions of a rule can tell apart, as steps of scripts: what probes are
// made of.
//
// Threads: pure functions and value types.

#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "generator/rules/rule_set.h"
#include "scenarios/scenario.h"

namespace playload {

// What the conditions of a rule compare with.
struct RuleConstants {
  std::set<int> thresholds;                   // of state, and how many events a window holds
  std::map<std::string, std::set<int>> near;  // whole fields by path: numbers from 0
  std::set<double> amounts;                   // parameters.amount
  std::set<std::string> texts;

  void Add(const Rule& rule);
  // The most events of a kind that a sequence has to have: N + 2 of the largest threshold, within
  // bounds.
  [[nodiscard]] std::size_t Repeat() const;
};

// Steps that make events of this input and that rules with these constants can tell apart. The
// first one of purchases is a purchase in USD.
std::vector<ProbeStep> AlphabetOf(Kind input, const RuleConstants& constants);

// A purchase in that currency, index into kCurrencyTable.
ProbeStep PurchaseIn(int currency);

}  // namespace playload
