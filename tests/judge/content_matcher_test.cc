#include "generator/judge/content_matcher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace playload {
namespace {

std::string Value(char c) { return std::string("{\"v\":\"") + c + "\"}"; }

// One key: each letter is a record. "expected/matched missing unexpected duplicate wrong may".
std::string Judge(const std::string& expected, const std::string& produced, bool sequence = true,
                  bool several = false) {
  std::string result;
  const bool any_may =
      std::any_of(expected.begin(), expected.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  // Whoever is told first.
  for (const int order : {0, 1, 2}) {
    ContentMatcher matcher({.topics = {{"t", sequence, {}, {}}}, .foreign = {}});
    std::size_t e = 0;
    std::size_t p = 0;
    while (e < expected.size() || p < produced.size()) {
      const bool take_expected =
          e < expected.size() && (p == produced.size() || order == 0 || (order == 2 && e <= p));
      if (take_expected) {
        // A capital may come or not.
        const char c = expected[e++];
        const bool may = c >= 'A' && c <= 'Z';
        matcher.Expect(0, "k", Value(may ? static_cast<char>(c - 'A' + 'a') : c), !may);
      } else {
        matcher.AddProduced(0, several ? static_cast<std::int32_t>(p % 2) : 3, "k",
                            Value(produced[p]));
        ++p;
      }
    }
    const Comparison c = matcher.Judge(0);
    std::string text = std::to_string(c.expected) + "/" + std::to_string(c.matched);
    for (unsigned f = 0; f < kFlaws; ++f) {
      if (static_cast<Flaw>(f) != Flaw::kUnreadable) text += " " + std::to_string(c.flaws[f]);
    }
    CHECK(c.flaw(Flaw::kUnreadable) == 0);
    text += " " + std::to_string(c.may);
    CHECK(c.seen() == produced.size());
    CHECK(c.expected == c.matched + c.flaw(Flaw::kMissing) + c.flaw(Flaw::kWrong));
    CHECK(matcher.Outstanding(0) >= c.flaw(Flaw::kMissing));
    if (!any_may) {
      CHECK(matcher.Outstanding(0) <= c.flaw(Flaw::kMissing) + c.flaw(Flaw::kWrong));
    }
    if (!result.empty()) CHECK(text == result);
    result = text;
  }
  return result;
}

TEST_CASE("A sequence: what is missing, extra, repeated, changed, out of order") {
  CHECK(Judge("abcd", "abcd") == "4/4 0 0 0 0 0");
  CHECK(Judge("", "") == "0/0 0 0 0 0 0");
  CHECK(Judge("abcd", "abd") == "4/3 1 0 0 0 0");
  CHECK(Judge("abcd", "") == "4/0 4 0 0 0 0");
  CHECK(Judge("abcd", "abccd") == "4/4 0 0 1 0 0");
  CHECK(Judge("abcd", "abcda") == "4/4 0 0 1 0 0");
  CHECK(Judge("abcd", "abxcd") == "4/4 0 1 0 0 0");
  CHECK(Judge("abcd", "abxd") == "4/3 0 0 0 1 0");
  CHECK(Judge("abcd", "acbd") == "4/3 0 0 0 1 0");
  CHECK(Judge("abcd", "bcda") == "4/3 0 0 0 1 0");
  CHECK(Judge("mff", "fff") == "3/2 0 0 0 1 0");  // a reason that changed
  CHECK(Judge("ff", "fffff") == "2/2 0 0 3 0 0");
  CHECK(Judge("", "ab") == "0/0 0 2 0 0 0");
}

TEST_CASE("A multiset: the order is nobody's, or comes from several partitions") {
  for (const bool several : {false, true}) {
    CHECK(Judge("abcd", "dcba", !several ? false : true, several) == "4/4 0 0 0 0 0");
  }
  CHECK(Judge("abcd", "dxba", false) == "4/3 0 0 0 1 0");
  CHECK(Judge("abcd", "aabd", false) == "4/3 1 0 1 0 0");
  CHECK(Judge("abcd", "dcbax", false) == "4/4 0 1 0 0 0");
}

TEST_CASE("What may come is never a flaw") {
  CHECK(Judge("aBc", "ac", false) == "2/2 0 0 0 0 0");
  CHECK(Judge("aBc", "abc", false) == "2/2 0 0 0 0 1");
  CHECK(Judge("aBc", "abbc", false) == "2/2 0 0 1 0 1");
  CHECK(Judge("Aa", "a", false) == "1/1 0 0 0 0 0");
}

TEST_CASE("Contents compare by meaning") {
  ContentMatcher matcher({.topics = {{"t", false, {"a", "id"}, {}}},
                          .foreign = [](std::string_view key) { return key == "f"; }});
  matcher.Expect(0, "k", R"({"a":{"id":"k","n":10},"b":[1,null,true,"\u00e9"],"z":0})", true);
  matcher.AddProduced(0, 0, std::nullopt,
                      "{ \"z\": -0.0, \"b\": [1.0, null, true, \"\xc3\xa9\"], "
                      "\"a\": {\"n\": 1e1, \"id\": \"k\"} }");
  CHECK(matcher.Judge(0).passed());
  CHECK(matcher.Outstanding(0) == 0);
  matcher.AddProduced(0, 0, "k", R"({"a":{"id":"k","n":10},"b":[null,1,true,"x"],"z":0})");
  matcher.AddProduced(0, 0, "f", "{}");
  const Comparison c = matcher.Judge(0);
  CHECK(c.flaw(Flaw::kUnexpected) == 1);
  CHECK(c.foreign == 1);
}

// As many writers print a large double.
TEST_CASE("Contents: integers beyond 64 bits are numbers like others") {
  ContentMatcher matcher(
      {.topics = {{"t", true, {}, {{{"n"}, ExprType::kNumber}}}}, .foreign = {}});
  matcher.Expect(0, "k", R"({"n":123456789012345683968,"t":"\"99999999999999999999\\"})", true);
  matcher.Expect(0, "k", R"({"n":-3.3e+22})", true);
  matcher.Expect(0, "k", R"({"n":18446744073709551616})", true);
  matcher.Expect(0, "k", R"({"n":1e19})", true);
  CHECK(matcher.Outstanding(0) == 4);
  matcher.AddProduced(0, 0, "k", R"({"t":"\"99999999999999999999\\","n":1.2345678901234568E20})");
  matcher.AddLine(0, 0, R"({"output":"t","key":"k","value":{"n":-33000000000000000000000}})");
  matcher.AddLine(0, 0, R"({"output": "t", "key": "k", "value": {"n": 18446744073709551616.0}})");
  matcher.AddProduced(0, 0, "k", R"({ "n" : 10000000000000000000 })");
  CHECK(matcher.Judge(0).passed());
  CHECK(matcher.Judge(0).matched == 4);
  matcher.AddProduced(0, 0, "k", R"({"n":018446744073709551616})");
  matcher.AddProduced(0, 0, "k", R"({"n":18446744073709551616)");
  matcher.AddProduced(0, 0, "k", R"({"n":184467440737095516160})");
  CHECK(matcher.Judge(0).flaw(Flaw::kUnreadable) == 2);
  CHECK(matcher.Judge(0).flaw(Flaw::kUnexpected) == 1);
}

