#include "generator/pace/plan.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "generator/base/wide.h"

namespace playload {
namespace {

constexpr std::uint64_t kNsPerKs = 1'000'000'000'000;  // nanoseconds in 1,000 s

// Events planned in [0, t) of a stage whose rate goes linearly from r0 to r1 (events per 1,000 s)
// over T: ceil(r0 t + (r1 - r0) t^2 / (2 T)), in exact integers. Event 0 is planned at 0.
Position EventsBefore(const Stage& s, std::uint64_t t) {
  const auto r0 = static_cast<std::uint64_t>(s.from_milli_rate);
  const auto r1 = static_cast<std::uint64_t>(s.to_milli_rate);
  if (r0 == r1) {
    return static_cast<Position>((Wide{r0} * t + kNsPerKs - 1) / kNsPerKs);
  }
  // (2 T r0 t + (r1 - r0) t^2) / (2 T 10^12). Durations are limited to a year in a ramp and rates
  // to 10^12, so r t^2 stays below 10^12 (3.2 10^16)^2 = 10^45 > 2^127: divide t^2 by T first,
  // exactly enough: split the square into quotient and remainder.
  const auto length = static_cast<std::uint64_t>(s.lasts_ns);
  const Wide square = Wide{t} * t;
  const Wide whole = square / length;  // <= t
  const Wide rest = square % length;
  const std::uint64_t slope = r1 > r0 ? r1 - r0 : r0 - r1;
  // bent = slope t^2 / (2 T), as a fraction over 2 T: slope whole / 2 + slope rest / (2 T).
  const Wide doubled_low =
      Wide{slope} * rest / length;  // floor; lost less than one part of 2 10^12
  const Wide bent_doubled = Wide{slope} * whole + doubled_low;
  const Wide straight_doubled = Wide{2} * r0 * t;
  const Wide doubled = r1 > r0 ? straight_doubled + bent_doubled : straight_doubled - bent_doubled;
  return static_cast<Position>((doubled + 2 * Wide{kNsPerKs} - 1) / (2 * Wide{kNsPerKs}));
}

}  // namespace

Plan::Plan(std::vector<Stage> stages) : stages_(std::move(stages)) {
  assert(!stages_.empty());
  std::int64_t start = 0;
  Position first = 0;
  for (Stage& stage : stages_) {
    assert(stage.from_milli_rate > 0 && stage.to_milli_rate > 0);
    starts_ns_.push_back(start);
    first_.push_back(first);
    if (&stage == &stages_.back() && stage.from_milli_rate == stage.to_milli_rate) {
      stage.lasts_ns = 0;  // goes on for ever anyhow
    }
    if (stage.lasts_ns > 0) {
      start += stage.lasts_ns;
      first += EventsBefore(stage, static_cast<std::uint64_t>(stage.lasts_ns));
    }
  }
  const Stage last = stages_.back();
  if (last.lasts_ns > 0) {  // a ramp at the end: its end rate goes on
    stages_.push_back({last.to_milli_rate, last.to_milli_rate, 0});
    starts_ns_.push_back(start);
    first_.push_back(first);
  }
}

Position Plan::DueBefore(std::int64_t t_ns) const {
  if (t_ns <= 0) return 0;
  std::size_t i = stages_.size() - 1;
  while (starts_ns_[i] >= t_ns && i > 0) --i;
  const Position n =
      first_[i] + EventsBefore(stages_[i], static_cast<std::uint64_t>(t_ns - starts_ns_[i]));
  return i + 1 < stages_.size() ? std::min(n, first_[i + 1]) : n;
}

std::int64_t Plan::PlannedAt(Position n) const {
  std::size_t i = stages_.size() - 1;
  while (first_[i] > n) --i;
  const Stage& stage = stages_[i];
  const Position local = n - first_[i];
  if (stage.from_milli_rate == stage.to_milli_rate) {
    // The smallest t with ceil(r (t + 1) / 10^12) > local, i.e. floor(local 10^12 / r).
    const Wide t = Wide{local} * kNsPerKs / static_cast<std::uint64_t>(stage.from_milli_rate);
    if (t >= static_cast<Wide>(kNever - starts_ns_[i])) return kNever;
    return starts_ns_[i] + static_cast<std::int64_t>(t);
  }
  // In a ramp: the smallest t in the stage with EventsBefore(t + 1) > local. The quadratic formula
  // in floating point says about where; exact integers decide.
  std::uint64_t low = 0;
  auto high = static_cast<std::uint64_t>(stage.lasts_ns) - 1;
  const double r0 = static_cast<double>(stage.from_milli_rate) / 1e12;  // events per ns
  const double slope =
      (static_cast<double>(stage.to_milli_rate) / 1e12 - r0) / static_cast<double>(stage.lasts_ns);
  const double discriminant = std::max(r0 * r0 + 2 * slope * static_cast<double>(local), 0.0);
  const double guess = 2 * static_cast<double>(local) / (r0 + std::sqrt(discriminant));
  const std::uint64_t near =
      guess < static_cast<double>(high) ? static_cast<std::uint64_t>(std::max(guess, 0.0)) : high;
  for (std::uint64_t reach = 4; reach < high; reach *= 16) {
    const std::uint64_t below = near > reach ? near - reach : 0;
    const std::uint64_t above = std::min(near + reach, high);
    const bool above_enough = EventsBefore(stage, above + 1) > local;
    const bool below_enough = below == 0 || EventsBefore(stage, below) <= local;
    if (above_enough && below_enough) {
      low = below;
      high = above;
      break;
    }
  }
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (EventsBefore(stage, middle + 1) > local) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return starts_ns_[i] + static_cast<std::int64_t>(low);
}

void Plan::PlannedAt(Position first, std::uint32_t n, std::int64_t* out) const {
  std::size_t i = stages_.size() - 1;
  while (first_[i] > first) --i;
  const Stage& stage = stages_[i];
  const std::int64_t last = n == 0 ? 0 : PlannedAt(first + n - 1);
  if (last == kNever || (i + 1 < stages_.size() && first + n > first_[i + 1])) {
    for (std::uint32_t k = 0; k < n; ++k) out[k] = PlannedAt(first + k);
    return;
  }
  if (stage.from_milli_rate != stage.to_milli_rate) {
    const std::int64_t begin = PlannedAt(first);
    const double gap = n > 1 ? static_cast<double>(last - begin) / (n - 1) : 0;
    for (std::uint32_t k = 0; k < n; ++k) out[k] = begin + static_cast<std::int64_t>(gap * k);
    return;
  }
  // From each to the next: a whole number of nanoseconds and a remainder, carried when it is due.
  const auto rate = static_cast<std::uint64_t>(stage.from_milli_rate);
  const Wide scaled = Wide{first - first_[i]} * kNsPerKs;
  std::int64_t at = starts_ns_[i] + static_cast<std::int64_t>(scaled / rate);
  auto rest = static_cast<std::uint64_t>(scaled % rate);
  const auto step = static_cast<std::int64_t>(kNsPerKs / rate);
  const std::uint64_t step_rest = kNsPerKs % rate;
  for (std::uint32_t k = 0; k < n; ++k) {
    out[k] = at;
    at += step;
    rest += step_rest;
    if (rest >= rate) {
      rest -= rate;
      ++at;
    }
  }
}

std::int64_t Plan::MilliRateAt(std::int64_t t_ns) const {
  std::size_t i = stages_.size() - 1;
  while (starts_ns_[i] > t_ns && i > 0) --i;
  const Stage& s = stages_[i];
  if (s.from_milli_rate == s.to_milli_rate) return s.from_milli_rate;
  const auto span = static_cast<SignedWide>(s.to_milli_rate - s.from_milli_rate);
  const auto passed = static_cast<SignedWide>(std::max<std::int64_t>(t_ns - starts_ns_[i], 0));
  return s.from_milli_rate + static_cast<std::int64_t>(span * passed / s.lasts_ns);
}

}  // namespace playload
