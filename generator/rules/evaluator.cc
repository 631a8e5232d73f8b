#include "generator/rules/evaluator.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "generator/rules/closing_windows.h"
#include "generator/rules/json_text.h"
#include "generator/rules/keyed_state.h"
#include "generator/rules/program.h"

namespace playload {
namespace {

using Op = Expr::Op;

double ToDouble(std::uint64_t word) { return std::bit_cast<double>(word); }

// As docs/rules.md has a window's bounds: whole milliseconds. Times are never before 1970.
double Milliseconds(std::int64_t time_ns) {
  const std::int64_t ms = time_ns / 1'000'000;
  return static_cast<double>(ms);
}

// Of the answer of a window, which has no event: CheckRules() sees to it that nobody asks.
class NoTexts : public EventTexts {
 public:
  void AppendText(std::size_t /*field*/, std::string* /*out*/) override {}
  void AppendEvent(std::string* /*out*/) override {}
};

// A piece of an output record: fixed text, and then a value.
struct Piece {
  enum class Source : std::uint8_t { kNothing, kText, kWhole, kNumber, kEventText };
  std::string before;
  Source source = Source::kNothing;
  std::uint32_t at = 0;  // of the value, or of the event's field
};

// Time as windows have it that begin with an event (WindowReading::from_event): the n-th window of
// a key lasts from n times its size on.
class OwnTimes {
 public:
  explicit OwnTimes(std::int64_t size_ns) : size_ns_(size_ns) {}

  std::int64_t Of(std::uint64_t key, std::int64_t time_ns) {
    const auto [found, is_new] = windows_.try_emplace(key, Latest{time_ns, size_ns_});
    Latest& latest = found->second;
    if (!is_new && time_ns >= latest.began_ns + size_ns_) {
      latest = {time_ns, latest.at_ns + size_ns_};
    }
    return latest.at_ns + (time_ns - latest.began_ns);
  }

 private:
  struct Latest {
    std::int64_t began_ns;
    std::int64_t at_ns;  // that, in this time
  };
  const std::int64_t size_ns_;
  std::unordered_map<std::uint64_t, Latest> windows_;  // by key
};

}  // namespace

struct CompiledRules::OneRule {
  struct State {
    std::size_t field = 0;
    bool text = false;
    bool counts = false;  // takes no field
    bool whole = true;
    std::optional<std::uint32_t> where;
  };
  struct OneAlternative {
    std::optional<std::uint32_t> when;
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
      return {"", Piece::Source::kEventText,
              static_cast<std::uint32_t>(*FindField(rule.input, expr.name))};
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

CompiledRules::CompiledRules(RuleSet rules, Symbols* symbols, const WindowReading& reading)
    : rules_(std::move(rules)), symbols_(*symbols), reading_(reading) {
  for (const Rule& rule : rules_.rules) {
    const auto kind = static_cast<unsigned>(rule.input);
    compiled_.push_back(std::make_unique<const OneRule>(rule, symbols, &needs_[kind]));
    time_[kind] = time_[kind] || rule.uses_time();
    whole_[kind] = whole_[kind] || rule.window.closes();
  }
}

CompiledRules::~CompiledRules() = default;

struct Evaluator::ClosedWindow : ClosingWindows::Closed {};

// One rule's state and how to run it.
struct Evaluator::OneState {
  OneState(const CompiledRules::OneRule& of, const Symbols& s, const WindowReading& reading)
      : compiled(of), symbols_(s) {
    std::vector<KeyedState::Value> values;
    for (std::size_t i = 0; i < compiled.state.size(); ++i) {
      values.push_back({compiled.rule.state[i].aggregate, compiled.state[i].whole});
    }
    if (compiled.rule.window.closes()) {
      closing = std::make_unique<ClosingWindows>(std::move(values), compiled.rule.window, reading);
      return;
    }
    RuleWindow window = compiled.rule.window;
    ahead_ns = AheadOf(window, reading);
    if (reading.from_event) own_times = std::make_unique<OwnTimes>(window.size_ns);
    if (reading.other_edge && window.form == RuleWindow::Form::kSliding) ++window.size_ns;
    if (reading.other_edge && window.form == RuleWindow::Form::kSession) --window.size_ns;
    keyed = KeyedState::Make(std::move(values), window, compiled.rule.cool_down_ns > 0,
                             reading.grows_together);
  }