TEST_CASE("Contents: what cannot be read has a count of its own") {
  using Field = ContentMatcher::Field;
  ContentMatcher matcher(
      {.topics = {{"t",
                   true,
                   {"a"},
                   {Field{{"a"}, ExprType::kText}, Field{{"b", "c"}, ExprType::kWhole},
                    Field{{"d"}, ExprType::kNumber, true}}}},
       .foreign = {}});
  const std::string right = R"({"a":"k","b":{"c":1},"d":0.5})";
  matcher.Expect(0, "k", right, true);
  matcher.AddProduced(0, 0, "k", right);
  const auto classes = [&] {
    const Comparison c = matcher.Judge(0);
    CHECK(c.matched == 1);
    return std::pair(c.flaw(Flaw::kUnexpected), c.flaw(Flaw::kUnreadable));
  };
  std::uint64_t unreadable = 0;
  for (const char* const value :
       {"", "x", "[]", "7", "\"k\"", "null", "{\"a\":", R"({"a":7,"b":{"c":1},"d":0.5})",
        R"({"a":"k","b":{"c":1.5},"d":0.5})", R"({"a":"k","b":{"c":"1"},"d":0.5})",
        R"({"a":"k","b":{},"d":0.5})", R"({"a":"k","b":1,"d":0.5})", R"({"a":"k","b":{"c":1}})",
        R"({"a":"k","b":{"c":null},"d":0.5})", "{}"}) {
    CAPTURE(value);
    matcher.AddProduced(0, 0, "k", value);
    CHECK(classes() == std::pair(std::uint64_t{0}, ++unreadable));
  }
  // Without a key, and of another key.
  matcher.AddProduced(0, 0, std::nullopt, R"({"b":{"c":1},"d":0.5})");
  matcher.AddProduced(0, 0, "l", "{}");
  CHECK(classes() == std::pair(std::uint64_t{0}, unreadable + 2));
  // These can be read, and nothing calls for them.
  matcher.AddProduced(0, 0, "k", R"({"a":"k","b":{"c":2},"d":1})");
  matcher.AddProduced(0, 0, "k", R"({"a":"k","b":{"c":1e1},"d":null,"e":1})");
  CHECK(classes() == std::pair(std::uint64_t{2}, unreadable + 2));
  const Comparison c = matcher.Judge(0);
  const auto& examples = c.examples[static_cast<unsigned>(Flaw::kUnreadable)];
  CHECK(std::any_of(examples.begin(), examples.end(), [](const FlawExample& example) {
    return example.got ==
               R"({"a":"k","b":{"c":1.5},"d":0.5} (b.c is missing or no whole number))" ||
           example.got == "[] (not a JSON object)";
  }));
}

