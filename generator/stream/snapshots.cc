#include "generator/stream/snapshots.h"

#include <algorithm>
#include <new>
#include <utility>

namespace playload {

Snapshots::Snapshots(std::uint64_t most_bytes, std::uint64_t first_spacing)
    : most_bytes_(most_bytes), first_spacing_(first_spacing), wanted_(first_spacing) {}

std::uint64_t Snapshots::wanted() const {
  const std::lock_guard lock(mutex_);
  return wanted_;
}

void Snapshots::Take(std::uint64_t run, const Lanes& lanes) {
  const std::uint64_t bytes = lanes.CopyBytes();
  {
    const std::lock_guard lock(mutex_);
    if (bytes > most_bytes_ / 2) {
      wanted_ = kNever;  // lanes only grow
      return;
    }
    while (snapshots_.size() >= kMost || bytes_ + bytes > most_bytes_) DropOne(run);
    // As dense as those there are.
    wanted_ = run + std::max(first_spacing_, run / (snapshots_.size() + 2));
  }
  // Copied without the mutex: readers of older places need not wait.
  std::shared_ptr<const LanesCopy> copy;
  try {
    copy = std::make_shared<const LanesCopy>(lanes.Copy());
  } catch (const std::bad_alloc&) {
    return;  // one place less to begin at
  }
  const std::lock_guard lock(mutex_);
  bytes_ += bytes;
  snapshots_.push_back({run, std::move(copy)});
}

// Drops the one whose loss leaves the smallest hole before `run`. The holes that n of them could
// leave are less than twice the run together, so this one is less than two n-th of it.
void Snapshots::DropOne(std::uint64_t run) {
  const auto hole = [this, run](std::size_t i) {
    const std::uint64_t end = i + 1 < snapshots_.size() ? snapshots_[i + 1].run : run;
    return end - (i == 0 ? 0 : snapshots_[i - 1].run);
  };
  std::size_t least = 0;
  for (std::size_t i = 1; i < snapshots_.size(); ++i) {
    if (hole(i) < hole(least)) least = i;
  }
  bytes_ -= snapshots_[least].lanes->bytes();
  snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(least));
}

std::uint64_t Snapshots::Restore(std::uint64_t run, Lanes* lanes) const {
  Snapshot snapshot{0, nullptr};
  {
    const std::lock_guard lock(mutex_);
    if (const Snapshot* found = Find(run)) snapshot = *found;
  }
  if (snapshot.lanes == nullptr) {
    lanes->Reset();
  } else {
    lanes->Restore(*snapshot.lanes);
  }
  return snapshot.run;
}

std::uint64_t Snapshots::Nearest(std::uint64_t run) const {
  const std::lock_guard lock(mutex_);
  const Snapshot* const found = Find(run);
  return found == nullptr ? 0 : found->run;
}

const Snapshots::Snapshot* Snapshots::Find(std::uint64_t run) const {
  const auto after = std::upper_bound(
      snapshots_.begin(), snapshots_.end(), run,
      [](std::uint64_t at, const Snapshot& snapshot) { return at < snapshot.run; });
  return after == snapshots_.begin() ? nullptr : &*std::prev(after);
}

}  // namespace playload
