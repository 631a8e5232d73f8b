#include "generator/causes/field_relations.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

#include "generator/base/text.h"
#include "generator/judge/produced.h"
#include "generator/rules/json_text.h"

namespace playload {

namespace {

constexpr std::uint64_t kFewestForConstants = 4;  // fewer pairs may agree by chance
constexpr double kLastDigits = 1e-13;             // relative
constexpr double kSinglePrecision = 2e-6;         // relative, of a sum of some
constexpr int kMostDecimals = 4;
constexpr const char* kDecimals[kMostDecimals + 1] = {"a whole number", "1 decimal", "2 decimals",
                                                      "3 decimals", "4 decimals"};

// In the order in which they are said: the first one that holds of all pairs.
constexpr const char* kAsText = "is the number as text";
constexpr const char* kNull = "is null";
constexpr const char* kLast =
    "is right but for its last digits: rounded, added in another order, or in decimal numbers";
constexpr const char* kSingle = "is right in its first 6 or 7 digits: single precision (float)";
constexpr const char* kCase = "is right but for small and capital letters";
constexpr const char* kBlanks = "is right but for blanks around it";
constexpr const char* kQuoted = "is right but for quotes around it";
constexpr const char* kForm = "is the right instant in another form";
constexpr const char* kEpoch = "is the right instant as a number";
constexpr const char* kCut = "is cut off";
constexpr const char* kInstant = "is another instant";

bool Near(double a, double b, double relative) {
  return std::fabs(a - b) <= relative * std::max(std::fabs(a), std::fabs(b));
}

bool HasDecimals(double value, double scale) {
  return std::fabs(value * scale - std::round(value * scale)) <
         1e-6 * std::max(1.0, std::fabs(value * scale) * 1e-6);
}

std::string Number(double value) {
  // A quotient's last digits tell nothing.
  std::array<char, 32> room{};
  const auto end =
      std::to_chars(room.data(), room.data() + room.size(), value, std::chars_format::general, 9);
  return {room.data(), end.ptr};
}

std::optional<double> NumberIn(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool SameLetters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string_view Without(std::string_view text, std::string_view around) {
  while (!text.empty() && around.find(text.front()) != around.npos) text.remove_prefix(1);
  while (!text.empty() && around.find(text.back()) != around.npos) text.remove_suffix(1);
  return text;
}

// Of "2026-01-01 00:00:00" and the like, too.
std::int64_t InstantIn(std::string text) {
  if (text.size() > 10 && text[10] == ' ') text[10] = 'T';
  return ProducedInstant(text);
}

std::string Shown(const JsonLeaf& leaf) {
  std::string text;
  if (leaf.type == JsonLeaf::Type::kNumber) {
    AppendJsonNumber(leaf.number, leaf.number == std::floor(leaf.number), &text);
  } else if (leaf.type == JsonLeaf::Type::kText) {
    AppendJsonText(leaf.text, &text);
  } else {
    text = leaf.text;
  }
  constexpr std::size_t kMostShown = 80;
  if (text.size() > kMostShown) text = text.substr(0, kMostShown) + "...";
  return text;
}

}  // namespace

bool JsonLeaf::operator==(const JsonLeaf& other) const {
  if (type != other.type) return false;
  return type == Type::kNumber ? number == other.number : text == other.text;
}

void FieldRelations::Constant::Add(double value, double tolerance) {
  if (!value_) value_ = value;
  holds_ = holds_ && std::fabs(value - *value_) <= tolerance;
}

void FieldRelations::Add(const std::string& path, const JsonLeaf& expected, const JsonLeaf& got,
                         const JsonLeaves& expected_all) {
  using Type = JsonLeaf::Type;
  const std::string shown = Shown(got);
  if (++pairs_ == 1) {
    expected_ = Shown(expected);
    got_ = shown;
    for (const auto& [other, leaf] : expected_all) {
      if (other != path) other_fields_.insert(other);
    }
  }
  std::erase_if(other_fields_, [&](const std::string& other) {
    const auto found = expected_all.find(other);
    return found == expected_all.end() || !(found->second == got);
  });
  if (!value_) value_ = shown;
  same_value_ = same_value_ && shown == *value_;
  expected_varies_ = expected_varies_ || Shown(expected) != expected_;
  if (shown == "null") ++holds_[kNull];
  if (expected.type == Type::kNumber && got.type == Type::kNumber) {
    AddNumbers(expected.number, got.number);
  } else {
    factor_.Never();
    difference_.Never();
  }
  if (expected.type == Type::kNumber && got.type == Type::kText) {
    const std::optional<double> number = NumberIn(Without(got.text, " "));
    if (number && *number == expected.number) ++holds_[kAsText];
  }
  if (expected.type == Type::kText && got.type == Type::kText) AddTexts(expected.text, got.text);
  if (expected.type == Type::kText) AddInstants(expected.text, got);
}

void FieldRelations::AddNumbers(double expected, double got) {
  ++(got < expected ? less_ : more_);
  const bool last_digits = Near(expected, got, kLastDigits);
  if (last_digits) ++holds_[kLast];
  double scale = 1;
  for (const char* decimals : kDecimals) {
    // Half a unit, and what a double cannot say of it; what has no more decimals changes in its
    // last digits alone.
    if (HasDecimals(got, scale) && (last_digits || !HasDecimals(expected, scale))) {
      const double off = (expected - got) * scale;
      if (std::fabs(off) <= 0.5 + 1e-6) ++holds_[std::string("is rounded to ") + decimals];
      if (off * expected >= 0 && std::fabs(off) < 1) {
        ++holds_[std::string("is cut to ") + decimals];
      }
    }
    scale *= 10;
  }
  if (Near(expected, got, kSinglePrecision)) ++holds_[kSingle];
  if (expected != 0) {
    const double factor = got / expected;
    factor_.Add(factor, 1e-9 * std::fabs(factor));
  } else if (got != 0) {
    factor_.Never();
  }
  difference_.Add(got - expected, 1e-9 * std::max(1.0, std::fabs(expected)));
}

void FieldRelations::AddTexts(const std::string& expected, const std::string& got) {
  if (SameLetters(expected, got)) ++holds_[kCase];
  if (Without(got, " \t\r\n") == expected) ++holds_[kBlanks];
  if (Without(got, "\"'") == expected) ++holds_[kQuoted];
  if (!got.empty() && got.size() < expected.size() && expected.starts_with(got)) ++holds_[kCut];
}

void FieldRelations::AddInstants(const std::string& expected, const JsonLeaf& got) {
  const std::int64_t instant = InstantIn(expected);
  if (instant < 0) return shift_.Never();
  if (got.type == JsonLeaf::Type::kNumber) {
    for (const double unit : {1e9, 1e6, 1e3, 1.0}) {
      if (Near(got.number * unit, static_cast<double>(instant), 1e-12)) ++holds_[kEpoch];
    }
    return shift_.Never();
  }
  const std::int64_t other = InstantIn(got.text);
  if (other < 0) return shift_.Never();
  if (other == instant) ++holds_[kForm];
  ++holds_[kInstant];
  shift_.Add(static_cast<double>(other - instant) / 1e9, 0.001);
}

std::optional<std::string> FieldRelations::Telling() const {
  const auto holds = [this](const std::string& what) {
    const auto found = holds_.find(what);
    return found != holds_.end() && found->second == pairs_;
  };
  for (const char* what : {kAsText, kNull, kLast, kCase, kBlanks, kQuoted, kForm, kEpoch}) {
    if (holds(what)) return what;
  }
  if (pairs_ >= kFewestForConstants) {
    for (const char* how : {"is rounded to ", "is cut to "}) {
      for (const char* decimals : kDecimals) {
        if (holds(std::string(how) + decimals)) return std::string(how) + decimals;
      }
    }
    if (holds(kSingle)) return kSingle;
    if (same_value_ && expected_varies_) return "is always " + *value_;
  }
  if (same_value_ && !expected_varies_) return "is " + *value_ + " instead of " + expected_;
  if (!other_fields_.empty()) return "is what " + *other_fields_.begin() + " should be";
  if (pairs_ < kFewestForConstants) return std::nullopt;
  if (shift_.holds() && shift_.value() != 0) {
    const auto ns = static_cast<std::int64_t>(std::llround(std::fabs(shift_.value()) * 1e9));
    return "is an instant " + FormatDuration(ns) + (shift_.value() < 0 ? " earlier" : " later");
  }
  if (factor_.holds()) {
    const double factor = factor_.value();
    if (factor == -1) return "has the other sign";
    if (std::fabs(factor) >= 1) return "is " + Number(factor) + " times as much";
    if (factor != 0) return "is the expected one by " + Number(1 / factor);
  }
  if (difference_.holds()) {
    const double off = difference_.value();
    return "is " + Number(std::fabs(off)) + (off < 0 ? " less" : " more");
  }
  if (holds(kInstant)) return "is another instant, each time by another difference";
  if (holds(kCut)) return kCut;
  return std::nullopt;
}

std::string FieldRelations::Vague() const {
  if (less_ == pairs_) return "is less than expected";
  if (more_ == pairs_) return "is more than expected";
  return "is another";
}

}  // namespace playload
