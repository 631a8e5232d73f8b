#include "generator/shrink/candidate.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "generator/pace/plan.h"
#include "scenarios/load.h"

namespace playload {
namespace {

template <typename T>
void Erase(std::size_t begin, std::size_t end, std::vector<T>* list) {
  list->erase(list->begin() + static_cast<std::ptrdiff_t>(begin),
              list->begin() + static_cast<std::ptrdiff_t>(end));
}

// Of the entries [begin, end) of several lists that count as one: those of the next list, whose
// first entry is number `*first`.
template <typename T>
void EraseOf(std::size_t begin, std::size_t end, std::size_t* first, std::vector<T>* list) {
  const std::size_t size = list->size();
  const auto inside = [&](std::size_t i) { return std::clamp(i, *first, *first + size) - *first; };
  Erase(inside(begin), inside(end), list);
  *first += size;
}

// Shares that sum to the whole again.
template <typename Share>
void FillUp(std::vector<Share>* shares) {
  std::int64_t sum = 0;
  for (const Share& share : *shares) sum += share.parts;
  if (sum == 0) return;
  std::int64_t left = kProbabilityOne;
  for (Share& share : *shares) {
    share.parts = std::max<std::int64_t>(1, share.parts * kProbabilityOne / sum);
    left -= share.parts;
  }
  std::max_element(shares->begin(), shares->end(), [](const Share& a, const Share& b) {
    return a.parts < b.parts;
  })->parts += left;
}

// A file may not hold personas that nobody is, and numbers them in the order of their use.
void DropUnusedPersonas(Scenario* scenario) {
  std::vector<Persona> used;
  std::vector<int> now(scenario->personas.size(), -1);
  const auto use = [&](int* persona) {
    const auto old = static_cast<std::size_t>(*persona);
    if (now[old] < 0) {
      now[old] = static_cast<int>(used.size());
      used.push_back(scenario->personas[old]);
    }
    *persona = now[old];
  };
  for (PersonaShare& share : scenario->population.mix) use(&share.persona);
  for (FraudIncident& incident : scenario->fraud) {
    for (int& persona : incident.personas) use(&persona);
  }
  scenario->personas = std::move(used);
}

template <typename MaybeConst>
auto& WindowOf(std::size_t entry, MaybeConst& scenario) {
  if (entry < scenario.fraud.size()) return scenario.fraud[entry].window;
  entry -= scenario.fraud.size();
  if (entry < scenario.overload.size()) return scenario.overload[entry].window;
  entry -= scenario.overload.size();
  if (entry < scenario.probes.size()) return scenario.probes[entry].window;
  return scenario.faults[entry - scenario.probes.size()].window;
}

}  // namespace

Result<Candidate> Normalized(Candidate candidate) {
  Scenario& scenario = candidate.scenario;
  const std::string file = scenario.file;
  scenario.about.clear();  // of the whole, and so not true any more
  if (candidate.events == 0 || scenario.plan.empty()) return Invalid("no events are no scenario");
  DropUnusedPersonas(&scenario);
  Result<Scenario> read = Invalid("");
  for (const std::int64_t duration_ns :
       {DurationOf(scenario.plan, candidate.events), std::int64_t{0}}) {
    scenario.duration_ns = duration_ns;
    read = ParseScenario(file, ResolvedText(scenario), {});
    if (read) break;
  }
  if (!read) return read.error();
  return Candidate{std::move(*read), candidate.events};
}

std::string Identity(const Candidate& candidate) {
  return std::to_string(candidate.events) + "\n" + ResolvedText(candidate.scenario);
}

std::int64_t DurationOf(const std::vector<Stage>& plan, Position events) {
  const Plan planned(plan);
  const std::int64_t most = planned.PlannedAt(events);
  if (most == Plan::kNever) return most;  // which is longer than any file may say
  const std::int64_t least = planned.PlannedAt(events - 1) + 1;
  for (std::int64_t unit = 3'600'000'000'000; unit >= 1'000'000'000; unit /= 60) {
    if (const std::int64_t round = most / unit * unit; round >= least) return round;
  }
  for (std::int64_t unit = 100'000'000; unit > 1; unit /= 10) {
    if (const std::int64_t round = most / unit * unit; round >= least) return round;
  }
  return most;
}

std::size_t TimelineEntries(const Scenario& scenario) {
  return scenario.fraud.size() + scenario.overload.size() + scenario.probes.size() +
         scenario.faults.size();
}

void RemoveTimelineEntries(std::size_t begin, std::size_t end, Scenario* scenario) {
  std::size_t first = 0;
  EraseOf(begin, end, &first, &scenario->fraud);
  EraseOf(begin, end, &first, &scenario->overload);
  EraseOf(begin, end, &first, &scenario->probes);
  EraseOf(begin, end, &first, &scenario->faults);
}

Window& TimelineWindow(std::size_t entry, Scenario& scenario) { return WindowOf(entry, scenario); }

const Window& TimelineWindow(std::size_t entry, const Scenario& scenario) {
  return WindowOf(entry, scenario);
}

std::string TimelineName(std::size_t entry, const Scenario& scenario) {
  if (entry < scenario.fraud.size()) return "fraud " + scenario.fraud[entry].name;
  entry -= scenario.fraud.size();
  if (entry < scenario.overload.size()) return "overload " + scenario.overload[entry].name;
  entry -= scenario.overload.size();
  if (entry < scenario.probes.size()) return "probe " + scenario.probes[entry].name;
  return "fault " + scenario.faults[entry - scenario.probes.size()].name;
}

void RemovePersonas(std::size_t begin, std::size_t end, Scenario* scenario) {
  Erase(begin, end, &scenario->population.mix);
  FillUp(&scenario->population.mix);
}

void RemoveCurrencies(std::size_t begin, std::size_t end, Scenario* scenario) {
  Erase(begin, end, &scenario->population.currencies);
  FillUp(&scenario->population.currencies);
}

void RemoveRegions(std::size_t begin, std::size_t end, Scenario* scenario) {
  const auto move = [&](int* region) {
    const auto gone = static_cast<int>(end - begin);
    if (*region >= static_cast<int>(end)) {
      *region -= gone;
    } else if (*region >= static_cast<int>(begin)) {
      *region = -1;
    }
  };
  for (OverloadIncident& incident : scenario->overload) move(&incident.region);
  for (FaultIncident& incident : scenario->faults) move(&incident.region);
  Erase(begin, end, &scenario->servers.regions);
  FillUp(&scenario->servers.regions);
}

}  // namespace playload
