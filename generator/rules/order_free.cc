#include "generator/rules/order_free.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "generator/oracle/number_map.h"
#include "generator/rules/program.h"

namespace playload {
namespace {

using Op = Expr::Op;
using Count = std::uint64_t;

constexpr std::size_t kMostEventConditions = 8;  // of a rule: 256 types of events
constexpr std::size_t kMostValues = 64;          // of a distinct, that are told apart
constexpr double kBeyond = 1e15;                 // no key has so many events
// More than what sums of positive doubles in two orders differ by, as a part of the sum and for
// each of its terms.
constexpr double kRounding = 4.5e-16;
constexpr double kSlack = 1e-12;  // for a division and two multiplications

bool MentionsState(const Expr& expr) {
  return expr.op == Op::kState || std::any_of(expr.of.begin(), expr.of.end(), MentionsState);
}

Op Mirrored(Op op) {
  switch (op) {
    case Op::kLess:
      return Op::kGreater;
    case Op::kLessEqual:
      return Op::kGreaterEqual;
    case Op::kGreater:
      return Op::kLess;
    case Op::kGreaterEqual:
      return Op::kLessEqual;
    default:
      return op;
  }
}

// A state that has reached its constant: from then on it holds for good.
struct Reached {
  enum class What : std::uint8_t { kCount, kDistinct, kSum };
  What what = What::kCount;
  std::optional<std::size_t> where;  // a condition on the event: those that are counted in
  Count least = 1;                   // kCount, kDistinct
  double constant = 0;               // kSum: it is positive
  bool strict = false;               // kSum: greater, not equal
  std::string field;                 // kDistinct, kSum
};

// The condition of a rule's outputs, all alternatives together.
struct Formula {
  enum class Kind : std::uint8_t { kTrue, kEvent, kReached, kAnd, kOr };
  Kind kind = Kind::kTrue;
  std::size_t index = 0;    // kEvent, kReached
  std::vector<Formula> of;  // kAnd, kOr: two
};

// Takes a rule apart.
class Analysis {
 public:
  // Nothing when there are no such bounds.
  static std::optional<Analysis> Of(const Rule& rule) {
    if (rule.window.form != RuleWindow::Form::kAll || rule.cool_down_ns > 0) return std::nullopt;
    Analysis analysis(rule);
    // One without a condition makes an output of each event, whatever the others are.
    const bool always = std::any_of(rule.alternatives.begin(), rule.alternatives.end(),
                                    [](const Alternative& a) { return !a.when; });
    std::optional<Formula> any;
    if (always) any = Formula{};
    for (const Alternative& alternative : rule.alternatives) {
      if (always) break;
      std::optional<Formula> one = analysis.Read(*alternative.when);
      if (!one) return std::nullopt;
      any = any ? Formula{Formula::Kind::kOr, 0, {std::move(*any), std::move(*one)}}
                : std::move(*one);
    }
    if (!any || analysis.events.size() > kMostEventConditions) return std::nullopt;
    analysis.formula = std::move(*any);
    analysis.Mark(analysis.formula);
    return analysis;
  }

  std::vector<Expr> events;  // conditions on one event alone
  std::vector<Reached> reached;
  Formula formula;
  std::uint32_t in_formula = 0;  // of `events`; the others are states' own

 private:
  explicit Analysis(const Rule& rule) : rule_(&rule) {}

  std::size_t Event(const Expr& condition) {
    const auto found = std::find(events.begin(), events.end(), condition);
    if (found != events.end()) return static_cast<std::size_t>(found - events.begin());
    events.push_back(condition);
    return events.size() - 1;
  }

