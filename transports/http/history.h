// History: blocks that are no longer, or not yet, in the live window, made again from the seed by a
// thread of its own. A few cursors each follow one region of the run, so that several clients may
// catch up from different places; a request goes to the cursor that is cheapest to bring there.
//
// Threads: Get() belongs to the reactor; `ready` is called by the history's thread.
// Memory: a cache of `cache_bytes`, and kMaxCursors times the lanes, within `cursor_bytes` (one
// cursor at least).

#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "generator/stream/cursor.h"
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
  // that was asked for, can be had. Of a block the `ahead` following ones are made too. A block
  // that was asked for stays until it was given out once. REQUIRES: the stream has such a block.
  BlockRef Get(std::uint64_t number, std::uint32_t ahead);

  // Blocks made so far. Any thread.
  [[nodiscard]] std::uint64_t made() const;

  // Not ok when a cursor could not be made: out of memory.
  [[nodiscard]] bool ok() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
