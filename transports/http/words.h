// Words of a request head: case of ASCII alone, blanks and lists, whatever the locale.
//
// Threads: pure functions.

#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace playload {

inline char LowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Names of headers, media types and schemes are the same in any case.
inline bool SameWord(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, LowerAscii, LowerAscii);
}

// Without the blanks and tabs around it.
inline std::string_view TrimBlanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// Takes the text up to `mark`, and `mark` away with it; all of it where there is no mark.
inline std::string_view TakeUpTo(std::string_view& rest, char mark) {
  const std::size_t end = std::min(rest.find(mark), rest.size());
  const std::string_view piece = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return piece;
}

// Whether a list such as that of Connection has the item.
inline bool HasItem(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    if (SameWord(TrimBlanks(TakeUpTo(list, ',')), item)) return true;
  }
  return false;
}

}  // namespace playload
