// The whole bench, in hardly any time: what it measures, and what it leaves behind.

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "generator/base/scratch_folder.h"
#include "generator/measure/bench.h"
#include "generator/measure/plain_writer.h"
#include "scenarios/load.h"

namespace playload {
namespace {

namespace fs = std::filesystem;

BenchOptions Options(const std::string& folder) {
  Result<Scenario> scenario = LoadScenario("steady", {});
  REQUIRE(scenario.has_value());
  BenchOptions options;
  options.run.spec.scenario = *scenario;
  options.run.spec.seed = 1;
  options.run.threads = 1;
  options.stage_ns = 10'000'000;  // too short for some stages, which take longer then
  options.folder = folder;
  return options;
}

}  // namespace

TEST_CASE("Bench: every stage has figures, and nothing is left behind") {
  const Result<ScratchFolder> folder = ScratchFolder::MakeInMemory();
  REQUIRE(folder.has_value());
  BenchOptions options = Options(folder->path());
  std::vector<std::string> lines;
  options.log = [&](const std::string& line) { lines.push_back(line); };
  const std::atomic<bool> stop{false};
  const Result<BenchReport> report = RunBench(options, stop);
  REQUIRE_MESSAGE(report.has_value(), report.error().message());
  REQUIRE(report->rows.size() >= 7);
  CHECK(report->rows.front().stage == BenchStage::kYardstick);
  CHECK(report->rows.back().stage == BenchStage::kEmbeddedKafka);
  CHECK(lines.size() == report->rows.size() - 1);
  for (const Figures& row : report->rows) {
    CAPTURE(row.label);
    CHECK_MESSAGE(row.status.ok(), row.status.message());
    CHECK(row.events_per_second().median > 0);
    CHECK(row.cpu_ns > 0);
    const bool beside = row.stage == BenchStage::kPipe || row.stage == BenchStage::kFile;
    CHECK(row.plain.has_value() == beside);
    if (row.plain) CHECK(row.plain->bytes_per_second.least > 0);
  }
  CHECK(fs::is_empty(folder->path()));
}

TEST_CASE("Bench: asked to stop, it stops and leaves nothing behind") {
  const Result<ScratchFolder> folder = ScratchFolder::MakeInMemory();
  REQUIRE(folder.has_value());
  BenchOptions options = Options(folder->path());
  std::atomic<bool> stop{false};
  // In the middle: when the first stage is through.
  options.log = [&](const std::string&) { stop.store(true); };
  const Result<BenchReport> report = RunBench(options, stop);
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code() == Code::kInterrupted);
  CHECK(fs::is_empty(folder->path()));
}

TEST_CASE("Bench: as many workers as a run has, two where it has one and there is room") {
  CHECK(ScaledThreads(1, 1) == 1);
  CHECK(ScaledThreads(1, 2) == 2);
  CHECK(ScaledThreads(1, 8) == 2);
  CHECK(ScaledThreads(7, 8) == 7);
}

TEST_CASE("Plain loop: writes that many bytes, and its errors name the file") {
  const Result<ScratchFolder> folder = ScratchFolder::MakeInMemory();
  REQUIRE(folder.has_value());
  std::atomic<bool> stop{false};
  const std::string path = folder->path() + "/plain";
  const Result<std::int64_t> ns = PlainWriteFile(path, "abc\n", 3'000'001, stop);
  REQUIRE(ns.has_value());
  CHECK(*ns > 0);
  CHECK_FALSE(fs::exists(path));
  const Result<std::int64_t> none = PlainWriteFile(folder->path() + "/no/plain", "x", 1, stop);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code() == Code::kDestination);
  CHECK(none.error().message().find("/no/plain") != std::string::npos);
  stop.store(true);
  CHECK(PlainWriteFile(path, "x", 1, stop).error().code() == Code::kInterrupted);
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("Drained pipe: takes whole blocks for as long as it is asked") {
  Result<std::unique_ptr<DrainedPipe>> pipe = DrainedPipe::Make();
  REQUIRE(pipe.has_value());
  const std::atomic<bool> stop{false};
  const Result<std::uint64_t> bytes = (*pipe)->PlainWrite("abc\n", 20'000'000, stop);
  REQUIRE(bytes.has_value());
  CHECK(*bytes > 0);
  CHECK(*bytes % 65'536 == 0);
  CHECK((*pipe)->ReaderCpuNow() > 0);
}

}  // namespace playload
