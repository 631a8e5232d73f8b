#include "generator/base/random.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace playload {
namespace {

// Neighbouring keys are the hard case for a counter-based generator: places 0.., sessions 0..,
// steps 0... Chi-square of each byte of the draws over 256 cells (255 degrees, deviation 22.6).
TEST_CASE("DrawAt: every byte of draws over neighbouring keys is uniform") {
  for (const std::uint64_t seed : {0ULL, 1ULL, 42ULL}) {
    const std::uint64_t seed_key = SeedKey(seed);
    std::vector<std::vector<double>> cells(8, std::vector<double>(256, 0));
    double n = 0;
    for (std::uint64_t place = 0; place < 256; ++place) {
      const std::uint64_t key = EntityKey(seed_key, place);
      for (std::uint64_t session = 0; session < 16; ++session) {
        for (std::uint64_t step = 0; step < 128; ++step) {
          const std::uint64_t r = DrawAt(key, session << 16 | step);
          for (unsigned b = 0; b < 8; ++b) cells[b][r >> (8 * b) & 255] += 1;
          n += 1;
        }
      }
    }
    for (unsigned b = 0; b < 8; ++b) {
      double chi = 0;
      for (const double seen : cells[b]) chi += (seen - n / 256) * (seen - n / 256) / (n / 256);
      CAPTURE(b);
      CHECK(chi > 255 - 5 * 22.6);
      CHECK(chi < 255 + 5 * 22.6);
    }
  }
}

// Serial correlation: the next step's draw and the neighbour's draw of the same step agree with
// this one in half of the bits.
TEST_CASE("DrawAt: draws of the next step, place, seed and purpose are unrelated") {
  const auto half = [](auto&& other) {
    double agree = 0;
    constexpr int kDraws = 100'000;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
      const std::uint64_t place = i % 1000;
      const std::uint64_t step = i / 1000;
      const std::uint64_t a = DrawAt(EntityKey(SeedKey(5), place), step);
      agree += 64 - std::popcount(a ^ other(place, step));
    }
    // 6.4 M bits: the deviation of the share is 1/5060.
    CHECK(std::abs(agree / (64.0 * kDraws) - 0.5) < 5.0 / 5060);
  };
  half([](auto place, auto step) { return DrawAt(EntityKey(SeedKey(5), place), step + 1); });
  half([](auto place, auto step) { return DrawAt(EntityKey(SeedKey(5), place + 1), step); });
  half([](auto place, auto step) { return DrawAt(EntityKey(SeedKey(6), place), step); });
  half([](auto place, auto step) {
    return DrawAt(EntityKey(SeedKey(5), place), step, Purpose::kPurchase);
  });
}

// What the stream is defined by: a change here changes every fingerprint.
TEST_CASE("DrawAt: known answers") {
  CHECK(SeedKey(1) == 0x910A2DEC89025CC1u);
  CHECK(Below(0xFFFFFFFFu, 10) == 9);
  CHECK(Below(0, 10) == 0);
  CHECK(Fold(0xFFFFFFFFFFFFFFFFu, 2) == (0xFFFFFFFFFFFFFFFEu ^ 1u));
}

}  // namespace
}  // namespace playload
