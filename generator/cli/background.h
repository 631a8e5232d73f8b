// Background: something beside the run that takes a stop flag and ends with a result: the reference
// pipeline, the live verification.
//
// Threads: makes one; its methods belong to one other thread.

#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "generator/base/status.h"

namespace playload {

template <typename T>
class Background {
 public:
  using Work = std::function<Result<T>(const std::atomic<bool>& stop)>;

  Background() = default;
  ~Background() {  // ends it
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void Start(Work work) {
    thread_ = std::thread([this, work = std::move(work)] {
      try {
        result_.emplace(work(stop_));
      } catch (const std::exception& error) {
        result_.emplace(Status(Code::kInternal, error.what()));
      }
      ended_.store(true);  // the waiter then reads result_
    });
  }

  [[nodiscard]] bool started() const { return thread_.joinable(); }

  // Waits for its end; `hurry` stops it. `meanwhile` is called now and then. REQUIRES: started().
  Result<T> Wait(const std::atomic<bool>& hurry, const std::function<void()>& meanwhile = {}) {
    constexpr std::chrono::milliseconds kPoll{20};
    while (!ended_.load()) {
      if (hurry.load()) stop_.store(true);
      if (meanwhile) meanwhile();
      std::this_thread::sleep_for(kPoll);
    }
    thread_.join();
    return std::move(*result_);
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::optional<Result<T>> result_;  // the thread's until ended_
  std::thread thread_;
};

}  // namespace playload
