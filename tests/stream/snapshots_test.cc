#include "generator/stream/snapshots.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "generator/stream/layout.h"
#include "tests/stream/records.h"
#include "tests/support/world.h"

namespace playload {
namespace {

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 40;

// One lane of a small world, alive.
struct Alive {
  Alive() : model(test::World(64, {"casual"}), 1), lanes(model), records(kRunLength) {
    REQUIRE(lanes.ok());
    lanes.Simulate(0, records.data(), kRunLength);
  }
  const Model model;
  Lanes lanes;
  std::vector<Record> records;
};

std::set<std::uint64_t> Held(const Snapshots& snapshots, std::uint64_t until, std::uint64_t step) {
  std::set<std::uint64_t> held;
  for (std::uint64_t run = 0; run <= until; run += step) held.insert(snapshots.Nearest(run));
  held.erase(0);
  return held;
}

// However long the run and whatever the tiles are: at most kMost, and never further than an eighth
// of the run, or one tile and spacing, from any place.
TEST_CASE("Snapshots: they stay evenly spaced while the run goes on") {
  Alive alive;
  for (const std::uint64_t tile : {64ULL, 1'000ULL, 1'024ULL, 5'000ULL}) {
    CAPTURE(tile);
    Snapshots snapshots(kPlenty, 1'024);
    for (std::uint64_t run = tile; run < tile * 5'000; run += tile) {
      if (snapshots.wanted() <= run) snapshots.Take(run, alive.lanes);
      if (run / tile % 97 != 0) continue;
      const std::set<std::uint64_t> held = Held(snapshots, run, tile);
      REQUIRE(held.size() <= Snapshots::kMost);
      std::uint64_t widest = 0;
      std::uint64_t last = 0;
      for (const std::uint64_t at : held) {
        widest = std::max(widest, at - last);
        last = at;
      }
      widest = std::max(widest, run - last);
      REQUIRE(widest <= std::max<std::uint64_t>(run / 8, 1'024) + tile);
    }
  }
}

TEST_CASE("Snapshots: the memory they may take is kept to, and lanes too large for it leave none") {
  Alive alive;
  const std::uint64_t bytes = alive.lanes.CopyBytes();
  REQUIRE(bytes > 0);
  Snapshots three(3 * bytes, 100);
  for (std::uint64_t run = 100; run < 100'000; run += 100) {
    if (three.wanted() <= run) three.Take(run, alive.lanes);
    REQUIRE(Held(three, run, 100).size() <= 3);
  }
  CHECK(Held(three, 100'000, 100).size() >= 1);
  CHECK(three.MemoryBytes(bytes) == 3 * bytes);
  CHECK(Snapshots(kPlenty).MemoryBytes(bytes) == Snapshots::kMost * bytes);

  Snapshots one(2 * bytes - 1, 100);
  one.Take(100, alive.lanes);
  CHECK(one.Nearest(kPlenty) == 0);
  CHECK(one.wanted() == Snapshots::kNever);
}

// The streams' own: a snapshot is of exactly the runs before it, whatever the number of threads.
TEST_CASE("Snapshots: lanes put back go on with the stream's next record") {
  RunSpec spec = test::SpecOf(test::World(3'000, {"casual", "whale", "fraudster"}), 7, 300'000);
  for (const int threads : {1, 3}) {
    Snapshots snapshots(kPlenty, 700);
    const test::Batches stream = test::RecordsOf(spec, &snapshots, threads);
    const test::Batches without = test::RecordsOf(spec, nullptr, threads);
    REQUIRE(without.size() == stream.size());
    for (std::size_t n = 0; n < stream.size(); ++n) REQUIRE(test::Same(without[n], stream[n]));
    const std::set<std::uint64_t> held = Held(snapshots, 300'000 / kRunLength, 1);
    REQUIRE(held.size() > 4);
    const Model model(spec.scenario, spec.seed);
    const Layout layout(model.lanes(), 0, 1, spec.end);
    Lanes lanes(model);
    for (const std::uint64_t run : {*held.rbegin(), *held.begin()}) {
      REQUIRE(snapshots.Nearest(run) == run);
      REQUIRE(snapshots.Restore(run + 5, &lanes) == run);
      std::vector<Record> records(kRunLength);
      for (std::uint64_t q = run; q < run + 500; ++q) {
        lanes.Simulate(layout.LaneOf(q), records.data(), kRunLength);
        REQUIRE(test::Same(
            records,
            std::span(stream[q / kBatchRuns]).subspan(q % kBatchRuns * kRunLength, kRunLength)));
      }
    }
    REQUIRE(snapshots.Restore(*held.begin() - 1, &lanes) == 0);
    std::vector<Record> records(kRunLength);
    lanes.Simulate(0, records.data(), kRunLength);
    CHECK(test::Same(records, std::span(stream[0]).first(kRunLength)));
  }
}

}  // namespace
}  // namespace playload
