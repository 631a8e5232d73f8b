#include "generator/mutants/probe_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/event/catalog.h"
#include "generator/mutants/alphabet.h"
#include "generator/rules/evaluator.h"
#include "generator/rules/json_text.h"
#include "generator/rules/parsed_events.h"
#include "scenarios/script.h"

namespace playload {
namespace {

constexpr std::int64_t kTickNs = 1'000'000;
constexpr std::int64_t kStepNs = 10 * kTickNs;  // between events that do not wait
constexpr std::int64_t kStartNs = 1'767'225'600'000'000'000;
constexpr int kLevels = 30;
constexpr int kMapsPerLevel = 3;
// What scripts cannot vary: a player has one session, and whoever stays on a level stays on a map.
constexpr std::array<std::string_view, 2> kFixed = {"parameters.session_id", "parameters.map_id"};

// Events as a rule sees them. What an event says beside its time and transaction depends on few
// things; it is made once for each.
class PlayedEvents : public EventTexts {
 public:
  // `needs` as of CompiledRules. `symbols` outlives it.
  PlayedEvents(Kind kind, std::uint32_t needs, Symbols* symbols)
      : kind_(kind),
        time_(*FindField(kind, kTimeField)),
        transaction_(FindField(kind, "parameters.transaction_id")),
        needs_(needs),
        symbols_(symbols) {}

  // The one like this, to be filled with Set() where it is new, and then told its time.
  struct Like {
    ProbeStep::What what = ProbeStep::What::kMove;
    int actor = 0;
    int currency = 0;
    int item = 0;
    int cpu = 0, memory = 0, latency = 0;
    int level = 0;
    bool operator==(const Like&) const = default;
  };
  bool IsNew(const Like& like) {
    const auto known =
        std::find_if(made_.begin(), made_.end(), [&](const auto& m) { return m->like == like; });
    if (known != made_.end()) {
      event_ = known->get();
      return false;
    }
    event_ = made_.emplace_back(std::make_unique<Made>()).get();
    event_->like = like;
    event_->facts.kind = kind_;
    return true;
  }
  void Set(std::string_view path, std::string text) {
    const std::size_t field = *FindField(kind_, path);
    event_->facts.values[field] = symbols_->Of(text);
    event_->texts[field] = std::move(text);
  }
  void Set(std::string_view path, double number) {
    const std::size_t field = *FindField(kind_, path);
    event_->facts.SetNumber(field, number);
    event_->texts[field].clear();
    AppendJsonNumber(number, true, &event_->texts[field]);
  }
  void Happen(std::int64_t time_ns, std::uint64_t transaction) {
    event_->facts.time_ns = time_ns;
    number_ = transaction;
    for (const std::optional<std::size_t> field : {std::optional(time_), transaction_}) {
      if (field && (needs_ >> *field & 1) != 0) event_->facts.values[*field] = SymbolOf(*field);
    }
  }
  [[nodiscard]] const EventFacts& facts() const { return event_->facts; }

  void AppendText(std::size_t field, std::string* out) override {
    if (field == time_) {
      *out += FormatInstant(event_->facts.time_ns);
    } else if (field == transaction_) {
      *out += "trans_" + std::to_string(number_);
    } else {
      *out += event_->texts[field];
    }
  }
  void AppendEvent(std::string* out) override {
    for (std::size_t field = 0; field < FieldsOf(kind_).size(); ++field) {
      std::string text;
      AppendText(field, &text);
      AppendJsonText(text, out);
    }
  }

 private:
  struct Made {
    Like like;
    EventFacts facts;
    std::array<std::string, kMostFields> texts;
  };

  std::uint64_t SymbolOf(std::size_t field) {
    std::string text;
    AppendText(field, &text);
    return symbols_->Of(text);
  }

  const Kind kind_;
  const std::size_t time_;
  const std::optional<std::size_t> transaction_;
  const std::uint32_t needs_;
  Symbols* const symbols_;
  std::vector<std::unique_ptr<Made>> made_;
  Made* event_ = nullptr;
  std::uint64_t number_ = 0;
};

// Plays scripts to two evaluators and says whether they answer alike.
class Rehearsal {
 public:
  Rehearsal(const RuleSet& rule, const Mutant& mutant)
      : kind_(rule.rules.front().input),
        right_(rule, &symbols_),
        wrong_(mutant.rules, &symbols_, mutant.reading),
        event_(kind_, right_.needs(kind_) | wrong_.needs(kind_), &symbols_),
        closing_(rule.rules.front().window.closes() || mutant.rules.rules.front().window.closes()),
        closed_by_others_(!mutant.reading.closed_by_key),
        starts_{kStartNs} {
    for (const RuleSet* one : {&rule, &mutant.rules}) {
      const RuleWindow& window = one->rules.front().window;
      if (window.form == RuleWindow::Form::kTumbling) {
        const std::int64_t end = (kStartNs / window.size_ns + 1) * window.size_ns;
        for (const std::int64_t steps : {2, 6, 12}) {
          ends_.push_back(end - steps * kStepNs + kStepNs / 2);
        }
      }
    }
  }

