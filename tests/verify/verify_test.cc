// From a run directory to a verdict: real runs into files and into the embedded Kafka, their
// outputs made by the reference pipeline, and what Verify() says of them when they are damaged.

#include "generator/verify/verify.h"

#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "generator/reference/run_pipeline.h"
#include "generator/replay/walker.h"
#include "generator/run/ledger.h"
#include "generator/run/manifest.h"
#include "generator/run/run.h"
#include "generator/verify/expect.h"
#include "scenarios/load.h"
#include "tests/judge/pipeline_world.h"
#include "tests/support/http_client.h"
#include "transports/kafka/embedded.h"

namespace playload {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

const std::atomic<bool> kNotSet{false};
const std::atomic<bool> kSet{true};
const std::vector<std::string> kTopics = {
    "player-events",       "purchase-events", "server-metrics", "player-session-summaries",
    "purchase-aggregates", "server-alerts",   "fraud-alerts"};

class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "playload-verify-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

RunSpec Spec(const std::string& scenario, Position end) {
  const Result<Scenario> loaded = LoadScenario(scenario, {});
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().message());
  RunSpec spec;
  spec.scenario = *loaded;
  spec.seed = 11;
  spec.start_ns = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
  spec.clock = Clock::kVirtual;
  spec.end = end;
  spec.scenario.plan = {{4'000'000, 4'000'000, 0}};  // 4,000/s, so that incidents come early
  return spec;
}

// Runs `spec` to one address into a run directory.
void Execute(const RunSpec& spec, const std::string& to, const std::string& run_dir) {
  RunOptions options;
  options.spec = spec;
  options.start_given = true;
  const Result<Address> address = ParseAddress(to);
  REQUIRE_MESSAGE(address.has_value(), address.error().message());
  options.to = {*address};
  options.run_dir = run_dir;
  Progress progress(Progress::Style::kQuiet, STDERR_FILENO);
  const RunResult result = playload::Execute(std::move(options), kNotSet, kNotSet, progress);
  REQUIRE_MESSAGE(result.status.ok(), result.status.message());
}

// A run into files and its right outputs beside them, as DIR/<output>.ndjson, as `playload expect`
// prints lines.
class FileRun {
 public:
  explicit FileRun(const std::string& scenario = "fraud-and-overload", Position end = 40'000) {
    Execute(Spec(scenario, end), "file:" + scratch / "events", scratch / "run");
    Pipeline({}, [](const StreamEvent&) { return true; });
  }

  // What a pipeline says that gets the events that `arrived`.
  void Pipeline(const PipelineBreakage& breakage,
                const std::function<bool(const StreamEvent&)>& arrived) {
    outputs.clear();
    ReferencePipeline pipeline(breakage);
    const Result<RunSpec> spec = SpecFromManifest(scratch / "run");
    REQUIRE(spec.has_value());
    std::vector<ReferencePipeline::OutputRecord> records;
    REQUIRE(WalkRun(*spec, {}, 1)([&](const StreamEvent& event) {
              records.clear();
              if (arrived(event)) {
                pipeline.Process(static_cast<ReferencePipeline::Input>(event.kind), event.value,
                                 &records);
              }
              for (const auto& r : records) {
                const std::string name =
                    kOutputNames[static_cast<unsigned>(testing::KindOf(r.output))];
                outputs[name].push_back("{\"output\":\"" + name + "\",\"key\":\"" + r.key +
                                        "\",\"value\":" + r.value + "}");
              }
              return true;
            }).ok());
  }

  [[nodiscard]] VerifyOptions Options() const {
    VerifyOptions options;
    options.run_dir = scratch / "run";
    options.from = "file:" + scratch / "outputs";
    return options;
  }

  void Write() const {
    fs::create_directories(scratch / "outputs");
    for (int i = 0; i < kOutputKinds; ++i) {
      const std::string name = kOutputNames[i];
      std::ofstream file(scratch / ("outputs/" + name + ".ndjson"));
      const auto lines = outputs.find(name);
      if (lines == outputs.end()) continue;
      for (const std::string& line : lines->second) file << line << '\n';
    }
  }

  [[nodiscard]] Verification Judge() const {
    Write();
    Result<Verification> result = Verify(Options(), kNotSet);
    REQUIRE_MESSAGE(result.has_value(), result.error().message());
    return *result;
  }

  Scratch scratch;
  std::map<std::string, std::vector<std::string>> outputs;
};

const Comparison& Of(const Verdict& verdict, const std::string& name) {
  for (const auto* part : {&verdict.outputs, &verdict.inputs}) {
    for (const Comparison& c : *part) {
      if (c.name == name) return c;
    }
  }
  FAIL("no " << name);
  return verdict.outputs.front();
}

