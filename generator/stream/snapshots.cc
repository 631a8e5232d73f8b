#include "generator/stream/snapshots.h"

#include <algorithm>
#include <new>
#include <utility>

namespace playload {

Snapshots::Snapshots(std::uint64_t most_bytes, std::uint64_t first_spacing)
    : most_bytes_(most_bytes), spacing_(first_spacing), wanted_(first_spacing) {}

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
    while (snapshots_.size() >= kMost || bytes_ + bytes > most_bytes_) Thin();
    // Thinning may have made the spacing such that this place is none of it.
    wanted_ = (snapshots_.empty() ? 0 : snapshots_.back().run) + spacing_;
    if (run < wanted_) return;
    wanted_ = run + spacing_;
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

// Doubles the spacing and keeps what lies that far apart.
void Snapshots::Thin() {
  spacing_ *= 2;
  std::uint64_t last = 0;
  std::erase_if(snapshots_, [&](const Snapshot& snapshot) {
    if (snapshot.run < last + spacing_) {
      bytes_ -= snapshot.lanes->bytes();
      return true;
    }
    last = snapshot.run;
    return false;
  });
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
