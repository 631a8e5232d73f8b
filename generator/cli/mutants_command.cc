#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
#include "generator/mutants/derive.h"
#include "generator/mutants/judge.h"
#include "generator/rules/load.h"
#include "generator/run/json_writer.h"
#include "generator/run/signals.h"
#include "scenarios/script.h"

namespace playload {
namespace {

using MutantFate = JudgedMutant::Fate;

constexpr Position kEvents = 1'000'000;  // of a run without an end
constexpr std::int64_t kStartNs = 1'767'225'600'000'000'000;
constexpr std::size_t kWhatWidth = 64;
constexpr std::array<const char*, 3> kFates = {"killed", "survived", "equivalent"};

std::string FateText(const JudgedMutant& judged) {
  switch (judged.fate) {
    case MutantFate::kKilled:
      return "killed after " + FormatCount(judged.events) + " events";
    case MutantFate::kEquivalent:
      return "equivalent, " + judged.why;
    case MutantFate::kSurvived:
      if (!judged.script) return "survives; it takes " + judged.needs;
      return "SURVIVES; it takes" + (judged.needs.empty() ? "" : " " + judged.needs + " and") +
             ": " + ScriptText(*judged.script);
  }
  return "";
}

std::string Text(const RunSpec& spec, const RuleSet& rules, const Judgement& judgement) {
  std::string text = spec.scenario.name + ", seed " + std::to_string(spec.seed) + ", " +
                     FormatCount(judgement.events) + " events; rules " + rules.name + "\n";
  std::size_t rule = rules.rules.size();
  for (const JudgedMutant& judged : judgement.mutants) {
    if (judged.mutant.rule != rule) {
      rule = judged.mutant.rule;
      text += rules.rules[rule].name + "\n";
    }
    std::string line = "  " + judged.mutant.what;
    line.resize(std::max(line.size() + 1, kWhatWidth), ' ');
    text += line + FateText(judged) + "\n";
  }
  return text + FormatCount(judgement.mutants.size()) +
         " mutants: " + FormatCount(judgement.Count(MutantFate::kKilled)) + " killed, " +
         FormatCount(judgement.Count(MutantFate::kSurvived)) + " survive, " +
         FormatCount(judgement.Count(MutantFate::kEquivalent)) + " equivalent\n";
}

std::string Json(const RunSpec& spec, const RuleSet& rules, const Judgement& judgement) {
  JsonText json;
  json.BeginObject();
  json.Field("version", 1);
  json.Field("scenario", spec.scenario.name);
  json.Field("seed", spec.seed);
  json.Field("rules", rules.name);
  json.Field("events", judgement.events);
  json.Key("mutants");
  json.BeginArray();
  for (const JudgedMutant& judged : judgement.mutants) {
    json.BeginObject();
    json.Field("rule", rules.rules[judged.mutant.rule].name);
    json.Field("what", judged.mutant.what);
    json.Field("fate", kFates[static_cast<unsigned>(judged.fate)]);
    json.Key("events");
    judged.fate == MutantFate::kKilled ? json.Value(judged.events) : json.Null();
    json.Key("probe");
    judged.script ? json.Value(ScriptText(*judged.script)) : json.Null();
    json.Key("needs");
    judged.needs.empty() ? json.Null() : json.Value(judged.needs);
    json.Key("why");
    judged.why.empty() ? json.Null() : json.Value(judged.why);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Text();
}

// A mutant that can be killed and is not: by a script, or by more of the same.
bool Complete(const Judgement& judgement) { return judgement.Count(MutantFate::kSurvived) == 0; }

}  // namespace

const CommandSyntax& MutantsSyntax() {
  static const CommandSyntax kSyntax = [] {
    CommandSyntax mutants = {
        "mutants",
        "SCENARIO",
        "which wrong pipelines a scenario catches, and what it takes to catch the others",
        "Builds mutants of the rules, each with one thing wrong, and says which of them the "
        "scenario's events would show to be wrong, and after how many; what sequence would show "
        "each of the others; and which cannot be told from the rules. Sends nothing. Exit code 99 "
        "when a mutant survives that could be killed.",
        {{"rules", "NAME|FILE", "a built-in rule set, or a file of one (default: dataflow)"},
         {"probes", "",
          "print the probes of the rules instead, as entries of a timeline; --weave puts them in"},
         {"json", "", "as JSON"}},
        1,
        1,
        ""};
    static const std::set<std::string_view> kOfTheRun = {
        "seed",        "start",   "rate",      "duration",  "events",
        "players",     "persona", "threads",   "id-prefix", "timestamp-precision",
        "event-types", "weave",   "weave-rate"};
    for (const Flag& flag : PlanSyntax().flags) {
      if (kOfTheRun.contains(flag.name)) mutants.flags.push_back(flag);
    }
    return mutants;
  }();
  return kSyntax;
}

Status MutantsCommand(const Flags& flags, const Invocation& invocation) {
  const Result<RuleSet> rules =
      LoadRuleSet(flags.Has("rules") ? flags.Text("rules") : std::string(kReferenceRules));
  if (!rules) {
    return flags.Has("rules") ? flags.Wrong("rules", rules.error().message()) : rules.error();
  }
  const Result<RunSetup> setup = ReadRunSetup(flags, invocation.environment, SetupOf::kMutants);
  if (!setup) return setup.error();
  RunSpec spec = setup->run.spec;
  if (spec.rate_max) return flags.Wrong("rate", "'max' plans nothing; give a rate");
  if (!setup->run.start_given) spec.start_ns = kStartNs;
  spec.clock = Clock::kVirtual;
  if (spec.end == RunSpec::kNoEnd) spec.end = kEvents;
  if (flags.On("probes")) {
    if (flags.On("json")) return flags.Wrong("probes", "prints entries of a timeline, not JSON");
    const std::string probes = ProbesText(DeriveProbes(*rules), rules->name);
    if (!probes.empty()) return Print(probes);
    return Invalid("no probe can be derived from rules " + Quoted(rules->name) + kNothingToDerive);
  }
  const Signals signals;
  const Result<Judgement> judgement =
      JudgeMutants(spec, *rules, setup->run.threads, signals.stop());
  if (!judgement) return judgement.error();
  if (Status s =
          Print(flags.On("json") ? Json(spec, *rules, *judgement) : Text(spec, *rules, *judgement));
      !s.ok()) {
    return s;
  }
  if (Complete(*judgement)) return {};
  return {Code::kVerification, FormatCount(judgement->Count(MutantFate::kSurvived)) +
                                   " mutants survive that could be killed"};
}

}  // namespace playload
