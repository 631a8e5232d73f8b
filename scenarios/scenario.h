// A scenario: population, servers, timeline of incidents and plan, as read from a YAML file
// (scenarios/load.h). Scenario + seed + start + plan + version fix every byte of the stream.
//
// Units: times in nanoseconds of the run (from its start), rates in events per 1,000 s, shares in
// parts per 10^9 (kProbabilityOne).
// Threads: a value type.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/event/fault.h"
#include "personas/persona.h"

namespace playload {

struct PersonaShare {
  int persona = 0;         // index into Scenario::personas
  std::int64_t parts = 0;  // of kProbabilityOne; all of a mix sum to it
};

struct CurrencyShare {
  int currency = 0;  // index into kCurrencyTable
  std::int64_t parts = 0;
};

struct Population {
  std::uint64_t players = 0;
  std::vector<PersonaShare> mix;
  std::vector<CurrencyShare> currencies;  // the players' own currency
  std::int64_t console_parts = 0;         // share of players on Console
  int levels = 30;                        // 1..60
  int maps_per_level = 3;                 // 1..4
  double life_sessions =
      0;  // when > 0: mean sessions of a life, for every persona that has no fixed one
};

struct Region {
  std::string name;
  std::int64_t parts = 0;  // share of the servers
};

struct Servers {
  int players_per_server = 128;           // 8..1024
  std::int64_t report_every_ms = 60'000;  // simulated time between two metrics of a server
  std::vector<Region> regions;            // 1..16
  std::int64_t virtual_parts = 0;         // share of servers of type "virtual"
};

inline constexpr int kMaxIncidents = 16;  // of each kind, per scenario

// When an incident is active: from `at` for `lasts`, again every `every` (0: once).
struct Window {
  std::int64_t at_ns = 0;
  std::int64_t lasts_ns = 0;  // 0: until the end of the run
  std::int64_t every_ns = 0;
};

// While active, this share of the sessions that begin is played by new players of these personas
// (in turn), who leave for good at the session's end.
struct FraudIncident {
  std::string name;
  Window window;
  std::int64_t share_parts = 0;
  std::vector<int> personas;
};

// While active, adds to the metrics of a region's servers, rising and falling over `ramp`.
struct OverloadIncident {
  std::string name;
  Window window;
  int region = -1;                       // -1: every region
  std::int64_t ramp_ns = 0;              // at both ends of the window
  int cpu = 0, memory = 0, latency = 0;  // added at the height: percent points, percent points, ms
  int cap = 100;  // the addition lifts cpu_load and memory_usage up to here and no further
};

// What one actor of a probe does, step by step.
struct ProbeStep {
  enum class What : std::uint8_t {
    kMove,
    kInteraction,
    kLevelStart,
    kLevelComplete,
    kPurchase,
    kRefund,  // of the latest purchase, also when that was refunded before
    kMetric,
  };
  What what = What::kMove;
  int currency = -1;  // purchase: index into kCurrencyTable; -1: the player's own
  int item = -1;      // purchase: index into kCatalog; -1: one that is used up
  int cpu = 50, memory = 50, latency = 50;  // metric: percent, percent, ms
  // Event time since the step before, or since step number `from` (from 1) where that is not 0: the
  // step takes the lane's first event at or after it or, with `within`, the last one before it. 0:
  // as soon as the actor's turn comes. `from`: players only. Between step `from` and this one
  // nobody waits. The step that is waited from comes at an event from which the edge is met to the
  // millisecond, where its lane has one nearby.
  std::int64_t wait_ns = 0;
  bool within = false;
  int from = 0;
  // Where it is not 0: the step comes when the clock, counted from 1970 UTC, stands at a multiple
  // of it and `shift_ns`, as timestamps of milliseconds show it. Both are whole milliseconds. Steps
  // before it that do not wait take the lane's events right before that one. In place of wait_ns.
  std::int64_t clock_ns = 0;
  std::int64_t shift_ns = 0;
  friend bool operator==(const ProbeStep&, const ProbeStep&) = default;
};

struct Script {
  bool server = false;
  std::vector<ProbeStep> steps;  // at least one
  friend bool operator==(const Script&, const Script&) = default;
};

inline constexpr int kMaxProbes = 4;  // per scenario

// While active, this share of the sessions that begin (servers: of the metrics) is the beginning of
// one of these scripts, in turn: of a new player, who leaves for good at its end, or of a server.
struct ProbeIncident {
  std::string name;
  Window window;
  std::int64_t share_parts = 0;
  std::vector<Script> scripts;  // all of players or all of servers
  // Where it is not 0, instead of a share: scripts begun per 1,000 s of the time that it is active,
  // one lane after the other, as soon as a session begins there (a metric is due).
  std::int64_t milli_rate = 0;
};

// Rule sets whose probes are to be woven into the population (generator/mutants/weave.h does it).
// A scenario as it is run has none: it has the probes.
struct WeaveRequest {
  struct Source {
    std::string rules;  // name of a built-in, or a path
    int line = 0;       // of the scenario's file; 0: from elsewhere
  };
  std::vector<Source> sources;
  int line = 0;
  // At most one of them: scripts begun per 1,000 s, of players and of servers each; share of the
  // sessions that begin, and of the metrics. Neither: as many as do not change the population much.
  std::int64_t milli_rate = 0;
  std::int64_t share_parts = 0;
};

// While active, does this to a share of the events of these kinds (docs/faults.md). Which share of
// what: of all that is sent (duplicate), of what happened (drop), of what is sent for the first
// time (late, corrupt), of the servers (clock-skew).
struct FaultIncident {
  std::string name;
  Window window;
  FaultKind kind = FaultKind::kDuplicate;
  std::uint8_t of = 7;  // bit k: events of Kind k; clock-skew: those of servers
  std::int64_t share_parts = 0;
  std::int64_t by_least_ns = 0, by_most_ns = 0;  // late, clock-skew
  std::uint8_t how = 0;                          // corrupt: bit i: Corruption i
  int region = -1;                               // clock-skew; -1: every region
};

// The offered load: pieces of constant or linearly changing rate; the last one goes on for ever at
// its end rate.
struct Stage {
  std::int64_t from_milli_rate = 0;  // events per 1,000 s at the stage's beginning
  std::int64_t to_milli_rate = 0;    // and at its end
  std::int64_t lasts_ns = 0;         // 0: for ever (last stage only)
};

struct Scenario {
  std::string name;
  std::string about;
  std::string file;  // where it was read; "built-in" for ours
  std::string profile = "dataflow";
  // `compat`: every field of every event drawn uniformly and afresh, purchases keyed by
  // transaction.
  bool compat = false;
  Population population;
  Servers servers;
  std::vector<FraudIncident> fraud;
  std::vector<OverloadIncident> overload;
  std::vector<ProbeIncident> probes;
  WeaveRequest weave;
  std::vector<FaultIncident> faults;
  std::vector<Stage> plan;
  std::int64_t duration_ns = 0;   // default length of a run; 0: no end
  std::vector<Persona> personas;  // all that the mix and the fraud incidents name
};

}  // namespace playload
