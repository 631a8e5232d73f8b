// The plainest programs that write lines: what a file system and a pipe take from a loop of
// write(), beside which the transports are put. And the pipe that a run's standard output goes
// into while it is measured.
//
// Threads: each says. Errors: kDestination naming the place; kInterrupted when `stop` was set.

#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "generator/base/status.h"

namespace playload {

// Writes `bytes` of `text`, again and again, into a new file in blocks of 1 MiB, and waits until
// the disk has them. Returns the time in ns. The file is removed again.
Result<std::int64_t> PlainWriteFile(const std::string& path, std::string_view text,
                                    std::uint64_t bytes, const std::atomic<bool>& stop);

// A pipe whose reader throws everything away. Threads: makes one, the reader; otherwise one owner.
class DrainedPipe {
 public:
  // With the system's usual capacity, or the one that is asked for where it is allowed.
  static Result<std::unique_ptr<DrainedPipe>> Make(int capacity = 0);
  ~DrainedPipe();  // closes it, and waits for its reader
  DrainedPipe(const DrainedPipe&) = delete;
  DrainedPipe& operator=(const DrainedPipe&) = delete;

  [[nodiscard]] int write_end() const { return write_end_; }
  // In bytes; 0 where the system does not say.
  [[nodiscard]] int capacity() const;
  // CPU time that the reader has used. Any thread.
  [[nodiscard]] std::int64_t ReaderCpuNow();

  // Writes `text` again and again in blocks of 64 KiB, for this long. Returns bytes.
  Result<std::uint64_t> PlainWrite(std::string_view text, std::int64_t ns,
                                   const std::atomic<bool>& stop) const;

 private:
  DrainedPipe(int read_end, int write_end);
  void Drain() const;

  const int read_end_;
  const int write_end_;
  std::thread reader_;
};

// While this lives, standard output is that descriptor.
class StdoutElsewhere {
 public:
  explicit StdoutElsewhere(int descriptor);
  ~StdoutElsewhere();
  StdoutElsewhere(const StdoutElsewhere&) = delete;
  StdoutElsewhere& operator=(const StdoutElsewhere&) = delete;

  [[nodiscard]] const Status& status() const { return status_; }

 private:
  int kept_ = -1;
  bool was_open_ = true;
  Status status_;
};

}  // namespace playload
