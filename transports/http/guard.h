// The guard: decides from the bytes of a request head alone whether they may be parsed. Nothing
// that it passes holds a control byte, a body, more than kMaxHeadBytes, or two readings.
//
// Threads: pure functions. Fuzzed (tests/http/guard_fuzz.cc).

#pragma once

#include <cstddef>
#include <string_view>

namespace playload {

inline constexpr std::size_t kMaxTargetBytes = 4'096;
inline constexpr std::size_t kMaxHeadBytes = 16'384;
inline constexpr std::size_t kMaxHeaders = 100;

struct HeadCheck {
  enum class State {
    kIncomplete,  // so far nothing is wrong: wait for more bytes
    kWhole,       // the first `bytes` bytes are a head that may be parsed
    kRefused,     // answer `status` and close; what follows is not looked at
    kForeign,     // no HTTP at all (a TLS hello, binary): close without a word
  };
  State state = State::kIncomplete;
  std::size_t bytes = 0;     // kWhole: with the empty line at the end, and those in front
  int status = 0;            // kRefused: 400, 405, 413, 414, 431, 501, 505
  const char* message = "";  // kRefused: for people, static
};

// `bytes`: what has come so far. Refuses as early as the bytes allow: a target that is too long is
// refused before its end is there.
//
// Reads from left to right and stops at the first byte that decides: however the bytes are cut into
// calls, the verdict is the same.
//
// Grammar: METHOD SP origin-form-target SP HTTP/1.0|HTTP/1.1 CRLF (name ":" value CRLF)* CRLF.
// "OPTIONS *" is allowed. A bare LF ends no line; obsolete folding, blanks before the colon,
// bad percent escapes, NUL and control bytes are 400; a control or non-ASCII byte before the first
// blank is kForeign. An unknown method is 501, a known one other than GET, HEAD, OPTIONS 405.
// Content-Length other than 0 and any Transfer-Encoding are 413; two Hosts, or none under HTTP/1.1,
// or one that is no name or address, 400. An absolute target is 400; so is HTTP/0.9.
// Up to two empty lines may come first: RequestReader skips them.
HeadCheck CheckHead(std::string_view bytes);

}  // namespace playload
