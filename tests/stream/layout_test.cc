#include "generator/stream/layout.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace playload {
namespace {

// For every number of lanes, shards and every end: each position below the end is in exactly one
// run of exactly one shard, in ascending order, and it is in the lane that the definition gives it.
TEST_CASE("Layout: the shards' runs are the whole stream, once") {
  for (const std::uint64_t lanes : {1ULL, 2ULL, 3ULL, 7ULL, 16ULL}) {
    for (const std::uint32_t shards : {1u, 2u, 5u, 9u}) {
      for (const Position end : {0ULL, 1ULL, 15ULL, 16ULL, 17ULL, 100ULL, 1'000ULL, 2'048ULL}) {
        CAPTURE(lanes);
        CAPTURE(shards);
        CAPTURE(end);
        std::vector<int> seen(end, 0);
        for (std::uint32_t shard = 0; shard < shards; ++shard) {
          const Layout layout(lanes, shard, shards, end);
          Position last = 0;
          if (shard >= lanes) REQUIRE(layout.runs() == 0);
          for (std::uint64_t q = 0; q < layout.runs(); ++q) {
            const Layout::Run run = layout.RunAt(q);
            REQUIRE((q == 0 || run.first > last));
            REQUIRE(run.first < end);
            REQUIRE(run.lane == run.first / kRunLength % lanes);
            REQUIRE(run.lane % shards == shard);
            last = run.first;
            for (Position n = run.first; n < run.first + kRunLength && n < end; ++n) ++seen[n];
          }
        }
        for (const int times : seen) REQUIRE(times == 1);
      }
    }
  }
}

// For every shard: the o-th of its positions, counted by hand, is PositionOf(o), and for every
// position of the stream OrdinalAt() is the number of the shard's positions before it.
TEST_CASE("Layout: ordinals count the shard's positions without holes") {
  for (const std::uint64_t lanes : {1ULL, 2ULL, 3ULL, 7ULL, 16ULL}) {
    for (const std::uint32_t shards : {1u, 2u, 5u, 9u}) {
      for (std::uint32_t shard = 0; shard < shards; ++shard) {
        CAPTURE(lanes);
        CAPTURE(shards);
        CAPTURE(shard);
        const Layout layout(lanes, shard, shards, RunSpec::kNoEnd);
        std::uint64_t ordinal = 0;
        for (Position n = 0; n < 1'000; ++n) {
          REQUIRE(layout.OrdinalAt(n) == ordinal);
          if (n / kRunLength % lanes % shards != shard) continue;
          REQUIRE(layout.PositionOf(ordinal) == n);
          ++ordinal;
        }
        CHECK((ordinal == 0) == (layout.lanes() == 0));
        // As far out as a stream can get.
        if (layout.lanes() == 0) continue;
        const std::uint64_t last = layout.runs() * kRunLength - 1;
        CHECK(layout.OrdinalAt(layout.PositionOf(last)) == last);
      }
    }
  }
}

}  // namespace
}  // namespace playload
