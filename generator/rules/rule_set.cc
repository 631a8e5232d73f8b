#include "generator/rules/rule_set.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "generator/base/text.h"

namespace playload {
namespace {

using Op = Expr::Op;

constexpr EventField kPlayerFields[] = {{"event_name", FieldType::kText},
                                        {"parameters.player_id", FieldType::kText},
                                        {"parameters.session_id", FieldType::kText},
                                        {"parameters.event_type", FieldType::kText},
                                        {"parameters.level_id", FieldType::kText},
                                        {"parameters.map_id", FieldType::kText},
                                        {"event_timestamp", FieldType::kText},
                                        {"user_data.user_id", FieldType::kText},
                                        {"user_data.platform", FieldType::kText}};
constexpr EventField kPurchaseFields[] = {{"event_name", FieldType::kText},
                                          {"parameters.transaction_id", FieldType::kText},
                                          {"parameters.transaction_type", FieldType::kText},
                                          {"parameters.currency", FieldType::kText},
                                          {"parameters.amount", FieldType::kNumber},
                                          {"parameters.item_id", FieldType::kText},
                                          {"parameters.item_type", FieldType::kText},
                                          {"event_timestamp", FieldType::kText},
                                          {"user_data.user_id", FieldType::kText},
                                          {"user_data.platform", FieldType::kText}};
constexpr EventField kServerFields[] = {
    {"event_name", FieldType::kText},           {"parameters.server_id", FieldType::kText},
    {"parameters.cpu_load", FieldType::kWhole}, {"parameters.memory_usage", FieldType::kWhole},
    {"parameters.latency", FieldType::kWhole},  {"event_timestamp", FieldType::kText},
    {"server_data.region", FieldType::kText},   {"server_data.server_type", FieldType::kText}};

constexpr std::size_t kMostRules = 64;
constexpr std::size_t kMostValues = 16;        // of a rule's state
constexpr std::size_t kMostAlternatives = 16;  // of a rule
constexpr std::size_t kMostRecordFields = 64;
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestTopic = 249;  // Kafka's bound
constexpr int kMostDepth = 1'000;  // of an expression: a chain of 'and' is as deep as it is long
constexpr std::int64_t kShortest = 1'000'000;
constexpr std::int64_t kLongest = std::int64_t{3'650} * 86'400 * 1'000'000'000;
constexpr std::int64_t kMostEvents = 100'000;

// Of an expression over a window that closes.
constexpr std::string_view kNoEvent =
    "a window that answers when it closes has no event; take 'last FIELD' as state";

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsRuleName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && name.front() != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; });
}

bool IsTopic(std::string_view name) {
  return !name.empty() && name.size() <= kLongestTopic && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return IsLower(c) || IsDigit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
                  c == '-';
         });
}

bool IsStateName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && IsLower(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLower(c) || IsDigit(c) || c == '_'; });
}

bool IsReserved(std::string_view name) {
  return name == "key" || name == "and" || name == "or" || name == "not" || name == "event" ||
         name == "event_name" || name == kTimeField || name == kWindowStartWord ||
         name == kWindowEndWord;
}

bool IsNumeric(ExprType type) { return type == ExprType::kWhole || type == ExprType::kNumber; }

const char* TypeName(ExprType type) {
  switch (type) {
    case ExprType::kCondition:
      return "a condition";
    case ExprType::kText:
      return "a text";
    case ExprType::kWhole:
    case ExprType::kNumber:
      return "a number";
  }
  return "";
}

ExprType TypeOfField(FieldType type) {
  return type == FieldType::kText    ? ExprType::kText
         : type == FieldType::kWhole ? ExprType::kWhole
                                     : ExprType::kNumber;
}

ExprType TypeOfState(const Rule& rule, const StateValue& value) {
  if (value.aggregate == Aggregate::kCount || value.aggregate == Aggregate::kDistinct) {
    return ExprType::kWhole;
  }
  return TypeOfField(FieldsOf(rule.input)[*FindField(rule.input, value.field)].type);
}

const StateValue* FindState(const Rule& rule, std::string_view name) {
  for (const StateValue& value : rule.state) {
    if (value.name == name) return &value;
  }
  return nullptr;
}

