// Model: a scenario compiled into the integer tables that lanes run on. Everything that reaches an
// event is an integer made here once, by deterministic arithmetic (generator/base/math.h).
//
// Units: simulated time in ticks of 125 ms.
// Threads: constant after construction, shared by all.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "generator/base/random.h"
#include "generator/event/catalog.h"
#include "generator/event/record.h"
#include "generator/pace/plan.h"
#include "generator/simulate/fault_rules.h"
#include "scenarios/scenario.h"

namespace playload {

inline constexpr std::int64_t kTickMs = 125;
inline constexpr std::uint32_t kLongestTicks = 16'000'000;  // what the wheel holds: 23 days
inline constexpr unsigned kOffline = 0;     // state index; the persona's own states follow
inline constexpr unsigned kRowStates = 16;  // states per persona in the tables
inline constexpr unsigned kCells = 16;      // of an alias row

// Alias method (A. J. Walker 1977, in M. Vose's form) over 16 cells: a draw picks a cell by 4 bits
// and its first or second outcome by 24 bits against `threshold` (0..2^24). One cache line pair per
// row.
struct AliasCell {
  std::uint32_t threshold;
  std::uint8_t to[2];    // next state
  std::uint8_t emit[2];  // Emit
};
struct AliasRow {
  AliasCell cells[kCells];
};

// Makes a row from weights that sum to kProbabilityOne. Outcome masses are the weights rounded to
// parts of 2^28 by largest remainder, and the row realises them exactly.
struct AliasOutcome {
  std::int64_t parts;
  std::uint8_t to;
  std::uint8_t emit;
};
AliasRow MakeAliasRow(const std::vector<AliasOutcome>& outcomes);
// The masses that MakeAliasRow realises, parts of 2^28, in the order of `outcomes`.
std::vector<std::uint32_t> AliasMasses(const std::vector<std::int64_t>& parts);

// Quantiles of a dwell at i/256 (the ends at 2^-16 and 1 - 2^-13), in units of 2^(16 - down)
// ticks, so that the largest needs 16 bits; a draw interpolates. The tables of all personas fit
// into the first-level cache.
struct DwellTable {
  std::uint16_t quantile[257];
  std::uint16_t down;  // 8 to 20

  // From 24 random bits; at least one tick.
  [[nodiscard]] std::uint32_t Ticks(std::uint32_t random24) const {
    const std::uint32_t i = random24 >> 16 & 255u;
    const std::uint32_t low = quantile[i];
    const std::uint32_t rise = quantile[i + 1] - low;
    const std::uint32_t risen = rise * (random24 & 0xFFFFu);  // of 16 bits each
    const std::uint64_t at = (std::uint64_t{low} << 16) + risen;
    return static_cast<std::uint32_t>((at + (std::uint64_t{1} << (down - 1))) >> down);
  }
};
DwellTable MakeDwellTable(const Dwell& dwell);

// Cumulative 32-bit thresholds: the index of the first one above a draw. For the rare draws.
class Choice {
 public:
  Choice() = default;
  explicit Choice(const std::vector<std::int64_t>& weights);
  [[nodiscard]] unsigned Pick(std::uint32_t random) const {
    // No early end: where it would be cannot be predicted.
    unsigned i = 0;
    for (const std::uint64_t bound : bounds_) i += random >= bound ? 1 : 0;
    return i;
  }
  [[nodiscard]] bool empty() const { return bounds_.empty(); }

