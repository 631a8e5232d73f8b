#include "generator/mutants/probe_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/event/catalog.h"
#include "generator/rules/evaluator.h"
#include "generator/rules/json_text.h"
#include "generator/rules/parsed_events.h"

namespace playload {
namespace {

using Op = Expr::Op;

constexpr std::int64_t kTickNs = 1'000'000;
constexpr std::int64_t kStepNs = 10 * kTickNs;  // between events that do not wait
constexpr std::int64_t kStartNs = 1'767'225'600'000'000'000;
constexpr std::size_t kLeastRepeat = 3;
constexpr std::size_t kMostRepeat = 24;

// What the conditions of a rule compare with.
struct Constants {
  std::set<int> thresholds;  // of state
  std::set<int> percents;    // of metrics' fields
  std::set<int> currencies;  // indices into kCurrencyTable
};

bool Mentions(const Expr& expr, Op op) {
  return expr.op == op || std::any_of(expr.of.begin(), expr.of.end(),
                                      [&](const Expr& e) { return Mentions(e, op); });
}

void Read(const Expr& expr, Constants* out) {
  if (expr.op == Op::kText) {
    for (int c = 0; c < kCurrencies; ++c) {
      if (kCurrencyTable[c].code == expr.name) out->currencies.insert(c);
    }
  }
  for (std::size_t i = 0; i < expr.of.size(); ++i) {
    const Expr& operand = expr.of[i];
    if (operand.op == Op::kNumber && expr.of.size() == 2) {
      const auto number = static_cast<int>(std::clamp(operand.number, -1.0, 1'000.0));
      const Expr& other = expr.of[1 - i];
      if (Mentions(other, Op::kState)) out->thresholds.insert(number);
      if (Mentions(other, Op::kField) && number >= 0 && number <= 100) out->percents.insert(number);
    }
    Read(operand, out);
  }
}

void Read(const Rule& rule, Constants* out) {
  for (const StateValue& value : rule.state) {
    if (value.where) Read(*value.where, out);
  }
  for (const Alternative& alternative : rule.alternatives) {
    if (alternative.when) Read(*alternative.when, out);
  }
  if (rule.window.form == RuleWindow::Form::kLast) {
    out->thresholds.insert(static_cast<int>(std::min<std::int64_t>(rule.window.events, 1'000)));
  }
}

// The steps that these rules can tell apart.
std::vector<ProbeStep> Alphabet(Kind input, const Constants& constants) {
  using What = ProbeStep::What;
  std::vector<ProbeStep> steps;
  ProbeStep step;
  if (input == Kind::kPlayer) {
    for (const What what : {What::kMove, What::kLevelComplete, What::kInteraction}) {
      step.what = what;
      steps.push_back(step);
    }
    return steps;
  }
  if (input == Kind::kPurchase) {
    std::set<int> currencies = constants.currencies;
    currencies.insert({0, 1});
    step.what = What::kPurchase;
    for (const int currency : currencies) {
      step.currency = currency;
      steps.push_back(step);
    }
    step = ProbeStep{};
    step.what = What::kRefund;
    steps.push_back(step);
    return steps;
  }
  std::set<int> values = {50};
  for (const int percent : constants.percents) {
    for (int near = percent - 1; near <= percent + 1; ++near) {
      if (near >= 0 && near <= 100) values.insert(near);
    }
  }
  step.what = What::kMetric;
  for (const int cpu : values) {
    for (const int memory : values) {
      step.cpu = cpu;
      step.memory = memory;
      steps.push_back(step);
    }
  }
  return steps;
}

// An event as a rule sees it, made of texts.
class PlayedEvent : public EventTexts {
 public:
  explicit PlayedEvent(Symbols* symbols) : symbols_(symbols) {}

  void Begin(Kind kind, std::int64_t time_ns) {
    facts_ = EventFacts{};
    facts_.kind = kind;
    facts_.time_ns = time_ns;
    for (std::string& text : texts_) text.clear();
    Set(kTimeField, FormatInstant(time_ns));
  }
  void Set(std::string_view path, std::string text) {
    const auto field = FindField(facts_.kind, path);
    if (!field) return;
    facts_.values[*field] = symbols_->Of(text);
    texts_[*field] = std::move(text);
  }
  void Set(std::string_view path, double number) {
    const auto field = FindField(facts_.kind, path);
    if (!field) return;
    facts_.SetNumber(*field, number);
    texts_[*field].clear();
    AppendJsonNumber(number, true, &texts_[*field]);
  }
  [[nodiscard]] const EventFacts& facts() const { return facts_; }

  void AppendText(std::size_t field, std::string* out) override { *out += texts_[field]; }
  void AppendEvent(std::string* out) override {
    for (const std::string& text : texts_) AppendJsonText(text, out);
  }

 private:
  Symbols* const symbols_;
  EventFacts facts_;
  std::array<std::string, kMostFields> texts_;
};

// Plays scripts to two evaluators and says whether they answer alike.
class Rehearsal {
 public:
  Rehearsal(const RuleSet& rule, const RuleSet& mutant)
      : kind_(rule.rules.front().input),
        right_(rule, &symbols_),
        wrong_(mutant, &symbols_),
        event_(&symbols_) {}

  bool TellsApart(const std::vector<ProbeStep>& steps) {
    Evaluator right(right_);
    Evaluator wrong(wrong_);
    std::int64_t now = kStartNs;
    for (int actor = 1; actor <= 2; ++actor) {
      int latest = -1;  // currency of the latest purchase
      times_.clear();
      for (const ProbeStep& step : steps) {
        // "Within" is the last instant before the edge, "after" the edge itself.
        const std::int64_t wait = step.within ? step.wait_ns - kTickNs : step.wait_ns;
        const std::int64_t from =
            step.from > 0 ? times_[static_cast<std::size_t>(step.from) - 1] : now;
        now = step.wait_ns == 0 ? now + kStepNs : std::max(now + kTickNs, from + wait);
        times_.push_back(now);
        if (!Make(step, actor, now, &latest)) continue;
        const auto a = right.Process(event_.facts(), event_);
        const auto b = wrong.Process(event_.facts(), event_);
        if (!std::equal(a.begin(), a.end(), b.begin(), b.end(),
                        [](const RuleOutput& x, const RuleOutput& y) {
                          return x.key == y.key && x.value == y.value;
                        })) {
          return true;
        }
      }
    }
    return false;
  }

 private:
  // False: it makes no event of this input.
  bool Make(const ProbeStep& step, int actor, std::int64_t now, int* latest) {
    event_.Begin(kind_, now);
    const std::string number = std::to_string(actor);
    if (kind_ == Kind::kServer) {
      event_.Set("event_name", "server_metric");
      event_.Set("parameters.server_id", "server_" + number);
      event_.Set("parameters.cpu_load", static_cast<double>(step.cpu));
      event_.Set("parameters.memory_usage", static_cast<double>(step.memory));
      event_.Set("parameters.latency", static_cast<double>(step.latency));
      event_.Set("server_data.region", "region");
      event_.Set("server_data.server_type", "dedicated");
      return true;
    }
    event_.Set("user_data.user_id", "player_" + number);
    event_.Set("user_data.platform", "PC");
    if (kind_ == Kind::kPlayer) {
      constexpr const char* kTypes[] = {"move", "interaction", "interaction", "level_complete"};
      event_.Set("event_name", "player_action");
      event_.Set("parameters.player_id", "player_" + number);
      event_.Set("parameters.session_id", "session_" + number);
      event_.Set("parameters.event_type", kTypes[static_cast<unsigned>(step.what)]);
      event_.Set("parameters.level_id", "level_01");
      event_.Set("parameters.map_id", "map_01");
      return true;
    }
    const bool refund = step.what == ProbeStep::What::kRefund;
    if (refund && *latest < 0) return false;
    if (!refund) *latest = std::max(step.currency, 0);
    const Item& item = kCatalog[kFirstItem[static_cast<unsigned>(ItemType::kPotion)]];
    event_.Set("event_name", "transaction");
    event_.Set("parameters.transaction_id", "trans_" + std::to_string(++transactions_));
    event_.Set("parameters.transaction_type", refund ? "refund" : "purchase");
    event_.Set("parameters.currency", std::string(kCurrencyTable[*latest].code));
    event_.Set("parameters.amount",
               kPrices[item.tier][*latest] / std::pow(10.0, kCurrencyTable[*latest].decimals));
    event_.Set("parameters.item_id", std::string(item.id));
    event_.Set("parameters.item_type", "potion");
    return true;
  }

  const Kind kind_;
  InternedSymbols symbols_;
  const CompiledRules right_;
  const CompiledRules wrong_;
  PlayedEvent event_;
  std::vector<std::int64_t> times_;  // of the steps so far
  std::uint64_t transactions_ = 0;
};

void Append(const ProbeStep& step, std::size_t times, const ProbeStep& wait,
            std::vector<ProbeStep>* steps) {
  for (std::size_t i = 0; i < times; ++i) {
    steps->push_back(step);
    if (i == 0) {
      steps->back().wait_ns = wait.wait_ns;
      steps->back().within = wait.within;
      steps->back().from = wait.from;
    }
  }
}

// The edges of the windows and cool-downs of two rules.
std::set<std::int64_t> Edges(const Rule& rule, const Rule& mutant) {
  std::set<std::int64_t> edges;
  if (rule.input == Kind::kServer) return edges;  // servers keep their own rhythm
  for (const Rule* one : {&rule, &mutant}) {
    if (one->window.of_time()) edges.insert(one->window.size_ns);
    if (one->cool_down_ns > 0) edges.insert(one->cool_down_ns);
  }
  return edges;
}

ProbeStep Wait(std::int64_t ns, bool within, std::size_t from) {
  ProbeStep wait;
  wait.wait_ns = std::max(ns, kTickNs);
  wait.within = within;
  wait.from = static_cast<int>(from);
  return wait;
}

// Around the edges. The first is none.
std::vector<ProbeStep> Waits(const std::set<std::int64_t>& edges) {
  std::vector<ProbeStep> waits(1);
  for (const std::int64_t edge : edges) {
    for (const std::int64_t size : {edge / 2, edge, edge + kTickNs}) {
      for (const bool within : {true, false}) waits.push_back(Wait(size, within, 0));
    }
  }
  return waits;
}

}  // namespace

ProbeSearchResult SearchProbe(const RuleSet& rule, const Mutant& mutant) {
  const Rule& right = rule.rules.front();
  const Rule& wrong = mutant.rules.rules.front();
  Constants constants;
  Read(right, &constants);
  Read(wrong, &constants);
  std::size_t repeat = kLeastRepeat;
  for (const int threshold : constants.thresholds) {
    repeat = std::max(repeat, static_cast<std::size_t>(std::max(threshold, 0)) + 2);
  }
  repeat = std::min(repeat, kMostRepeat);
  const std::vector<ProbeStep> alphabet = Alphabet(right.input, constants);
  const std::set<std::int64_t> edges = Edges(right, wrong);
  const std::vector<ProbeStep> waits = Waits(edges);

  Rehearsal rehearsal(rule, mutant.rules);
  ProbeSearchResult result;
  const auto tells = [&](const std::vector<ProbeStep>& steps) {
    ++result.tried;
    if (!rehearsal.TellsApart(steps)) return false;
    result.script = Script{right.input == Kind::kServer, steps};
    return true;
  };
  std::vector<ProbeStep> steps;
  for (std::size_t length = 1; length <= 2 * repeat; ++length) {
    for (const ProbeStep& first : alphabet) {
      if (length <= repeat) {
        steps.clear();
        Append(first, length, ProbeStep{}, &steps);
        if (tells(steps)) return result;
      }
      const std::size_t least = length > repeat ? length - repeat : 1;
      for (std::size_t times = least; times < length && times <= repeat; ++times) {
        for (const ProbeStep& second : alphabet) {
          for (const ProbeStep& wait : waits) {
            if (second == first && wait.wait_ns == 0) continue;
            steps.clear();
            Append(first, times, ProbeStep{}, &steps);
            Append(second, length - times, wait, &steps);
            if (tells(steps)) return result;
          }
        }
      }
    }
  }
  // Three parts, the last one at the edge as seen from the first event or from the end of the first
  // part: what fills a window before its edge comes.
  const auto at_edges = [&](const ProbeStep& first, std::size_t times, const ProbeStep& second,
                            std::size_t more, const ProbeStep& last) {
    for (const std::int64_t edge : edges) {
      for (const std::size_t from : {std::size_t{1}, times}) {
        for (const std::int64_t size : {edge, edge + kTickNs}) {
          for (const bool within : {true, false}) {
            steps.clear();
            Append(first, times, ProbeStep{}, &steps);
            Append(second, more, ProbeStep{}, &steps);
            Append(last, 1, Wait(size, within, from), &steps);
            if (tells(steps)) return true;
          }
        }
      }
    }
    return false;
  };
  for (std::size_t times = 1; times <= repeat; ++times) {
    for (std::size_t more = 1; more <= repeat; ++more) {
      for (const ProbeStep& first : alphabet) {
        for (const ProbeStep& second : alphabet) {
          for (const ProbeStep& last : alphabet) {
            if (at_edges(first, times, second, more, last)) return result;
          }
        }
      }
    }
  }
  return result;
}

}  // namespace playload
