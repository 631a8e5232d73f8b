// A log-linear histogram of non-negative integers: 128 sub-buckets per power of two, so a relative
// error below 1/128 < 1 %. Adding two of them is associative.
//
// Threads: a value type, one writer.

#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

namespace playload {

class Histogram {
 public:
  Histogram() : counts_(kBuckets, 0) {}

  void Record(std::int64_t value, std::uint64_t times = 1) {
    const std::uint64_t v = value < 0 ? 0 : static_cast<std::uint64_t>(value);
    counts_[Index(v)] += times;
    count_ += times;
    if (v > max_) max_ = v;
  }

  void Add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    if (other.max_ > max_) max_ = other.max_;
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }

  // The smallest recorded bucket's midpoint at or above which `percent` (0..100) of the values lie
  // below or in it; 0 when empty. Never above max().
  [[nodiscard]] std::uint64_t Percentile(double percent) const;

  // Of the midpoints of the values' buckets; 0 when empty.
  [[nodiscard]] double Mean() const;

 private:
  static constexpr unsigned kSubBits = 7;
  static constexpr std::size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  // The middle of what bucket i holds.
  static std::uint64_t Middle(std::size_t i);

  static std::size_t Index(std::uint64_t v) {
    if (v < (1u << kSubBits)) return v;
    const unsigned shift = static_cast<unsigned>(std::bit_width(v)) - kSubBits - 1;
    // The leading bit is implied: v >> shift is in [128, 256).
    return ((static_cast<std::size_t>(shift) + 1) << kSubBits) +
           ((v >> shift) & ((1u << kSubBits) - 1));
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace playload
