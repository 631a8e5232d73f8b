// What the flags of a verification mean: of `verify`, and of `run --verify`.
//
// Threads: pure functions, but for reading the file of a rule set. Errors: kInvalid naming the
// flag.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/cli/flags.h"
#include "generator/rules/rule_set.h"
#include "generator/verify/verify.h"

namespace playload {

// --rules, --only, --delivery, --isolation, --locate, --no-causes, --threshold.
std::vector<Flag> VerifyFlags();

// --rules; nullopt for those of the reference pipeline, also by their name.
Result<std::optional<RuleSet>> ReadRules(const Flags& flags);

// What VerifyFlags() are about; `options` has `from` and the Kafka settings already, where they are
// known.
Status ReadVerifyFlags(const Flags& flags, VerifyOptions* options);

// The outputs of these rules, or of the reference pipeline.
std::vector<std::string> OutputsOf(const std::optional<RuleSet>& rules);

// What may be renamed with --topic: the inputs, and the outputs of these rules.
std::vector<std::string> TopicsToRename(const std::optional<RuleSet>& rules);

}  // namespace playload
