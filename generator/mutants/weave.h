// Weaves the probes of rule sets into a scenario, as `probes:` in its file and --weave ask for:
// derives their scripts and puts them into the timeline as two probes, "woven-players" and
// "woven-servers". What comes out is an ordinary scenario: its text holds every script, so that
// whoever reads it again, a manifest for one, needs neither the rules nor this.
//
// Threads: pure functions. Errors: kInvalid, with the place in the scenario's file or the rules'.

#pragma once

#include <cstdint>

#include "generator/base/status.h"
#include "scenarios/scenario.h"

namespace playload {

inline constexpr const char* kWovenPlayers = "woven-players";
inline constexpr const char* kWovenServers = "woven-servers";

// Does what `scenario->weave` asks for, and takes the request away. With none it does nothing.
// REQUIRES: a scenario as LoadScenario() gives it, its plan and population as they will be run.
Status WeaveProbes(Scenario* scenario);

// What begins at a rate of events per 1,000 s, each second, by the personas' and the servers' own
// habits.
struct Beginnings {
  double sessions = 0;
  double metrics = 0;
};
Beginnings BeginningsAt(const Scenario& scenario, std::int64_t milli_rate);

}  // namespace playload
