// Answer: what is put out under one key, in whatever order, so small that many can be kept and
// compared: the sum of its contents' hashes, each spread, and their number.
//
// Threads: value types.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "generator/base/random.h"
#include "generator/judge/content.h"

namespace playload {

// A multiset of contents; two are equal when their contents are, but for a chance of 2^-64.
class Answer {
 public:
  void Add(std::uint64_t content) {
    sum_ += Fold(content ^ 0x9E3779B97F4A7C15u, 0xD1342543DE82EF95u) | 1;
    ++count_;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  Answer operator+(const Answer& other) const {
    Answer both = *this;
    both.sum_ += other.sum_;
    both.count_ += other.count_;
    return both;
  }
  bool operator==(const Answer&) const = default;

 private:
  std::uint64_t sum_ = 0;
  std::uint64_t count_ = 0;
};

// What came for a key: the whole, and the first contents themselves.
struct CameForKey {
  static constexpr std::size_t kMostFirst = 64;

  Answer answer;
  std::vector<std::uint64_t> first;
};

// Hashes of the outputs of evaluators, which say the same again and again: the latest are known by
// their texts.
class OutputContents {
 public:
  std::uint64_t Of(const std::string& value) {
    if (known_.size() >= kMostKnown) known_.clear();
    const auto [found, is_new] = known_.try_emplace(value);
    if (is_new) {
      if (const auto content = reader_.Read(std::nullopt, value, {})) found->second = content->hash;
    }
    return found->second;
  }

 private:
  static constexpr std::size_t kMostKnown = 4'096;
  ContentReader reader_;
  std::unordered_map<std::string, std::uint64_t> known_;
};

// Which contents an answer has already, where only the set of them counts.
using SeenContents = std::unordered_set<std::uint64_t>;

}  // namespace playload
