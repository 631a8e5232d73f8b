// The fast reader of output records against the JSON parser that has the last word: where it
// speaks, both say the same, and it speaks of what pipelines write.

#include "generator/judge/regular.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/judge/produced.h"

namespace playload {
namespace {

using Form = ProducedRecord::Form;
using Random = std::mt19937;

constexpr OutputKind kKindsOfOutput[] = {OutputKind::kSummaries, OutputKind::kAggregates,
                                         OutputKind::kServerAlerts, OutputKind::kFraudAlerts};

// Whether two readings mean the same to a matcher, to the last bit.
bool Same(OutputKind output, const ProducedRecord& a, const ProducedRecord& b) {
  if (a.form != b.form || a.number != b.number || a.why != b.why) return false;
  const auto bits = [](double number) { return std::bit_cast<std::uint64_t>(number); };
  switch (output) {
    case OutputKind::kSummaries:
      return true;
    case OutputKind::kAggregates:
      return bits(a.total_amount) == bits(b.total_amount) &&
             a.transaction_count == b.transaction_count;
    case OutputKind::kServerAlerts:
      return a.content == b.content && a.time_ns == b.time_ns && a.latency == b.latency &&
             a.cpu_load == b.cpu_load && a.memory_usage == b.memory_usage && a.region == b.region &&
             a.server_type == b.server_type;
    case OutputKind::kFraudAlerts:
      return a.reason == b.reason;
  }
  return false;
}

// Both readers of one record, with a key or without, and of it as a line. How often the fast one
// spoke is counted.
class Pair {
 public:
  explicit Pair(const std::string& prefix, bool timestamps = true)
      : parser_(prefix, timestamps), other_(prefix, timestamps) {}

  // Returns whether the fast one spoke.
  bool Agree(OutputKind output, std::optional<std::string_view> key, const std::string& value) {
    // Exact bounds, so that reading beyond them is seen by sanitizers.
    const std::vector<char> bytes(value.begin(), value.end());
    const std::string_view text(bytes.data(), bytes.size());
    CAPTURE(value);
    ProducedRecord fast;
    const bool spoke = parser_.regular().Read(output, key, text, &fast);
    const ProducedRecord slow = other_.ParseAny(output, key, text);
    if (spoke) CHECK(Same(output, fast, slow));
    if (output == OutputKind::kSummaries) {
      if (const auto number = parser_.regular().Summary(key, text)) {
        CHECK(slow.form == Form::kRegular);
        CHECK(slow.number == *number);
      }
    }
    return spoke;
  }

  bool AgreeOnLine(OutputKind output, const std::string& line) {
    const std::vector<char> bytes(line.begin(), line.end());
    const std::string_view text(bytes.data(), bytes.size());
    CAPTURE(line);
    ProducedRecord fast;
    const bool spoke = parser_.regular().ReadLine(output, text, &fast);
    const OutputLine parts = other_.Unwrap(output, text);
    const ProducedRecord slow = other_.ParseAny(output, parts.key, parts.value);
    if (spoke) CHECK(Same(output, fast, slow));
    if (output == OutputKind::kSummaries) {
      if (const auto number = parser_.regular().SummaryLine(text)) {
        CHECK(slow.form == Form::kRegular);
        CHECK(slow.number == *number);
      }
    }
    return spoke;
  }

 private:
  ProducedParser parser_;
  ProducedParser other_;
};

std::string Value(OutputKind output, const std::string& id) {
  switch (output) {
    case OutputKind::kSummaries:
      return R"({"player_id":")" + id + R"(","event_count":1})";
    case OutputKind::kAggregates:
      return R"({"total_amount":24.950000000000003,"transaction_count":5})";
    case OutputKind::kServerAlerts:
      return R"({"event_name":"server_metric","parameters":{"server_id":")" + id +
             R"(","cpu_load":91,"memory_usage":80,"latency":57},)"
             R"("event_timestamp":"2026-01-01T00:00:07Z",)"
             R"("server_data":{"region":"us-west","server_type":"dedicated"}})";
    case OutputKind::kFraudAlerts:
      return R"({"user_id":")" + id + R"(","reason":"Too frequent transactions"})";
  }
  return {};
}

