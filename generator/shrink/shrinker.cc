#include "generator/shrink/shrinker.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "generator/base/text.h"

namespace playload {
namespace {

constexpr std::int64_t kQuietServersMs = 86'400'000;  // the rarest reports that there are
constexpr Position kGuessEvents = 32;
constexpr std::uint64_t kStride = 4;  // of a search from below

std::string Change(std::uint64_t from, std::uint64_t to, const char* what) {
  return FormatCount(from) + " -> " + FormatCount(to) + " " + what;
}

class Shrinker {
 public:
  Shrinker(Candidate first, const StillFails& still_fails, std::uint64_t most_attempts)
      : still_fails_(still_fails), most_attempts_(most_attempts) {
    asked_.insert(Identity(first));
    shrunk_.smallest = std::move(first);
  }

  Shrunk Do() {
    Guess();
    bool changed = true;
    for (bool first = true; changed && !over_; first = false) {
      const std::string before = Identity(now());
      Length(first);
      Timeline();
      Incidents();
      Length(false);
      Players();
      World();
      Length(false);
      changed = Identity(now()) != before;
    }
    return std::move(shrunk_);
  }

 private:
  [[nodiscard]] const Candidate& now() const { return shrunk_.smallest; }

  // Takes the candidate if it still fails.
  bool Try(Candidate candidate, const std::string& what) {
    if (over_) return false;
    Result<Candidate> normalized = Normalized(std::move(candidate));
    // What no file can say, or was asked about.
    if (!normalized || !asked_.insert(Identity(*normalized)).second) return false;
    if (shrunk_.attempts == most_attempts_) {
      Finish(Shrunk::End::kAttempts);
      return false;
    }
    ++shrunk_.attempts;
    const Result<bool> fails = still_fails_(*normalized, what);
    if (!fails) {
      shrunk_.error = fails.error();
      Finish(Shrunk::End::kStopped);
      return false;
    }
    if (*fails) shrunk_.smallest = std::move(*normalized);
    return *fails;
  }

  // The same of a change of the scenario.
  template <typename Edit>
  bool TryScenario(const std::string& what, const Edit& edit) {
    Candidate candidate = now();
    edit(&candidate.scenario);
    return Try(std::move(candidate), what);
  }

  void Finish(Shrunk::End end) {
    over_ = true;
    shrunk_.end = end;
  }

  // Many a failure takes no more than the few first events of one player of the right kind, or of
  // one server in trouble. That is quickly asked, and better than what the rounds, each of which
  // keeps the first that it finds, come to by way of a crowd.
  void Guess() {
    if (now().events <= kGuessEvents || now().scenario.compat) return;
    Candidate few = now();
    few.events = kGuessEvents;
    few.scenario.population.players = 1;
    Candidate quiet = few;
    RemoveTimelineEntries(0, TimelineEntries(quiet.scenario), &quiet.scenario);
    for (std::size_t p = 0; p < few.scenario.personas.size(); ++p) {
      Candidate candidate = quiet;
      candidate.scenario.population.mix = {{static_cast<int>(p), kProbabilityOne}};
      if (Try(std::move(candidate), "one " + few.scenario.personas[p].name + " alone")) return;
    }
    for (const OverloadIncident& incident : few.scenario.overload) {
      Candidate candidate = quiet;
      candidate.scenario.overload = {incident};
      OverloadIncident& alone = candidate.scenario.overload.front();
      alone.window = {};
      alone.ramp_ns = 0;
      alone.region = -1;
      if (Try(std::move(candidate), "overload " + incident.name + " alone")) return;
    }
    for (const ProbeIncident& incident : few.scenario.probes) {
      Candidate candidate = quiet;
      candidate.scenario.probes = {incident};
      candidate.scenario.probes.front().window = {};
      candidate.scenario.probes.front().share_parts = kProbabilityOne;
      candidate.scenario.probes.front().milli_rate = 0;
      if (Try(std::move(candidate), "probe " + incident.name + " alone")) return;
    }
  }

  // The least number that fails, below `most`, which does: from below, as what is small is quick to
  // try, then by bisection. `roughly`: the first of these alone.
  template <typename TryNumber>
  static void Least(std::uint64_t most, bool roughly, const TryNumber& try_number) {
    std::uint64_t passes = 0;
    std::uint64_t fails = most;
    for (std::uint64_t n = 1; n < most; n *= kStride) {
      if (try_number(n)) {
        fails = n;
        break;
      }
      passes = n;
    }
    while (!roughly && fails - passes > 1) {
      const std::uint64_t middle = passes + (fails - passes) / 2;
      (try_number(middle) ? fails : passes) = middle;
    }
  }

