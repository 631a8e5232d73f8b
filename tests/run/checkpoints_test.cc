#include "generator/run/checkpoints.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "generator/run/json_file.h"
#include "generator/stream/skip.h"
#include "generator/stream/stream.h"
#include "generator/stream/tables.h"
#include "scenarios/load.h"
#include "tests/run/fakes.h"
#include "tests/support/world.h"

namespace playload {
namespace {

namespace fs = std::filesystem;

RunSpec Spec(Position end, std::uint64_t players = 20'000) {
  const Result<Scenario> scenario = LoadScenario("fraud-ring", {});
  REQUIRE_MESSAGE(scenario.has_value(), scenario.error().message());
  RunSpec spec = test::SpecOf(*scenario, 5, end);
  spec.scenario.population.players = players;
  return spec;
}

// Makes a run's events and leaves its checkpoints. The writer works while the stream goes on, so
// that one that comes too soon may be left out: here the stream waits for it.
void Leave(const std::string& run_dir, const RunSpec& spec, const CheckpointOptions& options) {
  fs::create_directories(run_dir);
  CheckpointWriter writer(run_dir, spec, PlanCheckpoints(spec, options));
  StreamOptions stream_options;
  stream_options.threads = 2;
  stream_options.records = true;
  stream_options.watcher = &writer;
  Stream stream(spec, stream_options);
  REQUIRE(stream.Start().ok());
  while (Batch* batch = stream.Next()) {
    while (writer.busy()) std::this_thread::yield();
    stream.Recycle(batch);
  }
  REQUIRE(writer.Finish().ok());
}

std::vector<std::string> Files(const std::string& run_dir) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(run_dir + "/checkpoints")) {
    files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::uint64_t BytesOf(const std::vector<std::string>& files) {
  std::uint64_t bytes = 0;
  for (const std::string& file : files) bytes += fs::file_size(file);
  return bytes;
}

// Whether the lanes are where they must be after `run` runs: what they make next says it.
bool At(const StreamTables& tables, std::uint64_t run, Lanes* lanes) {
  Lanes straight(tables.model);
  SkipRuns(tables.layout, 0, run, 2, &straight);
  std::vector<Record> a(1'600);
  std::vector<Record> b(1'600);
  for (std::uint64_t lane = 0; lane < tables.layout.lanes(); ++lane) {
    straight.Simulate(lane, a.data(), 1'600);
    lanes->Simulate(lane, b.data(), 1'600);
    if (std::memcmp(a.data(), b.data(), a.size() * sizeof(Record)) != 0) return false;
  }
  return true;
}

constexpr CheckpointOptions kDense{
    .most_bytes = std::uint64_t{64} << 20, .least_spacing = 4'096, .events_per_byte = 0};

TEST_CASE("Checkpoints: lanes go on from them as from the beginning") {
  const test::ScratchFolder folder;
  const RunSpec spec = Spec(2'000'000);
  Leave(folder / "run", spec, kDense);
  const StreamTables tables(spec);
  Checkpoints checkpoints(folder / "run", spec, tables.model);
  CHECK(checkpoints.notes().empty());
  REQUIRE(checkpoints.size() >= 2);
  CHECK(checkpoints.size() <= CheckpointWriter::kMost);
  Lanes lanes(tables.model);
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    const std::uint64_t run = checkpoints.run(i);
    CHECK(run % kBatchRuns == 0);
    REQUIRE(checkpoints.Restore(run, &lanes) == run);
    CHECK(At(tables, run, &lanes));
    Lanes one(tables.model, 2);
    REQUIRE(checkpoints.RestoreLane(i, 2, &one));
    std::vector<Record> a(160);
    std::vector<Record> b(160);
    REQUIRE(checkpoints.Restore(run + 5, &lanes) == run);
    lanes.Simulate(2, a.data(), 160);
    one.Simulate(2, b.data(), 160);
    CHECK(std::memcmp(a.data(), b.data(), 160 * sizeof(Record)) == 0);
  }
  lanes.Reset();
  CHECK(checkpoints.Restore(checkpoints.run(0) - 1, &lanes) == 0);
  CHECK(At(tables, 0, &lanes));
}

TEST_CASE("Checkpoints: a run whose end is not known keeps them even, few and small") {
  const test::ScratchFolder folder;
  RunSpec spec = Spec(RunSpec::kNoEnd, 300);
  const StreamTables tables(spec);
  const Model& model = tables.model;
  Lanes lanes(model);
  std::vector<Record> records(kRunLength);
  for (std::uint64_t lane = 0; lane < model.lanes(); ++lane) {
    lanes.Simulate(lane, records.data(), kRunLength);
  }
  CheckpointOptions options = kDense;
  options.most_bytes = 200'000;
  CheckpointWriter writer(folder / "", spec, PlanCheckpoints(spec, options));
  std::uint64_t run = 0;
  for (int i = 0; i < 300; ++i) {
    run = (std::max(writer.wanted(), run + 1) + 63) / 64 * 64;
    writer.Take(run, lanes);
    while (writer.busy()) std::this_thread::yield();
    if (i % 29 != 0) continue;
    const std::vector<std::string> files = Files(folder / "");
    REQUIRE(BytesOf(files) <= options.most_bytes);
    REQUIRE(files.size() <= CheckpointWriter::kMost);
    Checkpoints found(folder / "", spec, model);
    REQUIRE(found.size() == files.size());
    std::uint64_t widest = 0;
    for (std::size_t k = 0; k <= found.size(); ++k) {
      const std::uint64_t from = k == 0 ? 0 : found.run(k - 1);
      widest = std::max(widest, (k == found.size() ? run : found.run(k)) - from);
    }
    if (i > 29) CHECK(widest <= run / files.size() * 3);
  }
  CHECK(run > 50'000'000);
  REQUIRE(writer.Finish().ok());
}

TEST_CASE("Checkpoints: what is damaged, cut off, of another run or no checkpoint is not used") {
  const test::ScratchFolder folder;
  const RunSpec spec = Spec(1'000'000, 3'000);
  Leave(folder / "run", spec, kDense);
  const StreamTables tables(spec);
  const std::vector<std::string> files = Files(folder / "run");
  REQUIRE(files.size() >= 3);
  const std::string& last = files.back();
  const Result<std::string> content = ReadWholeFile(last, std::size_t{1} << 30);
  REQUIRE(content.has_value());
  const std::uint64_t far = 1'000'000 / 16;
  std::uint64_t before = 0;
  {
    Checkpoints good(folder / "run", spec, tables.model);
    before = good.run(good.size() - 2);
  }
  const auto refused = [&](const std::string& wrong) {
    REQUIRE(WriteFileAtomically(last, wrong).ok());
    Checkpoints checkpoints(folder / "run", spec, tables.model);
    Lanes lanes(tables.model);
    const std::uint64_t run = checkpoints.Restore(far, &lanes);
    REQUIRE(checkpoints.notes().size() == 1);
    CHECK(checkpoints.notes()[0].find(last) != std::string::npos);
    CHECK(run == before);
    CHECK(At(tables, run, &lanes));
  };
  SUBCASE("one bit anywhere") {
    for (std::size_t at = 3; at < content->size(); at += content->size() / 41) {
      CAPTURE(at);
      std::string wrong = *content;
      wrong[at] = static_cast<char>(wrong[at] ^ 0x20);
      refused(wrong);
    }
  }
  SUBCASE("cut off or longer") {
    for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{100},
                                   std::size_t{200}, content->size() / 2, content->size() - 1}) {
      CAPTURE(size);
      refused(content->substr(0, size));
    }
    refused(*content + "x");
  }
  SUBCASE("of another version") {
    std::string wrong = *content;
    wrong[8] = 1;  // the version
    refused(wrong);
    const Checkpoints checkpoints(folder / "run", spec, tables.model);
    CHECK(checkpoints.notes()[0].find("it has version 1, this playload reads version 2") !=
          std::string::npos);
  }
  SUBCASE("something else") {
    refused("not a checkpoint\n");
    refused(std::string(1'000'000, '\0'));
  }
  SUBCASE("of another run") {
    RunSpec other = spec;
    SUBCASE("seed") { other.seed = 6; }
    SUBCASE("scenario") { other.scenario.population.players = 3'001; }
    SUBCASE("shard") { other.shards = 2; }
    Leave(folder / "other", other, kDense);
    const Result<std::string> foreign =
        ReadWholeFile(Files(folder / "other").back(), std::size_t{1} << 30);
    REQUIRE(foreign.has_value());
    refused(*foreign);
  }
  SUBCASE("gone") {
    fs::remove_all(folder / "run/checkpoints");
    Checkpoints checkpoints(folder / "run", spec, tables.model);
    Lanes lanes(tables.model);
    CHECK(checkpoints.Restore(far, &lanes) == 0);
    CHECK(checkpoints.notes().empty());
  }
}

TEST_CASE("Checkpoints: the plan says whether there will be any, and why not") {
  const CheckpointPlan small = PlanCheckpoints(Spec(100'000), {});
  CHECK(!small.on);
  CHECK(small.why_not == "the run is short");
  const CheckpointPlan long_one = PlanCheckpoints(Spec(1'000'000'000, 1'000'000), {});
  CHECK(long_one.on);
  CHECK(long_one.disk_bytes <= CheckpointOptions::kMostBytes);
  CHECK(long_one.disk_bytes > CheckpointOptions::kMostBytes / 2);
  // What two cores make again in half a second, and no more often than it is worth.
  CHECK(long_one.spacing * kRunLength < 50'000'000);
  CHECK(PlanCheckpoints(Spec(200'000'000, 1'000'000), {}).spacing * kRunLength > 35'000'000);
  const CheckpointPlan large = PlanCheckpoints(Spec(1'000'000'000, 100'000'000), {});
  CHECK(!large.on);
  CHECK(large.why_not.find("fewer than two") != std::string::npos);
  const CheckpointPlan off = PlanCheckpoints(Spec(1'000'000'000), {.most_bytes = 0});
  CHECK(!off.on);
  CHECK(off.why_not == "--checkpoints off");
}

// A disk that takes no more ends the checkpoints, not the run.
TEST_CASE("Checkpoints: where they cannot be written the writer says so at the end") {
  const test::ScratchFolder folder;
  const RunSpec spec = Spec(RunSpec::kNoEnd, 300);
  const Model model(spec.scenario, spec.seed);
  Lanes lanes(model);
  REQUIRE(WriteFileAtomically(folder / "checkpoints", "in the way").ok());
  CheckpointWriter writer(folder / "", spec, PlanCheckpoints(spec, kDense));
  writer.Take(64, lanes);
  while (writer.busy()) std::this_thread::yield();
  writer.Take(128, lanes);
  CHECK(writer.wanted() == LanesWatcher::kNever);
  const Status status = writer.Finish();
  CHECK(!status.ok());
  CHECK(status.message().find("checkpoints") != std::string::npos);
}

}  // namespace
}  // namespace playload
