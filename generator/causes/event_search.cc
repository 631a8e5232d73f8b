#include "generator/causes/event_search.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "generator/rules/parsed_events.h"

namespace playload {

namespace {

constexpr std::size_t kMostExamples = 3;

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

EventSearch::EventSearch(const RuleSet& rule, Delivery delivery, RecordSymbols* symbols)
    : rule_(rule.rules.front()),
      as_sets_(delivery == Delivery::kAtLeastOnce),
      symbols_(symbols),
      compiled_(rule, symbols) {}

void EventSearch::Want(std::uint64_t key, const CameForKey& came) {
  if (keys_.size() >= kMostKeys || !places_.emplace(key, keys_.size()).second) return;
  keys_.push_back({key, came, {}, false});
}

std::uint32_t EventSearch::needs() const {
  return (std::uint32_t{1} << FieldsOf(rule_.input).size()) - 1;
}

void EventSearch::Add(const EventFacts& facts, RecordEvents& texts, Position position) {
  const auto found = places_.find(facts.values[*FindField(rule_.input, rule_.key)]);
  if (found == places_.end()) return;
  Key& key = keys_[found->second];
  if (key.events.size() >= kMostEvents) {
    key.too_many = true;
    return;
  }
  key.events.push_back({facts, position, texts.Arrival(), std::string(texts.Line())});
}

bool EventSearch::Fits(const Key& key, Kind kind, Stretch stretch) {
  Evaluator evaluator(compiled_);
  StoredTexts texts(symbols_);
  Answer answer;
  SeenContents seen;
  const auto tell = [&](const Event& event) {
    texts.Set(&event.facts, event.line);
    for (const RuleOutput& output : evaluator.Process(event.facts, texts)) {
      const std::uint64_t content = contents_.Of(output.value);
      if (!as_sets_ || seen.insert(content).second) answer.Add(content);
    }
  };
  const std::size_t end = stretch.begin + stretch.count;
  for (std::size_t i = 0; i < key.events.size(); ++i) {
    if (kind == Kind::kNotCounted && i >= stretch.begin && i < end) continue;
    if (kind == Kind::kBegunAnew && i == stretch.begin) evaluator = Evaluator(compiled_);
    tell(key.events[i]);
    // More than came already: more will not help.
    if (answer.count() > key.came.answer.count()) return false;
    if (kind == Kind::kCountedTwice && i + 1 == end) {
      for (std::size_t again = stretch.begin; again < end; ++again) tell(key.events[again]);
    }
  }
  return answer == key.came.answer;
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

std::uint64_t EventSearch::Tried() const {
  return static_cast<std::uint64_t>(
      std::count_if(keys_.begin(), keys_.end(), [](const Key& key) { return !key.too_many; }));
}

void EventSearch::AddIfHalf(Explanation explanation, std::vector<Explanation>* explanations) const {
  const std::uint64_t tried = Tried();
  if (explanation.explains == 0 || explanation.explains * 2 < tried) return;
  explanation.rule = rule_.name;
  explanation.tried = tried;
  explanations->push_back(std::move(explanation));
}

std::vector<Explanation> EventSearch::Explain() {
  constexpr std::pair<Kind, const char*> kNames[] = {
      {Kind::kNotCounted, "events were not counted"},
      {Kind::kCountedTwice, "events were counted twice"},
      {Kind::kBegunAnew, "state began anew"}};
  std::vector<Explanation> explanations;
  for (const auto& [kind, what] : kNames) {
    Explanation explanation;
    explanation.what = what;
    for (const Key& key : keys_) {
      if (key.too_many) continue;
      const std::vector<Stretch> found = Find(key, kind);
      if (found.empty()) continue;
      const Explanation::Example example = ExampleOf(key, kind, found);
      ++explanation.explains;
      if (!explanation.place) explanation.place = example.place;
      explanation.place->Include(example.place);
      if (explanation.examples.size() < kMostExamples) explanation.examples.push_back(example);
    }
    AddIfHalf(std::move(explanation), &explanations);
  }
  Explanation lost;
  lost.what = "outputs were lost, though their events were counted";
  for (const Key& key : keys_) lost.explains += !key.too_many && LostOutputs(key) ? 1 : 0;
  AddIfHalf(std::move(lost), &explanations);
  std::stable_sort(
      explanations.begin(), explanations.end(),
      [](const Explanation& a, const Explanation& b) { return a.explains > b.explains; });
  return explanations;
}

}  // namespace playload