TEST_CASE("Verify: right outputs in files pass, wrapped or bare") {
  FileRun run;
  Verification right = run.Judge();
  CHECK(right.verdict.passed());
  CHECK(right.verdict.outputs.size() == kOutputKinds);
  CHECK(right.verdict.inputs.empty());
  CHECK(right.verdict.notes.empty());
  CHECK_FALSE(right.verdict.run_id.empty());
  for (const Comparison& c : right.verdict.outputs) {
    CAPTURE(c.name);
    CHECK(c.expected == run.outputs[c.name].size());
    CHECK(c.expected > 50);
  }
  CHECK(WriteVerdict(run.scratch / "run", right.verdict).ok());
  CHECK(WriteVerdict(run.scratch / "run", right.verdict).ok());
  CHECK(fs::exists(run.scratch / "run/verdict.json"));

  for (auto& [name, lines] : run.outputs) {
    for (std::string& line : lines) {
      const std::size_t value = line.find("\"value\":") + 8;
      const std::size_t key = line.find("\"key\":\"") + 7;
      const std::string user = line.substr(key, line.find('"', key) - key);
      line = line.substr(value, line.size() - value - 1);
      if (name == "purchase-aggregates") line.insert(1, "\"user_id\":\"" + user + "\",");
    }
  }
  CHECK(run.Judge().verdict.passed());
}

TEST_CASE("Verify: Expect() prints outputs that pass") {
  FileRun run;
  run.outputs.clear();
  for (int i = 0; i < kOutputKinds; ++i) {
    const auto kind = static_cast<OutputKind>(i);
    REQUIRE(Expect(run.scratch / "run", "", kind, 1, [&](std::string_view lines) {
              for (std::size_t at = 0; at < lines.size();) {
                const std::size_t end = lines.find('\n', at);
                run.outputs[kOutputNames[i]].emplace_back(lines.substr(at, end - at));
                at = end + 1;
              }
              return true;
            }).ok());
  }
  CHECK(run.Judge().verdict.passed());
}

TEST_CASE("Verify: a lost alert is missing, with the history of its user") {
  FileRun run;
  std::vector<std::string>& alerts = run.outputs["fraud-alerts"];
  const std::string lost = alerts[alerts.size() / 2];
  alerts.erase(alerts.begin() + static_cast<std::ptrdiff_t>(alerts.size() / 2));
  const Verification found = run.Judge();
  CHECK_FALSE(found.verdict.passed());
  const Comparison& fraud = Of(found.verdict, "fraud-alerts");
  CHECK(fraud.flaw(Flaw::kMissing) == 1);
  CHECK(Of(found.verdict, "purchase-aggregates").passed());
  const FlawExample& example = fraud.examples[0][0];
  CHECK(lost.find("\"key\":\"" + example.key + "\"") != std::string::npos);
  REQUIRE(found.history);
  const std::vector<std::string> history = found.history("fraud-alerts", example.key);
  REQUIRE_FALSE(history.empty());
  bool alert = false;
  for (const std::string& line : history) {
    alert = alert || line.find("fraud-alerts 'Too frequent") != std::string::npos ||
            line.find("fraud-alerts 'Multiple currency") != std::string::npos;
  }
  CHECK(alert);
  CHECK(history[0].find(": 0 events -> 1 event, ") != std::string::npos);
  CHECK(history.back() == "all of it: playload expect " + run.scratch / "run" + " --user " +
                              example.key + " --output fraud-alerts --explain");
  const std::string json = VerdictJson(found.verdict, found.history_fields);
  for (const char* const part : {"\"explain\": \"playload expect ", "\"history\": [",
                                 "\"before\": {", "\"currencies\": [", "\"omitted\": "}) {
    CAPTURE(part);
    CHECK(json.find(part) != std::string::npos);
  }
  CHECK(found.history("fraud-alerts", "player_999999999").empty());
  const std::string text = VerdictText(found.verdict, found.history);
  CHECK(text.find("FAILED: 1 differences") != std::string::npos);
  CHECK(text.find(history[0]) != std::string::npos);
}

