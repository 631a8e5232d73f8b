#include "generator/rules/load.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "generator/rules/expression.h"

namespace playload {
namespace {

// A rule with one line in the place of another one.
constexpr const char* kGood = R"(rule_set: mine
about: What it is for.
rules:
  - rule: first
    input: purchase-events
    key: user_data.user_id
    state:
      n: count where parameters.transaction_type == "refund"
      total: sum parameters.amount
      shop: last parameters.currency
    window: {sliding: 10m, lateness: 5s}
    cool_down: 1h
    output: my-alerts
    output_key: key
    first_of:
      - when: n > 5 and total >= 1.5
        record: {user: key, inner: {n: n, a: n * 2 - 1}, text: '"like this"'}
      - record: event
)";

std::string With(const std::string& was, const std::string& is) {
  std::string text = kGood;
  const std::size_t at = text.find(was);
  REQUIRE(at != std::string::npos);
  return text.replace(at, was.size(), is);
}

TEST_CASE("A rule set is read as it is written") {
  const Result<RuleSet> read = ParseRuleSet("mine.yaml", kGood);
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  CHECK(read->name == "mine");
  CHECK(read->about == "What it is for.");
  CHECK(read->text == kGood);
  CHECK(read->Outputs() == std::vector<std::string>{"my-alerts"});
  REQUIRE(read->rules.size() == 1);
  const Rule& rule = read->rules[0];
  CHECK(rule.input == Kind::kPurchase);
  CHECK(rule.key == "user_data.user_id");
  REQUIRE(rule.state.size() == 3);
  CHECK(rule.state[0].aggregate == Aggregate::kCount);
  CHECK(ExprText(*rule.state[0].where) == "parameters.transaction_type == \"refund\"");
  CHECK(rule.state[1].field == "parameters.amount");
  CHECK(rule.window.form == RuleWindow::Form::kSliding);
  CHECK(rule.window.size_ns == 600'000'000'000);
  CHECK(rule.window.lateness_ns == 5'000'000'000);
  CHECK(rule.window.edge_ns == 0);
  CHECK(rule.cool_down_ns == 3'600'000'000'000);
  REQUIRE(rule.alternatives.size() == 2);
  CHECK(rule.alternatives[0].record[1].fields[1].value ==
        ParseExpr("n*2-1", Kind::kPurchase, 0).operator*());
  CHECK(rule.alternatives[1].event);
  CHECK_FALSE(rule.alternatives[1].when.has_value());
  RuleSet again = *read;
  const Result<RuleSet> second = ParseRuleSet("again", RuleSetText(again));
  REQUIRE_MESSAGE(second.has_value(), second.error().message());
  CHECK(*second == *read);
}

struct Wrong {
  const char* was;
  const char* is;
  int line;
  const char* words;  // that the message must hold, separated by '|'
};

TEST_CASE("What is wrong is said in one line with its place and the nearest name") {
  const std::vector<Wrong> all = {
      {"rule_set: mine", "rule_set: Mine!", 1, "rule_set|'Mine!'"},
      {"rule_set:", "ruleset:", 1, "'ruleset'|'rule_set'"},
      {"    cool_down: 1h", "    cooldown: 1h", 12, "'cooldown'|'cool_down'"},
      {"purchase-events", "purchase-event", 4, "'purchase-event'|'purchase-events'"},
      {"key: user_data.user_id", "key: user_data.userid", 4,
       "'user_data.userid'|'user_data.user_id'"},
      {"key: user_data.user_id", "key: parameters.amount", 4, "key must be a text"},
      {"n: count where", "n: cuont where", 8, "'cuont'|'count'"},
      {"n: count where", "n: count if", 8, "'where'|'if'"},
      {"n: count", "key: count", 8, "'key'|meaning"},
      {"n: count", "N: count", 8, "'N'|a-z"},
      {"sum parameters.amount", "sum parameters.amuont", 9,
       "'parameters.amuont'|'parameters.amount'"},
      {"sum parameters.amount", "sum parameters.currency", 9, "sum needs a number"},
      {"sum parameters.amount", "sum", 9, "sum needs a field"},
      {"== \"refund\"", "== 5", 8, "cannot compare a text with a number"},
      {"== \"refund\"", "> \"refund\"", 8, "== and != alone"},
      {"== \"refund\"", "== refund", 8, "'refund'|double quotes"},
      {"== \"refund\"", "== \"refund", 8, "second double quote"},
      {"where parameters.transaction_type == \"refund\"", "where total > 5", 8,
       "one event alone|'total'"},
      {"sliding: 10m", "sliding: 0s", 11, "'sliding'|1ms|'0s'"},
      {"sliding: 10m", "slding: 10m", 11, "'slding'|'sliding'"},
      {"sliding: 10m, lateness: 5s", "last: 0", 11, "'last'|1 to 100000"},
      {"sliding: 10m", "last: 5", 11, "lateness"},
      {"sliding: 10m, lateness", "last: 5, edge", 11, "'edge'"},
      {"lateness: 5s", "edge: 5000d", 11, "'edge'|3650d"},
      {"sliding: 10m, lateness: 5s", "lateness: 5s", 11, "one of tumbling"},
      {"sliding: 10m", "sliding: 10m, session: 1m", 11, "one of tumbling"},
      {"lateness: 5s", "lateness: 5000d", 11, "'lateness'|3650d"},
      {"cool_down: 1h", "cool_down: 0s", 12, "'cool_down'|1ms"},
      {"output: my-alerts", "output: my alerts", 4, "'my alerts'"},
      {"output: my-alerts", "output: server-metrics", 4, "'server-metrics' is an input"},
      {"output_key: key", "output_key: n", 14, "output_key must be a text"},
      {"output_key: key", "output_key: kee", 14, "'kee'|'key'"},
      {"when: n > 5", "when: m > 5 or nn > 6", 16, "unknown name 'm'"},
      {"when: n > 5 and total >= 1.5", "when: currency == \"USD\"", 16,
       "'currency'|'parameters.currency'"},
      {"when: n > 5 and total >= 1.5", "when: parameters.curency == \"USD\"", 16,
       "'parameters.curency'|'parameters.currency'"},
      {"when: n > 5 and total >= 1.5", "when: parameters.cpu_load > 5", 16,
       "purchase-events has no field"},
      {"when: n > 5 and total >= 1.5", "when: n", 16, "must be a condition"},
      {"when: n > 5 and total >= 1.5", "when: n > 5 and total", 16,
       "'and' needs a condition|total"},
      {"when: n > 5 and total >= 1.5", "when: not n", 16, "'not' needs a condition"},
      {"when: n > 5 and total >= 1.5", "when: n + shop > 5", 16, "'+' needs a number|shop"},
      {"when: n > 5 and total >= 1.5", "when: n = 5", 16, "column 3|=="},
      {"when: n > 5 and total >= 1.5", "when: 1 < n < 5", 16, "column 7|in a row"},
      {"when: n > 5 and total >= 1.5", "when: n > ", 16, "column 4|at the end"},
      {"when: n > 5 and total >= 1.5", "when: (n > 5", 16, "')'"},
      {"when: n > 5 and total >= 1.5", "when: n > 5 total", 16, "column 7|'total'"},
      {"when: n > 5 and total >= 1.5", "when: n > 1e5", 16, "column 6"},
      {"when: n > 5 and total >= 1.5", "when: n / 2 > 5", 16, "column 3|'/'"},
      {"when: n > 5 and total >= 1.5", "when: [n, 5]", 16, "must be an expression"},
      {"{user: key,", "{user: key, user: n,", 17, "'user'|second time"},
      {"{user: key,", "{\"us\\ner\": [key],", 17, "a record's field|printable"},
      {"{user: key,", "{\"us\\e[1mer\": key key,", 17, "a record's field|printable"},
      {"{user: key,", "{<<: {user: key},", 17, "not merged"},
      {"n * 2 - 1", "n > 1", 17, "must be a value"},
      {"n * 2 - 1", "m * 2", 17, "'m'"},
      {"'\"like this\"'", "like this", 17, "'this'"},
      {"record: event\n", "record: evnet\n", 18, "'event'"},
      {"      - when: n > 5 and total >= 1.5\n        record", "      - record", 16,
       "only the last"},
      {"    first_of:", "    when: n > 5\n    first_of:", 4, "either 'record'"},
      {"rule: first", "rule: First", 4, "a rule's name"},
  };
  for (const Wrong& wrong : all) {
    const std::string text = With(wrong.was, wrong.is);
    CAPTURE(text);
    const Result<RuleSet> read = ParseRuleSet("mine.yaml", text);
    REQUIRE_FALSE(read.has_value());
    const std::string& message = read.error().message();
    CAPTURE(message);
    CHECK(read.error().code() == Code::kInvalid);
    CHECK(message.starts_with("mine.yaml:" + std::to_string(wrong.line) + ": "));
    CHECK(message.find('\n') == std::string::npos);
    std::string words = wrong.words;
    for (std::size_t at = 0; at <= words.size();) {
      const std::size_t end = std::min(words.find('|', at), words.size());
      CHECK(message.find(words.substr(at, end - at)) != std::string::npos);
      at = end + 1;
    }
  }
}

constexpr const char* kClosing = R"(rule_set: mine
rules:
  - rule: first
    input: purchase-events
    key: user_data.user_id
    window: {session: 10m, edge: 250ms, answer: closed}
    state: {n: count where parameters.amount > 5, shop: last parameters.currency}
    output: my-alerts
    output_key: shop
    when: n > 5 and window_end - window_start > 1000
    record: {user: key, start: window_start}
)";

TEST_CASE("A window that answers when it closes has bounds, and no event") {
  const Result<RuleSet> read = ParseRuleSet("mine.yaml", kClosing);
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  CHECK(read->rules[0].window.closes());
  CHECK(read->rules[0].window.edge_ns == 250'000'000);
  const Result<RuleSet> again = ParseRuleSet("again", RuleSetText(*read));
  REQUIRE_MESSAGE(again.has_value(), again.error().message());
  CHECK(*again == *read);
  const auto message = [](const std::string& was, const std::string& is) {
    std::string text = kClosing;
    text.replace(text.find(was), was.size(), is);
    const Result<RuleSet> wrong = ParseRuleSet("mine.yaml", text);
    CAPTURE(text);
    REQUIRE_FALSE(wrong.has_value());
    return wrong.error().message();
  };
  const std::string rule = "rule 'first': ";
  CHECK(message("session: 10m", "sliding: 10m") ==
        "mine.yaml:3: " + rule +
            "window: a tumbling one and a session close, and no other; leave out 'answer: closed'");
  CHECK(message("session: 10m, edge: 250ms", "last: 5").find("a tumbling one and a session") !=
        std::string::npos);
  CHECK(message("answer: closed", "answer: close") ==
        "mine.yaml:6: " + rule + "window: unknown answer 'close'; did you mean 'closed'?");
  CHECK(message("answer: closed", "answer: each") ==
        "mine.yaml:10: " + rule +
            "when: window_end is known when a window closes; the window needs 'answer: closed'");
  CHECK(message("    output:", "    cool_down: 5m\n    output:").find("cool_down") !=
        std::string::npos);
  const std::string no_event =
      "a window that answers when it closes has no event; take 'last FIELD' as state";
  CHECK(message("record: {user: key, start: window_start}", "record: event") ==
        "mine.yaml:11: " + rule + "record: " + no_event);
  CHECK(message("user: key", "user: parameters.amount") ==
        "mine.yaml:11: " + rule + "record: user: " + no_event + ": parameters.amount");
  CHECK(message("output_key: shop", "output_key: parameters.currency") ==
        "mine.yaml:9: " + rule + "output_key: " + no_event + ": parameters.currency");
  CHECK(message("amount > 5", "amount > window_start") ==
        "mine.yaml:7: " + rule + "state 'n': where: looks at one event alone, not at window_start");
  CHECK(message("n: count", "window_end: count").find("has a meaning already") !=
        std::string::npos);
  CHECK(
      message("n > 5 and window_end", "n > 5 and window_ende").find("did you mean 'window_end'?") !=
      std::string::npos);
}

TEST_CASE("Two rules of one name, no rules, unknown built-ins") {
  std::string twice = kGood;
  twice += twice.substr(twice.find("  - rule:"));
  const Result<RuleSet> read = ParseRuleSet("mine.yaml", twice);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().message() == "mine.yaml:19: rule 'first': is here a second time");
  CHECK_FALSE(ParseRuleSet("x.yaml", "rule_set: x\nrules: []\n").has_value());
  const Result<RuleSet> unknown = LoadRuleSet("datafow");
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().message().find("'dataflow'") != std::string::npos);
  CHECK_FALSE(LoadRuleSet("./not-there.yaml").has_value());
  for (const std::string& name : BuiltInRuleSets()) {
    const Result<RuleSet> rules = LoadRuleSet(name);
    REQUIRE_MESSAGE(rules.has_value(), rules.error().message());
    CHECK(rules->name == name);
    CHECK_FALSE(rules->about.empty());
  }
}

