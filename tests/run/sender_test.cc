#include "generator/run/sender.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <vector>

#include "tests/run/fakes.h"
#include "tests/support/world.h"

namespace playload {
namespace {

constexpr std::int64_t kZero = 50'000'000'000;
constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kTickNs = Waiter::kLongestTickNs;
const std::atomic<bool> kNo{false};

// A sender of a small paced stream, 20,000 events/s, on a made-up clock.
struct Stand {
  explicit Stand(Position end, std::uint32_t shard = 0, std::uint32_t shards = 1)
      : spec(test::SpecOf(test::World(500, {"casual", "whale"}), 3, end)) {
    spec.clock = Clock::kLive;
    spec.shard = shard;
    spec.shards = shards;
    options.schedule.emplace(plan, kZero);
    options.zero_ns = kZero;
    options.opened_ns = kZero;
    options.end = end;
  }

  void Run(const std::atomic<bool>& stop = kNo, const std::atomic<bool>& hurry = kNo) {
    stream.emplace(spec, StreamOptions{});
    REQUIRE(stream->Start().ok());
    sender.emplace(*stream, transport, deliveries, clock, options);
    sender->Run(stop, hurry);
  }

  [[nodiscard]] std::uint64_t generated() const {
    return deliveries.generated(Kind::kPlayer) + deliveries.generated(Kind::kPurchase) +
           deliveries.generated(Kind::kServer);
  }
  [[nodiscard]] const SenderReport& report() const { return sender->report(); }

