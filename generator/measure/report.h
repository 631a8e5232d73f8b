// What `playload bench` prints: the table, what it means for a planned rate, and the same as JSON
// (docs/bench.md has the fields).
//
// Threads: pure functions.

#pragma once

#include <optional>
#include <string>

#include "generator/measure/bench.h"
#include "generator/measure/limits.h"

namespace playload {

// "simulate: 31,200,000 events/s".
std::string RowLine(const Figures& row);

// `limits`: none where nothing is planned.
std::string BenchText(const BenchOptions& options, const BenchReport& report,
                      const std::optional<Limits>& limits);
std::string BenchJson(const BenchOptions& options, const BenchReport& report,
                      const std::optional<Limits>& limits);

// How much of the machine was taken by others while the stages ran that nobody else has a part in.
MachineLoad LoadBeside(const std::vector<Figures>& rows);
// A line that says so where it is worth it, else "".
std::string BusyNote(const BenchReport& report);

}  // namespace playload
