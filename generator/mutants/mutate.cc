#include "generator/mutants/mutate.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <set>
#include <span>
#include <utility>

#include "generator/base/text.h"
#include "generator/event/catalog.h"

namespace playload {
namespace {

constexpr std::int64_t kTickNs = 1'000'000;  // what a window is made longer or shorter by
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kForEver = 3650 * 86'400 * kSecond;
constexpr const char* kFormerKey = "former_key";  // a state, where there is none of that name
// Of one alert a second, a minute and so on, where there is to be one for each event.
constexpr std::int64_t kCoolDowns[] = {kSecond, 60 * kSecond, 3600 * kSecond};
constexpr std::string_view kCurrencyField = "parameters.currency";
constexpr std::string_view kTypeField = "parameters.transaction_type";
constexpr std::string_view kNameField = "event_name";  // the same in all events of an input

// Clocks that windows of the clock may go by instead of UTC.
struct Clock {
  std::int64_t of_ns;  // that sizes are to be a multiple of
  std::int64_t ahead_ns;
  const char* what;
};
constexpr std::int64_t kMinuteNs = std::int64_t{60} * 1'000'000'000;
constexpr std::int64_t kDayNs = 1'440 * kMinuteNs;
// 1970 began on a Thursday.
constexpr Clock kClocks[] = {{7 * kDayNs, 3 * kDayNs, "on Mondays"},
                             {1, 60 * kMinuteNs, "by local time, UTC+1"},
                             {1, 330 * kMinuteNs, "by local time, UTC+5:30"},
                             {1, 345 * kMinuteNs, "by local time, UTC+5:45"}};
constexpr Clock kFurtherClocks[] = {
    {7 * kDayNs, 4 * kDayNs, "on Sundays"},        {1, -480 * kMinuteNs, "by local time, UTC-8"},
    {1, -420 * kMinuteNs, "by local time, UTC-7"}, {1, -300 * kMinuteNs, "by local time, UTC-5"},
    {1, -240 * kMinuteNs, "by local time, UTC-4"}, {1, -180 * kMinuteNs, "by local time, UTC-3"},
    {1, 60 * kMinuteNs, "by local time, UTC+1"},   {1, 120 * kMinuteNs, "by local time, UTC+2"},
    {1, 180 * kMinuteNs, "by local time, UTC+3"},  {1, 330 * kMinuteNs, "by local time, UTC+5:30"},
    {1, 480 * kMinuteNs, "by local time, UTC+8"},  {1, 540 * kMinuteNs, "by local time, UTC+9"}};

using Op = Expr::Op;

void AddNodes(Expr* expr, std::vector<Expr*>* nodes) {
  nodes->push_back(expr);
  for (Expr& operand : expr->of) AddNodes(&operand, nodes);
}

// Every node of every condition, in the order of the rule.
std::vector<Expr*> ConditionNodes(Rule* rule) {
  std::vector<Expr*> nodes;
  for (StateValue& value : rule->state) {
    if (value.where) AddNodes(&*value.where, &nodes);
  }
  for (Alternative& alternative : rule->alternatives) {
    if (alternative.when) AddNodes(&*alternative.when, &nodes);
  }
  return nodes;
}

// What a node may be instead, each with one thing wrong.
std::vector<Expr> Instead(const Expr& node) {
  const auto with = [&](Op op) {
    Expr other = node;
    other.op = op;
    return other;
  };
  switch (node.op) {
    case Op::kNumber:
      return {NumberExpr(node.number + 1), NumberExpr(node.number - 1)};
    case Op::kGreater:
      return {with(Op::kGreaterEqual)};
    case Op::kGreaterEqual:
      return {with(Op::kGreater)};
    case Op::kLess:
      return {with(Op::kLessEqual)};
    case Op::kLessEqual:
      return {with(Op::kLess)};
    case Op::kEqual:
      return {with(Op::kNotEqual)};
    case Op::kNotEqual:
      return {with(Op::kEqual)};
    case Op::kAnd:
      return {with(Op::kOr), node.of[0], node.of[1]};
    case Op::kOr:
      return {with(Op::kAnd), node.of[0], node.of[1]};
    case Op::kNot:
      return {node.of[0]};
    default:
      return {};
  }
}

// The same, further off, or once only.
std::vector<Expr> FurtherOff(const Expr& node) {
  if (node.op == Op::kGreater || node.op == Op::kGreaterEqual) {
    Expr once = node;
    once.op = Op::kEqual;
    // Of counts, the first one beyond the bound.
    if (Expr& bound = once.of[1]; bound.op == Op::kNumber && node.op == Op::kGreater) {
      bound.number += 1;
    }
    return {once};
  }
  if (node.op != Op::kNumber) return {};
  const double n = node.number;
  std::vector<Expr> others;
  for (const double other :
       {n + 2, n - 2, n + 3, n - 3, n + 5, n - 5, n + 10, n - 10, 2 * n, n / 2, 10 * n, n / 10}) {
    // Where a whole number is asked for, another one is.
    if (n != std::floor(n) || other == std::floor(other)) others.push_back(NumberExpr(other));
  }
  return others;
}

// Another bound than a number has, for who writes it in one place: nearer ones and further ones.
std::vector<Expr> OtherNumbers(const Expr& node) {
  std::vector<Expr> others = Instead(node);
  for (Expr& other : FurtherOff(node)) others.push_back(std::move(other));
  return others;
}

bool IsComparison(Op op) {
  return op == Op::kGreater || op == Op::kGreaterEqual || op == Op::kLess || op == Op::kLessEqual;
}

void ReplaceKey(Expr* expr, const Expr& by) {
  if (expr->op == Op::kKey) *expr = by;
  for (Expr& operand : expr->of) ReplaceKey(&operand, by);
}

void ReplaceKey(std::vector<RecordField>* record, const Expr& by) {
  for (RecordField& entry : *record) {
    if (entry.value) ReplaceKey(&*entry.value, by);
    ReplaceKey(&entry.fields, by);
  }
}

// State is kept by another field; what is put out stays. (Where windows answer when they close, in
// the name of who came last.)
Rule WithKey(Rule rule, const std::string& field) {
  const Expr was = rule.window.closes() ? StateExpr(kFormerKey) : FieldExpr(rule.key);
  ReplaceKey(&rule.output_key, was);
  for (StateValue& value : rule.state) {
    if (value.where) ReplaceKey(&*value.where, FieldExpr(rule.key));
  }
  for (Alternative& alternative : rule.alternatives) {
    if (alternative.when) ReplaceKey(&*alternative.when, was);
    ReplaceKey(&alternative.record, was);
  }
  if (rule.window.closes()) {
    rule.state.push_back({kFormerKey, Aggregate::kLast, rule.key, std::nullopt, 0});
  }
  rule.key = field;
  return rule;
}

void And(std::optional<Expr>* condition, const Expr& more) {
  *condition = *condition ? BinaryExpr(Op::kAnd, std::move(**condition), more) : more;
}

// Events for which the condition does not hold are not there for this rule.
Rule Only(Rule rule, const Expr& condition) {
  for (StateValue& value : rule.state) And(&value.where, condition);
  for (Alternative& alternative : rule.alternatives) And(&alternative.when, condition);
  return rule;
}

class Maker {
 public:
  explicit Maker(const RuleSet& rules) : rules_(rules) {}