const char* OpText(Op op) {
  switch (op) {
    case Op::kNegate:
    case Op::kSubtract:
      return "-";
    case Op::kNot:
      return "not";
    case Op::kAdd:
      return "+";
    case Op::kMultiply:
      return "*";
    case Op::kEqual:
      return "==";
    case Op::kNotEqual:
      return "!=";
    case Op::kLess:
      return "<";
    case Op::kLessEqual:
      return "<=";
    case Op::kGreater:
      return ">";
    case Op::kGreaterEqual:
      return ">=";
    case Op::kAnd:
      return "and";
    case Op::kOr:
      return "or";
    default:
      return "";
  }
}

std::vector<std::string> FieldPaths(Kind input) {
  std::vector<std::string> paths;
  for (const EventField& field : FieldsOf(input)) paths.emplace_back(field.path);
  return paths;
}

// Finds the first thing that is wrong with a rule set.
class Checker {
 public:
  explicit Checker(const RuleSet& set) : set_(set) {}

  Status Check() {
    if (!IsRuleName(set_.name)) {
      Fail(1, "rule_set must be 1 to 64 of a-z, 0-9 and '-', not beginning with '-', not " +
                  Quoted(set_.name));
    }
    if (set_.rules.empty()) Fail(1, "rules must be a list with at least one rule");
    if (set_.rules.size() > kMostRules) {
      Fail(1, "at most " + std::to_string(kMostRules) + " rules");
    }
    std::set<std::string> names;
    for (const Rule& rule : set_.rules) {
      rule_ = &rule;
      if (!IsRuleName(rule.name)) {
        FailRule(rule.line,
                 "a rule's name must be 1 to 64 of a-z, 0-9 and '-', not beginning with '-'");
      }
      if (!names.insert(rule.name).second) FailRule(rule.line, "is here a second time");
      CheckRule(rule);
    }
    return status_;
  }

 private:
  void Fail(int line, const std::string& message) {
    if (!status_.ok()) return;
    status_ = Invalid(set_.file + (line > 0 ? ":" + std::to_string(line) : "") + ": " + message);
  }
  void FailRule(int line, const std::string& message) {
    Fail(line > 0 ? line : rule_->line, "rule " + Quoted(rule_->name) + ": " + message);
  }

  void CheckRule(const Rule& rule) {
    CheckKey(rule);
    CheckWindow(rule);
    if (rule.state.size() > kMostValues) {
      FailRule(rule.line, "at most " + std::to_string(kMostValues) + " values of state");
    }
    std::set<std::string> names;
    for (const StateValue& value : rule.state) {
      if (!names.insert(value.name).second) {
        FailRule(value.line, "state " + Quoted(value.name) + " is here a second time");
      }
      CheckState(rule, value);
    }
    if (!IsTopic(rule.output)) {
      FailRule(rule.line, "output must be 1 to 249 of A-Z, a-z, 0-9, '.', '_' and '-', not " +
                              Quoted(rule.output));
    }
    // A pipeline would read what it writes, and --topic could not tell the two apart.
    if (std::find(std::begin(kRuleInputs), std::end(kRuleInputs), rule.output) !=
        std::end(kRuleInputs)) {
      FailRule(rule.line, "output " + Quoted(rule.output) + " is an input");
    }
    if (!status_.ok()) return;
    const std::optional<ExprType> key = Type(rule.output_key, "output_key", true);
    if (key && *key != ExprType::kText) {
      FailRule(rule.output_key.line,
               std::string("output_key must be a text, not ") + TypeName(*key));
    }
    CheckAlternatives(rule);
  }

  void CheckKey(const Rule& rule) {
    const std::optional<std::size_t> field = FindField(rule.input, rule.key);
    std::vector<std::string> texts;
    for (const EventField& f : FieldsOf(rule.input)) {
      if (f.type == FieldType::kText) texts.emplace_back(f.path);
    }
    if (!field) {
      FailRule(rule.line, "key: " + std::string(kRuleInputs[static_cast<unsigned>(rule.input)]) +
                              " has no field " + Quoted(rule.key) + DidYouMean(rule.key, texts));
    } else if (FieldsOf(rule.input)[*field].type != FieldType::kText) {
      FailRule(rule.line, "key must be a text; " + rule.key + " is a number");
    }
  }

