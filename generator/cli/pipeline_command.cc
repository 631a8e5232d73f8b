#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
#include "generator/reference/run_pipeline.h"
#include "generator/run/progress.h"
#include "generator/run/signals.h"

namespace playload {
namespace {

// --kafka says where Kafka is and, with a '=', what librdkafka is told.
Status ReadKafka(const Flags& flags, const char* const* environment, PipelineOptions* options) {
  std::vector<std::string> properties;
  for (const std::string& text : flags.Texts("kafka")) {
    if (text.find('=') != std::string::npos) {
      properties.push_back(text);
      continue;
    }
    if (!options->brokers.empty()) return flags.Wrong("kafka", "names two clusters");
    const Result<std::string> brokers = ParseBrokers(text);
    if (!brokers) return flags.Wrong("kafka", brokers.error().message());
    options->brokers = *brokers;
  }
  if (options->brokers.empty()) {
    return Invalid("--kafka is missing: say where Kafka is, as in --kafka localhost:9092");
  }
  Result<KafkaSettings> settings = ReadKafkaSettings(flags, std::move(properties), environment);
  if (!settings) return settings.error();
  options->settings = std::move(*settings);
  return {};
}

}  // namespace

const CommandSyntax& PipelineSyntax() {
  static const CommandSyntax kSyntax = {
      "pipeline",
      "",
      "run the reference pipeline: a plain Kafka client",
      "Runs the reference pipeline: a plain Kafka consumer and producer that puts out what a "
      "correct "
      "pipeline must.",
      {{"kafka", "HOST:PORT", "where Kafka is; with KEY=VALUE a property of librdkafka", true},
       {"kafka-config", "FILE", "properties of librdkafka from a file"},
       {"topic", "USUAL=OTHER", "another name for a topic: fraud-alerts=my-alerts", true},
       {"create-topics", "partitions=N,replication=N", "make missing output topics"},
       {"from", "start|end", "read what the input topics hold already, or not (default: start)"},
       {"until-idle", "TIME", "end when nothing came for this long; default: run until Ctrl-C"},
       {"break", "HOW",
        "break a rule on purpose: threshold=N, server-ge-80, ignore-currency, drop-one-in=N, "
        "dedup, "
        "lenient, skip-unknown-field",
        true},
       {"connect-timeout", "TIME", "how long to wait for Kafka at the start (default: 30s)"},
       {"quiet", "", "nothing but errors"}},
      0,
      0,
      ""};
  return kSyntax;
}

Status PipelineCommand(const Flags& flags, const Invocation& invocation) {
  PipelineOptions options;
  if (Status s = ReadKafka(flags, invocation.environment, &options); !s.ok()) return s;
  Result<std::map<std::string, std::string>> topics = ReadTopics(flags);
  if (!topics) return topics.error();
  options.topics = std::move(*topics);
  for (const std::string& text : flags.Texts("break")) {
    if (const Status s = ParseBreakage(text, &options.breakage); !s.ok()) {
      return flags.Wrong("break", s.message());
    }
  }
  if (flags.Has("create-topics")) {
    const Result<KafkaTopicShape> given = ParseTopicShape(flags.Text("create-topics"));
    if (!given) return flags.Wrong("create-topics", given.error().message());
    options.create_topics = *given;
  }
  const std::string from = flags.Has("from") ? flags.Text("from") : "start";
  if (from != "start" && from != "end") {
    return flags.Wrong("from",
                       Quoted(from) + " is not a valid value" + DidYouMean(from, {"start", "end"}));
  }
  options.from_end = from == "end";
  if (flags.Has("until-idle")) {
    const Result<std::int64_t> idle = ReadDuration(flags, "until-idle", 1'000'000, 0);
    if (!idle) return idle.error();
    options.until_idle = std::chrono::milliseconds(*idle / 1'000'000);
  }
  const Result<std::int64_t> connect =
      ReadDuration(flags, "connect-timeout", 1'000'000, 30'000'000'000);
  if (!connect) return connect.error();
  options.connect_timeout = std::chrono::milliseconds(*connect / 1'000'000);

  const Signals signals;
  Progress progress(Progress::StyleFor(flags.On("quiet"), STDERR_FILENO, std::getenv("TERM")),
                    STDERR_FILENO);
  for (const std::string& warning : options.settings.warnings()) progress.Say(warning);
  options.log = [&progress](const std::string& line) { progress.Say(line); };
  const Result<PipelineReport> report = RunPipeline(options, signals.stop());
  if (!report) return report.error();
  if (Status s = Print(report->Line() + "\n"); !s.ok()) return s;
  if (signals.stop().load()) return {Code::kInterrupted, "interrupted; what was read is put out"};
  return {};
}

}  // namespace playload
