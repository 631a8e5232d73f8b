// Block: the records of one batch of the stream: 16 bytes an event, from which every form of it can
// be rendered.
//
// Threads: constant once it is shared.

#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "generator/event/record.h"
#include "generator/stream/layout.h"

namespace playload {

// Counts the events of this process's shard, from 0. Event o is in block o / kBatchEvents.
using Ordinal = std::uint64_t;

struct Block {
  std::uint64_t number = 0;
  std::uint32_t count = 0;     // kBatchEvents but for the stream's last
  std::int64_t stamp_ns = -1;  // rate max: UTC instant of all its events
  std::array<Record, kBatchEvents> records;
};

using BlockRef = std::shared_ptr<const Block>;

}  // namespace playload
