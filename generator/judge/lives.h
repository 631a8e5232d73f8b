// Lives: which players are gone for good. Player numbers are life * places + place + 1 (record.h):
// a place has one player at a time, and who comes to it has a higher life than all before. So the
// first event of the next player says that there will be none of the one before, unless events come
// late or twice.
//
// Memory: 4 bytes a place. Threads: a value type.

#pragma once

#include <cstdint>
#include <vector>

namespace playload {

class Lives {
 public:
  // With no places nobody is known to leave.
  explicit Lives(std::uint64_t places = 0) : latest_(places, 0) {}

  // A player is there. Whether this is a new one; then `left` is the number of the one whose place
  // that was, 0 where nobody was there.
  bool Arrived(std::uint64_t player, std::uint64_t* left) {
    if (latest_.empty()) return false;
    const std::uint64_t places = latest_.size();
    const std::uint64_t place = (player - 1) % places;
    const auto life = static_cast<std::uint32_t>((player - 1) / places) + 1;
    const std::uint32_t before = latest_[place];
    if (life <= before) return false;
    latest_[place] = life;
    *left = before == 0 ? 0 : (before - 1) * places + place + 1;
    return true;
  }

  // Whether a player, if there was one of this number, has left.
  [[nodiscard]] bool Left(std::uint64_t player) const {
    if (latest_.empty()) return false;
    const std::uint64_t places = latest_.size();
    return (player - 1) / places + 1 < latest_[(player - 1) % places];
  }

 private:
  std::vector<std::uint32_t> latest_;  // by place: the latest life + 1; 0: nobody so far
};

}  // namespace playload
