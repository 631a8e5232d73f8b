// Snapshots: copies of the lanes of a stream at places of the run, so that making events again need
// not begin at the first one. A stream leaves them as it goes (StreamOptions::snapshots), evenly
// spaced. When there are kMost of them, or most_bytes of memory are taken, each new one takes the
// place of the one that is missed least, so that any place of the run so far is at most an eighth
// of it behind one (more when the memory holds fewer), or the first spacing and a tile of the
// stream.
//
// Threads: any; Take() by one at a time. Memory: at most `most_bytes`; lanes larger than half of
// that leave none.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "generator/simulate/lanes.h"
#include "generator/stream/lanes_watcher.h"

namespace playload {

class Snapshots : public LanesWatcher {
 public:
  static constexpr std::size_t kMost = 16;

  // `first_spacing`: runs between the first snapshots.
  explicit Snapshots(std::uint64_t most_bytes, std::uint64_t first_spacing = 65'536);

  [[nodiscard]] std::uint64_t wanted() const override;
  void Take(std::uint64_t run, const Lanes& lanes) override;
  // Puts the latest snapshot at or before `run` into `lanes` and returns the run it is of; 0, with
  // the lanes as new, when there is none.
  std::uint64_t Restore(std::uint64_t run, Lanes* lanes) const;
  // The run that Restore() would return.
  [[nodiscard]] std::uint64_t Nearest(std::uint64_t run) const;

  // At most this is taken for lanes of that size.
  [[nodiscard]] std::uint64_t MemoryBytes(std::uint64_t lanes_bytes) const {
    return std::min(most_bytes_, kMost * lanes_bytes);
  }

 private:
  struct Snapshot {
    std::uint64_t run;
    std::shared_ptr<const LanesCopy> lanes;
  };
  void DropOne(std::uint64_t run);                // mutex held
  const Snapshot* Find(std::uint64_t run) const;  // mutex held

  const std::uint64_t most_bytes_;
  const std::uint64_t first_spacing_;
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t wanted_;
  std::uint64_t bytes_ = 0;          // of all copies
  std::vector<Snapshot> snapshots_;  // ascending
};

}  // namespace playload
