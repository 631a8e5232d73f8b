// Reads the expressions of rules (docs/rules.md). Names are looked up by the caller's list of
// fields; every other name is a state's, which CheckRules() looks for.
//
// Threads: a pure function. Errors: kInvalid, without file and line: "column 12: what; what would
// be right".

#pragma once

#include <string_view>

#include "generator/base/status.h"
#include "generator/rules/rule_set.h"

namespace playload {

// `line`: where it stands, for its nodes.
Result<Expr> ParseExpr(std::string_view text, Kind input, int line);

}  // namespace playload