std::string IdOf(OutputKind output, const std::string& prefix, std::uint64_t number) {
  if (output == OutputKind::kServerAlerts) return "server_" + std::to_string(number);
  return "player_" + (prefix.empty() ? "" : prefix + "_") + std::to_string(number);
}

std::string Line(OutputKind output, const std::string& key, const std::string& value) {
  return R"({"output":")" + std::string(kOutputNames[static_cast<unsigned>(output)]) +
         R"(","key":")" + key + R"(","value":)" + value + "}";
}

TEST_CASE("RegularReader: speaks of what pipelines write") {
  for (const std::string prefix : {"", "ab-1"}) {
    Pair pair(prefix);
    RegularReader reader(prefix, true);
    for (const OutputKind output : kKindsOfOutput) {
      for (const std::uint64_t number :
           {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{10}, std::uint64_t{12'345'678},
            std::uint64_t{99'999'999}, std::uint64_t{100'000'000}, 1234567890123456789u}) {
        const std::string id = IdOf(output, prefix, number);
        const std::string value = Value(output, id);
        CHECK(pair.Agree(output, id, value));
        CHECK(pair.AgreeOnLine(output, Line(output, id, value)));
        if (output == OutputKind::kAggregates) {
          const std::string named = R"({"user_id":")" + id + "\"," + value.substr(1);
          CHECK(pair.Agree(output, std::nullopt, named));
          CHECK(pair.AgreeOnLine(output, named));
          CHECK(pair.AgreeOnLine(output, Line(output, id, named)));
          continue;
        }
        CHECK(pair.Agree(output, std::nullopt, value));
        CHECK(pair.AgreeOnLine(output, value));
        if (output != OutputKind::kSummaries) continue;
        CHECK(reader.Summary(id, value) == number);
        CHECK(reader.Summary(std::nullopt, value) == number);
        CHECK(reader.SummaryLine(value) == number);
        CHECK(reader.SummaryLine(Line(output, id, value)) == number);
      }
    }
  }
}

TEST_CASE("RegularReader: any spacing, any order, numbers in other forms") {
  Pair pair("");
  CHECK(pair.Agree(OutputKind::kSummaries, "player_7",
                   " {\n\"event_count\" : 1.0,\t\"player_id\":\"player_7\" } \r\n"));
  CHECK(pair.Agree(OutputKind::kAggregates, "player_7",
                   R"({"transaction_count":1.0,"total_amount":499e-2})"));
  CHECK(pair.Agree(OutputKind::kServerAlerts, std::nullopt,
                   R"({"server_data": {"server_type": "dedicated", "region": "us-west"},
                       "event_name": "server_metric", "event_timestamp": "2026-01-01T00:00:00",
                       "parameters": {"latency": 57, "cpu_load": 9e1, "memory_usage": 10.0,
                                      "server_id": "server_1"}})"));
  CHECK(pair.Agree(OutputKind::kFraudAlerts, std::nullopt,
                   R"({"reason":"Multiple currency transactions" ,"user_id":"player_7"})"));
  CHECK(pair.AgreeOnLine(
      OutputKind::kFraudAlerts,
      R"({"output": "fraud-alerts", "key": "player_7", "value": {"user_id": "player_7", )"
      R"("reason": "Multiple currency transactions"}})"));
  // With a blank in front of "output" it is taken for a value.
  CHECK_FALSE(pair.AgreeOnLine(
      OutputKind::kFraudAlerts,
      R"({ "output": "fraud-alerts", "key": "player_7", "value": {"user_id": "player_7", )"
      R"("reason": "Multiple currency transactions"}})"));
  CHECK(pair.AgreeOnLine(
      OutputKind::kFraudAlerts,
      R"({"output":"fraud-alerts", "key": "player_7", "value": {"user_id": "player_7", )"
      R"("reason": "Multiple currency transactions"} } )"));
}

