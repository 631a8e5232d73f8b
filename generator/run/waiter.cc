#include "generator/run/waiter.h"

#include <algorithm>

#include "generator/base/text.h"

namespace playload {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// What share of a core waiting may take: between these two rates, by a straight line.
constexpr double kLowRate = 10'000;
constexpr double kLowShare = 0.03;
constexpr double kHighRate = 100'000;
constexpr double kHighShare = 0.6;

// A new measurement weighs an eighth, and no outlier counts for more than this.
constexpr double kNewWeight = 1.0 / 8;
constexpr double kMostLateNs = 100'000;
constexpr double kMostCostNs = 100'000;
// Of the usual lateness, what a sleep is asked to end early: less than nearly all of them are late,
// so that little is left to spin.
constexpr double kEarlyShare = 0.75;
// Asking for the CPU time is a system call, so one sleep in so many is measured.
constexpr std::uint32_t kMeasureEvery = 8;

void Learn(double measured, double most, double* mean) {
  *mean += (std::clamp(measured, 0.0, most) - *mean) * kNewWeight;
}

}  // namespace

std::string_view PacingName(Pacing pacing) { return pacing == Pacing::kSpin ? "spin" : "sleep"; }

Result<Pacing> ParsePacing(std::string_view text) {
  if (text == "sleep") return Pacing::kSleep;
  if (text == "spin") return Pacing::kSpin;
  return Invalid(Quoted(text) + " is neither sleep nor spin");
}

std::int64_t Waiter::TickNs(double gap_ns) const {
  const double rate = static_cast<double>(kNsPerSecond) / std::max(gap_ns, 1e-3);
  const double above = std::clamp((rate - kLowRate) / (kHighRate - kLowRate), 0.0, 1.0);
  const double share = kLowShare + above * (kHighShare - kLowShare);
  return std::clamp(static_cast<std::int64_t>(cost_ns_ / share), kShortestTickNs, kLongestTickNs);
}

std::int64_t Waiter::WakeAt(std::int64_t due_ns, std::int64_t now_ns, double gap_ns) const {
  if (pacing_ == Pacing::kSpin || now_ns < zero_ns_) return due_ns;
  const std::int64_t tick = TickNs(gap_ns);
  // From when the last wait was to end, lest what it took longer adds up; but a sender that has
  // hardly time to wait does not do so in smaller pieces.
  const std::int64_t from = std::max(asked_ns_, now_ns - tick / 2);
  const std::int64_t wake = std::max(due_ns, from + tick);
  const std::int64_t second =
      zero_ns_ + ((now_ns - zero_ns_) / kNsPerSecond + 1) * kNsPerSecond - kBeforeSecondNs;
  const bool crosses = now_ns < second && due_ns <= second && wake > second;
  return crosses ? second : wake;
}

void Waiter::WaitUntil(std::int64_t wake_ns, std::int64_t due_ns, std::int64_t now_ns) {
  const std::int64_t until = std::min(wake_ns, now_ns + kLongestWaitNs);
  asked_ns_ = until;
  if (pacing_ == Pacing::kSpin) {
    if (until - now_ns > kSpinStretchNs) clock_.WaitUntil(until - kSpinStretchNs);
  } else if (static_cast<double>(until - now_ns) > late_ns_) {
    Sleep(until);
  }
  const std::int64_t spin_until = std::min(until, due_ns);
  while (clock_.Now() < spin_until) SpinPause();
}

void Waiter::Sleep(std::int64_t until_ns) {
  const bool measured = sleeps_++ % kMeasureEvery == 0;
  const std::int64_t cpu_before = measured ? clock_.CpuNow() : 0;
  const std::int64_t end = until_ns - static_cast<std::int64_t>(late_ns_ * kEarlyShare);
  clock_.WaitUntil(end);
  Learn(static_cast<double>(clock_.Now() - end), kMostLateNs, &late_ns_);
  if (measured) {
    Learn(static_cast<double>(clock_.CpuNow() - cpu_before), kMostCostNs, &cost_ns_);
  }
}

}  // namespace playload
