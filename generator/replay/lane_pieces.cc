#include "generator/replay/lane_pieces.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <thread>

namespace playload {
namespace {

// Of each of the pieces that take turns: longer slices gain nothing.
constexpr std::uint64_t kSliceRuns = 256;
constexpr std::uint64_t kSliceEvents = kSliceRuns * kRunLength;

struct Found {
  Record record;
  std::uint64_t index;
};

Status NoMemory() { return {Code::kInternal, "out of memory"}; }

class Pieces {
 public:
  Pieces(const Model& model, const LaneEntity& who, const std::vector<LanePiece>& pieces,
         std::uint64_t end, int threads)
      : model_(model),
        who_(who),
        pieces_(pieces),
        end_(end),
        threads_(static_cast<std::size_t>(std::max(threads, 1))) {
    // As many groups for each thread, and none much smaller than the others.
    const std::size_t full = (pieces.size() + Lanes::kTogether - 1) / Lanes::kTogether;
    groups_ = std::min(pieces.size(), (full + threads_ - 1) / threads_ * threads_);
    found_.resize(pieces.size());
    made_.resize(groups_);
  }

  Status Walk(const LaneVisitor& visit) {
    if (pieces_.size() == 1) return MakeGroup(0, 1, &visit);
    std::vector<std::thread> makers;
    for (std::size_t i = 0; i < std::min(threads_, groups_); ++i) {
      makers.emplace_back([this] { Make(); });
    }
    Status status;
    for (std::size_t group = 0; group < groups_ && status.ok(); ++group) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return made_[group] || !status_.ok(); });
        status = status_;
      }
      if (!status.ok() || !Visit(group, visit)) break;
      const std::lock_guard lock(mutex_);
      visited_ = group + 1;
      changed_.notify_all();
    }
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      changed_.notify_all();
    }
    for (std::thread& maker : makers) maker.join();
    return status;
  }

 private:
  [[nodiscard]] std::size_t BeginOf(std::size_t group) const {
    return pieces_.size() * group / groups_;
  }

  bool Visit(std::size_t group, const LaneVisitor& visit) {
    for (std::size_t i = BeginOf(group); i < BeginOf(group + 1); ++i) {
      const std::vector<Found> found = std::move(found_[i]);
      for (const Found& event : found) {
        if (!visit(event.record, event.index)) return false;
      }
    }
    return true;
  }

  // The threads that make.
  void Make() {
    std::unique_lock lock(mutex_);
    for (;;) {
      // One group more than there are threads may wait for the visitor.
      changed_.wait(lock, [this] { return stop_ || next_ <= visited_ + threads_; });
      if (stop_ || next_ == groups_ || !status_.ok()) return;
      const std::size_t group = next_++;
      lock.unlock();
      Status status;
      try {
        status = MakeGroup(BeginOf(group), BeginOf(group + 1), nullptr);
      } catch (const std::bad_alloc&) {
        status = NoMemory();
      }
      lock.lock();
      made_[group] = true;
      if (!status.ok()) status_ = status;
      changed_.notify_all();
    }
  }

  // Pieces [from, to), which take turns. `visit`: who sees at once what is found in the only one.
  Status MakeGroup(std::size_t from, std::size_t to, const LaneVisitor* visit) {
    std::vector<std::unique_ptr<Lanes>> lanes;
    std::uint64_t most = 0;
    for (std::size_t i = from; i < to; ++i) {
      lanes.push_back(std::make_unique<Lanes>(model_, static_cast<std::int64_t>(who_.lane)));
      if (!lanes.back()->ok()) return NoMemory();
      lanes.back()->Restore(pieces_[i].lanes);
      most = std::max(most, EndOf(i) - pieces_[i].begin);
    }
    std::vector<Record> records(lanes.size() * kSliceEvents);
    for (std::uint64_t made = 0; made < most && !stop_; made += kSliceRuns) {
      Lanes::Slice slices[Lanes::kTogether];
      std::size_t of[Lanes::kTogether];
      std::size_t together = 0;
      for (std::size_t i = from; i < to; ++i) {
        const std::uint64_t all = EndOf(i) - pieces_[i].begin;
        if (all <= made) continue;
        const std::uint64_t runs = std::min(all - made, kSliceRuns);
        of[together] = i;
        slices[together] = {who_.lane, &records[together * kSliceEvents],
                            static_cast<std::uint32_t>(runs * kRunLength), lanes[i - from].get()};
        ++together;
      }
      lanes.front()->Simulate(slices, together);
      for (std::size_t k = 0; k < together; ++k) {
        const std::uint64_t first = (pieces_[of[k]].begin + made) * kRunLength;
        for (std::uint32_t n = 0; n < slices[k].count; ++n) {
          const Record& record = slices[k].out[n];
          if (record.entity != who_.index) continue;
          if ((KindOf(record.action) == Kind::kServer) != who_.server) continue;
          found_[of[k]].push_back({record, first + n});
        }
      }
      if (visit != nullptr && !Visit(0, *visit)) return {};
    }
    return {};
  }

  [[nodiscard]] std::uint64_t EndOf(std::size_t piece) const {
    return piece + 1 < pieces_.size() ? pieces_[piece + 1].begin : end_;
  }

  const Model& model_;
  const LaneEntity who_;
  const std::vector<LanePiece>& pieces_;
  const std::uint64_t end_;
  const std::size_t threads_;
  std::size_t groups_ = 0;
  // Of each piece: its maker's, then the visitor's.
  std::vector<std::vector<Found>> found_;
  std::atomic<bool> stop_{false};

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::size_t next_ = 0;     // group to be made
  std::size_t visited_ = 0;  // groups
  std::vector<bool> made_;   // by group
  Status status_;
};

}  // namespace

Status WalkLane(const Model& model, const LaneEntity& who, const std::vector<LanePiece>& pieces,
                std::uint64_t end, int threads, const LaneVisitor& visit) {
  return Pieces(model, who, pieces, end, threads).Walk(visit);
}

}  // namespace playload
