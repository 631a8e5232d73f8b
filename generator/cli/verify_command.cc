#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
#include "generator/cli/shrink_flags.h"
#include "generator/cli/verify_flags.h"
#include "generator/run/progress.h"
#include "generator/run/signals.h"
#include "generator/verify/verify.h"

namespace playload {

const CommandSyntax& VerifySyntax() {
  static const CommandSyntax kSyntax = [] {
    CommandSyntax verify{
        "verify",
        "RUN_DIR",
        "compare what a pipeline put out with what it must",
        "Compares what a pipeline put out with what it must put out for this run, prints the "
        "difference and writes verdict.json into the run directory.",
        {{"from", "SOURCE", "where the outputs are: kafka://HOST:PORT[,HOST:PORT] or file:DIR"},
         {"topic", "USUAL=OTHER", "another name for a topic or file: fraud-alerts=my-alerts", true},
         {"fed-by", "DESTINATION",
          "where the pipeline had its events from, as the manifest calls it, or 'polled': from the "
          "polled endpoints (default: the one that --from stands for)"},
         {"inputs", "", "verify the input topics themselves: every event there once, in order"},
         {"latency", "",
          "measure how long after its event each output came; its topic needs "
          "message.timestamp.type=LogAppendTime"},
         {"timeout", "TIME", "how long nothing may come before what is missing is missing (30s)"},
         {"kafka", "KEY=VALUE", "a property of librdkafka", true},
         {"kafka-config", "FILE", "properties of librdkafka from a file; the place for secrets"},
         {"connect-timeout", "TIME", "how long to wait for Kafka at the start (default: 30s)"},
         {"threads", "N", "that make the events again (default: all cores)"},
         {"shrink", "FILE",
          "when outputs differ: find the smallest scenario that still shows it, and write it "
          "there; needs --pipeline"},
         {"pipeline", "COMMAND",
          "runs the pipeline for --shrink: reads events where $PLAYLOAD_EVENTS_DIR says, writes "
          "outputs into $PLAYLOAD_OUTPUTS_DIR, and ends"},
         {"pipeline-timeout", "TIME", "how long the command may take each time (default: 60s)"},
         {"shrink-failure", "OUTPUT/CLASS",
          "which failure to keep: fraud-alerts/missing (default: the most frequent)"},
         {"shrink-attempts", "N", "how often the command is run at most (default: 200)"},
         {"keep", "DIR", "keep events, outputs and prints of every attempt there"},
         {"quiet", "", "no progress"}},
        1,
        1,
        "Exit code 0: all is as it must be; 99: it is not.\n"};
    const std::vector<Flag> shared = VerifyFlags();
    verify.flags.insert(verify.flags.begin() + 2, shared.begin(), shared.end());
    return verify;
  }();
  return kSyntax;
}

Status VerifyCommand(const Flags& flags, const Invocation& invocation) {
  const Result<std::optional<ShrinkRequest>> shrink = ReadShrinkFlags(flags);
  if (!shrink) return shrink.error();
  VerifyOptions options;
  options.run_dir = flags.arguments().front();
  options.from = flags.Text("from");
  if (options.from.empty()) {
    return Invalid(
        "--from is missing: say where the outputs are, as in --from "
        "kafka://localhost:9092 or --from file:DIR");
  }
  Result<KafkaSettings> settings =
      ReadKafkaSettings(flags, flags.Texts("kafka"), invocation.environment);
  if (!settings) return settings.error();
  options.settings = std::move(*settings);
  if (Status s = ReadVerifyFlags(flags, &options); !s.ok()) return s;
  Result<std::map<std::string, std::string>> topics =
      ReadTopics(flags, TopicsToRename(options.rules));
  if (!topics) return topics.error();
  options.topics = std::move(*topics);
  options.inputs = flags.On("inputs");
  options.latency = options.latency || flags.On("latency");
  options.fed_by = flags.Text("fed-by");
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
  Result<Verification> verification = Verify(options, signals.stop());
  if (!verification) return verification.error();
  NoteSilence(options.topics, &verification->verdict);
  if (Status s = WriteVerdict(options.run_dir, verification->verdict, verification->history_fields);
      !s.ok()) {
    return s;
  }
  // It shows records as they came, whatever is in them.
  const std::string text = Printable(VerdictText(verification->verdict, verification->history));
  if (Status s = Print(text); !s.ok()) return s;
  if (!*shrink) return StatusOf(verification->verdict);
  return ShrinkAfter(**shrink, flags, options, verification->verdict, signals.stop(), &progress);
}

void NoteSilence(const std::map<std::string, std::string>& topics, Verdict* verdict) {
  std::string silent;
  std::string of_others;
  for (const Comparison& c : verdict->outputs) {
    if (c.expected == 0 || c.seen() > c.foreign) continue;
    const auto renamed = topics.find(c.name);
    std::string* const list = c.foreign == 0 ? &silent : &of_others;
    *list += (list->empty() ? "" : ", ") + (renamed == topics.end() ? c.name : renamed->second);
  }
  if (!silent.empty()) {
    verdict->notes.push_back("nothing came from " + silent +
                             ": is your pipeline running, has it read the events of this run, and "
                             "is this where it writes? --topic USUAL=OTHER says what yours is "
                             "called");
  }
  if (!of_others.empty()) {
    verdict->notes.push_back("all that came from " + of_others +
                             " is of other runs (foreign): has your pipeline read the topics of "
                             "this one?");
  }
}

Status StatusOf(const Verdict& verdict) {
  if (verdict.passed()) return {};
  std::string failed;
  for (const std::vector<Comparison>* part : {&verdict.outputs, &verdict.inputs}) {
    for (const Comparison& comparison : *part) {
      if (comparison.passed()) continue;
      failed += (failed.empty() ? "" : ", ") + comparison.name;
      if (comparison.seen() == 0) failed += " (nothing came)";
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