  // A prefix of the stream is the stream of a shorter run. `whole`: of the run as it was,
  // roughly, as all else is to change yet; otherwise one event less tells whether there is anything
  // to find.
  void Length(bool whole) {
    const auto try_events = [this](Position events) {
      Candidate candidate = now();
      candidate.events = events;
      return Try(std::move(candidate), Change(now().events, events, "events"));
    };
    if (!whole && !try_events(now().events - 1)) return;
    Least(now().events, whole, try_events);
  }

  // Leaves out as many of a list as it can, but for `least`: all, halves, quarters and so on,
  // single ones until none of them can go. The later ones first: what comes first is the usual.
  template <typename Count, typename Remove, typename What>
  void RemoveParts(std::size_t least, const Count& count, const Remove& remove, const What& what) {
    const auto pass = [&](std::size_t chunk) {
      bool removed = false;
      for (std::size_t end = count(now().scenario); end > 0 && !over_;) {
        const std::size_t begin = end - std::min(end, chunk);
        if (count(now().scenario) >= least + (end - begin)) {
          const auto edit = [&](Scenario* s) { remove(begin, end, s); };
          removed = TryScenario(what(begin, end), edit) || removed;
        }
        end = begin;
      }
      return removed;
    };
    for (std::size_t chunk = count(now().scenario); chunk > 1; chunk = (chunk + 1) / 2) pass(chunk);
    while (pass(1)) {
    }
  }

  // The same, of a list in a scenario that `list` finds, called `what`. One entry stays.
  template <typename List>
  void RemoveFrom(const std::string& what, const List& list) {
    RemoveParts(
        1, [&](const Scenario& s) { return list(s).size(); },
        [&](std::size_t begin, std::size_t end, Scenario* s) {
          auto& entries = list(*s);
          entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(begin),
                        entries.begin() + static_cast<std::ptrdiff_t>(end));
        },
        [&](std::size_t begin, std::size_t end) { return Fewer(end - begin, what); });
  }

  static std::string Fewer(std::size_t n, const std::string& what) {
    return "without " + std::to_string(n) + " " + what;
  }

  void Timeline() {
    RemoveParts(0, TimelineEntries, RemoveTimelineEntries, [this](std::size_t b, std::size_t e) {
      return e - b == 1 ? "without " + TimelineName(b, now().scenario)
                        : Fewer(e - b, "timeline entries");
    });
  }

  // What is left of the timeline: from the start on, all the time, of everything, and no more of it
  // than needed.
  void Incidents() {
    for (std::size_t i = 0; i < TimelineEntries(now().scenario); ++i) {
      const std::string name = TimelineName(i, now().scenario);
      const auto window = [&](const std::string& what, const Window& changed) {
        return TryScenario(name + " " + what,
                           [&](Scenario* s) { TimelineWindow(i, *s) = changed; });
      };
      if (window("always", {})) continue;
      const Window now_is = TimelineWindow(i, now().scenario);
      window("from the start", {0, now_is.lasts_ns, now_is.every_ns});
      window("once", {TimelineWindow(i, now().scenario).at_ns, now_is.lasts_ns, 0});
    }
    for (std::size_t i = 0; i < now().scenario.fraud.size();) i += Fraud(i) ? 0 : 1;
    for (std::size_t i = 0; i < now().scenario.overload.size(); ++i) Overload(i);
    for (std::size_t i = 0; i < now().scenario.probes.size(); ++i) Probe(i);
    for (std::size_t i = 0; i < now().scenario.faults.size(); ++i) {
      TryScenario("fault " + now().scenario.faults[i].name + " of every region",
                  [i](Scenario* s) { s->faults[i].region = -1; });
    }
  }

  // Whether it is gone.
  bool Fraud(std::size_t i) {
    const std::string name = "fraud " + now().scenario.fraud[i].name;
    TryScenario(name + " in every session",
                [i](Scenario* s) { s->fraud[i].share_parts = kProbabilityOne; });
    RemoveFrom(
        "of the personas of " + name, [i](auto& s) -> auto& { return s.fraud[i].personas; });
    if (now().scenario.fraud[i].personas.size() > 1) return false;
    // Who is the only one there is need not come as a fraud.
    return TryScenario("everybody as in " + name, [i](Scenario* s) {
      s->population.mix = {{s->fraud[i].personas.front(), kProbabilityOne}};
      RemoveTimelineEntries(i, i + 1, s);
    });
  }

