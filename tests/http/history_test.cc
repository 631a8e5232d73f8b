#include "transports/http/history.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tests/http/bell.h"
#include "tests/stream/records.h"
#include "tests/support/world.h"

namespace playload {
namespace {

const std::vector<std::string> kMix = {"casual", "whale", "fraudster"};
// Months away, at a block in some 40 us.
constexpr std::uint64_t kFar = std::uint64_t{1} << 36;

struct Past {
  explicit Past(const RunSpec& spec, const History::Options& options = {},
                const Snapshots* snapshots = nullptr, StampLog* stamps = nullptr)
      : tables(spec), history(tables, stamps, snapshots, options, bell.Ringer()) {}

  BlockRef Get(std::uint64_t number, std::uint32_t ahead) {
    for (;;) {
      if (BlockRef block = history.Get(number, ahead)) return block;
      REQUIRE(history.ok());
      bell.Wait();
    }
  }

  const StreamTables tables;
  test::Bell bell;
  History history;
};

History::Options Cache(std::uint64_t blocks, int cursors) {
  History::Options options;
  options.cache_bytes = blocks * sizeof(Block);
  options.max_cursors = cursors;
  return options;
}

bool Same(const Block& block, std::uint64_t number, const std::vector<Record>& records) {
  return block.number == number && block.stamp_ns == -1 &&
         test::Same(std::span(block.records).first(block.count), records);
}

// Whatever the order, the cache, the cursors, the shard and how far it looks ahead.
TEST_CASE("History: every block has the stream's records") {
  RunSpec spec = test::SpecOf(test::World(3'000, kMix), 21, 90'007);
  for (const std::uint32_t shards : {1u, 3u}) {
    spec.shards = shards;
    spec.shard = shards - 1;
    Snapshots snapshots(std::uint64_t{1} << 30, 1'000);
    const test::Batches stream = test::RecordsOf(spec, &snapshots);
    for (const History::Options& options : {Cache(2, 1), Cache(16, 4), History::Options{}}) {
      for (const std::uint32_t ahead : {0u, 1u, 8u, 1'000u}) {
        CAPTURE(options.cache_bytes);
        CAPTURE(ahead);
        Past past(spec, options, ahead == 8 ? &snapshots : nullptr);
        std::mt19937_64 random(ahead);
        std::size_t wrong = 0;
        // A reader that goes through and stops somewhere for one that goes anywhere.
        for (std::uint64_t n = 0; n < stream.size(); ++n) {
          wrong += Same(*past.Get(n, ahead), n, stream[n]) ? 0 : 1;
          if (n % 9 != 0) continue;
          const std::uint64_t other = random() % stream.size();
          wrong += Same(*past.Get(other, ahead), other, stream[other]) ? 0 : 1;
        }
        CHECK(wrong == 0);
        CHECK(past.history.made() >= stream.size());
      }
    }
  }
}

// All readers ask, all that wait are served, each block is made once.
TEST_CASE("History: many that wait at once all get theirs, and none is made twice") {
  const RunSpec spec = test::SpecOf(test::World(3'000, kMix), 22, 400'000);
  const test::Batches stream = test::RecordsOf(spec);
  Past past(spec);
  std::mt19937_64 random(22);
  std::set<std::uint64_t> waiting;
  while (waiting.size() < 60) waiting.insert(random() % stream.size());
  const std::uint64_t blocks = waiting.size();
  while (!waiting.empty()) {
    std::erase_if(waiting, [&](std::uint64_t number) {
      const BlockRef block = past.history.Get(number, 0);
      if (block) REQUIRE(Same(*block, number, stream[number]));
      return block != nullptr;
    });
    if (!waiting.empty()) past.bell.Wait();
  }
  CHECK(past.history.made() == blocks);
}

TEST_CASE("History: what was asked for stays until it is taken, whoever reads meanwhile") {
  const RunSpec spec = test::SpecOf(test::World(3'000, kMix), 23, 300'000);
  Past past(spec, Cache(8, 2));
  REQUIRE(past.history.Get(200, 0) == nullptr);
  past.bell.Wait();
  for (std::uint64_t n = 0; n < 100; ++n) past.Get(n, 3);
  CHECK(past.history.Get(200, 0) != nullptr);
  // From now on it goes like any other.
  for (std::uint64_t n = 100; n < 150; ++n) past.Get(n, 0);
  CHECK(past.history.Get(200, 0) == nullptr);
}

// Far more are asked for than there is room for, and never taken; the rest goes on.
TEST_CASE("History: what nobody comes for any more does not hold up anybody") {
  const RunSpec spec = test::SpecOf(test::World(3'000, kMix), 24, 300'000);
  const test::Batches stream = test::RecordsOf(spec);
  Past past(spec, Cache(8, 2));
  for (std::uint64_t n = 0; n < 100; ++n) past.history.Get(2 * n, 0);
  for (std::uint64_t n = 250; n < stream.size(); ++n) {
    REQUIRE(Same(*past.Get(n, 2), n, stream[n]));
  }
  int at_hand = 0;
  for (std::uint64_t n = 0; n < 100; ++n) at_hand += past.history.Get(2 * n, 0) ? 1 : 0;
  CHECK(at_hand <= 8);
}

TEST_CASE("History: a block near at hand does not wait for one that is far away") {
  const RunSpec spec = test::SpecOf(test::World(3'000, kMix), 25, RunSpec::kNoEnd);
  Past past(spec, Cache(100, 2));
  past.Get(0, 0);
  REQUIRE(past.history.Get(kFar, 4) == nullptr);
  for (std::uint64_t n = 1; n < 40; ++n) REQUIRE(past.Get(n, 2)->number == n);
  // Ends in the middle of the way.
}

// With one cursor there is only one way to go at a time.
TEST_CASE("History: what is forgotten is not made, and those who wait are told to ask again") {
  const RunSpec spec = test::SpecOf(test::World(3'000, kMix), 26, RunSpec::kNoEnd);
  Past past(spec, Cache(100, 1));
  REQUIRE(past.history.Get(kFar, 0) == nullptr);
  past.history.Forget(kFar);
  past.bell.Wait();
  CHECK(past.Get(5, 0)->number == 5);
  past.history.Forget(5);  // has it
  past.history.Forget(7);  // was never asked for
  CHECK(past.Get(5, 0)->number == 5);
  CHECK(past.history.made() == 1);
}

TEST_CASE("History: under rate max blocks have the stamps of their batches, and make none") {
  RunSpec spec = test::SpecOf(test::World(3'000, kMix), 27, 300'000);
  spec.clock = Clock::kLive;
  spec.rate_max = true;
  std::int64_t now = 1'000;
  StampLog log([&now] { return now += 7; });
  log.At(19);
  {
    Past past(spec, {}, nullptr, &log);
    for (std::uint64_t n = 5; n < 20; ++n) {
      const BlockRef block = past.Get(n, 50);
      CHECK(block->stamp_ns == log.At(n));
    }
  }
  CHECK(log.size() == 20);
}

}  // namespace
}  // namespace playload
