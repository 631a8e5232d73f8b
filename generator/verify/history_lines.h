// HistoryLines: the history of a key for the examples of a report, the first and last lines of it.
//
// Threads: a value type.

#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/verify/expectation.h"

namespace playload {

class HistoryLines {
 public:
  static constexpr std::size_t kEnds = 8;  // so many at each end

  void Add(std::string line) {
    ++count_;
    if (first_.size() < kEnds) {
      first_.push_back(std::move(line));
      return;
    }
    last_.push_back(std::move(line));
    if (last_.size() > kEnds) last_.pop_front();
  }

  [[nodiscard]] std::vector<std::string> Lines() const {
    std::vector<std::string> lines = first_;
    const std::size_t shown = first_.size() + last_.size();
    if (count_ > shown) lines.push_back("... " + FormatCount(count_ - shown) + " more");
    lines.insert(lines.end(), last_.begin(), last_.end());
    return lines;
  }

 private:
  std::uint64_t count_ = 0;
  std::vector<std::string> first_;
  std::deque<std::string> last_;
};

inline std::string ArrivalText(Arrival arrival) {
  return arrival == Arrival::kCertain ? ""
         : arrival == Arrival::kNever ? " (did not arrive)"
                                      : " (may not have arrived)";
}

}  // namespace playload
