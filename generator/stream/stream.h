// Stream: the events of a run (or of its shard), encoded, in plan order, made by worker threads
// ahead of the one who reads. Every destination, `expect` and `verify` read one of their own.
//
// Threads: Next(), Recycle() and Stop() belong to one reader thread. Where nothing is paced the
// reader makes events too while the next batch is not ready, and Start() makes `threads` - 1
// workers; so one thread hands nothing over and needs no waking (that was 15 ns an event). Where a
// plan paces the reader must be free when an event is due: `threads` workers. Ownership: batches
// belong to the stream; the reader hands each back with Recycle(). Determinism: a function of the
// RunSpec alone (under rate max on the live clock: and of the stamps). Memory: fixed after Start();
// MemoryBytes() says how much before anything is allocated.

#pragma once

#include <cstdint>
#include <memory>

#include "generator/base/status.h"
#include "generator/oracle/tally.h"
#include "generator/stream/lanes_watcher.h"
#include "generator/stream/snapshots.h"
#include "generator/stream/spec.h"
#include "generator/stream/stamp_log.h"
#include "transports/batch.h"

namespace playload {

struct StreamOptions {
  int threads = 1;
  bool by_kind = false;             // Batch::by_kind
  bool index = true;                // fill Batch::events
  bool records = false;             // fill Batch::records instead: no lines, no index
  StampLog* stamps = nullptr;       // REQUIRED when the spec says rate_max; outlives the stream
  Snapshots* snapshots = nullptr;   // copies of the lanes are left there; outlives the stream
  LanesWatcher* watcher = nullptr;  // as well; outlives the stream
  // Makes the stream begin in the middle: brings lanes that are as new to where they have made
  // exactly the runs of the shard before the one it returns, which is a multiple of kBatchRuns or
  // the stream's end. Called in Start(), by its thread. Batches keep their numbers. Empty: from the
  // first event.
  std::function<std::uint64_t(Lanes*)> begin;
};

class Stream {
 public:
  Stream(const RunSpec& spec, const StreamOptions& options);
  ~Stream();  // stops
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Status Start();
  // The next batch in order, or null at the end of the stream (or after Stop()). Blocks.
  Batch* Next();
  // The next batch if it is ready, without blocking. Null also at the end: ask `ended()`.
  Batch* TryNext();
  [[nodiscard]] bool ended() const;
  void Recycle(Batch* batch);
  // Workers end soon; Next() returns what they have begun, then null. Any thread.
  void Stop();

  // What a correct pipeline must put out for the events handed out so far by Next(), and the digest
  // over their records: order-free, so digests of shards add up (mod 2^64) to the single run's.
  // Exact up to the last batch given by Next(). Reader thread.
  [[nodiscard]] const Tally& tally() const;
  [[nodiscard]] std::uint64_t digest() const;

  static std::uint64_t MemoryBytes(const RunSpec& spec, const StreamOptions& options);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
