#include "generator/run/thresholds.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace playload {
namespace {

const ThresholdNames kNames = {
    {{"server-alerts", {}}, {"fraud-alerts", {"frequent", "multi-currency"}}}};

Threshold Good(const std::string& text) {
  const Result<Threshold> threshold = ParseThreshold(text, kNames);
  REQUIRE_MESSAGE(threshold.has_value(), threshold.error().message());
  return *threshold;
}

std::string Refusal(const std::string& text) {
  const Result<Threshold> threshold = ParseThreshold(text, kNames);
  if (threshold) return "";
  CHECK(threshold.error().code() == Code::kInvalid);
  return threshold.error().message();
}

}  // namespace

TEST_CASE("Thresholds: every part is read") {
  const Threshold all = Good(" alert_latency{fraud-alerts/frequent}.p(99.9) <= 1.5s ");
  CHECK(all.text == " alert_latency{fraud-alerts/frequent}.p(99.9) <= 1.5s ");
  CHECK(all.output == "fraud-alerts");
  CHECK(all.part == "frequent");
  CHECK(all.aggregate == Threshold::Aggregate::kPercentile);
  CHECK(all.percent == 99.9);
  CHECK(all.op == Threshold::Op::kAtMost);
  CHECK(all.limit == 1.5e9);
  CHECK(all.Holds(1.5e9));
  CHECK(!all.Holds(1.6e9));
  CHECK(Good("alert_latency.max<2s").aggregate == Threshold::Aggregate::kMax);
  CHECK(Good("alert_latency.mean>1ms").op == Threshold::Op::kMore);
  CHECK(Good("matched{server-alerts}>=20k").limit == 20'000);
  CHECK(Good("may==0").Holds(0));
  CHECK(!Good("may==0").Holds(1));
  CHECK(!Good("alert_latency.max<2s").Holds(2e9));
}

TEST_CASE("Thresholds: what is wrong is named, with what would be right") {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "valid: alert_latency"},
      {"alert_latncy.max<1s", "did you mean 'alert_latency'"},
      {"alert_latency<1s", "one of .p(99), .max, .mean"},
      {"alert_latency.p99<1s", "one of .p(99), .max, .mean"},
      {"alert_latency.p(0)<1s", "above 0 and at most 100"},
      {"alert_latency.p(100.1)<1s", "above 0 and at most 100"},
      {"alert_latency.p(x)<1s", "above 0 and at most 100"},
      {"alert_latency.p(nan)<1s", "above 0 and at most 100"},
      {"alert_latency.max", "one of < <= > >= =="},
      {"alert_latency.max=1s", "one of < <= > >= =="},
      {"alert_latency.max<1", "1"},
      {"alert_latency.max<", ""},
      {"alert_latency{fraud-alrts}.max<1s", "did you mean 'fraud-alerts'"},
      {"alert_latency{fraud-alerts.max<1s", "'{' has no '}'"},
      {"alert_latency{server-alerts/frequent}.max<1s", "server-alerts has no parts"},
      {"alert_latency{fraud-alerts/often}.max<1s", "is no part of fraud-alerts"},
      {"matched{fraud-alerts/frequent}>1", "only alert_latency"},
      {"matched.max>1", "is a count"},
      {"matched>1s", "1s"},
      {"matched>1;rm", ""},
  };
  for (const auto& [text, part] : wrong) {
    CAPTURE(text);
    const std::string message = Refusal(text);
    CAPTURE(message);
    CHECK(message != "");
    CHECK(message.find(part) != std::string::npos);
  }
}

TEST_CASE("Thresholds: what is not known fails and says why") {
  const Threshold threshold = Good("alert_latency.max<2s");
  const ThresholdResult unknown = JudgeThreshold(threshold, std::nullopt, "no clock");
  CHECK(!unknown.passed);
  CHECK(ThresholdsText({unknown}) ==
        "threshold alert_latency.max<2s: unknown (no clock), FAILED\n");
  const ThresholdResult known = JudgeThreshold(threshold, 1.25e9, "");
  CHECK(known.passed);
  CHECK(*known.value == 1'250);
  CHECK(ThresholdsText({known}) == "threshold alert_latency.max<2s: 1.25 s, holds\n");
  JsonText json;
  json.BeginObject();
  WriteThresholdsJson({known, unknown}, &json);
  json.EndObject();
  CHECK(json.Text().find("\"value\": 1250.0") != std::string::npos);
  CHECK(json.Text().find("\"value\": null") != std::string::npos);
  CHECK(json.Text().find("\"why\": \"no clock\"") != std::string::npos);
}

}  // namespace playload
