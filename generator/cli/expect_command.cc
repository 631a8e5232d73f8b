#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
#include "generator/rules/load.h"
#include "generator/run/progress.h"
#include "generator/run/signals.h"
#include "generator/verify/expect.h"
#include "generator/verify/rules_expect.h"

namespace playload {
namespace {

Status ReadSlice(const Flags& flags, Slice* slice) {
  slice->id = flags.Text("user");
  if (flags.Has("user") && slice->id.empty()) return flags.Wrong("user", "names nobody");
  for (const auto& [name, instant] : {std::pair{"from", &slice->from}, {"to", &slice->to}}) {
    if (!flags.Has(name)) continue;
    const Result<RunInstant> parsed = ParseRunInstant(flags.Text(name));
    if (!parsed) return flags.Wrong(name, parsed.error().message());
    *instant = *parsed;
  }
  return {};
}

// What is printed of the slice, and what that excludes.
Status ReadWhat(const Flags& flags, ExpectOptions* options) {
  using What = ExpectOptions::What;
  if (flags.On("events")) options->what = What::kEvents;
  if (flags.On("explain")) {
    if (flags.On("events")) return flags.Wrong("explain", "prints something else than --events");
    if (options->slice.id.empty()) {
      return flags.Wrong("explain", "says what became of one player's or server's events: --user");
    }
    options->what = What::kHistory;
  }
  if (options->what == What::kEvents && options->only) {
    return flags.Wrong("output", "is about outputs, and --events prints events");
  }
  options->locate = flags.Text("locate");
  if (!options->locate.empty() && options->what != What::kHistory) {
    return flags.Wrong("locate", "says where the events of --explain are");
  }
  return {};
}

}  // namespace

const CommandSyntax& ExpectSyntax() {
  static const CommandSyntax kSyntax = {
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
       {"user", "ID", "only of this player's (player_42) or server's (server_3) events"},
       {"from", "INSTANT",
        "only of events from then on: 2026-01-01T00:00:05Z, or +90s from the run's start"},
       {"to", "INSTANT", "only of events before then"},
       {"events", "", "the events themselves instead, as they were sent, each with its position"},
       {"explain", "",
        "with --user: each event with the rules' state before and after it, and what it causes"},
       {"locate", "KAFKA", "with --explain: find the events' offsets at kafka://HOST:PORT"},
       {"topic", "USUAL=OTHER", "with --locate: another name for an input topic", true},
       {"kafka", "KEY=VALUE", "with --locate: a property of librdkafka", true},
       {"kafka-config", "FILE", "properties of librdkafka from a file; the place for secrets"},
       {"connect-timeout", "TIME", "how long to wait for Kafka (default: 30s)"},
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
  return kSyntax;
}

// What of the other flags goes with rules of one's own.
Status CheckRulesFlags(const Flags& flags) {
  for (const char* name : {"from", "to", "locate"}) {
    if (flags.Has(name)) {
      return flags.Wrong("rules", std::string("goes with the whole run; leave out --") + name);
    }
  }
  if (flags.Has("user") != flags.On("explain")) {
    return flags.Wrong(
        "rules",
        "tells one key alone as --user KEY --explain, which says what the rules made "
        "of its events");
  }
  return {};
}

Status ExpectRulesOf(const Flags& flags) {
  const Result<RuleSet> rules = LoadRuleSet(flags.Text("rules"));
  if (!rules) return flags.Wrong("rules", rules.error().message());
  if (Status s = CheckRulesFlags(flags); !s.ok()) return s;
  const std::vector<std::string> outputs = rules->Outputs();
  const std::string name = flags.Text("output");
  if (flags.Has("output") && std::find(outputs.begin(), outputs.end(), name) == outputs.end()) {
    return flags.Wrong("output", Quoted(name) + " is no output" + DidYouMean(name, outputs));
  }
  const Result<int> threads = ReadThreads(flags, false);
  if (!threads) return threads.error();
  const RulesExpectOptions options{flags.arguments().front(), flags.Text("fed-by"), name,
                                   flags.Text("user"), *threads};
  Output output;
  bool any = false;
  Status made = ExpectRules(options, *rules, [&](std::string_view lines) {
    any = true;
    return output.Write(lines);
  });
  Status flushed = output.Flush();
  if (!made.ok()) return made;
  if (!any && !options.explain.empty()) {
    return Invalid("no event of this run has the key " + Quoted(options.explain) + " of a rule");
  }
  return flushed;
}

Status ExpectFaultsOf(const Flags& flags) {
  for (const char* name : {"output", "rules", "user", "from", "to", "events", "explain"}) {
    if (flags.Has(name)) {
      return flags.Wrong("faults", std::string("stands in the place of --") + name);
    }
  }
  const Result<int> threads = ReadThreads(flags, false);
  if (!threads) return threads.error();
  Output output;
  const Status made =
      ExpectFaults(flags.arguments().front(), flags.Text("fed-by"), *threads,
                   [&output](std::string_view lines) { return output.Write(lines); });
  const Status flushed = output.Flush();
  return made.ok() ? flushed : made;
}

Status ExpectCommand(const Flags& flags, const Invocation& invocation) {
  if (flags.On("faults")) return ExpectFaultsOf(flags);
  if (flags.Has("rules") && flags.Text("rules") != kReferenceRules && !flags.On("events")) {
    return ExpectRulesOf(flags);
  }
  ExpectOptions options;
  options.run_dir = flags.arguments().front();
  options.fed_by = flags.Text("fed-by");
  if (flags.Has("output")) {
    const Result<OutputKind> kind = ParseOutputKind(flags.Text("output"));
    if (!kind) return flags.Wrong("output", kind.error().message());
    options.only = *kind;
  }
  if (Status s = ReadSlice(flags, &options.slice); !s.ok()) return s;
  if (Status s = ReadWhat(flags, &options); !s.ok()) return s;
  Result<std::map<std::string, std::string>> topics = ReadTopics(flags);
  if (!topics) return topics.error();
  options.topics = std::move(*topics);
  Result<KafkaSettings> settings =
      ReadKafkaSettings(flags, flags.Texts("kafka"), invocation.environment);
  if (!settings) return settings.error();
  options.settings = std::move(*settings);
  const Result<std::int64_t> connect =
      ReadDuration(flags, "connect-timeout", 1'000'000, 30'000'000'000);
  if (!connect) return connect.error();
  options.connect_timeout = std::chrono::milliseconds(*connect / 1'000'000);
  const Result<int> threads = ReadThreads(flags, false);
  if (!threads) return threads.error();
  options.threads = *threads;

  // Only who waits for Kafka has something to end in order.
  const std::atomic<bool> never{false};
  std::optional<Signals> signals;
  if (!options.locate.empty()) signals.emplace();
  const std::atomic<bool>& stop = signals ? signals->stop() : never;
  Progress progress(Progress::StyleFor(false, STDERR_FILENO, std::getenv("TERM")), STDERR_FILENO);
  options.log = [&progress](const std::string& line) { progress.Say(line); };
  Output output;
  bool any = false;
  Status made = Expect(options, stop, [&](std::string_view lines) {
    any = true;
    return output.Write(lines);
  });
  Status flushed = output.Flush();
  if (!made.ok()) return made;
  if (!any && !options.slice.whole()) {  // an empty answer looks like a mistake
    progress.Say("nothing in this slice of the run");
  }
  return flushed;
}

}  // namespace playload
