#include "generator/cli/shrink_flags.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
#include "generator/shrink/failure.h"
#include "generator/shrink/shrink_failure.h"

namespace playload {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostAttempts = 1'000'000;

// What is found after many attempts must have a place to go to.
Status CheckFile(const Flags& flags, const std::string& file) {
  if (!file.ends_with(".yaml") && !file.ends_with(".yml")) {
    return flags.Wrong("shrink", Quoted(file) + " must end in .yaml, as scenario files do");
  }
  std::error_code error;
  if (fs::exists(file, error)) {
    return flags.Wrong("shrink", file + " is there already, and nothing is overwritten");
  }
  const std::string folder = fs::path(file).parent_path().string();
  if (access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) {
    return flags.Wrong("shrink", file + ": no file can be made in " + folder);
  }
  return {};
}

// The flags of this verification that the next one of the smallest scenario needs too. Secrets may
// be in --kafka, so it is not among them.
std::vector<std::string> VerifyWords(const Flags& flags) {
  std::vector<std::string> words;
  for (const char* const name :
       {"rules", "only", "topic", "delivery", "isolation", "kafka-config"}) {
    // Topics in Kafka have names of their own each time.
    if (name == std::string_view("topic") && flags.Text("from").starts_with("kafka:")) continue;
    for (const std::string& value : flags.Texts(name)) {
      words.push_back(std::string("--") + name);
      words.push_back(value);
    }
  }
  return words;
}

}  // namespace

Result<std::optional<ShrinkRequest>> ReadShrinkFlags(const Flags& flags) {
  if (!flags.Has("shrink")) {
    for (const char* const name :
         {"pipeline", "pipeline-timeout", "shrink-failure", "shrink-attempts", "keep"}) {
      if (flags.Given(name)) return flags.Wrong(name, "is for --shrink, which is not given");
    }
    return std::optional<ShrinkRequest>();
  }
  ShrinkRequest request;
  request.file = flags.Text("shrink");
  request.command = flags.Text("pipeline");
  request.failure = flags.Text("shrink-failure");
  request.keep = flags.Text("keep");
  if (Status s = CheckFile(flags, request.file); !s.ok()) return s;
  if (request.command.empty()) {
    return Invalid(
        "--shrink needs --pipeline COMMAND, which runs the pipeline once: reads the events in "
        "$PLAYLOAD_EVENTS_DIR, writes its outputs into $PLAYLOAD_OUTPUTS_DIR, and ends");
  }
  if (flags.On("inputs")) {
    return flags.Wrong("inputs",
                       "looks at no pipeline, so there is nothing to re-run; leave it or "
                       "--shrink out");
  }
  const Result<std::int64_t> timeout =
      ReadDuration(flags, "pipeline-timeout", 1'000'000, 60'000'000'000);
  if (!timeout) return timeout.error();
  request.timeout = std::chrono::milliseconds(*timeout / 1'000'000);
  if (flags.Has("shrink-attempts")) {
    const std::string text = flags.Text("shrink-attempts");
    const Result<std::uint64_t> attempts = ParseCount(text);
    if (!attempts || *attempts < 1 || *attempts > kMostAttempts) {
      return flags.Wrong("shrink-attempts",
                         Quoted(text) + " is not a number from 1 to " + FormatCount(kMostAttempts));
    }
    request.attempts = *attempts;
  }
  return std::optional<ShrinkRequest>(std::move(request));
}

Status ShrinkAfter(const ShrinkRequest& request, const Flags& flags, const VerifyOptions& verified,
                   const Verdict& verdict, const std::atomic<bool>& stop, Progress* progress) {
  Status failed = StatusOf(verdict);
  const std::vector<Failure> failures = FailuresOf(verdict);
  if (failures.empty()) {
    progress->Say("--shrink: every output is as it must be, so there is nothing to shrink");
    return failed;
  }
  ShrinkOptions options;
  options.failure = failures.front();
  if (!request.failure.empty()) {
    const Result<Failure> chosen = ParseFailure(request.failure, verdict);
    if (!chosen) return flags.Wrong("shrink-failure", chosen.error().message());
    options.failure = *chosen;
  }
  options.file = request.file;
  options.run_dir = verified.run_dir;
  options.fed_by = verified.fed_by;
  options.saw_outputs = std::any_of(verdict.outputs.begin(), verdict.outputs.end(),
                                    [](const Comparison& c) { return c.seen() > 0; });
  options.most_attempts = request.attempts;
  options.keep = request.keep;
  options.verify_words = VerifyWords(flags);
  options.rerun.names = verified.topics;
  options.rerun.command = request.command;
  options.rerun.timeout = request.timeout;
  options.rerun.verify = verified;
  options.rerun.threads = verified.threads;
  options.log = [progress](const std::string& line) { progress->Note(line); };
  progress->Note("shrinking " + options.failure.Text() + " into " + request.file +
                 (failures.size() > 1 ? "; --shrink-failure takes another one" : ""));
  const ShrinkResult result = ShrinkFailure(std::move(options), stop);
  if (!result.text.empty()) {
    if (Status s = Print(result.text); !s.ok()) return s;
  }
  return result.status.ok() ? failed : result.status;
}

}  // namespace playload
