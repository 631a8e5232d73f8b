// What a verification must know of a rule set beside what it puts out: how the records of its
// output topics are told apart and in which order they come.
//
// Threads: pure functions. Errors: kInvalid.

#pragma once

#include <array>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/content_matcher.h"
#include "generator/judge/latency.h"
#include "generator/judge/verdict.h"
#include "generator/rules/rule_set.h"
#include "generator/stream/spec.h"

namespace playload {

// In the order of RuleSet::Outputs().
struct OutputTopic {
  std::string name;
  // Whether the records of a key have a known order: one rule alone writes them, its input's
  // partitioning key is its key and the output's, and earlier events matter to it.
  bool sequence = false;
  // The field that every alternative fills with the output key, from the outside in; empty: none.
  std::vector<std::string> key_path;
  // The fields that every record has, whichever alternative of whichever rule made it.
  std::vector<ContentMatcher::Field> fields;
};
std::vector<OutputTopic> OutputTopicsOf(const RuleSet& rules, bool compat);

// Whether the events of one key of this rule come to a pipeline in the order of the plan, from a
// topic of several partitions.
bool IsPartitionKey(const Rule& rule, bool compat);
// Whether earlier events matter to this rule, and nobody knows the order of a key's: of inputs that
// reach a pipeline through several partitions, by `partitioned`.
bool IsOrderUnknown(const Rule& rule, const std::array<bool, kKinds>& partitioned, bool compat);
// Whether an expression is the rule's key, however it is written.
bool IsRuleKey(const Rule& rule, const Expr& expr);

// Polled events carry the instant of their request, but under the virtual clock: an error where a
// rule asks for instants.
Status CheckInstants(const RuleSet& rules, const RunSpec& spec, bool polled);

// The topics; where several rules write to one, each of them is a part.
std::vector<LatencyOutput> LatencyOutputsOf(const RuleSet& rules);

// For verdict.json.
VerdictRules VerdictRulesOf(const RuleSet& rules);

}  // namespace playload
