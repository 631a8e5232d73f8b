// The records of a stream, batch by batch, as Stream itself gives them: what everything that makes
// them again is held to.

#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "generator/stream/stream.h"

namespace playload::test {

using Batches = std::vector<std::vector<Record>>;

inline Batches RecordsOf(const RunSpec& spec, Snapshots* snapshots = nullptr, int threads = 2) {
  StreamOptions options;
  options.threads = threads;
  options.records = true;
  options.snapshots = snapshots;
  Stream stream(spec, options);
  REQUIRE(stream.Start().ok());
  Batches batches;
  while (Batch* batch = stream.Next()) {
    batches.emplace_back(batch->records.begin(), batch->records.begin() + batch->count);
    stream.Recycle(batch);
  }
  REQUIRE(stream.ended());
  return batches;
}

// Bit by bit.
inline bool Same(std::span<const Record> a, std::span<const Record> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace playload::test