  void Overload(std::size_t i) {
    const std::string name = "overload " + now().scenario.overload[i].name;
    const auto change = [&](const std::string& what, const auto& edit) {
      TryScenario(name + " " + what, [&](Scenario* s) { edit(&s->overload[i]); });
    };
    change("without a ramp", [](OverloadIncident* o) { o->ramp_ns = 0; });
    change("of every region", [](OverloadIncident* o) { o->region = -1; });
    change("without latency", [](OverloadIncident* o) { o->latency = 0; });
    change("without cpu", [](OverloadIncident* o) { o->cpu = 0; });
    change("without memory", [](OverloadIncident* o) { o->memory = 0; });
    change("without a cap", [](OverloadIncident* o) { o->cap = 100; });
  }

  void Probe(std::size_t i) {
    const std::string name = "probe " + now().scenario.probes[i].name;
    TryScenario(name + " all the time", [i](Scenario* s) {
      s->probes[i].share_parts = kProbabilityOne;
      s->probes[i].milli_rate = 0;
    });
    RemoveFrom(
        "scripts of " + name, [i](auto& s) -> auto& { return s.probes[i].scripts; });
    for (std::size_t k = 0; k < now().scenario.probes[i].scripts.size(); ++k) {
      const std::vector<ProbeStep>& steps = now().scenario.probes[i].scripts[k].steps;
      // Steps that refer to others by number would mean others.
      if (std::any_of(steps.begin(), steps.end(), [](const ProbeStep& s) { return s.from != 0; })) {
        continue;
      }
      RemoveFrom(
          "steps of a script of " + name,
          [ i, k ](auto& s) -> auto& { return s.probes[i].scripts[k].steps; });
    }
  }

  void Players() {
    Least(now().scenario.population.players, false, [this](std::uint64_t players) {
      return TryScenario(Change(now().scenario.population.players, players, "players"),
                         [&](Scenario* s) { s->population.players = players; });
    });
  }

  // All that is left: who the players are, their servers, and what is not as by default.
  void World() {
    if (now().scenario.compat) return;  // there is nothing to choose
    RemoveParts(
        1, [](const Scenario& s) { return s.population.mix.size(); }, RemovePersonas,
        [](std::size_t b, std::size_t e) { return Fewer(e - b, "of the personas"); });
    RemoveParts(
        1, [](const Scenario& s) { return s.population.currencies.size(); }, RemoveCurrencies,
        [](std::size_t b, std::size_t e) { return Fewer(e - b, "currencies"); });
    RemoveParts(
        1, [](const Scenario& s) { return s.servers.regions.size(); }, RemoveRegions,
        [](std::size_t b, std::size_t e) { return Fewer(e - b, "regions"); });
    const Servers by_default;
    const std::vector<std::pair<const char*, std::function<void(Scenario*)>>> settings = {
        {"players per server",
         [&](Scenario* s) { s->servers.players_per_server = by_default.players_per_server; }},
        {"server types", [](Scenario* s) { s->servers.virtual_parts = 0; }},
        {"platforms", [](Scenario* s) { s->population.console_parts = kProbabilityOne * 4 / 10; }},
        {"lives", [](Scenario* s) { s->population.life_sessions = 0; }},
        {"levels",
         [](Scenario* s) {
           s->population.levels = Population{}.levels;
           s->population.maps_per_level = Population{}.maps_per_level;
         }},
        {"plan", [](Scenario* s) {
           const std::int64_t rate = s->plan.front().from_milli_rate;
           s->plan = {{rate, rate, 0}};
         }}};
    const bool all = TryScenario("settings as by default", [&](Scenario* s) {
      for (const auto& [name, edit] : settings) edit(s);
    });
    for (const auto& [name, edit] : settings) {
      if (!all) TryScenario(std::string(name) + " as by default", edit);
    }
    if (now().scenario.servers.report_every_ms == kQuietServersMs) return;
    const auto report_every = [&](std::int64_t ms) {
      return TryScenario("server metrics every " + FormatDuration(ms * 1'000'000),
                         [ms](Scenario* s) { s->servers.report_every_ms = ms; });
    };
    if (!report_every(kQuietServersMs)) report_every(by_default.report_every_ms);
  }

  const StillFails& still_fails_;
  const std::uint64_t most_attempts_;
  Shrunk shrunk_;
  std::set<std::string> asked_;
  bool over_ = false;
};

}  // namespace

Shrunk Shrink(Candidate first, const StillFails& still_fails, std::uint64_t most_attempts) {
  return Shrinker(std::move(first), still_fails, most_attempts).Do();
}

}  // namespace playload
