// Checkpoints: copies of a run's lanes in its run directory, so that a slice of the run can be made
// again without making all events before it (docs/slices.md).
//
// RUN_DIR/checkpoints/<n>.lanes: the lanes after n runs of the shard. Little endian, in this order:
// the head, 192 bytes (of what run and program it is, and where); the index, 32 bytes a lane (its
// number, where its frames begin, the sizes of frames and lane, and the XXH3 of the frames); the
// XXH3 of head and index, 8 bytes; the zstd frames of each lane: one of its head and actors, then
// one of the first bytes of all places, one of the second ones, and so on, since each of these
// packs best alone.
// It is read by the program that wrote it and no other, as is the manifest beside it. Whatever is
// not as it must be is not used: a checkpoint only saves time.
//
// CheckpointWriter. Threads: as LanesWatcher; packing and writing is done by a thread of its own,
// from the first copy on. Memory: one copy of the lanes and what packing takes; a copy that is due
// while the last one is being written is made when that is done. Errors: whatever goes wrong ends
// the writing, and Finish() says what; the run goes on.
//
// Checkpoints (the reader). Threads: one at a time.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "generator/base/status.h"
#include "generator/simulate/lanes.h"
#include "generator/simulate/model.h"
#include "generator/stream/lanes_watcher.h"
#include "generator/stream/layout.h"
#include "generator/stream/spec.h"

namespace playload {

struct CheckpointOptions {
  // With a million players every 42 M events of 10^9 then, half a second of work for two cores.
  static constexpr std::uint64_t kMostBytes = std::uint64_t{128} << 20;
  // 8 M events: so many are made again in a fraction of a second.
  static constexpr std::uint64_t kLeastSpacing = 524'288;

  std::uint64_t most_bytes = kMostBytes;        // of all of them; 0: none are left
  std::uint64_t least_spacing = kLeastSpacing;  // runs of the shard between two
  // And at least so many events for each byte of the lanes: copying, packing and writing a byte
  // costs 4 ns, making an event and its line some 45, so that it is 3 % of it at most.
  std::uint64_t events_per_byte = 3;
};

// What a run will leave.
struct CheckpointPlan {
  bool on = false;
  std::string why_not;            // "a copy of the lanes is 1.3 GiB, ..."
  std::uint64_t lanes_bytes = 0;  // of one copy in memory
  std::uint64_t file_bytes = 0;   // about what comes of it
  std::uint64_t disk_bytes = 0;   // about what all of them take in the end
  std::uint64_t most_bytes = 0;   // what they take at most
  std::uint64_t spacing = 0;      // runs between the first ones
};
CheckpointPlan PlanCheckpoints(const RunSpec& spec, const CheckpointOptions& options);

// A lane in a checkpoint.
struct CheckpointLane {
  std::uint64_t lane;
  std::uint64_t begin;
  std::uint32_t packed;
  std::uint32_t bytes;
  std::uint64_t hash;
};
static_assert(sizeof(CheckpointLane) == 32);

class CheckpointWriter : public LanesWatcher {
 public:
  static constexpr std::size_t kMost = 32;

  // REQUIRES: plan.on. Makes the folder with the first one.
  CheckpointWriter(const std::string& run_dir, const RunSpec& spec, const CheckpointPlan& plan);
  ~CheckpointWriter() override;

  [[nodiscard]] std::uint64_t wanted() const override;
  void Take(std::uint64_t run, const Lanes& lanes) override;
  // Whether one is being written.
  [[nodiscard]] bool busy() const;
  // Waits for the one that is being written. No Take() may follow.
  Status Finish();

 private:
  struct File {
    std::uint64_t run;
    std::uint64_t bytes;
  };
  void Write();
  Status WriteOne(std::uint64_t run, const LanesCopy& copy);
  Status ThinOut();
  [[nodiscard]] std::string PathOf(std::uint64_t run) const;

  const std::string folder_;
  const std::string head_;  // but for the run and the number of lanes
  const std::uint64_t most_bytes_;

  // The writing thread's.
  std::vector<File> files_;  // ascending
  std::uint64_t bytes_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::uint64_t spacing_;
  std::uint64_t wanted_;
  std::optional<LanesCopy> copy_;  // to be written; being written while `busy_`
  std::uint64_t copy_run_ = 0;
  bool busy_ = false;
  bool ended_ = false;
  Status status_;
  std::thread thread_;
};

class Checkpoints {
 public:
  // Those of a run that can be used. What is there and cannot is said in notes().
  // REQUIRES: `spec` is the manifest's.
  Checkpoints(const std::string& run_dir, const RunSpec& spec, const Model& model);

  [[nodiscard]] std::size_t size() const { return files_.size(); }
  // The runs of the shard that the lanes have made, ascending.
  [[nodiscard]] std::uint64_t run(std::size_t i) const { return files_[i].run; }
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  // Puts the lanes of the latest good one at or before `run` into `lanes` and returns the run that
  // it is of; 0, with the lanes as new, when there is none.
  std::uint64_t Restore(std::uint64_t run, Lanes* lanes);
  // One lane of the i-th one. False: it is damaged; a note says so.
  bool RestoreLane(std::size_t i, std::uint64_t lane, Lanes* lanes);

 private:
  struct File {
    std::string path;
    std::uint64_t run = 0;
    std::vector<CheckpointLane> lanes;  // ascending
  };
  static Result<File> Open(const std::string& path, const std::string& head,
                           std::uint64_t most_lanes);
  static Status ReadLane(int fd, const File& file, const CheckpointLane& entry,
                         std::uint64_t places_bytes, Lanes* lanes);

  const std::uint64_t places_bytes_;
  std::vector<File> files_;
  std::vector<std::string> notes_;
};

}  // namespace playload
