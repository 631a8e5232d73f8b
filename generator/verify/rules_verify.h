// The expected outputs of any rule set for a run, and a pipeline's outputs held against them
// (docs/rules.md, "Expect and verify"). verify.h has the same for the reference pipeline's four
// outputs, faster; it is what `--rules dataflow` means.
//
// Memory: content_matcher.h, and the evaluator's state. Threads: run in the caller's thread, with
// `threads` workers while events are made again; `stop` may be set by any other.
// Errors: as of verify.h; kInvalid also where the run cannot tell what the rules ask: polled events
// have no instants.

#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/rules/rule_set.h"
#include "generator/verify/verdict.h"
#include "generator/verify/verify.h"

namespace playload {

// As Verify(), for the outputs of `rules` that `only` names, or all. The run must be over. Of
// `options`, `only` and `inputs` are not looked at; `topics` renames the rules' outputs.
Result<Verification> VerifyRules(const VerifyOptions& options, const RuleSet& rules,
                                 const std::vector<std::string>& only,
                                 const std::atomic<bool>& stop);

// As Expect(); `only`: an output topic, "" for all.
Status ExpectRules(const std::string& run_dir, const std::string& fed_by, const RuleSet& rules,
                   const std::string& only, int threads,
                   const std::function<bool(std::string_view lines)>& sink);

// For verdict.json.
VerdictRules VerdictRulesOf(const RuleSet& rules);

// What a matcher must know of the rules' output topics, in the order of RuleSet::Outputs().
struct OutputTopic {
  std::string name;
  // Whether the records of a key have a known order: one rule alone writes them, its input's
  // partitioning key is its key and the output's, and earlier events matter to it.
  bool sequence = false;
  // The field that every alternative fills with the output key; empty: none.
  std::vector<std::string> key_path;
};
std::vector<OutputTopic> OutputTopicsOf(const RuleSet& rules, bool compat);

}  // namespace playload