TEST_CASE("Contents: what cannot be read stands for what is missing where nothing better does") {
  ContentMatcher matcher(
      {.topics = {{"t", false, {}, {{{"v"}, ExprType::kText, false}}}}, .foreign = {}});
  matcher.Expect(0, "k", Value('a'), true);
  matcher.AddProduced(0, 0, "k", "{}");
  Comparison c = matcher.Judge(0);
  CHECK(c.flaw(Flaw::kWrong) == 1);
  CHECK(c.flaw(Flaw::kUnreadable) == 0);
  CHECK(c.examples[static_cast<unsigned>(Flaw::kWrong)][0].got == "{} (v is missing or no text)");
  matcher.AddProduced(0, 0, "k", Value('b'));
  c = matcher.Judge(0);
  CHECK(c.flaw(Flaw::kWrong) == 1);
  CHECK(c.flaw(Flaw::kUnexpected) == 0);
  CHECK(c.flaw(Flaw::kUnreadable) == 1);
  matcher.AddProduced(0, 0, "k", Value('a'));
  c = matcher.Judge(0);
  CHECK(c.flaw(Flaw::kUnexpected) == 1);
  CHECK(c.flaw(Flaw::kUnreadable) == 1);
}

// A step for each pair of them would take minutes, and ctest has less patience.
TEST_CASE("One key with many outputs, and many more that nobody asked for") {
  constexpr int kExpected = 300'000;
  constexpr int kSurplus = 1'000'000;
  ContentMatcher matcher({.topics = {{"t", false, {}, {}}}, .foreign = {}});
  const auto value = [](int i) { return "{\"v\":" + std::to_string(i) + "}"; };
  for (int i = 0; i < kExpected; ++i) matcher.Expect(0, "k", value(i), true);
  for (int i = 0; i < kExpected; ++i) matcher.AddProduced(0, 0, "k", value(i));
  for (int i = 0; i < kSurplus; ++i) {
    matcher.AddProduced(0, 0, "k", value(kExpected - 10 + i));
  }
  const Comparison c = matcher.Judge(0);
  CHECK(c.matched == kExpected);
  CHECK(c.flaw(Flaw::kDuplicate) == 10);
  CHECK(c.flaw(Flaw::kUnexpected) == kSurplus - 10);
}

