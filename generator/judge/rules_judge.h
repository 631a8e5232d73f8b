// RulesJudge: the OutputsJudge of any rule set (docs/rules.md, "Expect and verify"): the
// incremental evaluator says what must come, and records compare by their content.
//
// Memory: content_matcher.h, and the evaluator's state. Threads: one thread at a time.

#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "generator/judge/outputs_judge.h"
#include "generator/replay/outputs.h"
#include "generator/rules/rule_set.h"

namespace playload {

struct RulesJudgeOptions {
  RuleSet rules;
  std::vector<std::string> only;  // the outputs that are judged; empty: all
  std::string id_prefix;          // of the run
  bool compat = false;            // its scenario's profile
  OwnNumber own;
  // Inputs that reach the pipeline through several partitions: only the events of a partitioning
  // key come in their order.
  std::array<bool, kKinds> partitioned{};
  bool forget = false;  // what has matched: Recall() then takes the events once more
  Delivery delivery = Delivery::kExactlyOnce;
};

std::unique_ptr<OutputsJudge> MakeRulesJudge(RulesJudgeOptions options);

}  // namespace playload
