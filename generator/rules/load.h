// Reads rule sets: built-in ones by name, or a user's own YAML file (docs/rules.md is the format).
//
// Threads: pure functions. Errors: kInvalid with file:line.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/rules/rule_set.h"

namespace playload {

// The rules of the reference pipeline, which `expect` and `verify` take where nothing is said.
inline constexpr std::string_view kReferenceRules = "dataflow";

std::vector<std::string> BuiltInRuleSets();  // sorted names

// The result passed CheckRules(). `file` is for messages.
Result<RuleSet> ParseRuleSet(const std::string& file, std::string_view text);
// NAME of a built-in, or a path (anything with a '/' or ending in .yaml/.yml).
Result<RuleSet> LoadRuleSet(const std::string& name_or_path);

}  // namespace playload