  std::vector<Mutant> Make() {
    for (index_ = 0; index_ < rules_.rules.size(); ++index_) {
      const Rule& rule = rules_.rules[index_];
      Conditions(rule, Instead);
      State(rule);
      Alternatives(rule);
      Windows(rule);
      Readings(rule);
      Keys(rule);
      if (rule.input == Kind::kPurchase) Purchases(rule);
      Feeds(rule);
    }
    return std::move(made_);
  }

  std::vector<Mutant> MakeFurther() {
    for (index_ = 0; index_ < rules_.rules.size(); ++index_) {
      const Rule& rule = rules_.rules[index_];
      Conditions(rule, FurtherOff);
      Everywhere(rule);
      OtherFields(rule);
      FurtherState(rule);
      FurtherWindows(rule);
      if (rule.window.form == RuleWindow::Form::kTumbling) {
        Clocks(rule, kFurtherClocks, std::size(kFurtherClocks));
      }
      if (rule.has_memory()) {
        Add(kOneState, WithKey(rule, std::string(kNameField)));
      }
      if (rule.window.closes()) continue;
      AddChanged("only the first output of a key is put out", rule,
                 [](Rule* r) { r->cool_down_ns = kForEver; });
      if (rule.cool_down_ns > 0) continue;
      for (const std::int64_t pause : kCoolDowns) {
        AddChanged("of the outputs of a key that come within " + FormatDuration(pause) +
                       " only the first is put out",
                   rule, [pause](Rule* r) { r->cool_down_ns = pause; });
      }
    }
    return std::move(made_);
  }

