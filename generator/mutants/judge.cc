#include "generator/mutants/judge.h"

#include <algorithm>
#include <utility>

#include "generator/base/text.h"
#include "generator/mutants/equivalence.h"
#include "generator/mutants/probe_search.h"
#include "generator/mutants/trial.h"
#include "generator/replay/record_events.h"
#include "generator/replay/replay.h"

namespace playload {
namespace {

// Whether what is otherwise in the mutant is less than a second, and timestamps are whole seconds.
bool TooFine(const RunSpec& spec, const Rule& right, const Rule& wrong) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return spec.timestamp_form == TimestampForm::kSeconds &&
         ((wrong.window.size_ns - right.window.size_ns) % kSecond != 0 ||
          (wrong.cool_down_ns - right.cool_down_ns) % kSecond != 0);
}

// A mutant that no event has killed.
void ExplainSurvivor(const RunSpec& spec, const RuleSet& rules, const MutantTrial& trial,
                     JudgedMutant* judged) {
  const Mutant& mutant = judged->mutant;
  const RuleSet rule = OnlyRule(rules, mutant.rule);
  judged->fate = JudgedMutant::Fate::kSurvived;
  if (mutant.feed != Mutant::Feed::kWhole) {
    const std::uint64_t inputs = trial.inputs(mutant.rule);
    judged->needs = inputs < kFeedEvery
                        ? "more events: the rule saw " + FormatCount(inputs) + ", and every " +
                              FormatCount(kFeedEvery) + "th is treated wrong"
                        : "more events that matter: none that was treated wrong changed an output";
    return;
  }
  if (mutant.reading.closed_by_key) {
    judged->needs = "a run that ends behind the answer of a window whose key had no event since";
    return;
  }
  judged->fate = JudgedMutant::Fate::kEquivalent;
  if (std::optional<std::string> proof = ProvenEquivalent(rule, mutant)) {
    judged->why = std::move(*proof);
    return;
  }
  judged->fate = JudgedMutant::Fate::kSurvived;
  if (!Searchable(rule, mutant) && !FixedInScripts(rule, mutant)) {
    const std::uint64_t late = trial.displaced(mutant.rule);
    if (late > 0) {
      judged->needs = "late events that matter: none of the " + FormatCount(late) +
                      " whose time is not that of their arrival changed an output";
      return;
    }
    judged->fate = JudgedMutant::Fate::kEquivalent;
    judged->why =
        "proven for events in the order of their times, as all of this run are; "
        "a fault of kind 'late' would show it";
    return;
  }
  ProbeSearchResult found;
  if (Searchable(rule, mutant)) found = SearchProbe(rule, mutant);
  if (const std::optional<std::string> field = FixedInScripts(rule, mutant);
      field && !found.script) {
    judged->needs = "players whose events differ more in " + *field + " than those of a script can";
    return;
  }
  if (!found.script) {
    judged->fate = JudgedMutant::Fate::kEquivalent;
    judged->why = "not proven: none of " + FormatCount(found.tried) + " sequences tells it apart";
    return;
  }
  judged->script = std::move(found.script);
  if (TooFine(spec, rule.rules.front(), mutant.rules.rules.front())) {
    judged->needs = "--timestamp-precision ms";
  }
}

}  // namespace

std::uint64_t Judgement::Count(JudgedMutant::Fate fate) const {
  return static_cast<std::uint64_t>(
      std::count_if(mutants.begin(), mutants.end(),
                    [fate](const JudgedMutant& judged) { return judged.fate == fate; }));
}

Result<Judgement> JudgeMutants(const RunSpec& spec, const RuleSet& rules, int threads,
                               const std::atomic<bool>& stop) {
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
  trial.End();
  const std::vector<std::optional<std::uint64_t>> killed = trial.Killed();
  for (std::size_t i = 0; i < mutants.size(); ++i) {
    JudgedMutant judged;
    judged.mutant = std::move(mutants[i]);
    if (killed[i]) {
      judged.events = *killed[i];
    } else {
      ExplainSurvivor(spec, rules, trial, &judged);
    }
    judgement.mutants.push_back(std::move(judged));
    if (stop) return Status{Code::kInterrupted, "interrupted"};
  }
  return judgement;
}

}  // namespace playload