TEST_CASE("Contents: an example shows the beginning of a long record, and no more is kept of it") {
  ContentMatcher matcher({.topics = {{"t", false, {}, {}}}, .foreign = {}});
  const std::string field(1'000'000, 'x');
  matcher.AddProduced(0, 0, "k", "{\"v\":\"" + field + "\"}");
  matcher.AddProduced(0, 0, "k", "{\"v\":\"" + field + "\"");  // no JSON
  const Comparison c = matcher.Judge(0);
  for (const Flaw flaw : {Flaw::kUnexpected, Flaw::kUnreadable}) {
    const std::vector<FlawExample>& examples = c.examples[static_cast<unsigned>(flaw)];
    REQUIRE(examples.size() == 1);
    CHECK(examples[0].got.starts_with("{\"v\":\"xxx"));
    CHECK(examples[0].got.size() < 2'000);
  }
}

TEST_CASE("Keys that are not judged") {
  ContentMatcher matcher({.topics = {{"t", true, {}, {}}, {"u", true, {}, {}}}, .foreign = {}});
  matcher.Expect(0, "a", Value('x'), true);
  matcher.Expect(0, "b", Value('x'), true);
  CHECK(matcher.Outstanding(0) == 2);
  matcher.DoNotJudge(0, "a");
  CHECK(matcher.Outstanding(0) == 1);
  matcher.AddProduced(0, 0, "a", Value('y'));
  matcher.AddProduced(0, 0, "b", Value('x'));
  Comparison c = matcher.Judge(0);
  CHECK(c.passed());
  CHECK(c.expected == 1);
  CHECK(c.may == 1);
  CHECK(matcher.not_judged() == 1);
  matcher.DoNotJudge(1);
  matcher.Expect(1, "a", Value('x'), true);
  matcher.AddProduced(1, 0, "b", Value('y'));
  c = matcher.Judge(1);
  CHECK(c.passed());
  CHECK(c.expected == 0);
  CHECK(c.may == 1);
}

// Whatever is done to a sequence: as many are called missing or wrong as an edit needs.
TEST_CASE("Random damage is counted") {
  std::mt19937 random(5);
  for (int i = 0; i < 2'000; ++i) {
    std::string expected;
    for (auto k = random() % 12; k > 0; --k) expected += static_cast<char>('a' + random() % 4);
    std::string produced = expected;
    std::shuffle(produced.begin(), produced.end(), random);
    if (!produced.empty() && random() % 2 == 0) produced.erase(random() % produced.size(), 1);
    if (random() % 2 == 0) produced += static_cast<char>('a' + random() % 5);
    CAPTURE(expected);
    CAPTURE(produced);
    const std::string verdict = Judge(expected, produced, random() % 2 == 0);
    const bool passed = verdict.ends_with(" 0 0 0 0 0");
    std::string a = expected;
    std::string b = produced;
    if (a == b) CHECK(passed);
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    if (a != b) CHECK_FALSE(passed);
    // All came, in another order: that is all that is wrong.
    if (a == b) CHECK(verdict.substr(verdict.find(' ')).starts_with(" 0 0 0 "));
  }
}

// What a matcher that forgets says, once it was told again what is expected.
std::string Verdict(ContentMatcher* matcher) {
  std::string text;
  for (std::size_t topic = 0; topic < 2; ++topic) {
    const Comparison c = matcher->Judge(topic);
    text +=
        std::to_string(c.expected) + "/" + std::to_string(c.matched) + " " + std::to_string(c.may);
    for (const std::uint64_t flaw : c.flaws) text += " " + std::to_string(flaw);
    for (const auto& examples : c.examples) {
      for (const FlawExample& e : examples) text += "\n" + e.key + "|" + e.expected + "|" + e.got;
    }
    text += '\n';
  }
  return text;
}

TEST_CASE("A matcher that forgets what agrees gives the same verdict") {
  struct Told {
    std::size_t topic;
    std::string key;
    char content;
    bool certain;
  };
  std::mt19937 random(7);
  std::size_t recalled = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<Told> expected;
    std::vector<Told> produced;
    for (int i = 0; i < 200; ++i) {
      const Told told{random() % 2, std::string(1, static_cast<char>('a' + random() % 6)),
                      static_cast<char>('p' + random() % 4), random() % 40 != 0};
      expected.push_back(told);
      if (random() % 50 != 0) produced.push_back(told);
      if (random() % 60 == 0) produced.push_back(told);
    }
    const std::size_t unjudged = round % 5 == 0 ? random() % expected.size() : expected.size();
    std::string verdicts[2];
    for (const bool forget : {false, true}) {
      ContentMatcher matcher({.topics = {{"t", true, {}, {}}, {"u", false, {}, {}}},
                              .foreign = {},
                              .delivery = Delivery::kExactlyOnce,
                              .forget = forget});
      const auto expect = [&](std::size_t i) {
        if (i == unjudged) matcher.DoNotJudge(expected[i].topic, expected[i].key);
        matcher.Expect(expected[i].topic, expected[i].key, Value(expected[i].content),
                       expected[i].certain);
      };
      for (std::size_t i = 0; i < std::max(expected.size(), produced.size()); ++i) {
        if (i < expected.size()) expect(i);
        if (i >= 3 && i - 3 < produced.size()) {
          const Told& p = produced[i - 3];
          matcher.AddProduced(p.topic, 0, p.key, Value(p.content));
        }
      }
      for (std::size_t i = std::max(expected.size(), produced.size()) - 3; i < produced.size();
           ++i) {
        matcher.AddProduced(produced[i].topic, 0, produced[i].key, Value(produced[i].content));
      }
      if (matcher.NeedsRecall()) {
        ++recalled;
        CHECK(forget);
        matcher.Recall(true);
        for (std::size_t i = 0; i < expected.size(); ++i) expect(i);
        matcher.Recall(false);
        CHECK(!matcher.NeedsRecall());
      }
      verdicts[forget ? 1 : 0] = Verdict(&matcher);
    }
    CHECK(verdicts[0] == verdicts[1]);
  }
  CHECK(recalled > 50);
}

TEST_CASE("Contents: a pipeline that may repeat itself is forgiven repeats, and nothing else") {
  for (const Delivery delivery : {Delivery::kExactlyOnce, Delivery::kAtLeastOnce}) {
    ContentMatcher matcher(
        {.topics = {{"t", true, {}, {}}}, .foreign = {}, .delivery = delivery, .forget = false});
    for (const char c : {'a', 'b', 'c', 'd'}) matcher.Expect(0, "k", Value(c), true);
    for (const char c : {'a', 'b', 'a', 'b', 'c', 'b', 'c', 'd'}) {
      matcher.AddProduced(0, 0, "k", Value(c));
    }
    const bool allowed = delivery == Delivery::kAtLeastOnce;
    CHECK(matcher.Judge(0).passed() == allowed);
    CHECK(matcher.Judge(0).flaw(Flaw::kDuplicate) == (allowed ? 0u : 4u));
    CHECK(matcher.Judge(0).repeats == (allowed ? 4u : 0u));
    matcher.AddProduced(0, 0, "k", Value('x'));
    CHECK(matcher.Judge(0).flaw(Flaw::kUnexpected) == 1);
  }
}

}  // namespace
}  // namespace playload
