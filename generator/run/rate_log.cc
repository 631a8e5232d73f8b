#include "generator/run/rate_log.h"

namespace playload {

void RateLog::Add(std::int64_t elapsed_ns, std::uint64_t n) {
  const std::int64_t second = elapsed_ns < 0 ? 0 : elapsed_ns / 1'000'000'000;
  while (second / interval_seconds_ >= static_cast<std::int64_t>(kMaxIntervals)) {
    for (std::size_t i = 0; i < counts_.size(); i += 2) {
      counts_[i / 2] = counts_[i] + (i + 1 < counts_.size() ? counts_[i + 1] : 0);
    }
    counts_.resize((counts_.size() + 1) / 2);
    interval_seconds_ *= 2;
  }
  const auto index = static_cast<std::size_t>(second / interval_seconds_);
  if (index >= counts_.size()) counts_.resize(index + 1, 0);
  counts_[index] += n;
}

}  // namespace playload
