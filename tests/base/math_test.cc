#include "generator/base/math.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/base/noise.h"

namespace playload {
namespace {

constexpr double kTolerance = 1e-11;

double RelativeError(double got, double expected) {
  if (got == expected) return 0;
  return std::fabs(got - expected) / std::fabs(expected);
}

// exp(-x^2/2) under 0: the lower tail of the normal distribution, without cancellation.
double NormalCdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

TEST_CASE("Math: Log agrees with libm") {
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const double x = std::exp(1'400 * NoiseUnit(i) - 700);
    CAPTURE(x);
    CHECK(RelativeError(det::Log(x), std::log(x)) < kTolerance);
  }
  // Near 1 the logarithm is small and its relative error would show a cancellation.
  for (int k = 1; k < 52; ++k) {
    for (const double x : {1 + std::ldexp(1, -k), 1 - std::ldexp(1, -k)}) {
      CAPTURE(x);
      CHECK(RelativeError(det::Log(x), std::log(x)) < kTolerance);
    }
  }
  CHECK(det::Log(1) == 0);
  CHECK(RelativeError(det::Log(5e-324), std::log(5e-324)) < kTolerance);
  CHECK(RelativeError(det::Log(2.3e-308), std::log(2.3e-308)) < kTolerance);
  CHECK(RelativeError(det::Log(1.7e308), std::log(1.7e308)) < kTolerance);
}

TEST_CASE("Math: Exp agrees with libm") {
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const double x = 1'400 * NoiseUnit(i) - 700;
    CAPTURE(x);
    CHECK(RelativeError(det::Exp(x), std::exp(x)) < kTolerance);
  }
  CHECK(det::Exp(0) == 1);
  CHECK(RelativeError(det::Exp(700), std::exp(700)) < kTolerance);
  CHECK(RelativeError(det::Exp(-700), std::exp(-700)) < kTolerance);
}

TEST_CASE("Math: Pow agrees with libm") {
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    const double x = std::exp(20 * NoiseUnit(2 * i) - 10);
    const double y = 40 * NoiseUnit(2 * i + 1) - 20;
    CAPTURE(x);
    CAPTURE(y);
    CHECK(RelativeError(det::Pow(x, y), std::pow(x, y)) < kTolerance);
  }
}

TEST_CASE("Math: LogGamma agrees with libm") {
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    const double x = std::exp(12 * NoiseUnit(i) - 6);
    const double expected = std::lgamma(x);
    CAPTURE(x);
    // The function passes through 0 at 1 and 2, where only the absolute error can be small.
    CHECK(std::fabs(det::LogGamma(x) - expected) < kTolerance * (1 + std::fabs(expected)));
  }
  double factorial = 1;
  for (int n = 1; n < 20; ++n) {
    CAPTURE(n);
    CHECK(std::fabs(det::LogGamma(n) - std::log(factorial)) < 1e-12 * (1 + std::log(factorial)));
    factorial *= n;
  }
}

// Phi(quantile(p)) = p and quantile(1 - p) = -quantile(p).
TEST_CASE("Math: NormalQuantile inverts the distribution function") {
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    const double p = NoiseUnit(i);
    CAPTURE(p);
    CHECK(RelativeError(NormalCdf(det::NormalQuantile(p)), p) < kTolerance);
  }
  for (int k = 2; k < 50; ++k) {
    const double p = std::ldexp(1, -k);
    CAPTURE(p);
    CHECK(RelativeError(NormalCdf(det::NormalQuantile(p)), p) < kTolerance);
    CHECK(det::NormalQuantile(1 - p) == -det::NormalQuantile(p));
  }
  CHECK(det::NormalQuantile(0.5) == 0);
  CHECK(RelativeError(det::NormalQuantile(0.975), 1.9599639845400542) < 1e-14);
}

// P(n, x) = 1 - e^-x (1 + x + ... + x^(n-1)/(n-1)!) for whole n, and P(1/2, x) = erf(sqrt x).
TEST_CASE("Math: GammaP agrees with its closed forms") {
  for (int n = 1; n <= 30; ++n) {
    for (const double x : {0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0}) {
      double term = std::exp(-x);
      double upper = 0;
      for (int k = 0; k < n; ++k) {
        upper += term;
        term *= x / (k + 1);
      }
      CAPTURE(n);
      CAPTURE(x);
      CHECK(std::fabs(det::GammaP(n, x) - (1 - upper)) < kTolerance);
    }
  }
  for (const double x : {1e-6, 0.01, 0.1, 0.5, 1.0, 2.0, 4.0, 9.0, 16.0}) {
    CAPTURE(x);
    CHECK(RelativeError(det::GammaP(0.5, x), std::erf(std::sqrt(x))) < kTolerance);
  }
  CHECK(det::GammaP(3, 0) == 0);
  CHECK(det::GammaP(3, 1'000'000) == 1);
}

