#include "generator/base/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <numeric>
#include <optional>

namespace playload {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// How many bytes the character of UTF-8 at the front of `text` has; 0: none stands there.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                                           : 4;
  if (length == 0 || lead > 0xf4 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Longer forms than needed, surrogates, and what lies beyond Unicode.
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;
  if (lead == 0xed && byte(1) > 0x9f) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

// A control character of ASCII, or one of those that UTF-8 writes in two bytes.
bool IsControl(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  return lead < 0x20 || lead == 0x7f ||
         (lead == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0);
}

std::string Escaped(std::string_view text, bool controls) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(character.size());
    if (length > 0 && (!controls || character == "\n" || !IsControl(character))) {
      out += character;
      continue;
    }
    for (const char c : character) {
      const auto byte = static_cast<unsigned char>(c);
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A decimal in front of a text: digits, and a point with digits where there is one.
struct Decimal {
  std::uint64_t digits = 0;  // all digits as one integer
  int places = 0;            // how many of them stand behind the point
};

// Takes a decimal off the front of `*text`. None when there is no digit, when a point has no digit
// on one of its sides, or when the digits do not fit into 64 bits.
std::optional<Decimal> TakeDecimal(std::string_view* text) {
  Decimal decimal;
  std::size_t i = 0;
  const auto take_digits = [&]() -> bool {
    const std::size_t first = i;
    for (; i < text->size() && IsDigit((*text)[i]); ++i) {
      const auto digit = static_cast<std::uint64_t>((*text)[i] - '0');
      if (__builtin_mul_overflow(decimal.digits, std::uint64_t{10}, &decimal.digits)) return false;
      if (__builtin_add_overflow(decimal.digits, digit, &decimal.digits)) return false;
    }
    return i > first;
  };
  if (!take_digits()) return std::nullopt;
  if (i < text->size() && (*text)[i] == '.') {
    const std::size_t point = i++;
    if (!take_digits()) return std::nullopt;
    decimal.places = static_cast<int>(i - point - 1);
  }
  // Trailing zeros would only stand in the way of an exact conversion.
  while (decimal.places > 0 && decimal.digits % 10 == 0) {
    decimal.digits /= 10;
    --decimal.places;
  }
  text->remove_prefix(i);
  return decimal;
}

enum class Fit { kExact, kTooFine, kTooLarge };

// decimal * unit as an integer, if it is one.
Fit Multiply(Decimal decimal, std::uint64_t unit, std::uint64_t* product) {
  for (; decimal.places > 0; --decimal.places) {
    if (unit % 10 == 0) {
      unit /= 10;
    } else if (decimal.digits % 10 == 0) {
      decimal.digits /= 10;
    } else {
      return Fit::kTooFine;
    }
  }
  return __builtin_mul_overflow(decimal.digits, unit, product) ? Fit::kTooLarge : Fit::kExact;
}

// 1, 1,000, ... for "", "k", "M", "G"; 0 for anything else.
std::uint64_t Multiplier(std::string_view suffix) {
  if (suffix.empty()) return 1;
  if (suffix == "k") return 1'000;
  if (suffix == "M") return 1'000'000;
  if (suffix == "G") return 1'000'000'000;
  return 0;
}

struct TimeUnit {
  std::string_view name;
  std::int64_t ns;
};

// From the longest: the order in which "1h30m" must name them.
constexpr std::array<TimeUnit, 7> kTimeUnits = {{{"d", 86'400 * kNsPerSecond},
                                                 {"h", 3'600 * kNsPerSecond},
                                                 {"m", 60 * kNsPerSecond},
                                                 {"s", kNsPerSecond},
                                                 {"ms", 1'000'000},
                                                 {"us", 1'000},
                                                 {"ns", 1}}};

std::string Unsigned(std::uint64_t value) { return std::to_string(value); }

// value / 10^places, without trailing zeros and without a point where it is whole.
std::string Decimals(std::uint64_t value, int places) {
  std::uint64_t scale = 1;
  for (int i = 0; i < places; ++i) scale *= 10;
  std::string out = Unsigned(value / scale);
  std::string fraction = Unsigned(value % scale);
  fraction.insert(0,
                  static_cast<std::size_t>(places) -
                      std::min(fraction.size(), static_cast<std::size_t>(places)),
                  '0');
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  if (!fraction.empty()) out += "." + fraction;
  return out;
}

// Days since 1970-01-01 of a Gregorian date, and back; exact for every year that this file accepts.
// The year is counted from March, so that the leap day comes last.
std::int64_t DaysFromDate(std::int64_t year, std::int64_t month, std::int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = year / 400;
  const std::int64_t year_of_era = year % 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719'468;
}

struct Date {
  std::int64_t year, month, day;
};

Date DateFromDays(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::int64_t month = month_from_march + (month_from_march < 10 ? 3 : -9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

std::int64_t DaysInMonth(std::int64_t year, std::int64_t month) {
  const bool last = month == 12;
  return DaysFromDate(last ? year + 1 : year, last ? 1 : month + 1, 1) -
         DaysFromDate(year, month, 1);
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Edit distance where two swapped neighbours count as one slip, as fingers make them; letter case
// is free.
int EditDistance(std::string_view a, std::string_view b) {
  std::vector<int> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && Lower(a[i - 1]) == Lower(b[j - 2]) &&
          Lower(a[i - 2]) == Lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

Result<std::int64_t> ParseRate(std::string_view text) {
  constexpr std::uint64_t kMostMilli = 1'000'000'000'000;
  const auto wrong = [&](const std::string& what) {
    return Invalid("rate " + Quoted(text) + " " + what);
  };
  const std::string usage = "is not a number of events per second; write 500, 20k, 1.5M or 0.5";
  std::string_view rest = text;
  const std::optional<Decimal> decimal = TakeDecimal(&rest);
  const std::uint64_t multiplier = Multiplier(rest);
  if (!decimal || multiplier == 0) return wrong(usage);
  std::uint64_t milli = 0;
  const Fit fit = Multiply(*decimal, multiplier * 1'000, &milli);
  if (fit == Fit::kTooFine) {
    return wrong("is too fine; the smallest step is 0.001 events per second");
  }
  if (fit == Fit::kTooLarge || milli > kMostMilli) {
    return wrong("is too high; the highest is 1G (10^9 events per second)");
  }
  if (milli == 0) return wrong("must be above 0; the lowest is 0.001 events per second");
  return static_cast<std::int64_t>(milli);
}

std::string FormatRate(std::int64_t milli_rate) {
  return Decimals(static_cast<std::uint64_t>(milli_rate), 3);
}

Result<std::int64_t> ParseDuration(std::string_view text) {
  const auto wrong = [&](const std::string& what) {
    return Invalid("duration " + Quoted(text) + " " + what);
  };
  const std::string usage = "is not a duration; write 250ms, 8s, 1.5m, 6h, 30d or 1h30m";
  std::string_view rest = text;
  std::uint64_t total = 0;
  std::size_t next_unit =
      0;  // units must become shorter: "30m1h" is more likely a slip than a wish
  if (rest.empty()) return wrong(usage);
  while (!rest.empty()) {
    const std::optional<Decimal> decimal = TakeDecimal(&rest);
    if (!decimal) return wrong(usage);
    std::size_t letters = 0;
    while (letters < rest.size() && rest[letters] >= 'a' && rest[letters] <= 'z') ++letters;
    const std::string_view name = rest.substr(0, letters);
    if (name.empty()) {
      return wrong(rest.empty() ? "has no unit; write ms, s, m, h or d behind the number" : usage);
    }
    std::size_t unit = next_unit;
    while (unit < kTimeUnits.size() && kTimeUnits[unit].name != name) ++unit;
    if (unit == kTimeUnits.size()) return wrong(usage);
    next_unit = unit + 1;
    rest.remove_prefix(letters);

    std::uint64_t ns = 0;
    const Fit fit = Multiply(*decimal, static_cast<std::uint64_t>(kTimeUnits[unit].ns), &ns);
    if (fit == Fit::kTooFine) return wrong("is too fine; the smallest step is 1ns");
    if (fit == Fit::kTooLarge || __builtin_add_overflow(total, ns, &total) ||
        total > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return wrong("is too long; the longest is 106751d (292 years)");
    }
  }
  return static_cast<std::int64_t>(total);
}

std::string FormatDuration(std::int64_t ns) {
  if (ns == 0) return "0s";
  std::string out = ns < 0 ? "-" : "";
  // The negative of the smallest integer has no positive counterpart in 64 signed bits.
  std::uint64_t left =
      ns < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  if (left >= static_cast<std::uint64_t>(kNsPerSecond)) {
    for (std::size_t unit = 0; unit < 3; ++unit) {
      const auto unit_ns = static_cast<std::uint64_t>(kTimeUnits[unit].ns);
      if (left >= unit_ns) out += Unsigned(left / unit_ns) + std::string(kTimeUnits[unit].name);
      left %= unit_ns;
    }
    return left == 0 ? out : out + Decimals(left, 9) + "s";
  }
  if (left >= 1'000'000) return out + Decimals(left, 6) + "ms";
  if (left >= 1'000) return out + Decimals(left, 3) + "us";
  return out + Unsigned(left) + "ns";
}

Result<std::int64_t> ParseInstant(std::string_view text) {
  const auto wrong = [&](const std::string& what) {
    return Invalid("instant " + Quoted(text) + " " + what);
  };
  const std::string usage = "is not a UTC instant; write 2026-01-01T00:00:00Z";
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kForm.size() + 1 || text.back() != 'Z') return wrong(usage);
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == 'd' ? !IsDigit(text[i]) : text[i] != kForm[i]) return wrong(usage);
  }
  const auto number = [&](std::size_t at, std::size_t digits) {
    std::int64_t value = 0;
    for (std::size_t i = at; i < at + digits; ++i) value = value * 10 + (text[i] - '0');
    return value;
  };
  const std::int64_t year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const std::int64_t hour = number(11, 2), minute = number(14, 2), second = number(17, 2);

  const std::string_view fraction =
      text.substr(kForm.size(), text.size() - kForm.size() - 1);  // "" or ".123"
  std::int64_t ns = 0;
  if (!fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() < 2 || fraction.size() > 10) return wrong(usage);
    std::int64_t place = kNsPerSecond;
    for (const char c : fraction.substr(1)) {
      if (!IsDigit(c)) return wrong(usage);
      place /= 10;
      ns += (c - '0') * place;
    }
  }
  if (year < 1970 || year > 2200) return wrong("is out of range; years are 1970 to 2200");
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month)) {
    return wrong("names a day that does not exist");
  }
  if (hour > 23 || minute > 59 || second > 59) {
    return wrong("names a time of day that does not exist (leap seconds have none here)");
  }
  const std::int64_t seconds =
      DaysFromDate(year, month, day) * 86'400 + hour * 3'600 + minute * 60 + second;
  return seconds * kNsPerSecond + ns;
}

std::string FormatInstant(std::int64_t ns) {
  std::int64_t seconds = ns / kNsPerSecond;
  std::int64_t fraction = ns % kNsPerSecond;
  if (fraction < 0) {
    fraction += kNsPerSecond;
    --seconds;
  }
  std::int64_t days = seconds / 86'400;
  std::int64_t of_day = seconds % 86'400;
  if (of_day < 0) {
    of_day += 86'400;
    --days;
  }
  const Date date = DateFromDays(days);
  char text[48];
  const int length = std::snprintf(
      text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", static_cast<int>(date.year),
      static_cast<int>(date.month), static_cast<int>(date.day), static_cast<int>(of_day / 3'600),
      static_cast<int>(of_day / 60 % 60), static_cast<int>(of_day % 60));
  std::string out(text, static_cast<std::size_t>(length));
  if (fraction != 0) {
    int digits = 9;
    while (fraction % 1'000 == 0) {
      fraction /= 1'000;
      digits -= 3;
    }
    const int written =
        std::snprintf(text, sizeof text, ".%0*d", digits, static_cast<int>(fraction));
    out.append(text, static_cast<std::size_t>(written));
  }
  return out + "Z";
}

Result<std::uint64_t> ParseCount(std::string_view text) {
  std::string_view rest = text;
  const std::optional<Decimal> decimal = TakeDecimal(&rest);
  const std::uint64_t multiplier = Multiplier(rest);
  std::uint64_t count = 0;
  if (!decimal || multiplier == 0 || Multiply(*decimal, multiplier, &count) != Fit::kExact) {
    return Invalid("count " + Quoted(text) +
                   " is not a whole number below 2^64; write 500, 20k, 1M or 2G");
  }
  return count;
}

std::string FormatBytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1'024) return Unsigned(bytes) + " B";
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  // 1023.95 would print as 1024.0.
  while (value >= 1'023.95 && unit + 1 < kUnits.size()) {
    value /= 1'024;
    ++unit;
  }
  return Decimals(static_cast<std::uint64_t>(std::llround(value * 10)), 1) + " " + kUnits[unit];
}

std::string FormatCount(std::uint64_t count) {
  const std::string digits = Unsigned(count);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string Quoted(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string out = "'";
  for (const char c : text.substr(0, kMost)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > kMost ? "...'" : "'");
}

std::string AsUtf8(std::string_view text) { return Escaped(text, false); }

std::string Printable(std::string_view text) { return Escaped(text, true); }

std::string Nearest(std::string_view name, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongest =
      64;  // no name of ours is longer, and the distance costs a product
  if (name.empty() || name.size() > kLongest) return "";
  std::string best;
  // A slip in every third letter is still a slip; more is another word.
  int best_distance = std::max(1, static_cast<int>(name.size()) / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const int distance = EditDistance(name, candidate);
    if (distance < best_distance && distance < static_cast<int>(candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(name, candidates);
  if (!nearest.empty()) return "; did you mean '" + nearest + "'?";
  if (candidates.empty()) return "";
  std::string out = "; valid: ";
  for (std::size_t i = 0; i < candidates.size(); ++i) out += (i == 0 ? "" : ", ") + candidates[i];
  return out;
}

}  // namespace playload
