// Damage: what a corrupt event's line looks like (docs/faults.md). Works on the lines of this
// profile's encoder, on the spot. The text of the Kafka key is left as it is, and the line stays
// one line.
//
// Threads: pure functions. Memory: none; a line grows by up to kMostGrowth bytes.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "generator/event/fault.h"
#include "transports/batch.h"

namespace playload {

inline constexpr std::uint32_t kMostGrowth = 24;

// Damages the line that `ref` describes, whose text begins at `line`, and corrects `ref`. Where and
// by what exactly is taken from `draw`.
void DamageLine(Corruption how, std::uint64_t draw, char* line, EventRef* ref);

// The line as it was before Corruption::kUnknownField.
std::string WithoutUnknownField(std::string_view line);

}  // namespace playload