  // Counts an event into its window; whether it is at the edge of being late. REQUIRES: those that
  // it closes have answered. `answer` as of ClosingWindows::Add(); `answers`: whether it is one.
  bool Count(const EventFacts& facts, RuleStep* step, ClosedWindow* answer, bool* answers) {
    const std::uint64_t key = facts.values[compiled.key];
    StateWords before{};
    StateWords after{};
    const ClosingWindows::Place place = closing->Add(
        key, facts.time_ns, facts.id, TakenOf(facts, key), step != nullptr ? &before : nullptr,
        step != nullptr ? &after : nullptr, answer);
    *answers = place.answers;
    if (step == nullptr) return place.fate.at_edge;
    step->answer = place.fate.late ? RuleStep::Answer::kLate : RuleStep::Answer::kCounted;
    if (place.fate.late) return place.fate.at_edge;
    step->window_end_ns = place.end_ns;
    Describe(before, &step->before);
    Describe(after, &step->after);
    return place.fate.at_edge;
  }

  // The alternative whose record a window puts out that closes, if any.
  std::optional<std::uint32_t> Decide(const Scope& scope) const {
    for (std::size_t i = 0; i < compiled.alternatives.size(); ++i) {
      const auto& when = compiled.alternatives[i].when;
      if (!when || compiled.program.Holds(*when, scope)) return static_cast<std::uint32_t>(i);
    }
    return std::nullopt;
  }

  // The alternative whose record is to be put out, if any. `now` has the state then. `at_edge`:
  // set when the event is at the edge of being late.
  std::optional<std::uint32_t> Decide(const EventFacts& facts, StateWords* now, RuleStep* step,
                                      bool* at_edge) {
    const std::uint64_t key = facts.values[compiled.key];
    std::int64_t* last_output = nullptr;
    if (keyed != nullptr) {
      if (compiled.rule.uses_time() && facts.time_ns == EventFacts::kNoTime) {
        if (step != nullptr) step->answer = RuleStep::Answer::kNotValid;
        return std::nullopt;
      }
      StateWords before{};
      const Fate fate = keyed->Add(key, WindowTime(key, facts.time_ns), TakenOf(facts, key), now,
                                   step != nullptr ? &before : nullptr, &last_output);
      *at_edge = fate.at_edge;
      if (fate.late) {
        if (step != nullptr) step->answer = RuleStep::Answer::kLate;
        return std::nullopt;
      }
      if (step != nullptr) {
        Describe(before, &step->before);
        Describe(*now, &step->after);
      }
    }
    const std::optional<std::uint32_t> alternative = Decide(Scope{facts, key, *now});
    if (!alternative) return std::nullopt;
    const bool again = last_output == nullptr || *last_output == KeyedState::kNever ||
                       facts.time_ns >= *last_output + compiled.rule.cool_down_ns;
    if (again && last_output != nullptr) *last_output = facts.time_ns;
    if (step != nullptr) {
      step->answer = again ? RuleStep::Answer::kOutput : RuleStep::Answer::kCoolDown;
      step->alternative = *alternative;
    }
    return again ? alternative : std::nullopt;
  }

  [[nodiscard]] Scope ScopeOf(const EventFacts& facts, const StateWords& now) const {
    return {facts, facts.values[compiled.key], now};
  }

  void Write(const Scope& scope, std::uint32_t alternative, EventTexts& texts, RuleOutput* out) {
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
        text_.clear();
        texts.AppendText(piece.at, &text_);
        AppendJsonText(text_, &out->value);
        continue;
      }
      AppendValue(compiled.program.Value(piece.at, scope), piece.source, &out->value);
    }
  }

  const CompiledRules::OneRule& compiled;
  std::unique_ptr<KeyedState> keyed;        // null when there is nothing to keep
  std::unique_ptr<ClosingWindows> closing;  // of a rule that answers when its windows close
  // Of wrong readings: where a window of the clock begins, else.
  std::int64_t ahead_ns = 0;
  std::unique_ptr<OwnTimes> own_times;

 private:
  [[nodiscard]] std::int64_t WindowTime(std::uint64_t key, std::int64_t time_ns) {
    return own_times != nullptr ? own_times->Of(key, time_ns) : time_ns + ahead_ns;
  }

