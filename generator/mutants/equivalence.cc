#include "generator/mutants/equivalence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "generator/base/text.h"

namespace playload {
namespace {

using Op = Expr::Op;

constexpr std::size_t kMostCases = 100'000;

// --- Fields that hold the same text in every event ---

constexpr std::string_view kPlayerId = "parameters.player_id";
constexpr std::string_view kUserId = "user_data.user_id";

bool AlwaysSame(Kind input, const std::string& field) {
  return input == Kind::kPlayer && (field == kPlayerId || field == kUserId);
}

// A state that is the key: the last value of a field that every event of the key has alike.
bool IsKey(Kind input, const StateValue& value) {
  return value.aggregate == Aggregate::kLast && !value.where && AlwaysSame(input, value.field);
}

void TakeForKey(const Rule& rule, Expr* expr) {
  const auto is_key = [&](const StateValue& value) {
    return value.name == expr->name && IsKey(rule.input, value);
  };
  if ((expr->op == Op::kField && AlwaysSame(rule.input, expr->name)) ||
      (expr->op == Op::kState && std::any_of(rule.state.begin(), rule.state.end(), is_key))) {
    *expr = KeyExpr();
  }
  for (Expr& operand : expr->of) TakeForKey(rule, &operand);
}

void TakeForKey(const Rule& rule, std::vector<RecordField>* record) {
  for (RecordField& field : *record) {
    if (field.value) TakeForKey(rule, &*field.value);
    TakeForKey(rule, &field.fields);
  }
}

// The rule with one name for those fields, where its key is one of them.
Rule WithOneName(Rule rule) {
  if (!AlwaysSame(rule.input, rule.key)) return rule;
  rule.key = kUserId;
  TakeForKey(rule, &rule.output_key);
  for (StateValue& value : rule.state) {
    if (value.where) TakeForKey(rule, &*value.where);
  }
  for (Alternative& alternative : rule.alternatives) {
    if (alternative.when) TakeForKey(rule, &*alternative.when);
    TakeForKey(rule, &alternative.record);
  }
  std::erase_if(rule.state, [&](const StateValue& value) { return IsKey(rule.input, value); });
  return rule;
}

// --- Rules that look at each event alone ---

// Values of the fields that conditions compare with constants, of which each stands for all that
// no condition can tell from it.
struct Cases {
  std::map<std::string, std::set<double>> numbers;
  std::map<std::string, std::set<std::string>> texts;

