// A persona as the text of a persona file, and the YAML forms that other files of ours share.
//
// Threads: pure functions.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "personas/persona.h"

namespace playload {

// In the format of a persona file, with every default written out: parsing it again gives the same
// persona (but for `file`). Lines end with '\n'.
std::string PersonaText(const Persona& persona);

// Parts of 10^9 as the shortest decimal that reads back exactly: 0.25, 1.
std::string YamlShare(std::int64_t parts);
// The shortest decimal that reads back as the same double.
std::string YamlReal(double value);
// In double quotes, with quotes, backslashes and control characters escaped.
std::string YamlQuoted(std::string_view text);

// "move", "purchase_foreign": as written in a persona file, and "session_start", "session_end".
std::string_view EmitName(Emit emit);

}  // namespace playload
