// Cursor: the records of a run's stream, batch by batch, from any place, in the caller's thread.
// What Stream makes with threads and a queue for one reader that goes through it once, for readers
// that come back to an older place.
//
// Threads: one owner. Ownership: `tables` and `snapshots` outlive it.
// Memory: MemoryBytes(); lanes come to life when they are first touched.
// Cost: simulating alone, some 20 ns an event that is read, 27 ns one that is skipped, since
// skipping finishes one lane after the other. A snapshot is put back in 0.1 ms (10,000 players) to
// 5 ms (1,000,000).

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "generator/simulate/lanes.h"
#include "generator/stream/snapshots.h"
#include "generator/stream/tables.h"

namespace playload {

class Cursor {
 public:
  // `snapshots` may be null.
  Cursor(const StreamTables& tables, const Snapshots* snapshots);

  // False: out of memory; nothing else may be called then.
  [[nodiscard]] bool ok() const { return lanes_.ok() && tile_ != nullptr; }

  // How many events must be simulated before batch `number` can be read: 0 when it is in the tile
  // at hand, or the next one. Putting a snapshot back counts as the events that take as long.
  [[nodiscard]] std::uint64_t CostTo(std::uint64_t number) const;

  // Writes the records of a batch to `out` (room for kBatchEvents) and returns how many; 0 when the
  // stream ends before it. Ascending numbers are cheap, earlier ones begin again at a snapshot.
  // At least every 4,096 events that it skips it asks `stop` (which may be null), and returns 0
  // once that is set: it is as new then.
  std::uint32_t Read(std::uint64_t number, Record* out, const std::atomic<bool>* stop);

  static std::uint64_t MemoryBytes(const StreamTables& tables);

 private:
  [[nodiscard]] std::uint64_t CostAgain(std::uint64_t run) const;
  bool GoTo(std::uint64_t run, const std::atomic<bool>* stop);
  void NextTile();

  const StreamTables& tables_;
  const Snapshots* const snapshots_;
  Lanes lanes_;
  // Runs of the shard; the lanes have made exactly those before tile_end_.
  std::uint64_t tile_begin_ = 0, tile_end_ = 0;
  std::uint64_t grown_ =
      kBatchRuns;             // runs of the next tile: few at first, so that one batch is cheap
  std::uint64_t stride_ = 0;  // records of a lane in the tile
  std::unique_ptr<Record[]> tile_;  // lane after lane
};

}  // namespace playload
