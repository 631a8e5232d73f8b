// Shares: how many keys are enough for an explanation.
//
// Threads: pure functions.

#pragma once

#include <cstdint>

namespace playload {

// 19 of 20, so that a few keys to which something else happened as well deny nothing.
constexpr bool IsNearlyAll(std::uint64_t some, std::uint64_t all) { return some * 20 >= all * 19; }

}  // namespace playload
