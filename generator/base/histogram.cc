#include "generator/base/histogram.h"

#include <algorithm>
#include <cmath>

namespace playload {

std::uint64_t Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  // The rank from 1. The slack keeps 99.9 % of 1,000 at 999, where the product rounds up past it.
  const double exact = std::clamp(percent, 0.0, 100.0) / 100.0 * static_cast<double>(count_);
  const double rank = std::max(1.0, std::ceil(exact * (1 - 1e-12)));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    if (counts_[i] == 0 || static_cast<double>(below) < rank) continue;
    return std::min(max_, Middle(i));
  }
  return max_;  // only where the count is past 2^53 and the rank rounded up above it
}

double Histogram::Mean() const {
  if (count_ == 0) return 0;
  double sum = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) sum += static_cast<double>(counts_[i]) * static_cast<double>(Middle(i));
  }
  return std::min(static_cast<double>(max_), sum / static_cast<double>(count_));
}

std::uint64_t Histogram::Middle(std::size_t i) {
  constexpr std::uint64_t kSubBuckets = 1u << kSubBits;
  if (i < kSubBuckets) return i;
  const std::uint64_t shift = (i >> kSubBits) - 1;
  const std::uint64_t low = (kSubBuckets + (i & (kSubBuckets - 1))) << shift;
  return low + ((std::uint64_t{1} << shift) >> 1);
}

}  // namespace playload