TEST_CASE("Verify: repeated outputs are judged by what the pipeline promises") {
  FileRun run;
  std::size_t repeats = 0;
  for (auto& [name, lines] : run.outputs) {
    const std::vector<std::string> again(lines.end() - 20, lines.end());
    lines.insert(lines.end(), again.begin(), again.end());
    repeats += again.size();
  }
  const Verification strict = run.Judge();
  CHECK_FALSE(strict.verdict.passed());
  CHECK(strict.verdict.delivery == Delivery::kExactlyOnce);
  CHECK(strict.verdict.isolation.empty());
  VerifyOptions options = run.Options();
  options.delivery = Delivery::kAtLeastOnce;
  const Result<Verification> lenient = Verify(options, kNotSet);
  REQUIRE(lenient.has_value());
  CHECK(lenient->verdict.passed());
  CHECK(lenient->verdict.delivery == Delivery::kAtLeastOnce);
  std::uint64_t allowed = 0;
  for (const Comparison& c : lenient->verdict.outputs) allowed += c.repeats;
  CHECK(allowed == repeats);
}

TEST_CASE("Verify: --only looks at one output, and needs no other file") {
  FileRun run;
  run.outputs["fraud-alerts"].clear();
  run.Write();
  fs::remove(run.scratch / "outputs/server-alerts.ndjson");
  VerifyOptions options = run.Options();
  options.only = {"purchase-aggregates", "purchase-aggregates"};
  Result<Verification> result = Verify(options, kNotSet);
  REQUIRE(result.has_value());
  CHECK(result->verdict.passed());
  CHECK(result->verdict.outputs.size() == 1);
  options.only = {"fraud-alerts"};
  result = Verify(options, kNotSet);
  REQUIRE(result.has_value());
  CHECK_FALSE(result->verdict.passed());
  // A renamed file.
  fs::rename(run.scratch / "outputs/purchase-aggregates.ndjson", run.scratch / "outputs/x.ndjson");
  options.only = {"purchase-aggregates"};
  CHECK_FALSE(Verify(options, kNotSet).has_value());
  options.topics["purchase-aggregates"] = "x";
  result = Verify(options, kNotSet);
  REQUIRE(result.has_value());
  CHECK(result->verdict.passed());
}

TEST_CASE("Verify: server alerts from another time may be another run's, and a note says so") {
  FileRun run;
  std::vector<std::string>& alerts = run.outputs["server-alerts"];
  REQUIRE(alerts.size() > 20);
  const auto noted = [](const Verification& result, const std::string& text) {
    const auto& notes = result.verdict.notes;
    return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
      return note.find(text) != std::string::npos;
    });
  };
  const std::string right = alerts[0];
  const std::size_t load = right.find("\"cpu_load\":") + 11;
  REQUIRE(load > 11);
  // One too many of its own time.
  alerts.push_back(right.substr(0, load) + "1" + right.substr(load));
  Verification result = run.Judge();
  CHECK(Of(result.verdict, "server-alerts").flaw(Flaw::kUnexpected) == 1);
  CHECK_FALSE(noted(result, "outside of this run"));
  for (std::size_t i = 0; i < 20; ++i) {
    std::string other = alerts[i];
    other.replace(other.find("2026-01-01T"), 11, i % 2 == 0 ? "2025-12-31T" : "2026-01-02T");
    alerts.push_back(other);
  }
  result = run.Judge();
  CHECK(Of(result.verdict, "server-alerts").flaw(Flaw::kUnexpected) == 21);
  CHECK(noted(result,
              "unexpected server-alerts have timestamps from outside of this run "
              "(2026-01-01T00:00:00Z to 2026-01-01T00:00:09.999750Z)"));
}

TEST_CASE("Verify: the input files themselves") {
  FileRun run;
  VerifyOptions options = run.Options();
  options.from = "file:" + run.scratch / "events";
  options.inputs = true;
  Result<Verification> right = Verify(options, kNotSet);
  REQUIRE_MESSAGE(right.has_value(), right.error().message());
  CHECK(right->verdict.passed());
  CHECK(right->verdict.outputs.empty());
  REQUIRE(right->verdict.inputs.size() == kKinds);
  CHECK(right->verdict.inputs[0].name == "player-events");
  for (const Comparison& c : right->verdict.inputs) CHECK(c.matched > 100);

  std::vector<std::string> lines;
  const std::string path = run.scratch / "events/purchase-events.ndjson";
  {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
  }
  const std::string lost = lines[lines.size() / 2];
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2));
  lines.push_back(lines[3]);
  {
    std::ofstream file(path);
    for (const std::string& line : lines) file << line << '\n';
  }
  const Result<Verification> wrong = Verify(options, kNotSet);
  REQUIRE(wrong.has_value());
  const Comparison& purchases = Of(wrong->verdict, "purchase-events");
  CHECK(testing::Counts(purchases) ==
        std::to_string(lines.size()) + "/" + std::to_string(lines.size() - 1) + " 1 0 1 0");
  CHECK(purchases.examples[static_cast<unsigned>(Flaw::kMissing)][0].expected == lost);
  CHECK(Of(wrong->verdict, "player-events").passed());
}

