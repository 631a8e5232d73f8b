// Text forms that flags, files and output share: rates, durations, instants, sizes, nearest names.
//
// Threads: pure functions. Errors: kInvalid with a message that says what would be right, without
// file or flag (the caller adds that).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"

namespace playload {

// "500", "20k", "1.5M", "0.5" -> events per 1,000 s (1 .. 10^12, i.e. up to 10^9 events/s).
Result<std::int64_t> ParseRate(std::string_view text);
std::string FormatRate(std::int64_t milli_rate);  // "20000", "0.5", "1500000"

// "250ms", "8s", "1.5m", "90s", "6h", "30d", also "10us", "0s" -> nanoseconds.
Result<std::int64_t> ParseDuration(std::string_view text);
std::string FormatDuration(std::int64_t ns);  // shortest exact: "90s" -> "1m30s", "20s", "250ms"

// "2026-01-01T00:00:00Z", optional fraction of up to 9 digits -> ns since 1970 UTC; years
// 1970..2200.
Result<std::int64_t> ParseInstant(std::string_view text);
std::string FormatInstant(std::int64_t ns);  // with as many of 0, 3, 6, 9 fraction digits as needed

// Unsigned decimal integer, also "20k", "1M", "2G" (powers of 1,000).
Result<std::uint64_t> ParseCount(std::string_view text);

std::string FormatBytes(std::uint64_t bytes);  // "1.5 MiB"
std::string FormatCount(std::uint64_t count);  // "1,234,567"

// What somebody else wrote, for a message: in quotes, on one line, cut off after 60 bytes, '?' for
// what is not printable ASCII.
std::string Quoted(std::string_view text);

// What somebody else wrote, as UTF-8: each byte that is none becomes four characters, "\\xff".
std::string AsUtf8(std::string_view text);
// The same for a terminal, which control characters could speak to: they too, but for newlines.
std::string Printable(std::string_view text);

// The candidate nearest to `name` by edit distance, "" when none is near.
std::string Nearest(std::string_view name, const std::vector<std::string>& candidates);
// "; did you mean 'whale'?" or "; valid: a, b, c".
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace playload