  [[nodiscard]] std::size_t Count() const {
    std::size_t count = 1;
    for (const auto& [field, values] : numbers) count = std::min(kMostCases, count) * values.size();
    for (const auto& [field, values] : texts) count = std::min(kMostCases, count) * values.size();
    return count;
  }
};

bool IsComparison(Op op) { return op >= Op::kEqual && op <= Op::kGreaterEqual; }

// False when there is something else in it than comparisons of a field with a constant.
bool Collect(Kind input, const Expr& expr, Cases* cases) {
  if (expr.op == Op::kAnd || expr.op == Op::kOr || expr.op == Op::kNot) {
    return std::all_of(expr.of.begin(), expr.of.end(),
                       [&](const Expr& operand) { return Collect(input, operand, cases); });
  }
  if (!IsComparison(expr.op)) return false;
  const bool turned = expr.of[1].op == Op::kField;
  const Expr& field = expr.of[turned ? 1 : 0];
  const Expr& constant = expr.of[turned ? 0 : 1];
  if (field.op != Op::kField) return false;
  if (constant.op == Op::kText) {
    // And one that nobody names.
    cases->texts[field.name].insert({constant.name, std::string(1, '\0')});
    return true;
  }
  if (constant.op != Op::kNumber) return false;
  const auto index = FindField(input, field.name);
  if (!index) return false;
  std::set<double>& values = cases->numbers[field.name];
  if (FieldsOf(input)[*index].type == FieldType::kWhole) {
    const double whole = std::floor(constant.number);
    for (const double near : {0.0, whole - 1, whole, whole + 1, whole + 2}) {
      if (near >= 0) values.insert(near);
    }
  } else {
    constexpr double kFar = std::numeric_limits<double>::infinity();
    values.insert({std::nextafter(constant.number, -kFar), constant.number,
                   std::nextafter(constant.number, kFar)});
  }
  return true;
}

struct Case {
  std::map<std::string, double> numbers;
  std::map<std::string, std::string> texts;
};

template <typename Value>
bool Compare(Op op, const Value& a, const Value& b) {
  switch (op) {
    case Op::kEqual:
      return a == b;
    case Op::kNotEqual:
      return a != b;
    case Op::kLess:
      return a < b;
    case Op::kLessEqual:
      return a <= b;
    case Op::kGreater:
      return a > b;
    default:
      return a >= b;
  }
}

bool Holds(const Expr& expr, const Case& one) {
  const auto operand = [&](const Expr& o) { return Holds(o, one); };
  if (expr.op == Op::kAnd) return std::all_of(expr.of.begin(), expr.of.end(), operand);
  if (expr.op == Op::kOr) return std::any_of(expr.of.begin(), expr.of.end(), operand);
  if (expr.op == Op::kNot) return !Holds(expr.of[0], one);
  if (expr.of[0].op == Op::kText || expr.of[1].op == Op::kText) {
    const auto text = [&](const Expr& side) {
      return side.op == Op::kText ? side.name : one.texts.at(side.name);
    };
    return Compare(expr.op, text(expr.of[0]), text(expr.of[1]));
  }
  const auto number = [&](const Expr& side) {
    return side.op == Op::kNumber ? side.number : one.numbers.at(side.name);
  };
  return Compare(expr.op, number(expr.of[0]), number(expr.of[1]));
}

const Alternative* Answer(const Rule& rule, const Case& one) {
  for (const Alternative& alternative : rule.alternatives) {
    if (!alternative.when || Holds(*alternative.when, one)) return &alternative;
  }
  return nullptr;
}

bool SameRecord(const Alternative* a, const Alternative* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->event == b->event && a->record == b->record;
}

// Goes through all values of the fields that `one` has none of yet.
bool SameInAll(const Rule& right, const Rule& wrong, const Cases& cases, Case* one) {
  for (const auto& [field, values] : cases.numbers) {
    if (one->numbers.contains(field)) continue;
    for (const double value : values) {
      one->numbers[field] = value;
      if (!SameInAll(right, wrong, cases, one)) return false;
    }
    one->numbers.erase(field);
    return true;
  }
  for (const auto& [field, values] : cases.texts) {
    if (one->texts.contains(field)) continue;
    for (const std::string& value : values) {
      one->texts[field] = value;
      if (!SameInAll(right, wrong, cases, one)) return false;
    }
    one->texts.erase(field);
    return true;
  }
  return SameRecord(Answer(right, *one), Answer(wrong, *one));
}

std::optional<std::string> SameForEachEvent(const Rule& right, const Rule& wrong) {
  if (right.has_memory() || wrong.has_memory()) return std::nullopt;
  // Conditions alone may be otherwise.
  Rule other = wrong;
  other.alternatives = right.alternatives;
  if (other != right) return std::nullopt;
  Cases cases;
  for (const Rule* rule : {&right, &wrong}) {
    for (const Alternative& alternative : rule->alternatives) {
      if (alternative.when && !Collect(rule->input, *alternative.when, &cases)) return std::nullopt;
    }
  }
  Case one;
  if (cases.Count() > kMostCases || !SameInAll(right, wrong, cases, &one)) return std::nullopt;
  return "proven: the same answer in each of the " + FormatCount(cases.Count()) +
         " cases of an event that the conditions can tell apart";
}

}  // namespace

std::optional<std::string> ProvenEquivalent(const RuleSet& rule, const Mutant& mutant) {
  const Rule& right = rule.rules.front();
  const Rule& wrong = mutant.rules.rules.front();
  if (!mutant.arrival_time && mutant.feed == Mutant::Feed::kWhole &&
      mutant.reading == WindowReading()) {
    if (WithOneName(right) == WithOneName(wrong)) {
      return "proven: " + std::string(kPlayerId) + " and " + std::string(kUserId) +
             " are the same in every player event";
    }
    return SameForEachEvent(right, wrong);
  }
  return std::nullopt;
}

}  // namespace playload
