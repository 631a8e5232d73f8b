#include "generator/pace/plan.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

Plan Constant(std::int64_t milli_rate) { return Plan({{milli_rate, milli_rate, 0}}); }

// For every plan and event n: n is not due at its planned instant and is due one nanosecond later.
void CheckInverse(const Plan& plan, Position n) {
  CAPTURE(n);
  const std::int64_t t = plan.PlannedAt(n);
  CHECK(plan.DueBefore(t) <= n);
  CHECK(plan.DueBefore(t + 1) > n);
}

TEST_CASE("Plan: each event falls due right after its planned instant, at any constant rate") {
  for (const std::int64_t rate :
       {1LL, 3LL, 500LL, 7'000LL, 999'983LL, 20'000'000LL, 1'000'000'000LL, 1'000'000'000'000LL}) {
    CAPTURE(rate);
    const Plan plan = Constant(rate);
    for (const Position n : {0ULL, 1ULL, 2ULL, 15ULL, 16ULL, 1'000'003ULL, 9'000'000ULL}) {
      CheckInverse(plan, n);
    }
  }
}

TEST_CASE("Plan: a constant rate plans n / rate seconds, exactly, however long the run") {
  const Plan plan = Constant(20'000'000);  // 20,000/s
  CHECK(plan.PlannedAt(0) == 0);
  CHECK(plan.PlannedAt(1) == 50'000);
  CHECK(plan.PlannedAt(20'000ULL * 86'400 * 365) == 86'400LL * 365 * kSecond);
  CHECK(plan.DueBefore(kSecond) == 20'000);
  CHECK(plan.DueBefore(86'400LL * 365 * kSecond) == 20'000ULL * 86'400 * 365);
  const Plan half = Constant(500);  // one in two seconds
  CHECK(half.PlannedAt(3) == 6 * kSecond);
  CHECK(Constant(3'000).PlannedAt(1) == 333'333'333);
}

TEST_CASE("Plan: in ramps and over stages instants never go backwards and invert exactly") {
  const Plan plan({{1'000'000, 50'000'000, 60 * kSecond},
                   {50'000'000, 50'000'000, 10 * kSecond},
                   {50'000'000, 2'000, 7 * kSecond},
                   {5'000'000, 5'000'000, 0}});
  // The area under the ramp: (1,000 + 50,000) / 2 * 60.
  CHECK(plan.DueBefore(60 * kSecond) == 1'530'000);
  CHECK(plan.DueBefore(70 * kSecond) == 1'530'000 + 500'000);
  std::int64_t last = -1;
  for (Position n = 0; n < 3'000'000; n += 997) {
    CheckInverse(plan, n);
    const std::int64_t t = plan.PlannedAt(n);
    REQUIRE(t >= last);
    last = t;
  }
  for (const Position n : {1'529'999ULL, 1'530'000ULL, 1'530'001ULL, 2'029'999ULL, 2'030'000ULL}) {
    CheckInverse(plan, n);
  }
}

// PlannedAt() of many is PlannedAt() of each.
void CheckMany(const Plan& plan, Position first, std::int64_t allowed_ns) {
  CAPTURE(first);
  std::array<std::int64_t, kRunLength> many{};
  for (const std::uint32_t n : {1u, 2u, 15u, kRunLength}) {
    plan.PlannedAt(first, n, many.data());
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::int64_t one = plan.PlannedAt(first + i);
      REQUIRE(many[i] <= one + allowed_ns);
      REQUIRE(many[i] >= one - allowed_ns);
    }
  }
}

TEST_CASE("Plan: the instants of many events at once are those of each") {
  for (const std::int64_t rate :
       {1LL, 3LL, 7'000LL, 999'983LL, 20'000'000LL, 999'999'999LL, 1'000'000'000'000LL}) {
    CAPTURE(rate);
    const Plan plan = Constant(rate);
    for (Position first = 0; first < 2'000'000; first += 9'973) CheckMany(plan, first, 0);
    CheckMany(plan, Position{1} << 55, 0);  // at the slow rates: never
  }
}

TEST_CASE("Plan: the instants of many events at once are exact where stages meet, near in a ramp") {
  const Plan plan({{1'000'000, 50'000'000, 60 * kSecond},
                   {50'000'000, 50'000'000, 10 * kSecond},
                   {2'000'000, 2'000'000, 7 * kSecond},
                   {5'000'000, 5'000'000, 0}});
  const Position ramp = plan.DueBefore(60 * kSecond);
  const Position high = plan.DueBefore(70 * kSecond);
  const Position low = plan.DueBefore(77 * kSecond);
  for (Position n = 0; n < 40; ++n) {
    CheckMany(plan, ramp - 20 + n, n < 5 ? 100 : 0);
    CheckMany(plan, high - 20 + n, 0);
    CheckMany(plan, low - 20 + n, 0);
  }
  // Straight for 16 events: a thousandth of their gap off where the ramp is slow, less further up.
  for (Position first = 0; first + kRunLength < ramp; first += 997) {
    CheckMany(plan, first, first < 10'000 ? 30'000 : 400);
  }
}

TEST_CASE("Plan: a ramp at the end goes on at its end rate") {
  const Plan plan({{1'000, 10'000, 10 * kSecond}});
  CHECK(plan.MilliRateAt(5 * kSecond) == 5'500);
  CHECK(plan.MilliRateAt(1'000 * kSecond) == 10'000);
  CHECK(plan.DueBefore(20 * kSecond) - plan.DueBefore(10 * kSecond) == 100);
}

// DueBefore counts what PlannedAt plans: the two are inverse in the other direction too.
TEST_CASE("Plan: DueBefore(t) events are planned strictly before t") {
  const Plan plan({{3'000, 700'000, 3 * kSecond}, {11'000, 11'000, 0}});
  for (std::int64_t t = 1; t < 5 * kSecond; t += 1'234'567) {
    const Position n = plan.DueBefore(t);
    REQUIRE(plan.PlannedAt(n) >= t);
    if (n > 0) {
      REQUIRE(plan.PlannedAt(n - 1) < t);
    }
  }
}

}  // namespace
}  // namespace playload
