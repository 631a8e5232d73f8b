#include "generator/rules/evaluator.h"

#include <algorithm>
#include <utility>

#include "generator/rules/json_text.h"
#include "generator/rules/keyed_state.h"

namespace playload {
namespace {

using Op = Expr::Op;

double ToDouble(std::uint64_t word) { return std::bit_cast<double>(word); }
std::uint64_t ToWord(double number) { return std::bit_cast<std::uint64_t>(number); }

// An expression's nodes in one array; operands are indices.
struct Node {
  Op op = Op::kNumber;
  bool text = false;  // a comparison of two texts
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  std::uint64_t word = 0;  // a literal's value; index of a field or state
};

struct Scope {
  const EventFacts& facts;
  std::uint64_t key;
  const StateWords& state;
};

class Program {
 public:
  // The value of node `at`; Symbols::kNone: none.
  [[nodiscard]] std::uint64_t Value(std::size_t at, const Scope& scope) const {
    const Node& node = nodes_[at];
    switch (node.op) {
      case Op::kField:
        return scope.facts.values[node.word];
      case Op::kState:
        return scope.state[node.word];
      case Op::kKey:
        return scope.key;
      case Op::kNegate: {
        const std::uint64_t a = Value(node.a, scope);
        return a == Symbols::kNone ? a : ToWord(-ToDouble(a));
      }
      case Op::kAdd:
      case Op::kSubtract:
      case Op::kMultiply: {
        const std::uint64_t a = Value(node.a, scope);
        const std::uint64_t b = Value(node.b, scope);
        if (a == Symbols::kNone || b == Symbols::kNone) return Symbols::kNone;
        const double x = ToDouble(a);
        const double y = ToDouble(b);
        return ToWord(node.op == Op::kAdd ? x + y : node.op == Op::kSubtract ? x - y : x * y);
      }
      default:
        return node.word;
    }
  }

  [[nodiscard]] bool Holds(std::size_t at, const Scope& scope) const {
    const Node& node = nodes_[at];
    switch (node.op) {
      case Op::kNot:
        return !Holds(node.a, scope);
      case Op::kAnd:
        return Holds(node.a, scope) && Holds(node.b, scope);
      case Op::kOr:
        return Holds(node.a, scope) || Holds(node.b, scope);
      default:
        break;
    }
    const std::uint64_t a = Value(node.a, scope);
    const std::uint64_t b = Value(node.b, scope);
    if (a == Symbols::kNone || b == Symbols::kNone) return false;
    if (node.text) return (a == b) == (node.op == Op::kEqual);
    const double x = ToDouble(a);
    const double y = ToDouble(b);
    switch (node.op) {
      case Op::kEqual:
        return x == y;
      case Op::kNotEqual:
        return x != y;
      case Op::kLess:
        return x < y;
      case Op::kLessEqual:
        return x <= y;
      case Op::kGreater:
        return x > y;
      default:
        return x >= y;
    }
  }

  // Takes an expression in; the index of its root.
  std::size_t Add(const Rule& rule, const Expr& expr, Symbols* symbols, std::uint32_t* needs) {
    Node node;
    node.op = expr.op;
    switch (expr.op) {
      case Op::kNumber:
        node.word = ToWord(expr.number);
        break;
      case Op::kText:
        node.word = symbols->Of(expr.name);
        break;
      case Op::kField:
        node.word = *FindField(rule.input, expr.name);
        *needs |= std::uint32_t{1} << node.word;
        break;
      case Op::kState:
        for (std::size_t i = 0; i < rule.state.size(); ++i) {
          if (rule.state[i].name == expr.name) node.word = i;
        }
        break;
      case Op::kKey:
        break;
      default:
        node.a = static_cast<std::uint32_t>(Add(rule, expr.of[0], symbols, needs));
        if (expr.of.size() == 2) {
          node.b = static_cast<std::uint32_t>(Add(rule, expr.of[1], symbols, needs));
        }
        node.text = expr.op >= Op::kEqual && expr.op <= Op::kGreaterEqual &&
                    TypeOf(rule, expr.of[0]) == ExprType::kText;
        break;
    }
    nodes_.push_back(node);
    return nodes_.size() - 1;
  }

 private:
  std::vector<Node> nodes_;
};

// A piece of an output record: fixed text, and then a value.
struct Piece {
  enum class Source : std::uint8_t { kNothing, kText, kWhole, kNumber, kEventText };
  std::string before;
  Source source = Source::kNothing;
  std::size_t at = 0;  // of the value's node, or of the event's field
};

}  // namespace

struct CompiledRules::OneRule {
  struct State {
    std::size_t field = 0;
    bool text = false;
    bool counts = false;  // takes no field
    bool whole = true;
    std::optional<std::size_t> where;
  };
  struct OneAlternative {
    std::optional<std::size_t> when;
    bool event = false;
    std::vector<Piece> pieces;
  };

