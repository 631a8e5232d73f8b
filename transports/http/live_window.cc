#include "transports/http/live_window.h"

#include <cassert>
#include <utility>

namespace playload {

void LiveWindow::Add(BlockRef block) {
  const std::lock_guard lock(mutex_);
  assert(block->number == next_);
  std::swap(blocks_[next_++ % kBlocks], block);
}

BlockRef LiveWindow::Get(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  if (number >= next_ || number + kBlocks < next_) return nullptr;
  return blocks_[number % kBlocks];
}

}  // namespace playload
