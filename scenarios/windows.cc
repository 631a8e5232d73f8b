#include "scenarios/windows.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>

namespace playload {
namespace {

constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max();

std::int64_t EndOfFirst(const Window& w) {
  return w.lasts_ns == 0 ? kForEver : w.at_ns + w.lasts_ns;
}

// `repeated` comes back every period, `once` is a single interval.
bool OverlapOnce(const Window& repeated, const Window& once) {
  // The first repetition that ends after `once` begins; it or none meets it.
  const std::int64_t late = once.at_ns - EndOfFirst(repeated);
  const std::int64_t turn = late < 0 ? 0 : late / repeated.every_ns + 1;
  return repeated.at_ns + turn * repeated.every_ns < EndOfFirst(once);
}

}  // namespace

bool Overlap(const Window& a, const Window& b) {
  if (a.every_ns == 0 && b.every_ns == 0) {
    return std::max(a.at_ns, b.at_ns) < std::min(EndOfFirst(a), EndOfFirst(b));
  }
  if (b.every_ns == 0) return OverlapOnce(a, b);
  if (a.every_ns == 0) return OverlapOnce(b, a);
  // Seen modulo the common divisor of the periods, the starts of each stand at one place, and
  // sooner or later every combination of turns comes up.
  const std::int64_t common = std::gcd(a.every_ns, b.every_ns);
  const std::int64_t apart = ((b.at_ns - a.at_ns) % common + common) % common;
  return apart < a.lasts_ns || common - apart < b.lasts_ns;
}

}  // namespace playload
