#include "generator/simulate/lane_clock.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace playload {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;

Plan Constant(std::int64_t per_second) {
  return Plan({Stage{per_second * 1'000, per_second * 1'000, 0}});
}

TEST_CASE("LaneClock: the first event at an instant, as a search from the beginning finds it") {
  const std::vector<Plan> plans = {
      Constant(1'000), Constant(777), Constant(20'000),
      Plan({Stage{500'000, 20'000'000, 2 * kSecond}, Stage{20'000'000, 3'000'000, kSecond}})};
  for (const Plan& plan : plans) {
    for (const std::uint64_t lane : {0u, 3u, 7u}) {
      const LaneClock clock(plan, 8, lane);
      for (std::int64_t at = 0; at < 3 * kSecond; at += 37 * kMs + 1'234) {
        std::uint64_t first = 0;
        while (clock.InstantOf(first) < at) ++first;
        CHECK(clock.FirstAt(at) == first);
        CHECK(clock.FirstAt(clock.InstantOf(first)) == first);
        CHECK(clock.FirstAt(clock.InstantOf(first) + 1) == first + 1);
      }
    }
  }
}

TEST_CASE("LaneClock: a wait ends at the edge or after it, or at the last event before it") {
  const Plan plan = Constant(3'000);
  const LaneClock clock(plan, 8, 2);
  for (const std::int64_t wait : {5 * kSecond, 4 * kSecond + 7 * kMs}) {
    for (std::uint64_t i = 0; i < 200; ++i) {
      const auto ms = [&](std::uint64_t index) { return clock.InstantOf(index) / kMs; };
      const std::int64_t edge = clock.InstantOf(i) + wait;
      const std::uint64_t after = clock.EndOf(i, {wait, false});
      if (clock.InstantOf(after) < edge) {  // a millisecond later all the same
        CHECK(ms(after) - ms(i) == wait / kMs);
      } else {
        CHECK(clock.InstantOf(after - 1) < edge);
      }
      const std::uint64_t within = clock.EndOf(i, {wait, true});
      CHECK(clock.InstantOf(within) < edge);
      if (clock.InstantOf(within + 1) < edge) CHECK(ms(within) - ms(i) == wait / kMs - 1);
    }
  }
}

// A multiple of 16 lanes / rate, up to 15 / rate more or less, is there; nothing else is.
TEST_CASE("LaneClock: which edges are met to the millisecond, and by what") {
  const auto miss = [](std::int64_t per_second, std::int64_t ns, bool within) {
    const Plan plan = Constant(per_second);
    const LaneClock clock(plan, 8, 5);
    const LaneWait wait{ns, within};
    return clock.MissMs(clock.BestStart(1'000, wait, [](std::uint64_t) { return true; }), wait);
  };
  const std::int64_t window = 600 * kSecond;
  for (const std::int64_t rate : {2'000, 4'000, 20'000}) {
    CAPTURE(rate);
    for (const std::int64_t ns : {window - kMs, window, window + kMs}) {
      CHECK(miss(rate, ns, false) == 0);
    }
    CHECK(miss(rate, window, true) == 0);
  }
  // 128 ms from a lane's run to its next one, and 600 s are no multiple: half of that away.
  CHECK(miss(1'000, window, false) == 64 - 15);
  // Events 2.5 ms apart: the edge itself, but not one millisecond less.
  CHECK(miss(400, window, false) == 0);
  CHECK(miss(400, window, true) == 1);
}

TEST_CASE("LaneClock: the best start is the first of the best, and one that is free") {
  const Plan plan = Constant(2'000);
  const LaneClock clock(plan, 8, 0);
  const LaneWait wait{600 * kSecond + kMs, false};
  const std::uint64_t best = clock.BestStart(100, wait, [](std::uint64_t) { return true; });
  REQUIRE(clock.MissMs(best, wait) == 0);
  for (std::uint64_t i = 100; i < best; ++i) CHECK(clock.MissMs(i, wait) > 0);
  const std::uint64_t other =
      clock.BestStart(100, wait, [&](std::uint64_t i) { return i != best; });
  CHECK(other > best);
  CHECK(clock.MissMs(other, wait) == 0);
}

}  // namespace
}  // namespace playload
