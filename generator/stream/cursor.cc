#include "generator/stream/cursor.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "generator/stream/tile.h"

namespace playload {
namespace {

// Records of a tile: 4 MiB at most, and 4,096 per lane: longer slices gain nothing.
constexpr std::uint64_t kMaxTileRuns = 16'384;
constexpr std::uint64_t kMaxSliceRuns = 256;
// Putting lanes back costs as much as making an event for every so many bytes (measured: 110 into
// lanes that are new, 200 and more into others).
constexpr std::uint64_t kCopiedBytesPerEvent = 128;

std::uint64_t RoundUp(std::uint64_t n, std::uint64_t unit) { return (n + unit - 1) / unit * unit; }

std::uint64_t LargestTile(const Layout& layout) {
  return RoundUp(std::clamp<std::uint64_t>(layout.lanes() * kMaxSliceRuns, 1, kMaxTileRuns),
                 kBatchRuns);
}

// Lanes get whole runs each, so a tile's store is a little larger than the tile.
std::uint64_t StoreRecords(const Layout& layout) {
  const std::uint64_t runs = LargestTile(layout);
  const std::uint64_t lanes = std::max<std::uint64_t>(layout.lanes(), 1);
  return (runs + lanes - 1) / lanes * std::min(runs, lanes) * kRunLength;
}

std::uint64_t LanesBytes(const StreamTables& tables) {
  return std::min(tables.layout.lanes(), tables.layout.runs()) * Lanes::BytesPerLane(tables.model);
}

}  // namespace

Cursor::Cursor(const StreamTables& tables, const Snapshots* snapshots)
    : tables_(tables),
      snapshots_(snapshots),
      lanes_(tables.model),
      tile_(new (std::nothrow) Record[StoreRecords(tables.layout)]) {}

std::uint64_t Cursor::CostTo(std::uint64_t number) const {
  if (number >= RoundUp(tables_.layout.runs(), kBatchRuns) / kBatchRuns) return 0;
  const std::uint64_t run = number * kBatchRuns;
  if (run >= tile_begin_ && run < tile_end_) return 0;
  const std::uint64_t again = CostAgain(run);
  return run < tile_end_ ? again : std::min(again, (run - tile_end_) * kRunLength);
}

// By beginning again at a snapshot, or at the run's first event.
std::uint64_t Cursor::CostAgain(std::uint64_t run) const {
  const std::uint64_t from = snapshots_ == nullptr ? 0 : snapshots_->Nearest(run);
  const std::uint64_t copied = from == 0 ? 0 : LanesBytes(tables_) / kCopiedBytesPerEvent;
  return (run - from) * kRunLength + copied;
}

std::uint32_t Cursor::Read(std::uint64_t number, Record* out, const std::atomic<bool>* stop) {
  const Layout& layout = tables_.layout;
  if (number >= RoundUp(layout.runs(), kBatchRuns) / kBatchRuns) return 0;
  const std::uint64_t from = number * kBatchRuns;
  if (from < tile_begin_ || from >= tile_end_) {
    if (!GoTo(from, stop)) return 0;
    NextTile();
  }
  const std::uint64_t to = std::min(from + kBatchRuns, tile_end_);
  const std::uint64_t lanes = layout.lanes();
  std::uint64_t rel = (from - tile_begin_) % lanes;
  std::uint64_t turn = (from - tile_begin_) / lanes;
  for (std::uint64_t q = from; q < to; ++q) {
    std::memcpy(out + (q - from) * kRunLength, &tile_[rel * stride_ + turn * kRunLength],
                kRunLength * sizeof(Record));
    if (++rel == lanes) {
      rel = 0;
      ++turn;
    }
  }
  // Only the stream's last run is shorter.
  const Position last = layout.RunAt(to - 1).first;
  const std::uint64_t rest = std::min<std::uint64_t>(kRunLength, layout.end() - last);
  return static_cast<std::uint32_t>((to - from - 1) * kRunLength + rest);
}

// Brings the lanes to where they have made exactly the runs before `run`; the tile is empty then.
bool Cursor::GoTo(std::uint64_t run, const std::atomic<bool>* stop) {
  if (run == tile_end_) return true;  // the next tile
  grown_ = kBatchRuns;
  if (run < tile_end_ || CostAgain(run) < (run - tile_end_) * kRunLength) {
    tile_end_ = 0;
    if (snapshots_ != nullptr) {
      tile_end_ = snapshots_->Restore(run, &lanes_);
    } else {
      lanes_.Reset();
    }
  }
  tile_begin_ = tile_end_;
  // Lane by lane, each all the way: what it consists of stays in the cache.
  const std::uint64_t lanes = tables_.layout.lanes();
  const std::uint64_t skipped = run - tile_begin_;
  for (std::uint64_t rel = 0; rel < std::min(lanes, skipped); ++rel) {
    const std::uint64_t lane = tables_.layout.LaneOf(tile_begin_ + rel);
    std::uint64_t left = (skipped - rel + lanes - 1) / lanes;
    while (left > 0) {
      if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
        lanes_.Reset();  // some lanes are further than others
        tile_begin_ = tile_end_ = 0;
        return false;
      }
      const std::uint64_t slice = std::min(left, kMaxSliceRuns);
      lanes_.Simulate(lane, tile_.get(), static_cast<std::uint32_t>(slice * kRunLength));
      left -= slice;
    }
  }
  tile_begin_ = tile_end_ = run;
  return true;
}

// Simulates the tile that begins where the lanes are.
void Cursor::NextTile() {
  const Layout& layout = tables_.layout;
  tile_begin_ = tile_end_;
  const std::uint64_t runs = std::min({grown_, LargestTile(layout), layout.runs() - tile_begin_});
  grown_ = std::min(grown_ * 4, kMaxTileRuns);
  tile_end_ = tile_begin_ + runs;
  const std::uint64_t lanes = layout.lanes();
  stride_ = (runs + lanes - 1) / lanes * kRunLength;
  SimulateRuns(layout, tile_begin_, tile_end_, 0, std::min(lanes, runs), stride_, tile_.get(),
               &lanes_);
}

std::uint64_t Cursor::MemoryBytes(const StreamTables& tables) {
  return LanesBytes(tables) + StoreRecords(tables.layout) * sizeof(Record);
}

}  // namespace playload
