// Records that are not as documented, of the outputs of the reference pipeline: how many there are
// of a user and what the first ones look like, for the examples of a verdict.
//
// Memory: OddTexts keeps 4,096 texts of some 400 bytes at most; OddRecords 12 bytes.
// Threads: value types.

#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/judge/produced.h"

namespace playload {

// The text of records that are not as documented, as far as they are kept: examples show them. A
// reference is 0 for a regular record.
class OddTexts {
 public:
  std::uint32_t Keep(std::string_view value, const std::string& why) {
    if (texts_.size() == kMost) return kMost + 1;
    texts_.push_back(std::string(value.substr(0, kLength)) + (value.size() > kLength ? "..." : "") +
                     " (" + why + ")");
    return static_cast<std::uint32_t>(texts_.size());
  }
  [[nodiscard]] std::string Text(std::uint32_t reference) const {
    return reference <= texts_.size() ? texts_[reference - 1]
                                      : "(a record that is not as documented)";
  }

 private:
  static constexpr std::uint32_t kMost = 4'096;
  static constexpr std::size_t kLength = 400;
  std::vector<std::string> texts_;
};

// What came about a user that is not as documented: how much of it cannot even be read, and the
// first one of either sort.
class OddRecords {
 public:
  void Add(const ProducedRecord& record, std::string_view value, OddTexts* texts) {
    std::uint32_t& first = record.readable ? first_readable_ : first_unreadable_;
    if (first == 0) first = texts->Keep(value, record.why);
    unreadable_ += record.readable ? 0 : 1;
  }

  [[nodiscard]] std::uint32_t unreadable() const { return unreadable_; }
  // The first one of a sort; of the other one where there is none.
  [[nodiscard]] std::string Text(bool unreadable, const OddTexts& texts) const {
    const bool other = (unreadable ? first_unreadable_ : first_readable_) == 0;
    return texts.Text(unreadable != other ? first_unreadable_ : first_readable_);
  }

 private:
  std::uint32_t unreadable_ = 0;
  std::uint32_t first_readable_ = 0;    // OddTexts reference
  std::uint32_t first_unreadable_ = 0;  // OddTexts reference
};

// "3 x WHAT": how examples count.
inline std::string Times(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " x " + what;
}

// Odd records that stand for nothing expected. Those that can be read stand for it first.
struct OddSurplus {
  std::uint32_t unexpected = 0;
  std::uint32_t unreadable = 0;
};
inline OddSurplus SurplusOf(std::uint32_t odd, std::uint32_t unreadable, std::uint32_t standing) {
  const std::uint32_t readable = odd - unreadable;
  const std::uint32_t of_readable = std::min(standing, readable);
  return {readable - of_readable, unreadable - (standing - of_readable)};
}

}  // namespace playload
