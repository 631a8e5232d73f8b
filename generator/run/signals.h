// Signals: SIGINT, SIGTERM and SIGHUP as two flags. The first signal sets `stop` (end in order),
// the second `hurry` (end now), a third ends the process. A SIGHUP that the caller of this program
// had ignored (nohup) stays ignored. SIGPIPE and SIGXFSZ are ignored: they are errors of the write.
//
// Threads: make it in main() before any other thread, so that all of them leave these signals to
// the thread that waits for them here; the flags may be read by any.

#pragma once

#include <atomic>
#include <thread>

namespace playload {

class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  [[nodiscard]] const std::atomic<bool>& stop() const { return stop_; }
  [[nodiscard]] const std::atomic<bool>& hurry() const { return hurry_; }

 private:
  void Watch();

  std::atomic<bool> stop_{false};
  std::atomic<bool> hurry_{false};
  int signals_ = -1;  // signalfd
  int end_ = -1;      // eventfd: the destructor calls
  std::thread watcher_;
};

}  // namespace playload