// What the JSON parser calls otherwise than regular, the fast one must be silent about.
TEST_CASE("RegularReader: is silent about what is not regular") {
  Pair pair("");
  RegularReader reader("", true);
  for (const char* const value : {"",
                                  "{",
                                  "{}",
                                  "[]",
                                  "null",
                                  "1",
                                  "\"",
                                  "{\"",
                                  "{\"player_id",
                                  R"({"player_id":"player_7"})",
                                  R"({"player_id":"player_7","event_count":2})",
                                  R"({"player_id":"player_7","event_count":1)",
                                  R"({"player_id":"player_7","event_count":1}})",
                                  R"({"player_id":"player_7","event_count":1,})",
                                  R"({"player_id":"player_7","event_count":1} x)",
                                  R"({"player_id":"player_7","event_count":1,"event_count":1})",
                                  R"({"player_id":"player_7","event_count":1,"extra":null})",
                                  R"({"player_id":"player_7","event_count":"1"})",
                                  R"({"player_id":7,"event_count":1})",
                                  R"({"player_id":"player_07","event_count":1})",
                                  R"({"player_id":"player_","event_count":1})",
                                  R"({"player_id":"player_7 ","event_count":1})",
                                  R"({"player_id":"player_+7","event_count":1})",
                                  R"({"player_id":"player_-7","event_count":1})",
                                  R"({"player_id":"player_7x","event_count":1})",
                                  R"({"player_id":"player_ab_7","event_count":1})",
                                  R"({"player_id":"server_7","event_count":1})",
                                  R"({"player_id":"player_12345678901234567890","event_count":1})",
                                  R"({"player_id":"player_123456:8","event_count":1})",
                                  R"({"player_id":"player_1/345678","event_count":1})",
                                  "{\"player_id\":\"player_\xb1\",\"event_count\":1}",
                                  R"({"player_id":"player_7","event_count":01})",
                                  R"({"player_id":"player_7","event_count":1.})",
                                  R"({"player_id":"player_7","event_count":-1})",
                                  R"({"player_id":"player_7","event_count":1e})",
                                  R"({"player_id":"player_7","event_count":+1})",
                                  R"({"player_id":"player_7" "event_count":1})"}) {
    CAPTURE(value);
    CHECK_FALSE(pair.Agree(OutputKind::kSummaries, std::nullopt, value));
    CHECK_FALSE(pair.AgreeOnLine(OutputKind::kSummaries, value));
    CHECK_FALSE(reader.Summary(std::nullopt, value).has_value());
  }
  const std::string right = Value(OutputKind::kSummaries, "player_7");
  CHECK_FALSE(pair.Agree(OutputKind::kSummaries, "player_8", right));
  CHECK_FALSE(pair.Agree(OutputKind::kSummaries, "player_77", right));
  CHECK_FALSE(pair.Agree(OutputKind::kSummaries, "", right));
  CHECK_FALSE(reader.Summary("player_8", right).has_value());
  CHECK_FALSE(reader.Summary("player_77", right).has_value());
  CHECK_FALSE(
      pair.AgreeOnLine(OutputKind::kSummaries, Line(OutputKind::kSummaries, "player_8", right)));
  CHECK_FALSE(reader.SummaryLine(Line(OutputKind::kSummaries, "player_8", right)).has_value());
  // A line of another output is a value that names no player.
  CHECK_FALSE(
      pair.AgreeOnLine(OutputKind::kSummaries, Line(OutputKind::kFraudAlerts, "player_7", right)));
  // An escape, and what is not ASCII: of the right meaning, but not for this reader.
  CHECK_FALSE(pair.Agree(OutputKind::kSummaries, std::nullopt,
                         R"({"player_id":"player\u005f7","event_count":1})"));
  CHECK_FALSE(
      pair.Agree(OutputKind::kServerAlerts, std::nullopt,
                 R"({"event_name":"\u00e9","parameters":{"server_id":"server_1","cpu_load":1,)"
                 R"("memory_usage":1,"latency":1},"event_timestamp":"",)"
                 R"("server_data":{"region":"","server_type":""}})"));
  for (const char* const number :
       {"-1", "-0", "65536", "1.5", "1e400", "01", "1.", ".5", "\"1\"", "null", "1e-400", "0x1",
        "99999999999999999999", "1e", "1e+", "Infinity", "NaN"}) {
    CAPTURE(number);
    std::string value = Value(OutputKind::kServerAlerts, "server_1");
    value.replace(value.find("91"), 2, number);
    CHECK_FALSE(pair.Agree(OutputKind::kServerAlerts, std::nullopt, value));
  }
  // Without a timestamp in the content, the rest is compared all the same.
  Pair untimed("", false);
  CHECK(untimed.Agree(OutputKind::kServerAlerts, "server_1",
                      Value(OutputKind::kServerAlerts, "server_1")));
}

