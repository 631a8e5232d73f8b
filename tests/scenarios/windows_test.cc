#include "scenarios/windows.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

bool ActiveAt(const Window& w, std::int64_t t) {
  std::int64_t into = t - w.at_ns;
  if (into < 0) return false;
  if (w.every_ns > 0) into %= w.every_ns;
  return w.lasts_ns == 0 || into < w.lasts_ns;
}

// For small windows, trying every instant up to twice the product of the periods is a proof.
bool OverlapByTrying(const Window& a, const Window& b) {
  for (std::int64_t t = 0; t < 120; ++t) {
    if (ActiveAt(a, t) && ActiveAt(b, t)) return true;
  }
  return false;
}

TEST_CASE("Overlap: agrees with trying every instant, for all small windows") {
  std::string wrong;
  int checked = 0;
  const auto for_each = [](const auto& body) {
    for (std::int64_t at = 0; at < 5; ++at) {
      body(Window{at, 0, 0});
      for (std::int64_t lasts = 1; lasts < 5; ++lasts) {
        body(Window{at, lasts, 0});
        for (std::int64_t every = lasts; every < 7; ++every) body(Window{at, lasts, every});
      }
    }
  };
  for_each([&](const Window& a) {
    for_each([&](const Window& b) {
      ++checked;
      if (Overlap(a, b) != OverlapByTrying(a, b)) {
        for (const Window& w : {a, b}) {
          wrong += std::to_string(w.at_ns) + "/" + std::to_string(w.lasts_ns) + "/" +
                   std::to_string(w.every_ns) + " ";
        }
      }
    });
  });
  CHECK(wrong == "");
  CHECK(checked > 10'000);
}

TEST_CASE("Overlap: windows with no common turn for hours are still found") {
  // 1 s every 7 s and 1 s every 3,601 s: coprime periods, so some day they meet.
  CHECK(Overlap({0, kSecond, 7 * kSecond}, {3 * kSecond, kSecond, 3'601 * kSecond}));
  // Both every 10 s, five seconds apart: never.
  CHECK_FALSE(Overlap({0, kSecond, 10 * kSecond}, {5 * kSecond, kSecond, 10 * kSecond}));
}

}  // namespace
}  // namespace playload
