#include "generator/shrink/shrink_failure.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "generator/base/scratch_folder.h"
#include "generator/base/text.h"
#include "generator/run/json_file.h"
#include "generator/run/manifest.h"
#include "generator/run/spec_text.h"
#include "generator/shrink/report.h"
#include "generator/shrink/shrinker.h"
#include "generator/verify/finished_run.h"

namespace playload {
namespace {

constexpr std::uint64_t kAgain = 3;  // re-runs of the smallest

// What a command has said, indented, for a message.
std::string SaidText(const std::string& said) {
  return said.empty() ? "; it printed nothing" : "; it said at the end:\n" + said;
}

class Shrinking {
 public:
  Shrinking(ShrinkOptions options, const std::atomic<bool>& stop)
      : options_(std::move(options)), stop_(stop) {}

  ShrinkResult Do() {
    if (Status s = Prepare(); !s.ok()) return {s, ""};
    if (Status s = TryWhole(); !s.ok()) return {s, ""};
    found_.shrunk = Shrink(
        found_.whole,
        [this](const Candidate& candidate, const std::string& what) {
          return StillFails(candidate, what);
        },
        options_.most_attempts);
    const Status ended = found_.shrunk.error;
    if (ended.ok()) {
      if (Status s = TryAgain(); !s.ok()) found_.shrunk.error = s;
    }
    if (Status s = Write(); !s.ok()) return {s, ""};
    return {found_.shrunk.error, ShrinkText(found_)};
  }

 private:
  Status Prepare() {
    const Result<JudgedRun> run =
        OpenJudgedRun(options_.run_dir, options_.rerun.verify.from, options_.fed_by);
    if (!run) return run.error();
    if (run->fed_by.polled) {
      return Invalid(
          "--shrink re-runs what a stream was sent; a pipeline that polls (--fed-by polled) "
          "decides itself which events there are");
    }
    Result<RunSpec> spec = SpecFromManifest(options_.run_dir, run->fed_by.destination);
    if (!spec) return spec.error();
    Result<Candidate> whole = Normalized({spec->scenario, spec->end});
    if (!whole) return whole.error();
    NameTopics(run->manifest.destinations[run->fed_by.destination]);
    found_.file = options_.file;
    found_.run_id = run->manifest.run_id;
    found_.spec = options_.rerun.spec = *spec;
    found_.failure = options_.failure;
    found_.whole = std::move(*whole);
    found_.command = options_.rerun.command;
    found_.verify_words = options_.verify_words;
    if (options_.rerun.verify.from.starts_with("kafka://")) {
      found_.kafka = options_.rerun.verify.from;
    }
    if (spec->rate_max) {
      Log("the run was made with --rate max, which has no plan: attempts go by the scenario's own");
    }
    return MakeFolder();
  }

  // Files are called as the run's topics were.
  void NameTopics(const ManifestDestination& destination) {
    std::map<std::string, std::string>& names = options_.rerun.names;
    for (std::size_t k = 0; k < kKinds; ++k) {
      names.emplace(TopicName(static_cast<Kind>(k)), destination.topics[k]);
    }
    for (const auto& [topic, offsets] : destination.start_offsets) {
      options_.rerun.partitions =
          std::max(options_.rerun.partitions, static_cast<int>(offsets.size()));
    }
  }

  Status MakeFolder() {
    RerunOptions& rerun = options_.rerun;
    rerun.keep = !options_.keep.empty();
    if (rerun.keep) {
      if (Status s = MakeRunDirectory(options_.keep); !s.ok()) return {s.code(), s.message()};
      rerun.folder = found_.kept = options_.keep;
    } else {
      Result<ScratchFolder> made = ScratchFolder::MakeTemporary("shrink");
      if (!made) return made.error();
      scratch_.emplace(std::move(*made));
      rerun.folder = scratch_->path();
    }
    rerunner_.emplace(rerun);
    found_.names = rerun.names;
    found_.inputs = Rerunner::Inputs();
    found_.outputs = rerunner_->Outputs();
    found_.partitions = rerun.partitions;
    return {};
  }

