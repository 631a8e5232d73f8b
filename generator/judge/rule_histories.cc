#include "generator/judge/rule_histories.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "generator/base/text.h"
#include "generator/replay/record_events.h"
#include "generator/rules/evaluator.h"

namespace playload {

namespace {

std::string AnswerText(const Rule& rule, const RuleStep& step) {
  switch (step.answer) {
    case RuleStep::Answer::kNotValid:
      return "its timestamp is no instant";
    case RuleStep::Answer::kLate:
      return "late, dropped";
    case RuleStep::Answer::kNothing:
      return "nothing";
    case RuleStep::Answer::kCoolDown:
      return "nothing before the cool-down is over";
    case RuleStep::Answer::kCounted:
      return "counted; answers when its window closes, which ends at " +
             FormatInstant(step.window_end_ns);
    case RuleStep::Answer::kOutput:
      break;
  }
  return rule.alternatives.size() > 1
             ? "output by alternative " + std::to_string(step.alternative + 1)
             : "output";
}

HistoryStep StepOf(const Rule& rule, const RuleStep& step) {
  HistoryStep made{rule.name, {}, AnswerText(rule, step)};
  for (std::size_t i = 0; i < step.after.size(); ++i) {
    made.state.push_back({rule.state[i].name, step.before[i], step.after[i]});
  }
  return made;
}

}  // namespace

Status WalkRuleHistories(const RuleSet& rules, std::string_view id_prefix, const Replay& replay,
                         const Arrivals& arrivals, const HistoryTopics& topics,
                         const std::set<RuleKey>& wanted, const RuleHistorySink& sink) {
  RecordSymbols symbols(id_prefix);
  const CompiledRules compiled(rules, &symbols);
  Evaluator evaluator(compiled);
  RecordEvents events(replay, &symbols);
  HistoryMaker maker(replay, arrivals, nullptr, topics, id_prefix);
  std::set<std::uint64_t> keys;
  for (const auto& [output, key] : wanted) keys.insert(symbols.Of(key));
  const auto key_of = [](const EventFacts& facts, const Rule& rule) {
    return facts.values[*FindField(rule.input, rule.key)];
  };
  std::vector<RuleStep> steps;
  // Shows one event to the keys that it is one of.
  const auto show = [&](const ReplayedRun& run, std::uint32_t i, const EventFacts& facts) {
    std::map<RuleKey, std::vector<HistoryStep>> of_key;
    for (const Rule& rule : rules.rules) {
      if (rule.input != facts.kind || keys.count(key_of(facts, rule)) == 0) continue;
      RuleKey key{rule.output, {}};
      symbols.AppendText(key_of(facts, rule), &key.second);
      if (wanted.count(key) == 0) continue;
      std::vector<HistoryStep>& its = of_key[std::move(key)];
      for (const RuleStep& step : steps) {
        if (&rules.rules[step.rule] == &rule) its.push_back(StepOf(rule, step));
      }
    }
    if (of_key.empty()) return true;
    HistoryEvent event = maker.Describe(run, i);
    event.brief = event.value;
    for (auto& [key, its] : of_key) {
      HistoryEvent copy = event;
      copy.steps = std::move(its);
      if (!sink(key, std::move(copy))) return false;
    }
    return true;
  };
  return replay.Walk([&](const ReplayedRun& run) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const Kind kind = KindOf(run.records[i].action);
      if (compiled.needs(kind) == 0 || !RecordFacts::Valid(run.records[i])) continue;
      EventFacts facts;
      events.Read(run, i, compiled.needs(kind), compiled.needs_time(kind), &facts);
      const bool mine = std::any_of(rules.rules.begin(), rules.rules.end(), [&](const Rule& rule) {
        return rule.input == kind && keys.count(key_of(facts, rule)) > 0;
      });
      steps.clear();
      if (arrivals.Of(kind, run.first + i) != Arrival::kNever) {
        evaluator.Process(facts, events, mine ? &steps : nullptr);
      }
      if (mine && !show(run, i, facts)) return false;
    }
    return true;
  });
}

}  // namespace playload
