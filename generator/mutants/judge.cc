#include "generator/mutants/judge.h"

#include <algorithm>
#include <array>
#include <utility>

#include "generator/base/text.h"
#include "generator/mutants/probe_search.h"
#include "generator/mutants/trial.h"
#include "generator/replay/record_events.h"
#include "generator/replay/replay.h"
#include "personas/write.h"
#include "scenarios/script.h"

namespace playload {
namespace {

// A mutant that no event has killed.
void ExplainSurvivor(const RuleSet& rules, const MutantTrial& trial, JudgedMutant* judged) {
  const Mutant& mutant = judged->mutant;
  judged->fate = JudgedMutant::Fate::kSurvived;
  if (mutant.feed != Mutant::Feed::kWhole) {
    const std::uint64_t inputs = trial.inputs(mutant.rule);
    judged->needs = inputs < kFeedEvery
                        ? "more events: the rule saw " + FormatCount(inputs) + ", and every " +
                              FormatCount(kFeedEvery) + "th is treated wrong"
                        : "more events that matter: none that was treated wrong changed an output";
  } else if (mutant.arrival_time || mutant.rules.rules.front().window.lateness_ns !=
                                        rules.rules[mutant.rule].window.lateness_ns) {
    judged->needs = "events that come late or out of order; this run has none that matter";
  } else {
    ProbeSearchResult found = SearchProbe(OnlyRule(rules, mutant.rule), mutant);
    judged->tried = found.tried;
    judged->script = std::move(found.script);
    if (!judged->script) judged->fate = JudgedMutant::Fate::kEquivalent;
  }
}

}  // namespace

std::uint64_t Judgement::Count(JudgedMutant::Fate fate) const {
  return static_cast<std::uint64_t>(
      std::count_if(mutants.begin(), mutants.end(),
                    [fate](const JudgedMutant& judged) { return judged.fate == fate; }));
}

Result<Judgement> JudgeMutants(const RunSpec& spec, const RuleSet& rules, bool all_scripts,
                               int threads, const std::atomic<bool>& stop) {
  Judgement judgement;
  std::vector<Mutant> mutants = MutantsOf(rules);
  RecordSymbols symbols(spec.id_prefix);
  MutantTrial trial(rules, mutants, &symbols);
  const Replay replay(spec, {}, std::nullopt, threads);
  RecordEvents events(replay, &symbols);
  EventFacts facts;
  const Status walked = replay.Walk([&](const ReplayedRun& run) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      if (!RecordFacts::Valid(run.records[i])) continue;
      const Kind kind = KindOf(run.records[i].action);
      events.Read(run, i, trial.needs(kind), trial.needs_time(kind), &facts);
      trial.Observe(facts, events, events.Arrival(), run.first + i);
    }
    judgement.events += run.count;
    return !stop.load(std::memory_order_relaxed);
  });
  if (!walked.ok()) return walked;
  if (stop) return Status{Code::kInterrupted, "interrupted"};
  const std::vector<std::optional<std::uint64_t>> killed = trial.Killed();
  for (std::size_t i = 0; i < mutants.size(); ++i) {
    JudgedMutant judged;
    judged.mutant = std::move(mutants[i]);
    if (!killed[i]) {
      ExplainSurvivor(rules, trial, &judged);
    } else {
      judged.events = *killed[i];
      if (all_scripts && judged.mutant.feed == Mutant::Feed::kWhole &&
          !judged.mutant.arrival_time) {
        ProbeSearchResult found = SearchProbe(OnlyRule(rules, judged.mutant.rule), judged.mutant);
        judged.tried = found.tried;
        judged.script = std::move(found.script);
      }
    }
    judgement.mutants.push_back(std::move(judged));
    if (stop) return Status{Code::kInterrupted, "interrupted"};
  }
  return judgement;
}

std::string ProbesText(const Judgement& judgement, const std::string& name) {
  std::array<std::vector<std::string>, 2> scripts;  // of players, of servers
  for (const JudgedMutant& judged : judgement.mutants) {
    if (!judged.script) continue;
    std::vector<std::string>& those = scripts[judged.script->server ? 1 : 0];
    std::string text = ScriptText(*judged.script);
    if (std::find(those.begin(), those.end(), text) == those.end())
      those.push_back(std::move(text));
  }
  std::string out;
  for (const bool server : {false, true}) {
    if (scripts[server ? 1 : 0].empty()) continue;
    out += "  - probe: " + name + (server ? "-servers" : "-players") + "\n    share: 0.02\n    " +
           (server ? "servers" : "players") + ":\n";
    for (const std::string& text : scripts[server ? 1 : 0])
      out += "      - " + YamlQuoted(text) + "\n";
  }
  return out;
}

}  // namespace playload
