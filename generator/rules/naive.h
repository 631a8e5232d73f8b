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
  // With which event it comes: index into the stream; the stream's size at its end.
  std::size_t event = 0;
  std::size_t rule = 0;
  std::size_t alternative = 0;
  std::string key;
  std::string value;      // compact JSON
  std::size_t cause = 0;  // the latest event that it needs: index into the stream
  std::int64_t wait_ns = 0;
  bool open = false;  // of a window that is open at the end

  bool operator==(const NaiveOutput&) const = default;
};

// An event that is at the edge of being late for a rule: indices.
struct NaiveEdge {
  std::size_t event = 0;
  std::size_t rule = 0;

  bool operator==(const NaiveEdge&) const = default;
};

// With `edges`: all of them, by event and rule. REQUIRES: CheckRules() is content.
std::vector<NaiveOutput> NaiveOutputs(const RuleSet& rules,
                                      const std::vector<RecordedEvent>& stream,
                                      std::vector<NaiveEdge>* edges = nullptr);

}  // namespace playload
