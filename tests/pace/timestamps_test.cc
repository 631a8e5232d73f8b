#include "generator/pace/timestamps.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <ctime>
#include <string>

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::string Text(std::int64_t ns, TimestampForm form) {
  char out[32];
  return {out, static_cast<std::size_t>(RenderTimestamp(ns, form, out))};
}

TEST_CASE("Timestamps: the forms of the contract") {
  const std::int64_t t = 1'731'406'530LL * kSecond;
  CHECK(Text(t, TimestampForm::kSeconds) == "2024-11-12T10:15:30Z");
  CHECK(Text(t + 7'000'000, TimestampForm::kMillis) == "2024-11-12T10:15:30.007Z");
  CHECK(Text(t + 7'123'999, TimestampForm::kMicros) == "2024-11-12T10:15:30.007123Z");
  CHECK(Text(t + 7'123'999, TimestampForm::kNaiveMicros) == "2024-11-12T10:15:30.007123");
  CHECK(Text(t + 999, TimestampForm::kNaiveMicros) == "2024-11-12T10:15:30");
}

TEST_CASE("Timestamps: the calendar is the C library's, leap years and centuries included") {
  for (std::int64_t s = 0; s < 7'258'118'400; s += 12'345'678) {
    const std::time_t clock = s;
    std::tm tm{};
    gmtime_r(&clock, &tm);
    char expected[32];
    std::strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm);
    REQUIRE(Text(s * kSecond, TimestampForm::kSeconds) == expected);
  }
}

TEST_CASE("TimestampCursor: every position has the text of its own planned instant") {
  const std::int64_t start = 1'767'225'599LL * kSecond + 250'000'000;
  for (const std::int64_t rate : {700LL, 20'000'000LL, 3'333'333LL}) {
    const Plan plan({{rate, rate, 0}});
    for (const TimestampForm form :
         {TimestampForm::kSeconds, TimestampForm::kMillis, TimestampForm::kMicros}) {
      TimestampCursor cursor(plan, start, form);
      for (Position n = 0; n < 100'000; n += 1 + n % 13) {
        cursor.MoveTo(n);
        const std::string text(cursor.text(), static_cast<std::size_t>(cursor.length()));
        REQUIRE(text == Text(start + plan.PlannedAt(n), form));
      }
      cursor.MoveTo(5);  // and back
      CHECK(std::string(cursor.text(), static_cast<std::size_t>(cursor.length())) ==
            Text(start + plan.PlannedAt(5), form));
    }
  }
}

TEST_CASE("TimestampCursor: a fixed instant holds for every position") {
  const Plan plan({{1'000, 1'000, 0}});
  TimestampCursor cursor(plan, 0, TimestampForm::kSeconds);
  cursor.Fix(1'731'406'530LL * kSecond);
  for (const Position n : {0ULL, 99ULL, 1'000'000'000ULL}) {
    cursor.MoveTo(n);
    CHECK(std::string(cursor.text(), 20) == "2024-11-12T10:15:30Z");
  }
}

}  // namespace
}  // namespace playload