// Bytes changed, lost, doubled: an error with the file's name, or a rule set that can be written
// and read again; never anything else.
TEST_CASE("Broken files are refused or are rule sets") {
  std::mt19937 random(3);
  std::vector<std::string> texts = {kGood, kClosing};
  for (const std::string& name : BuiltInRuleSets()) texts.push_back(LoadRuleSet(name)->text);
  int good = 0;
  int bad = 0;
  for (int i = 0; i < 6'000; ++i) {
    std::string text = texts[random() % texts.size()];
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = " :\"'{}[]()-+*<>=&#nx0.\\\n"[random() % 25];
          break;
        case 1:
          text.erase(at, 1 + random() % 4);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), 1 + random() % 12));
          break;
        default:
          text.resize(1 + random() % text.size());
          break;
      }
    }
    const Result<RuleSet> read = ParseRuleSet("x.yaml", text);
    CAPTURE(text);
    if (!read) {
      ++bad;
      CHECK(read.error().code() == Code::kInvalid);
      CHECK(read.error().message().starts_with("x.yaml:"));
      CHECK(read.error().message().find('\n') == std::string::npos);
      continue;
    }
    ++good;
    const Result<RuleSet> again = ParseRuleSet("y.yaml", RuleSetText(*read));
    REQUIRE_MESSAGE(again.has_value(), again.error().message());
    CHECK(*again == *read);
  }
  CHECK(good > 300);
  CHECK(bad > 3'000);
}

