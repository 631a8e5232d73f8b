// Texts and numbers as compact JSON, the way outputs have them.
//
// Threads: pure functions.

#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace playload {

inline void AppendJsonText(std::string_view text, std::string* out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  *out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      *out += "\\u00";
      *out += kHex[byte >> 4];
      *out += kHex[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') *out += '\\';
    *out += c;
  }
  *out += '"';
}

// The shortest text that reads back as the same double; a whole number as an integer while it is
// exact. JSON has no text for what is not finite: null.
inline void AppendJsonNumber(double number, bool whole, std::string* out) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (!std::isfinite(number)) {
    *out += "null";
    return;
  }
  std::array<char, 32> text{};
  char* const end = text.data() + text.size();
  const bool integer = whole && std::fabs(number) < kExact;
  out->append(text.data(),
              integer ? std::to_chars(text.data(), end, static_cast<std::int64_t>(number)).ptr
                      : std::to_chars(text.data(), end, number).ptr);
}

}  // namespace playload
