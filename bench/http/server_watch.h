// ServerWatch: beside a load, asks /healthz ten times a second, each time over a connection of its
// own, and reads from /proc what the server takes.
//
// Threads: makes one; all calls by its owner. An answer's time counts from the instant at which it
// was due to be asked for, so a server that stalls is late for every check that it held up.

#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "generator/base/histogram.h"

namespace playload {

struct ProcessSample {
  double seconds = 0;  // since the watch began
  std::uint64_t rss_bytes = 0;
  std::uint64_t descriptors = 0;
  double cpu_seconds = 0;  // of its life
};

struct HealthFigures {
  Histogram microseconds;  // of answers 200
  std::uint64_t failed = 0;
};

class ServerWatch {
 public:
  // `pid` 0: the process is not looked at.
  ServerWatch(const sockaddr_in& server, pid_t pid);
  ~ServerWatch();
  ServerWatch(const ServerWatch&) = delete;
  ServerWatch& operator=(const ServerWatch&) = delete;

  // Checks count for the next phase from now on; phase 0 is the first.
  void NextPhase() { phase_.fetch_add(1, std::memory_order_relaxed); }
  void Stop();

  // After Stop().
  [[nodiscard]] const HealthFigures& health(std::size_t phase) const { return health_[phase]; }
  [[nodiscard]] const std::vector<ProcessSample>& samples() const { return samples_; }

  // Now; zeros when there is no such process.
  [[nodiscard]] ProcessSample Sample() const;

 private:
  static constexpr std::size_t kPhases = 3;

  void Run();
  [[nodiscard]] bool Check() const;

  const sockaddr_in server_;
  const pid_t pid_;
  const std::int64_t began_ns_;
  std::atomic<std::size_t> phase_{0};
  std::atomic<bool> stop_{false};
  // The thread's until it ends.
  HealthFigures health_[kPhases];
  std::vector<ProcessSample> samples_;
  std::thread thread_;
};

}  // namespace playload
