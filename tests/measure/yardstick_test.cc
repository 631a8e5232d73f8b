#include "generator/measure/yardstick.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>

#include "generator/measure/corpus.h"
#include "scenarios/load.h"

namespace playload {

TEST_CASE("Yardstick: writes what it was given, and refuses what it would write differently") {
  const std::string lines =
      "{\"a\":{\"b\":\"c\",\"n\":4.990},\"d\":12}\n"
      "{\"e\":\"f\"}\n";
  Result<Yardstick> good = Yardstick::Make(lines);
  REQUIRE_MESSAGE(good.has_value(), good.error().message());
  CHECK(good->WriteAll() == 2);
  CHECK(good->WriteAll() == 2);
  CHECK(Yardstick::Make("{\"a\": 1}\n").error().code() == Code::kInternal);  // a blank
  CHECK(Yardstick::Make("{\"a\":\n").error().code() == Code::kInternal);
}

TEST_CASE("Corpus: lines of every scenario, as RapidJSON's Writer makes them too") {
  const std::atomic<bool> stop{false};
  for (const char* name : {"steady", "fraud-and-overload", "compat"}) {
    CAPTURE(name);
    Result<Scenario> scenario = LoadScenario(name, {});
    REQUIRE(scenario.has_value());
    RunSpec spec;
    spec.scenario = *scenario;
    spec.seed = 3;
    spec.rate_max = true;
    Result<std::unique_ptr<Corpus>> corpus = Corpus::Make(spec, stop);
    REQUIRE_MESSAGE(corpus.has_value(), corpus.error().message());
    CHECK((*corpus)->batches() == 256);
    CHECK((*corpus)->bytes_per_event() > 100);
    Result<Yardstick> yardstick = Yardstick::Make((*corpus)->Lines(3));
    REQUIRE_MESSAGE(yardstick.has_value(), yardstick.error().message());
    CHECK(yardstick->WriteAll() == 3 * 1'024);
  }
}

TEST_CASE("Corpus: what is asked to stop stops") {
  const std::atomic<bool> stop{true};
  Result<Scenario> scenario = LoadScenario("steady", {});
  REQUIRE(scenario.has_value());
  RunSpec spec;
  spec.scenario = *scenario;
  spec.rate_max = true;
  const Result<std::unique_ptr<Corpus>> corpus = Corpus::Make(spec, stop);
  REQUIRE_FALSE(corpus.has_value());
  CHECK(corpus.error().code() == Code::kInterrupted);
}

}  // namespace playload
