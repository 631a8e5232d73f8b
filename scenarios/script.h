// A probe's script as text, such as
//
//   purchase USD x5, after 60s, purchase EUR potion_mana, refund
//   cpu 80 memory 80, cpu 81 memory 10 latency 5000
//
// docs/probes.md has the grammar.
//
// Threads: pure functions. Errors: kInvalid, what is wrong and what would be right, without the
// place.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "scenarios/scenario.h"

namespace playload {

inline constexpr std::size_t kMostScriptSteps = 4'096;

// `server`: metrics, else what a player does.
Result<Script> ParseScript(std::string_view text, bool server);

// What ParseScript() reads as the same script.
std::string ScriptText(const Script& script);

// How many steps there are from step i (an index) to one that waits for an edge of the clock, where
// i is that step or comes right before it (ProbeStep::clock_ns); nothing: neither.
std::optional<std::size_t> StepsToClock(const std::vector<ProbeStep>& steps, std::size_t i);

}  // namespace playload