  // What every value takes of an event.
  [[nodiscard]] StateWords TakenOf(const EventFacts& facts, std::uint64_t key) const {
    StateWords in{};
    for (std::size_t i = 0; i < compiled.state.size(); ++i) {
      in[i] = TakenOf(compiled.state[i], facts, key);
    }
    return in;
  }

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
      text_.clear();
      symbols_.AppendText(word, &text_);
      AppendJsonText(text_, out);
    } else {
      AppendJsonNumber(ToDouble(word), source == Piece::Source::kWhole, out);
    }
  }

  // The text itself, for an output's key.
  void AppendText(const Piece& piece, const Scope& scope, EventTexts& texts, std::string* out) {
    if (piece.source == Piece::Source::kEventText) return texts.AppendText(piece.at, out);
    const std::uint64_t word = compiled.program.Value(piece.at, scope);
    if (word != Symbols::kNone) symbols_.AppendText(word, out);
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

  const Symbols& symbols_;
  std::string text_;  // reused
};

Evaluator::Evaluator(const CompiledRules& rules) : rules_(&rules) {
  for (const auto& compiled : rules.compiled_) {
    states_.push_back(std::make_unique<OneState>(*compiled, rules.symbols_, rules.reading_));
  }
}

Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

RuleOutput& Evaluator::NextOutput(std::size_t rule) {
  if (made_ == outputs_.size()) outputs_.emplace_back();
  RuleOutput& output = outputs_[made_++];
  output.rule = static_cast<std::uint32_t>(rule);
  return output;
}

// Puts out what a window answers, if it does.
void Evaluator::Answer(std::size_t rule, const ClosedWindow& closed, bool open) {
  static const EventFacts kNoEvent;
  NoTexts no_texts;
  OneState& state = *states_[rule];
  const Scope scope{kNoEvent, closed.key, closed.state, Milliseconds(closed.start_ns),
                    Milliseconds(closed.end_ns)};
  const std::optional<std::uint32_t> alternative = state.Decide(scope);
  if (!alternative) return;
  RuleOutput& output = NextOutput(rule);
  state.Write(scope, *alternative, no_texts, &output);
  output.cause = closed.cause;
  output.due_ns = closed.end_ns + state.compiled.rule.window.lateness_ns;
  output.wait_ns = output.due_ns - closed.cause_time_ns;
  output.open = open;
}

std::span<const RuleOutput> Evaluator::Finish() {
  made_ = 0;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (states_[i]->closing == nullptr) continue;
    ClosedWindow closed;
    while (states_[i]->closing->CloseAny(&closed)) Answer(i, closed, true);
  }
  return {outputs_.data(), made_};
}

std::span<const RuleOutput> Evaluator::Process(const EventFacts& facts, EventTexts& texts,
                                               std::vector<RuleStep>* steps) {
  made_ = 0;
  edges_.clear();
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (rules_->rules_.rules[i].input != facts.kind) continue;
    RuleStep* step = nullptr;
    if (steps != nullptr) {
      step = &steps->emplace_back();
      step->rule = static_cast<std::uint32_t>(i);
    }
    if (states_[i]->closing != nullptr) {
      if (facts.time_ns == EventFacts::kNoTime) {
        if (step != nullptr) step->answer = RuleStep::Answer::kNotValid;
        continue;
      }
      const std::uint64_t key = facts.values[states_[i]->compiled.key];
      ClosedWindow closed;
      states_[i]->closing->Advance(key, facts.time_ns);
      while (states_[i]->closing->CloseDue(key, &closed)) Answer(i, closed, false);
      bool answers = false;
      if (states_[i]->Count(facts, step, &closed, &answers)) {
        edges_.push_back(static_cast<std::uint32_t>(i));
      }
      if (answers) Answer(i, closed, false);
      continue;
    }
    StateWords now{};
    bool at_edge = false;
    const std::optional<std::uint32_t> alternative =
        states_[i]->Decide(facts, &now, step, &at_edge);
    if (at_edge) edges_.push_back(static_cast<std::uint32_t>(i));
    if (!alternative) continue;
    RuleOutput& output = NextOutput(i);
    states_[i]->Write(states_[i]->ScopeOf(facts, now), *alternative, texts, &output);
    output.cause = facts.id;
    output.wait_ns = 0;
    output.open = false;
  }
  return {outputs_.data(), made_};
}

}  // namespace playload
