// Rule sets and streams at random, made to meet at their edges: few keys, few values, times that
// repeat, go back and stand exactly at the ends of windows, broken events, and constants out of the
// same few numbers as the data.
//
// The same seed makes the same rules and stream.

#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "generator/base/text.h"
#include "generator/rules/naive.h"
#include "generator/rules/rule_set.h"

namespace playload::testing {

class RandomRules {
 public:
  explicit RandomRules(std::uint64_t seed) : random_(seed) {}

  RuleSet Rules() {
    RuleSet set;
    set.name = "random";
    set.file = "random";
    const unsigned rules = 1 + Below(3);
    for (unsigned i = 0; i < rules; ++i) set.rules.push_back(OneRule(i));
    return set;
  }

  std::vector<RecordedEvent> Stream(unsigned events) {
    std::vector<RecordedEvent> stream;
    while (stream.size() < events) {
      if (!stream.empty() && Below(12) == 0) {
        stream.push_back(stream[Below(static_cast<unsigned>(stream.size()))]);  // again, or late
        continue;
      }
      const auto kind = static_cast<Kind>(Below(3));
      stream.push_back({kind, Line(kind)});
    }
    return stream;
  }

  // Events of one kind and few keys, half of them far behind: sessions that grow together.
  std::vector<RecordedEvent> Jumble(unsigned events, Kind kind) {
    jumbled_ = true;
    std::vector<RecordedEvent> stream;
    while (stream.size() < events) stream.push_back({kind, Line(kind)});
    return stream;
  }

 private:
  unsigned Below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool OneIn(unsigned n) { return Below(n) == 0; }
  template <typename T, std::size_t N>
  const T& Pick(const T (&of)[N]) {
    return of[Below(N)];
  }

  // --- Rules ---

  Rule OneRule(unsigned number) {
    Rule rule;
    rule.name = "rule-" + std::to_string(number);
    rule.input = static_cast<Kind>(Below(3));
    rule.key = Field(rule, FieldType::kText);
    if (!OneIn(4)) {
      rule.key = rule.input == Kind::kServer ? "parameters.server_id" : "user_data.user_id";
    }
    const unsigned values = Below(5);
    for (unsigned i = 0; i < values; ++i) rule.state.push_back(State(rule, i));
    rule.window = Window();
    if (!rule.window.closes() && OneIn(3)) rule.cool_down_ns = Seconds();
    static constexpr const char* kTopics[] = {"alerts", "Other.topic", "a_1"};
    rule.output = Pick(kTopics);
    if (OneIn(4)) rule.output_key = Text(rule);
    const unsigned alternatives = 1 + Below(3);
    for (unsigned i = 0; i < alternatives; ++i) {
      Alternative alternative;
      if (i + 1 < alternatives || !OneIn(3)) alternative.when = Condition(rule, true, 3);
      alternative.event = !rule.window.closes() && OneIn(6);
      if (!alternative.event) alternative.record = Record(rule, 2);
      rule.alternatives.push_back(std::move(alternative));
    }
    return rule;
  }

  std::string Field(const Rule& rule, FieldType type) {
    std::vector<std::string> fitting;
    for (const EventField& field : FieldsOf(rule.input)) {
      const bool number = field.type != FieldType::kText;
      if (number == (type != FieldType::kText)) fitting.emplace_back(field.path);
    }
    return fitting.empty() ? "" : fitting[Below(static_cast<unsigned>(fitting.size()))];
  }

  StateValue State(const Rule& rule, unsigned number) {
    StateValue value;
    value.name = "v" + std::to_string(number);
    value.aggregate = static_cast<Aggregate>(Below(kAggregateForms));
    const bool any = value.aggregate == Aggregate::kDistinct || value.aggregate == Aggregate::kLast;
    if (value.aggregate != Aggregate::kCount) {
      if (!any || OneIn(3)) value.field = Field(rule, FieldType::kNumber);
      if (value.field.empty() && any) value.field = Field(rule, FieldType::kText);
      if (value.field.empty()) value.aggregate = Aggregate::kCount;  // player events: texts alone
    }
    if (OneIn(2)) value.where = Condition(rule, false, 2);
    return value;
  }

  std::int64_t Seconds() {
    return (1 + static_cast<std::int64_t>(Below(12))) * 1'000'000'000 +
           (OneIn(5) ? static_cast<std::int64_t>(1 + Below(900)) * 1'000'000 : 0);
  }

