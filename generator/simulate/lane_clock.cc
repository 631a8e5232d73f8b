#include "generator/simulate/lane_clock.h"

#include <cstdlib>

namespace playload {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

std::int64_t EdgeMs(const LaneWait& wait) { return (wait.ns + kNsPerMs - 1) / kNsPerMs; }

std::int64_t Miss(std::int64_t from_ns, std::int64_t to_ns, const LaneWait& wait) {
  const std::int64_t waited = to_ns / kNsPerMs - from_ns / kNsPerMs;
  return std::abs(waited - (wait.within ? EdgeMs(wait) - 1 : EdgeMs(wait)));
}

}  // namespace

std::int64_t LaneClock::InstantOf(std::uint64_t index) const {
  const std::uint64_t run = index / kRunLength * lanes_ + lane_;
  return plan_->PlannedAt(run * kRunLength + index % kRunLength);
}

std::uint64_t LaneClock::FirstAt(std::int64_t instant_ns) const {
  const Position position = plan_->DueBefore(instant_ns);
  const std::uint64_t run = position / kRunLength;
  const std::uint64_t round = run / lanes_;
  const std::uint64_t turn = run % lanes_;
  if (turn == lane_) return round * kRunLength + position % kRunLength;
  return (turn < lane_ ? round : round + 1) * kRunLength;
}

std::uint64_t LaneClock::EndOf(std::uint64_t index, const LaneWait& wait) const {
  const std::int64_t from = InstantOf(index);
  const std::int64_t edge = from > Plan::kNever - wait.ns ? Plan::kNever : from + wait.ns;
  const std::uint64_t before = wait.within ? 1 : 0;
  const std::uint64_t end = FirstAt(edge) - before;
  if (edge == Plan::kNever || Miss(from, InstantOf(end), wait) == 0) return end;
  // By less than a millisecond on the other side, but not for those who see milliseconds.
  const std::uint64_t other = FirstAt((from / kNsPerMs + EdgeMs(wait)) * kNsPerMs) - before;
  return Miss(from, InstantOf(other), wait) == 0 ? other : end;
}

std::int64_t LaneClock::MissMs(std::uint64_t index, const LaneWait& wait) const {
  return Miss(InstantOf(index), InstantOf(EndOf(index, wait)), wait);
}

}  // namespace playload
