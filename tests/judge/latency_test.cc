#include "generator/judge/latency.h"

#include <doctest/doctest.h>

#include <string>

#include "generator/judge/judge_thresholds.h"
#include "generator/judge/reference_judge.h"
#include "generator/judge/verdict.h"

namespace playload {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::size_t kFraud = IndexOf(OutputKind::kFraudAlerts);

// Event n is planned at n ms, sent 2 ms and acknowledged 5 ms later.
LatencyMeter::Options Options() {
  LatencyMeter::Options options;
  options.outputs = {{}, {}, {}, {"fraud-alerts", {"frequent", "multi-currency"}}};
  options.instants = [](Position p) {
    const auto planned = static_cast<std::int64_t>(p) * kMs;
    return LatencyMeter::Instants{planned, planned + 2 * kMs, planned + 5 * kMs};
  };
  return options;
}

Trigger Alert(std::uint64_t user, Position position, FraudAlert reason = FraudAlert::kFrequent) {
  return {.of = {kFraud, user, static_cast<std::uint64_t>(reason)},
          .position = position,
          .part = reason == FraudAlert::kMulti ? std::size_t{1} : 0};
}

void See(LatencyMeter* meter, std::uint64_t user, std::int64_t seen_ms, bool multi = false) {
  const FraudAlert reason = multi ? FraudAlert::kMulti : FraudAlert::kFrequent;
  meter->Seen({kFraud, user, static_cast<std::uint64_t>(reason)}, seen_ms < 0 ? -1 : seen_ms * kMs);
}

std::uint64_t Ms(const Histogram& histogram, double percent = 100) {
  return (histogram.Percentile(percent) + kMs / 2) / kMs;
}

TEST_CASE("Latency: from plan to sight, and where the time went") {
  LatencyMeter meter(Options());
  meter.Expect(Alert(1, 100));
  See(&meter, 1, 140);
  const std::vector<OutputLatency> report = meter.Report();
  REQUIRE(report.size() == 3);
  CHECK(report[0].name == "fraud-alerts");
  CHECK(Ms(report[0].total) == 40);
  CHECK(Ms(report[0].playload) == 2);
  CHECK(Ms(report[0].broker) == 3);
  CHECK(Ms(report[0].pipeline) == 35);
  CHECK(report[1].name == "fraud-alerts/frequent");
  CHECK(report[1].total.count() == 1);
  CHECK(report[2].name == "fraud-alerts/multi-currency");
  CHECK(report[2].total.count() == 0);
  CHECK(report[2].unknown != "");
}

TEST_CASE("Latency: what the rule itself makes an output wait is none") {
  LatencyMeter meter(Options());
  Trigger trigger = Alert(1, 100);
  trigger.wait_ns = 1'000 * kMs;  // a window that ends at 1,100 ms
  meter.Expect(trigger);
  See(&meter, 1, 1'140);
  const OutputLatency latency = meter.Report()[0];
  CHECK(Ms(latency.total) == 40);
  CHECK(Ms(latency.pipeline) == 35);
}

TEST_CASE("Latency: outputs of one identity are paired in their order, others do not touch them") {
  LatencyMeter meter(Options());
  for (const Position p : {100u, 200u, 300u}) meter.Expect(Alert(1, p));
  meter.Expect(Alert(1, 150, FraudAlert::kMulti));
  meter.Expect(Alert(2, 10));
  See(&meter, 1, 110);
  See(&meter, 1, 220);
  See(&meter, 1, 330);
  See(&meter, 1, 190, true);
  See(&meter, 1, 400);  // a repeat
  See(&meter, 3, 400);  // of nobody
  const std::vector<OutputLatency> report = meter.Report();
  CHECK(report[0].total.count() == 4);
  CHECK(Ms(report[1].total, 1) == 10);
  CHECK(Ms(report[1].total, 50) == 20);
  CHECK(Ms(report[1].total) == 30);
  CHECK(Ms(report[2].total) == 40);
}

TEST_CASE("Latency: an output seen before its event was due is not its own") {
  for (const bool ahead : {false, true}) {
    CAPTURE(ahead);
    LatencyMeter::Options options = Options();
    options.ahead = ahead;
    LatencyMeter meter(options);
    See(&meter, 1, 50);
    meter.Expect(Alert(1, 100));
    See(&meter, 1, 90);
    See(&meter, 1, 107);
    const OutputLatency latency = meter.Report()[0];
    CHECK(latency.total.count() == 1);
    CHECK(Ms(latency.total) == 7);
  }
}

TEST_CASE("Latency: told before what calls for it, where that may be") {
  LatencyMeter::Options options = Options();
  options.ahead = true;
  LatencyMeter meter(options);
  See(&meter, 1, 120);
  See(&meter, 1, 260);
  meter.Expect(Alert(1, 100));
  meter.Expect(Alert(1, 200));
  const OutputLatency latency = meter.Report()[0];
  CHECK(latency.total.count() == 2);
  CHECK(Ms(latency.total, 50) == 20);
  CHECK(Ms(latency.total) == 60);
}

TEST_CASE("Latency: what is not known is not 0") {
  LatencyMeter meter(Options());
  CHECK(meter.Report()[0].unknown == "none was seen");
  meter.Expect(Alert(1, 100));
  See(&meter, 1, -1);
  const OutputLatency latency = meter.Report()[0];
  CHECK(latency.total.count() == 0);
  CHECK(latency.unknown.find("LogAppendTime") != std::string::npos);

  LatencyMeter::Options unplanned = Options();
  unplanned.instants = [](Position) { return LatencyMeter::Instants{}; };
  LatencyMeter none(unplanned);
  none.Expect(Alert(1, 100));
  See(&none, 1, 120);
  CHECK(none.Report()[0].unknown == "none was seen that an event calls for");

  LatencyMeter::Options no_parts = Options();
  no_parts.instants = [](Position p) {
    return LatencyMeter::Instants{static_cast<std::int64_t>(p) * kMs, -1, -1};
  };
  LatencyMeter total_only(no_parts);
  total_only.Expect(Alert(1, 100));
  See(&total_only, 1, 120);
  CHECK(total_only.Report()[0].total.count() == 1);
  CHECK(total_only.Report()[0].pipeline.count() == 0);
}

TEST_CASE("Latency: a pipeline that never answers costs no more than a sample of its keys") {
  LatencyMeter::Options options = Options();
  options.most_pending = 1'000;
  LatencyMeter meter(options);
  for (std::uint64_t user = 1; user <= 64'000; ++user) meter.Expect(Alert(user, 1'000));
  for (std::uint64_t user = 1; user <= 64'000; ++user) See(&meter, user, 1'100);
  const OutputLatency latency = meter.Report()[0];
  CHECK(latency.one_in == 128);
  // Each that was measured stands for 128.
  CHECK(latency.total.count() > 40'000);
  CHECK(latency.total.count() < 90'000);
  CHECK(Ms(latency.total) == 100);
  // One key alone cannot fill it either.
  LatencyMeter one(options);
  for (int i = 0; i < 10'000; ++i) one.Expect(Alert(1, 1'000));
  See(&one, 1, 1'100);
  // Nor can the first one there is, of which nothing tells it from others about the same.
  for (int i = 0; i < 10'000; ++i) one.Expect({.of = {kFraud, 0, 0}, .position = 1'000});
}

TEST_CASE("Thresholds: looked up in a verdict") {
  Verdict verdict;
  verdict.outputs.resize(2);
  verdict.outputs[0].name = "server-alerts";
  verdict.outputs[1].name = "fraud-alerts";
  verdict.outputs[1].matched = verdict.outputs[1].expected = 3;
  LatencyMeter::Options both = Options();
  both.outputs[IndexOf(OutputKind::kServerAlerts)].name = "server-alerts";
  LatencyMeter meter(both);
  for (const std::uint64_t user : {1u, 2u, 3u}) {
    meter.Expect(Alert(user, 100));
    See(&meter, user, 100 + static_cast<std::int64_t>(user) * 10);
  }
  verdict.latency = meter.Report();
  const auto judged = [&](const std::string& text) {
    const Result<Threshold> threshold =
        ParseThreshold(text, VerdictNames(ReferenceLatencyOutputs()));
    REQUIRE_MESSAGE(threshold.has_value(), threshold.error().message());
    return JudgeThresholds({*threshold}, verdict, {"server-alerts", "fraud-alerts"}).front();
  };
  CHECK(judged("alert_latency.p(99)<31ms").passed);  // there are no server-alerts
  CHECK(!judged("alert_latency.p(99)<29ms").passed);
  CHECK(judged("alert_latency{fraud-alerts}.p(50)<21ms").passed);
  CHECK(judged("alert_latency{fraud-alerts/frequent}.max<=31ms").passed);
  CHECK(judged("alert_latency{fraud-alerts}.mean>19ms").passed);
  CHECK(judged("alert_latency{fraud-alerts}.mean<21ms").passed);
  CHECK(judged("matched>=3").passed);
  CHECK(!judged("matched{fraud-alerts}>3").passed);
  CHECK(judged("missing==0").passed);
  const ThresholdResult value = judged("alert_latency{fraud-alerts}.max<1s");
  REQUIRE(value.value.has_value());
  CHECK(*value.value == doctest::Approx(30).epsilon(0.01));
  for (const std::string unknown :
       {"alert_latency{fraud-alerts/multi-currency}.max<1s", "alert_latency{server-alerts}.max<1s",
        "alert_latency{purchase-aggregates}.max<1s", "seen{purchase-aggregates}>=0"}) {
    CAPTURE(unknown);
    const ThresholdResult result = judged(unknown);
    CHECK(!result.passed);
    CHECK(!result.value.has_value());
    CHECK(result.why != "");
  }
  verdict.thresholds = {judged("matched>=3")};
  CHECK(verdict.passed());
  verdict.thresholds = {judged("matched>3")};
  CHECK(!verdict.passed());
  CHECK(VerdictText(verdict, {}).find("FAILED: 0 differences, 1 threshold") != std::string::npos);
}

}  // namespace
}  // namespace playload