  OneRule(const Rule& of, Symbols* symbols, std::uint32_t* needs) : rule(of) {
    key = *FindField(rule.input, rule.key);
    *needs |= std::uint32_t{1} << key;
    for (const StateValue& value : rule.state) {
      State compiled;
      if (value.aggregate == Aggregate::kCount) {
        compiled.counts = true;
      } else {
        compiled.field = *FindField(rule.input, value.field);
        *needs |= std::uint32_t{1} << compiled.field;
        const FieldType type = FieldsOf(rule.input)[compiled.field].type;
        compiled.text = type == FieldType::kText;
        compiled.whole = type == FieldType::kWhole;
      }
      if (value.where) compiled.where = program.Add(rule, *value.where, symbols, needs);
      state.push_back(compiled);
    }
    for (const Alternative& alternative : rule.alternatives) {
      OneAlternative compiled;
      if (alternative.when) compiled.when = program.Add(rule, *alternative.when, symbols, needs);
      compiled.event = alternative.event;
      if (!alternative.event) {
        std::string text;
        AddObject(alternative.record, symbols, needs, &text, &compiled.pieces);
        compiled.pieces.push_back({text, Piece::Source::kNothing, 0});
      }
      alternatives.push_back(std::move(compiled));
    }
    output_key = MakePiece(rule.output_key, symbols, needs);
  }

  Piece MakePiece(const Expr& expr, Symbols* symbols, std::uint32_t* needs) {
    const ExprType type = TypeOf(rule, expr);
    if (type == ExprType::kText && expr.op == Op::kField) {
      return {"", Piece::Source::kEventText, *FindField(rule.input, expr.name)};
    }
    const auto source = type == ExprType::kText    ? Piece::Source::kText
                        : type == ExprType::kWhole ? Piece::Source::kWhole
                                                   : Piece::Source::kNumber;
    return {"", source, program.Add(rule, expr, symbols, needs)};
  }

  // `text`: what stands before the next value so far.
  void AddObject(const std::vector<RecordField>& fields, Symbols* symbols, std::uint32_t* needs,
                 std::string* text, std::vector<Piece>* pieces) {
    char before = '{';
    for (const RecordField& field : fields) {
      *text += before;
      before = ',';
      AppendJsonText(field.name, text);
      *text += ':';
      if (!field.value) {
        AddObject(field.fields, symbols, needs, text, pieces);
        continue;
      }
      Piece piece = MakePiece(*field.value, symbols, needs);
      piece.before.swap(*text);
      pieces->push_back(std::move(piece));
    }
    *text += before == '{' ? "{}" : "}";
  }

  const Rule& rule;
  std::size_t key = 0;
  std::vector<State> state;
  std::vector<OneAlternative> alternatives;
  Piece output_key;
  Program program;
};

CompiledRules::CompiledRules(RuleSet rules, Symbols* symbols)
    : rules_(std::move(rules)), symbols_(*symbols) {
  for (const Rule& rule : rules_.rules) {
    const auto kind = static_cast<unsigned>(rule.input);
    compiled_.push_back(std::make_unique<const OneRule>(rule, symbols, &needs_[kind]));
    time_[kind] = time_[kind] || rule.uses_time();
  }
}

CompiledRules::~CompiledRules() = default;

// One rule's state and how to run it.
struct Evaluator::OneState {
  explicit OneState(const CompiledRules::OneRule& of, const Symbols& s) : compiled(of), symbols(s) {
    std::vector<KeyedState::Value> values;
    for (std::size_t i = 0; i < compiled.state.size(); ++i) {
      values.push_back({compiled.rule.state[i].aggregate, compiled.state[i].whole});
    }
    keyed =
        KeyedState::Make(std::move(values), compiled.rule.window, compiled.rule.cool_down_ns > 0);
  }

  // The alternative whose record is to be put out, if any. `now` has the state then.
  std::optional<std::uint32_t> Decide(const EventFacts& facts, StateWords* now, RuleStep* step) {
    const std::uint64_t key = facts.values[compiled.key];
    std::int64_t* last_output = nullptr;
    if (keyed != nullptr) {
      if (compiled.rule.uses_time() && facts.time_ns == EventFacts::kNoTime) {
        if (step != nullptr) step->answer = RuleStep::Answer::kNotValid;
        return std::nullopt;
      }
      StateWords in{};
      for (std::size_t i = 0; i < compiled.state.size(); ++i) {
        in[i] = TakenOf(compiled.state[i], facts, key);
      }
      StateWords before{};
      if (!keyed->Add(key, facts.time_ns, in, now, step != nullptr ? &before : nullptr,
                      &last_output)) {
        if (step != nullptr) step->answer = RuleStep::Answer::kLate;
        return std::nullopt;
      }
      if (step != nullptr) {
        Describe(before, &step->before);
        Describe(*now, &step->after);
      }
    }
    const Scope scope{facts, key, *now};
    for (std::size_t i = 0; i < compiled.alternatives.size(); ++i) {
      const auto& when = compiled.alternatives[i].when;
      if (when && !compiled.program.Holds(*when, scope)) continue;
      const bool again = last_output == nullptr || *last_output == KeyedState::kNever ||
                         facts.time_ns >= *last_output + compiled.rule.cool_down_ns;
      if (again && last_output != nullptr) *last_output = facts.time_ns;
      if (step != nullptr) {
        step->answer = again ? RuleStep::Answer::kOutput : RuleStep::Answer::kCoolDown;
        step->alternative = static_cast<std::uint32_t>(i);
      }
      return again ? std::optional(static_cast<std::uint32_t>(i)) : std::nullopt;
    }
    return std::nullopt;
  }