  void CheckWindow(const Rule& rule) {
    const RuleWindow& window = rule.window;
    const auto within = [&](const char* what, std::int64_t least, std::int64_t value) {
      if (value >= least && value <= kLongest) return;
      FailRule(rule.line, std::string(what) + " must be from " + FormatDuration(least) + " to " +
                              FormatDuration(kLongest));
    };
    if (window.of_time()) {
      within(kWindowNames[static_cast<unsigned>(window.form)], kShortest, window.size_ns);
      within("lateness", 0, window.lateness_ns);
      within("edge", 0, window.edge_ns);
    }
    if (window.closes()) {
      if (window.form != RuleWindow::Form::kTumbling && window.form != RuleWindow::Form::kSession) {
        FailRule(rule.line,
                 "window: a tumbling one and a session close, and no other; leave out "
                 "'answer: closed'");
      }
      if (rule.cool_down_ns != 0) {
        FailRule(rule.line,
                 "cool_down goes by the event of an output; a window that answers when it closes "
                 "answers once, and has no such event");
      }
    }
    if (window.form == RuleWindow::Form::kLast &&
        (window.events < 1 || window.events > kMostEvents)) {
      FailRule(rule.line, "last must be a whole number from 1 to " + std::to_string(kMostEvents));
    }
    if (rule.cool_down_ns != 0) within("cool_down", kShortest, rule.cool_down_ns);
  }

  void CheckState(const Rule& rule, const StateValue& value) {
    const std::string what = "state " + Quoted(value.name);
    if (!IsStateName(value.name)) {
      FailRule(value.line,
               what + ": a name must be 1 to 64 of a-z, 0-9 and '_', beginning with a letter");
    }
    if (IsReserved(value.name)) FailRule(value.line, what + ": that name has a meaning already");
    if (value.aggregate != Aggregate::kCount) {
      const std::string aggregate = kAggregateNames[static_cast<unsigned>(value.aggregate)];
      const std::optional<std::size_t> field = FindField(rule.input, value.field);
      if (!field) {
        FailRule(value.line, what + ": " + kRuleInputs[static_cast<unsigned>(rule.input)] +
                                 " has no field " + Quoted(value.field) +
                                 DidYouMean(value.field, FieldPaths(rule.input)));
      } else if (FieldsOf(rule.input)[*field].type == FieldType::kText &&
                 value.aggregate != Aggregate::kDistinct && value.aggregate != Aggregate::kLast) {
        FailRule(value.line,
                 what + ": " + aggregate + " needs a number; " + value.field + " is a text");
      }
    }
    if (value.where && status_.ok()) Condition(*value.where, what + ": where", false);
  }

  void CheckAlternatives(const Rule& rule) {
    if (rule.alternatives.empty()) FailRule(rule.line, "needs a record");
    if (rule.alternatives.size() > kMostAlternatives) {
      FailRule(rule.line, "at most " + std::to_string(kMostAlternatives) + " alternatives");
    }
    for (const Alternative& alternative : rule.alternatives) {
      if (alternative.when) {
        Condition(*alternative.when, "when", true);
      } else if (&alternative != &rule.alternatives.back()) {
        FailRule(alternative.line,
                 "only the last alternative may be without 'when'; those behind "
                 "this one never come to their turn");
      }
      if (alternative.event) {
        if (rule.window.closes()) FailRule(alternative.line, "record: " + std::string(kNoEvent));
        continue;
      }
      if (alternative.record.empty()) {
        FailRule(alternative.line, "a record is 'event', or a map with at least one field");
      }
      std::size_t count = 0;
      CheckRecord(alternative.record, 1, &count);
    }
  }

  void CheckRecord(const std::vector<RecordField>& record, int depth, std::size_t* count) {
    if (!status_.ok()) return;
    std::set<std::string> names;
    for (const RecordField& field : record) {
      if (Status s = CheckRecordField(field.name); !s.ok()) FailRule(field.line, s.message());
      if (!names.insert(field.name).second) {
        FailRule(field.line, "record: " + Quoted(field.name) + " is here a second time");
      }
      if (++*count > kMostRecordFields) {
        FailRule(field.line,
                 "a record has at most " + std::to_string(kMostRecordFields) + " fields");
      }
      if (!field.value) {
        if (depth > 8) FailRule(field.line, "a record is at most 8 levels deep");
        CheckRecord(field.fields, depth + 1, count);
        continue;
      }
      const std::string what = "record: " + field.name;
      const std::optional<ExprType> type = Type(*field.value, what, true);
      if (type && *type == ExprType::kCondition) {
        FailRule(field.value->line, what + " must be a value, not a condition");
      }
    }
  }

