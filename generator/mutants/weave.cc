#include "generator/mutants/weave.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/mutants/derive.h"
#include "generator/rules/load.h"
#include "personas/facts.h"
#include "scenarios/script.h"

namespace playload {
namespace {

constexpr std::size_t kMostWovenScripts = 500;  // of a probe
// Where nothing is said: of the sessions that begin, of the metrics, and of the players and the
// servers how many may wait in scripts at a time.
constexpr double kUsualShare = 0.1;
constexpr double kUsualWaiting = 0.1;
// What cannot be exceeded: then nobody else would be left to play.
constexpr double kMostShare = 0.5;
constexpr double kMostWaiting = 0.5;

Status At(const Scenario& scenario, int line, const std::string& message) {
  if (line == 0) return Invalid(message);
  return Invalid(scenario.file + ":" + std::to_string(line) + ": probes: " + message);
}

// Of a script on average: event time in which its actor waits, seconds; and steps.
struct Lengths {
  double waits_s = 0;
  double steps = 0;
};
Lengths LengthsOf(const std::vector<Script>& scripts) {
  Lengths lengths;
  for (const Script& script : scripts) {
    lengths.steps += static_cast<double>(script.steps.size());
    for (const ProbeStep& step : script.steps) {
      // Edges of the clock come once in their size; not each of them can be met.
      lengths.waits_s += static_cast<double>(step.wait_ns + 2 * step.clock_ns) / 1e9;
    }
  }
  lengths.waits_s /= static_cast<double>(scripts.size());
  lengths.steps /= static_cast<double>(scripts.size());
  return lengths;
}

std::string Rate(double per_second) {
  return FormatRate(static_cast<std::int64_t>(std::floor(per_second * 1'000)));
}

class Weaver {
 public:
  explicit Weaver(Scenario* scenario) : scenario_(*scenario), request_(scenario->weave) {}

  Status Weave() {
    if (scenario_.compat) {
      return At(scenario_, request_.line,
                "compat draws every event uniformly: nobody there could follow a probe's script");
    }
    std::vector<Script> players;
    std::vector<Script> servers;
    for (const WeaveRequest::Source& source : request_.sources) {
      const Result<RuleSet> rules = LoadRuleSet(source.rules);
      if (!rules) return At(scenario_, source.line, rules.error().message());
      const DerivedProbes probes = DeriveProbes(*rules);
      const std::vector<Script> of_players = probes.Scripts(false);
      const std::vector<Script> of_servers = probes.Scripts(true);
      if (of_players.empty() && of_servers.empty()) {
        return At(scenario_, source.line,
                  "none can be derived from rules " + Quoted(rules->name) + kNothingToDerive);
      }
      Merge(of_players, &players);
      Merge(of_servers, &servers);
    }
    if (Status status = Put(false, std::move(players)); !status.ok()) return status;
    if (Status status = Put(true, std::move(servers)); !status.ok()) return status;
    scenario_.weave = WeaveRequest();
    return {};
  }

 private:
  static void Merge(const std::vector<Script>& more, std::vector<Script>* scripts) {
    for (const Script& script : more) {
      if (std::find(scripts->begin(), scripts->end(), script) == scripts->end()) {
        scripts->push_back(script);
      }
    }
  }

  Status Put(bool server, std::vector<Script> scripts) {
    if (scripts.empty()) return {};
    const std::string name = server ? kWovenServers : kWovenPlayers;
    if (scripts.size() > kMostWovenScripts) {
      return At(scenario_, request_.line,
                "these rules make " + FormatCount(scripts.size()) + " scripts of " +
                    (server ? "servers" : "players") + ", and a probe has at most " +
                    FormatCount(kMostWovenScripts) + "; take fewer rules");
    }
    if (scenario_.probes.size() == static_cast<std::size_t>(kMaxProbes)) {
      return At(scenario_, request_.line,
                "the timeline has no room for them; it has at most " + std::to_string(kMaxProbes) +
                    " probes with those that are woven");
    }
    if (NameTaken(name)) {
      return At(scenario_, request_.line,
                "the timeline has an incident called " + Quoted(name) + " already");
    }
    ProbeIncident incident;
    incident.name = name;
    incident.share_parts = request_.share_parts;
    incident.milli_rate = request_.milli_rate;
    incident.scripts = std::move(scripts);
    if (Status status = HowOften(server, &incident); !status.ok()) return status;
    scenario_.probes.push_back(std::move(incident));
    return {};
  }

  [[nodiscard]] bool NameTaken(const std::string& name) const {
    const auto called = [&](const auto& incidents) {
      return std::any_of(incidents.begin(), incidents.end(),
                         [&](const auto& incident) { return incident.name == name; });
    };
    return called(scenario_.fraud) || called(scenario_.overload) || called(scenario_.probes) ||
           called(scenario_.faults);
  }

  // What is taken where nothing is said: a share, or fewer where too many would wait. `least`,
  // `most`: scripts that can begin per second; `wait`: with all players waiting.
  static void Usual(double least, double most, double wait, double steps, ProbeIncident* incident) {
    if (most * kUsualShare <= wait * kUsualWaiting) {
      incident->share_parts =
          std::llround(kUsualShare / steps * static_cast<double>(kProbabilityOne));
      return;
    }
    const double usual = std::min(least * kUsualShare, wait * kUsualWaiting);
    incident->milli_rate = std::max<std::int64_t>(1, static_cast<std::int64_t>(usual * 1'000));
  }

  // How often they begin where that is not said; an error where it is more than there is room for.
  Status HowOften(bool server, ProbeIncident* incident) const {
    std::int64_t slowest = scenario_.plan.front().from_milli_rate;
    std::int64_t fastest = slowest;
    for (const Stage& stage : scenario_.plan) {
      slowest = std::min({slowest, stage.from_milli_rate, stage.to_milli_rate});
      fastest = std::max({fastest, stage.from_milli_rate, stage.to_milli_rate});
    }
    const double swing = static_cast<double>(fastest) / static_cast<double>(slowest);
    const Beginnings beginnings = BeginningsAt(scenario_, slowest);
    const Lengths lengths = LengthsOf(incident->scripts);
    const std::uint64_t players = scenario_.population.players;
    const auto per_server = static_cast<std::uint64_t>(scenario_.servers.players_per_server);
    const std::uint64_t actors = server ? (players + per_server - 1) / per_server : players;
    // Of servers every step is a metric.
    const double begin = server ? beginnings.metrics / lengths.steps : beginnings.sessions;
    const double wait = lengths.waits_s <= 0 ? 1e18 : static_cast<double>(actors) / lengths.waits_s;
    if (incident->milli_rate == 0 && incident->share_parts == 0) {
      Usual(begin, begin * swing, wait, server ? lengths.steps : 1, incident);
      return {};
    }
    // Of a share as many as begin where the plan is fastest.
    const double share =
        static_cast<double>(incident->share_parts) / static_cast<double>(kProbabilityOne);
    const double rate = incident->milli_rate > 0
                            ? static_cast<double>(incident->milli_rate) / 1e3
                            : share * swing * (server ? beginnings.metrics : beginnings.sessions);
    const std::string asked =
        Rate(rate) + " scripts of " + (server ? "servers" : "players") + " begun per second";
    if (incident->milli_rate > 0 && rate > begin * kMostShare) {
      return At(
          scenario_, request_.line,
          asked + " are too many: " +
              (server ? "where the plan is slowest, of " + Rate(lengths.steps) + " metrics each, "
                      : "where the plan is slowest, ") +
              "about " + Rate(begin) + " can begin; at most " + Rate(begin * kMostShare));
    }
    if (rate > wait * kMostWaiting) {
      return At(scenario_, request_.line,
                asked + " are too many: each waits " +
                    FormatDuration(static_cast<std::int64_t>(lengths.waits_s) * 1'000'000'000) +
                    " on average, and there are " + FormatCount(actors) +
                    (server ? " servers" : " players") + "; at most " + Rate(wait * kMostWaiting));
    }
    return {};
  }

  Scenario& scenario_;
  const WeaveRequest request_;
};

}  // namespace

Beginnings BeginningsAt(const Scenario& scenario, std::int64_t milli_rate) {
  double sessions = 0;  // per player and millisecond of simulated time
  double events = 0;
  for (const PersonaShare& share : scenario.population.mix) {
    const PersonaFacts facts =
        ComputeFacts(scenario.personas[static_cast<std::size_t>(share.persona)]);
    const double part = static_cast<double>(share.parts) / static_cast<double>(kProbabilityOne);
    sessions += part / facts.cycle_ms;
    events += part * facts.events / facts.cycle_ms;
  }
  const double metrics = 1.0 / scenario.servers.players_per_server /
                         static_cast<double>(scenario.servers.report_every_ms);
  const double rate = static_cast<double>(milli_rate) / 1e3 / (events + metrics);
  return {sessions * rate, metrics * rate};
}

Status WeaveProbes(Scenario* scenario) {
  if (scenario->weave.sources.empty()) return {};
  return Weaver(scenario).Weave();
}

}  // namespace playload