TEST_CASE("RegularReader: amounts are the doubles that the JSON parser makes, to the last bit") {
  Pair pair("");
  Random random(5);
  const auto agree = [&](const std::string& number) {
    return pair.Agree(OutputKind::kAggregates, "player_1",
                      R"({"total_amount":)" + number + R"(,"transaction_count":1})");
  };
  for (const char* const number :
       {"0", "5", "0.1", "4.99", "1e5", "1E+5", "123456789012345", "0.000001", "1e-7",
        "24.950000000000003", "9007199254740993.0", "1.7976931348623157e308", "2.5e-308",
        "0.1000000000000000055511151231257827021181583404541015625"}) {
    CHECK(agree(number));
  }
  for (const char* const number :
       {"9007199254740993", "18446744073709551616", "5e-324", "1e309", "-0.0"}) {
    agree(number);
  }
  int spoke = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::string number = std::to_string(random() % (1u << random() % 32));
    const auto digits = [&](std::size_t most) {
      std::string text;
      for (std::size_t k = 1 + random() % most; k > 0; --k) {
        text += static_cast<char>('0' + random() % 10);
      }
      return text;
    };
    if (random() % 4 != 0) number += "." + digits(18);
    if (random() % 4 == 0) {
      number += (random() % 2 == 0 ? "e-" : "e") + digits(random() % 8 == 0 ? 3 : 1);
    }
    spoke += agree(number) ? 1 : 0;
  }
  CHECK(spoke > 20'000);
}

