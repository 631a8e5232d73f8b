#include "generator/measure/curve.h"

#include <doctest/doctest.h>

#include <vector>

namespace playload {
namespace {

constexpr std::int64_t kMs = 1'000'000;

// A point every 2 ms: a million events/s without a break.
std::vector<CurvePoint> Even(std::int64_t ms) {
  std::vector<CurvePoint> points;
  for (std::int64_t t = 0; t <= ms; t += 2) {
    points.push_back({t * kMs, static_cast<std::uint64_t>(t) * 1'000, t * kMs / 2});
  }
  return points;
}

// The same rate in bursts: of each `period_ms` the last fifth has all its events. Begins in the
// middle of a period.
std::vector<CurvePoint> Bursts(std::int64_t ms, std::int64_t period_ms) {
  std::vector<CurvePoint> points;
  for (std::int64_t t = 0; t <= ms; t += 2) {
    const std::int64_t at = t + period_ms / 2;
    const std::int64_t burst_ms = period_ms / 5;
    const std::int64_t in_period = at % period_ms - (period_ms - burst_ms);
    const std::int64_t whole = at / period_ms * period_ms * 1'000;
    const std::int64_t part = in_period > 0 ? in_period * 5'000 : 0;
    points.push_back({t * kMs, static_cast<std::uint64_t>(whole + part), t * kMs / 2});
  }
  return points;
}

}  // namespace

TEST_CASE("Curve: an even one is cut into equal times") {
  const std::vector<CurvePoint> cuts = CutCurve(Even(1'600), 8);
  REQUIRE(cuts.size() == 9);
  CHECK(cuts.front().at_ns == 0);
  CHECK(cuts[3].at_ns == 600 * kMs);
  CHECK(cuts.back().at_ns == 1'600 * kMs);
}

TEST_CASE("Curve: slices hold whole bursts, whatever the period") {
  for (const std::int64_t period : {50, 120, 190, 250, 410}) {
    CAPTURE(period);
    Figures figures;
    REQUIRE(AddCurve(Bursts(2'000, period), 8, &figures).ok());
    const Spread spread = figures.events_per_second();
    // Off by a point of the curve at each end.
    CHECK(spread.median == doctest::Approx(1e6).epsilon(0.05));
    CHECK(spread.least == doctest::Approx(1e6).epsilon(0.05));
    CHECK(spread.most == doctest::Approx(1e6).epsilon(0.05));
    CHECK(figures.slices.size() >= 2);
    CHECK(figures.cpu_us_per_event() == doctest::Approx(0.5).epsilon(0.05));
  }
}

TEST_CASE("Curve: a thread that waits for a core now and then does not end a slice") {
  // Bursts of 82 ms, in each of which nothing comes for 8 ms.
  std::vector<CurvePoint> points = Bursts(2'000, 410);
  std::uint64_t held = 0;
  for (CurvePoint& point : points) {
    const std::int64_t in_burst = (point.at_ns / kMs + 205) % 410 - 328;
    if (in_burst < 30 || in_burst > 38) held = point.events;
    point.events = held;
  }
  Figures figures;
  REQUIRE(AddCurve(points, 8, &figures).ok());
  CHECK(figures.events_per_second().least == doctest::Approx(1e6).epsilon(0.05));
  CHECK(figures.events_per_second().most == doctest::Approx(1e6).epsilon(0.05));
}

TEST_CASE("Curve: one or two stands without a period are cut by time") {
  std::vector<CurvePoint> points = Even(1'600);
  for (CurvePoint& point : points) {
    if (point.at_ns > 500 * kMs && point.at_ns < 590 * kMs) point.events = 500'000;
  }
  CHECK(CutCurve(points, 8).size() == 9);
  for (CurvePoint& point : points) {
    if (point.at_ns > 900 * kMs && point.at_ns < 980 * kMs) point.events = 900'000;
  }
  CHECK(CutCurve(points, 8).size() == 9);
}

TEST_CASE("Curve: telling is an even one, or one with some bursts") {
  CHECK(IsTelling(Even(1'000), 8));
  CHECK(IsTelling(Bursts(2'000, 410), 8));
  CHECK_FALSE(IsTelling(Bursts(2'000, 1'100), 8));
  CHECK_FALSE(IsTelling({}, 8));
  CHECK_FALSE(IsTelling({{0, 7, 0}, {1'000, 7, 0}}, 8));
  // It has stopped: half a slice without an event.
  std::vector<CurvePoint> points = Even(1'000);
  points.push_back({1'100 * kMs, points.back().events, 0});
  CHECK_FALSE(IsTelling(points, 8));
}

TEST_CASE("Curve: too few points or events are said") {
  Figures figures;
  CHECK(AddCurve({}, 8, &figures).code() == Code::kInvalid);
  CHECK(AddCurve({{5, 7, 0}}, 8, &figures).code() == Code::kInvalid);
  const Status still = AddCurve({{0, 7, 0}, {1'000, 7, 0}, {2'000, 7, 0}}, 2, &figures);
  CHECK(still.message().find("--seconds") != std::string::npos);
  CHECK(figures.slices.empty());
  CHECK(CutCurve({{0, 0, 0}, {1'000, 7, 0}}, 8).size() == 2);
}

TEST_CASE("Curve: one that stands still half of the time is no measurement") {
  std::vector<CurvePoint> points = Even(1'000);
  for (CurvePoint& point : points) point.events = point.at_ns > 700 * kMs ? 9'000 : 0;
  Figures figures;
  CHECK(AddCurve(points, 8, &figures).code() == Code::kInvalid);
  CHECK(figures.slices.empty());
  CHECK(figures.events == 0);
}

}  // namespace playload
