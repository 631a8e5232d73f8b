#include <algorithm>
#include <cassert>

#include "generator/base/math.h"
#include "personas/load.h"

namespace playload {
namespace {

// -log(1 - p) to full precision for small p too: the error of rounding 1 - p is divided out again.
double ExponentialQuantile(double p) {
  const double rest = 1 - p;
  return rest == 1 ? p : -det::Log(rest) * (p / (1 - rest));
}

}  // namespace

double DwellQuantileMs(const Dwell& dwell, double p) {
  assert(p > 0 && p < 1);
  switch (dwell.family) {
    case Dwell::Family::kFixed:
      return dwell.mean_ms;
    case Dwell::Family::kExponential:
      return dwell.mean_ms * ExponentialQuantile(p);
    case Dwell::Family::kLogNormal:
      return dwell.mean_ms * det::Exp(dwell.shape * det::NormalQuantile(p));
    case Dwell::Family::kWeibull: {
      const double log = det::Log(ExponentialQuantile(p)) / dwell.shape;
      return dwell.mean_ms * det::Exp(std::max(log, -700.0));
    }
    case Dwell::Family::kGamma:
      return dwell.mean_ms / dwell.shape * det::GammaQuantile(dwell.shape, p);
  }
  return 0;
}

double DwellMeanMs(const Dwell& dwell) {
  switch (dwell.family) {
    case Dwell::Family::kFixed:
    case Dwell::Family::kExponential:
    case Dwell::Family::kGamma:
      return dwell.mean_ms;
    case Dwell::Family::kLogNormal:
      return dwell.mean_ms * det::Exp(dwell.shape * dwell.shape / 2);
    case Dwell::Family::kWeibull:
      return dwell.mean_ms * det::Exp(det::LogGamma(1 + 1 / dwell.shape));
  }
  return 0;
}

}  // namespace playload
