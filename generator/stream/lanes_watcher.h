// LanesWatcher: who wants to see the lanes of a stream as it goes, to keep copies of them.
//
// Threads: wanted() may be asked by any; Take() is called by one at a time, the one that owns the
// lanes at that time, while nobody simulates: the stream waits for it.

#pragma once

#include <cstdint>
#include <limits>

#include "generator/simulate/lanes.h"

namespace playload {

class LanesWatcher {
 public:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  LanesWatcher() = default;
  virtual ~LanesWatcher() = default;
  LanesWatcher(const LanesWatcher&) = delete;
  LanesWatcher& operator=(const LanesWatcher&) = delete;

  // From which run of the shard on it wants to see them next.
  [[nodiscard]] virtual std::uint64_t wanted() const = 0;
  // The lanes have made exactly the runs before `run`.
  virtual void Take(std::uint64_t run, const Lanes& lanes) = 0;
};

}  // namespace playload