// Regular records, damaged in every way that one, two or three edits can do.
TEST_CASE("RegularReader: agrees on damaged records and lines") {
  constexpr std::string_view kPieces[] = {"\"",
                                          "{",
                                          "}",
                                          ",",
                                          ":",
                                          " ",
                                          "\n",
                                          "0",
                                          "1",
                                          ".",
                                          "e",
                                          "-",
                                          "\\",
                                          "\\u0031",
                                          "_",
                                          "player_",
                                          "\xc3\xa9",
                                          "\x80",
                                          "\x01",
                                          "\x7f",
                                          "null",
                                          "{}",
                                          "\"event_count\":1",
                                          "\"key\":\"player_7\"",
                                          R"({"output":)",
                                          "user_id",
                                          "7"};
  Random random(17);
  const auto below = [&](std::size_t n) { return random() % n; };
  std::size_t spoke = 0;
  for (const std::string prefix : {"", "ab"}) {
    Pair pair(prefix);
    for (int i = 0; i < 100'000; ++i) {
      const OutputKind output = kKindsOfOutput[below(4)];
      const std::string id =
          IdOf(output, prefix, random() % (below(2) == 0 ? 10 : 100'000'000'000));
      const std::string value = Value(output, id);
      const bool line = below(2) == 0;
      std::string text = line ? Line(output, id, value) : value;
      for (std::size_t edits = 1 + below(3); edits > 0 && !text.empty(); --edits) {
        const std::size_t at = below(text.size());
        const std::size_t length = 1 + below(below(4) == 0 ? text.size() - at : 2);
        switch (below(5)) {
          case 0:
            text.erase(at, length);
            break;
          case 1:
            text.insert(at, kPieces[below(std::size(kPieces))]);
            break;
          case 2:
            text.replace(at, std::min(length, text.size() - at),
                         kPieces[below(std::size(kPieces))]);
            break;
          case 3:
            text[at] = static_cast<char>(random());
            break;
          default:
            text.insert(below(text.size()), text.substr(at, length));
        }
      }
      if (line) {
        spoke += pair.AgreeOnLine(output, text) ? 1 : 0;
      } else {
        spoke += pair.Agree(output, below(3) == 0 ? std::nullopt : std::optional(id), text) ? 1 : 0;
      }
    }
  }
  CHECK(spoke > 2'000);
}

// Blanks anywhere between tokens, fields in any order: the same record, by both.
TEST_CASE("RegularReader: agrees on regular records in every layout") {
  Random random(3);
  const auto blanks = [&] {
    std::string text;
    while (random() % 3 == 0) text += " \n\t\r"[random() % 4];
    return text;
  };
  const auto object = [&](std::vector<std::pair<std::string, std::string>> fields) {
    std::shuffle(fields.begin(), fields.end(), random);
    std::string text = "{";
    for (const auto& [name, value] : fields) {
      text += (text.size() > 1 ? "," : "") + blanks() + "\"" + name + "\"" + blanks() + ":" +
              blanks() + value + blanks();
    }
    return text + "}";
  };
  const auto text = [](const std::string& plain) { return "\"" + plain + "\""; };
  const auto integer = [&](std::uint32_t below) {
    const std::string digits = std::to_string(random() % below);
    constexpr const char* kForms[] = {"", ".0", "e0", ".000", "E+0", "0e-1"};
    return digits + kForms[random() % std::size(kForms)];
  };
  for (const std::string prefix : {"", "x"}) {
    Pair pair(prefix);
    for (int i = 0; i < 20'000; ++i) {
      const OutputKind output = kKindsOfOutput[random() % 4];
      const std::string id = IdOf(output, prefix, random() % 1'000'000);
      std::string value;
      switch (output) {
        case OutputKind::kSummaries:
          value =
              object({{"player_id", text(id)}, {"event_count", random() % 2 == 0 ? "1" : "1.0"}});
          break;
        case OutputKind::kAggregates:
          value = object({{"total_amount", integer(4'000'000'000)},
                          {"transaction_count", integer(4'000'000'000)},
                          {"user_id", text(id)}});
          break;
        case OutputKind::kFraudAlerts:
          value = object({{"user_id", text(id)},
                          {"reason", text(random() % 2 == 0 ? kReasonMulti : kReasonFrequent)}});
          break;
        case OutputKind::kServerAlerts:
          value = object(
              {{"event_name", text("server_metric")},
               {"parameters", object({{"server_id", text(id)},
                                      {"cpu_load", integer(6'553)},
                                      {"memory_usage", integer(6'553)},
                                      {"latency", integer(400'000'000)}})},
               {"event_timestamp",
                text("2026-01-01T00:00:0" + std::to_string(random() % 9) + (i % 2 ? "Z" : ""))},
               {"server_data", object({{"region", text("eu")}, {"server_type", text("a b")}})}});
      }
      CHECK(pair.Agree(output, id, blanks() + value + blanks()));
      std::string line = object({{"key", text(id)}, {"value", value}});
      line = R"({"output":)" + blanks() + text(kOutputNames[static_cast<unsigned>(output)]) + "," +
             line.substr(1) + blanks();
      CHECK(pair.AgreeOnLine(output, line));
    }
  }
}

}  // namespace
}  // namespace playload
