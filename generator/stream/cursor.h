// Cursor: the records of a run's stream, batch by batch, from any place, in the caller's thread.
// What Stream makes with threads and a queue for one reader that goes through it once, for readers
// that come back to an older place.
//
// Threads: one owner. Ownership: `tables` and `snapshots` outlive it.
// Memory: MemoryBytes(); lanes come to life when they are first touched.
// Cost: simulating alone, some 35 ns an event that is skipped or read.

#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "generator/simulate/lanes.h"
#include "generator/stream/snapshots.h"
#include "generator/stream/tables.h"

namespace playload {

class Cursor {
 public:
  // `snapshots` may be null.
  Cursor(const StreamTables& tables, const Snapshots* snapshots);

  // False: out of memory; nothing else may be called then.
  [[nodiscard]] bool ok() const { return lanes_.ok(); }

  // How many events must be simulated before batch `number` can be read: 0 when it is in the tile
  // at hand.
  [[nodiscard]] std::uint64_t CostTo(std::uint64_t number) const;

  // Writes the records of a batch to `out` (room for kBatchEvents) and returns how many; 0 when the
  // stream ends before it. Ascending numbers are cheap, earlier ones begin again at a snapshot.
  // Between large steps it asks `stop` (which may be null) and returns 0 once that is set.
  std::uint32_t Read(std::uint64_t number, Record* out, const std::atomic<bool>* stop);

  static std::uint64_t MemoryBytes(const StreamTables& tables);

 private:
  void NextTile();

  const StreamTables& tables_;
  const Snapshots* const snapshots_;
  Lanes lanes_;
  std::uint64_t tile_begin_ = 0, tile_end_ = 0;  // runs of the shard
  std::uint64_t stride_ = 0;                     // records of a lane in the tile
  std::vector<Record> tile_;                     // lane after lane
};

}  // namespace playload
