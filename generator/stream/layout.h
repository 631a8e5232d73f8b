// Layout: which lane holds which positions, for the whole stream or one shard of it. Runs of
// kRunLength positions go to lane after lane; shard i of n has the lanes l with l % n == i. A
// function of the scenario alone (docs/architecture.md).
//
// Threads: a value type, constant after construction.

#pragma once

#include <algorithm>
#include <cstdint>

#include "generator/encode/dataflow.h"
#include "generator/event/record.h"
#include "generator/stream/spec.h"

namespace playload {

// A batch of the stream has this many runs: 1,024 events, about 280 KiB of lines: small enough to
// stay in the second-level cache, large enough that handing one over costs nothing per event.
inline constexpr std::uint64_t kBatchRuns = 64;
inline constexpr std::uint32_t kBatchEvents = kBatchRuns * kRunLength;

class Layout {
 public:
  struct Run {
    std::uint64_t lane;
    Position first;
  };

  // `end`: the stream ends before this position (RunSpec::kNoEnd: never).
  Layout(std::uint64_t all_lanes, std::uint32_t shard, std::uint32_t shards, Position end)
      : all_(all_lanes), shard_(shard), shards_(shards) {
    lanes_ = shard < all_lanes ? (all_lanes - shard + shards - 1) / shards : 0;
    // 2^59 events are more than a thousand years at a million a second: "never".
    end_ = std::min<Position>(end, Position{1} << 59);
    const std::uint64_t runs = (end_ + kRunLength - 1) / kRunLength;
    const std::uint64_t rest = runs % all_lanes;
    runs_ = runs / all_lanes * lanes_ + (rest > shard ? (rest - shard + shards - 1) / shards : 0);
  }

  [[nodiscard]] std::uint64_t lanes() const { return lanes_; }  // of the shard
  [[nodiscard]] std::uint64_t runs() const { return runs_; }    // of the shard
  [[nodiscard]] Position end() const { return end_; }           // of the whole stream

  // The shard's q-th run. REQUIRES: lanes() > 0.
  [[nodiscard]] Run RunAt(std::uint64_t q) const {
    const std::uint64_t lane = LaneOf(q);
    return {lane, (q / lanes_ * all_ + lane) * kRunLength};
  }
  // Places inside the shard, counted from 0 without holes, and back: the first event of the shard
  // that is not before `position`. REQUIRES: lanes() > 0.
  [[nodiscard]] Position PositionOf(std::uint64_t ordinal) const {
    return RunAt(ordinal / kRunLength).first + ordinal % kRunLength;
  }
  [[nodiscard]] std::uint64_t OrdinalAt(Position position) const {
    const std::uint64_t run = position / kRunLength;
    const std::uint64_t lane = run % all_;
    // Lanes of the shard before this one.
    const std::uint64_t before = lane > shard_ ? (lane - shard_ + shards_ - 1) / shards_ : 0;
    const bool own = lane >= shard_ && (lane - shard_) % shards_ == 0;
    return (run / all_ * lanes_ + before) * kRunLength + (own ? position % kRunLength : 0);
  }
  [[nodiscard]] std::uint64_t LaneOf(std::uint64_t q) const {
    return q % lanes_ * shards_ + shard_;
  }

 private:
  std::uint64_t all_;
  std::uint64_t shard_;
  std::uint64_t shards_;
  std::uint64_t lanes_;
  std::uint64_t runs_;
  Position end_;
};

// What the encoder needs of a run's spec.
DataflowEncoder::Options EncoderOptionsOf(const RunSpec& spec);

}  // namespace playload
