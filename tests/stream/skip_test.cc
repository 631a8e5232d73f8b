#include "generator/stream/skip.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "generator/stream/tables.h"
#include "tests/stream/records.h"
#include "tests/support/world.h"

namespace playload {
namespace {

// The batches of a stream that begins in the middle, with their numbers.
std::vector<std::pair<std::uint64_t, std::vector<Record>>> From(const RunSpec& spec,
                                                                std::uint64_t run, int threads) {
  const StreamTables tables(spec);
  StreamOptions options;
  options.threads = threads;
  options.records = true;
  options.begin = [&](Lanes* lanes) {
    // In two steps, as from a checkpoint.
    SkipRuns(tables.layout, 0, run / 2, threads, lanes);
    SkipRuns(tables.layout, run / 2, run, threads, lanes);
    return run;
  };
  Stream stream(spec, options);
  REQUIRE(stream.Start().ok());
  std::vector<std::pair<std::uint64_t, std::vector<Record>>> batches;
  while (Batch* batch = stream.Next()) {
    batches.emplace_back(batch->number, std::vector<Record>(batch->records.begin(),
                                                            batch->records.begin() + batch->count));
    stream.Recycle(batch);
  }
  return batches;
}

TEST_CASE("Stream: begun in the middle it gives the rest of the batches") {
  for (const std::uint64_t players : {1ULL, 5'000ULL, 120'000ULL}) {
    for (const auto& [shard, shards] : {std::pair{0u, 1u}, {1u, 3u}}) {
      RunSpec spec = test::SpecOf(test::World(players, {"casual", "whale"}), 3, 70'003);
      spec.shard = shard;
      spec.shards = shards;
      const test::Batches all = test::RecordsOf(spec);
      for (const std::uint64_t batch : {0ULL, 1ULL, 7ULL, 20ULL, 1'000ULL}) {
        for (const int threads : {1, 3, 20}) {
          CAPTURE(players);
          CAPTURE(shard);
          CAPTURE(batch);
          if (batch > all.size() && batch < 1'000) continue;
          const std::uint64_t run = std::min(batch * kBatchRuns, StreamTables(spec).layout.runs());
          const auto rest = From(spec, run, threads);
          const std::uint64_t first = std::min<std::uint64_t>(batch, all.size());
          REQUIRE(rest.size() == all.size() - first);
          for (std::size_t i = 0; i < rest.size(); ++i) {
            REQUIRE(rest[i].first == first + i);
            REQUIRE(test::Same(rest[i].second, all[first + i]));
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace playload
