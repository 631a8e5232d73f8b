// BoundSearch: the one bound that explains what came for most keys, where each key says for which
// bounds it would have come so: "nothing was counted before event 4,711".
//
// Threads: pure functions.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace playload {

// [from, to); infinite ones are allowed.
struct BoundRange {
  double from = 0;
  double to = 0;
};

struct FoundBound {
  BoundRange range;
  std::uint64_t explains = 0;
  std::uint64_t agrees = 0;
};

// The range in which most keys agree, of both together; each key has ranges that do not overlap.
// Nothing where no differing key has one.
std::optional<FoundBound> BestBound(const std::vector<std::vector<BoundRange>>& differing,
                                    const std::vector<std::vector<BoundRange>>& agreeing);

}  // namespace playload