TEST_CASE("Verify: what failed is not expected, what is unknown is not judged") {
  FileRun run;
  Result<std::vector<LedgerEntry>> ledger = ReadLedger(run.scratch / "run");
  REQUIRE(ledger.has_value());
  LedgerEntry& entry = (*ledger)[0];
  const Result<Manifest> manifest = ReadManifest(run.scratch / "run");
  REQUIRE(manifest.has_value());
  // Ten thousand events are lost in the middle, the fate of the next ten thousand is not known.
  entry.intervals[static_cast<unsigned>(Fate::kFailed)] = {{10'000, 19'999}};
  entry.intervals[static_cast<unsigned>(Fate::kUnknown)] = {{20'000, 29'999}};
  entry.fates[0] = {};
  for (unsigned k = 0; k < kKinds; ++k) {
    const std::uint64_t quarter = entry.generated[k] / 4;
    entry.fates[static_cast<unsigned>(Fate::kFailed)][k] = quarter;
    entry.fates[static_cast<unsigned>(Fate::kUnknown)][k] = quarter;
    entry.fates[0][k] = entry.generated[k] - 2 * quarter;
  }
  REQUIRE(WriteLedger(run.scratch / "run", manifest->run_id, *ledger).ok());

  for (const bool unknown_came : {false, true}) {
    run.Pipeline({}, [&](const StreamEvent& e) {
      return e.position < 10'000 || e.position >= (unknown_came ? 20'000 : 30'000);
    });
    const Verification found = run.Judge();
    CAPTURE(VerdictText(found.verdict, nullptr));
    CHECK(found.verdict.passed());
    CHECK(found.verdict.notes.size() == 3);
    CHECK((Of(found.verdict, "player-session-summaries").may > 0) == unknown_came);
    CHECK((Of(found.verdict, "server-alerts").may > 0) == unknown_came);
    CHECK((Of(found.verdict, "purchase-aggregates").may > 0 || !unknown_came));
  }
  // What the summary says of its own doubts is said again.
  std::ofstream(run.scratch / "run/summary.json")
      << R"({"destinations":[{"counters":{"possible_duplicates":1234},"planned_per_second":500.0,)"
      << R"("bottleneck":{"playload":true,"destination":false,"why":"no CPU"}}]})";
  const Verdict doubtful = run.Judge().verdict;
  REQUIRE(doubtful.notes.size() == 5);
  CHECK(doubtful.notes[2].find("did not offer its plan (no CPU)") != std::string::npos);
  CHECK(doubtful.notes[3].find("up to 1,234 events twice") != std::string::npos);
  // Outputs of events that failed are too many.
  run.Pipeline({}, [](const StreamEvent&) { return true; });
  const Verification all = run.Judge();
  CHECK(Of(all.verdict, "purchase-aggregates").flaw(Flaw::kUnexpected) > 0);
  CHECK(Of(all.verdict, "player-session-summaries").flaw(Flaw::kDuplicate) > 0);
  CHECK(Of(all.verdict, "player-session-summaries").flaw(Flaw::kMissing) == 0);
}

