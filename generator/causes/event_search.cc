#include "generator/causes/event_search.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "generator/base/text.h"
#include "generator/causes/shares.h"
#include "generator/rules/json_text.h"
#include "generator/rules/parsed_events.h"

namespace playload {

namespace {

constexpr std::size_t kMostExamples = 3;
constexpr std::size_t kMostValues = 40;  // of a field that are tried
constexpr std::size_t kMostPairs = 300;  // of a key's events, as times between them
constexpr const char* kBegunAnew = "state began anew";
constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kPeriods[] = {kSecond,       2 * kSecond,   5 * kSecond,    10 * kSecond,
                                     15 * kSecond,  30 * kSecond,  60 * kSecond,   300 * kSecond,
                                     600 * kSecond, 900 * kSecond, 1800 * kSecond, 3600 * kSecond};

// Texts that say what an event is, and not which one.
bool IsCategory(const EventField& field) {
  return field.type == FieldType::kText && field.path != "event_name" && field.path != kTimeField &&
         !field.path.ends_with("_id");
}

bool MayPutOutEvents(const Rule& rule) {
  return std::any_of(rule.alternatives.begin(), rule.alternatives.end(),
                     [](const Alternative& alternative) { return alternative.event; });
}

// A bound as it is shown: as long as its digits tell something.
std::string TextOf(std::int64_t ns) {
  constexpr std::int64_t kMillisecond = 1'000'000;
  return FormatDuration(std::max(kMillisecond, ns / kMillisecond * kMillisecond));
}

std::string TextOf(double number) {
  std::string text;
  AppendJsonNumber(number, number == std::floor(number), &text);
  return text;
}

// Of a stored event.
class StoredTexts : public EventTexts {
 public:
  explicit StoredTexts(RecordSymbols* symbols) : symbols_(symbols), lines_(symbols) {}

  void Set(const EventFacts* facts, std::string_view line) {
    facts_ = facts;
    line_ = line;
  }
  void AppendText(std::size_t field, std::string* out) override {
    symbols_->AppendText(facts_->values[field], out);
  }
  void AppendEvent(std::string* out) override {
    EventFacts facts;
    if (lines_.Read(facts_->kind, line_, 0, false, &facts)) lines_.AppendEvent(out);
  }

 private:
  RecordSymbols* const symbols_;
  ParsedEvents lines_;
  const EventFacts* facts_ = nullptr;
  std::string_view line_;
};

}  // namespace

// What the rule puts out for a key's events, one after the other.
class EventSearch::Trial {
 public:
  Trial(EventSearch* search, const Key& key)
      : search_(*search), key_(key), evaluator_(search->compiled_), texts_(search->symbols_) {}

  void Tell(const Event& event) {
    if (search_.alone_) {
      if (event.content) Take(*event.content);
      return;
    }
    texts_.Set(&event.facts, event.line);
    for (const RuleOutput& output : evaluator_.Process(event.facts, texts_)) {
      Take(search_.contents_.Of(output.value));
    }
  }
  void Forget() { evaluator_ = Evaluator(search_.compiled_); }
  // More than came already: more will not help.
  [[nodiscard]] bool TooMuch() const { return answer_.count() > key_.came.answer.count(); }
  [[nodiscard]] bool Fits() const { return answer_ == key_.came.answer; }

 private:
  void Take(std::uint64_t content) {
    if (!search_.as_sets_ || seen_.insert(content).second) answer_.Add(content);
  }