  std::optional<Formula> Read(const Expr& condition) {
    if (!MentionsState(condition)) return Formula{Formula::Kind::kEvent, Event(condition), {}};
    if (condition.op == Op::kAnd || condition.op == Op::kOr) {
      std::optional<Formula> a = Read(condition.of[0]);
      std::optional<Formula> b = Read(condition.of[1]);
      if (!a || !b) return std::nullopt;
      const auto kind = condition.op == Op::kAnd ? Formula::Kind::kAnd : Formula::Kind::kOr;
      return Formula{kind, 0, {std::move(*a), std::move(*b)}};
    }
    if (condition.op < Op::kLess || condition.op > Op::kGreaterEqual) return std::nullopt;
    const bool mirrored = condition.of[1].op == Op::kState;
    const Expr& state = condition.of[mirrored ? 1 : 0];
    const Expr& constant = condition.of[mirrored ? 0 : 1];
    if (state.op != Op::kState || constant.op != Op::kNumber) return std::nullopt;
    for (const StateValue& value : rule_->state) {
      if (value.name != state.name) continue;
      return ReadState(value, mirrored ? Mirrored(condition.op) : condition.op, constant.number);
    }
    return std::nullopt;
  }

  std::optional<Formula> ReadState(const StateValue& value, Op op, double constant) {
    const bool grows = op == Op::kGreater || op == Op::kGreaterEqual;
    Reached reach;
    std::optional<Expr> where = value.where;
    switch (value.aggregate) {
      case Aggregate::kMin:
      case Aggregate::kMax: {
        // One event is there that is beyond the constant.
        if (grows != (value.aggregate == Aggregate::kMax)) return std::nullopt;
        Expr beyond = BinaryExpr(op, FieldExpr(value.field), NumberExpr(constant));
        where =
            where ? BinaryExpr(Op::kAnd, std::move(*where), std::move(beyond)) : std::move(beyond);
        break;
      }
      case Aggregate::kCount:
      case Aggregate::kDistinct: {
        if (!grows) return std::nullopt;
        const double least = op == Op::kGreater ? std::floor(constant) + 1 : std::ceil(constant);
        if (least <= 0) return Formula{};
        reach.least = static_cast<Count>(std::min(least, kBeyond));
        if (value.aggregate == Aggregate::kDistinct) {
          reach.what = Reached::What::kDistinct;
          reach.field = value.field;
        }
        break;
      }
      case Aggregate::kSum: {
        if (!grows) return std::nullopt;
        reach.strict = op == Op::kGreater;
        if (constant < 0 || (constant == 0 && !reach.strict)) {
          // It holds from the beginning, unless what is added can be negative.
          const FieldType type = FieldsOf(rule_->input)[*FindField(rule_->input, value.field)].type;
          return type == FieldType::kWhole ? std::optional(Formula{}) : std::nullopt;
        }
        reach.what = Reached::What::kSum;
        reach.constant = constant;
        reach.field = value.field;
        break;
      }
      case Aggregate::kLast:
        return std::nullopt;
    }
    if (where) reach.where = Event(*where);
    reached.push_back(std::move(reach));
    return Formula{Formula::Kind::kReached, reached.size() - 1, {}};
  }

  void Mark(const Formula& at) {
    if (at.kind == Formula::Kind::kEvent) in_formula |= std::uint32_t{1} << at.index;
    for (const Formula& operand : at.of) Mark(operand);
  }

