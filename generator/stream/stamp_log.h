// StampLog: the instants of batches under rate max on the live clock, shared by all streams of a
// run: the first to reach a batch stamps it with the clock, the others read it. Never goes
// backwards. With a file (stamps.bin of the run directory) memory is fixed, however long the run:
// the latest stamps, and of those before a mark for every 65,536.
//
// The file: the first stamp, ns since 1970 UTC, and then differences, as varints (7 bits a byte,
// low bits first): some three bytes a batch.
//
// Threads: any. Errors: see each method; At() has none, as what cannot be written stays in memory.

#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "generator/base/status.h"

namespace playload {

class StampLog {
 public:
  explicit StampLog(std::function<std::int64_t()> clock) : clock_(std::move(clock)) {}
  // From a recorded log (verify): reads only. The last one stands for all behind it.
  explicit StampLog(std::vector<std::int64_t> recorded) : stamps_(std::move(recorded)) {}
  ~StampLog();
  StampLog(const StampLog&) = delete;
  StampLog& operator=(const StampLog&) = delete;

  // Stamps go into this new file from now on. REQUIRES: there is none yet. kDestination when it
  // cannot be made.
  Status SpoolTo(const std::string& path);

  std::int64_t At(std::uint64_t batch);
  // Batches that have been stamped.
  [[nodiscard]] std::uint64_t size() const;

  // All stamps are in the file, and on the disk. kDestination when they are not.
  Status Finish();

 private:
  static constexpr std::uint64_t kBlock = 65'536;     // stamps from mark to mark
  static constexpr std::uint64_t kKept = 2 * kBlock;  // the latest, in memory
  struct Mark {
    std::uint64_t offset;  // in the file, of the block's first stamp
    std::int64_t before;   // the stamp before it
  };

  // REQUIRES, all of them: mutex_.
  void Add(std::int64_t stamp);
  void WriteBuffer();
  std::int64_t Old(std::uint64_t batch);
  [[nodiscard]] std::string BytesFrom(std::uint64_t offset, std::uint64_t end);

  std::function<std::int64_t()> clock_;  // empty when recorded
  mutable std::mutex mutex_;             // guards what follows
  // All stamps by batch; with a file the latest ones, by batch modulo kKept.
  std::vector<std::int64_t> stamps_;
  std::uint64_t size_ = 0;  // with a file
  std::int64_t latest_ = 0;
  int file_ = -1;
  std::string path_;
  std::uint64_t file_bytes_ = 0;
  std::string buffer_;  // behind what is in the file
  Status written_;      // the first error
  std::vector<Mark> marks_;
  std::uint64_t block_ = ~std::uint64_t{0};  // the old one that was read last
  std::vector<std::int64_t> block_stamps_;
};

}  // namespace playload