TEST_CASE("Verify: shards through the same topics, each by its own run directory") {
  Scratch scratch;
  std::map<std::string, std::vector<std::string>> outputs;
  ReferencePipeline pipeline;
  std::vector<ReferencePipeline::OutputRecord> records;
  for (std::uint32_t shard = 0; shard < 2; ++shard) {
    RunSpec spec = Spec("fraud-and-overload", 40'000);
    spec.shard = shard;
    spec.shards = 2;
    Execute(spec, "file:" + scratch / ("events" + std::to_string(shard)),
            scratch / ("run" + std::to_string(shard)));
    REQUIRE(WalkRun(spec, {}, 1)([&](const StreamEvent& event) {
              pipeline.Process(static_cast<ReferencePipeline::Input>(event.kind), event.value,
                               &records);
              return true;
            }).ok());
  }
  fs::create_directories(scratch / "outputs");
  const auto verdict_of = [&](int shard) {
    for (int i = 0; i < kOutputKinds; ++i) {
      std::ofstream file(scratch / ("outputs/" + std::string(kOutputNames[i]) + ".ndjson"));
      for (const auto& r : records) {
        if (testing::KindOf(r.output) != static_cast<OutputKind>(i)) continue;
        file << R"({"output":")" << kOutputNames[i] << R"(","key":")" << r.key << R"(","value":)"
             << r.value << "}\n";
      }
    }
    VerifyOptions options;
    options.run_dir = scratch / ("run" + std::to_string(shard));
    options.from = "file:" + scratch / "outputs";
    const Result<Verification> result = Verify(options, kNotSet);
    REQUIRE_MESSAGE(result.has_value(), result.error().message());
    return result->verdict;
  };
  for (const int shard : {0, 1}) {
    const Verdict verdict = verdict_of(shard);
    CAPTURE(VerdictText(verdict, nullptr));
    CHECK(verdict.passed());
    for (const Comparison& c : verdict.outputs) {
      CHECK(c.matched > 10);
      CHECK(c.foreign > 10);
    }
  }
  // What is wrong is wrong in one of the two.
  const auto last_alert = std::find_if(records.rbegin(), records.rend(), [](const auto& r) {
    return r.output == ReferencePipeline::Output::kServerAlerts;
  });
  records.erase(std::next(last_alert).base());
  CHECK(verdict_of(0).passed());
  CHECK(Of(verdict_of(1), "server-alerts").flaw(Flaw::kMissing) == 1);
}

TEST_CASE("Verify: compat judges what holds in every order") {
  FileRun run("compat", 20'000);
  const Verification found = run.Judge();
  CAPTURE(VerdictText(found.verdict, nullptr));
  CHECK(found.verdict.passed());
  CHECK(found.verdict.notes.size() == 1);
  CHECK(Of(found.verdict, "fraud-alerts").expected > 1'000);
}

TEST_CASE("Verify: what it refuses, in one clear line") {
  FileRun run;
  run.Write();
  const auto refused = [&](const std::function<void(VerifyOptions*)>& change,
                           const std::string& part) {
    VerifyOptions options = run.Options();
    change(&options);
    const Result<Verification> result = Verify(options, kNotSet);
    REQUIRE_FALSE(result.has_value());
    CAPTURE(result.error().message());
    CHECK(result.error().code() == Code::kInvalid);
    CHECK(result.error().message().find(part) != std::string::npos);
    CHECK(result.error().message().find('\n') == std::string::npos);
  };
  refused([&](VerifyOptions* o) { o->run_dir = run.scratch / "no-run"; }, "no-run");
  refused([&](VerifyOptions* o) { o->from = "file:" + run.scratch / "none"; }, "none");
  refused([](VerifyOptions* o) { o->from = "somewhere"; }, "somewhere");
  refused([](VerifyOptions* o) { o->from = "kafka://embedded"; }, "run --verify");
  refused([](VerifyOptions* o) { o->topics["fraud-alerts"] = "server-alerts"; }, "server-alerts");
  Result<Manifest> manifest = ReadManifest(run.scratch / "run");
  REQUIRE(manifest.has_value());
  manifest->finished = false;
  REQUIRE(WriteManifest(run.scratch / "run", *manifest).ok());
  refused([](VerifyOptions*) {}, "not over");
  CHECK(Expect(run.scratch / "run", "", std::nullopt, 1, [](std::string_view) {
          return true;
        }).code() == Code::kInvalid);
}

TEST_CASE("Verify: ends when it is told to") {
  FileRun run;
  run.Write();
  const Result<Verification> result = Verify(run.Options(), kSet);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Code::kInterrupted);
}

// A run with an HTTP destination, beside it another one, and what was polled of it as files of
// events and of what the reference pipeline makes of them.
class PolledRun {
 public:
  PolledRun() {
    RunOptions options;
    options.spec = Spec("fraud-and-overload", 400);  // polling does not end with the run
    options.spec.clock = Clock::kLive;
    options.to = {*ParseAddress("null"), *ParseAddress("http://127.0.0.1:0")};
    options.run_dir = scratch / "run";
    options.stay_ns = RunOptions::kUntilSignal;
    std::atomic<bool> stop{false};
    options.serving = [&](const std::vector<const Destination*>& serving) {
      server = serving[0]->transport->name();
      for (const char* target : {"/player_event?count=2000", "/purchase_event?count=700",
                                 "/server_metric?count=3000", "/purchase_event?count=800"}) {
        test::HttpClient client(server, std::string(target) + "&format=ndjson");
        while (client.connected() && client.Read()) {
        }
        Took(target, client.body());
      }
      stop = true;
    };
    Progress progress(Progress::Style::kQuiet, STDERR_FILENO);
    const RunResult result = playload::Execute(std::move(options), stop, kNotSet, progress);
    REQUIRE(result.summary.begun);
  }

  [[nodiscard]] Result<Verification> Judge(const std::string& fed_by) const {
    fs::create_directories(scratch / "files");
    for (const std::string& name : kTopics) std::ofstream(Path(name)) << Lines(name);
    VerifyOptions options;
    options.run_dir = scratch / "run";
    options.from = "file:" + scratch / "files";
    options.fed_by = fed_by;
    options.inputs = true;
    options.only.assign(kOutputNames, kOutputNames + kOutputKinds);
    return Verify(options, kNotSet);
  }

  // Runs them all through the pipeline.
  void Pipeline() {
    ReferencePipeline pipeline(PipelineBreakage{});
    std::vector<ReferencePipeline::OutputRecord> records;
    for (unsigned k = 0; k < kKinds; ++k) {
      for (const std::string& line : lines[kTopics[k]]) {
        records.clear();
        pipeline.Process(static_cast<ReferencePipeline::Input>(k), line, &records);
        for (const auto& r : records) {
          const std::string name = kOutputNames[static_cast<unsigned>(testing::KindOf(r.output))];
          lines[name].push_back("{\"output\":\"" + name + "\",\"key\":\"" + r.key +
                                "\",\"value\":" + r.value + "}");
        }
      }
    }
  }

  Scratch scratch;
  std::string server;
  std::map<std::string, std::vector<std::string>> lines;

 private:
  [[nodiscard]] std::string Path(const std::string& name) const {
    return scratch / ("files/" + name + ".ndjson");
  }
  [[nodiscard]] std::string Lines(const std::string& name) const {
    std::string text;
    const auto found = lines.find(name);
    if (found == lines.end()) return text;
    for (const std::string& line : found->second) text += line + '\n';
    return text;
  }
  void Took(std::string_view target, std::string_view body) {
    const std::size_t kind = target.starts_with("/player") ? 0 : target.starts_with("/pur") ? 1 : 2;
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t end = body.find('\n', at);
      lines[kTopics[kind]].emplace_back(body.substr(at, end - at));
      at = end + 1;
    }
  }
};

TEST_CASE("Verify: a pipeline that was fed by polling") {
  PolledRun run;
  REQUIRE(run.lines["purchase-events"].size() == 1'500);
  const Result<Manifest> manifest = ReadManifest(run.scratch / "run");
  REQUIRE(manifest.has_value());
  CHECK(!manifest->destinations[0].polled.has_value());
  REQUIRE(manifest->destinations[1].polled.has_value());
  CHECK(*manifest->destinations[1].polled ==
        std::array<std::uint64_t, kKinds>{2'000, 1'500, 3'000});
  run.Pipeline();

  Result<Verification> found = run.Judge("polled");
  REQUIRE_MESSAGE(found.has_value(), found.error().message());
  CHECK_MESSAGE(found->verdict.passed(), VerdictText(found->verdict, found->history));
  CHECK(Of(found->verdict, "player-session-summaries").expected == 2'000);
  CHECK(Of(found->verdict, "purchase-aggregates").expected == 1'500);
  CHECK(Of(found->verdict, "server-alerts").expected > 10);
  CHECK(Of(found->verdict, "fraud-alerts").expected > 10);
  CHECK(Of(found->verdict, "server-metrics").expected == 3'000);

  // It is not what the stream handed out.
  found = run.Judge("null");
  REQUIRE_MESSAGE(found.has_value(), found.error().message());
  CHECK(!found->verdict.passed());

  // An event and an alert that are not those of the run.
  std::string& event = run.lines["purchase-events"][1'000];
  const std::size_t amount = event.find("\"amount\":") + 9;
  const std::string right = event;
  event.insert(amount, "9");
  std::string& alert = run.lines["server-alerts"].back();
  const std::size_t latency = alert.find("\"latency\":") + 10;
  alert.insert(latency, "9");
  found = run.Judge("polled");
  REQUIRE_MESSAGE(found.has_value(), found.error().message());
  CHECK(Of(found->verdict, "purchase-events").flaw(Flaw::kMissing) == 1);
  CHECK(Of(found->verdict, "purchase-events").flaw(Flaw::kUnexpected) == 1);
  CHECK(Of(found->verdict, "server-alerts").flaw(Flaw::kMissing) +
            Of(found->verdict, "server-alerts").flaw(Flaw::kWrong) ==
        1);
  CHECK(Of(found->verdict, "fraud-alerts").passed());
}

TEST_CASE("Verify: what fed the pipeline must be a destination of the run") {
  const PolledRun run;
  for (const auto& [fed_by, says] : std::vector<std::pair<std::string, std::string>>{
           {"http://127.0.0.1:1", "polled"}, {"file:x", run.server}, {"Polled", "null"}}) {
    CAPTURE(fed_by);
    const Result<Verification> found = run.Judge(fed_by);
    REQUIRE(!found.has_value());
    CHECK(found.error().code() == Code::kInvalid);
    CHECK(found.error().message().find(says) != std::string::npos);
  }
  // The stream of the server was read by nobody, so nothing arrived by it.
  std::string lines;
  CHECK(Expect(run.scratch / "run", run.server, std::nullopt, 1, [&](std::string_view part) {
          lines += part;
          return true;
        }).ok());
  CHECK(lines.empty());
}

// A run into the embedded Kafka, and the reference pipeline beside it.
class KafkaRun {
 public:
  explicit KafkaRun(int partitions, const std::vector<std::string>& topics = kTopics) {
    Result<std::unique_ptr<EmbeddedKafka>> started = EmbeddedKafka::Start(topics, partitions);
    REQUIRE_MESSAGE(started.has_value(), started.error().message());
    kafka = std::move(*started);
    pipeline.brokers = kafka->bootstrap();
    pipeline.until_idle = milliseconds(300);
    verify.run_dir = scratch / "run";
    verify.from = "kafka://" + kafka->bootstrap();
  }

  void Events(Position end) const {
    Execute(Spec("fraud-and-overload", end), verify.from, verify.run_dir);
  }

  [[nodiscard]] PipelineReport Pipeline() const {
    const Result<PipelineReport> report = RunPipeline(pipeline, kNotSet);
    REQUIRE_MESSAGE(report.has_value(), report.error().message());
    return *report;
  }

  [[nodiscard]] Verification Judge() const {
    Result<Verification> found = Verify(verify, kNotSet);
    REQUIRE_MESSAGE(found.has_value(), found.error().message());
    return std::move(*found);
  }

  std::unique_ptr<EmbeddedKafka> kafka;
  PipelineOptions pipeline;
  VerifyOptions verify;

 private:
  Scratch scratch;
};

// The whole way over Kafka: events, pipeline, outputs and inputs.
TEST_CASE("Verify: a run through Kafka, a right pipeline and a wrong one") {
  std::vector<std::string> topics = kTopics;
  for (int i = 3; i < 7; ++i) topics.push_back("wrong-" + kTopics[static_cast<unsigned>(i)]);
  KafkaRun run(3, topics);
  run.Events(20'000);
  const PipelineReport right = run.Pipeline();
  CHECK(right.read[0] + right.read[1] + right.read[2] == 20'000);
  CHECK(right.Line().find("read ") == 0);
  CHECK(right.Line().find("no valid events") == std::string::npos);

  run.verify.timeout = milliseconds(3'000);
  Verification found = run.Judge();
  CAPTURE(VerdictText(found.verdict, nullptr));
  CHECK(found.verdict.passed());
  for (int i = 0; i < kOutputKinds; ++i) {
    const Comparison& c = Of(found.verdict, kOutputNames[i]);
    CHECK(c.expected > 0);
    std::uint64_t written = 0;
    for (int o = 0; o < ReferencePipeline::kOutputs; ++o) {
      if (c.name == ReferencePipeline::kOutputNames[o]) {
        written = right.written[static_cast<unsigned>(o)];
      }
    }
    CHECK(c.matched == written);
  }

  run.verify.inputs = true;
  found = run.Judge();
  CHECK(found.verdict.passed());
  CHECK(found.verdict.outputs.empty());
  CHECK(Of(found.verdict, "player-events").matched == right.read[0]);

  run.verify.inputs = false;
  REQUIRE(ParseBreakage("threshold=6", &run.pipeline.breakage).ok());
  for (int i = 0; i < kOutputKinds; ++i) {
    const std::string name = kOutputNames[i];
    run.pipeline.topics[name] = run.verify.topics[name] = "wrong-" + name;
  }
  const std::atomic<bool> finish{true};  // ends as soon as all is read
  run.pipeline.until_idle.reset();
  run.pipeline.finish = &finish;
  (void)run.Pipeline();
  run.verify.timeout = milliseconds(1'000);
  found = run.Judge();
  CHECK(Of(found.verdict, "fraud-alerts").flaw(Flaw::kMissing) > 0);
  CHECK(Of(found.verdict, "fraud-alerts").flaw(Flaw::kUnexpected) == 0);
  CHECK(Of(found.verdict, "purchase-aggregates").passed());
  CHECK(Of(found.verdict, "server-alerts").passed());

  // From the end there is nothing to do.
  run.pipeline.from_end = true;
  CHECK(run.Pipeline().read == std::array<std::uint64_t, 3>{0, 0, 0});
}

// Somebody else's records, which never end.
TEST_CASE("Verify: what comes of others does not keep it from ending") {
  KafkaRun run(1);
  run.Events(4'000);
  (void)run.Pipeline();
  // Longer than the test may take: the end comes because all is there.
  run.verify.timeout = std::chrono::minutes(10);
  for (const std::string player : {"player_other_1", "player_99999999"}) {
    CAPTURE(player);
    std::atomic<bool> done{false};
    std::thread others([&] {
      char error[200];
      rd_kafka_conf_t* const conf = rd_kafka_conf_new();
      rd_kafka_conf_set(conf, "bootstrap.servers", run.pipeline.brokers.c_str(), error,
                        sizeof(error));
      rd_kafka_t* const producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
      const std::string value = R"({"player_id":")" + player + R"(","event_count":1})";
      rd_kafka_topic_t* const topic =
          rd_kafka_topic_new(producer, "player-session-summaries", nullptr);
      while (!done) {
        std::string copied = value;
        rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, copied.data(),
                         copied.size(), player.data(), player.size(), nullptr);
        rd_kafka_poll(producer, 100);
      }
      rd_kafka_flush(producer, 5'000);
      rd_kafka_topic_destroy(topic);
      rd_kafka_destroy(producer);
    });
    const Result<Verification> found = Verify(run.verify, kNotSet);
    done = true;
    others.join();
    REQUIRE_MESSAGE(found.has_value(), found.error().message());
    const Comparison& summaries = Of(found->verdict, "player-session-summaries");
    CHECK(summaries.matched == summaries.expected);
    CHECK(Of(found->verdict, "fraud-alerts").passed());
    // Of another run; or of nobody, and then it is waited for silence first.
    CHECK((player == "player_other_1" ? summaries.foreign : summaries.flaw(Flaw::kUnexpected)) > 3);
  }
}

TEST_CASE("Verify: a broker that gives no more leaves a verdict, which says so") {
  KafkaRun run(3);
  REQUIRE(ParseBreakage("threshold=6", &run.pipeline.breakage).ok());
  run.Events(4'000);
  (void)run.Pipeline();
  run.verify.timeout = run.verify.connect_timeout = milliseconds(1'500);
  run.verify.locate = true;
  const auto notes_of = [&] {
    const Verdict verdict = run.Judge().verdict;
    CHECK(Of(verdict, "fraud-alerts").flaw(Flaw::kMissing) > 0);
    std::string notes;
    for (const std::string& note : verdict.notes) notes += note + "\n";
    return notes;
  };
  CHECK(notes_of() == "");
  // Who asks for the inputs' leaders gets none.
  rd_kafka_mock_topic_set_error(run.kafka->cluster(), "purchase-events",
                                RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
  CHECK(notes_of().find("where the examples' events are in Kafka is not known") !=
        std::string::npos);
  // Nobody gets records any more.
  run.verify.locate = false;
  constexpr std::int16_t kFetch = 1;
  std::vector<rd_kafka_resp_err_t> errors(10'000, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
  rd_kafka_mock_push_request_errors_array(run.kafka->cluster(), kFetch, errors.size(),
                                          errors.data());
  CHECK(notes_of().find("what is called missing may be there") != std::string::npos);
}

// A reader that saw the end of a partition may not have seen yet what was written since: the
// embedded Kafka lets it wait for half a second.
TEST_CASE("RunPipeline: told to finish right behind the last event, it has read that one too") {
  KafkaRun run(3);
  std::atomic<bool> finish{false};
  run.pipeline.until_idle.reset();
  run.pipeline.finish = &finish;
  std::optional<Result<PipelineReport>> report;
  std::thread pipeline([&] { report.emplace(RunPipeline(run.pipeline, kNotSet)); });
  // Long enough for it to see the ends of its empty topics; that it passes does not depend on this.
  std::this_thread::sleep_for(milliseconds(1'500));
  run.Events(2'000);
  finish = true;
  pipeline.join();
  REQUIRE_MESSAGE(report->has_value(), report->error().message());
  CHECK((*report)->read[0] + (*report)->read[1] + (*report)->read[2] == 2'000);
}

TEST_CASE("RunPipeline: what it refuses, and nobody at the address") {
  PipelineOptions options;
  options.brokers = "127.0.0.1:1";
  options.connect_timeout = milliseconds(200);
  CHECK(RunPipeline(options, kNotSet).error().code() == Code::kUnreachable);
  CHECK(RunPipeline(options, kSet).error().code() == Code::kInterrupted);
  options.topics["player-events"] = "server-metrics";
  CHECK(RunPipeline(options, kNotSet).error().code() == Code::kInvalid);
}

}  // namespace
}  // namespace playload
