// Reads personas: built-in ones by name, or a user's own YAML file (docs/personas.md is the
// format).
//
// Threads: pure functions. Errors: kInvalid with file:line.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "personas/persona.h"

namespace playload {

std::vector<std::string> BuiltInPersonas();  // sorted names

// `text` of a persona file. Checks everything: unknown keys, wrong types, probabilities that do not
// sum to 1, are negative or not numbers, unreachable states, a session nobody can leave.
Result<Persona> ParsePersona(const std::string& file, std::string_view text);
Result<Persona> LoadPersonaFile(const std::string& path);
Result<Persona> BuiltInPersona(const std::string& name);  // nearest valid name in the error
// The YAML text of a built-in, as shipped; empty if there is none.
std::string_view BuiltInPersonaText(const std::string& name);

// The quantile function of a dwell at p in (0, 1), in milliseconds, by deterministic arithmetic.
double DwellQuantileMs(const Dwell& dwell, double p);
double DwellMeanMs(const Dwell& dwell);

}  // namespace playload