  void Write(const EventFacts& facts, const StateWords& now, std::uint32_t alternative,
             EventTexts& texts, RuleOutput* out) {
    const Scope scope{facts, facts.values[compiled.key], now};
    out->alternative = alternative;
    out->key.clear();
    AppendText(compiled.output_key, scope, texts, &out->key);
    out->value.clear();
    const auto& chosen = compiled.alternatives[alternative];
    if (chosen.event) return texts.AppendEvent(&out->value);
    for (const Piece& piece : chosen.pieces) {
      out->value += piece.before;
      if (piece.source == Piece::Source::kNothing) continue;
      if (piece.source == Piece::Source::kEventText) {
        text.clear();
        texts.AppendText(piece.at, &text);
        AppendJsonText(text, &out->value);
        continue;
      }
      AppendValue(compiled.program.Value(piece.at, scope), piece.source, &out->value);
    }
  }

 private:
  std::uint64_t TakenOf(const CompiledRules::OneRule::State& state, const EventFacts& facts,
                        std::uint64_t key) const {
    if (state.where && !compiled.program.Holds(*state.where, Scope{facts, key, StateWords{}})) {
      return Symbols::kNone;
    }
    if (state.counts) return 0;
    const std::uint64_t word = facts.values[state.field];
    // 0 and -0 are one number.
    return !state.text && ToDouble(word) == 0 ? 0 : word;
  }

  void AppendValue(std::uint64_t word, Piece::Source source, std::string* out) {
    if (word == Symbols::kNone) {
      *out += "null";
    } else if (source == Piece::Source::kText) {
      text.clear();
      symbols.AppendText(word, &text);
      AppendJsonText(text, out);
    } else {
      AppendJsonNumber(ToDouble(word), source == Piece::Source::kWhole, out);
    }
  }

  // The text itself, for an output's key.
  void AppendText(const Piece& piece, const Scope& scope, EventTexts& texts, std::string* out) {
    if (piece.source == Piece::Source::kEventText) return texts.AppendText(piece.at, out);
    const std::uint64_t word = compiled.program.Value(piece.at, scope);
    if (word != Symbols::kNone) symbols.AppendText(word, out);
  }

  void Describe(const StateWords& words, std::vector<std::string>* out) {
    for (std::size_t i = 0; i < compiled.state.size(); ++i) {
      const ExprType type = TypeOf(compiled.rule, StateExpr(compiled.rule.state[i].name));
      AppendValue(words[i],
                  type == ExprType::kText    ? Piece::Source::kText
                  : type == ExprType::kWhole ? Piece::Source::kWhole
                                             : Piece::Source::kNumber,
                  &out->emplace_back());
    }
  }

  const CompiledRules::OneRule& compiled;
  const Symbols& symbols;
  std::unique_ptr<KeyedState> keyed;  // null when there is nothing to keep
  std::string text;                   // reused
};

Evaluator::Evaluator(const CompiledRules& rules) : rules_(&rules) {
  for (const auto& compiled : rules.compiled_) {
    states_.push_back(std::make_unique<OneState>(*compiled, rules.symbols_));
  }
}

Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

RuleOutput& Evaluator::NextOutput() {
  if (made_ == outputs_.size()) outputs_.emplace_back();
  return outputs_[made_++];
}

std::span<const RuleOutput> Evaluator::Process(const EventFacts& facts, EventTexts& texts,
                                               std::vector<RuleStep>* steps) {
  made_ = 0;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (rules_->rules_.rules[i].input != facts.kind) continue;
    RuleStep* step = nullptr;
    if (steps != nullptr) {
      step = &steps->emplace_back();
      step->rule = static_cast<std::uint32_t>(i);
    }
    StateWords now{};
    const std::optional<std::uint32_t> alternative = states_[i]->Decide(facts, &now, step);
    if (!alternative) continue;
    RuleOutput& output = NextOutput();
    output.rule = static_cast<std::uint32_t>(i);
    states_[i]->Write(facts, now, *alternative, texts, &output);
  }
  return {outputs_.data(), made_};
}

}  // namespace playload
