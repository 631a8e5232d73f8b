#include "generator/stream/stream.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/world.h"

namespace playload {
namespace {

const std::vector<std::string> kOrdinary = {"newcomer", "casual", "regular", "grinder",
                                            "social",   "whale",  "bot",     "fraudster"};

struct Read {
  std::map<Position, std::string> lines;
  std::string bytes;  // in the order handed out
  Tally tally;
  std::uint64_t digest = 0;
};

Read ReadAll(const RunSpec& spec, StreamOptions options) {
  Read read;
  Stream stream(spec, options);
  REQUIRE(stream.Start().ok());
  std::uint64_t number = 0;
  while (Batch* batch = stream.Next()) {
    REQUIRE(batch->number == number++);
    std::uint32_t kinds[kKinds] = {};
    for (std::uint32_t i = 0; i < batch->count; ++i) {
      const std::string line(batch->line(i));
      REQUIRE(line.back() == '\n');
      REQUIRE(read.lines.emplace(batch->position(i), line).second);
      read.bytes += line;
      ++kinds[static_cast<unsigned>(batch->events[i].kind)];
    }
    for (unsigned k = 0; k < kKinds; ++k) REQUIRE(kinds[k] == batch->kinds[k]);
    stream.Recycle(batch);
  }
  REQUIRE(stream.ended());
  read.tally = stream.tally();
  read.digest = stream.digest();
  return read;
}

StreamOptions Threads(int threads) {
  StreamOptions options;
  options.threads = threads;
  return options;
}

TEST_CASE("Stream: the same bytes from 1, 2 and 7 threads, live or virtual, by kind or mixed") {
  RunSpec spec = test::SpecOf(test::World(5'000, kOrdinary), 1234, 150'007);
  const Read one = ReadAll(spec, Threads(1));
  CHECK(one.lines.size() == 150'007);
  CHECK(one.lines.begin()->first == 0);
  CHECK(one.lines.rbegin()->first == 150'006);
  for (const int threads : {2, 7}) {
    const Read many = ReadAll(spec, Threads(threads));
    CHECK(many.bytes == one.bytes);
    CHECK(many.digest == one.digest);
    CHECK(many.tally.fraud_frequent == one.tally.fraud_frequent);
  }
  StreamOptions by_kind = Threads(2);
  by_kind.by_kind = true;
  CHECK(ReadAll(spec, by_kind).bytes == one.bytes);
  spec.clock = Clock::kLive;  // smaller tiles
  CHECK(ReadAll(spec, Threads(2)).bytes == one.bytes);
}

TEST_CASE("Stream: the union of the shards is the single run; digests and tallies add up") {
  RunSpec spec = test::SpecOf(test::World(3'000, kOrdinary), 77, 100'000);
  const Read whole = ReadAll(spec, Threads(1));
  for (const std::uint32_t shards : {2u, 5u, 40u}) {
    CAPTURE(shards);
    std::map<Position, std::string> lines;
    std::uint64_t digest = 0;
    Tally tally;
    std::uint32_t empty = 0;
    spec.shards = shards;
    for (spec.shard = 0; spec.shard < shards; ++spec.shard) {
      const Read part = ReadAll(spec, Threads(2));
      lines.insert(part.lines.begin(), part.lines.end());
      digest += part.digest;
      tally.Add(part.tally);
      empty += part.lines.empty() ? 1 : 0;
    }
    CHECK(lines == whole.lines);
    CHECK(digest == whole.digest);
    CHECK(tally.player_events == whole.tally.player_events);
    CHECK(tally.fraud_multi == whole.tally.fraud_multi);
    CHECK(tally.server_alerts == whole.tally.server_alerts);
    CHECK(empty == (shards == 40 ? 40 - 8 : 0));  // 3,000 players are 8 lanes of 375
  }
}

// Faults are a function of the scenario as everything else is; what a repetition repeats may have
// been in another batch, tile or maker's hands.
TEST_CASE("Stream: with data faults the same bytes from any threads, tiles and shards") {
  RunSpec spec = test::SpecOf(test::WithFaults(test::World(5'000, kOrdinary)), 1234, 150'007);
  const Read one = ReadAll(spec, Threads(1));
  CHECK(one.lines.size() == 150'007);  // every position is one event
  for (const int threads : {2, 7}) {
    const Read many = ReadAll(spec, Threads(threads));
    CHECK(many.bytes == one.bytes);
    CHECK(many.digest == one.digest);
    CHECK(many.tally.faults == one.tally.faults);
  }
  StreamOptions by_kind = Threads(2);
  by_kind.by_kind = true;
  CHECK(ReadAll(spec, by_kind).bytes == one.bytes);
  spec.clock = Clock::kLive;  // smaller tiles
  CHECK(ReadAll(spec, Threads(2)).bytes == one.bytes);
  spec.clock = Clock::kVirtual;
  for (std::size_t label = 0; label < kFaultLabels; ++label) {
    CAPTURE(kFaultLabelNames[label]);
    CHECK(TotalOf(one.tally.faults, label) > 100);
  }

  std::map<Position, std::string> lines;
  std::uint64_t digest = 0;
  Tally tally;
  spec.shards = 3;
  for (spec.shard = 0; spec.shard < 3; ++spec.shard) {
    const Read part = ReadAll(spec, Threads(2));
    lines.insert(part.lines.begin(), part.lines.end());
    digest += part.digest;
    tally.Add(part.tally);
  }
  CHECK(lines == one.lines);
  CHECK(digest == one.digest);
  CHECK(tally.faults == one.tally.faults);
  CHECK(tally.player_events == one.tally.player_events);
  CHECK(tally.fraud_frequent == one.tally.fraud_frequent);
  CHECK(tally.server_alerts == one.tally.server_alerts);
}

TEST_CASE("Stream: a shorter run is the beginning of a longer one") {
  RunSpec spec = test::SpecOf(test::World(1'000, kOrdinary), 5, 50'000);
  const Read longer = ReadAll(spec, Threads(2));
  for (const Position end : {1ULL, 15ULL, 16ULL, 1'024ULL, 1'025ULL, 33'333ULL}) {
    spec.end = end;
    const Read shorter = ReadAll(spec, Threads(1));
    CHECK(shorter.lines.size() == end);
    CHECK(longer.bytes.compare(0, shorter.bytes.size(), shorter.bytes) == 0);
  }
}

TEST_CASE("Stream: seed, prefix and event types change what they should and nothing else") {
  RunSpec spec = test::SpecOf(test::World(1'000, kOrdinary), 5, 5'000);
  const Read base = ReadAll(spec, Threads(1));
  RunSpec other = spec;
  other.seed = 6;
  CHECK(ReadAll(other, Threads(1)).digest != base.digest);
  other = spec;
  other.id_prefix = "abc";
  other.event_types = EventTypes::kExtended;
  const Read renamed = ReadAll(other, Threads(1));
  CHECK(renamed.digest == base.digest);  // the same actions
  CHECK(renamed.bytes != base.bytes);
  CHECK(renamed.bytes.find("\"player_abc_") != std::string::npos);
  CHECK(renamed.bytes.find("\"session_start\"") != std::string::npos);
  CHECK(base.bytes.find("\"session_start\"") == std::string::npos);
}

// Rate max: the first stream to reach a batch stamps it; all others, and a recorded log, agree.
TEST_CASE("Stream: stamps of rate max are shared and never go backwards") {
  RunSpec spec = test::SpecOf(test::World(1'000, kOrdinary), 5, 20'000);
  spec.clock = Clock::kLive;
  spec.rate_max = true;
  std::int64_t now = 1'767'225'600'000'000'000;
  StampLog log([&now] { return now += (now % 3 == 0 ? -400'000'000 : 700'000'001); });
  StreamOptions options = Threads(3);
  options.stamps = &log;
  const Read first = ReadAll(spec, options);
  options.threads = 1;
  CHECK(ReadAll(spec, options).bytes == first.bytes);
  REQUIRE(log.size() == 20);
  std::vector<std::int64_t> stamps;
  for (std::uint64_t batch = 0; batch < 20; ++batch) stamps.push_back(log.At(batch));
  CHECK(std::is_sorted(stamps.begin(), stamps.end()));
  StampLog recorded(stamps);
  options.stamps = &recorded;
  CHECK(ReadAll(spec, options).bytes == first.bytes);
}

// A destination that renders for itself: everything but the lines, and all of it the same.
TEST_CASE("Stream: records instead of lines, with the same kinds, tally and digest") {
  RunSpec spec = test::SpecOf(test::World(5'000, kOrdinary), 1234, 150'007);
  for (const std::uint32_t shards : {1u, 3u, 4u}) {
    if (shards == 4) spec.scenario = test::WithFaults(std::move(spec.scenario));
    spec.shards = shards;
    Stream lines(spec, Threads(2));
    StreamOptions options = Threads(2);
    options.records = true;
    options.index = false;
    Stream records(spec, options);
    REQUIRE(lines.Start().ok());
    REQUIRE(records.Start().ok());
    while (Batch* batch = lines.Next()) {
      Batch* const other = records.Next();
      REQUIRE(other != nullptr);
      REQUIRE(batch->records.empty());
      REQUIRE(other->events.empty());
      REQUIRE(other->number == batch->number);
      REQUIRE(other->count == batch->count);
      REQUIRE(other->runs == batch->runs);
      REQUIRE(other->kinds == batch->kinds);
      for (std::uint32_t i = 0; i < batch->count; ++i) {
        REQUIRE(other->kind(i) == batch->kind(i));
        REQUIRE(other->position(i) == batch->position(i));
      }
      lines.Recycle(batch);
      records.Recycle(other);
    }
    CHECK(records.Next() == nullptr);
    CHECK(records.digest() == lines.digest());
    CHECK(records.tally().player_events == lines.tally().player_events);
    CHECK(records.tally().purchase_events == lines.tally().purchase_events);
    CHECK(records.tally().server_metrics == lines.tally().server_metrics);
    CHECK(records.tally().fraud_frequent == lines.tally().fraud_frequent);
    CHECK(records.tally().fraud_multi == lines.tally().fraud_multi);
    CHECK(records.tally().server_alerts == lines.tally().server_alerts);
    CHECK(records.tally().faults == lines.tally().faults);
    CHECK(Stream::MemoryBytes(spec, options) < Stream::MemoryBytes(spec, Threads(2)));
    Snapshots snapshots(std::uint64_t{1} << 30);
    const std::uint64_t without = Stream::MemoryBytes(spec, options);
    options.snapshots = &snapshots;
    CHECK(Stream::MemoryBytes(spec, options) > without);
  }
}

TEST_CASE("Stream: stopping in the middle ends it without a hang, at any moment") {
  const RunSpec spec = test::SpecOf(test::World(1'000, kOrdinary), 5, RunSpec::kNoEnd);
  for (const int batches : {0, 1, 2, 5, 40}) {
    for (int again = 0; again < 20; ++again) {
      Stream stream(spec, Threads(3));
      REQUIRE(stream.Start().ok());
      for (int i = 0; i < batches; ++i) stream.Recycle(stream.Next());
      stream.Stop();
      // What the makers had begun still comes, without a gap, and nothing after the end.
      auto number = static_cast<std::uint64_t>(batches);
      while (Batch* batch = stream.Next()) {
        CHECK(batch->number == number++);
        stream.Recycle(batch);
      }
      CHECK(stream.ended());
      CHECK(stream.TryNext() == nullptr);
    }
  }
}

}  // namespace
}  // namespace playload