 private:
  void Add(std::string what, Rule changed, const WindowReading& reading = {}) {
    Mutant mutant{std::move(what),      index_, OnlyRule(rules_, index_),
                  Mutant::Feed::kWhole, false,  reading};
    if (changed == mutant.rules.rules.front() && reading == WindowReading()) return;
    mutant.rules.rules = {std::move(changed)};
    if (!CheckRules(mutant.rules).ok()) return;
    const bool known = std::any_of(made_.begin(), made_.end(), [&](const Mutant& other) {
      return other.rule == index_ && other.feed == Mutant::Feed::kWhole && !other.arrival_time &&
             other.rules.rules == mutant.rules.rules && other.reading == reading;
    });
    if (!known) made_.push_back(std::move(mutant));
  }

  template <typename Change>
  void AddChanged(std::string what, const Rule& rule, Change change) {
    Rule changed = rule;
    change(&changed);
    Add(std::move(what), std::move(changed));
  }

  void Conditions(const Rule& rule, std::vector<Expr> (*instead)(const Expr&)) {
    Rule copy = rule;
    const std::vector<Expr*> nodes = ConditionNodes(&copy);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      // A number is shown with what it is compared with.
      const bool number = nodes[i]->op == Op::kNumber;
      std::size_t whole = i;
      while (number && whole > 0 && nodes[whole]->of.empty()) --whole;
      for (const Expr& other : instead(*nodes[i])) {
        Rule changed = rule;
        const std::vector<Expr*> those = ConditionNodes(&changed);
        *those[i] = other;
        const std::string before = ExprText(*nodes[whole]);
        const std::string after = ExprText(*those[whole]);
        Add(WhereOf(rule, whole) + "'" + before + "' is '" + after + "'", std::move(changed));
      }
    }
  }

  // What stands in one place of the code and in several of the rule: a bound, or how it is
  // compared.
  void Everywhere(const Rule& rule) {
    Rule copy = rule;
    const std::vector<Expr*> nodes = ConditionNodes(&copy);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Expr& node = *nodes[i];
      const bool number = node.op == Op::kNumber;
      if (!number && !IsComparison(node.op)) continue;
      const auto alike = [&](const Expr* other) {
        return other->op == node.op && (!number || other->number == node.number);
      };
      if (std::count_if(nodes.begin(), nodes.end(), alike) < 2 ||
          std::find_if(nodes.begin(), nodes.end(), alike) != nodes.begin() + Offset(i)) {
        continue;
      }
      for (const Expr& other : number ? OtherNumbers(node) : Instead(node)) {
        Rule changed = rule;
        const std::vector<Expr*> those = ConditionNodes(&changed);
        for (std::size_t k = 0; k < nodes.size(); ++k) {
          if (!alike(nodes[k])) continue;
          if (number) *those[k] = other;
          those[k]->op = other.op;
        }
        const std::string was = number ? ExprText(node) : std::string(Sign(node.op));
        const std::string is = number ? ExprText(other) : std::string(Sign(other.op));
        Add("'" + was + "' is '" + is + "' everywhere", std::move(changed));
      }
    }
  }

