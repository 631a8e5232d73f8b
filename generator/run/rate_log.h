// RateLog: how many events were released in each second of a run, in bounded memory: when a run
// gets long, neighbouring intervals are joined and each then spans twice the time.
//
// Threads: a value type, one writer.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace playload {

class RateLog {
 public:
  static constexpr std::size_t kMaxIntervals = 2'048;

  // `n` events at `elapsed_ns` of the run (negative counts as 0).
  void Add(std::int64_t elapsed_ns, std::uint64_t n);

  [[nodiscard]] std::int64_t interval_seconds() const { return interval_seconds_; }
  // Interval i spans [i, i + 1) * interval_seconds().
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }

 private:
  std::int64_t interval_seconds_ = 1;
  std::vector<std::uint64_t> counts_;
};

}  // namespace playload
