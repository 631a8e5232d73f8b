// What the sources of old blocks and polled events ring when something can be had.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace playload::test {

class Bell {
 public:
  [[nodiscard]] std::function<void()> Ringer() {
    return [this] {
      const std::lock_guard lock(mutex_);
      ++rung_;
      changed_.notify_all();
    };
  }
  // Until it has rung since the last call.
  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return rung_ > heard_; });
    heard_ = rung_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t rung_ = 0;
  std::uint64_t heard_ = 0;
};

}  // namespace playload::test
