#include "generator/verify/rules_expect.h"

#include <optional>
#include <set>
#include <span>
#include <utility>

#include "generator/judge/rule_histories.h"
#include "generator/judge/rule_topics.h"
#include "generator/replay/record_events.h"
#include "generator/rules/evaluator.h"
#include "generator/rules/json_text.h"
#include "generator/verify/finished_run.h"

namespace playload {

namespace {

constexpr std::size_t kSinkBytes = std::size_t{64} << 10;

using Sink = std::function<bool(std::string_view lines)>;

Status WriteOutputs(const FinishedRun& run, const RuleSet& rules, const std::string& only,
                    const Sink& sink) {
  RecordSymbols symbols(run.spec.id_prefix);
  const CompiledRules compiled(rules, &symbols);
  Evaluator evaluator(compiled);
  RecordEvents events(*run.replay, &symbols);
  EventFacts facts;
  std::string lines;
  bool going = true;
  const auto write = [&](std::span<const RuleOutput> outputs) {
    for (const RuleOutput& output : outputs) {
      const std::string& topic = rules.rules[output.rule].output;
      if (!only.empty() && topic != only) continue;
      lines += R"({"output":")" + topic + R"(","key":)";
      AppendJsonText(output.key, &lines);
      lines += R"(,"value":)" + output.value + "}\n";
    }
    if (lines.size() < kSinkBytes) return true;
    going = sink(lines);
    lines.clear();
    return going;
  };
  Status walked = run.replay->Walk([&](const ReplayedRun& of_lane) {
    for (std::uint32_t i = 0; i < of_lane.count; ++i) {
      const Kind kind = KindOf(of_lane.records[i].action);
      if (compiled.needs(kind) == 0 || !RecordFacts::Valid(of_lane.records[i]) ||
          run.arrivals.Of(kind, of_lane.first + i) == Arrival::kNever) {
        continue;
      }
      events.Read(of_lane, i, compiled.needs(kind), compiled.needs_time(kind), &facts);
      if (!write(evaluator.Process(facts, events))) return false;
    }
    return true;
  });
  if (!walked.ok()) return walked;
  if (going && !lines.empty()) sink(lines);
  return {};
}

Status WriteHistory(const FinishedRun& run, const RuleSet& rules, const HistoryTopics& topics,
                    const RulesExpectOptions& options, const Sink& sink) {
  std::set<RuleKey> wanted;
  for (const std::string& output : rules.Outputs()) {
    if (options.only.empty() || output == options.only) wanted.insert({output, options.explain});
  }
  // An event comes once for each of its outputs.
  std::optional<HistoryEvent> one;
  const auto show = [&] { return !one || sink(HistoryText(*one) + "\n"); };
  Status walked = WalkRuleHistories(rules, run.spec.id_prefix, *run.replay, run.arrivals, topics,
                                    wanted, [&](const RuleKey&, HistoryEvent event) {
                                      if (one && one->position == event.position) {
                                        for (HistoryStep& step : event.steps) {
                                          one->steps.push_back(std::move(step));
                                        }
                                        return true;
                                      }
                                      const bool going = show();
                                      one = std::move(event);
                                      return going;
                                    });
  if (walked.ok()) show();
  return walked;
}

}  // namespace

Status ExpectRules(const RulesExpectOptions& options, const RuleSet& rules, const Sink& sink) {
  const Result<JudgedRun> judged = OpenFinishedRun(options.run_dir, options.fed_by);
  if (!judged) return judged.error();
  const FedBy& fed_by = judged->fed_by;
  if (Status s = CheckInstants(rules, judged->manifest.spec, fed_by.polled); !s.ok()) return s;
  const Result<FinishedRun> run = LoadRun(options.run_dir, fed_by, options.threads);
  if (!run) return run.error();
  if (options.explain.empty()) return WriteOutputs(*run, rules, options.only, sink);
  return WriteHistory(*run, rules, TopicsOf(judged->manifest.destinations[fed_by.destination]),
                      options, sink);
}

}  // namespace playload