  RuleWindow Window() {
    RuleWindow window;
    window.form = static_cast<RuleWindow::Form>(Below(5));
    if (window.of_time()) {
      window.size_ns = Seconds();
      if (OneIn(2)) window.lateness_ns = Seconds();
      if (OneIn(3)) window.edge_ns = OneIn(2) ? Seconds() : Below(1'000) * 1'000'000;
      if (window.form != RuleWindow::Form::kSliding && OneIn(2)) {
        window.answer = RuleWindow::Answer::kClosed;
      }
    } else if (window.form == RuleWindow::Form::kLast) {
      window.events = 1 + Below(6);
    }
    return window;
  }

  double Number() {
    static constexpr double kNumbers[] = {0, 1, 2, 3, 4, 5, 0.1, 4.99, 9.99, 80, 81, -1, 100000};
    return Pick(kNumbers);
  }
  std::string Word() {
    static constexpr const char* kWords[] = {"USD",         "EUR", "player_1", "purchase",
                                             "refund",      "PC",  "move",     "us-west",
                                             "a \"b\" \\c", "",    "server_1"};
    return Pick(kWords);
  }

  std::vector<std::string> States(const Rule& rule, bool text) {
    std::vector<std::string> names;
    for (const StateValue& value : rule.state) {
      if ((TypeOf(rule, StateExpr(value.name)) == ExprType::kText) == text) {
        names.push_back(value.name);
      }
    }
    return names;
  }

  // Whether the expression is one of a window's answer.
  static bool NoEvent(const Rule& rule, bool with_state) {
    return with_state && rule.window.closes();
  }

  Expr Text(const Rule& rule, bool with_state = true) {
    const std::vector<std::string> states = States(rule, true);
    if (with_state && !states.empty() && OneIn(3)) {
      return StateExpr(states[Below(static_cast<unsigned>(states.size()))]);
    }
    switch (Below(NoEvent(rule, with_state) ? 2 : 3)) {
      case 0:
        return KeyExpr();
      case 1:
        return TextExpr(Word());
      default:
        return FieldExpr(Field(rule, FieldType::kText));
    }
  }

  Expr NumberValue(const Rule& rule, bool with_state, int depth) {
    const std::vector<std::string> states = States(rule, false);
    if (with_state && !states.empty() && !OneIn(3)) {
      return StateExpr(states[Below(static_cast<unsigned>(states.size()))]);
    }
    const bool no_event = NoEvent(rule, with_state);
    if (no_event && OneIn(3)) return OneIn(2) ? WindowStartExpr() : WindowEndExpr();
    const std::string field = no_event ? "" : Field(rule, FieldType::kNumber);
    if (depth > 0 && OneIn(4)) {
      static constexpr Expr::Op kOps[] = {Expr::Op::kAdd, Expr::Op::kSubtract, Expr::Op::kMultiply};
      Expr a = NumberValue(rule, with_state, depth - 1);
      if (OneIn(5)) return a.op == Expr::Op::kNumber ? a : UnaryExpr(Expr::Op::kNegate, a);
      return BinaryExpr(Pick(kOps), std::move(a), NumberValue(rule, with_state, depth - 1));
    }
    return field.empty() || OneIn(3) ? NumberExpr(Number()) : FieldExpr(field);
  }

  Expr Condition(const Rule& rule, bool with_state, int depth) {
    if (depth > 0 && OneIn(3)) {
      Expr a = Condition(rule, with_state, depth - 1);
      if (OneIn(3)) return UnaryExpr(Expr::Op::kNot, std::move(a));
      return BinaryExpr(OneIn(2) ? Expr::Op::kAnd : Expr::Op::kOr, std::move(a),
                        Condition(rule, with_state, depth - 1));
    }
    static constexpr Expr::Op kOps[] = {Expr::Op::kEqual,   Expr::Op::kNotEqual,
                                        Expr::Op::kLess,    Expr::Op::kLessEqual,
                                        Expr::Op::kGreater, Expr::Op::kGreaterEqual};
    const Expr::Op op = Pick(kOps);
    const bool texts = op <= Expr::Op::kNotEqual && OneIn(2);
    if (texts) return BinaryExpr(op, Text(rule, with_state), Text(rule, with_state));
    return BinaryExpr(op, NumberValue(rule, with_state, 2), NumberValue(rule, with_state, 2));
  }

  std::vector<RecordField> Record(const Rule& rule, int depth) {
    std::vector<RecordField> record;
    const unsigned fields = 1 + Below(4);
    static constexpr const char* kNames[] = {"user_id", "b c", "n\"", "last"};
    for (unsigned i = 0; i < fields; ++i) {
      RecordField field;
      field.name = kNames[i];
      if (depth > 0 && OneIn(5)) {
        field.fields = Record(rule, depth - 1);
      } else {
        field.value = OneIn(2) ? Text(rule) : NumberValue(rule, true, 2);
      }
      record.push_back(std::move(field));
    }
    return record;
  }

  // --- Events ---

  std::string Time() {
    if (OneIn(40)) return OneIn(2) ? "yesterday" : "2026-02-30T00:00:00Z";
    now_ms_ += OneIn(3) ? 0 : static_cast<std::int64_t>(Below(4)) * 1'000;
    std::int64_t ms = now_ms_;
    if (OneIn(jumbled_ ? 2 : 5)) {  // out of order
      ms -= static_cast<std::int64_t>(Below(jumbled_ ? 30 : 16)) * 1'000;
    }
    if (OneIn(8)) ms += Below(1'000);
    std::string text = FormatInstant(ms * 1'000'000);
    if (OneIn(10)) text.pop_back();  // without its zone
    return text;
  }

  std::string Amount() {
    static constexpr const char* kAmounts[] = {"0",    "0.1", "4.99",   "9.99", "5.0", "1e2",
                                               "-0.0", "-1",  "100000", "1e15", "3"};
    return Pick(kAmounts);
  }
  std::string Whole() {
    static constexpr const char* kWholes[] = {"0", "1", "79", "80", "81", "100", "4294967295"};
    static constexpr const char* kBroken[] = {"80.0", "\"81\"", "-1", "4294967296", "null", "1e1"};
    return OneIn(30) ? Pick(kBroken) : Pick(kWholes);
  }
  std::string Quoted(const std::string& text) {
    if (OneIn(200)) return OneIn(2) ? "7" : "null";  // broken
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + "\"";
  }
  std::string User() { return "player_" + std::to_string(1 + Below(3)); }

  std::string Line(Kind kind) {
    static constexpr const char* kCurrencies[] = {"USD", "USD", "EUR", "JPY"};
    static constexpr const char* kTypes[] = {"purchase", "purchase", "refund"};
    static constexpr const char* kEvents[] = {"move", "interaction", "level_complete"};
    static constexpr const char* kRegions[] = {"us-west", "a \"b\" \\c", "\x01x"};
    std::string parameters;
    std::string who;
    switch (kind) {
      case Kind::kPlayer:
        parameters = R"("player_id":)" + Quoted(User()) + R"(,"session_id":)" +
                     Quoted("session_" + std::to_string(Below(3))) + R"(,"event_type":)" +
                     Quoted(Pick(kEvents)) + R"(,"level_id":)" +
                     Quoted("level_0" + std::to_string(Below(3))) + R"(,"map_id":)" +
                     Quoted("map_0" + std::to_string(Below(2)));
        break;
      case Kind::kPurchase:
        parameters = R"("transaction_id":)" + Quoted("trans_" + std::to_string(Below(99))) +
                     R"(,"transaction_type":)" + Quoted(Pick(kTypes)) + R"(,"currency":)" +
                     Quoted(Pick(kCurrencies)) + R"(,"amount":)" + Amount() +
                     R"(,"item_id":"skin_wolf","item_type":"skin")";
        break;
      case Kind::kServer:
        parameters = R"("server_id":)" + Quoted("server_" + std::to_string(1 + Below(2))) +
                     R"(,"cpu_load":)" + Whole() + R"(,"memory_usage":)" + Whole() +
                     R"(,"latency":)" + Whole();
        break;
    }
    if (OneIn(60)) parameters = R"("nothing":true)";
    if (OneIn(20)) parameters += R"(,"extra":[1,{"a":"b"}])";
    std::string region;
    for (const char c : std::string(Pick(kRegions))) {
      region += c == '\x01' ? "\\u0001"
                : c == '"'  ? "\\\""
                : c == '\\' ? "\\\\"
                            : std::string(1, c);
    }
    who = kind == Kind::kServer
              ? R"("server_data":{"region":")" + region + R"(","server_type":"dedicated"})"
              : R"("user_data":{"user_id":)" + Quoted(User()) + R"(,"platform":"PC"})";
    if (OneIn(60)) who = R"("who":{})";
    const std::string line = R"({"event_name":"e","parameters":{)" + parameters +
                             R"(},"event_timestamp":")" + Time() + "\"," + who + "}";
    return OneIn(100) ? line.substr(0, line.size() / 2) : line;
  }

  std::mt19937_64 random_;
  bool jumbled_ = false;
  std::int64_t now_ms_ = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
};

}  // namespace playload::testing
