#include "generator/base/text.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <ctime>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/base/noise.h"

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// Every refusal is one line that holds `part` and ends with kInvalid's exit code.
template <typename T>
void CheckRefused(const Result<T>& result, const std::string& part) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Code::kInvalid);
  CAPTURE(result.error().message());
  CHECK(result.error().message().find(part) != std::string::npos);
  CHECK(result.error().message().find('\n') == std::string::npos);
}

TEST_CASE("Text: rates in events per second, exactly") {
  const std::vector<std::pair<std::string, std::int64_t>> rates = {
      {"500", 500'000},
      {"20k", 20'000'000},
      {"1.5M", 1'500'000'000},
      {"0.5", 500},
      {"0.001", 1},
      {"1G", 1'000'000'000'000},
      {"1000M", 1'000'000'000'000},
      {"1.234567M", 1'234'567'000},
      {"0.0005k", 500},
      {"007", 7'000},
      {"2.50", 2'500},
  };
  for (const auto& entry : rates) {
    const auto& text = entry.first;
    const auto milli = entry.second;
    CAPTURE(text);
    const Result<std::int64_t> rate = ParseRate(text);
    REQUIRE(rate.has_value());
    CHECK(*rate == milli);
  }
}

TEST_CASE("Text: rates that are none, too low, too high, too fine") {
  for (const char* text : {"", "abc", "-5", "+5", "1e6", "5kk", "5 k", " 5", "5.", ".5", "1,000",
                           "0x10", "nan", "inf", "5K", "max", "20k/s"}) {
    CAPTURE(text);
    CheckRefused(ParseRate(text), "events per second");
  }
  CheckRefused(ParseRate("0"), "above 0");
  CheckRefused(ParseRate("0.000k"), "above 0");
  CheckRefused(ParseRate("1.1G"), "highest is 1G");
  CheckRefused(ParseRate("99999999999999999999"), "events per second");
  CheckRefused(ParseRate("9999999999999999999"), "highest is 1G");
  CheckRefused(ParseRate("0.0001"), "smallest step is 0.001");
  CheckRefused(ParseRate("x\ny"), "'x?y'");
}

// ParseRate(FormatRate(r)) = r.
TEST_CASE("Text: a rate reads back as it was written") {
  CHECK(FormatRate(20'000'000) == "20000");
  CHECK(FormatRate(500) == "0.5");
  CHECK(FormatRate(1'500'000'000) == "1500000");
  CHECK(FormatRate(1) == "0.001");
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    const auto rate = static_cast<std::int64_t>(1 + Noise(i) % 1'000'000'000'000 / (1 + i % 1'000));
    const Result<std::int64_t> back = ParseRate(FormatRate(rate));
    REQUIRE(back.has_value());
    CHECK(*back == rate);
  }
}

TEST_CASE("Text: durations") {
  const std::vector<std::pair<std::string, std::int64_t>> durations = {
      {"250ms", kSecond / 4},
      {"8s", 8 * kSecond},
      {"1.5m", 90 * kSecond},
      {"90s", 90 * kSecond},
      {"6h", 6 * 3'600 * kSecond},
      {"30d", 30 * 86'400 * kSecond},
      {"10us", 10'000},
      {"7ns", 7},
      {"0s", 0},
      {"1m30s", 90 * kSecond},
      {"1d2h3m4s5ms6us7ns", 93'784 * kSecond + 5'006'007},
      {"0.000000001s", 1},
      {"1.50s", 3 * kSecond / 2},
      {"106751d", kSecond * 86'400 * 106'751},
  };
  for (const auto& entry : durations) {
    const auto& text = entry.first;
    const auto ns = entry.second;
    CAPTURE(text);
    const Result<std::int64_t> duration = ParseDuration(text);
    REQUIRE(duration.has_value());
    CHECK(*duration == ns);
  }
}

TEST_CASE("Text: durations that are none") {
  for (const char* text : {"", "s", "8 s", " 8s", "8s ", "-8s", "8S", "8x", "8sec", "1m1m", "1s1m",
                           "8.s", "1h30", "8,5s"}) {
    CAPTURE(text);
    CheckRefused(ParseDuration(text), "duration '");
  }
  CheckRefused(ParseDuration("8"), "has no unit");
  CheckRefused(ParseDuration("0"), "has no unit");
  CheckRefused(ParseDuration("0.5ns"), "smallest step is 1ns");
  CheckRefused(ParseDuration("106752d"), "too long");
  CheckRefused(ParseDuration("99999999999d"), "too long");
  CheckRefused(ParseDuration("106751d99h"), "too long");
}

TEST_CASE("Text: a duration is written in its shortest exact form and reads back") {
  CHECK(FormatDuration(0) == "0s");
  CHECK(FormatDuration(90 * kSecond) == "1m30s");
  CHECK(FormatDuration(20 * kSecond) == "20s");
  CHECK(FormatDuration(kSecond / 4) == "250ms");
  CHECK(FormatDuration(3 * kSecond / 2) == "1.5s");
  CHECK(FormatDuration(60 * kSecond + 1) == "1m0.000000001s");
  CHECK(FormatDuration(1'500) == "1.5us");
  CHECK(FormatDuration(999) == "999ns");
  CHECK(FormatDuration(30 * 86'400 * kSecond) == "30d");
  CHECK(FormatDuration(36 * 3'600 * kSecond) == "1d12h");
  CHECK(FormatDuration(-90 * kSecond) == "-1m30s");
  CHECK(FormatDuration(-kMost - 1) == "-106751d23h47m16.854775808s");
  for (std::uint64_t i = 0; i < 4'000; ++i) {
    const auto ns = static_cast<std::int64_t>((Noise(i) >> 1) >> (i % 62));
    CAPTURE(ns);
    const Result<std::int64_t> back = ParseDuration(FormatDuration(ns));
    REQUIRE(back.has_value());
    CHECK(*back == ns);
  }
}

TEST_CASE("Text: instants") {
  const auto at = [](const char* text) {
    const Result<std::int64_t> instant = ParseInstant(text);
    CAPTURE(text);
    REQUIRE(instant.has_value());
    return *instant;
  };
  CHECK(at("1970-01-01T00:00:00Z") == 0);
  CHECK(at("2024-11-12T10:15:30Z") == 1'731'406'530 * kSecond);
  CHECK(at("2026-01-01T00:00:00.5Z") == 1'767'225'600 * kSecond + kSecond / 2);
  CHECK(at("2000-02-29T23:59:59.123456789Z") == 951'868'799 * kSecond + 123'456'789);
  CHECK(at("2200-12-31T23:59:59Z") == 7'289'654'399 * kSecond);
}

TEST_CASE("Text: instants that are none") {
  for (const char* text :
       {"", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00z",
        "2026-01-01T00:00:00+01:00", "2026-1-1T00:00:00Z", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00.12aZ", "now"}) {
    CAPTURE(text);
    CheckRefused(ParseInstant(text), "write 2026-01-01T00:00:00Z");
  }
  CheckRefused(ParseInstant("1969-12-31T23:59:59Z"), "1970 to 2200");
  CheckRefused(ParseInstant("2201-01-01T00:00:00Z"), "1970 to 2200");
  for (const char* text :
       {"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z"}) {
    CAPTURE(text);
    CheckRefused(ParseInstant(text), "a day that does not exist");
  }
  for (const char* text :
       {"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2016-12-31T23:59:60Z"}) {
    CAPTURE(text);
    CheckRefused(ParseInstant(text), "a time of day that does not exist");
  }
}

// Against the C library's calendar, on every day of the accepted years.
TEST_CASE("Text: the calendar is the C library's, day by day") {
  const std::int64_t days = 84'371;  // to 2200-12-31
  for (std::int64_t day = 0; day < days; ++day) {
    const std::time_t seconds = day * 86'400 + day % 86'400;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char expected[32];
    std::strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &parts);
    const std::string got = FormatInstant(seconds * kSecond);
    if (got != expected) FAIL_CHECK(got << " is not " << expected);
    const Result<std::int64_t> back = ParseInstant(expected);
    if (!back.has_value() || *back != seconds * kSecond) {
      FAIL_CHECK(expected << " reads back wrong");
    }
  }
}

TEST_CASE("Text: an instant has as many fraction digits as it needs, in threes") {
  CHECK(FormatInstant(1'731'406'530 * kSecond) == "2024-11-12T10:15:30Z");
  CHECK(FormatInstant(1'731'406'530 * kSecond + 500'000'000) == "2024-11-12T10:15:30.500Z");
  CHECK(FormatInstant(1'731'406'530 * kSecond + 1'000) == "2024-11-12T10:15:30.000001Z");
  CHECK(FormatInstant(1'731'406'530 * kSecond + 1) == "2024-11-12T10:15:30.000000001Z");
  CHECK(FormatInstant(-1) == "1969-12-31T23:59:59.999999999Z");
}

TEST_CASE("Text: counts") {
  const std::vector<std::pair<std::string, std::uint64_t>> counts = {
      {"0", 0},
      {"500", 500},
      {"20k", 20'000},
      {"1M", 1'000'000},
      {"2G", 2'000'000'000},
      {"1.5k", 1'500},
      {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()}};
  for (const auto& entry : counts) {
    const auto& text = entry.first;
    const auto expected = entry.second;
    CAPTURE(text);
    const Result<std::uint64_t> count = ParseCount(text);
    REQUIRE(count.has_value());
    CHECK(*count == expected);
  }
  for (const char* text : {"", "-1", "1.5", "18446744073709551616", "99999999999G", "1e3", "5x"}) {
    CAPTURE(text);
    CheckRefused(ParseCount(text), "not a whole number");
  }
}

TEST_CASE("Text: bytes and counts for people") {
  CHECK(FormatBytes(0) == "0 B");
  CHECK(FormatBytes(1'023) == "1023 B");
  CHECK(FormatBytes(1'024) == "1 KiB");
  CHECK(FormatBytes(1'572'864) == "1.5 MiB");
  CHECK(FormatBytes(1'048'575) == "1 MiB");
  CHECK(FormatBytes(std::numeric_limits<std::uint64_t>::max()) == "16 EiB");
  CHECK(FormatCount(0) == "0");
  CHECK(FormatCount(999) == "999");
  CHECK(FormatCount(1'000) == "1,000");
  CHECK(FormatCount(1'234'567) == "1,234,567");
}

TEST_CASE("Text: what somebody wrote is quoted on one short line") {
  CHECK(Quoted("whale") == "'whale'");
  CHECK(Quoted("a\nb\x1b[31m") == "'a?b?[31m'");
  CHECK(Quoted("\xc3\xa9") ==
        "'?"
        "?'");
  CHECK(Quoted(std::string(60, 'x')) == "'" + std::string(60, 'x') + "'");
  CHECK(Quoted(std::string(61, 'x')) == "'" + std::string(60, 'x') + "...'");
}

TEST_CASE("Text: what is no UTF-8 is shown by its bytes, and control characters on a terminal") {
  const std::string good =
      "a\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
  CHECK(AsUtf8(good) == good);
  CHECK(Printable(good) == good);
  CHECK(AsUtf8("").empty());
  CHECK(AsUtf8("\x80 \xff") == R"(\x80 \xff)");
  CHECK(AsUtf8("cut \xe2\x82") == R"(cut \xe2\x82)");
  CHECK(AsUtf8("\xc3(") == R"(\xc3()");
  // Longer than needed, a surrogate, beyond Unicode.
  CHECK(AsUtf8("\xc0\xaf") == R"(\xc0\xaf)");
  CHECK(AsUtf8("\xe0\x9f\xbf") == R"(\xe0\x9f\xbf)");
  CHECK(AsUtf8("\xed\xa0\x80") == R"(\xed\xa0\x80)");
  CHECK(AsUtf8("\xf0\x8f\xbf\xbf") == R"(\xf0\x8f\xbf\xbf)");
  CHECK(AsUtf8("\xf4\x90\x80\x80") == R"(\xf4\x90\x80\x80)");
  CHECK(AsUtf8("\xf5\x80\x80\x80") == R"(\xf5\x80\x80\x80)");
  const std::string_view controls("a\0\x1b[31m\r\n\x7f\xc2\x9b", 12);
  CHECK(AsUtf8(controls) == controls);
  CHECK(Printable(controls) == "a\\x00\\x1b[31m\\x0d\n\\x7f\\xc2\\x9b");
}

TEST_CASE("Text: the nearest name is one that a slip of the fingers gives") {
  const std::vector<std::string> names = {"whale", "casual", "regular", "card-tester",
                                          "card-tester-near"};
  CHECK(Nearest("whlae", names) == "whale");
  CHECK(Nearest("Whale", names) == "whale");
  CHECK(Nearest("whal", names) == "whale");
  CHECK(Nearest("regulr", names) == "regular");
  CHECK(Nearest("card_tester", names) == "card-tester");
  CHECK(Nearest("cardtester-near", names) == "card-tester-near");
  CHECK(Nearest("xyz", names).empty());
  CHECK(Nearest("", names).empty());
  CHECK(Nearest("p", {"q"}).empty());
  CHECK(Nearest(std::string(100'000, 'a'), names).empty());
  CHECK(DidYouMean("whlae", names) == "; did you mean 'whale'?");
  CHECK(DidYouMean("xyz", {"a", "b"}) == "; valid: a, b");
  CHECK(DidYouMean("xyz", {}).empty());
}

}  // namespace
}  // namespace playload
