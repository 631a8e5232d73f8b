#include "generator/run/waiter.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/run/fakes.h"

namespace playload {
namespace {

constexpr std::int64_t kZero = 70'000'000'000;
constexpr std::int64_t kUs = 1'000;
constexpr std::int64_t kSecond = 1'000'000'000;

// One wait for an event that falls due at `due`, with others behind it every `gap_ns`.
void Wait(Waiter& waiter, test::FakeClock& clock, std::int64_t due, double gap_ns) {
  const std::int64_t now = clock.Now();
  waiter.WaitUntil(waiter.WakeAt(due, now, gap_ns), due, now);
}

// Waits for the events of a constant rate for as long as told; how often that was.
int WaitThrough(Waiter& waiter, test::FakeClock& clock, std::int64_t gap_ns, std::int64_t until) {
  int waits = 0;
  for (; clock.Now() < until; ++waits) {
    const std::int64_t next = kZero + ((clock.Now() - kZero) / gap_ns + 1) * gap_ns;
    Wait(waiter, clock, next, static_cast<double>(gap_ns));
    REQUIRE(clock.Now() >= next);
  }
  return waits;
}

}  // namespace

TEST_CASE("Pacing: its two words") {
  CHECK(*ParsePacing("sleep") == Pacing::kSleep);
  CHECK(*ParsePacing("spin") == Pacing::kSpin);
  CHECK(PacingName(Pacing::kSpin) == "spin");
  CHECK(ParsePacing("Spin").error().message() == "'Spin' is neither sleep nor spin");
}

// However late sleeps end and whatever they cost: no wait ends before the event is due.
TEST_CASE("Waiter: never ends before the event is due") {
  for (const std::int64_t slack : {0, 3'000, 40'000, 900'000}) {
    for (const std::int64_t gap : {20, 1'000, 10'000, 100'000, 700'000, 3'000'000}) {
      for (const Pacing pacing : {Pacing::kSleep, Pacing::kSpin}) {
        CAPTURE(slack);
        CAPTURE(gap);
        test::FakeClock clock(kZero);
        clock.set_slack(slack);
        clock.set_look(gap < 1'000 ? 1 : 10);
        Waiter waiter(clock, pacing, kZero);
        WaitThrough(waiter, clock, gap, kZero + std::min(30'000 * kUs, 100'000 * gap));
      }
    }
  }
}

TEST_CASE("Waiter: learns how late sleeps end, and asks for as much less") {
  test::FakeClock clock(kZero);
  clock.set_look(1);
  clock.set_slack(40 * kUs);
  Waiter waiter(clock, Pacing::kSleep, kZero);
  constexpr std::int64_t kGap = 5'000 * kUs;
  for (int n = 1; n <= 100; ++n) {
    const std::int64_t due = kZero + n * kGap;
    Wait(waiter, clock, due, kGap);
    const std::int64_t late = clock.Now() - due;
    if (n == 1) CHECK(late >= 40 * kUs);
    if (n > 30) CHECK(late <= 11 * kUs);
  }
}

TEST_CASE("Waiter: one outlier hardly changes what it has learned") {
  test::FakeClock clock(kZero);
  clock.set_look(1);
  clock.set_slack(4 * kUs);
  Waiter waiter(clock, Pacing::kSleep, kZero);
  constexpr std::int64_t kGap = 200'000 * kUs;
  clock.set_slack(30'000 * kUs);
  Wait(waiter, clock, kZero + kGap, kGap);
  clock.set_slack(4 * kUs);
  clock.waits.clear();
  const std::int64_t due = kZero + kGap / 2;  // within 50 ms
  Wait(waiter, clock, due, kGap);
  REQUIRE(!clock.waits.empty());
  CHECK(clock.waits.back().until_ns >= due - 13 * kUs);
}

// The share of a core that waiting takes: cost of a wait times waits per second.
TEST_CASE("Waiter: the price of a wake-up decides how long a tick is") {
  for (const std::int64_t cost : {1'000, 3'000, 10'000, 30'000}) {
    for (const std::int64_t gap : {1'000'000, 100'000, 50'000, 20'000, 10'000, 1'000, 100}) {
      CAPTURE(cost);
      CAPTURE(gap);
      test::FakeClock clock(kZero);
      clock.set_look(1);
      clock.set_cost(cost);
      Waiter waiter(clock, Pacing::kSleep, kZero);
      WaitThrough(waiter, clock, gap, kZero + kSecond);  // learns
      clock.waits.clear();
      WaitThrough(waiter, clock, gap, kZero + 2 * kSecond);
      const double share = static_cast<double>(clock.waits.size()) * static_cast<double>(cost) /
                           static_cast<double>(kSecond);
      CHECK(share <= (gap >= 100'000 ? 0.031 : 0.61));
      const std::int64_t tick = waiter.TickNs(static_cast<double>(gap));
      const double share_allowed = gap >= 100'000 ? 0.03 : gap <= 10'000 ? 0.6 : 0;
      if (share_allowed > 0) {
        const double wanted = std::clamp(static_cast<double>(cost) / share_allowed,
                                         static_cast<double>(Waiter::kShortestTickNs),
                                         static_cast<double>(Waiter::kLongestTickNs));
        CHECK(static_cast<double>(tick) == doctest::Approx(wanted).epsilon(0.01));
      }
      const auto ticks = static_cast<std::size_t>(kSecond / std::max(gap, tick));
      CHECK(clock.waits.size() <= ticks * 11 / 10 + 2);
      CHECK(clock.waits.size() >= ticks * 9 / 10);
    }
  }
}

TEST_CASE("Waiter: what a release takes does not make its tick longer") {
  test::FakeClock clock(kZero);
  clock.set_look(1);
  clock.set_cost(1'000);
  Waiter waiter(clock, Pacing::kSleep, kZero);
  WaitThrough(waiter, clock, kUs, kZero + kSecond);  // learns
  REQUIRE(waiter.TickNs(1e3) == Waiter::kShortestTickNs);
  clock.waits.clear();
  while (clock.Now() < kZero + 2 * kSecond) {
    Wait(waiter, clock, clock.Now() + kUs, 1e3);
    clock.Advance(20 * kUs);
  }
  CHECK(clock.waits.size() >= 19'900);
  CHECK(clock.waits.size() <= 20'100);
}

TEST_CASE("Waiter: the last wake-up of a second comes just before its end") {
  test::FakeClock clock(kZero);
  clock.set_look(1);
  clock.set_cost(30'000);
  Waiter waiter(clock, Pacing::kSleep, kZero);
  WaitThrough(waiter, clock, 100 * kUs, kZero + 3 * kSecond + kSecond / 2);
  for (const std::int64_t second : {1, 2, 3}) {
    const std::int64_t end = kZero + second * kSecond;
    std::int64_t last = 0;
    for (const auto& wait : clock.waits) {
      if (wait.until_ns < end) last = std::max(last, wait.until_ns);
    }
    CHECK(last <= end);
    CHECK(last >= end - 2 * Waiter::kBeforeSecondNs);
  }
}

TEST_CASE("Waiter: before the start only the start is waited for") {
  test::FakeClock clock(kZero - 3 * kSecond);
  clock.set_look(1);
  Waiter waiter(clock, Pacing::kSleep, kZero);
  CHECK(waiter.WakeAt(kZero + 1, clock.Now(), 10.0) == kZero + 1);
  clock.Advance(3 * kSecond - 200 * kUs);
  waiter.WaitUntil(kZero - 20 * kUs, kZero - 20 * kUs, clock.Now());
  CHECK(waiter.WakeAt(kZero + 1, clock.Now(), 10.0) == kZero + 1);
}

TEST_CASE("Waiter: looks at its flags every 50 ms at the latest") {
  for (const Pacing pacing : {Pacing::kSleep, Pacing::kSpin}) {
    test::FakeClock clock(kZero);
    clock.set_look(1);
    Waiter waiter(clock, pacing, kZero);
    const std::int64_t due = kZero + 3'600 * kSecond;
    waiter.WaitUntil(waiter.WakeAt(due, clock.Now(), 1e9), due, clock.Now());
    CHECK(clock.Now() <= kZero + Waiter::kLongestWaitNs + 100 * kUs);
  }
}

// With the stretch that is left to spin, no sleep reaches an event.
TEST_CASE("Waiter: spinning, no sleep ends past the due instant, and dense plans do not sleep") {
  test::FakeClock clock(kZero);
  clock.set_slack(600 * kUs);  // sleeps end late, but by less than the stretch
  clock.set_look(40);
  Waiter waiter(clock, Pacing::kSpin, kZero);
  for (int n = 1; n < 200; ++n) {
    const std::int64_t due = kZero + n * 3'000 * kUs;
    Wait(waiter, clock, due, 3e6);
    REQUIRE(clock.Now() - due <= 3 * 40);
  }
  CHECK(clock.waits.size() == 199);
  for (const auto& wait : clock.waits) {
    const std::int64_t due = kZero + ((wait.until_ns - kZero) / (3'000 * kUs) + 1) * 3'000 * kUs;
    REQUIRE(wait.until_ns + 600 * kUs < due);
  }
  clock.waits.clear();
  WaitThrough(waiter, clock, 900 * kUs, clock.Now() + kSecond);
  CHECK(clock.waits.empty());
}

}  // namespace playload
