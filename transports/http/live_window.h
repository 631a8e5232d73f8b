// LiveWindow: the newest blocks of the run, and how far it has come. Filled by the run's sender,
// read by the reactor.
//
// Threads: Add(), Release() and End() belong to the sender; the rest is for any.
// Memory: kBlocks blocks, 32 MiB.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "transports/http/block.h"

namespace playload {

class LiveWindow {
 public:
  static constexpr std::uint64_t kBlocks = 2'048;

  // The next block, in order.
  void Add(BlockRef block);
  // Events before `head` may be sent from now on.
  void Release(Ordinal head) { head_.store(head, std::memory_order_release); }
  // No event will be released any more.
  void End() { ended_.store(true, std::memory_order_release); }

  [[nodiscard]] Ordinal head() const { return head_.load(std::memory_order_acquire); }
  [[nodiscard]] bool ended() const { return ended_.load(std::memory_order_acquire); }
  // The block, or null when it is no longer here.
  [[nodiscard]] BlockRef Get(std::uint64_t number) const;

 private:
  std::atomic<Ordinal> head_{0};
  std::atomic<bool> ended_{false};
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t next_ = 0;    // number of the next block
  std::array<BlockRef, kBlocks> blocks_;
};

}  // namespace playload
