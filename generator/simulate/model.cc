#include "generator/simulate/model.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <optional>

#include "generator/simulate/lane.h"
#include "personas/facts.h"
#include "personas/load.h"
#include "scenarios/script.h"

namespace playload {
namespace {

constexpr std::uint32_t kMassOne = 1u << 28;
constexpr std::uint32_t kCellOne = kMassOne / kCells;  // 2^24

// Lanes of some 8,192 players, all of nearly the same size, as each makes as many events; eight of
// a small population, so that threads and shards have something to share, but no more, so that even
// a short run gets somewhere in each. In fours, as they are simulated.
constexpr std::uint64_t kMostLanePlayers = 8'192;
constexpr std::uint64_t kLeastLanePlayers = 64;
constexpr std::uint64_t kFewLanes = 8;
std::uint32_t LanePlayers(std::uint64_t players) {
  const std::uint64_t least = (players + kMostLanePlayers - 1) / kMostLanePlayers;
  const std::uint64_t lanes = std::max((least + 3) / 4 * 4, kFewLanes);
  return static_cast<std::uint32_t>(std::max((players + lanes - 1) / lanes, kLeastLanePlayers));
}

std::uint32_t ShareOf32(std::int64_t parts) {
  const std::uint64_t scaled = (static_cast<std::uint64_t>(parts) << 32) / kProbabilityOne;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(scaled, 0xFFFFFFFFu));
}

std::vector<std::int64_t> PartsOf(const auto& shares) {
  std::vector<std::int64_t> parts;
  parts.reserve(shares.size());
  for (const auto& share : shares) parts.push_back(share.parts);
  return parts;
}

std::uint32_t TicksOf(double ms) {
  const double ticks = ms / static_cast<double>(kTickMs);
  if (ticks < 1) return 1;
  return ticks > kLongestTicks ? kLongestTicks : static_cast<std::uint32_t>(ticks);
}

// Sets what steps have to do with edges of the clock; whether one has.
bool WaitForClock(const std::vector<ProbeStep>& script, std::vector<ScriptStep>* steps) {
  bool waits = false;
  for (std::size_t i = 0; i < script.size(); ++i) {
    const std::optional<std::size_t> rest = StepsToClock(script, i);
    if (!rest) continue;
    waits = true;
    ScriptStep& step = (*steps)[i];
    step.rest = static_cast<std::uint16_t>(*rest);
    step.together = i > 0 && StepsToClock(script, i - 1) == *rest + 1;
    if (step.together) continue;
    step.clock_ns = script[i + *rest].clock_ns;
    step.shift_ns = script[i + *rest].shift_ns;
  }
  return waits;
}

}  // namespace

std::vector<std::uint32_t> AliasMasses(const std::vector<std::int64_t>& parts) {
  std::vector<std::uint32_t> masses(parts.size());
  std::vector<std::pair<std::uint64_t, std::size_t>> remainders;
  std::uint64_t given = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::uint64_t scaled = static_cast<std::uint64_t>(parts[i]) * kMassOne;
    masses[i] = static_cast<std::uint32_t>(scaled / kProbabilityOne);
    remainders.emplace_back(scaled % kProbabilityOne, i);
    given += masses[i];
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& x, const auto& y) { return x.first > y.first; });
  for (std::size_t i = 0; given < kMassOne; i = (i + 1) % remainders.size()) {
    ++masses[remainders[i].second];
    ++given;
  }
  return masses;
}

