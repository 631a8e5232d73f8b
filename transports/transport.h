// A Transport delivers batches of encoded events to one destination. It has no clock of its own and
// plans nothing: what it is offered is due now.
//
// Threads: Open(), Offer(), Flush() and Close() are called by the one sender thread of the
// destination; what became of events is told to Deliveries by whichever thread learns it.
// Ownership: Offer() copies what it accepts; the batch may be reused after it returns.
//
// A destination that comes and goes, or has many readers at different positions (HTTP streams),
// needs no buffer here: each reader is a Stream of its own, regenerated from the seed.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "generator/base/status.h"
#include "transports/batch.h"
#include "transports/deliveries.h"

namespace playload {

class Transport {
 public:
  virtual ~Transport() = default;

  // As shown to people, without secrets: "kafka://127.0.0.1:9092".
  [[nodiscard]] virtual std::string name() const = 0;

  // Whether batches should keep each kind's lines together (Batch::by_kind).
  [[nodiscard]] virtual bool by_kind() const { return false; }
  // Whether Batch::events is read; without it the index is not filled.
  [[nodiscard]] virtual bool needs_index() const { return true; }

  // Whether Batch::records is read, and nothing else: no lines are encoded then.
  [[nodiscard]] virtual bool wants_records() const { return false; }

  // Connects and checks everything that can be checked before the plan's clock starts. May block up
  // to its connect timeout; kUnreachable then. `stop` is set on Ctrl-C.
  virtual Status Open(const std::atomic<bool>& stop) = 0;

  // Accepts events [from, to) of the batch from the front and returns how many. Fewer than asked
  // means "full for now" (the caller waits up to a millisecond and offers the rest again) unless
  // `failed()` is then not ok.
  [[nodiscard]] virtual std::uint32_t Offer(const Batch& batch, std::uint32_t from,
                                            std::uint32_t to) = 0;

  // Not ok once the destination is lost for good; what was accepted is then told as failed or
  // unknown, and Offer() accepts nothing more.
  [[nodiscard]] virtual Status failed() const = 0;

  // True once the destination wants no more, which is no failure: the reader of stdout went away.
  // What was accepted and not written is told as shed, and so is what Offer() still gets; the
  // caller stops offering.
  [[nodiscard]] virtual bool reader_gone() const { return false; }

  // Called when nothing is due for a while: push out what is buffered, without waiting.
  virtual void Idle() {}

  // Blocks until everything accepted has been told to Deliveries or `deadline` has passed; what is
  // still open then is told as unknown or failed, so that the counts always add up. `hurry` set
  // (second Ctrl-C) means now.
  virtual Status Flush(std::chrono::steady_clock::time_point deadline,
                       const std::atomic<bool>& hurry) = 0;

  // Ends it. Idempotent; errors of the last writes (ENOSPC, close()) are returned here.
  virtual Status Close() = 0;
};

}  // namespace playload