  const Rule* rule_;
};

// What is known of a key's events without their order.
struct Tally {
  struct Type {
    std::uint32_t conditions = 0;  // those that hold, a bit for each
    Count events = 0;
  };
  // Of one Reached.
  struct Values {
    std::vector<std::pair<std::uint64_t, Count>> values;  // kDistinct; at most kMostValues
    Count others = 0;                                     // events with further ones
    double total = 0;                                     // kSum
    double greatest = 0;
  };
  std::vector<Type> types;
  std::vector<Values> of;  // by Reached; empty where all are counts
  bool shrinks = false;    // a sum has had a negative number
};

// How many of the counted events it takes for a state to hold, that one included.
struct Ranks {
  Count counted = 0;  // how many there are
  bool never = false;
  Count earliest = 0;
  Count latest = 0;  // counted + 1: in some orders never
};

Ranks RanksOf(const Reached& reached, Count counted, const Tally::Values* values) {
  Ranks ranks;
  ranks.counted = counted;
  switch (reached.what) {
    case Reached::What::kCount:
      ranks.never = counted < reached.least;
      ranks.earliest = ranks.latest = reached.least;
      break;
    case Reached::What::kDistinct: {
      const Count known = values->values.size();
      const Count least = known + (values->others > 0 ? 1 : 0);
      ranks.never = known + values->others < reached.least;
      ranks.earliest = reached.least;
      ranks.latest = counted + 1;
      if (least < reached.least) break;
      // The most frequent values come first; further ones are at most one value with all of theirs.
      std::vector<Count> times;
      for (const auto& [value, events] : values->values) times.push_back(events);
      if (values->others > 0) times.push_back(values->others);
      std::sort(times.begin(), times.end(), std::greater<>());
      Count without = 0;
      for (Count i = 0; i + 1 < reached.least; ++i) without += times[i];
      ranks.latest = std::min(without + 1, counted - least + reached.least);
      break;
    }
    case Reached::What::kSum: {
      const double rounding = values->total * static_cast<double>(counted) * kRounding;
      const double most = values->total + rounding;
      const double fewest = values->total - rounding;
      ranks.never = reached.strict ? !(most > reached.constant) : !(most >= reached.constant);
      if (ranks.never) break;
      const double first = (reached.constant - rounding) / values->greatest * (1 - kSlack);
      ranks.earliest = first > 1 ? static_cast<Count>(std::min(std::ceil(first), kBeyond)) : 1;
      ranks.earliest = std::min(ranks.earliest, counted);
      ranks.latest = counted + 1;
      if (!(fewest > reached.constant)) break;
      // So many more may be missing, each the greatest.
      const double more = (fewest - reached.constant) / values->greatest * (1 - kSlack);
      const double missing = std::max(0.0, std::ceil(more) - 1);
      ranks.latest =
          counted - static_cast<Count>(std::min(missing, static_cast<double>(counted - 1)));
      break;
    }
  }
  return ranks;
}

// Bounds of a number: of outputs, or of the position from which on a condition holds.
using Bounds = CountInterval;

}  // namespace

struct OrderFreeCounts::Impl {
  struct Key {
    Tally certain;
    std::unique_ptr<Tally> all;  // null while all are certain
  };

  Impl(const Rule& of, Symbols* symbols) : rule(of), analysis(*Analysis::Of(of)) {
    key_field = *FindField(rule.input, rule.key);
    needs |= std::uint32_t{1} << key_field;
    for (const Expr& event : analysis.events) {
      programs.push_back(program.Add(rule, event, symbols, &needs));
    }
    for (const Reached& reached : analysis.reached) {
      std::size_t field = 0;
      if (reached.what != Reached::What::kCount) {
        field = *FindField(rule.input, reached.field);
        needs |= std::uint32_t{1} << field;
        keeps_values = true;
      }
      fields.push_back(field);
    }
  }

  void Add(const EventFacts& facts, bool certain) {
    const std::uint64_t key = facts.values[key_field];
    std::uint64_t& place = places[key];
    if (place == 0) {
      keys.emplace_back();
      place = keys.size();
    }
    Key& of_key = keys[place - 1];
    if (!certain && of_key.all == nullptr) of_key.all = std::make_unique<Tally>(of_key.certain);
    if (of_key.all != nullptr) Take(facts, of_key.all.get());
    if (certain) Take(facts, &of_key.certain);
  }