  EventSearch& search_;
  const Key& key_;
  Evaluator evaluator_;
  StoredTexts texts_;
  Answer answer_;
  SeenContents seen_;
};

EventSearch::EventSearch(const RuleSet& rule, Delivery delivery, RecordSymbols* symbols)
    : rule_(rule.rules.front()),
      alone_(!rule_.has_memory()),
      as_sets_(delivery == Delivery::kAtLeastOnce),
      lines_(MayPutOutEvents(rule_)),
      symbols_(symbols),
      compiled_(rule, symbols),
      each_(compiled_) {}

void EventSearch::Want(std::uint64_t key, const CameForKey& came, bool differs) {
  if (!places_.emplace(key, keys_.size()).second) return;
  keys_.push_back({key, came, differs, {}, false});
  agreeing_ += differs ? 0 : 1;
}

std::uint32_t EventSearch::needs() const {
  return (std::uint32_t{1} << FieldsOf(rule_.input).size()) - 1;
}

void EventSearch::Add(const EventFacts& facts, RecordEvents& texts, Position position) {
  const auto found = places_.find(facts.values[*FindField(rule_.input, rule_.key)]);
  if (found == places_.end()) return;
  Key& key = keys_[found->second];
  if (key.events.size() >= (alone_ ? kMostEventsAlone : kMostEvents) || stored_ >= kMostStored) {
    key.too_many = true;
    return;
  }
  ++stored_;
  Event event{facts, position, texts.Arrival(), {}, {}};
  if (alone_) {
    for (const RuleOutput& output : each_.Process(facts, texts)) {
      event.content = contents_.Of(output.value);
    }
  } else if (lines_) {
    event.line = texts.Line();
  }
  key.events.push_back(std::move(event));
}

bool EventSearch::Fits(const Key& key, const Fates& fates) {
  Trial trial(this, key);
  for (std::size_t i = 0; i < key.events.size(); ++i) {
    const Fate fate = fates(key, i);
    if (fate == Fate::kPassedOver) continue;
    if (fate == Fate::kAfterForgetting) trial.Forget();
    trial.Tell(key.events[i]);
    if (trial.TooMuch()) return false;
  }
  return trial.Fits();
}

bool EventSearch::Fits(const Key& key, Kind kind, Stretch stretch) {
  Trial trial(this, key);
  const std::size_t end = stretch.begin + stretch.count;
  for (std::size_t i = 0; i < key.events.size(); ++i) {
    if (kind == Kind::kNotCounted && i >= stretch.begin && i < end) continue;
    if (kind == Kind::kBegunAnew && i == stretch.begin) trial.Forget();
    trial.Tell(key.events[i]);
    if (trial.TooMuch()) return false;
    if (kind == Kind::kCountedTwice && i + 1 == end) {
      for (std::size_t again = stretch.begin; again < end; ++again) trial.Tell(key.events[again]);
    }
  }
  return trial.Fits();
}

void EventSearch::AddIfGood(Explanation explanation, std::vector<Explanation>* explanations) const {
  const std::uint64_t agreeing = Tried(false);
  if (!IsNearlyAll(*explanation.agrees, agreeing)) return;
  explanation.agreeing_tried = agreeing;
  AddIfHalf(std::move(explanation), explanations);
}

void EventSearch::TryFates(const std::string& what, const Fates& fates,
                           std::vector<Explanation>* explanations,
                           const std::optional<Explanation::Place>& place) {
  Explanation explanation;
  explanation.what = what;
  explanation.place = place;
  explanation.agrees = 0;
  const std::uint64_t differing = Tried(true);
  const std::uint64_t agreeing = Tried(false);
  std::uint64_t misses = 0;
  std::uint64_t denials = 0;
  for (const bool differs : {true, false}) {
    for (const Key& key : keys_) {
      if (key.too_many || key.differs != differs) continue;
      const bool fits = Fits(key, fates);
      if (differs) {
        ++(fits ? explanation.explains : misses);
      } else {
        ++(fits ? *explanation.agrees : denials);
      }
      if (misses * 2 > differing || !IsNearlyAll(agreeing - denials, agreeing)) return;
    }
  }
  AddIfGood(std::move(explanation), explanations);
}

std::vector<BoundRange> EventSearch::RangesBy(const Key& key, std::vector<double> values,
                                              const std::function<Fates(double)>& fates) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::vector<BoundRange> ranges;
  double from = -kNever;
  for (std::size_t i = 0; i <= values.size(); ++i) {
    const double to = i < values.size() ? values[i] : kNever;
    if (Fits(key, fates(from))) ranges.push_back({from, to});
    from = to;
  }
  return ranges;
}