  void Condition(const Expr& expr, const std::string& what, bool with_state) {
    const std::optional<ExprType> type = Type(expr, what, with_state);
    if (type && *type != ExprType::kCondition) {
      FailRule(expr.line, what + " must be a condition such as " +
                              (*type == ExprType::kText ? "platform == \"PC\"" : "count > 5") +
                              ", not " + TypeName(*type));
    }
  }

  // nullopt after an error.
  std::optional<ExprType> Type(const Expr& expr, const std::string& what, bool with_state,
                               int depth = 0) {
    const auto fail = [&](const std::string& message) -> std::optional<ExprType> {
      FailRule(expr.line, what + ": " + message);
      return std::nullopt;
    };
    if (!status_.ok()) return std::nullopt;
    const std::size_t operands = expr.op <= Op::kWindowEnd                       ? 0
                                 : expr.op == Op::kNot || expr.op == Op::kNegate ? 1
                                                                                 : 2;
    if (expr.of.size() != operands) {
      return fail(std::string("needs ") + std::to_string(operands) +
                  " operands: " + OpText(expr.op));
    }
    if (depth > kMostDepth) return fail("is nested too deep");
    std::array<ExprType, 2> of{};
    for (std::size_t i = 0; i < operands; ++i) {
      const std::optional<ExprType> type = Type(expr.of[i], what, with_state, depth + 1);
      if (!type) return std::nullopt;
      of[i] = *type;
    }
    switch (expr.op) {
      case Op::kNumber:
        if (!std::isfinite(expr.number)) return fail("a number must be finite");
        return std::floor(expr.number) == expr.number ? ExprType::kWhole : ExprType::kNumber;
      case Op::kText:
      case Op::kKey:
        return ExprType::kText;
      case Op::kWindowStart:
      case Op::kWindowEnd:
        if (!rule_->window.closes()) {
          return fail(ExprText(expr) +
                      " is known when a window closes; the window needs "
                      "'answer: closed'");
        }
        if (!with_state) return fail("looks at one event alone, not at " + ExprText(expr));
        return ExprType::kWhole;
      case Op::kField: {
        const std::optional<std::size_t> field = FindField(rule_->input, expr.name);
        if (!field) {
          return fail(std::string(kRuleInputs[static_cast<unsigned>(rule_->input)]) +
                      " has no field " + Quoted(expr.name) +
                      DidYouMean(expr.name, FieldPaths(rule_->input)));
        }
        if (with_state && rule_->window.closes()) {
          return fail(std::string(kNoEvent) + ": " + expr.name);
        }
        return TypeOfField(FieldsOf(rule_->input)[*field].type);
      }
      case Op::kState: {
        const StateValue* const value = FindState(*rule_, expr.name);
        if (value == nullptr) return fail("unknown name " + Quoted(expr.name) + Suggest(expr.name));
        if (!with_state) {
          return fail("looks at one event alone, not at the state " + Quoted(expr.name));
        }
        return TypeOfState(*rule_, *value);
      }
      case Op::kNot:
      case Op::kAnd:
      case Op::kOr:
        for (std::size_t i = 0; i < operands; ++i) {
          if (of[i] != ExprType::kCondition) {
            return fail("'" + std::string(OpText(expr.op)) + "' needs a condition, not " +
                        TypeName(of[i]) + ": " + ExprText(expr.of[i]));
          }
        }
        return ExprType::kCondition;
      case Op::kNegate:
      case Op::kAdd:
      case Op::kSubtract:
      case Op::kMultiply: {
        bool whole = true;
        for (std::size_t i = 0; i < operands; ++i) {
          if (!IsNumeric(of[i])) {
            return fail("'" + std::string(OpText(expr.op)) + "' needs a number, not " +
                        TypeName(of[i]) + ": " + ExprText(expr.of[i]));
          }
          whole = whole && of[i] == ExprType::kWhole;
        }
        return whole ? ExprType::kWhole : ExprType::kNumber;
      }
      default: {
        const bool numbers = IsNumeric(of[0]) && IsNumeric(of[1]);
        const bool texts = of[0] == ExprType::kText && of[1] == ExprType::kText;
        if (texts && expr.op != Op::kEqual && expr.op != Op::kNotEqual) {
          return fail("texts are compared with == and != alone, not with " +
                      std::string(OpText(expr.op)));
        }
        if (!numbers && !texts) {
          return fail("cannot compare " + std::string(TypeName(of[0])) + " with " +
                      TypeName(of[1]) + ": " + ExprText(expr));
        }
        return ExprType::kCondition;
      }
    }
  }