AliasRow MakeAliasRow(const std::vector<AliasOutcome>& outcomes) {
  assert(!outcomes.empty() && outcomes.size() <= kCells);
  const std::vector<std::uint32_t> masses = AliasMasses(PartsOf(outcomes));
  AliasRow row{};
  // Vose: repeatedly fill a cell with what is left of a small outcome and top it up from a large
  // one.
  std::vector<std::uint32_t> left(kCells, 0);
  std::copy(masses.begin(), masses.end(), left.begin());
  std::vector<unsigned> small;
  std::vector<unsigned> large;
  for (unsigned i = 0; i < kCells; ++i) (left[i] < kCellOne ? small : large).push_back(i);
  const auto outcome = [&](unsigned i) { return outcomes[i < outcomes.size() ? i : 0]; };
  for (unsigned cell = 0; cell < kCells; ++cell) {
    AliasCell& c = row.cells[cell];
    unsigned first = 0;
    unsigned second = 0;
    if (!small.empty() && !large.empty()) {
      first = small.back();
      small.pop_back();
      second = large.back();
      c.threshold = left[first];
      left[second] -= kCellOne - left[first];
      if (left[second] < kCellOne) {
        large.pop_back();
        small.push_back(second);
      }
    } else {
      std::vector<unsigned>& rest = large.empty() ? small : large;
      first = second = rest.back();
      rest.pop_back();
      c.threshold = kCellOne;
    }
    c.to[0] = outcome(first).to;
    c.emit[0] = outcome(first).emit;
    c.to[1] = outcome(second).to;
    c.emit[1] = outcome(second).emit;
  }
  return row;
}