std::vector<BoundRange> EventSearch::RangesOfPassing(const Key& key, const Value& value,
                                                     bool below) {
  if (!alone_) {
    std::vector<double> values;
    for (const Event& event : key.events) values.push_back(value(event));
    return RangesBy(key, std::move(values), [&](double bound) -> Fates {
      return [&, bound](const Key& of, std::size_t i) {
        return (value(of.events[i]) <= bound) == below ? Fate::kPassedOver : Fate::kCounted;
      };
    });
  }
  // Each event has its own output: from the side that counts, one more at a time.
  std::vector<std::pair<double, const Event*>> events;
  for (const Event& event : key.events) events.emplace_back(value(event), &event);
  std::stable_sort(events.begin(), events.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  if (below) std::reverse(events.begin(), events.end());
  std::vector<BoundRange> ranges;
  Trial trial(this, key);
  const double infinite = below ? kNever : -kNever;
  double last = infinite;
  for (std::size_t i = 0; i <= events.size(); ++i) {
    const double next = i < events.size() ? events[i].first : -infinite;
    // Those that are counted go up to `last`, from above or below.
    if (next != last && trial.Fits()) {
      ranges.push_back(below ? BoundRange{next, last} : BoundRange{last, next});
    }
    if (i < events.size()) trial.Tell(*events[i].second);
    last = next;
  }
  return ranges;
}

void EventSearch::TryBound(const Ranges& ranges, const Describe& describe,
                           std::vector<Explanation>* explanations) {
  std::vector<std::vector<BoundRange>> differing;
  std::vector<std::vector<BoundRange>> agreeing;
  for (const Key& key : keys_) {
    if (!key.too_many) (key.differs ? differing : agreeing).push_back(ranges(key));
  }
  const std::optional<FoundBound> best = BestBound(differing, agreeing);
  // A bound without an end is none: all or nothing.
  if (!best || !std::isfinite(best->range.from) || !std::isfinite(best->range.to)) return;
  Explanation explanation = describe(best->range);
  explanation.explains = best->explains;
  explanation.agrees = best->agrees;
  AddIfGood(std::move(explanation), explanations);
}

Explanation::Place EventSearch::PlaceOf(const BoundRange& positions) const {
  const auto first = static_cast<Position>(positions.from);
  const auto last = static_cast<Position>(positions.to);
  Explanation::Place place{first, last, 0, 0};
  for (const Key& key : keys_) {
    for (const Event& event : key.events) {
      if (event.position == first) place.first_ns = event.instant_ns;
      if (event.position == last) place.last_ns = event.instant_ns;
    }
  }
  return place;
}

// Read too late, or no longer.
void EventSearch::TryPlaces(std::vector<Explanation>* explanations) {
  for (const bool before : {true, false}) {
    TryBound(
        [&](const Key& key) {
          return RangesOfPassing(
              key, [](const Event& event) { return static_cast<double>(event.position); }, before);
        },
        [&](const BoundRange& range) {
          Explanation explanation;
          explanation.what = before ? "nothing was counted before an instant: read too late?"
                                    : "nothing was counted after an instant: no longer read?";
          explanation.place = PlaceOf(range);
          return explanation;
        },
        explanations);
  }
}

// Events of some kind are passed over.
void EventSearch::TryValues(std::vector<Explanation>* explanations) {
  const std::span<const EventField> fields = FieldsOf(rule_.input);
  for (std::size_t f = 0; f < fields.size(); ++f) {
    if (!IsCategory(fields[f]) || fields[f].path == rule_.key) continue;
    std::set<std::uint64_t> values;
    bool vary = false;
    for (const Key& key : keys_) {
      for (const Event& event : key.events) {
        const std::uint64_t value = event.facts.values[f];
        if (key.differs && values.size() < kMostValues) values.insert(value);
        vary = vary || !values.contains(value);
      }
    }
    if (values.size() < 2 && !vary) continue;
    for (const std::uint64_t value : values) {
      std::string text;
      symbols_->AppendText(value, &text);
      const std::string which = std::string(fields[f].path) + " '" + text + "'";
      TryFates(
          "events with " + which + " are not counted",
          [f, value](const Key& key, std::size_t i) {
            return key.events[i].facts.values[f] == value ? Fate::kPassedOver : Fate::kCounted;
          },
          explanations);
      // Of two values it is the same; and where nothing came, or no key could deny it, too much is
      // explained.
      if (values.size() < 3 || MostlySilent() || Tried(false) == 0) continue;
      TryFates(
          "only events with " + which + " are counted",
          [f, value](const Key& key, std::size_t i) {
            return key.events[i].facts.values[f] == value ? Fate::kCounted : Fate::kPassedOver;
          },
          explanations);
    }
  }
  if (alone_) return;
  TryFates(
      "the first event of a key is not counted",
      [](const Key&, std::size_t i) { return i == 0 ? Fate::kPassedOver : Fate::kCounted; },
      explanations);
}

// Those that are too small, or too large.
void EventSearch::TryNumbers(std::vector<Explanation>* explanations) {
  const std::span<const EventField> fields = FieldsOf(rule_.input);
  for (std::size_t f = 0; f < fields.size(); ++f) {
    if (fields[f].type == FieldType::kText) continue;
    for (const bool small : {true, false}) {
      TryBound(
          [&](const Key& key) {
            return RangesOfPassing(
                key,
                [f](const Event& event) { return std::bit_cast<double>(event.facts.values[f]); },
                small);
          },
          [&](const BoundRange& range) {
            Explanation explanation;
            explanation.what = "events with " + std::string(fields[f].path) + " of " +
                               TextOf(small ? range.from : range.to) +
                               (small ? " or less" : " or more") + " are not counted (" +
                               TextOf(small ? range.to : range.from) + " is)";
            return explanation;
          },
          explanations);
    }
  }
}

// State that is lost at one instant, or expires.
void EventSearch::TryForgetting(std::vector<Explanation>* explanations) {
  TryBound(
      [&](const Key& key) {
        std::vector<double> positions;
        for (const Event& event : key.events) {
          positions.push_back(static_cast<double>(event.position));
        }
        return RangesBy(key, std::move(positions), [](double bound) -> Fates {
          return [bound](const Key& of, std::size_t i) {
            const bool first = i > 0 && static_cast<double>(of.events[i - 1].position) <= bound &&
                               static_cast<double>(of.events[i].position) > bound;
            return first ? Fate::kAfterForgetting : Fate::kCounted;
          };
        });
      },
      [this](const BoundRange& range) {
        Explanation explanation;
        explanation.what = kBegunAnew;
        explanation.place = PlaceOf(range);
        return explanation;
      },
      explanations);
  const auto describe_as = [](const char* when) -> Describe {
    return [when](const BoundRange& range) {
      Explanation explanation;
      explanation.what = std::string("state expires ") + when + ": after " +
                         TextOf(static_cast<std::int64_t>(range.from)) + " to " +
                         TextOf(static_cast<std::int64_t>(range.to));
      return explanation;
    };
  };
  const auto between = [](const Key& key, std::size_t a, std::size_t b) {
    return static_cast<double>(key.events[b].instant_ns - key.events[a].instant_ns);
  };
  TryBound(
      [&](const Key& key) {
        std::vector<double> gaps;
        for (std::size_t i = 1; i < key.events.size(); ++i) gaps.push_back(between(key, i - 1, i));
        return RangesBy(key, std::move(gaps), [&](double bound) -> Fates {
          return [&, bound](const Key& of, std::size_t i) {
            const bool late = i > 0 && between(of, i - 1, i) > bound;
            return late ? Fate::kAfterForgetting : Fate::kCounted;
          };
        });
      },
      describe_as("when a key has no event for a while"), explanations);
  TryBound(
      [&](const Key& key) {
        std::vector<double> ages;
        for (std::size_t b = 1; b < key.events.size(); ++b) {
          for (std::size_t a = 0; a < b && ages.size() < kMostPairs; ++a) {
            ages.push_back(between(key, a, b));
          }
        }
        return RangesBy(key, std::move(ages), [&](double bound) -> Fates {
          return [&, bound, begun = std::size_t{0}](const Key& of, std::size_t i) mutable {
            if (i == 0) begun = 0;
            const bool late = between(of, begun, i) > bound;
            if (late) begun = i;
            return late ? Fate::kAfterForgetting : Fate::kCounted;
          };
        });
      },
      describe_as("some time after it began"), explanations);
  for (const std::int64_t period : kPeriods) {
    TryFates(
        "state begins anew every " + FormatDuration(period) + ", by the clock",
        [period](const Key& key, std::size_t i) {
          const bool other =
              i > 0 && key.events[i - 1].instant_ns / period != key.events[i].instant_ns / period;
          return other ? Fate::kAfterForgetting : Fate::kCounted;
        },
        explanations);
  }
}

std::vector<EventSearch::Stretch> EventSearch::Find(const Key& key, Kind kind) {
  std::vector<Stretch> found;
  const std::size_t events = key.events.size();
  if (kind == Kind::kBegunAnew) {
    for (std::size_t i = 1; i < events; ++i) {
      if (Fits(key, kind, {i, 0})) found.push_back({i, 0});
    }
    return found;
  }
  for (std::size_t count = 1; count <= events && found.empty(); ++count) {
    for (std::size_t begin = 0; begin + count <= events; ++begin) {
      if (Fits(key, kind, {begin, count})) found.push_back({begin, count});
    }
  }
  return found;
}

Explanation::Example EventSearch::ExampleOf(const Key& key, Kind kind,
                                            const std::vector<Stretch>& found) const {
  Explanation::Example example;
  symbols_->AppendText(key.symbol, &example.key);
  example.events = found.front().count;
  example.certain = found.size() == 1;
  // State began anew between the event before and this one.
  const Event& first = key.events[found.front().begin - (kind == Kind::kBegunAnew ? 1 : 0)];
  const Event& last =
      key.events[found.back().begin + std::max<std::size_t>(found.back().count, 1) - 1];
  example.place = {first.position, last.position, first.instant_ns, last.instant_ns};
  return example;
}

bool EventSearch::LostOutputs(const Key& key) {
  if (key.came.answer.count() > key.came.first.size()) return false;
  std::unordered_map<std::uint64_t, std::uint64_t> left;
  for (const std::uint64_t content : key.came.first) ++left[content];
  Evaluator evaluator(compiled_);
  StoredTexts texts(symbols_);
  for (const Event& event : key.events) {
    texts.Set(&event.facts, event.line);
    for (const RuleOutput& output : evaluator.Process(event.facts, texts)) {
      const auto found = left.find(contents_.Of(output.value));
      if (found != left.end() && --found->second == 0) left.erase(found);
    }
  }
  return left.empty();
}

std::uint64_t EventSearch::Tried(bool differing) const {
  return static_cast<std::uint64_t>(std::count_if(
      keys_.begin(), keys_.end(),
      [differing](const Key& key) { return !key.too_many && key.differs == differing; }));
}

void EventSearch::AddIfHalf(Explanation explanation, std::vector<Explanation>* explanations) const {
  const std::uint64_t tried = Tried(true);
  if (explanation.explains == 0 || explanation.explains * 2 < tried) return;
  explanation.rule = rule_.name;
  explanation.tried = tried;
  explanations->push_back(std::move(explanation));
}

void EventSearch::ExplainKeys(std::vector<Explanation>* explanations) {
  constexpr std::pair<Kind, const char*> kNames[] = {
      {Kind::kNotCounted, "events were not counted"},
      {Kind::kCountedTwice, "events were counted twice"},
      {Kind::kBegunAnew, kBegunAnew}};
  for (const auto& [kind, what] : kNames) {
    Explanation explanation;
    explanation.what = what;
    std::optional<Explanation::Place> certain;
    for (const Key& key : keys_) {
      if (key.too_many || !key.differs) continue;
      const std::vector<Stretch> found = Find(key, kind);
      if (found.empty()) continue;
      const Explanation::Example example = ExampleOf(key, kind, found);
      ++explanation.explains;
      if (!explanation.place) explanation.place = example.place;
      explanation.place->Include(example.place);
      if (explanation.examples.size() < kMostExamples) explanation.examples.push_back(example);
      if (!example.certain) continue;
      if (!certain) certain = example.place;
      certain->Include(example.place);
    }
    // Whether it was all that came in between.
    if (kind == Kind::kNotCounted && certain) {
      TryFates(
          "nothing was counted for a while",
          [certain](const Key& key, std::size_t i) {
            const Position position = key.events[i].position;
            return position >= certain->first && position <= certain->last ? Fate::kPassedOver
                                                                           : Fate::kCounted;
          },
          explanations, certain);
    }
    AddIfHalf(std::move(explanation), explanations);
  }
  Explanation lost;
  lost.what = "outputs were lost, though their events were counted";
  for (const Key& key : keys_) {
    lost.explains += key.differs && !key.too_many && LostOutputs(key) ? 1 : 0;
  }
  AddIfHalf(std::move(lost), explanations);
}

bool EventSearch::MostlySilent() const {
  const auto silent = std::count_if(keys_.begin(), keys_.end(), [](const Key& key) {
    return !key.too_many && key.differs && key.came.answer.count() == 0;
  });
  return IsNearlyAll(static_cast<std::uint64_t>(silent), Tried(true));
}

std::vector<Explanation> EventSearch::Explain() {
  std::vector<Explanation> explanations;
  TryPlaces(&explanations);
  TryValues(&explanations);
  // Where nothing came, whatever leaves enough out explains it.
  if (!MostlySilent()) {
    TryNumbers(&explanations);
    if (!alone_) TryForgetting(&explanations);
  }
  if (alone_) return explanations;
  const auto explains_nearly_all = [](const Explanation& e) {
    return IsNearlyAll(e.explains, *e.tried);
  };
  if (std::none_of(explanations.begin(), explanations.end(), explains_nearly_all)) {
    ExplainKeys(&explanations);
  }
  std::stable_sort(
      explanations.begin(), explanations.end(),
      [](const Explanation& a, const Explanation& b) { return a.explains > b.explains; });
  return explanations;
}

}  // namespace playload