  void Take(const EventFacts& facts, Tally* tally) const {
    static const StateWords kNoState{};
    const Scope scope{facts, facts.values[key_field], kNoState};
    std::uint32_t conditions = 0;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      if (program.Holds(programs[i], scope)) conditions |= std::uint32_t{1} << i;
    }
    auto type = std::find_if(tally->types.begin(), tally->types.end(),
                             [&](const Tally::Type& t) { return t.conditions == conditions; });
    if (type == tally->types.end()) type = tally->types.insert(type, {conditions, 0});
    ++type->events;
    if (!keeps_values) return;
    tally->of.resize(analysis.reached.size());
    for (std::size_t i = 0; i < analysis.reached.size(); ++i) {
      const Reached& reached = analysis.reached[i];
      if (reached.where && (conditions >> *reached.where & 1) == 0) continue;
      Tally::Values& values = tally->of[i];
      std::uint64_t word = facts.values[fields[i]];
      if (reached.what == Reached::What::kSum) {
        const auto number = std::bit_cast<double>(word);
        values.total += number;
        values.greatest = std::max(values.greatest, number);
        tally->shrinks = tally->shrinks || number < 0;
      } else if (reached.what == Reached::What::kDistinct) {
        // 0 and -0 are one number.
        const bool text = FieldsOf(rule.input)[fields[i]].type == FieldType::kText;
        if (!text && std::bit_cast<double>(word) == 0) word = 0;
        const auto value = std::find_if(values.values.begin(), values.values.end(),
                                        [&](const auto& known) { return known.first == word; });
        if (value != values.values.end()) {
          ++value->second;
        } else if (values.values.size() < kMostValues) {
          values.values.emplace_back(word, 1);
        } else {
          ++values.others;
        }
      }
    }
  }

  [[nodiscard]] CountInterval Outputs(std::uint64_t key) const {
    const std::uint64_t* const place = places.Find(key);
    return place == nullptr ? CountInterval{} : Outputs(keys[*place - 1]);
  }

  // An event more never takes an output away, but where a sum shrinks.
  [[nodiscard]] CountInterval Outputs(const Key& key) const {
    const CountInterval certain = Outputs(key.certain);
    if (key.all == nullptr) return certain;
    const CountInterval all = Outputs(*key.all);
    return {key.all->shrinks ? 0 : certain.fewest, all.most};
  }

  // Over all orders of just these events.
  [[nodiscard]] CountInterval Outputs(const Tally& tally) const {
    Count events = 0;
    for (const Tally::Type& type : tally.types) events += type.events;
    if (events == 0 || tally.shrinks) return {0, events};
    std::vector<Ranks> ranks;
    for (std::size_t i = 0; i < analysis.reached.size(); ++i) {
      Count counted = 0;
      for (const Tally::Type& type : tally.types) {
        if (Counts(analysis.reached[i], type)) counted += type.events;
      }
      ranks.push_back(
          RanksOf(analysis.reached[i], counted, tally.of.empty() ? nullptr : &tally.of[i]));
    }
    // Types for which the condition is the same together: bounded as the sum of them, and by the
    // place in the whole order from which on it holds.
    CountInterval outputs;
    std::vector<bool> done(tally.types.size());
    for (std::size_t i = 0; i < tally.types.size(); ++i) {
      if (done[i]) continue;
      Bounds sum;
      Count together = 0;
      for (std::size_t k = i; k < tally.types.size(); ++k) {
        const std::uint32_t other = tally.types[i].conditions ^ tally.types[k].conditions;
        if ((other & analysis.in_formula) != 0) continue;
        done[k] = true;
        together += tally.types[k].events;
        const Bounds of_type = OfType(analysis.formula, tally.types[k], ranks);
        sum.fewest += of_type.fewest;
        sum.most += of_type.most;
      }
      const Bounds from = From(analysis.formula, tally.types[i], ranks, events);
      const Count before = from.most - 1;
      const Count behind = events + 1 - from.fewest;
      outputs.fewest += std::max(sum.fewest, together - std::min(together, before));
      outputs.most += std::min({sum.most, together, behind});
    }
    return outputs;
  }

  [[nodiscard]] static bool Counts(const Reached& reached, const Tally::Type& type) {
    return !reached.where || (type.conditions >> *reached.where & 1) != 0;
  }

