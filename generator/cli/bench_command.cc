#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/memory.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
#include "generator/measure/bench.h"
#include "generator/measure/limits.h"
#include "generator/measure/report.h"
#include "generator/run/progress.h"
#include "generator/run/signals.h"
#include "generator/run/spec_text.h"

namespace playload {
namespace {

constexpr const char* kMeasuredScenario = "steady";
constexpr std::uint64_t kSeed = 1;
// Below, a slice is a few milliseconds; above, nothing is learnt.
constexpr double kLeastSeconds = 0.1;
constexpr double kMostSeconds = 600;
// Topics that nobody but a bench has: the usual name behind this.
constexpr const char* kTopicPrefix = "playload-bench-";

// What the line must say itself: the environment may speak of runs, and a bench writes to a cluster
// only when it is asked to, here and now.
constexpr std::array<std::string_view, 3> kLineOnly = {"to", "topic", "create-topics"};

// The words with the scenario that is measured where they name none, and what the environment says
// without what only the line may.
Result<Flags> Reread(const Flags& flags, const Invocation& invocation,
                     std::vector<const char*>* environment) {
  for (const char* const* entry = invocation.environment; entry != nullptr && *entry != nullptr;
       ++entry) {
    const std::string_view text = *entry;
    const bool left_out = std::any_of(kLineOnly.begin(), kLineOnly.end(), [&](auto name) {
      return text.starts_with(EnvironmentName(name) + "=");
    });
    if (!left_out) environment->push_back(*entry);
  }
  environment->push_back(nullptr);
  std::vector<std::string> words = invocation.words;
  if (flags.arguments().empty()) words.insert(words.begin(), kMeasuredScenario);
  return Flags::Parse(BenchSyntax(), words, environment->data());
}

Result<std::int64_t> ReadSeconds(const Flags& flags) {
  if (!flags.Has("seconds")) return BenchOptions{}.stage_ns;
  const std::string text = flags.Text("seconds");
  char* end = nullptr;
  const double seconds = std::strtod(text.c_str(), &end);
  const bool digits = text.find_first_not_of("0123456789.") == std::string::npos;
  if (!digits || end != text.c_str() + text.size() || seconds < kLeastSeconds ||
      seconds > kMostSeconds) {
    return flags.Wrong("seconds", Quoted(text) + " is not a number from 0.1 to 600");
  }
  return static_cast<std::int64_t>(std::llround(seconds * 1e9));
}

Status ReadFolder(const Flags& flags, std::string* folder) {
  if (!flags.Has("dir")) return {};
  *folder = flags.Text("dir");
  std::error_code error;
  if (std::filesystem::is_directory(*folder, error)) return {};
  return flags.Wrong("dir", Quoted(*folder) + " is not a folder");
}

Status CheckDestinations(const Flags& flags, const std::vector<Address>& to) {
  for (const Address& address : to) {
    if (address.scheme != Address::Scheme::kKafka) {
      return flags.Wrong("to", "bench takes kafka://HOST:PORT; " + Quoted(address.text) +
                                   " is no cluster (null, a pipe and files are measured anyhow)");
    }
    if (address.kafka.embedded) {
      return flags.Wrong("to", "kafka://embedded is measured anyhow");
    }
  }
  if (!to.empty()) return {};
  for (const char* name : {"topic", "create-topics"}) {
    if (flags.Given(name)) return flags.Wrong(name, "is for --to kafka://; there is none");
  }
  return {};
}

// Every stage that needs more than one has its memory to itself.
Status CheckMemoryOfStages(RunSetup setup) {
  for (const char* to : {"file:x", "kafka://embedded"}) {
    const Result<Address> address = ParseAddress(to);
    if (!address) return address.error();
    setup.run.to = {*address};
    if (Status s = CheckMemory(setup); !s.ok()) return s;
  }
  return {};
}

// Their own topics, but for those that the line renames.
void NameTopics(std::map<std::string, std::string>* topics) {
  for (int k = 0; k < kKinds; ++k) {
    const std::string usual(TopicName(static_cast<Kind>(k)));
    topics->emplace(usual, kTopicPrefix + usual);
  }
}

struct BenchSetup {
  BenchOptions bench;
  std::optional<double> planned;   // events/s
  std::optional<double> required;  // --require-rate
  std::vector<std::string> warnings;
};

Result<BenchSetup> ReadBenchSetup(const Flags& flags, const char* const* environment) {
  Result<RunSetup> setup = ReadRunSetup(flags, environment, SetupOf::kPlan);
  if (!setup) return setup.error();
  if (Status s = CheckDestinations(flags, setup->run.to); !s.ok()) return s;
  if (Status s = CheckMemoryOfStages(*setup); !s.ok()) return s;
  BenchSetup out;
  if (!setup->run.spec.rate_max) out.planned = PeakRate(setup->run.spec.scenario.plan);
  if (flags.Has("require-rate")) {
    const Result<std::int64_t> rate = ParseRate(flags.Text("require-rate"));
    if (!rate) return flags.Wrong("require-rate", rate.error().message());
    out.required = static_cast<double>(*rate) / 1e3;
  }
  out.warnings = std::move(setup->warnings);
  out.bench.run = std::move(setup->run);
  if (!flags.Has("seed")) out.bench.run.spec.seed = kSeed;
  NameTopics(&out.bench.run.destinations.topics);
  const Result<std::int64_t> stage_ns = ReadSeconds(flags);
  if (!stage_ns) return stage_ns.error();
  out.bench.stage_ns = *stage_ns;
  if (Status s = ReadFolder(flags, &out.bench.folder); !s.ok()) return s;
  return out;
}

// The first stage that could not be measured decides the exit code.
Status FirstFailure(const BenchReport& report) {
  for (const Figures& row : report.rows) {
    if (!row.status.ok()) return {row.status.code(), row.label + ": " + row.status.message()};
  }
  return {};
}

}  // namespace

const CommandSyntax& BenchSyntax() {
  static const CommandSyntax kSyntax = [] {
    CommandSyntax bench = {
        "bench",
        "[SCENARIO]",
        "measure this machine: how fast it generates, encodes, sends",
        "Measures how fast this machine makes the events of a scenario (default: steady) and gets "
        "them into a pipe, into files, into the embedded Kafka and into yours, each beside the "
        "plainest program that does the same; and says which of them would limit a planned rate.",
        {{"rate", "RATE",
          "the planned rate that is put beside the figures: 500, 20k, 1.5M; default: the highest "
          "of the scenario's plan; max: none"},
         {"to", "kafka://HOST:PORT", "measure this cluster too; repeat it for several", true},
         {"require-rate", "RATE",
          "exit code 99 when generating, or a Kafka that --to names, is slower than this"},
         {"seconds", "N", "for each of some eight stages, from 0.1 to 600 (default: 2)"},
         {"dir", "DIR",
          "measure the file system of this folder, in a temporary folder in it (default: the "
          "current one)"},
         {"json", "", "as JSON"}},
        0,
        1,
        "What goes to a Kafka that --to names goes to topics of its own, playload-bench-<usual "
        "name>, which\nmust exist or be made with --create-topics; events stay there. No other "
        "topic is written to,\nunless --topic names it. Ctrl-C ends it and removes what was "
        "written: exit code 105.\n"};
    static const std::set<std::string_view> kOfRun = {
        "seed",      "players",      "persona",         "event-types",
        "id-prefix", "topic",        "create-topics",   "timestamp-precision",
        "kafka",     "kafka-config", "connect-timeout", "drain-timeout",
        "threads",   "quiet"};
    for (const Flag& flag : RunSyntax().flags) {
      if (kOfRun.contains(flag.name)) bench.flags.push_back(flag);
    }
    return bench;
  }();
  return kSyntax;
}

Status BenchCommand(const Flags& flags, const Invocation& invocation) {
  std::vector<const char*> environment;
  const Result<Flags> all = Reread(flags, invocation, &environment);
  if (!all) return all.error();
  Result<BenchSetup> setup = ReadBenchSetup(*all, environment.data());
  if (!setup) return setup.error();

  Progress progress(Progress::StyleFor(flags.On("quiet"), STDERR_FILENO, std::getenv("TERM")),
                    STDERR_FILENO);
  const Signals signals;
  for (const std::string& warning : setup->warnings) progress.Say(warning);
  setup->bench.log = [&progress](const std::string& line) { progress.Note(line); };
  setup->bench.run.destinations.log = [&progress](const std::string& line) { progress.Say(line); };

  const Result<BenchReport> report = RunBench(setup->bench, signals.stop());
  if (!report) return report.error();
  std::optional<Limits> limits;
  if (setup->planned) {
    limits = FindLimits(*setup->planned, setup->bench.run.threads, report->rows);
  }
  const std::string text = flags.On("json") ? BenchJson(setup->bench, *report, limits)
                                            : BenchText(setup->bench, *report, limits);
  if (Status s = Print(text); !s.ok()) return s;
  if (Status s = FirstFailure(*report); !s.ok()) return s;
  if (!setup->required) return {};
  return CheckRate(*setup->required, setup->bench.run.threads, report->rows);
}

}  // namespace playload
