// Reads a scenario from YAML nodes: everything but where files are and which are built in.
//
// Threads: pure functions. Errors: kInvalid, one line, "file:line: what; what would be right".

#pragma once

#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/base/yaml.h"
#include "personas/persona.h"
#include "scenarios/scenario.h"

namespace playload {

// `given` are user personas that beat all others of the same name; persona files that the scenario
// names are looked for in `folder`.
Result<Scenario> ReadScenario(const std::string& file, const std::string& folder,
                              const YamlNode& root, const std::vector<Persona>& given);

}  // namespace playload