 private:
  std::vector<std::uint64_t> bounds_;  // exclusive; the last is 2^32
};

struct PersonaTables {
  std::uint32_t leave_below = 0;  // a draw of 32 bits below this ends the life with the session
  bool one_session = false;
  Choice item_types;  // index: ItemType
};

// Probes, compiled.
struct ScriptStep {
  std::int64_t wait_ns;  // as ProbeStep
  Action action;
  bool within;
  std::uint8_t a;       // purchase: catalog item or kFree; metric: cpu_load
  std::uint8_t b;       // purchase: currency or kFree; metric: memory_usage
  std::uint16_t c;      // metric: latency
  std::uint16_t from;   // as ProbeStep
  std::uint16_t later;  // number of the step that waits from this one; 0: none
  bool adjacent;        // and it is the next one
  // As ProbeStep, of the first of the steps that wait for an edge of the clock together.
  std::int64_t clock_ns;
  std::int64_t shift_ns;
  std::uint16_t rest;                         // so many steps before that for which the edge is
  bool together;                              // comes right behind the step before
  static constexpr std::uint8_t kFree = 255;  // the player's own currency, an item used up
};
struct Probe {
  Window window;
  std::uint32_t share;      // of 2^32
  std::int64_t milli_rate;  // as of ProbeIncident: instead of the share, where it is not 0
  bool server;
  bool by_clock;               // some step waits for an edge of the clock
  std::uint16_t first_script;  // index into Model::scripts
  std::uint16_t scripts;
};

// First sessions of a block of ticks (lane.h).
struct FirstSessions {
  std::uint32_t share_before;  // of a lane's places: had their first session before it; of 2^32
  std::uint32_t choice;        // index into Model::first_session_choices
};

class Model {
 public:
  // REQUIRES: a scenario as LoadScenario() gives it. `start_ns`: of the run, since 1970; what the
  // lanes do depends on it where scripts wait for edges of the clock, and nowhere else.
  Model(const Scenario& scenario, std::uint64_t seed, std::int64_t start_ns = 0);

  // Lanes.
  [[nodiscard]] std::uint64_t players() const { return players_; }
  [[nodiscard]] std::uint32_t lane_players() const { return lane_players_; }
  [[nodiscard]] std::uint64_t lanes() const { return lanes_; }
  [[nodiscard]] std::uint32_t servers_per_lane() const { return servers_per_lane_; }
  // Players of a full lane that are online on average.
  [[nodiscard]] double online_per_lane() const { return online_per_lane_; }
  [[nodiscard]] std::uint64_t servers() const;
  [[nodiscard]] std::uint32_t PlayersIn(std::uint64_t lane) const;
  [[nodiscard]] std::uint32_t ServersIn(std::uint64_t lane) const;

  [[nodiscard]] unsigned RegionOf(std::uint64_t server) const;  // server from 0
  [[nodiscard]] bool VirtualServer(std::uint64_t server) const;

  // Tables, by persona * kRowStates + state.
  const AliasRow* rows = nullptr;
  const DwellTable* dwells = nullptr;
  std::vector<PersonaTables> personas;
  Choice mix;  // index into mix_persona
  std::vector<std::uint8_t> mix_persona;
  // Who comes first and when: those who would be online now within a minute, the others somewhere
  // in their mean cycle of session and gap, so that the load is about right from the start. By
  // block; after the last one everybody has been there. `first_session_choices`: the persona of who
  // comes then, an index into mix_persona.
  std::vector<FirstSessions> first_sessions;
  std::vector<Choice> first_session_choices;
  Choice currencies;
  std::vector<std::uint8_t> currency_of;
  std::uint32_t console_below = 0;  // of 2^32

  std::uint64_t seed_key = 0;
  std::uint8_t levels = 1;
  std::uint8_t maps_per_level = 1;
  std::uint32_t players_per_server = 64;
  int full_online = 1;  // players on a server that keep it wholly busy
  std::uint32_t report_ticks = 80;
  bool compat = false;
  std::vector<FraudIncident> fraud;
  std::vector<std::uint32_t> fraud_share;  // of 2^32, per incident
  std::vector<OverloadIncident> overload;
  std::vector<Probe> probes;
  std::vector<std::vector<ScriptStep>> scripts;
  bool timed_scripts = false;  // some step waits
  bool server_scripts = false;
  FaultRules faults;
  Plan timeline;  // what the incidents' times refer to
  std::int64_t start_ns = 0;

 private:
  std::uint64_t players_;
  std::uint32_t lane_players_;
  std::uint64_t lanes_;
  std::uint32_t servers_per_lane_;
  double online_per_lane_ = 0;
  void CompileProbes(const std::vector<ProbeIncident>& incidents);

  Choice regions_;
  std::uint32_t virtual_below_ = 0;
  void PlanFirstSessions(const Population& population, const std::vector<double>& online,
                         const std::vector<double>& cycle_ticks);

  std::vector<AliasRow> row_store_;
  std::vector<DwellTable> dwell_store_;
};

// Whether a window covers instant t, and how far t is into it.
bool Active(const Window& window, std::int64_t t_ns, std::int64_t* into_ns);

}  // namespace playload
