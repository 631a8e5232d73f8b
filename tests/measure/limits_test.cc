#include "generator/measure/limits.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace playload {
namespace {

Figures Row(BenchStage stage, std::string label, std::vector<double> slices, int threads = 1) {
  Figures row;
  row.stage = stage;
  row.label = std::move(label);
  row.slices = std::move(slices);
  row.threads = threads;
  return row;
}

// A run has one worker here.
std::vector<Figures> Table() {
  std::vector<Figures> rows = {
      Row(BenchStage::kYardstick, "writer", {100}),
      Row(BenchStage::kSimulate, "simulate", {150}),
      Row(BenchStage::kEncode, "encode", {1}),
      Row(BenchStage::kGenerate, "generate, 1 thread", {900'000, 1'000'000, 1'100'000}),
      Row(BenchStage::kGenerate, "generate, 2 threads", {2'000'000}, 2),
      Row(BenchStage::kPipe, "pipe", {190'000, 210'000, 300'000}),
      Row(BenchStage::kFile, "files", {}),
      Row(BenchStage::kEmbeddedKafka, "embedded", {470'000, 480'000, 500'000}),
      Row(BenchStage::kKafka, "kafka://b", {150'000, 160'000, 170'000}),
  };
  rows[6].status = {Code::kDestination, "full"};
  return rows;
}

}  // namespace

TEST_CASE("Limits: what a run needs whole, with a run's threads") {
  const Limits limits = FindLimits(200'000, 1, Table());
  REQUIRE(limits.each.size() == 5);
  CHECK(limits.each[0].label == "generate, 1 thread");
  CHECK(limits.each[0].times == doctest::Approx(5.0));
  CHECK(limits.each[0].fit == Fit::kFits);
  CHECK(limits.each[0].at_most == doctest::Approx(200'000));
  CHECK(FindLimits(200'000, 2, Table()).each[0].label == "generate, 2 threads");
}

TEST_CASE("Limits: fits, barely, limits, unknown") {
  const Limits limits = FindLimits(200'000, 1, Table());
  CHECK(limits.each[1].fit == Fit::kBarely);
  CHECK(limits.each[1].times == doctest::Approx(1.05));
  CHECK(limits.each[2].fit == Fit::kUnknown);
  CHECK(limits.each[3].fit == Fit::kFits);
  CHECK(limits.each[3].times == doctest::Approx(2.4));
  CHECK(limits.each[4].fit == Fit::kLimits);
  CHECK(limits.each[4].times == doctest::Approx(0.8));
  CHECK(limits.each[4].at_most == doctest::Approx(160'000));
  REQUIRE(limits.slowest.has_value());
  CHECK(limits.each[*limits.slowest].label == "kafka://b");
}

TEST_CASE("Limits: exactly as fast as planned fits") {
  const std::vector<Figures> rows = {Row(BenchStage::kPipe, "pipe", {500, 500, 500})};
  CHECK(FindLimits(500, 1, rows).each[0].fit == Fit::kFits);
}

TEST_CASE("Limits: nothing measured, nothing is the slowest") {
  const std::vector<Figures> rows = {Row(BenchStage::kPipe, "pipe", {})};
  CHECK_FALSE(FindLimits(500, 1, rows).slowest.has_value());
}

TEST_CASE("Limits: the peak of a plan, ramps included") {
  CHECK(PeakRate({{500'000, 20'000'000, 1}, {20'000'000, 20'000'000, 1}, {500, 500, 0}}) ==
        doctest::Approx(20'000));
  CHECK(PeakRate({{500, 500, 0}}) == doctest::Approx(0.5));
}

TEST_CASE("Limits: a required rate asks generating and the given cluster, nobody else") {
  CHECK(CheckRate(160'000, 1, Table()).ok());
  const Status slow = CheckRate(160'001, 1, Table());
  CHECK(slow.code() == Code::kVerification);
  CHECK(slow.message().find("kafka://b makes 160,000/s") != std::string::npos);
  CHECK(slow.message().find("generate") == std::string::npos);
  CHECK(CheckRate(1'000'001, 1, Table()).message().find("generate, 1 thread makes 1,000,000/s") !=
        std::string::npos);
  CHECK(CheckRate(1'000'001, 2, Table()).message().find("generate") == std::string::npos);
}

}  // namespace playload
