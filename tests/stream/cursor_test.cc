#include "generator/stream/cursor.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/stream/records.h"
#include "tests/support/world.h"

namespace playload {
namespace {

const std::vector<std::string> kOrdinary = {"newcomer", "casual", "regular", "grinder",
                                            "social",   "whale",  "bot",     "fraudster"};

// Fraud and overload: events that depend on the plan as well.
Scenario Eventful(std::uint64_t players) {
  Scenario world = test::World(players, kOrdinary);
  FraudIncident fraud;
  fraud.window = {1'000'000'000, 3'000'000'000, 0};
  fraud.share_parts = 200'000'000;
  fraud.personas = {7};
  world.fraud = {fraud};
  OverloadIncident overload;
  overload.window = {2'000'000'000, 4'000'000'000, 0};
  overload.ramp_ns = 1'000'000'000;
  overload.cpu = 90;
  world.overload = {overload};
  return world;
}

Scenario Compat() {
  Scenario compat = test::World(99, {"casual"});
  compat.compat = true;
  return compat;
}

struct Reader {
  explicit Reader(const RunSpec& spec, const Snapshots* snapshots = nullptr)
      : tables(spec), cursor(tables, snapshots) {
    REQUIRE(cursor.ok());
  }
  std::span<const Record> Read(std::uint64_t number) {
    return {records.data(), cursor.Read(number, records.data(), nullptr)};
  }