  // Scripts begin soon before a window ends, where windows are tumbling; false: there are none.
  bool AtEndsOfWindows() {
    starts_ = ends_;
    return !ends_.empty();
  }
  // Scripts begin where every shorter window begins, too.
  void AtStart() { starts_ = {kStartNs}; }

  bool TellsApart(const std::vector<ProbeStep>& steps) {
    return std::any_of(starts_.begin(), starts_.end(),
                       [&](std::int64_t start) { return TellsApart(steps, start); });
  }

 private:
  bool TellsApart(const std::vector<ProbeStep>& steps, std::int64_t start) {
    Evaluator right(right_);
    Evaluator wrong(wrong_);
    std::int64_t now = start;
    transactions_ = 0;
    answers_.clear();
    others_.clear();
    for (int actor = 1; actor <= 2; ++actor) {
      int latest = -1;  // currency of the latest purchase
      level_ = 1;
      times_.clear();
      for (std::size_t i = 0; i < steps.size(); ++i) {
        const ProbeStep& step = steps[i];
        now = TimeOf(steps, i, now);
        times_.push_back(now);
        if (!Make(step, actor, now, &latest)) continue;
        const auto a = right.Process(event_.facts(), event_);
        const auto b = wrong.Process(event_.facts(), event_);
        if (closing_) {
          Keep(a, &answers_);
          Keep(b, &others_);
        } else if (!Same(a, b)) {
          return true;
        }
      }
    }
    if (!closing_) return false;
    // Other keys' events close the windows in the end.
    Keep(right.Finish(), &answers_);
    if (closed_by_others_) Keep(wrong.Finish(), &others_);
    return answers_ != others_;
  }

  // When a step comes; the one before it came `now`.
  std::int64_t TimeOf(const std::vector<ProbeStep>& steps, std::size_t i, std::int64_t now) const {
    const ProbeStep& step = steps[i];
    if (const std::optional<std::size_t> rest = StepsToClock(steps, i)) {
      const ProbeStep& at = steps[i + *rest];
      const std::int64_t before = static_cast<std::int64_t>(*rest) * kTickNs - at.shift_ns;
      return (now + before) / at.clock_ns * at.clock_ns + at.clock_ns - before;
    }
    if (step.wait_ns == 0) return now + kStepNs;
    // "Within" is the last instant before the edge, "after" the edge itself.
    const std::int64_t wait = step.within ? step.wait_ns - kTickNs : step.wait_ns;
    const std::int64_t from = step.from > 0 ? times_[static_cast<std::size_t>(step.from) - 1] : now;
    return std::max(now + kTickNs, from + wait);
  }

  static bool Same(std::span<const RuleOutput> a, std::span<const RuleOutput> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const RuleOutput& x, const RuleOutput& y) {
                        return x.key == y.key && x.value == y.value;
                      });
  }

  // What was put out, as a sequence for each key.
  using Answers = std::map<std::string, std::vector<std::string>>;
  static void Keep(std::span<const RuleOutput> outputs, Answers* answers) {
    for (const RuleOutput& output : outputs) (*answers)[output.key].push_back(output.value);
  }

  // False: it makes no event of this input.
  bool Make(const ProbeStep& step, int actor, std::int64_t now, int* latest) {
    PlayedEvents::Like like{step.what, actor, 0, 0, step.cpu, step.memory, step.latency, 0};
    if (kind_ == Kind::kPurchase) {
      const bool refund = step.what == ProbeStep::What::kRefund;
      if (refund && *latest < 0) return false;
      if (!refund) {
        *latest = std::max(step.currency, 0);
        bought_ = step.item >= 0 ? step.item : kFirstItem[static_cast<unsigned>(ItemType::kPotion)];
      }
      like.currency = *latest;
      like.item = bought_;
    }
    like.level = level_;
    if (step.what == ProbeStep::What::kLevelComplete && level_ < kLevels) ++level_;
    if (event_.IsNew(like)) Fill(like);
    event_.Happen(now, ++transactions_);
    return true;
  }

