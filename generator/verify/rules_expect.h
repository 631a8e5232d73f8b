// What a rule set expects of a run, as text (docs/rules.md, "Expect and verify").
//
// Threads: runs in the caller's thread, with `threads` workers. Errors: as of Expect() (expect.h);
// kInvalid also where the run cannot tell what the rules ask: polled events have no instants.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "generator/base/status.h"
#include "generator/judge/history.h"
#include "generator/rules/rule_set.h"

namespace playload {

struct RulesExpectOptions {
  std::string run_dir;
  std::string fed_by;  // as of ExpectOptions
  std::string only;    // an output topic; "": all
  // The history of this key instead, with the rules' state before and after each event; "": none.
  std::string explain;
  int threads = 1;
};

// As Expect(). The run must be over.
Status ExpectRules(const RulesExpectOptions& options, const RuleSet& rules,
                   const std::function<bool(std::string_view lines)>& sink);

}  // namespace playload
