#include "transports/deliveries.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <thread>

#include "transports/intervals.h"

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

TEST_CASE("Deliveries: whole ranges are told at once, beside single positions") {
  Deliveries deliveries(nullptr);
  deliveries.LostRange(Fate::kShed, {5, 0, 2}, {{10, 19, 5}, {30, 39, 1}}, "nobody", false);
  deliveries.LostRange(Fate::kShed, {0, 1, 0}, {{15, 24, 2}}, "nobody", false);
  deliveries.LostRange(Fate::kShed, {0, 0, 0}, {}, "nothing", false);
  CHECK(deliveries.fate(Fate::kShed, Kind::kPlayer) == 5);
  CHECK(deliveries.fate(Fate::kShed, Kind::kPurchase) == 1);
  CHECK(deliveries.fate(Fate::kShed, Kind::kServer) == 2);
  CHECK(deliveries.fate(Fate::kFailed, Kind::kPlayer) == 0);
  CHECK(deliveries.reasons() == std::map<std::string, std::uint64_t>{{"nobody", 8}});
  using List = std::vector<PositionInterval>;
  CHECK(deliveries.intervals(Fate::kShed) ==
        List{{10, 14, 5}, {15, 19, 7}, {20, 24, 2}, {30, 39, 1}});
  deliveries.Lost(Fate::kShed, Kind::kPlayer, 25, "late");
  deliveries.Lost(Fate::kShed, Kind::kPlayer, 24, "late");
  CHECK(deliveries.intervals(Fate::kShed) ==
        List{{10, 14, 5}, {15, 19, 7}, {20, 23, 2}, {24, 25, 7}, {30, 39, 1}});
  CHECK_FALSE(deliveries.coarse());
  deliveries.LostRange(Fate::kShed, {0, 0, 0}, {}, "nothing", true);
  CHECK(deliveries.coarse());
}

TEST_CASE("Deliveries: too many ranges are joined, nearest first, with the kinds of all") {
  constexpr Position kFar = 1'000'000'000;
  std::vector<PositionInterval> told;
  for (Position i = 0; i <= Deliveries::kMaxIntervals; ++i) {
    told.push_back({i * 3, i * 3, static_cast<std::uint8_t>(i % 2 == 0 ? 1 : 4)});
  }
  told.push_back({kFar, kFar + 9, 2});
  Deliveries deliveries(nullptr);
  deliveries.LostRange(Fate::kShed, {1, 1, 1}, told, "nobody", false);
  CHECK(deliveries.coarse());
  const std::vector<PositionInterval> joined = deliveries.intervals(Fate::kShed);
  CHECK(joined.size() <= Deliveries::kMaxIntervals);
  REQUIRE(joined.size() >= 2);
  CHECK(joined.back() == told.back());
  CHECK(Flatten(joined) == joined);
  std::size_t at = 0;
  for (const PositionInterval& i : told) {
    while (at < joined.size() && joined[at].last < i.first) ++at;
    REQUIRE(at < joined.size());
    REQUIRE(joined[at].first <= i.first);
    REQUIRE((joined[at].kinds & i.kinds) == i.kinds);
  }
}

TEST_CASE("Flatten: the same places and kinds, ascending, without overlaps") {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    std::vector<PositionInterval> intervals;
    std::array<std::uint8_t, 100> expected{};
    for (auto n = random() % 12; n > 0; --n) {
      const Position first = random() % 90;
      const PositionInterval i = {first, first + random() % 10,
                                  static_cast<std::uint8_t>(1 + random() % kAllKinds)};
      intervals.push_back(i);
      for (Position p = i.first; p <= i.last; ++p) expected[p] |= i.kinds;
    }
    const std::vector<PositionInterval> flat = Flatten(intervals);
    std::array<std::uint8_t, 100> got{};
    for (std::size_t n = 0; n < flat.size(); ++n) {
      for (Position p = flat[n].first; p <= flat[n].last; ++p) got[p] |= flat[n].kinds;
      if (n == 0) continue;
      // Neighbours that could be one are one.
      const bool touch = flat[n - 1].last + 1 == flat[n].first;
      CHECK(flat[n - 1].last < flat[n].first);
      CHECK_FALSE((touch && flat[n - 1].kinds == flat[n].kinds));
    }
    CHECK(got == expected);
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