  // The run's own events. What goes wrong here is told in full.
  Status TryWhole() {
    Log("attempt 0: the run again, " + FormatCount(found_.whole.events) + " events");
    Result<Attempt> attempt = rerunner_->Run(found_.whole, stop_);
    if (!attempt) return attempt.error();
    if (!attempt->end.good()) {
      return Invalid("--pipeline: of the run's own events, the command " + attempt->end.Text() +
                     " (if that is part of the failure, let it end with '|| true'; for time there "
                     "is --pipeline-timeout)" +
                     SaidText(attempt->said));
    }
    if (!attempt->wrote_outputs && options_.saw_outputs) {
      return Invalid("--pipeline: the command put out nothing: " + WhereOutputsGo() +
                     SaidText(attempt->said));
    }
    const Verdict& verdict = attempt->verification->verdict;
    if (!Shows(verdict, options_.failure)) {
      std::string others;
      for (const Failure& other : FailuresOf(verdict)) {
        others += (others.empty() ? "" : ", ") + other.Text();
      }
      return Invalid("--shrink: a re-run of the same events does not show " +
                     options_.failure.Text() +
                     (others.empty() ? " nor any other failure" : ", but " + others) +
                     "; it comes and goes, or the command is not the pipeline that failed. "
                     "Nothing was shrunk");
    }
    found_.smallest = std::move(*attempt);
    return {};
  }

  [[nodiscard]] std::string WhereOutputsGo() const {
    std::string names;
    for (const std::string& name : rerunner_->Outputs()) {
      const auto other = options_.rerun.names.find(name);
      names += (names.empty() ? "" : ", ") +
               (other == options_.rerun.names.end() ? name : other->second) +
               (found_.kafka.empty() ? ".ndjson" : "");
    }
    return (found_.kafka.empty() ? "its files belong into the folder $PLAYLOAD_OUTPUTS_DIR, as "
                                 : "its records belong into the topics $PLAYLOAD_TOPIC_..., for ") +
           names;
  }

  Result<bool> StillFails(const Candidate& candidate, const std::string& what) {
    const std::string head = "attempt " + std::to_string(++attempts_) + ": " + what;
    Result<Attempt> attempt = rerunner_->Run(candidate, stop_);
    if (!attempt) return attempt.error();
    const bool shows =
        attempt->verification && Shows(attempt->verification->verdict, options_.failure);
    Log(head + (shows ? ": still fails (" : ": does not show it (") +
        FormatCount(candidate.events) + " events)");
    NoteOthers(*attempt);
    if (shows) found_.smallest = std::move(*attempt);
    return shows;
  }

  void NoteOthers(const Attempt& attempt) {
    if (!attempt.verification) {
      found_.others.emplace("the command " + attempt.end.Text(), attempts_);
      return;
    }
    for (const Failure& failure : FailuresOf(attempt.verification->verdict)) {
      if (failure != options_.failure) found_.others.emplace(failure.Text(), attempts_);
    }
  }

  Status TryAgain() {
    for (std::uint64_t i = 0; i < kAgain; ++i) {
      Log("the smallest once more");
      const Result<Attempt> attempt = rerunner_->Run(found_.shrunk.smallest, stop_);
      if (!attempt) return attempt.error();
      ++found_.again;
      if (attempt->verification && Shows(attempt->verification->verdict, options_.failure)) {
        ++found_.again_failed;
      }
    }
    return {};
  }

  Status Write() const {
    std::error_code ignored;
    if (std::filesystem::exists(options_.file, ignored)) {
      return Invalid("--shrink: " + options_.file + " has come to be there meanwhile");
    }
    return WriteFileAtomically(options_.file, SmallestFile(found_));
  }

  void Log(const std::string& line) const {
    if (options_.log) options_.log(line);
  }

  ShrinkOptions options_;
  const std::atomic<bool>& stop_;
  std::optional<ScratchFolder> scratch_;
  std::optional<Rerunner> rerunner_;
  std::uint64_t attempts_ = 0;
  ShrinkFound found_;
};

}  // namespace

ShrinkResult ShrinkFailure(ShrinkOptions options, const std::atomic<bool>& stop) {
  return Shrinking(std::move(options), stop).Do();
}

}  // namespace playload
