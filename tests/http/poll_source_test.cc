#include "transports/http/poll_source.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "generator/stream/stream.h"
#include "tests/http/bell.h"
#include "tests/support/world.h"

namespace playload {
namespace {

const std::vector<std::string> kMix = {"casual", "whale", "fraudster"};

using Events = std::array<std::vector<PolledEvent>, kKinds>;

// The first events of each kind of the stream, as the stream itself gives them.
Events EventsOf(const RunSpec& spec) {
  const StreamTables tables(spec);
  StreamOptions options;
  options.records = true;
  Stream stream(spec, options);
  REQUIRE(stream.Start().ok());
  Events events;
  while (Batch* batch = stream.Next()) {
    for (std::uint32_t i = 0; i < batch->count; ++i) {
      const Position position = batch->position(i);
      events[static_cast<unsigned>(batch->kind(i))].push_back(
          {batch->records[i], position / kRunLength % tables.model.lanes(), position});
    }
    stream.Recycle(batch);
  }
  return events;
}

struct Polls {
  explicit Polls(const RunSpec& spec) : tables(spec), source(tables, bell.Ringer()) {}

  void Take(Kind kind, std::uint32_t count) {
    while (!source.Take(kind, count, &out)) {
      REQUIRE(source.ok());
      bell.Wait();
    }
  }

  const StreamTables tables;
  test::Bell bell;
  PollSource source;
  std::vector<PolledEvent> out;
};

std::size_t Differing(const std::vector<PolledEvent>& got, const PolledEvent* wanted) {
  std::size_t differing = 0;
  for (const PolledEvent& event : got) {
    const bool same = std::memcmp(&event.record, &wanted->record, sizeof(Record)) == 0 &&
                      event.lane == wanted->lane && event.position == wanted->position;
    differing += same ? 0 : 1;
    ++wanted;
  }
  return differing;
}

// For every kind, however it is asked for: the n-th event handed out is the n-th of the stream,
// even where the run itself would have ended.
TEST_CASE("PollSource: the n-th event of a kind is the scenario's n-th") {
  RunSpec spec = test::SpecOf(test::World(3'000, kMix), 31, 1'500'000);
  // Leaves some 2 % of purchases.
  spec.scenario.servers.report_every_ms = 8'000;
  for (const std::uint32_t shards : {1u, 3u}) {
    spec.shards = shards;
    spec.shard = shards - 1;
    spec.end = 1'500'000 * shards;
    const Events stream = EventsOf(spec);
    spec.end = 10;
    Polls polls(spec);
    std::array<std::uint64_t, kKinds> handed{};
    std::mt19937_64 random(shards);
    std::size_t differing = 0;
    const auto take = [&](unsigned k, std::uint32_t count) {
      if (handed[k] + count > stream[k].size()) return;
      polls.Take(static_cast<Kind>(k), count);
      REQUIRE(polls.out.size() == count);
      differing += Differing(polls.out, &stream[k][handed[k]]);
      handed[k] += count;
      CHECK(polls.source.handed()[k] == handed[k]);
      CHECK(polls.source.ends()[k] == stream[k][handed[k] - 1].position + 1);
    };
    for (unsigned k = 0; k < kKinds; ++k) {
      REQUIRE(stream[k].size() > 2 * PollSource::kMostAtOnce);
      take(k, PollSource::kMostAtOnce);
    }
    for (int i = 0; i < 3'000; ++i) {
      const auto k = static_cast<unsigned>(random() % kKinds);
      take(k, i % 100 == 0 ? PollSource::kMostAtOnce
                           : 1 + static_cast<std::uint32_t>(random() % (i % 7 == 0 ? 2'000 : 3)));
    }
    CHECK(differing == 0);
  }
}

TEST_CASE("PollSource: several that wait for the same kind are all served") {
  Polls polls(test::SpecOf(test::World(3'000, kMix), 32, RunSpec::kNoEnd));
  const Events stream = EventsOf(test::SpecOf(test::World(3'000, kMix), 32, 600'000));
  std::uint64_t at = 0;
  for (const std::uint32_t count : {10'000u, 9'999u}) {
    if (!polls.source.Take(Kind::kPurchase, count, &polls.out)) continue;
    at += count;  // so fast was it
  }
  polls.bell.Wait();
  for (const std::uint32_t count : {1u, 10'000u, 9'999u, 1u}) {
    polls.Take(Kind::kPurchase, count);
    CHECK(Differing(polls.out, &stream[1][at]) == 0);
    at += count;
  }
}

TEST_CASE("PollSource: a kind that the scenario does not have runs dry, the others go on") {
  RunSpec spec = test::SpecOf(test::World(3'000, {"casual"}), 33, 10);
  for (State& state : spec.scenario.personas[0].states) {
    for (Transition& transition : state.to) {
      if (transition.emit >= Emit::kPurchase) transition.emit = Emit::kInteraction;
    }
  }
  Polls polls(spec);
  while (!polls.source.Take(Kind::kPurchase, 1, &polls.out) && !polls.source.dry(Kind::kPurchase)) {
    polls.bell.Wait();
  }
  CHECK(polls.source.dry(Kind::kPurchase));
  CHECK_FALSE(polls.source.Take(Kind::kPurchase, 1, &polls.out));
  CHECK(polls.source.handed()[1] == 0);
  polls.Take(Kind::kPlayer, 100);
  polls.Take(Kind::kServer, 100);
  CHECK_FALSE(polls.source.dry(Kind::kPlayer));
}

TEST_CASE("PollSource: it ends at any moment") {
  const RunSpec spec = test::SpecOf(test::World(200'000, kMix), 34, RunSpec::kNoEnd);
  for (int i = 0; i < 20; ++i) {
    Polls polls(spec);
    for (int k = 0; k < i % 4; ++k) {
      CHECK_FALSE(polls.source.Take(static_cast<Kind>(k), 10'000, &polls.out));
    }
    if (i % 2 == 1 && i % 4 > 0) polls.bell.Wait();
  }
}

}  // namespace
}  // namespace playload
