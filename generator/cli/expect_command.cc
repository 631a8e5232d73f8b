#include <optional>
#include <string>
#include <string_view>

#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
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
        "fraud-alerts"},
       {"faults", "",
        "what data faults have done to its events instead, one line for each: position, topic, "
        "key, "
        "fault"},
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
  std::optional<OutputKind> only;
  if (flags.Has("output")) {
    const Result<OutputKind> kind = ParseOutputKind(flags.Text("output"));
    if (!kind) return flags.Wrong("output", kind.error().message());
    only = *kind;
  }
  if (only && flags.On("faults")) {
    return flags.Wrong("faults", "stands in the place of --output");
  }
  const Result<int> threads = ReadThreads(flags, false);
  if (!threads) return threads.error();
  Output output;
  const std::string& run_dir = flags.arguments().front();
  const auto sink = [&output](std::string_view lines) { return output.Write(lines); };
  const Status made = flags.On("faults")
                          ? ExpectFaults(run_dir, flags.Text("fed-by"), *threads, sink)
                          : Expect(run_dir, flags.Text("fed-by"), only, *threads, sink);
  const Status flushed = output.Flush();
  return made.ok() ? flushed : made;
}

}  // namespace playload