  // How many of the events of one type it holds for. They are the last ones of that type, so the
  // fewer of two hold where both must.
  [[nodiscard]] Bounds OfType(const Formula& at, const Tally::Type& type,
                              const std::vector<Ranks>& ranks) const {
    switch (at.kind) {
      case Formula::Kind::kTrue:
        return {type.events, type.events};
      case Formula::Kind::kEvent: {
        const Count events = (type.conditions >> at.index & 1) != 0 ? type.events : 0;
        return {events, events};
      }
      case Formula::Kind::kReached: {
        const Ranks& rank = ranks[at.index];
        if (rank.never) return {0, 0};
        if (!Counts(analysis.reached[at.index], type)) return {0, type.events};
        const Count others = rank.counted - type.events;
        const Count before = rank.earliest - 1;
        return {type.events - std::min(type.events, rank.latest - 1),
                type.events - (before > others ? before - others : 0)};
      }
      case Formula::Kind::kAnd:
      case Formula::Kind::kOr:
        break;
    }
    const Bounds a = OfType(at.of[0], type, ranks);
    const Bounds b = OfType(at.of[1], type, ranks);
    if (at.kind == Formula::Kind::kAnd) {
      return {std::min(a.fewest, b.fewest), std::min(a.most, b.most)};
    }
    return {std::max(a.fewest, b.fewest), std::max(a.most, b.most)};
  }

  // The position among all events, from 1, from which on it holds for this type: events + 1: for
  // none.
  [[nodiscard]] Bounds From(const Formula& at, const Tally::Type& type,
                            const std::vector<Ranks>& ranks, Count events) const {
    switch (at.kind) {
      case Formula::Kind::kTrue:
        return {1, 1};
      case Formula::Kind::kEvent: {
        const Count from = (type.conditions >> at.index & 1) != 0 ? 1 : events + 1;
        return {from, from};
      }
      case Formula::Kind::kReached: {
        const Ranks& rank = ranks[at.index];
        if (rank.never) return {events + 1, events + 1};
        return {rank.earliest, events - rank.counted + rank.latest};
      }
      case Formula::Kind::kAnd:
      case Formula::Kind::kOr:
        break;
    }
    const Bounds a = From(at.of[0], type, ranks, events);
    const Bounds b = From(at.of[1], type, ranks, events);
    if (at.kind == Formula::Kind::kAnd) {
      return {std::max(a.fewest, b.fewest), std::max(a.most, b.most)};
    }
    return {std::min(a.fewest, b.fewest), std::min(a.most, b.most)};
  }

  const Rule& rule;
  const Analysis analysis;
  Program program;
  std::vector<std::uint32_t> programs;  // by condition on one event
  std::vector<std::size_t> fields;      // by Reached; none of a count
  std::size_t key_field = 0;
  std::uint32_t needs = 0;
  bool keeps_values = false;
  NumberMap<std::uint64_t> places;  // index + 1
  std::deque<Key> keys;
};

bool OrderFreeCounts::Applies(const Rule& rule) { return Analysis::Of(rule).has_value(); }

OrderFreeCounts::OrderFreeCounts(const Rule& rule, Symbols* symbols)
    : impl_(std::make_unique<Impl>(rule, symbols)) {}
OrderFreeCounts::~OrderFreeCounts() = default;
OrderFreeCounts::OrderFreeCounts(OrderFreeCounts&&) noexcept = default;
OrderFreeCounts& OrderFreeCounts::operator=(OrderFreeCounts&&) noexcept = default;

std::uint32_t OrderFreeCounts::needs() const { return impl_->needs; }

void OrderFreeCounts::Add(const EventFacts& facts, bool certain) { impl_->Add(facts, certain); }

bool OrderFreeCounts::Has(std::uint64_t key) const { return impl_->places.Find(key) != nullptr; }

CountInterval OrderFreeCounts::Outputs(std::uint64_t key) const { return impl_->Outputs(key); }

void OrderFreeCounts::ForEach(
    const std::function<void(std::uint64_t key, CountInterval outputs)>& visit) const {
  impl_->places.ForEach([&](std::uint64_t key, std::uint64_t place) {
    visit(key, impl_->Outputs(impl_->keys[place - 1]));
  });
}

}  // namespace playload
