#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "generator/base/math.h"
#include "generator/base/random.h"
#include "generator/simulate/model.h"

namespace playload {
namespace {

// Cumulative distribution by libm: another arithmetic than the one the tables are made with.
double Cdf(const Dwell& d, double ms) {
  if (ms <= 0) return 0;
  switch (d.family) {
    case Dwell::Family::kFixed:
      return ms >= d.mean_ms ? 1 : 0;
    case Dwell::Family::kExponential:
      return 1 - std::exp(-ms / d.mean_ms);
    case Dwell::Family::kLogNormal:
      return 0.5 * std::erfc(-std::log(ms / d.mean_ms) / d.shape / std::sqrt(2.0));
    case Dwell::Family::kWeibull:
      return 1 - std::exp(-std::pow(ms / d.mean_ms, d.shape));
    case Dwell::Family::kGamma:
      return det::GammaP(d.shape, ms * d.shape / d.mean_ms);
  }
  return 0;
}

// Kolmogorov-Smirnov with 20,000 draws: the statistic stays below 1.95 / sqrt(n) (0.1 % level) plus
// what a tick of 125 ms may hide, which is the distribution's own growth over half a tick.
TEST_CASE("DwellTable: draws follow each family") {
  using F = Dwell::Family;
  for (const Dwell& d : {Dwell{F::kExponential, 8'000, 1}, Dwell{F::kExponential, 600'000, 1},
                         Dwell{F::kLogNormal, 21'600'000, 0.8}, Dwell{F::kLogNormal, 5'000, 0.5},
                         Dwell{F::kWeibull, 12'000, 1.5}, Dwell{F::kWeibull, 30'000, 0.7},
                         Dwell{F::kGamma, 20'000, 3.0}, Dwell{F::kGamma, 15'000, 0.8}}) {
    const DwellTable table = MakeDwellTable(d);
    constexpr std::size_t kDraws = 20'000;
    std::vector<double> ms;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
      const std::uint64_t r = DrawAt(EntityKey(SeedKey(3), i % 100), i / 100);
      ms.push_back(static_cast<double>(table.Ticks(static_cast<std::uint32_t>(r >> 28)) * kTickMs));
    }
    std::sort(ms.begin(), ms.end());
    double distance = 0;
    constexpr double kHalf = static_cast<double>(kTickMs) / 2;
    for (std::size_t i = 0; i < kDraws; ++i) {
      // All that was rounded to this tick lies below its upper edge.
      if (i + 1 < kDraws && ms[i + 1] == ms[i]) continue;
      const double seen = static_cast<double>(i + 1) / kDraws;
      distance = std::max(distance, std::abs(seen - Cdf(d, ms[i] + kHalf)));
    }
    CAPTURE(static_cast<int>(d.family));
    CAPTURE(d.mean_ms);
    CHECK(distance < 1.95 / std::sqrt(static_cast<double>(kDraws)) + 1.0 / 512);
  }
}

TEST_CASE("DwellTable: fixed is fixed, and nothing takes less than a tick or more than the wheel") {
  const DwellTable fixed = MakeDwellTable({Dwell::Family::kFixed, 10'000, 1});
  const DwellTable tiny = MakeDwellTable({Dwell::Family::kExponential, 10, 1});
  const DwellTable huge = MakeDwellTable({Dwell::Family::kLogNormal, 5.0e9, 3});
  for (std::uint32_t r = 0; r < 1u << 24; r += 4'099) {
    CHECK(fixed.Ticks(r) == 80);
    CHECK(tiny.Ticks(r) >= 1);
    CHECK(huge.Ticks(r) <= kLongestTicks);
  }
}

}  // namespace
}  // namespace playload
