#include "transports/deliveries.h"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <thread>

namespace playload {
namespace {

std::set<Position> Expand(const std::vector<PositionInterval>& intervals) {
  std::set<Position> all;
  for (const PositionInterval& i : intervals) {
    for (Position p = i.first; p <= i.last; ++p) all.insert(p);
  }
  return all;
}

}  // namespace

// Whatever the order of insertion: the intervals hold exactly the inserted positions, are sorted,
// and leave a hole between any two.
TEST_CASE("Deliveries: intervals are exactly the lost positions, joined where they touch") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Deliveries deliveries(nullptr);
    std::set<Position> lost;
    for (int i = 0; i < 2'000; ++i) {
      const Position p = random() % 3'000;
      lost.insert(p);
      deliveries.Lost(Fate::kFailed, Kind::kPlayer, p, "x");
    }
    const auto intervals = deliveries.intervals(Fate::kFailed);
    CHECK(Expand(intervals) == lost);
    for (std::size_t i = 1; i < intervals.size(); ++i) {
      CHECK(intervals[i].first > intervals[i - 1].last + 1);
    }
    CHECK(deliveries.fate(Fate::kFailed, Kind::kPlayer) == 2'000);
    CHECK(deliveries.intervals(Fate::kUnknown).empty());
    CHECK_FALSE(deliveries.coarse());
  }
}

TEST_CASE("Deliveries: each fate, kind, reason and counter is counted on its own") {
  Deliveries deliveries(nullptr);
  deliveries.Generated(Kind::kPurchase, 7);
  deliveries.AckedMany(Kind::kPurchase, 3);
  deliveries.Lost(Fate::kFailed, Kind::kPurchase, 4, "a");
  deliveries.Lost(Fate::kUnknown, Kind::kPurchase, 5, "b");
  deliveries.Lost(Fate::kShed, Kind::kServer, 6, "b");
  deliveries.Count("resent", 2);
  deliveries.Count("resent", 3);
  CHECK(deliveries.generated(Kind::kPurchase) == 7);
  CHECK(deliveries.generated(Kind::kPlayer) == 0);
  CHECK(deliveries.fate(Fate::kAcked, Kind::kPurchase) == 3);
  CHECK(deliveries.fate(Fate::kFailed, Kind::kPurchase) == 1);
  CHECK(deliveries.fate(Fate::kUnknown, Kind::kPurchase) == 1);
  CHECK(deliveries.fate(Fate::kShed, Kind::kPurchase) == 0);
  CHECK(deliveries.fate(Fate::kShed, Kind::kServer) == 1);
  CHECK(deliveries.reasons() == std::map<std::string, std::uint64_t>{{"a", 1}, {"b", 2}});
  CHECK(deliveries.counters() == std::map<std::string, std::uint64_t>{{"resent", 5}});
}

TEST_CASE("Deliveries: latency is taken from the plan and from the send, where they are known") {
  Deliveries deliveries([](Position p) { return p == 9 ? -1 : static_cast<std::int64_t>(p); });
  deliveries.Acked(Kind::kPlayer, 100, 160, 150);
  deliveries.Acked(Kind::kPlayer, 9, 500, -1);     // nothing planned, sent instant unknown
  deliveries.Acked(Kind::kPlayer, 400, 300, 301);  // ahead of the plan counts as on time
  CHECK(deliveries.fate(Fate::kAcked, Kind::kPlayer) == 3);
  CHECK(deliveries.latency_from_plan().count() == 2);
  CHECK(deliveries.latency_from_plan().max() == 60);
  CHECK(deliveries.latency_from_send().count() == 2);
  CHECK(deliveries.latency_from_send().max() == 10);
}

// With more holes than kMaxIntervals allows: never more intervals than that, every lost position is
// still inside one, the two far ends are not joined over the widest hole, and the counts are exact.
TEST_CASE("Deliveries: too many intervals are joined, nearest first, and it says so") {
  Deliveries deliveries(nullptr);
  constexpr Position kFar = 1'000'000'000;
  constexpr std::uint64_t kEach = Deliveries::kMaxIntervals;
  for (Position i = 0; i < kEach; ++i) {
    deliveries.Lost(Fate::kUnknown, Kind::kPlayer, i * 3, "x");
    deliveries.Lost(Fate::kUnknown, Kind::kPlayer, kFar + i * 3, "x");
  }
  const auto intervals = deliveries.intervals(Fate::kUnknown);
  CHECK(deliveries.coarse());
  CHECK(deliveries.fate(Fate::kUnknown, Kind::kPlayer) == 2 * kEach);
  CHECK(intervals.size() <= Deliveries::kMaxIntervals);
  CHECK(intervals.size() >= 2);
  CHECK(intervals.front().first == 0);
  CHECK(intervals.back().last == kFar + (kEach - 1) * 3);
  std::size_t at = 0;
  for (Position i = 0; i < kEach; ++i) {
    while (at < intervals.size() && intervals[at].last < i * 3) ++at;
    REQUIRE(at < intervals.size());
    REQUIRE(intervals[at].first <= i * 3);
  }
  for (const PositionInterval& i : intervals) {
    CHECK_FALSE((i.first < kEach * 3 && i.last >= kFar));
  }
}

TEST_CASE("Deliveries: counts add up when several threads report at once") {
  Deliveries deliveries(nullptr);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&deliveries, t] {
      for (Position i = 0; i < 5'000; ++i) {
        deliveries.Lost(Fate::kFailed, Kind::kServer, i * 4 + t, "x");
        deliveries.Count("n", 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(deliveries.fate(Fate::kFailed, Kind::kServer) == 20'000);
  CHECK(deliveries.counters().at("n") == 20'000);
  const auto intervals = deliveries.intervals(Fate::kFailed);
  REQUIRE(intervals.size() == 1);
  CHECK(intervals[0].first == 0);
  CHECK(intervals[0].last == 19'999);
}

}  // namespace playload
