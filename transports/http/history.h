// History: blocks that are no longer, or not yet, in the live window, made again from the seed by a
// thread of its own. A few cursors each follow one region of the run, so that several clients may
// catch up from different places; a request goes to the cursor that is cheapest to bring there.
//
// Threads: Get() belongs to the reactor; `ready` is called by the history's thread.
// Memory: a cache of `cache_bytes`, and max_cursors times the lanes, within `cursor_bytes` (one
// cursor at least); 100 bytes for every block that is asked for.
// Cost: a block at the place of a cursor 30 to 40 us; one far from all of them, 30 ns an event
// between it and the nearest snapshot. Blocks near at hand do not wait for such a long way to end.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "generator/stream/cursor.h"
#include "generator/stream/stream.h"
#include "transports/http/block.h"

namespace playload {

class History {
 public:
  struct Options {
    std::uint64_t cache_bytes = std::uint64_t{16} << 20;
    std::uint64_t cursor_bytes = std::uint64_t{256} << 20;
    int max_cursors = 4;
  };

  // `tables`, `stamps` (null but under rate max) and `snapshots` outlive it. The thread starts with
  // the first block that is not at hand.
  History(const StreamTables& tables, StampLog* stamps, const Snapshots* snapshots,
          const Options& options, std::function<void()> ready);
  ~History();  // ends the thread
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // The block if it is at hand; else null, it is made, and `ready` is called when it, or any other
  // that was asked for, can be had: then whoever waits asks again. The `ahead` following blocks are
  // made too, as far as the stream has them, when half of the cache has room for them. A block that
  // was asked for stays until it was given out once, unless so many wait that they fill the cache:
  // then the one that has waited longest goes. REQUIRES: the stream has such a block, and under
  // rate max it is stamped.
  BlockRef Get(std::uint64_t number, std::uint32_t ahead);
  // Who asked for the block and was told to wait does so no longer. It is not made any more; should
  // others wait for it, the call of `ready` that follows makes them ask again.
  void Forget(std::uint64_t number);

  // Blocks made so far. Any thread.
  [[nodiscard]] std::uint64_t made() const;

  // Not ok when a cursor could not be made: out of memory.
  [[nodiscard]] bool ok() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