TEST_CASE("Expressions keep their meaning when they are written again") {
  for (const char* const text :
       {"a + b * c", "(a + b) * c", "a - (b - c)", "a - b - c", "-a * b", "-(a * b)", "-(5)", "-5",
        "a - -5", "not a > b", "not (a > b and c > d)", "not not a > b",
        "a > b and (c > d or e > f)", "a > b and c > d or e > f", "a == \"x \\\" \\\\\"",
        "key != \"\"", "parameters.amount + 0.25 >= a"}) {
    CAPTURE(text);
    const Result<Expr> expr = ParseExpr(text, Kind::kPurchase, 1);
    REQUIRE_MESSAGE(expr.has_value(), expr.error().message());
    CHECK(ExprText(*expr) == text);
  }
  // Whatever nests or grows without end is refused, not run out of stack with.
  const std::string deep = std::string(5'000, '(') + "a" + std::string(5'000, ')');
  CHECK_FALSE(ParseExpr(deep, Kind::kPurchase, 1).has_value());
  std::string chain = "a > 1";
  for (int i = 0; i < 5'000; ++i) chain += " and a > 1";
  CHECK_FALSE(ParseExpr(chain, Kind::kPurchase, 1).has_value());
  CHECK_FALSE(ParseExpr(std::string(5'000, '-') + "a", Kind::kPurchase, 1).has_value());
}

}  // namespace
}  // namespace playload
