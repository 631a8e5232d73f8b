#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "generator/base/random.h"
#include "generator/simulate/model.h"

namespace playload {
namespace {

std::vector<AliasOutcome> OutcomesOf(const std::vector<std::int64_t>& parts) {
  std::vector<AliasOutcome> outcomes;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    outcomes.push_back(
        {parts[i], static_cast<std::uint8_t>(i + 1), static_cast<std::uint8_t>(i % 3)});
  }
  return outcomes;
}

const std::vector<std::vector<std::int64_t>> kWeights = {
    {1'000'000'000},
    {500'000'000, 500'000'000},
    {999'999'999, 1},
    {1, 1, 999'999'998},
    {333'333'333, 333'333'333, 333'333'334},
    {100'000'000, 0, 900'000'000},
    {62'500'000, 62'500'000, 62'500'000, 62'500'000, 62'500'000, 62'500'000, 62'500'000, 62'500'000,
     62'500'000, 62'500'000, 62'500'000, 62'500'000, 62'500'000, 62'500'000, 62'500'000,
     62'500'000},
    {700'000'000, 20'000'000, 20'000'000, 20'000'000, 20'000'000, 20'000'000, 20'000'000,
     20'000'000, 20'000'000, 20'000'000, 20'000'000, 20'000'000, 20'000'000, 20'000'000, 20'000'000,
     20'000'000},
};

// The cells of a row, added up over all 2^28 draws, give each outcome exactly its mass.
TEST_CASE("AliasRow: realises its masses exactly, and those are the weights to a part in 2^28") {
  for (const auto& parts : kWeights) {
    const std::vector<std::uint32_t> masses = AliasMasses(parts);
    const AliasRow row = MakeAliasRow(OutcomesOf(parts));
    std::vector<std::uint64_t> seen(parts.size() + 1, 0);
    for (const AliasCell& cell : row.cells) {
      REQUIRE(cell.threshold <= 1u << 24);
      seen[cell.to[0]] += cell.threshold;
      seen[cell.to[1]] += (1u << 24) - cell.threshold;
    }
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      CAPTURE(i);
      CHECK(seen[i + 1] == masses[i]);
      sum += masses[i];
      const double exact = static_cast<double>(parts[i]) / 1e9 * (1u << 28);
      CHECK(std::abs(static_cast<double>(masses[i]) - exact) < 1.0);
    }
    CHECK(sum == 1u << 28);
  }
}

// Chi-square of 400,000 transitions drawn as players draw them (key of place, session and step).
TEST_CASE("AliasRow: transitions drawn by players have the weights of the file") {
  for (const auto& parts : kWeights) {
    const AliasRow row = MakeAliasRow(OutcomesOf(parts));
    std::vector<double> seen(parts.size() + 1, 0);
    double draws = 0;
    for (std::uint64_t place = 0; place < 100; ++place) {
      const std::uint64_t key = EntityKey(SeedKey(7), place);
      for (std::uint64_t session = 0; session < 40; ++session) {
        for (std::uint64_t step = 0; step < 100; ++step) {
          const std::uint64_t r = DrawAt(key, session << 16 | step);
          const AliasCell& cell = row.cells[r & 15];
          seen[cell.to[(r >> 4 & 0xFFFFFF) >= cell.threshold ? 1 : 0]] += 1;
          draws += 1;
        }
      }
    }
    double chi = 0;
    int degrees = -1;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const double expected = draws * static_cast<double>(parts[i]) / 1e9;
      if (expected < 5) {
        CHECK(seen[i + 1] < 30);
        continue;
      }
      chi += (seen[i + 1] - expected) * (seen[i + 1] - expected) / expected;
      ++degrees;
    }
    CAPTURE(parts.size());
    // Mean d, variance 2 d; four deviations are beyond the 0.999 quantile for every d here.
    CHECK(chi < degrees + 4 * std::sqrt(2.0 * std::max(degrees, 1)) + 6);
  }
}

}  // namespace
}  // namespace playload
