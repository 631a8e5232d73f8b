#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

#include "generator/run/ledger.h"
#include "generator/run/manifest.h"
#include "generator/run/run.h"
#include "scenarios/load.h"
#include "tests/run/fakes.h"
#include "tests/support/world.h"

namespace playload {
namespace {

const std::atomic<bool> kNo{false};
const std::atomic<bool> kYes{true};

// A virtual run of a built-in scenario, so that its manifest can be read again.
RunOptions Options(const std::string& run_dir, const std::vector<std::string>& to) {
  RunOptions options;
  const Result<Scenario> scenario = LoadScenario("fraud-ring", {});
  REQUIRE_MESSAGE(scenario.has_value(), scenario.error().message());
  options.spec = test::SpecOf(*scenario, 5, 30'000);
  options.start_given = true;
  options.run_dir = run_dir;
  for (const std::string& text : to) options.to.push_back(*ParseAddress(text));
  return options;
}

RunResult Do(RunOptions options, const std::atomic<bool>& stop = kNo) {
  Progress progress(Progress::Style::kQuiet, 2);
  return Execute(std::move(options), stop, kNo, progress);
}

std::uint64_t Lines(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::uint64_t lines = 0;
  while (std::getline(file, line)) ++lines;
  return lines;
}

}  // namespace

TEST_CASE("Run: two destinations get the same events, and the run directory says so") {
  const test::ScratchFolder folder;
  const RunResult result = Do(Options(folder / "run", {"null", "file:" + (folder / "out")}));
  REQUIRE_MESSAGE(result.status.ok(), result.status.message());

  const Result<Manifest> manifest = ReadManifest(folder / "run");
  REQUIRE_MESSAGE(manifest.has_value(), manifest.error().message());
  CHECK(manifest->finished);
  REQUIRE(manifest->destinations.size() == 2);
  CHECK(manifest->destinations[0].end == 30'000);
  CHECK(manifest->destinations[0].digest.has_value());
  CHECK(manifest->destinations[0].digest == manifest->destinations[1].digest);

  const Result<std::vector<LedgerEntry>> ledger = ReadLedger(folder / "run");
  REQUIRE_MESSAGE(ledger.has_value(), ledger.error().message());
  REQUIRE(ledger->size() == 2);
  CHECK(ledger->at(0).generated == ledger->at(1).generated);
  CHECK(ledger->at(0).total(Fate::kAcked) == 30'000);
  for (std::size_t k = 0; k < kKinds; ++k) {
    CHECK(Lines(folder / ("out/" + ledger->at(1).topics[k] + ".ndjson")) ==
          ledger->at(1).generated[k]);
  }
  REQUIRE(result.summary.expected.has_value());
  CHECK(result.summary.expected->player_events == ledger->at(0).generated[0]);
  CHECK(std::filesystem::exists(folder / "run/summary.json"));

  // The stream of the manifest is the stream that was sent.
  const Result<RunSpec> spec = SpecFromManifest(folder / "run");
  REQUIRE(spec.has_value());
  Stream stream(*spec, StreamOptions{});
  REQUIRE(stream.Start().ok());
  while (Batch* batch = stream.Next()) stream.Recycle(batch);
  CHECK(stream.digest() == manifest->destinations[0].digest);
}

TEST_CASE("Run: a directory that is there is refused, and left as it is") {
  const test::ScratchFolder folder;
  std::filesystem::create_directory(folder / "run");
  const RunResult result = Do(Options(folder / "run", {"file:" + (folder / "out")}));
  CHECK(result.status.code() == Code::kInvalid);
  CHECK(result.status.message().find("--run-dir") != std::string::npos);
  CHECK(std::filesystem::is_empty(folder / "run"));
  CHECK(!std::filesystem::exists(folder / "out"));
}

TEST_CASE("Run: one destination that cannot be opened ends all, with a summary") {
  const test::ScratchFolder folder;
  std::filesystem::create_directory(folder / "out");
  std::ofstream(folder / "out/player-events.ndjson") << "mine";
  const RunResult result = Do(Options(folder / "run", {"null", "file:" + (folder / "out")}));
  CHECK(result.status.code() == Code::kInvalid);
  CHECK(Lines(folder / "out/player-events.ndjson") == 1);
  CHECK(std::filesystem::exists(folder / "run/summary.json"));
  CHECK(!result.summary.begun);
  CHECK(result.summary.destinations.at(0).ledger.total_generated() == 0);
}

TEST_CASE("Run: interrupted before it began") {
  const test::ScratchFolder folder;
  const RunResult result = Do(Options(folder / "run", {"null"}), kYes);
  CHECK(result.status.code() == Code::kInterrupted);
  CHECK(std::filesystem::exists(folder / "run/summary.json"));
}

// The flag goes up while the run goes on, at a moment that nobody chooses: whatever was sent,
// digest and expectation are those of exactly these events.
TEST_CASE("Run: interrupted in the middle, everything is accounted for up to the event") {
  const test::ScratchFolder folder;
  RunOptions options = Options(folder / "run", {"file:" + (folder / "out")});
  options.spec.end = RunSpec::kNoEnd;
  std::atomic<bool> stop{false};
  std::thread interrupter([&] {
    while (!std::filesystem::exists(folder / "out/player-events.ndjson") ||
           std::filesystem::file_size(folder / "out/player-events.ndjson") < 3'000'000) {
      std::this_thread::yield();
    }
    stop = true;
  });
  const RunResult result = Do(options, stop);
  interrupter.join();
  CHECK(result.status.code() == Code::kInterrupted);
  const Result<Manifest> manifest = ReadManifest(folder / "run");
  REQUIRE_MESSAGE(manifest.has_value(), manifest.error().message());
  const Result<std::vector<LedgerEntry>> ledger = ReadLedger(folder / "run");
  REQUIRE_MESSAGE(ledger.has_value(), ledger.error().message());
  const LedgerEntry& entry = ledger->front();
  CHECK(entry.total_generated() == entry.end);
  CHECK(manifest->destinations[0].end == entry.end);
  for (std::size_t k = 0; k < kKinds; ++k) {
    CHECK(Lines(folder / ("out/" + entry.topics[k] + ".ndjson")) == entry.fates[0][k]);
  }
  REQUIRE(result.summary.expected.has_value());
  CHECK(result.summary.expected->purchase_events == entry.generated[1]);
  CHECK(result.summary.digest.has_value());
}

TEST_CASE("Run: at rate max the stamps are kept, and give the same bytes again") {
  const test::ScratchFolder folder;
  RunOptions options = Options(folder / "run", {"file:" + (folder / "out")});
  options.spec.clock = Clock::kLive;
  options.spec.rate_max = true;
  options.start_given = false;
  const RunResult result = Do(options);
  REQUIRE_MESSAGE(result.status.ok(), result.status.message());
  const Result<std::vector<std::int64_t>> stamps = ReadStamps(folder / "run");
  REQUIRE_MESSAGE(stamps.has_value(), stamps.error().message());
  REQUIRE(!stamps->empty());
  const Result<RunSpec> spec = SpecFromManifest(folder / "run");
  REQUIRE(spec.has_value());
  CHECK(spec->rate_max);
  CHECK(stamps->front() >= spec->start_ns);

  StampLog log(*stamps);
  StreamOptions again;
  again.by_kind = true;
  again.stamps = &log;
  Stream stream(*spec, again);
  REQUIRE(stream.Start().ok());
  std::string players;
  while (Batch* batch = stream.Next()) {
    players.append(batch->buffers[0].data(), batch->sizes[0]);
    stream.Recycle(batch);
  }
  std::ifstream file(folder / "out/player-events.ndjson");
  const std::string sent((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  CHECK(players == sent);
}

TEST_CASE("Run: company that cannot come ends the run before its clock starts") {
  const test::ScratchFolder folder;
  RunOptions options = Options(folder / "run", {"null"});
  bool finished = false;
  options.opened = [](const std::string&, const std::vector<const Destination*>& open) {
    CHECK(open.size() == 1);
    return Invalid("no company");
  };
  options.finished = [&finished](const RunSummary&) {
    finished = true;
    return Status();
  };
  const RunResult result = Do(options);
  CHECK(result.status.message() == "no company");
  CHECK(!finished);
  CHECK(result.summary.destinations.at(0).ledger.total_generated() == 0);
}

TEST_CASE("Run: what the company finds becomes the run's own result") {
  const test::ScratchFolder folder;
  RunOptions options = Options(folder / "run", {"null"});
  options.finished = [](const RunSummary&) { return Status(Code::kVerification, "wrong"); };
  CHECK(Do(options).status.code() == Code::kVerification);
}

TEST_CASE("Run: ids name time, scenario, seed and shard, and can be folders") {
  RunSpec spec;
  spec.scenario.name = "a b/c";
  spec.seed = 9;
  CHECK(MakeRunId(1'767'225'600'999'999'999, spec) == "20260101T000000Z-a-b-c-9");
  spec.shard = 2;
  spec.shards = 5;
  CHECK(MakeRunId(1'767'225'600'000'000'000, spec) == "20260101T000000Z-a-b-c-9-shard-2-of-5");
}

}  // namespace playload