DwellTable MakeDwellTable(const Dwell& dwell) {
  double ticks[257];
  for (int i = 0; i <= 256; ++i) {
    double p = i / 256.0;
    if (i == 0) p = 1.0 / 65536;
    if (i == 256) p = 1.0 - 1.0 / 8192;
    ticks[i] = std::min(DwellQuantileMs(dwell, p) / static_cast<double>(kTickMs),
                        static_cast<double>(kLongestTicks));
  }
  DwellTable table{};
  // As fine as 1/16 of a tick, as coarse as the longest one asks.
  unsigned shift = 0;
  while (ticks[256] * 16 / static_cast<double>(1u << shift) > 65'534) ++shift;
  table.down = static_cast<std::uint16_t>(20 - shift);
  const auto least = std::max(1u, 8u >> shift);  // rounds up to one tick
  for (int i = 0; i <= 256; ++i) {
    const auto units =
        static_cast<unsigned>(std::lround(ticks[i] * 16 / static_cast<double>(1u << shift)));
    table.quantile[i] = static_cast<std::uint16_t>(std::max(units, least));
    if (i > 0) table.quantile[i] = std::max(table.quantile[i], table.quantile[i - 1]);
  }
  return table;
}

Choice::Choice(const std::vector<std::int64_t>& weights) {
  const auto total =
      static_cast<Wide>(std::accumulate(weights.begin(), weights.end(), std::int64_t{0}));
  if (total == 0) return;
  Wide sum = 0;
  for (const std::int64_t weight : weights) {
    sum += static_cast<Wide>(weight);
    // A weight of zero repeats its predecessor's bound and is never the first one above a draw.
    bounds_.push_back(static_cast<std::uint64_t>((sum << 32) / total));
  }
}

Model::Model(const Scenario& scenario, std::uint64_t seed, std::int64_t run_start_ns)
    : timeline(scenario.plan), start_ns(run_start_ns), players_(scenario.population.players) {
  const Population& population = scenario.population;
  compat = scenario.compat;
  // Under compat a player's events come from everywhere, so all its state is in one lane.
  lane_players_ = compat ? 1024 : LanePlayers(players_);
  lanes_ = (players_ + lane_players_ - 1) / lane_players_;
  players_per_server = static_cast<std::uint32_t>(scenario.servers.players_per_server);
  servers_per_lane_ = (lane_players_ + players_per_server - 1) / players_per_server;
  report_ticks = TicksOf(static_cast<double>(scenario.servers.report_every_ms));
  seed_key = SeedKey(seed);
  levels = static_cast<std::uint8_t>(population.levels);
  maps_per_level = static_cast<std::uint8_t>(population.maps_per_level);
  console_below = ShareOf32(population.console_parts);
  virtual_below_ = ShareOf32(scenario.servers.virtual_parts);
  regions_ = Choice(PartsOf(scenario.servers.regions));
  fraud = scenario.fraud;
  overload = scenario.overload;
  faults = FaultRules(scenario, seed_key, lanes_);
  for (const FraudIncident& incident : fraud) {
    fraud_share.push_back(ShareOf32(incident.share_parts));
  }

  CompileProbes(scenario.probes);

  mix = Choice(PartsOf(population.mix));
  for (const PersonaShare& share : population.mix) {
    mix_persona.push_back(static_cast<std::uint8_t>(share.persona));
  }
  currencies = Choice(PartsOf(population.currencies));
  for (const CurrencyShare& share : population.currencies) {
    currency_of.push_back(static_cast<std::uint8_t>(share.currency));
  }

  std::vector<double> online_shares;
  std::vector<double> cycle_ticks;
  row_store_.resize(scenario.personas.size() * kRowStates);
  dwell_store_.resize(scenario.personas.size() * kRowStates);
  for (std::size_t p = 0; p < scenario.personas.size(); ++p) {
    const Persona& persona = scenario.personas[p];
    const std::size_t base = p * kRowStates;
    row_store_[base + kOffline] =
        MakeAliasRow({{kProbabilityOne, 1, static_cast<std::uint8_t>(Emit::kSessionStart)}});
    dwell_store_[base + kOffline] = MakeDwellTable(persona.gap);
    for (std::size_t s = 0; s < persona.states.size(); ++s) {
      std::vector<AliasOutcome> outcomes;
      for (const Transition& t : persona.states[s].to) {
        const bool exit = t.to == kExit;
        outcomes.push_back({t.parts,
                            static_cast<std::uint8_t>(exit ? kOffline : unsigned(t.to) + 1),
                            static_cast<std::uint8_t>(exit ? Emit::kSessionEnd : t.emit)});
      }
      row_store_[base + s + 1] = MakeAliasRow(outcomes);
      dwell_store_[base + s + 1] = MakeDwellTable(persona.states[s].dwell);
    }

    PersonaTables tables;
    const double mean_life = persona.one_session            ? 1
                             : population.life_sessions > 0 ? population.life_sessions
                                                            : persona.mean_sessions;
    tables.one_session = persona.one_session || mean_life <= 1;
    tables.leave_below = static_cast<std::uint32_t>(4294967295.0 / std::max(mean_life, 1.0));
    if (!persona.item_weights.empty()) tables.item_types = Choice(persona.item_weights);
    const PersonaFacts facts = ComputeFacts(persona);
    const double gap_ms = DwellMeanMs(persona.gap);
    const double cycle_ms = facts.session_ms + gap_ms;
    online_shares.push_back(facts.session_ms / cycle_ms);
    cycle_ticks.push_back(TicksOf(cycle_ms));
    personas.push_back(tables);
  }
  // A server is wholly busy with twice the players that are on it on average, and a few.
  double online = 0;
  for (const PersonaShare& share : population.mix) {
    online += static_cast<double>(share.parts) / static_cast<double>(kProbabilityOne) *
              online_shares[static_cast<std::size_t>(share.persona)];
  }
  online_per_lane_ = online * lane_players_;
  const std::uint32_t on_server = std::min(players_per_server, lane_players_);
  full_online = static_cast<int>(std::lround(2 * online * on_server)) + 4;
  PlanFirstSessions(population, online_shares, cycle_ticks);
  rows = row_store_.data();
  dwells = dwell_store_.data();
}

void Model::CompileProbes(const std::vector<ProbeIncident>& incidents) {
  // In the order of ProbeStep::What.
  constexpr Action kActions[] = {Action::kMove,          Action::kInteraction, Action::kLevelStart,
                                 Action::kLevelComplete, Action::kPurchase,    Action::kRefund,
                                 Action::kServerMetric};
  for (const ProbeIncident& incident : incidents) {
    probes.push_back({incident.window, ShareOf32(incident.share_parts), incident.milli_rate,
                      incident.scripts.front().server, false,
                      static_cast<std::uint16_t>(scripts.size()),
                      static_cast<std::uint16_t>(incident.scripts.size())});
    server_scripts = server_scripts || incident.scripts.front().server;
    for (const Script& script : incident.scripts) {
      std::vector<ScriptStep>& steps = scripts.emplace_back();
      for (const ProbeStep& from : script.steps) {
        ScriptStep step{};
        step.wait_ns = from.wait_ns;
        step.within = from.within;
        step.action = kActions[static_cast<unsigned>(from.what)];
        const bool metric = from.what == ProbeStep::What::kMetric;
        // -1 is kFree.
        step.a = static_cast<std::uint8_t>(metric ? from.cpu : from.item);
        step.b = static_cast<std::uint8_t>(metric ? from.memory : from.currency);
        step.c = static_cast<std::uint16_t>(metric ? from.latency : 0);
        step.from = static_cast<std::uint16_t>(from.from);
        steps.push_back(step);
        if (step.wait_ns > 0) {
          const std::size_t since = step.from > 0 ? step.from - 1u : steps.size() - 2;
          steps[since].later = static_cast<std::uint16_t>(steps.size());
          steps[since].adjacent = step.from == 0;
        }
        timed_scripts = timed_scripts || from.wait_ns > 0 || from.clock_ns > 0;
      }
      if (WaitForClock(script.steps, &steps)) probes.back().by_clock = true;
    }
  }
}

void Model::PlanFirstSessions(const Population& population, const std::vector<double>& online,
                              const std::vector<double>& cycle_ticks) {
  constexpr double kSoonTicks = 60'000.0 / kTickMs;
  constexpr double kBlockTicks = 1u << kBlockShift;
  const auto within = [](double from, double to, double whole) {
    return (std::min(to, whole) - std::min(from, whole)) / whole;
  };
  double before = 0;
  std::vector<std::int64_t> latest;
  for (double from = 0;; from += kBlockTicks) {
    std::vector<std::int64_t> weights;
    double all = 0;
    for (const PersonaShare& share : population.mix) {
      const auto p = static_cast<std::size_t>(share.persona);
      const double soon = within(from, from + kBlockTicks, kSoonTicks);
      const double later = within(from, from + kBlockTicks, cycle_ticks[p]);
      const double mass = static_cast<double>(share.parts) / static_cast<double>(kProbabilityOne) *
                          (online[p] * soon + (1 - online[p]) * later);
      all += mass;
      weights.push_back(static_cast<std::int64_t>(std::llround(mass * 1e15)));
    }
    if (all <= 0) return;
    if (weights != latest) {
      first_session_choices.emplace_back(weights);
      latest = weights;
    }
    first_sessions.push_back(
        {static_cast<std::uint32_t>(std::min(before * 4294967296.0, 4294967295.0)),
         static_cast<std::uint32_t>(first_session_choices.size() - 1)});
    before += all;
  }
}

std::uint32_t Model::PlayersIn(std::uint64_t lane) const {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(lane_players_, players_ - lane * lane_players_));
}

std::uint32_t Model::ServersIn(std::uint64_t lane) const {
  return (PlayersIn(lane) + players_per_server - 1) / players_per_server;
}

std::uint64_t Model::servers() const {
  return (lanes_ - 1) * servers_per_lane_ + ServersIn(lanes_ - 1);
}

unsigned Model::RegionOf(std::uint64_t server) const {
  // Multiples of the golden ratio fill the unit interval evenly, so that even a handful of servers
  // are spread over the regions as their shares ask.
  return regions_.Pick(static_cast<std::uint32_t>((server + 1) * 0x9E3779B9u));
}

bool Model::VirtualServer(std::uint64_t server) const {
  return static_cast<std::uint32_t>(
             DrawAt(EntityKey(seed_key, server), 0, Purpose::kServerTraits) >> 32) < virtual_below_;
}

bool Active(const Window& window, std::int64_t t_ns, std::int64_t* into_ns) {
  std::int64_t into = t_ns - window.at_ns;
  if (into < 0) return false;
  if (window.every_ns > 0) into %= window.every_ns;
  *into_ns = into;
  return window.lasts_ns == 0 || into < window.lasts_ns;
}

}  // namespace playload