  RunSpec spec;
  Plan plan{spec.scenario.plan};
  test::FakeClock clock{kZero - 20 * kMs};
  Deliveries deliveries{[](Position) { return std::int64_t{-1}; }};
  test::FakeTransport transport{clock, deliveries};
  SenderOptions options;
  std::optional<Stream> stream;
  std::optional<Sender> sender;
};

// Events of each kind before `end`.
std::array<std::uint64_t, kKinds> KindsBefore(RunSpec spec, Position end) {
  spec.end = end;
  Stream stream(spec, StreamOptions{});
  REQUIRE(stream.Start().ok());
  std::array<std::uint64_t, kKinds> kinds{};
  while (Batch* batch = stream.Next()) {
    for (std::size_t k = 0; k < kKinds; ++k) kinds[k] += batch->kinds[k];
    stream.Recycle(batch);
  }
  return kinds;
}

}  // namespace

TEST_CASE("Sender: every event once, in order, after its planned instant and within a tick of it") {
  Stand stand(7'003);
  stand.Run();
  CHECK(stand.report().complete);
  CHECK(stand.report().end == 7'003);
  REQUIRE(stand.transport.taken.size() == 7'003);
  for (std::size_t i = 0; i < stand.transport.taken.size(); ++i) {
    const auto& event = stand.transport.taken[i];
    REQUIRE(event.position == i);
    const std::int64_t late = event.at_ns - kZero - stand.plan.PlannedAt(i);
    REQUIRE(late > 0);
    REQUIRE(late <= kTickNs + 1);
  }
  CHECK(stand.report().lateness.count() == 7'003);
  CHECK(stand.report().lateness.max() <= kTickNs + 1);
  CHECK(stand.report().planned == KindsBefore(stand.spec, 7'003));
  CHECK(stand.generated() == 7'003);
  CHECK(stand.sender->released() == 7'003);
  CHECK(stand.report().rate.counts() == std::vector<std::uint64_t>{7'003});
}

TEST_CASE("Sender: a shard gets its events at the instants that they have in the whole") {
  Stand stand(7'003, 1, 3);
  stand.Run();
  CHECK(stand.report().complete);
  REQUIRE(!stand.transport.taken.empty());
  for (const auto& event : stand.transport.taken) {
    const std::int64_t late = event.at_ns - kZero - stand.plan.PlannedAt(event.position);
    REQUIRE(late > 0);
    REQUIRE(late <= kTickNs + 1);
  }
}

// Open loop: a pause makes its own events late and no others.
TEST_CASE(
    "Sender: a destination that is full for 30 ms gets the late events then, the rest on time") {
  Stand stand(7'000);
  constexpr std::int64_t kFrom = kZero + 100 * kMs;
  constexpr std::int64_t kUntil = kZero + 130 * kMs;
  stand.transport.room = [&](std::uint32_t wanted) {
    const bool corked = stand.clock.Now() >= kFrom && stand.clock.Now() < kUntil;
    return corked ? 0u : wanted;
  };
  stand.Run();
  CHECK(stand.report().complete);
  REQUIRE(stand.transport.taken.size() == 7'000);
  for (const auto& event : stand.transport.taken) {
    const std::int64_t planned = kZero + stand.plan.PlannedAt(event.position);
    const std::int64_t late = event.at_ns - planned;
    CHECK(late > 0);
    if (planned < kFrom - kMs || planned > kUntil + kMs) {
      CHECK(late <= kTickNs + 1);
    } else {
      CHECK(late <= kUntil - kFrom + 3 * kMs);
    }
  }
  CHECK(stand.report().full_times == 1);
  CHECK(stand.report().full_ns >= 29 * kMs);
  CHECK(stand.report().full_ns <= 32 * kMs);
  CHECK(stand.report().lateness.max() >= 29 * kMs);
  // 600 of 7,000 events were due while it was full.
  CHECK(stand.report().lateness.Percentile(90) <= kMs);
  CHECK(stand.report().lateness.count() == 7'000);
}

TEST_CASE("Sender: a destination that takes a few at a time loses none and repeats none") {
  Stand stand(5'000);
  stand.transport.room = [](std::uint32_t wanted) { return std::min(wanted, 37u); };
  stand.Run();
  CHECK(stand.report().complete);
  REQUIRE(stand.transport.taken.size() == 5'000);
  for (std::size_t i = 0; i < 5'000; ++i) REQUIRE(stand.transport.taken[i].position == i);
}

TEST_CASE("Sender: stops at once when told, and says what the plan still asked for") {
  Stand stand(20'000);
  std::atomic<bool> stop{false};
  constexpr std::int64_t kCork = kZero + 100 * kMs;
  stand.transport.room = [&](std::uint32_t wanted) {
    if (stand.clock.Now() >= kCork + 50 * kMs) stop = true;
    return stand.clock.Now() < kCork ? wanted : 0u;
  };
  stand.Run(stop);
  const SenderReport& report = stand.report();
  CHECK(!report.complete);
  CHECK(report.end == stand.transport.taken.size());
  CHECK(report.end == stand.generated());
  const Position due = stand.plan.DueBefore(report.ended_ns - kZero);
  CHECK(due > report.end + 900);
  REQUIRE(report.planned.has_value());
  CHECK(*report.planned == KindsBefore(stand.spec, due));
}

TEST_CASE("Sender: what the plan still asked for is unknown to who is in a hurry") {
  Stand stand(20'000);
  std::atomic<bool> stop{false};
  stand.transport.room = [&](std::uint32_t) {
    stop = stand.clock.Now() > kZero + 100 * kMs;
    return 0u;
  };
  std::atomic<bool> hurry{true};
  stand.Run(stop, hurry);
  CHECK(!stand.report().planned.has_value());
  CHECK(stand.report().end == 0);
}

TEST_CASE("Sender: a lost destination ends it at the first event that was not taken") {
  Stand stand(5'000);
  stand.transport.room = [&](std::uint32_t wanted) {
    if (stand.transport.taken.size() + wanted <= 1'234) return wanted;
    stand.transport.lost = Status(Code::kDestination, "gone");
    return static_cast<std::uint32_t>(1'234 - stand.transport.taken.size());
  };
  stand.Run();
  CHECK(!stand.report().complete);
  CHECK(stand.report().end == 1'234);
  CHECK(stand.generated() == 1'234);
}

TEST_CASE("Sender: a reader that went away ends it, and is no failure") {
  Stand stand(5'000);
  stand.transport.room = [&](std::uint32_t wanted) {
    stand.transport.gone = stand.transport.taken.size() > 2'000;
    return wanted;
  };
  stand.Run();
  CHECK(!stand.report().complete);
  CHECK(stand.report().end == stand.generated());
  CHECK(stand.report().end < 5'000);
}

TEST_CASE("Sender: what was due before anybody could send it is not called late") {
  Stand stand(4'000);
  // The start lies 150 ms in the past: 3,000 events are due at once.
  stand.clock.Advance(170 * kMs);
  stand.options.opened_ns = stand.clock.Now();
  stand.Run();
  CHECK(stand.report().complete);
  CHECK(stand.report().backfilled == 3'000);
  CHECK(stand.report().lateness.count() == 1'000);
  CHECK(stand.report().lateness.max() <= kMs);
}

TEST_CASE("Sender: without a plan everything goes at once") {
  Stand stand(30'000);
  stand.spec.clock = Clock::kVirtual;
  stand.options.schedule.reset();
  stand.Run();
  CHECK(stand.report().complete);
  CHECK(stand.transport.taken.size() == 30'000);
  CHECK(stand.report().lateness.count() == 0);
  CHECK(stand.clock.Now() == kZero - 20 * kMs);  // it never waited
  CHECK(stand.report().planned == KindsBefore(stand.spec, 30'000));
}

TEST_CASE("Sender: at rate max the time ends it, and that is its end") {
  Stand stand(RunSpec::kNoEnd);
  stand.spec.clock = Clock::kVirtual;
  stand.options.schedule.reset();
  stand.options.stop_at_ns = kZero;
  stand.transport.room = [&](std::uint32_t wanted) {
    stand.clock.Advance(kMs);
    return wanted;
  };
  stand.Run();
  CHECK(stand.report().complete);
  CHECK(stand.report().end == stand.generated());
  CHECK(stand.report().end > 0);
  CHECK(stand.clock.Now() == kZero);
}

TEST_CASE("Sender: kinds that the destination does not take are neither planned nor generated") {
  Stand stand(5'000);
  stand.options.kinds = {false, true, false};
  stand.Run();
  CHECK(stand.report().complete);
  CHECK(stand.deliveries.generated(Kind::kPlayer) == 0);
  CHECK(stand.deliveries.generated(Kind::kPurchase) == KindsBefore(stand.spec, 5'000)[1]);
  CHECK((*stand.report().planned)[0] == 0);
  CHECK(stand.transport.taken.size() == 5'000);  // it is offered all and skips them itself
}

TEST_CASE("Sender: a slow clock makes events late by as much, and no later") {
  Stand stand(5'000);
  stand.clock.set_slack(2 * kMs);
  stand.clock.set_look(1);
  stand.Run();
  CHECK(stand.report().complete);
  CHECK(stand.report().lateness.max() >= 2 * kMs);
  CHECK(stand.report().lateness.max() <= 2 * kMs + 2 * kTickNs);
}

// Each event's lateness is in the histogram, as the destination saw it.
TEST_CASE("Sender: lateness is counted of every event, exactly") {
  for (const Pacing pacing : {Pacing::kSleep, Pacing::kSpin}) {
    for (const std::uint32_t shards : {1u, 3u}) {
      Stand stand(9'001, 0, shards);
      stand.options.pacing = pacing;
      stand.clock.set_look(40);
      stand.clock.set_slack(30'000);
      stand.transport.room = [&](std::uint32_t wanted) {  // a pause, and offers in parts
        const std::int64_t now = stand.clock.Now() - kZero;
        return now > 200 * kMs && now < 215 * kMs ? 0u : std::min(wanted, 11u);
      };
      stand.Run();
      CHECK(stand.report().complete);
      Histogram late;
      for (const auto& event : stand.transport.taken) {
        // The clock was looked at before the offer, then in `room` and for `at_ns`.
        late.Record(event.at_ns - 2 * 40 - kZero - stand.plan.PlannedAt(event.position));
      }
      const Histogram& counted = stand.report().lateness;
      CHECK(counted.count() == stand.transport.taken.size());
      for (double percent = 0; percent <= 100; percent += 0.25) {
        CAPTURE(percent);
        CHECK(counted.Percentile(percent) == late.Percentile(percent));
      }
    }
  }
}

// No sleep reaches the next event, so none is later than the looks at the clock that it takes.
TEST_CASE("Sender: spinning, nothing sleeps past a due instant") {
  Stand stand(3'001);
  stand.spec.scenario.plan = {Stage{400'000, 400'000, 0}};  // 400/s: 2.5 ms apart
  stand.plan = Plan(stand.spec.scenario.plan);
  stand.options.schedule.emplace(stand.plan, kZero);
  stand.options.pacing = Pacing::kSpin;
  stand.clock.set_look(50);
  stand.clock.set_slack(Waiter::kSpinStretchNs * 9 / 10);
  stand.Run();
  CHECK(stand.report().complete);
  CHECK(stand.report().lateness.count() == 3'001);
  CHECK(stand.report().lateness.max() <= 10 * 50);
  CHECK(!stand.clock.waits.empty());
  Position next = 0;
  for (const auto& wait : stand.clock.waits) {
    while (kZero + stand.plan.PlannedAt(next) < wait.at_ns) ++next;
    REQUIRE(wait.until_ns + Waiter::kSpinStretchNs <= kZero + stand.plan.PlannedAt(next) + 1);
  }
}

TEST_CASE("Sender: a dense plan that spins never sleeps, once it has begun") {
  Stand stand(5'000);
  stand.options.pacing = Pacing::kSpin;
  stand.clock.set_look(50);
  stand.Run();
  CHECK(stand.report().complete);
  CHECK(stand.report().lateness.max() <= 10 * 50);
  for (const auto& wait : stand.clock.waits) CHECK(wait.until_ns < kZero);
}

TEST_CASE("Sender: what of the offers was CPU is judged by some of them") {
  Stand stand(40'000);
  stand.spec.clock = Clock::kVirtual;
  stand.options.schedule.reset();
  stand.transport.room = [&](std::uint32_t wanted) {  // half of it works, half of it waits
    stand.clock.Work(kMs);
    stand.clock.Advance(2 * kMs);
    return wanted;
  };
  stand.Run();
  const SenderReport& report = stand.report();
  CHECK(report.offer_ns >= 40 * 2 * kMs);
  CHECK(report.offer_cpu_ns * 2 == report.offer_ns);
  CHECK(report.cpu_ns == report.offer_cpu_ns);
}

}  // namespace playload