  static std::ptrdiff_t Offset(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

  static std::string_view Sign(Op op) {
    if (op == Op::kGreater) return ">";
    if (op == Op::kGreaterEqual) return ">=";
    return op == Op::kLess ? "<" : "<=";
  }

  // A number of the event is taken for another one.
  void OtherFields(const Rule& rule) {
    Rule copy = rule;
    const std::vector<Expr*> nodes = ConditionNodes(&copy);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i]->op != Op::kField) continue;
      const std::optional<std::size_t> field = FindField(rule.input, nodes[i]->name);
      if (!field || FieldsOf(rule.input)[*field].type == FieldType::kText) continue;
      for (const EventField& other : FieldsOf(rule.input)) {
        if (other.type == FieldType::kText || other.path == nodes[i]->name) continue;
        AddChanged(
            WhereOf(rule, i) + "'" + nodes[i]->name + "' is '" + std::string(other.path) + "'",
            rule, [&](Rule* r) { ConditionNodes(r)[i]->name = other.path; });
      }
    }
  }

  void FurtherState(const Rule& rule) {
    for (std::size_t i = 0; i < rule.state.size(); ++i) {
      const StateValue& value = rule.state[i];
      if (value.aggregate == Aggregate::kSum) {
        const auto instead = [&](const char* what, Aggregate aggregate) {
          AddChanged(value.name + " is " + what + " " + value.field + ", and no sum", rule,
                     [i, aggregate](Rule* r) { r->state[i].aggregate = aggregate; });
        };
        instead("the last", Aggregate::kLast);
        instead("the greatest", Aggregate::kMax);
        instead("the least", Aggregate::kMin);
      }
      const bool distinct = value.aggregate == Aggregate::kDistinct;
      if (!distinct && value.aggregate != Aggregate::kCount) continue;
      for (const EventField& field : FieldsOf(rule.input)) {
        if (field.type != FieldType::kText || field.path == rule.key || field.path == value.field ||
            field.path == kNameField) {
          continue;
        }
        const std::string path(field.path);
        AddChanged(value.name + " counts every " + path + " once", rule, [&](Rule* r) {
          r->state[i].aggregate = Aggregate::kDistinct;
          r->state[i].field = path;
        });
      }
    }
  }

  // "purchases: " when that node is one of the condition of a state.
  static std::string WhereOf(const Rule& rule, std::size_t node) {
    Rule copy = rule;
    std::size_t end = 0;
    for (StateValue& value : copy.state) {
      std::vector<Expr*> nodes;
      if (value.where) AddNodes(&*value.where, &nodes);
      end += nodes.size();
      if (node < end) return value.name + ": ";
    }
    return "";
  }

  void State(const Rule& rule) {
    for (std::size_t i = 0; i < rule.state.size(); ++i) {
      const StateValue& value = rule.state[i];
      if (value.aggregate == Aggregate::kDistinct) {
        AddChanged(value.name + " counts without regard to what is the same", rule, [i](Rule* r) {
          r->state[i].aggregate = Aggregate::kCount;
          r->state[i].field.clear();
        });
      }
      if (value.aggregate == Aggregate::kMin || value.aggregate == Aggregate::kMax) {
        const bool min = value.aggregate == Aggregate::kMin;
        AddChanged(value.name + " is the " + (min ? "greatest" : "least"), rule, [i, min](Rule* r) {
          r->state[i].aggregate = min ? Aggregate::kMax : Aggregate::kMin;
        });
      }
      if (value.where) {
        AddChanged(value.name + " is without its 'where'", rule,
                   [i](Rule* r) { r->state[i].where.reset(); });
      }
    }
  }

  void Alternatives(const Rule& rule) {
    const std::size_t count = rule.alternatives.size();
    for (std::size_t i = 0; i + 1 < count; ++i) {
      AddChanged("alternatives " + std::to_string(i + 1) + " and " + std::to_string(i + 2) +
                     " are in the other order",
                 rule, [i](Rule* r) { std::swap(r->alternatives[i], r->alternatives[i + 1]); });
    }
    for (std::size_t i = 0; count > 1 && i < count; ++i) {
      const std::optional<Expr>& when = rule.alternatives[i].when;
      const std::string what = when ? ", '" + ExprText(*when) + "'," : "";
      AddChanged("alternative " + std::to_string(i + 1) + what + " is missing", rule, [i](Rule* r) {
        r->alternatives.erase(r->alternatives.begin() + static_cast<std::ptrdiff_t>(i));
      });
    }
  }

  void Windows(const Rule& rule) {
    using Form = RuleWindow::Form;
    const RuleWindow& window = rule.window;
    if (window.of_time()) {
      const std::string size = FormatDuration(window.size_ns);
      AddChanged("the window of " + size + " is 1 ms longer", rule,
                 [](Rule* r) { r->window.size_ns += kTickNs; });
      AddChanged("the window of " + size + " is 1 ms shorter", rule,
                 [](Rule* r) { r->window.size_ns -= kTickNs; });
      if (window.form != Form::kTumbling) {
        AddChanged("the window is tumbling", rule,
                   [](Rule* r) { r->window.form = Form::kTumbling; });
      }
      if (window.form != Form::kSliding) {
        AddChanged("the window is sliding", rule, [](Rule* r) { r->window.form = Form::kSliding; });
      }
      if (window.lateness_ns > 0) {
        AddChanged("nobody may be late", rule, [](Rule* r) { r->window.lateness_ns = 0; });
      }
    }
    if (window.form == Form::kLast) {
      const std::string events = std::to_string(window.events);
      AddChanged("the window of the last " + events + " is one more", rule,
                 [](Rule* r) { ++r->window.events; });
      AddChanged("the window of the last " + events + " is one less", rule,
                 [](Rule* r) { --r->window.events; });
    }
    if (window.form != Form::kAll) {
      AddChanged("there is no window", rule, [](Rule* r) { r->window = RuleWindow(); });
    }
    if (rule.cool_down_ns > 0) {
      const std::string size = FormatDuration(rule.cool_down_ns);
      AddChanged("the cool-down of " + size + " is 1 ms longer", rule,
                 [](Rule* r) { r->cool_down_ns += kTickNs; });
      AddChanged("the cool-down of " + size + " is 1 ms shorter", rule,
                 [](Rule* r) { r->cool_down_ns -= kTickNs; });
      AddChanged("there is no cool-down", rule, [](Rule* r) { r->cool_down_ns = 0; });
    }
  }

  // What is wrong with windows that no rule set can say.
  void Readings(const Rule& rule) {
    using Form = RuleWindow::Form;
    const RuleWindow& window = rule.window;
    const std::string size = FormatDuration(window.size_ns);
    const auto add = [&](std::string what, auto set) {
      WindowReading reading;
      set(&reading);
      Add(std::move(what), rule, reading);
    };
    const auto other_edge = [](WindowReading* r) { r->other_edge = true; };
    switch (window.form) {
      case Form::kTumbling:
        add("an event at the end of a window is a part of it", other_edge);
        add("a window begins with an event, not at a multiple of " + size,
            [](WindowReading* r) { r->from_event = true; });
        Clocks(rule, kClocks, 1);
        break;
      case Form::kSliding:
        add("an event " + size + " before another is in its window", other_edge);
        break;
      case Form::kSession:
        add("events exactly " + size + " apart are two sessions", other_edge);
        if (window.lateness_ns > 0) {
          add("two sessions stay two when an event comes between them",
              [](WindowReading* r) { r->grows_together = false; });
        }
        break;
      default:
        break;
    }
    if (!window.closes()) {
      AddChanged("windows answer when they close, and not before", rule,
                 [](Rule* r) { r->window.answer = RuleWindow::Answer::kClosed; });
      return;
    }
    add("windows answer after each event, and not when they close",
        [](WindowReading* r) { r->answers = WindowReading::Answers::kEach; });
    if (window.lateness_ns > 0) {
      add("windows answer at their end, and again to each event that is late",
          [](WindowReading* r) { r->answers = WindowReading::Answers::kAgain; });
    }
    add("a window is closed by events of its key alone",
        [](WindowReading* r) { r->closed_by_key = true; });
  }

  // The first `most` clocks that have windows of this size at other times than UTC and each other.
  void Clocks(const Rule& rule, std::span<const Clock> clocks, std::size_t most) {
    const std::int64_t size = rule.window.size_ns;
    std::set<std::int64_t> known = {0};
    for (const Clock& clock : clocks) {
      if (size % clock.of_ns != 0) continue;
      WindowReading reading;
      reading.ahead_ns = (clock.ahead_ns % size + size) % size;
      if (known.size() > most || !known.insert(reading.ahead_ns).second) continue;
      Add(std::string("windows begin ") + clock.what, rule, reading);
    }
  }

  void FurtherWindows(const Rule& rule) {
    const auto add = [&](const std::string& what, std::int64_t RuleWindow::*size) {
      const std::int64_t was = rule.window.*size;
      for (const std::int64_t other : {was * 60, was * 10, was * 2, was / 2, was / 10, was / 60}) {
        if (other == was || other % kTickNs != 0) continue;
        AddChanged(what + FormatDuration(was) + " is " + FormatDuration(other), rule,
                   [&](Rule* r) { r->window.*size = other; });
      }
    };
    if (rule.window.of_time()) add("the window of ", &RuleWindow::size_ns);
    if (rule.window.lateness_ns > 0) add("the lateness of ", &RuleWindow::lateness_ns);
  }

  void Keys(const Rule& rule) {
    if (!rule.has_memory()) return;
    for (const EventField& field : FieldsOf(rule.input)) {
      if (field.type != FieldType::kText || field.path == rule.key || field.path == kNameField) {
        continue;
      }
      Add("the key is " + std::string(field.path), WithKey(rule, std::string(field.path)));
    }
  }

  void Purchases(const Rule& rule) {
    const auto unless = [](std::string_view field, std::string_view text) {
      return BinaryExpr(Op::kNotEqual, FieldExpr(std::string(field)), TextExpr(std::string(text)));
    };
    Add("refunds are ignored", Only(rule, unless(kTypeField, "refund")));
    for (const Currency& currency : kCurrencyTable) {
      Add(std::string(currency.code) + " is ignored",
          Only(rule, unless(kCurrencyField, currency.code)));
    }
  }

  void Feeds(const Rule& rule) {
    const auto add = [&](std::string what, Mutant::Feed feed, bool arrival_time) {
      made_.push_back({std::move(what), index_, OnlyRule(rules_, index_), feed, arrival_time, {}});
    };
    const std::string every = FormatCount(kFeedEvery);
    add("1 event in " + every + " is lost", Mutant::Feed::kDropped, false);
    add("1 event in " + every + " comes twice", Mutant::Feed::kDoubled, false);
    if (rule.has_memory()) {
      add("state is lost after every " + every + " events", Mutant::Feed::kReset, false);
    }
    if (rule.uses_time()) add("arrival is taken for the event's time", Mutant::Feed::kWhole, true);
  }

  const RuleSet& rules_;
  std::size_t index_ = 0;
  std::vector<Mutant> made_;
};

}  // namespace

RuleSet OnlyRule(const RuleSet& rules, std::size_t rule) {
  RuleSet one;
  one.name = rules.name;
  one.about = rules.about;
  one.file = rules.file;
  one.rules = {rules.rules[rule]};
  one.text = RuleSetText(one);
  return one;
}

std::vector<Mutant> MutantsOf(const RuleSet& rules) { return Maker(rules).Make(); }
std::vector<Mutant> FurtherMutantsOf(const RuleSet& rules) { return Maker(rules).MakeFurther(); }

}  // namespace playload
