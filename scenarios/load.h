// Reads scenarios: built-in ones by name, or a user's own YAML file (docs/scenarios.md is the
// format).
//
// Threads: pure functions. Errors: kInvalid with file:line.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "scenarios/scenario.h"

namespace playload {

std::vector<std::string> BuiltInScenarios();  // sorted names

// `personas` are user personas (from --persona) that beat built-in ones of the same name. Persona
// files named in the scenario are looked for relative to the scenario file's folder.
Result<Scenario> ParseScenario(const std::string& file, std::string_view text,
                               const std::vector<Persona>& personas);
// NAME of a built-in, or a path (anything with a '/' or ending in .yaml/.yml).
Result<Scenario> LoadScenario(const std::string& name_or_path,
                              const std::vector<Persona>& personas);

// The scenario as resolved, in the scenario file format with every default written out and every
// persona inlined: parsing it again gives the same scenario. This text is what the manifest keeps
// and what the scenario hash is taken over.
std::string ResolvedText(const Scenario& scenario);

}  // namespace playload