  [[nodiscard]] std::string Suggest(const std::string& name) const {
    std::vector<std::string> names;
    for (const StateValue& value : rule_->state) names.push_back(value.name);
    const std::vector<std::string> paths = FieldPaths(rule_->input);
    names.insert(names.end(), paths.begin(), paths.end());
    names.emplace_back("key");
    if (rule_->window.closes()) {
      names.emplace_back(kWindowStartWord);
      names.emplace_back(kWindowEndWord);
    }
    // The last part of a path is what people forget the rest of.
    for (const std::string& path : paths) {
      if (path.ends_with("." + name)) return "; did you mean '" + path + "'?";
    }
    const std::string nearest = Nearest(name, names);
    if (!nearest.empty()) return "; did you mean '" + nearest + "'?";
    return "; it is neither a field nor a state of this rule (a text stands in double quotes)";
  }

  const RuleSet& set_;
  const Rule* rule_ = nullptr;
  Status status_;
};

// How tightly an operator holds what it stands between.
int Precedence(Op op) {
  switch (op) {
    case Op::kOr:
      return 1;
    case Op::kAnd:
      return 2;
    case Op::kNot:
      return 3;
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kGreater:
    case Op::kGreaterEqual:
      return 4;
    case Op::kAdd:
    case Op::kSubtract:
      return 5;
    case Op::kMultiply:
      return 6;
    case Op::kNegate:
      return 7;
    default:
      return 8;
  }
}

std::string InParentheses(const Expr& expr, bool needed) {
  return needed ? "(" + ExprText(expr) + ")" : ExprText(expr);
}

// A YAML scalar that says exactly this: in single quotes, in which a single quote is doubled.
std::string Scalar(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

std::string RecordText(const std::vector<RecordField>& record) {
  std::string text = "{";
  for (const RecordField& field : record) {
    text += text.size() > 1 ? ", " : "";
    text += Scalar(field.name) + ": " +
            (field.value ? Scalar(ExprText(*field.value)) : RecordText(field.fields));
  }
  return text + "}";
}

std::string StateText(const StateValue& value) {
  std::string text = kAggregateNames[static_cast<unsigned>(value.aggregate)];
  if (value.aggregate != Aggregate::kCount) text += " " + value.field;
  if (value.where) text += " where " + ExprText(*value.where);
  return text;
}

}  // namespace

std::span<const EventField> FieldsOf(Kind input) {
  switch (input) {
    case Kind::kPlayer:
      return kPlayerFields;
    case Kind::kPurchase:
      return kPurchaseFields;
    case Kind::kServer:
      return kServerFields;
  }
  return {};
}

std::optional<std::size_t> FindField(Kind input, std::string_view path) {
  const std::span<const EventField> fields = FieldsOf(input);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].path == path) return i;
  }
  return std::nullopt;
}

bool Expr::operator==(const Expr& other) const {
  return op == other.op && number == other.number && name == other.name && of == other.of;
}
bool StateValue::operator==(const StateValue& other) const {
  return name == other.name && aggregate == other.aggregate && field == other.field &&
         where == other.where;
}
bool RecordField::operator==(const RecordField& other) const {
  return name == other.name && value == other.value && fields == other.fields;
}
bool Alternative::operator==(const Alternative& other) const {
  return when == other.when && event == other.event && record == other.record;
}
bool Rule::operator==(const Rule& other) const {
  return name == other.name && input == other.input && key == other.key && state == other.state &&
         window == other.window && cool_down_ns == other.cool_down_ns && output == other.output &&
         output_key == other.output_key && alternatives == other.alternatives;
}
bool RuleSet::operator==(const RuleSet& other) const {
  return name == other.name && about == other.about && rules == other.rules;
}

std::vector<std::string> RuleSet::Outputs() const {
  std::vector<std::string> outputs;
  for (const Rule& rule : rules) {
    if (std::find(outputs.begin(), outputs.end(), rule.output) == outputs.end()) {
      outputs.push_back(rule.output);
    }
  }
  return outputs;
}

Status CheckRules(const RuleSet& rules) { return Checker(rules).Check(); }

Status CheckRecordField(std::string_view name) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (!name.empty() && name.size() <= kLongestName &&
      std::all_of(name.begin(), name.end(), printable)) {
    return {};
  }
  return Invalid("a record's field must be 1 to 64 printable characters of ASCII");
}

