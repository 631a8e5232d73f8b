#include "generator/shrink/rerun.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "generator/base/scratch_folder.h"
#include "generator/shrink/failure.h"
#include "scenarios/load.h"

namespace playload {
namespace {

namespace fs = std::filesystem;

class Rerunning {
 public:
  Rerunning() {
    Result<ScratchFolder> made = ScratchFolder::MakeTemporary("test");
    REQUIRE(made);
    folder_.emplace(std::move(*made));
    Result<Scenario> scenario = LoadScenario("fraud-ring", {});
    REQUIRE(scenario);
    Result<Candidate> normalized = Normalized({std::move(*scenario), 2'000});
    REQUIRE(normalized);
    candidate_ = *normalized;
    options.spec.seed = 1;
    options.spec.start_ns = 1'767'225'600'000'000'000;
    options.verify.from = "file:elsewhere";
    options.folder = folder_->path();
  }

  Result<Attempt> Try(const std::string& command) {
    options.command = command;
    Rerunner rerunner(options);
    return rerunner.Run(candidate_, stop);
  }
  Attempt MustTry(const std::string& command) {
    Result<Attempt> attempt = Try(command);
    REQUIRE_MESSAGE(attempt, attempt.error().message());
    return std::move(*attempt);
  }
  [[nodiscard]] bool FolderIsEmpty() const { return fs::is_empty(folder_->path()); }
  [[nodiscard]] const std::string& folder() const { return folder_->path(); }

  RerunOptions options;
  std::atomic<bool> stop{false};

 private:
  std::optional<ScratchFolder> folder_;
  Candidate candidate_;
};

std::vector<std::string> FailuresIn(const Attempt& attempt) {
  std::vector<std::string> texts;
  REQUIRE(attempt.verification);
  for (const Failure& failure : FailuresOf(attempt.verification->verdict)) {
    texts.push_back(failure.Text());
  }
  return texts;
}

TEST_CASE("Rerunner: the command finds the events, and what it said is kept") {
  Rerunning rerunning;
  const Attempt attempt = rerunning.MustTry(
      "cat \"$PLAYLOAD_EVENTS_DIR\"/*.ndjson | wc -l; ls -A \"$PLAYLOAD_OUTPUTS_DIR\"; "
      "echo attempt $PLAYLOAD_ATTEMPT >&2");
  CHECK(attempt.end.good());
  CHECK(attempt.said == "2000\nattempt 0\n");
  CHECK(rerunning.FolderIsEmpty());
}

TEST_CASE("Rerunner: no output written is as if all were empty, and is told") {
  Rerunning rerunning;
  const Attempt attempt = rerunning.MustTry("true");
  CHECK_FALSE(attempt.wrote_outputs);
  CHECK(attempt.not_there.size() == 4);
  CHECK(Shows(attempt.verification->verdict, {"player-session-summaries", Flaw::kMissing}));
  const Attempt one = rerunning.MustTry("touch \"$PLAYLOAD_OUTPUTS_DIR\"/fraud-alerts.ndjson");
  CHECK(one.wrote_outputs);
  CHECK(one.not_there == std::vector<std::string>{"player-session-summaries.ndjson",
                                                  "purchase-aggregates.ndjson",
                                                  "server-alerts.ndjson"});
}

TEST_CASE("Rerunner: garbage is unreadable, whatever it is") {
  Rerunning rerunning;
  rerunning.options.verify.only = {"fraud-alerts"};
  const Attempt attempt = rerunning.MustTry(
      "printf 'no json\\n{\"a\":[1,\\n\\377\\376\\n{}\\n' "
      ">\"$PLAYLOAD_OUTPUTS_DIR\"/fraud-alerts.ndjson");
  CHECK(attempt.wrote_outputs);
  CHECK(Shows(attempt.verification->verdict, {"fraud-alerts", Flaw::kUnreadable}));
  const FlawExample* const example =
      ExampleOf(attempt.verification->verdict, {"fraud-alerts", Flaw::kUnreadable});
  REQUIRE(example != nullptr);
  CHECK(FailuresIn(attempt).size() == 2);  // and the right ones are missing
}

TEST_CASE("Rerunner: a command that fails is not verified") {
  Rerunning rerunning;
  const Attempt attempt = rerunning.MustTry("echo so; exit 7");
  CHECK(attempt.end.Text() == "ended with exit code 7");
  CHECK(attempt.said == "so\n");
  CHECK_FALSE(attempt.verification);
  rerunning.options.timeout = std::chrono::milliseconds(100);
  CHECK(rerunning.MustTry("sleep 60").end.Text() == "did not end within 100ms");
  CHECK(rerunning.FolderIsEmpty());
}

TEST_CASE("Rerunner: names other than the usual ones") {
  Rerunning rerunning;
  rerunning.options.names = {{"purchase-events", "sales"}, {"fraud-alerts", "frauds"}};
  rerunning.options.verify.only = {"fraud-alerts"};
  const Attempt attempt = rerunning.MustTry(
      "ls \"$PLAYLOAD_EVENTS_DIR\"; touch \"$PLAYLOAD_OUTPUTS_DIR\"/frauds.ndjson");
  CHECK(attempt.said == "player-events.ndjson\nsales.ndjson\nserver-metrics.ndjson\n");
  CHECK(attempt.not_there.empty());
  CHECK(FailuresIn(attempt) == std::vector<std::string>{"fraud-alerts/missing"});
}

TEST_CASE("Rerunner: attempts are kept on request, each in a folder of its own") {
  Rerunning rerunning;
  rerunning.options.keep = true;
  (void)rerunning.MustTry("echo kept");
  for (const char* name : {"0/events/player-events.ndjson", "0/outputs/fraud-alerts.ndjson",
                           "0/run/manifest.json", "0/output.txt"}) {
    CHECK(fs::exists(fs::path(rerunning.folder()) / name));
  }
}

TEST_CASE("Rerunner: stop is an error, and leaves nothing") {
  Rerunning rerunning;
  rerunning.stop.store(true);
  const Result<Attempt> attempt = rerunning.Try("true");
  REQUIRE_FALSE(attempt);
  CHECK(attempt.error().code() == Code::kInterrupted);
  CHECK(rerunning.FolderIsEmpty());
}

TEST_CASE("TopicVariable: capitals, and nothing that a shell would not take") {
  CHECK(TopicVariable("player-session-summaries") == "PLAYLOAD_TOPIC_PLAYER_SESSION_SUMMARIES");
  CHECK(TopicVariable("a.b_c-9") == "PLAYLOAD_TOPIC_A_B_C_9");
}

}  // namespace
}  // namespace playload
