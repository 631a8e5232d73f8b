#include "generator/run/schedule.h"

#include <doctest/doctest.h>

#include <array>

#include "generator/run/rate_log.h"

namespace playload {
namespace {

constexpr std::int64_t kZero = 1'000'000'000'000;

// A batch of `count` events whose runs begin at `first`, first + stride, ...
Batch BatchOf(std::uint32_t count, Position first, Position stride) {
  Batch batch;
  batch.count = count;
  for (std::uint32_t i = 0; i < count; i += kRunLength) {
    batch.runs.push_back(first + i / kRunLength * stride);
  }
  return batch;
}

// The property that DueIn() has by definition: event i is due iff its position is below
// DueBefore().
std::uint32_t DueByCounting(const Schedule& schedule, const Batch& batch, std::uint32_t from,
                            std::int64_t now) {
  std::uint32_t to = from;
  while (to < batch.count && batch.position(to) < schedule.DueBefore(now)) ++to;
  return to;
}

}  // namespace

TEST_CASE("Schedule: the due events of a batch are those below DueBefore, also across shards") {
  for (const std::int64_t rate : {1'000, 999'983, 20'000'000, 1'500'000'000}) {
    const Schedule schedule(Plan({{rate, rate, 0}}), kZero);
    for (const Position stride : {16, 48, 1'600}) {
      for (const std::uint32_t count : {1u, 15u, 16u, 17u, 100u, 1'024u}) {
        const Batch batch = BatchOf(count, 320, stride);
        const std::int64_t end = schedule.PlannedAt(batch.position(count - 1));
        const std::int64_t begin = schedule.PlannedAt(320);
        for (int step = -2; step <= 52; ++step) {
          const std::int64_t now = begin + (end - begin) / 50 * step + step;
          for (const std::uint32_t from : {0u, count / 3, count - 1}) {
            CAPTURE(rate);
            CAPTURE(stride);
            CAPTURE(count);
            CAPTURE(step);
            CHECK(schedule.DueIn(batch, from, now) == DueByCounting(schedule, batch, from, now));
          }
        }
      }
    }
  }
}

TEST_CASE("Schedule: nothing is due before the run's start") {
  const Schedule schedule(Plan({{20'000'000, 20'000'000, 0}}), kZero);
  const Batch batch = BatchOf(64, 0, 16);
  CHECK(schedule.DueBefore(kZero) == 0);
  CHECK(schedule.DueBefore(kZero - 1'000'000'000) == 0);
  CHECK(schedule.DueIn(batch, 0, kZero) == 0);
  CHECK(schedule.DueIn(batch, 0, kZero + 1) == 1);
}

TEST_CASE("Schedule: an event is due from the instant after its planned one") {
  const Schedule schedule(Plan({{20'000'000, 20'000'000, 0}}), kZero);
  for (const Position n : {0u, 1u, 77u}) {
    CHECK(schedule.DueAt(n) == schedule.PlannedAt(n) + 1);
    CHECK(schedule.DueBefore(schedule.DueAt(n)) == n + 1);
  }
  const Schedule never(Plan({{1, 1, 0}}), kZero);
  CHECK(never.DueAt(Position{1} << 58) == Plan::kNever);
}

TEST_CASE("Schedule: planned instants of many events are those of each, on the run's clock") {
  const Schedule schedule(Plan({{999'983, 999'983, 0}}), kZero);
  std::array<std::int64_t, kRunLength> planned{};
  for (Position first = 0; first < 1'000'000'000; first += 12'345'677) {
    schedule.PlannedAt(first, kRunLength, planned.data());
    for (std::uint32_t i = 0; i < kRunLength; ++i) {
      REQUIRE(planned[i] == schedule.PlannedAt(first + i));
    }
  }
}

TEST_CASE("Schedule: the gap of a batch is its time divided by its gaps") {
  const Schedule schedule(Plan({{20'000'000, 20'000'000, 0}}), kZero);
  CHECK(schedule.GapNs(BatchOf(161, 0, 16)) == 50'000);
  CHECK(schedule.GapNs(BatchOf(1, 0, 16)) == 0);
  // Of every second run: the gap of a shard.
  CHECK(schedule.GapNs(BatchOf(1'601, 0, 32)) == doctest::Approx(100'000).epsilon(0.01));
}

TEST_CASE("RateLog: neighbours are joined when a run gets long, and nothing is lost") {
  RateLog log;
  std::uint64_t all = 0;
  for (std::int64_t second = 0; second < 20'000; ++second) {
    log.Add(second * 1'000'000'000 + 5, static_cast<std::uint64_t>(second % 7));
    all += static_cast<std::uint64_t>(second % 7);
  }
  CHECK(log.interval_seconds() == 16);
  CHECK(log.counts().size() == 20'000 / 16);
  std::uint64_t sum = 0;
  for (const std::uint64_t count : log.counts()) sum += count;
  CHECK(sum == all);
  // The first interval holds seconds 0 to 15.
  std::uint64_t first = 0;
  for (std::uint64_t second = 0; second < 16; ++second) first += second % 7;
  CHECK(log.counts().front() == first);
}

TEST_CASE("RateLog: a second without events is there, one before the start counts as the first") {
  RateLog log;
  log.Add(-5, 1);
  log.Add(3'999'999'999, 2);
  CHECK(log.counts() == std::vector<std::uint64_t>{1, 0, 0, 2});
}

}  // namespace playload