ExprType TypeOf(const Rule& rule, const Expr& expr) {
  switch (expr.op) {
    case Op::kNumber:
      return std::floor(expr.number) == expr.number ? ExprType::kWhole : ExprType::kNumber;
    case Op::kText:
    case Op::kKey:
      return ExprType::kText;
    case Op::kWindowStart:
    case Op::kWindowEnd:
      return ExprType::kWhole;
    case Op::kField:
      return TypeOfField(FieldsOf(rule.input)[*FindField(rule.input, expr.name)].type);
    case Op::kState:
      return TypeOfState(rule, *FindState(rule, expr.name));
    case Op::kNegate:
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
      return std::all_of(expr.of.begin(), expr.of.end(),
                         [&](const Expr& e) { return TypeOf(rule, e) == ExprType::kWhole; })
                 ? ExprType::kWhole
                 : ExprType::kNumber;
    default:
      return ExprType::kCondition;
  }
}

std::string ExprText(const Expr& expr) {
  switch (expr.op) {
    case Op::kNumber: {
      std::array<char, 400> digits{};  // the greatest double has 309 of them
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), expr.number,
                                     std::chars_format::fixed);
      return {digits.data(), end.ptr};
    }
    case Op::kText: {
      std::string text = "\"";
      for (const char c : expr.name) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
      }
      return text + "\"";
    }
    case Op::kField:
    case Op::kState:
      return expr.name;
    case Op::kKey:
      return "key";
    case Op::kWindowStart:
      return std::string(kWindowStartWord);
    case Op::kWindowEnd:
      return std::string(kWindowEndWord);
    default:
      break;
  }
  const int here = Precedence(expr.op);
  const bool comparison = here == Precedence(Op::kEqual);
  if (expr.of.size() == 1) {
    // A minus before a number would become a part of it.
    const bool needed = Precedence(expr.of[0].op) < here ||
                        (expr.op == Op::kNegate && expr.of[0].op == Op::kNumber);
    return std::string(OpText(expr.op)) + (expr.op == Op::kNot ? " " : "") +
           InParentheses(expr.of[0], needed);
  }
  if (expr.of.size() != 2) return OpText(expr.op);
  const int left = Precedence(expr.of[0].op);
  return InParentheses(expr.of[0], left < here || (comparison && left == here)) + " " +
         OpText(expr.op) + " " + InParentheses(expr.of[1], Precedence(expr.of[1].op) <= here);
}

std::string RuleSetText(const RuleSet& rules) {
  std::string text = "rule_set: " + rules.name + "\n";
  if (!rules.about.empty()) text += "about: " + Scalar(rules.about) + "\n";
  text += "\nrules:\n";
  for (const Rule& rule : rules.rules) {
    const auto line = [&text](const std::string& key, const std::string& value) {
      text += "    " + key + ": " + value + "\n";
    };
    text += "  - rule: " + rule.name + "\n";
    line("input", kRuleInputs[static_cast<unsigned>(rule.input)]);
    line("key", rule.key);
    const RuleWindow& window = rule.window;
    if (window.form == RuleWindow::Form::kLast) {
      line("window", "{last: " + std::to_string(window.events) + "}");
    } else if (window.form != RuleWindow::Form::kAll) {
      line("window", std::string("{") + kWindowNames[static_cast<unsigned>(window.form)] + ": " +
                         FormatDuration(window.size_ns) +
                         ", lateness: " + FormatDuration(window.lateness_ns) +
                         (window.edge_ns > 0 ? ", edge: " + FormatDuration(window.edge_ns) : "") +
                         (window.closes() ? ", answer: closed}" : "}"));
    }
    if (!rule.state.empty()) text += "    state:\n";
    for (const StateValue& value : rule.state) {
      text += "      " + value.name + ": " + Scalar(StateText(value)) + "\n";
    }
    if (rule.cool_down_ns > 0) line("cool_down", FormatDuration(rule.cool_down_ns));
    line("output", rule.output);
    if (rule.output_key.op != Op::kKey) line("output_key", Scalar(ExprText(rule.output_key)));
    text += "    first_of:\n";
    for (const Alternative& alternative : rule.alternatives) {
      text += "      - record: " +
              (alternative.event ? std::string("event") : RecordText(alternative.record)) + "\n";
      if (alternative.when) text += "        when: " + Scalar(ExprText(*alternative.when)) + "\n";
    }
  }
  return text;
}

}  // namespace playload
