// The naive evaluator: a rule set over a recorded stream of JSON lines, straight from
// docs/rules.md, "What happens, exactly". For each event it goes through all earlier ones, collects
// those of its key that are in the window, and makes every value from nothing. Slow and obvious:
// the work grows with the square of the stream. It exists so that the incremental evaluator
// (evaluator.h) can be held against something that shares nothing with it but the rule set; it
// parses with RapidJSON.
//
// Threads: a pure function.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/rules/rule_set.h"

namespace playload {

struct RecordedEvent {
  Kind kind = Kind::kPlayer;
  std::string line;
};

struct NaiveOutput {
  std::size_t event = 0;  // which one caused it: index into the stream
  std::size_t rule = 0;
  std::size_t alternative = 0;
  std::string key;
  std::string value;  // compact JSON

  bool operator==(const NaiveOutput&) const = default;
};

// REQUIRES: CheckRules() is content.
std::vector<NaiveOutput> NaiveOutputs(const RuleSet& rules,
                                      const std::vector<RecordedEvent>& stream);

}  // namespace playload
