// RuleSet: what a pipeline must put out, as data (docs/rules.md). A plain value: it can be copied
// and edited, member by member, and CheckRules() says whether the result still has a meaning. Names
// stand as they are written; nothing in it is an index, so that any part can be taken out or put
// in.
//
// Threads: value types and pure functions. Units: nanoseconds.
// Errors: kInvalid, one line, "FILE:LINE: rule 'x': what; what would be right".

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/event/record.h"

namespace playload {

// --- The documented fields of events, in their order ---

enum class FieldType : std::uint8_t { kText, kWhole, kNumber };

struct EventField {
  std::string_view path;  // "parameters.currency"
  FieldType type;
};

inline constexpr std::size_t kMostFields = 10;
std::span<const EventField> FieldsOf(Kind input);
// Index into FieldsOf(); nullopt when there is no such field.
std::optional<std::size_t> FindField(Kind input, std::string_view path);
inline constexpr const char* kRuleInputs[kKinds] = {"player-events", "purchase-events",
                                                    "server-metrics"};
inline constexpr std::string_view kTimeField = "event_timestamp";
inline constexpr std::string_view kWindowStartWord = "window_start";
inline constexpr std::string_view kWindowEndWord = "window_end";

// --- Expressions ---

struct Expr {
  enum class Op : std::uint8_t {
    kNumber,  // `number`
    kText,    // `name` is the text
    kField,   // `name` is its path
    kState,   // `name` is its name
    kKey,
    kWindowStart,  // milliseconds since 1970, of a window that closes
    kWindowEnd,
    kNegate,
    kNot,
    kAdd,
    kSubtract,
    kMultiply,
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kAnd,
    kOr,
  };
  Op op = Op::kKey;
  double number = 0;
  std::string name;
  std::vector<Expr> of;  // operands: none, one or two
  int line = 0;          // of the file; 0: made by a program

  bool operator==(const Expr& other) const;  // whatever the lines
};

inline Expr NumberExpr(double number) { return {Expr::Op::kNumber, number, "", {}, 0}; }
inline Expr TextExpr(std::string text) { return {Expr::Op::kText, 0, std::move(text), {}, 0}; }
inline Expr FieldExpr(std::string path) { return {Expr::Op::kField, 0, std::move(path), {}, 0}; }
inline Expr StateExpr(std::string name) { return {Expr::Op::kState, 0, std::move(name), {}, 0}; }
inline Expr KeyExpr() { return {}; }
inline Expr WindowStartExpr() { return {Expr::Op::kWindowStart, 0, "", {}, 0}; }
inline Expr WindowEndExpr() { return {Expr::Op::kWindowEnd, 0, "", {}, 0}; }
inline Expr UnaryExpr(Expr::Op op, Expr a) { return {op, 0, "", {std::move(a)}, 0}; }
inline Expr BinaryExpr(Expr::Op op, Expr a, Expr b) {
  return {op, 0, "", {std::move(a), std::move(b)}, 0};
}

// kWhole is a kNumber that is printed as an integer.
enum class ExprType : std::uint8_t { kCondition, kText, kWhole, kNumber };

// --- Rules ---

enum class Aggregate : std::uint8_t { kCount, kSum, kDistinct, kLast, kMin, kMax };
inline constexpr int kAggregateForms = 6;
inline constexpr const char* kAggregateNames[kAggregateForms] = {"count", "sum", "distinct",
                                                                 "last",  "min", "max"};

struct StateValue {
  std::string name;
  Aggregate aggregate = Aggregate::kCount;
  std::string field;          // "" for kCount
  std::optional<Expr> where;  // over the event's fields and key alone
  int line = 0;

  bool operator==(const StateValue& other) const;
};

struct RuleWindow {
  enum class Form : std::uint8_t { kAll, kTumbling, kSliding, kSession, kLast };
  enum class Answer : std::uint8_t { kEach, kClosed };  // after each event, or once at its end
  Form form = Form::kAll;
  Answer answer = Answer::kEach;
  std::int64_t size_ns = 0;  // of kSession: the gap
  std::int64_t events = 0;   // kLast
  std::int64_t lateness_ns = 0;
  std::int64_t edge_ns = 0;  // so near the bound of lateness an event may count or not

  [[nodiscard]] bool of_time() const { return form != Form::kAll && form != Form::kLast; }
  [[nodiscard]] bool closes() const { return answer == Answer::kClosed; }
  bool operator==(const RuleWindow&) const = default;
};
inline constexpr const char* kAnswerNames[2] = {"each", "closed"};
inline constexpr const char* kWindowNames[5] = {"all", "tumbling", "sliding", "session", "last"};

// A field of an output record: a value, or an object of further fields.
struct RecordField {
  std::string name;
  std::optional<Expr> value;
  std::vector<RecordField> fields;  // where there is no value
  int line = 0;

  bool operator==(const RecordField& other) const;
};

struct Alternative {
  std::optional<Expr> when;  // absent: always
  bool event = false;        // the record is the event itself
  std::vector<RecordField> record;
  int line = 0;

  bool operator==(const Alternative& other) const;
};

struct Rule {
  std::string name;
  Kind input = Kind::kPlayer;
  std::string key;  // a field
  std::vector<StateValue> state;
  RuleWindow window;
  std::int64_t cool_down_ns = 0;  // 0: none
  std::string output;
  Expr output_key;  // the key itself where nothing is said
  std::vector<Alternative> alternatives;
  int line = 0;

  // Whether an event's time matters.
  [[nodiscard]] bool uses_time() const { return window.of_time() || cool_down_ns > 0; }
  // Whether earlier events matter.
  [[nodiscard]] bool has_memory() const { return !state.empty() || uses_time(); }
  bool operator==(const Rule& other) const;
};

struct RuleSet {
  std::string name;
  std::string about;
  std::vector<Rule> rules;
  std::string file;  // for messages; "dataflow (built-in)"
  std::string text;  // as it was read; RuleSetText() of one that was made by a program

  bool operator==(const RuleSet& other) const;  // whatever the file, its text and the lines
  // The output topics, each once, in the order of the rules.
  [[nodiscard]] std::vector<std::string> Outputs() const;
};

// Whether every name is there, types fit and sizes are within their bounds.
Status CheckRules(const RuleSet& rules);
// Whether a field of a record can have this name.
Status CheckRecordField(std::string_view name);
// REQUIRES: `rule` passed CheckRules() and the expression is one of its own.
ExprType TypeOf(const Rule& rule, const Expr& expr);

// The expression with the parentheses that it needs, and the rule set in the file's format: reading
// them gives the same again.
std::string ExprText(const Expr& expr);
std::string RuleSetText(const RuleSet& rules);

}  // namespace playload