// P(a, quantile(a, p)) = p, on a grid over all shapes that a persona may have.
TEST_CASE("Math: GammaQuantile inverts GammaP") {
  for (const double shape : {0.1, 0.3, 0.7, 1.0, 1.5, 2.0, 5.0, 20.0, 100.0}) {
    double before = 0;
    for (int i = 0; i <= 256; ++i) {
      double p = i / 256.0;
      if (i == 0) p = 1.0 / 65'536;
      if (i == 256) p = 1 - 1.0 / 65'536;
      const double x = det::GammaQuantile(shape, p);
      CAPTURE(shape);
      CAPTURE(p);
      CHECK(RelativeError(det::GammaP(shape, x), p) < kTolerance);
      CHECK(x > before);
      before = x;
    }
  }
}

// -log(1 - p) is the quantile of shape 1.
TEST_CASE("Math: GammaQuantile of shape 1 is the exponential's, far into both tails") {
  for (int k = 1; k < 40; ++k) {
    const double small = std::ldexp(1, -k);
    CAPTURE(k);
    CHECK(RelativeError(det::GammaQuantile(1, small), -std::log1p(-small)) < kTolerance);
    CHECK(RelativeError(det::GammaQuantile(1, 1 - small), k * std::log(2.0)) < kTolerance);
  }
}

// The same on every CPU and with every compiler: events depend on these bits (design D1).
TEST_CASE("Math: the results are fixed bit patterns") {
  const auto bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
  CHECK(bits(det::Log(3)) == 0x3FF193EA7AAD030Bu);
  CHECK(bits(det::Log(1e-5)) == 0xC027069E2AA2AA5Bu);
  CHECK(bits(det::Log(123456789)) == 0x4032A1A38BD0540Au);
  CHECK(bits(det::Exp(1)) == 0x4005BF0A8B14576Au);
  CHECK(bits(det::Exp(-3.7)) == 0x3F99511FC6871044u);
  CHECK(bits(det::Exp(699.5)) == 0x7F01F0DF6D72215Eu);
  CHECK(bits(det::Pow(2.5, 0.3)) == 0x3FF50FE6C94A6E58u);
  CHECK(bits(det::LogGamma(0.1)) == 0x4002058E35F3DEF0u);
  CHECK(bits(det::LogGamma(7.25)) == 0x401C35701A50FF04u);
  CHECK(bits(det::NormalQuantile(0.2)) == 0xBFEAEE8FA73A1333u);
  CHECK(bits(det::NormalQuantile(0.001)) == 0xC008B8CBB7204470u);
  CHECK(bits(det::NormalQuantile(1e-12)) == 0xC01C234FBA57A32Au);
  CHECK(bits(det::GammaP(2.5, 1.5)) == 0x3FD3336E9BCF3C8Cu);
  CHECK(bits(det::GammaP(2.5, 9)) == 0x3FEFE7DCF114EFC7u);
  CHECK(bits(det::GammaQuantile(0.4, 0.01)) == 0x3EDF1A37F8852E7Cu);
  CHECK(bits(det::GammaQuantile(3, 0.5)) == 0x40056479BBD7CB2Eu);
  CHECK(bits(det::GammaQuantile(100, 0.9999)) == 0x4061B0F6CCB6C943u);
}

// One number over thousands of results: a change of any last bit changes it.
TEST_CASE("Math: a fingerprint over many results") {
  std::uint64_t hash = 0xCBF29CE484222325u;
  const auto add = [&](double value) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * 0x100000001B3u;
    hash ^= hash >> 29;
  };
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    const double u = NoiseUnit(3 * i);
    const double v = NoiseUnit(3 * i + 1);
    add(det::Log(u * 1e6));
    add(det::Exp(40 * u - 20));
    add(det::Pow(u * 10, 4 * v - 2));
    add(det::NormalQuantile(u));
    add(det::LogGamma(30 * u));
    add(det::GammaP(0.1 + 20 * u, 30 * v));
    add(det::GammaQuantile(0.1 + 20 * u, v));
  }
  CHECK(hash == 0xA07045C1165ABD62u);
}

}  // namespace
}  // namespace playload
