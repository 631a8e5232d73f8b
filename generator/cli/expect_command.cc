#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
#include "generator/rules/load.h"
#include "generator/verify/rules_verify.h"
#include "generator/verify/verify.h"

namespace playload {

const CommandSyntax& ExpectSyntax() {
  static const CommandSyntax syntax = {
      "expect",
      "RUN_DIR",
      "print what a correct pipeline must put out",
      "Prints what a correct pipeline must put out for a run, as lines "
      "{\"output\":...,\"key\":...,\"value\":{...}} in the order of their cause. Made again from "
      "the "
      "run's manifest; events that the ledger says did not arrive cause nothing.",
      {{"output", "OUTPUT",
        "only this one: player-session-summaries, purchase-aggregates, server-alerts, "
        "fraud-alerts, or what the rules call theirs"},
       {"rules", "NAME|FILE",
        "what a correct pipeline does: a built-in rule set, or a file of one (default: dataflow)"},
       {"fed-by", "DESTINATION",
        "where the pipeline had its events from, as the manifest calls it, or 'polled': from the "
        "polled endpoints (default: the first destination)"},
       {"threads", "N", "that make the events again (default: all cores)"}},
      1,
      1,
      ""};
  return syntax;
}

Status ExpectCommand(const Flags& flags, const Invocation& /*invocation*/) {
  const Result<int> threads = ReadThreads(flags, false);
  if (!threads) return threads.error();
  Output output;
  const auto sink = [&output](std::string_view lines) { return output.Write(lines); };
  if (flags.Has("rules") && flags.Text("rules") != kReferenceRules) {
    const Result<RuleSet> rules = LoadRuleSet(flags.Text("rules"));
    if (!rules) return flags.Wrong("rules", rules.error().message());
    const std::vector<std::string> outputs = rules->Outputs();
    const std::string name = flags.Text("output");
    if (flags.Has("output") && std::find(outputs.begin(), outputs.end(), name) == outputs.end()) {
      return flags.Wrong("output", Quoted(name) + " is no output" + DidYouMean(name, outputs));
    }
    const Status made =
        ExpectRules(flags.arguments().front(), flags.Text("fed-by"), *rules, name, *threads, sink);
    const Status flushed = output.Flush();
    return made.ok() ? flushed : made;
  }
  std::optional<OutputKind> only;
  if (flags.Has("output")) {
    const Result<OutputKind> kind = ParseOutputKind(flags.Text("output"));
    if (!kind) return flags.Wrong("output", kind.error().message());
    only = *kind;
  }
  const Status made = Expect(flags.arguments().front(), flags.Text("fed-by"), only, *threads, sink);
  const Status flushed = output.Flush();
  return made.ok() ? flushed : made;
}

}  // namespace playload
