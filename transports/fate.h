// Fate: what became of an event.

#pragma once

#include <cstdint>

namespace playload {

enum class Fate : std::uint8_t { kAcked, kFailed, kUnknown, kShed };
inline constexpr int kFates = 4;

}  // namespace playload
