#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "personas/load.h"

namespace playload {
namespace {

constexpr double kTolerance = 1e-11;

std::vector<Dwell> Dwells() {
  using Family = Dwell::Family;
  return {{Family::kFixed, 5'000, 1},       {Family::kExponential, 8'000, 1},
          {Family::kLogNormal, 3'000, 0.7}, {Family::kLogNormal, 21'600'000, 2.5},
          {Family::kWeibull, 4'000, 0.3},   {Family::kWeibull, 4'000, 0.8},
          {Family::kWeibull, 10'000, 5},    {Family::kGamma, 4'000, 0.2},
          {Family::kGamma, 4'000, 3},       {Family::kGamma, 4'000, 80}};
}

double Relative(double got, double expected) { return std::fabs(got / expected - 1); }

// F(Q(p)) = p, with each family's distribution function written with libm.
TEST_CASE("Dwell: the quantile inverts the distribution function") {
  for (const Dwell& dwell : Dwells()) {
    for (const double p : {1e-5, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999, 1 - 1.0 / 8192}) {
      const double ms = DwellQuantileMs(dwell, p);
      CAPTURE(static_cast<int>(dwell.family));
      CAPTURE(dwell.shape);
      CAPTURE(p);
      CHECK(ms > 0);
      switch (dwell.family) {
        case Dwell::Family::kFixed:
          CHECK(ms == dwell.mean_ms);
          break;
        case Dwell::Family::kExponential:
          CHECK(Relative(-std::expm1(-ms / dwell.mean_ms), p) < kTolerance);
          break;
        case Dwell::Family::kLogNormal: {
          const double z = std::log(ms / dwell.mean_ms) / dwell.shape;
          CHECK(Relative(0.5 * std::erfc(-z / std::sqrt(2.0)), p) < kTolerance);
          break;
        }
        case Dwell::Family::kWeibull:
          CHECK(Relative(-std::expm1(-std::pow(ms / dwell.mean_ms, dwell.shape)), p) < kTolerance);
          break;
        case Dwell::Family::kGamma: {
          // No closed form; the next test covers its scale and base/math_test.cc its shape.
          break;
        }
      }
    }
  }
}

// mean = integral of Q(p) over p, by the midpoint rule between two far quantiles.
TEST_CASE("Dwell: the mean is the quantile function's integral") {
  for (const Dwell& dwell : Dwells()) {
    if (dwell.shape >= 2.5 && dwell.family == Dwell::Family::kLogNormal) continue;  // heavy tail
    if (dwell.shape < 0.5 && dwell.family == Dwell::Family::kWeibull) continue;     // likewise
    constexpr int kSteps = 200'000;
    double sum = 0;
    for (int i = 0; i < kSteps; ++i) sum += DwellQuantileMs(dwell, (i + 0.5) / kSteps);
    CAPTURE(static_cast<int>(dwell.family));
    CAPTURE(dwell.shape);
    CHECK(Relative(sum / kSteps, DwellMeanMs(dwell)) < 1e-3);
  }
}

TEST_CASE("Dwell: means of the families that are not given by their mean") {
  CHECK(Relative(DwellMeanMs({Dwell::Family::kLogNormal, 1'000, 2}), 1'000 * std::exp(2)) <
        kTolerance);
  CHECK(Relative(DwellMeanMs({Dwell::Family::kWeibull, 1'000, 0.5}), 2'000) < kTolerance);
  CHECK(Relative(DwellMeanMs({Dwell::Family::kWeibull, 1'000, 1}), 1'000) < kTolerance);
}

TEST_CASE("Dwell: quantiles never fall as p rises") {
  for (const Dwell& dwell : Dwells()) {
    double before = 0;
    for (int i = 1; i < 4'096; ++i) {
      const double ms = DwellQuantileMs(dwell, i / 4'096.0);
      CHECK(ms >= before);
      before = ms;
    }
  }
}

TEST_CASE("Dwell: the far ends are finite") {
  for (const Dwell& dwell : Dwells()) {
    for (const double p : {1e-300, 1e-17, 1 - 1e-15}) {
      const double ms = DwellQuantileMs(dwell, p);
      CHECK(std::isfinite(ms));
      CHECK(ms >= 0);
    }
  }
}

}  // namespace
}  // namespace playload
