#include "generator/shrink/rerun.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "generator/replay/outputs.h"
#include "generator/run/destinations.h"
#include "generator/run/progress.h"
#include "generator/run/run.h"
#include "generator/run/spec_text.h"
#include "generator/shrink/attempt_topics.h"
#include "transports/file/names.h"

namespace playload {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostSaid = 2'000;  // bytes of the end of what a command printed
// The command has ended, so all that will come is there.
constexpr std::chrono::milliseconds kQuiet{2'000};

Status CannotMake(const std::string& path, const std::error_code& error) {
  return {Code::kDestination, path + ": cannot be made: " + error.message()};
}

// The last lines of a file; the first of them may be cut off.
std::string EndOf(const std::string& path) {
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);
  if (error) return "";
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(size > kMostSaid ? size - kMostSaid : 0));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

std::string TopicVariable(std::string_view usual) {
  std::string name = "PLAYLOAD_TOPIC_";
  for (const char c : usual) {
    const auto u = static_cast<unsigned char>(c);
    name += std::isalnum(u) != 0 ? static_cast<char>(std::toupper(u)) : '_';
  }
  return name;
}

struct Rerunner::Place {
  std::uint64_t number = 0;
  std::string folder;
  std::unique_ptr<AttemptTopics> topics;  // Kafka
  [[nodiscard]] std::string In(const char* name) const { return folder + "/" + name; }
};

Rerunner::Rerunner(RerunOptions options) : options_(std::move(options)) {
  if (const auto address = ParseKafkaUrl(options_.verify.from)) brokers_ = address->brokers;
}

std::vector<std::string> Rerunner::Inputs() {
  std::vector<std::string> inputs;
  inputs.reserve(kKinds);
  for (int k = 0; k < kKinds; ++k) inputs.emplace_back(TopicName(static_cast<Kind>(k)));
  return inputs;
}

std::vector<std::string> Rerunner::Outputs() const {
  if (!options_.verify.only.empty()) return options_.verify.only;
  if (options_.verify.rules) return options_.verify.rules->Outputs();
  return {kOutputNames, kOutputNames + kOutputKinds};
}

std::string Rerunner::NameOf(const std::string& usual) const {
  return TopicFor(options_.names, usual);
}

Result<Attempt> Rerunner::Run(const Candidate& candidate, const std::atomic<bool>& stop) {
  Place place;
  place.number = attempts_++;
  place.folder = options_.folder + "/" + std::to_string(place.number);
  std::error_code error;
  if (!fs::create_directories(place.In("outputs"), error)) return CannotMake(place.folder, error);
  struct Cleaner {
    const Place& place;
    bool keep;
    ~Cleaner() {
      std::error_code ignored;
      if (!keep) fs::remove_all(place.folder, ignored);
    }
  } const cleaner{place, options_.keep};

  if (!brokers_.empty()) {
    std::vector<std::string> usual = Inputs();
    for (std::string& output : Outputs()) usual.push_back(std::move(output));
    auto topics =
        AttemptTopics::Make({brokers_, options_.verify.settings, options_.verify.connect_timeout,
                             options_.partitions, options_.keep},
                            place.number, usual, stop);
    if (!topics) return topics.error();
    place.topics = std::move(*topics);
  }
  if (Status s = MakeEvents(candidate, place, stop); !s.ok()) return s;

  const Result<CommandEnd> end = RunPipelineCommand(
      {options_.command, VariablesOf(place), place.In("output.txt"), options_.timeout}, stop);
  if (!end) return end.error();
  Attempt attempt;
  attempt.end = *end;
  attempt.said = EndOf(place.In("output.txt"));
  if (place.topics == nullptr) {
    if (Status s = LookAtFiles(place, &attempt); !s.ok()) return s;
  } else {
    attempt.wrote_outputs = true;
  }
  if (!end->good()) return attempt;
  Result<Verification> verification = VerifyOutputs(place, stop);
  if (!verification) return verification.error();
  if (stop.load()) return Status(Code::kInterrupted, "interrupted");
  if (place.topics != nullptr) {
    attempt.wrote_outputs =
        std::any_of(verification->verdict.outputs.begin(), verification->verdict.outputs.end(),
                    [](const Comparison& c) { return c.seen() > 0; });
  }
  attempt.verification = std::move(*verification);
  return attempt;
}

Status Rerunner::MakeEvents(const Candidate& candidate, const Place& place,
                            const std::atomic<bool>& stop) const {
  RunOptions run;
  run.spec = options_.spec;
  run.spec.scenario = candidate.scenario;
  run.spec.end = candidate.events;
  run.spec.clock = Clock::kVirtual;
  run.spec.rate_max = false;
  run.spec.run_ns = 0;
  run.start_given = true;
  run.run_dir = place.In("run");
  run.threads = options_.threads;
  run.checkpoints.most_bytes = 0;
  Result<Address> to =
      ParseAddress(place.topics == nullptr ? "file:" + place.In("events") : options_.verify.from);
  if (!to) return to.error();
  run.to.push_back(std::move(*to));
  run.destinations.topics = place.topics == nullptr ? options_.names : place.topics->names();
  run.destinations.kafka = options_.verify.settings;
  run.destinations.connect_timeout = options_.verify.connect_timeout;
  Progress quiet(Progress::Style::kQuiet, STDERR_FILENO);
  return Execute(std::move(run), stop, stop, quiet).status;
}

Variables Rerunner::VariablesOf(const Place& place) const {
  Variables variables = {{"PLAYLOAD_ATTEMPT", std::to_string(place.number)}};
  if (place.topics == nullptr) {
    variables.emplace_back("PLAYLOAD_EVENTS_DIR", fs::absolute(place.In("events")).string());
    variables.emplace_back("PLAYLOAD_OUTPUTS_DIR", fs::absolute(place.In("outputs")).string());
    return variables;
  }
  variables.emplace_back("PLAYLOAD_BROKERS", brokers_);
  variables.emplace_back("PLAYLOAD_PREFIX", place.topics->prefix());
  for (const auto& [usual, name] : place.topics->names()) {
    variables.emplace_back(TopicVariable(usual), name);
  }
  return variables;
}

// A pipeline that has nothing to say may not even make a file for it.
Status Rerunner::LookAtFiles(const Place& place, Attempt* attempt) const {
  for (const std::string& usual : Outputs()) {
    const std::string name = NameOf(usual);
    bool there = false;
    for (const Compression form : {Compression::kNone, Compression::kZstd, Compression::kGzip}) {
      std::error_code ignored;
      there = there || fs::exists(EventFilePath(place.In("outputs"), name, form), ignored);
    }
    if (there) {
      attempt->wrote_outputs = true;
      continue;
    }
    const std::string file = EventFilePath(place.In("outputs"), name, Compression::kNone);
    if (!std::ofstream(file)) return {Code::kDestination, file + ": cannot be written"};
    attempt->not_there.push_back(name + ".ndjson");
  }
  return {};
}

Result<Verification> Rerunner::VerifyOutputs(const Place& place,
                                             const std::atomic<bool>& stop) const {
  VerifyOptions verify = options_.verify;
  verify.run_dir = place.In("run");
  verify.fed_by.clear();
  verify.latency = false;
  verify.thresholds.clear();
  verify.locate = false;
  verify.log = {};
  verify.threads = options_.threads;
  if (place.topics == nullptr) {
    verify.from = "file:" + place.In("outputs");
    verify.topics = options_.names;
  } else {
    verify.topics = place.topics->names();
    verify.timeout = kQuiet;
  }
  return Verify(verify, stop);
}

}  // namespace playload