  void Fill(const PlayedEvents::Like& like) {
    const std::string number = std::to_string(like.actor);
    if (kind_ == Kind::kServer) {
      event_.Set("event_name", "server_metric");
      event_.Set("parameters.server_id", "server_" + number);
      event_.Set("parameters.cpu_load", static_cast<double>(like.cpu));
      event_.Set("parameters.memory_usage", static_cast<double>(like.memory));
      event_.Set("parameters.latency", static_cast<double>(like.latency));
      event_.Set("server_data.region", "region");
      event_.Set("server_data.server_type", "dedicated");
      return;
    }
    event_.Set("user_data.user_id", "player_" + number);
    event_.Set("user_data.platform", "PC");
    if (kind_ == Kind::kPlayer) {
      constexpr const char* kTypes[] = {"move", "interaction", "interaction", "level_complete"};
      event_.Set("event_name", "player_action");
      event_.Set("parameters.player_id", "player_" + number);
      event_.Set("parameters.session_id", "session_" + number);
      event_.Set("parameters.event_type", kTypes[static_cast<unsigned>(like.what)]);
      const auto two_digits = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
      event_.Set("parameters.level_id", "level_" + two_digits(like.level));
      event_.Set("parameters.map_id", "map_" + two_digits((like.level - 1) * kMapsPerLevel + 1));
      return;
    }
    const Item& item = kCatalog[like.item];
    const Currency& currency = kCurrencyTable[like.currency];
    event_.Set("event_name", "transaction");
    event_.Set("parameters.transaction_type",
               like.what == ProbeStep::What::kRefund ? "refund" : "purchase");
    event_.Set("parameters.currency", std::string(currency.code));
    event_.Set("parameters.amount",
               kPrices[item.tier][like.currency] / std::pow(10.0, currency.decimals));
    event_.Set("parameters.item_id", std::string(item.id));
    event_.Set("parameters.item_type",
               std::string(kItemTypeNames[static_cast<unsigned>(item.type)]));
  }

  const Kind kind_;
  InternedSymbols symbols_;
  const CompiledRules right_;
  const CompiledRules wrong_;
  PlayedEvents event_;
  std::vector<std::int64_t> times_;  // of the steps so far
  std::uint64_t transactions_ = 0;
  int bought_ = 0;  // the latest purchase's item
  int level_ = 1;   // of who plays
  // Windows that answer when they close answer at other events: all answers are compared.
  const bool closing_;
  const bool closed_by_others_;
  Answers answers_;
  Answers others_;
  std::vector<std::int64_t> starts_;  // when a script begins
  std::vector<std::int64_t> ends_;    // soon before the end of a tumbling window of one of the two
};

void Append(const ProbeStep& step, std::size_t times, const ProbeStep& wait,
            std::vector<ProbeStep>* steps) {
  for (std::size_t i = 0; i < times; ++i) {
    steps->push_back(step);
    if (i == 0) {
      steps->back().wait_ns = wait.wait_ns;
      steps->back().within = wait.within;
      steps->back().from = wait.from;
      steps->back().clock_ns = wait.clock_ns;
      steps->back().shift_ns = wait.shift_ns;
    }
  }
}

