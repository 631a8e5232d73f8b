// Reads a persona from the node of a parsed file: for files that hold personas among other things.
//
// Threads: pure functions. Errors: kInvalid, one line, "file:line: what; what would be right".

#pragma once

#include <string>

#include "generator/base/status.h"
#include "generator/base/yaml.h"
#include "personas/persona.h"

namespace playload {

// Checks everything that ParsePersona() (personas/load.h) checks.
Result<Persona> ReadPersona(const std::string& file, const YamlNode& root);

}  // namespace playload
