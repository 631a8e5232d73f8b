#include "generator/base/histogram.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/base/noise.h"

namespace playload {
namespace {

// Values over many orders of magnitude, as latencies are.
std::vector<std::uint64_t> Samples(std::uint64_t seed, int count) {
  std::vector<std::uint64_t> samples;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t r = Noise(seed + static_cast<std::uint64_t>(i));
    samples.push_back((r >> 8) >> (r % 56));
  }
  return samples;
}

Histogram Of(const std::vector<std::uint64_t>& samples) {
  Histogram histogram;
  for (const std::uint64_t sample : samples) histogram.Record(static_cast<std::int64_t>(sample));
  return histogram;
}

const std::vector<double> kPercents = {0, 0.1, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100};

TEST_CASE("Histogram: an empty one answers 0") {
  CHECK(Histogram().Percentile(50) == 0);
  CHECK(Histogram().count() == 0);
  CHECK(Histogram().max() == 0);
}

// |percentile - the sorted sample of that rank| <= 1 % of the sample.
TEST_CASE("Histogram: percentiles agree with sorted samples within one percent") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    std::vector<std::uint64_t> samples = Samples(seed, 5'000);
    const Histogram histogram = Of(samples);
    std::sort(samples.begin(), samples.end());
    REQUIRE(histogram.count() == samples.size());
    REQUIRE(histogram.max() == samples.back());
    for (const double percent : kPercents) {
      CAPTURE(percent);
      const double exact = percent / 100 * static_cast<double>(samples.size());
      const double rank = std::max(1.0, std::ceil(exact - 1e-9));
      const auto expected = static_cast<double>(samples[static_cast<std::size_t>(rank) - 1]);
      const auto got = static_cast<double>(histogram.Percentile(percent));
      CHECK(std::fabs(got - expected) <= expected / 100);
    }
  }
}

TEST_CASE("Histogram: small values are exact") {
  Histogram histogram;
  for (int value = 1; value <= 100; ++value) histogram.Record(value);
  for (int percent = 1; percent <= 100; ++percent) {
    CHECK(histogram.Percentile(percent) == static_cast<std::uint64_t>(percent));
  }
}

TEST_CASE("Histogram: a rank that is whole does not slip to the next value") {
  Histogram histogram;
  histogram.Record(1, 999);
  histogram.Record(100, 1);
  CHECK(histogram.Percentile(99.9) == 1);
  CHECK(histogram.Percentile(99.91) == 100);
}

TEST_CASE("Histogram: never above the largest value, whatever is recorded") {
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{127}, std::int64_t{128}, std::int64_t{1'000'000'007},
        std::numeric_limits<std::int64_t>::max()}) {
    CAPTURE(value);
    Histogram histogram;
    histogram.Record(value);
    CHECK(histogram.Percentile(0) <= histogram.max());
    CHECK(histogram.Percentile(100) <= histogram.max());
    CHECK(static_cast<double>(histogram.Percentile(100)) >= static_cast<double>(value) * 0.99);
  }
  Histogram negative;
  negative.Record(-5);
  CHECK(negative.Percentile(100) == 0);
  CHECK(negative.count() == 1);
}

TEST_CASE("Histogram: adding is the same as recording everything in one") {
  const std::vector<std::uint64_t> a = Samples(7, 300);
  const std::vector<std::uint64_t> b = Samples(8, 700);
  Histogram sum = Of(a);
  sum.Add(Of(b));
  std::vector<std::uint64_t> all = a;
  all.insert(all.end(), b.begin(), b.end());
  const Histogram whole = Of(all);
  CHECK(sum.count() == whole.count());
  CHECK(sum.max() == whole.max());
  for (const double percent : kPercents) {
    CHECK(sum.Percentile(percent) == whole.Percentile(percent));
  }
}

TEST_CASE("Histogram: recording a value n times is recording it n times over") {
  Histogram once;
  once.Record(500, 3);
  once.Record(9'000, 2);
  Histogram often;
  for (int i = 0; i < 3; ++i) often.Record(500);
  for (int i = 0; i < 2; ++i) often.Record(9'000);
  for (const double percent : kPercents) {
    CHECK(once.Percentile(percent) == often.Percentile(percent));
  }
}

}  // namespace
}  // namespace playload