  const StreamTables tables;
  Cursor cursor;
  std::array<Record, kBatchEvents> records;
};

// The specs of all tests: ordinary and small worlds, more lanes than a batch has runs, shards, an
// end in the middle of a run, the original's world.
std::vector<RunSpec> Specs() {
  std::vector<RunSpec> specs = {test::SpecOf(Eventful(5'000), 1, 120'007),
                                test::SpecOf(Eventful(1), 2, 30'000),
                                test::SpecOf(Eventful(120'000), 3, 60'000),
                                test::SpecOf(Compat(), 4, 60'001),
                                test::SpecOf(Eventful(700), 5, 5),
                                test::SpecOf(test::WithFaults(Eventful(5'000)), 6, 90'001)};
  for (const auto& [shard, shards] : {std::pair{0u, 2u}, {4u, 5u}, {12u, 40u}}) {
    RunSpec spec = specs.front();
    spec.shard = shard;
    spec.shards = shards;
    specs.push_back(spec);
  }
  return specs;
}

TEST_CASE("Cursor: the stream's records, in order and from any order of numbers") {
  for (const RunSpec& spec : Specs()) {
    CAPTURE(spec.seed);
    CAPTURE(spec.shard);
    CAPTURE(spec.shards);
    const test::Batches stream = test::RecordsOf(spec);
    Reader forward(spec);
    std::size_t differing = 0;
    for (std::uint64_t n = 0; n < stream.size(); ++n) {
      CHECK(forward.cursor.CostTo(n) == 0);
      differing += test::Same(forward.Read(n), stream[n]) ? 0 : 1;
    }
    CHECK(differing == 0);
    CHECK(forward.Read(stream.size()).empty());
    CHECK(forward.Read(~std::uint64_t{0}).empty());
    if (stream.empty()) continue;

    Reader anywhere(spec);
    std::mt19937_64 random(spec.seed);
    for (int i = 0; i < 25; ++i) {
      // Far jumps, steps back and forth, and the same one again.
      const std::uint64_t n = random() % stream.size();
      for (const std::uint64_t near : {n, n, n + 1, n + 1 + random() % 9, n - random() % 3}) {
        if (near < stream.size()) {
          differing += test::Same(anywhere.Read(near), stream[near]) ? 0 : 1;
        }
      }
    }
    CHECK(differing == 0);
  }
}

TEST_CASE("Cursor: snapshots that a stream left change the way, not the records") {
  for (const RunSpec& spec : Specs()) {
    CAPTURE(spec.seed);
    CAPTURE(spec.shard);
    Snapshots snapshots(std::uint64_t{1} << 30, 300);
    const test::Batches stream = test::RecordsOf(spec, &snapshots);
    std::size_t differing = 0;
    std::uint64_t restored = 0;
    Reader reader(spec, &snapshots);
    for (std::uint64_t n = stream.size(); n-- > 0;) {
      if (n % 3 == 1) continue;
      differing += test::Same(reader.Read(n), stream[n]) ? 0 : 1;
      restored += snapshots.Nearest(n * kBatchRuns) > 0 ? 1 : 0;
    }
    CHECK(differing == 0);
    if (stream.size() > 40) CHECK(restored > stream.size() / 4);
  }
}

// CostTo() is what Read() does: it leads from where the cursor is, or from the nearest snapshot.
TEST_CASE("Cursor: the cost of a place is the events before it from the best place to begin") {
  const RunSpec spec = test::SpecOf(Eventful(5'000), 9, 400'000);
  Reader fresh(spec);
  CHECK(fresh.cursor.CostTo(0) == 0);
  CHECK(fresh.cursor.CostTo(7) == 7 * kBatchEvents);
  CHECK(fresh.Read(300).size() == kBatchEvents);
  CHECK(fresh.cursor.CostTo(300) == 0);
  CHECK(fresh.cursor.CostTo(301) == 0);  // the next tile
  CHECK(fresh.cursor.CostTo(310) == 9 * kBatchEvents);
  CHECK(fresh.cursor.CostTo(299) == 299 * kBatchEvents);
  CHECK(fresh.cursor.CostTo(1'000'000) == 0);  // there is none

  Snapshots snapshots(std::uint64_t{1} << 30, 1'000);
  test::RecordsOf(spec, &snapshots);
  Reader reader(spec, &snapshots);
  const std::uint64_t nearest = snapshots.Nearest(300 * kBatchRuns);
  REQUIRE(nearest > 0);
  const std::uint64_t number = nearest / kBatchRuns + 10;
  REQUIRE(snapshots.Nearest(number * kBatchRuns) == nearest);
  CHECK(reader.cursor.CostTo(number) >= 10 * kBatchEvents);
  CHECK(reader.cursor.CostTo(number) < 15 * kBatchEvents);  // with what putting it back costs
  CHECK(reader.Read(number - 5).size() == kBatchEvents);
  CHECK(reader.cursor.CostTo(number) == 4 * kBatchEvents);
  // At the snapshot itself nothing is skipped, so nothing can be stopped.
  const std::atomic<bool> stop{true};
  std::array<Record, kBatchEvents> records;
  CHECK(fresh.cursor.Read(0, records.data(), nullptr) == kBatchEvents);
  CHECK(fresh.cursor.Read(nearest / kBatchRuns, records.data(), &stop) == 0);
  CHECK(reader.cursor.Read(0, records.data(), nullptr) == kBatchEvents);
  CHECK(reader.cursor.Read(nearest / kBatchRuns, records.data(), &stop) == kBatchEvents);
}

TEST_CASE("Cursor: stopped on a long way, it gives nothing and can be used again") {
  const RunSpec spec = test::SpecOf(Eventful(5'000), 1, RunSpec::kNoEnd);
  Reader reader(spec);
  const std::vector<Record> first(reader.Read(3).begin(), reader.Read(3).end());
  const std::atomic<bool> stop{true};
  std::array<Record, kBatchEvents> records;
  CHECK(reader.cursor.Read(std::uint64_t{1} << 40, records.data(), &stop) == 0);
  CHECK(test::Same(reader.Read(3), first));
}

// Memory is touched as far as events are made, never more than is said.
TEST_CASE("Cursor: what it says it takes is lanes and a tile of at most a few MiB") {
  const StreamTables small(test::SpecOf(Eventful(1), 1, 1'000));
  CHECK(Cursor::MemoryBytes(small) < 200'000);
  const StreamTables large(test::SpecOf(Eventful(1'000'000), 1, RunSpec::kNoEnd));
  const std::uint64_t lanes = large.layout.lanes() * Lanes::BytesPerLane(large.model);
  CHECK(Cursor::MemoryBytes(large) >= lanes);
  CHECK(Cursor::MemoryBytes(large) <= lanes + (std::uint64_t{8} << 20));
}

}  // namespace
}  // namespace playload
