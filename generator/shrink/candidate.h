// Candidate: a scenario and how many of its events are sent, and the ways to make it smaller.
//
// Threads: value types and pure functions.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/event/record.h"
#include "scenarios/scenario.h"

namespace playload {

struct Candidate {
  // Its duration is that of `events`, so that the file alone says how many there are; without one
  // where no file can hold it.
  Scenario scenario;
  Position events = 0;
};

// As its file reads it: what is tried is what will be written. kInvalid where no file can say it.
Result<Candidate> Normalized(Candidate candidate);

// Equal for candidates with the same events.
std::string Identity(const Candidate& candidate);

// A duration that holds exactly so many events of the plan, as round as there is one.
std::int64_t DurationOf(const std::vector<Stage>& plan, Position events);

// Incidents of all kinds count as one list: fraud, overload, probes, faults.
std::size_t TimelineEntries(const Scenario& scenario);
void RemoveTimelineEntries(std::size_t begin, std::size_t end, Scenario* scenario);
Window& TimelineWindow(std::size_t entry, Scenario& scenario);
const Window& TimelineWindow(std::size_t entry, const Scenario& scenario);
std::string TimelineName(std::size_t entry, const Scenario& scenario);

// What is left of a mix takes over the shares of what goes, in proportion. An empty one is no
// scenario: Normalized() says so.
void RemovePersonas(std::size_t begin, std::size_t end, Scenario* scenario);  // of the mix
void RemoveCurrencies(std::size_t begin, std::size_t end, Scenario* scenario);
// An incident of a region that goes is about every region.
void RemoveRegions(std::size_t begin, std::size_t end, Scenario* scenario);

}  // namespace playload