// The edges of the windows and cool-downs of two rules.
std::set<std::int64_t> Edges(const Rule& rule, const Rule& mutant) {
  std::set<std::int64_t> edges;
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

// Goes through the family of sequences, shortest first.
class ProbeSearch {
 public:
  ProbeSearch(const RuleSet& rule, const Mutant& mutant)
      : server_(rule.rules.front().input == Kind::kServer), rehearsal_(rule, mutant) {
    const Rule& right = rule.rules.front();
    const Rule& wrong = mutant.rules.rules.front();
    RuleConstants constants;
    constants.Add(right);
    constants.Add(wrong);
    repeat_ = constants.Repeat();
    alphabet_ = AlphabetOf(right.input, constants);
    edges_ = Edges(right, wrong);
    waits_ = Waits(edges_);
    // Nothing but an event at the very edge shows it.
    if (mutant.reading.other_edge && right.window.form == RuleWindow::Form::kTumbling) {
      clock_ns_ = right.window.size_ns;
    }
  }

  ProbeSearchResult Run() {
    if (clock_ns_ > 0) {
      AtClock();
      return std::move(result_);
    }
    // Where windows are tumbling, what tells rule and mutant apart wherever it begins comes first.
    if (!OneOrTwoParts() && rehearsal_.AtEndsOfWindows()) OneOrTwoParts();
    rehearsal_.AtStart();
    if (!result_.script) ThreeParts();
    return std::move(result_);
  }

 private:
  bool Tells() {
    ++result_.tried;
    if (!rehearsal_.TellsApart(steps_)) return false;
    result_.script = Script{server_, steps_};
    return true;
  }

  // So many of one step, the last one at an edge of the clock; or that, and there one of another.
  void AtClock() {
    ProbeStep at;
    at.clock_ns = clock_ns_;
    for (std::size_t before = 0; before <= repeat_; ++before) {
      for (const ProbeStep& first : alphabet_) {
        for (const ProbeStep& last : alphabet_) {
          steps_.clear();
          Append(first, before, ProbeStep{}, &steps_);
          Append(last, 1, at, &steps_);
          if (Tells()) return;
        }
        if (before == 0) continue;
        // And after it: a window that is full but for the event at its beginning.
        for (const ProbeStep& last : alphabet_) {
          steps_.clear();
          Append(first, 1, at, &steps_);
          Append(last, before, ProbeStep{}, &steps_);
          if (Tells()) return;
        }
      }
    }
  }

  // So many of one step; or that, then so many of another one, at once or after a wait.
  bool OneOrTwoParts() {
    for (std::size_t length = 1; length <= 2 * repeat_; ++length) {
      for (const ProbeStep& first : alphabet_) {
        if (length <= repeat_) {
          steps_.clear();
          Append(first, length, ProbeStep{}, &steps_);
          if (Tells()) return true;
        }
        const std::size_t least = length > repeat_ ? length - repeat_ : 1;
        for (std::size_t times = least; times < length && times <= repeat_; ++times) {
          if (TwoParts(first, times, length - times)) return true;
        }
      }
    }
    return false;
  }

  bool TwoParts(const ProbeStep& first, std::size_t times, std::size_t more) {
    for (const ProbeStep& second : alphabet_) {
      for (const ProbeStep& wait : waits_) {
        if (second == first && wait.wait_ns == 0) continue;
        steps_.clear();
        Append(first, times, ProbeStep{}, &steps_);
        Append(second, more, wait, &steps_);
        if (Tells()) return true;
      }
    }
    return false;
  }

  // The last part is one step at the edge as seen from the first event or from the end of the first
  // part: what fills a window before its edge comes.
  bool ThreeParts() {
    for (std::size_t times = 1; times <= repeat_; ++times) {
      for (std::size_t more = 1; more <= repeat_; ++more) {
        for (const ProbeStep& first : alphabet_) {
          for (const ProbeStep& second : alphabet_) {
            for (const ProbeStep& last : alphabet_) {
              if (AtEdges(first, times, second, more, last)) return true;
            }
          }
        }
      }
    }
    return false;
  }

  bool AtEdges(const ProbeStep& first, std::size_t times, const ProbeStep& second, std::size_t more,
               const ProbeStep& last) {
    if (server_) return false;  // a server waits from the step before alone
    for (const std::int64_t edge : edges_) {
      for (const std::size_t from : {std::size_t{1}, times}) {
        for (const std::int64_t size : {edge, edge + kTickNs}) {
          for (const bool within : {true, false}) {
            steps_.clear();
            Append(first, times, ProbeStep{}, &steps_);
            Append(second, more, ProbeStep{}, &steps_);
            Append(last, 1, Wait(size, within, from), &steps_);
            if (Tells()) return true;
          }
        }
      }
    }
    return false;
  }

  const bool server_;
  Rehearsal rehearsal_;
  std::size_t repeat_ = 0;
  std::vector<ProbeStep> alphabet_;
  std::set<std::int64_t> edges_;
  std::int64_t clock_ns_ = 0;
  std::vector<ProbeStep> waits_;
  std::vector<ProbeStep> steps_;  // reused
  ProbeSearchResult result_;
};

}  // namespace

std::optional<std::string> FixedInScripts(const RuleSet& rule, const Mutant& mutant) {
  const Rule& right = rule.rules.front();
  const Rule& wrong = mutant.rules.rules.front();
  for (const std::string_view fixed : kFixed) {
    if (wrong.key == fixed && right.key != fixed) return std::string(fixed);
    for (std::size_t i = 0; i < wrong.state.size() && i < right.state.size(); ++i) {
      if (wrong.state[i] == right.state[i]) continue;
      if (wrong.state[i].field == fixed || right.state[i].field == fixed) return std::string(fixed);
    }
  }
  return std::nullopt;
}

bool Searchable(const RuleSet& rule, const Mutant& mutant) {
  if (mutant.feed != Mutant::Feed::kWhole || mutant.arrival_time) return false;
  if (mutant.rules.rules.front().key == kFixed[0]) return false;
  Rule wrong = mutant.rules.rules.front();
  wrong.window.lateness_ns = rule.rules.front().window.lateness_ns;
  return wrong != rule.rules.front() || mutant.reading.ShowsInOrder();
}

ProbeSearchResult SearchProbe(const RuleSet& rule, const Mutant& mutant) {
  return ProbeSearch(rule, mutant).Run();
}

}  // namespace playload
