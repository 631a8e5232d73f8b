#include "generator/base/math.h"

#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>

// Every operation here is one of IEEE's exactly rounded ones, in the order that the source says
// (-ffp-contract=off forbids fusing them), so the results are the same bits everywhere.

namespace playload::det {
namespace {

constexpr double kLn2High = 0x1.62e42fefa3800p-1;  // the last bits are zero: k * kLn2High is exact
constexpr double kLn2Low = 0x1.ef35793c76730p-45;
constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;

// 2^exponent for -1022 <= exponent <= 1023.
double PowerOfTwo(int exponent) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

template <int kTerms>
double Polynomial(const double (&coefficients)[kTerms], double x) {
  double sum = coefficients[kTerms - 1];
  for (int i = kTerms - 2; i >= 0; --i) sum = sum * x + coefficients[i];
  return sum;
}

// Both tails of the regularised incomplete gamma function, each accurate where it is the small one.
struct Tails {
  double lower;
  double upper;
};

Tails GammaTails(double shape, double x, double log_gamma) {
  if (x <= 0) return {0, 1};
  const double log_scale = shape * Log(x) - x - log_gamma;
  if (log_scale < -700) return x < shape ? Tails{0, 1} : Tails{1, 0};
  const double scale = Exp(log_scale);  // x^a e^-x / Gamma(a)
  if (x < shape + 1) {
    // The power series of the lower tail.
    double term = 1 / shape;
    double sum = term;
    for (int n = 1; term > sum * 1e-17 && n < 10'000; ++n) {
      term *= x / (shape + n);
      sum += term;
    }
    const double lower = scale * sum;
    return {lower, 1 - lower};
  }
  // Legendre's continued fraction of the upper tail, by Lentz's method.
  constexpr double kTiny = 1e-300;
  double b = x + 1 - shape;
  double c = 1 / kTiny;
  double d = 1 / b;
  double fraction = d;
  for (int n = 1; n < 10'000; ++n) {
    const double a = -n * (n - shape);
    b += 2;
    d = a * d + b;
    if (std::fabs(d) < kTiny) d = kTiny;
    c = b + a / c;
    if (std::fabs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double factor = d * c;
    fraction *= factor;
    if (std::fabs(factor - 1) < 1e-16) break;
  }
  const double upper = scale * fraction;
  return {1 - upper, upper};
}

}  // namespace

double Log(double x) {
  assert(x > 0);
  // x = m * 2^e with sqrt(1/2) <= m < sqrt(2).
  int exponent = 0;
  if (x < 0x1p-1022) {  // subnormal
    x *= 0x1p54;
    exponent = -54;
  }
  const auto bits = std::bit_cast<std::uint64_t>(x);
  exponent += static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000f'ffff'ffff'ffff) | 0x3ff0'0000'0000'0000);
  if (m >= kSqrt2) {
    m *= 0.5;
    ++exponent;
  }
  // log m = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with |s| < 0.1716.
  const double f = m - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  constexpr double kSeries[] = {1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11, 1.0 / 13,
                                1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23};
  const double tail = 2 * s * z * Polynomial(kSeries, z);
  return exponent * kLn2High + (2 * s + (tail + exponent * kLn2Low));
}

double Exp(double x) {
  assert(x >= -700 && x <= 700);
  // x = k log 2 + r with |r| <= log(2) / 2.
  constexpr double kInverseLn2 = 1.4426950408889634074;
  const int k = static_cast<int>(x * kInverseLn2 + (x < 0 ? -0.5 : 0.5));
  const double r = (x - k * kLn2High) - k * kLn2Low;
  constexpr double kSeries[] = {1.0,
                                1.0,
                                1.0 / 2,
                                1.0 / 6,
                                1.0 / 24,
                                1.0 / 120,
                                1.0 / 720,
                                1.0 / 5040,
                                1.0 / 40320,
                                1.0 / 362880,
                                1.0 / 3628800,
                                1.0 / 39916800,
                                1.0 / 479001600,
                                1.0 / 6227020800,
                                1.0 / 87178291200};
  return Polynomial(kSeries, r) * PowerOfTwo(k);
}

double Pow(double x, double y) { return Exp(y * Log(x)); }

// Wichura's algorithm AS 241 (PPND16): one rational function for the middle, two for the tails.
double NormalQuantile(double p) {
  assert(p > 0 && p < 1);
  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) {
    constexpr double kOver[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                1.9715909503065514427e3, 1.3731693765509461125e4,
                                4.5921953931549871457e4, 6.7265770927008700853e4,
                                3.3430575583588128105e4, 2.5090809287301226727e3};
    constexpr double kUnder[] = {1.0,
                                 4.2313330701600911252e1,
                                 6.8718700749205790830e2,
                                 5.3941960214247511077e3,
                                 2.1213794301586595867e4,
                                 3.9307895800092710610e4,
                                 2.8729085735721942674e4,
                                 5.2264952788528545610e3};
    const double r = 0.180625 - q * q;
    return q * Polynomial(kOver, r) / Polynomial(kUnder, r);
  }
  double r = std::sqrt(-Log(q < 0 ? p : 1 - p));
  double value = 0;
  if (r <= 5) {
    constexpr double kOver[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                5.76949722146069140550e0,  3.64784832476320460504e0,
                                1.27045825245236838258e0,  2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4};
    constexpr double kUnder[] = {1.0,
                                 2.05319162663775882187e0,
                                 1.67638483018380384940e0,
                                 6.89767334985100004550e-1,
                                 1.48103976427480074590e-1,
                                 1.51986665636164571966e-2,
                                 5.47593808499534494600e-4,
                                 1.05075007164441684324e-9};
    r -= 1.6;
    value = Polynomial(kOver, r) / Polynomial(kUnder, r);
  } else {
    constexpr double kOver[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                1.78482653991729133580e0,  2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
    constexpr double kUnder[] = {1.0,
                                 5.99832206555887937690e-1,
                                 1.36929880922735805310e-1,
                                 1.48753612908506148525e-2,
                                 7.86869131145613259100e-4,
                                 1.84631831751005468180e-5,
                                 1.42151175831644588870e-7,
                                 2.04426310338993978564e-15};
    r -= 5;
    value = Polynomial(kOver, r) / Polynomial(kUnder, r);
  }
  return q < 0 ? -value : value;
}

// Stirling's series, after the recurrence has lifted x to where six terms
// are enough for all the bits.
double LogGamma(double x) {
  assert(x > 0);
  double product = 1;
  while (x < 15) {
    product *= x;
    x += 1;
  }
  const double inverse = 1 / x;
  const double square = inverse * inverse;
  constexpr double kSeries[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  return (x - 0.5) * Log(x) - x + kHalfLogTwoPi + inverse * Polynomial(kSeries, square) -
         Log(product);
}

double GammaP(double shape, double x) {
  assert(shape > 0);
  return GammaTails(shape, x, LogGamma(shape)).lower;
}

double GammaQuantile(double shape, double p) {
  assert(shape > 0 && p > 0 && p < 1);
  const double log_gamma = LogGamma(shape);
  // Positive where x lies above the quantile. The smaller tail decides, because it is the exact
  // one; for p >= 1/2 the subtraction 1 - p loses nothing.
  const auto excess = [&](double x) {
    const Tails tails = GammaTails(shape, x, log_gamma);
    return p < 0.5 ? tails.lower - p : (1 - p) - tails.upper;
  };
  // P(a, x) <= x^a / Gamma(a + 1), so this start lies at or below the quantile.
  const double log_low = (Log(p) + log_gamma + Log(shape)) / shape;
  double low = log_low < -690 ? 0 : Exp(log_low) * 0.999;
  double high = low > shape ? low * 2 : shape;
  while (excess(high) < 0) {
    low = high;
    high *= 2;
  }
  // Newton's steps, and halving wherever a step would leave the bracket.
  double x = low > 0 && low > 0.1 * high ? low : 0.5 * (low + high);
  if (shape < 1 && low > 0) x = low;
  for (int i = 0; i < 200; ++i) {
    const double f = excess(x);
    if (f == 0) return x;
    (f < 0 ? low : high) = x;
    const double log_density = (shape - 1) * Log(x) - x - log_gamma;
    double next = low;
    if (log_density > -700 && log_density < 700) next = x - f / Exp(log_density);
    if (!(next > low && next < high)) next = 0.5 * (low + high);
    if (std::fabs(next - x) <= x * 1e-15 || next == low || next == high) return next;
    x = next;
  }
  return x;
}

}  // namespace playload::det
