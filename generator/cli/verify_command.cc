#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
#include "generator/rules/load.h"
#include "generator/run/progress.h"
#include "generator/run/signals.h"
#include "generator/verify/rules_verify.h"
#include "generator/verify/verify.h"

namespace playload {

const CommandSyntax& VerifySyntax() {
  static const CommandSyntax syntax = {
      "verify",
      "RUN_DIR",
      "compare what a pipeline put out with what it must",
      "Compares what a pipeline put out with what it must put out for this run, prints the "
      "difference and writes verdict.json into the run directory.",
      {{"from", "SOURCE", "where the outputs are: kafka://HOST:PORT[,HOST:PORT] or file:DIR"},
       {"topic", "USUAL=OTHER", "another name for a topic or file: fraud-alerts=my-alerts", true},
       {"rules", "NAME|FILE",
        "what the pipeline is to do: a built-in rule set, or a file of one (default: dataflow)"},
       {"only", "OUTPUT", "verify this output alone; repeat it for several", true},
       {"fed-by", "DESTINATION",
        "where the pipeline had its events from, as the manifest calls it, or 'polled': from the "
        "polled endpoints (default: the one that --from stands for)"},
       {"delivery", "PROMISE",
        "what the pipeline promises: exactly-once (default), or at-least-once, under which exact "
        "repeats of outputs are allowed"},
       {"isolation", "LEVEL",
        "Kafka: read_committed (default), or read_uncommitted, which also sees what transactions "
        "did not commit"},
       {"inputs", "", "verify the input topics themselves: every event there once, in order"},
       {"locate", "",
        "Kafka: find partition and offset of the events behind the examples, in the input topics"},
       {"latency", "",
        "measure how long after its event each output came; its topic needs "
        "message.timestamp.type=LogAppendTime"},
       {"threshold", "CONDITION",
        "what must hold, too: 'alert_latency.p(99)<2s', 'matched{fraud-alerts}>=100'", true},
       {"timeout", "TIME", "how long nothing may come before what is missing is missing (30s)"},
       {"kafka", "KEY=VALUE", "a property of librdkafka", true},
       {"kafka-config", "FILE", "properties of librdkafka from a file; the place for secrets"},
       {"connect-timeout", "TIME", "how long to wait for Kafka at the start (default: 30s)"},
       {"threads", "N", "that make the events again (default: all cores)"},
       {"quiet", "", "no progress"}},
      1,
      1,
      "Exit code 0: all is as it must be; 99: it is not.\n"};
  return syntax;
}

namespace {

// --isolation, which is another word for a property of librdkafka.
Status ReadIsolation(const Flags& flags, VerifyOptions* options) {
  constexpr std::string_view kProperty = "isolation.level";
  if (!flags.Has("isolation")) return {};
  const std::string level = flags.Text("isolation");
  if (level != "read_committed" && level != "read_uncommitted") {
    return flags.Wrong("isolation",
                       Quoted(level) + " is neither read_committed nor read_uncommitted");
  }
  if (options->from.starts_with("file:")) {
    return flags.Wrong("isolation", "files know no transactions; it is for --from kafka://...");
  }
  const std::string given = options->settings.Get(kProperty);
  if (!given.empty() && given != level) {
    return flags.Wrong("isolation", level + " contradicts the Kafka property isolation.level=" +
                                        given + ", which is given too; leave one of them out");
  }
  options->settings = options->settings.With(kProperty, level);
  return {};
}

}  // namespace

Status VerifyCommand(const Flags& flags, const Invocation& invocation) {
  VerifyOptions options;
  options.run_dir = flags.arguments().front();
  options.from = flags.Text("from");
  if (options.from.empty()) {
    return Invalid(
        "--from is missing: say where the outputs are, as in --from "
        "kafka://localhost:9092 or --from file:DIR");
  }
  std::optional<RuleSet> rules;  // absent: those of the reference pipeline
  if (flags.Has("rules") && flags.Text("rules") != kReferenceRules) {
    Result<RuleSet> loaded = LoadRuleSet(flags.Text("rules"));
    if (!loaded) return flags.Wrong("rules", loaded.error().message());
    rules = std::move(*loaded);
  }
  Result<std::map<std::string, std::string>> topics =
      rules ? ReadTopics(flags, rules->Outputs()) : ReadTopics(flags);
  if (!topics) return topics.error();
  options.topics = std::move(*topics);
  for (const std::string& name : flags.Texts("only")) {
    if (rules) {
      const std::vector<std::string> outputs = rules->Outputs();
      if (std::find(outputs.begin(), outputs.end(), name) == outputs.end()) {
        return flags.Wrong("only", Quoted(name) + " is no output" + DidYouMean(name, outputs));
      }
      continue;
    }
    const Result<OutputKind> kind = ParseOutputKind(name);
    if (!kind) return flags.Wrong("only", kind.error().message());
    options.only.push_back(*kind);
  }
  options.inputs = flags.On("inputs");
  if (rules && options.inputs) {
    return flags.Wrong("inputs", "looks at no rules; leave out --rules, or verify them apart");
  }
  options.locate = flags.On("locate");
  if (options.locate && options.from.starts_with("file:")) {
    return flags.Wrong("locate", "finds events in Kafka's topics; files have no offsets");
  }
  options.fed_by = flags.Text("fed-by");
  Result<std::vector<Threshold>> thresholds = ReadThresholds(flags);
  if (!thresholds) return thresholds.error();
  options.thresholds = std::move(*thresholds);
  options.latency = flags.On("latency") ||
                    std::any_of(options.thresholds.begin(), options.thresholds.end(),
                                [](const Threshold& threshold) { return threshold.latency(); });
  Result<KafkaSettings> settings =
      ReadKafkaSettings(flags, flags.Texts("kafka"), invocation.environment);
  if (!settings) return settings.error();
  options.settings = std::move(*settings);
  if (Status s = ReadIsolation(flags, &options); !s.ok()) return s;
  if (flags.Has("delivery")) {
    const Result<Delivery> delivery = ParseDelivery(flags.Text("delivery"));
    if (!delivery) return flags.Wrong("delivery", delivery.error().message());
    options.delivery = *delivery;
  }
  const Result<std::int64_t> timeout = ReadDuration(flags, "timeout", 1'000'000, 30'000'000'000);
  if (!timeout) return timeout.error();
  options.timeout = std::chrono::milliseconds(*timeout / 1'000'000);
  const Result<std::int64_t> connect =
      ReadDuration(flags, "connect-timeout", 1'000'000, 30'000'000'000);
  if (!connect) return connect.error();
  options.connect_timeout = std::chrono::milliseconds(*connect / 1'000'000);
  const Result<int> threads = ReadThreads(flags, false);
  if (!threads) return threads.error();
  options.threads = *threads;

  const Signals signals;
  Progress progress(Progress::StyleFor(flags.On("quiet"), STDERR_FILENO, std::getenv("TERM")),
                    STDERR_FILENO);
  for (const std::string& warning : options.settings.warnings()) progress.Say(warning);
  options.log = [&progress](const std::string& line) { progress.Note(line); };
  const Result<Verification> verification =
      rules ? VerifyRules(options, *rules, flags.Texts("only"), signals.stop())
            : Verify(options, signals.stop());
  if (!verification) return verification.error();
  if (Status s = WriteVerdict(options.run_dir, verification->verdict, verification->history_fields);
      !s.ok()) {
    return s;
  }
  const std::string text = VerdictText(verification->verdict, verification->history);
  if (Status s = Print(text); !s.ok()) return s;
  return StatusOf(verification->verdict);
}

Status StatusOf(const Verdict& verdict) {
  if (verdict.passed()) return {};
  std::string failed;
  for (const std::vector<Comparison>* part : {&verdict.outputs, &verdict.inputs}) {
    for (const Comparison& comparison : *part) {
      if (!comparison.passed()) failed += (failed.empty() ? "" : ", ") + comparison.name;
    }
  }
  std::string thresholds;
  for (const ThresholdResult& result : verdict.thresholds) {
    if (result.passed) continue;
    thresholds += (thresholds.empty() ? "" : ", ") + result.text + " (" + result.value_text + ")";
  }
  std::string message = failed.empty() ? "" : "verification failed: " + failed;
  if (!thresholds.empty()) {
    message += (message.empty() ? "" : "; ") + ("threshold failed: " + thresholds);
  }
  return {Code::kVerification, std::move(message)};
}

}  // namespace playload
