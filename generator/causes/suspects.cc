#include "generator/causes/suspects.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <tuple>
#include <utility>

#include "generator/causes/shares.h"
#include "transports/kafka/partition.h"

namespace playload {

namespace {

// Keys that are no ids are few in a run; a topic may have any number of them.
constexpr std::size_t kMostWords = 100'000;
// Of equally good explanations.
constexpr std::size_t kMostFound = 3;
constexpr std::size_t kRight = 0;

// Fields whose texts are ids of the run.
bool IsId(std::string_view field) {
  return field == "parameters.player_id" || field == "user_data.user_id" ||
         field == "parameters.server_id" || field == "parameters.transaction_id" ||
         field == "parameters.session_id";
}

std::uint64_t Spread(std::uint64_t symbol) {
  return Fold(symbol ^ 0xA0761D6478BD642Fu, 0xE7037ED1A0B428DBu);
}

// By Suspects::View.
constexpr const char* kViewNames[] = {
    "every output is put out twice",
    "only the last output of a key is put out",
    "of the same outputs of a key only the first is put out",
    "of the outputs for events in a row only the first is put out",
    "only what is unlike the first counts as different",
    "only what is unlike the one before counts as different"};
// Different outputs of a key that are told apart.
constexpr std::size_t kMostContents = 16;

// How an amount may be read wrong.
struct Reading {
  const char* what;
  double (*of)(double);
};
constexpr Reading kReadings[] = {
    {"is cut to a whole number", [](double x) { return std::trunc(x); }},
    {"is rounded to a whole number", [](double x) { return std::round(x); }},
    {"is taken for 100 times as much", [](double x) { return x * 100; }},
    {"is taken for a hundredth", [](double x) { return x / 100; }},
    {"is read as single precision", [](double x) { return double(float(x)); }},
    {"is always 1", [](double) { return 1.0; }},
};
// And that of a refund.
constexpr Reading kRefunds[] = {
    {"of a refund is subtracted", [](double x) { return -x; }},
    {"of a refund is taken for 0", [](double) { return 0.0; }},
};

// Fewer keys than that may be in few partitions by chance.
constexpr std::uint64_t kFewestForPartitions = 12;

}  // namespace

struct Suspects::Suspect {
  Suspect(Mutant one, Symbols* symbols, std::size_t count = 1)
      : mutant(std::move(one)), compiled(mutant.rules, symbols, mutant.reading) {
    for (std::size_t i = 0; i < count; ++i) places.emplace_back(compiled);
  }

  // Where the state for an event is.
  Evaluator& Place(EventTexts& texts) {
    if (places.size() == 1) return places.front();
    std::string text;
    texts.AppendText(place_field, &text);
    return places[static_cast<std::size_t>(
        PartitionOf(text, static_cast<std::uint32_t>(places.size())))];
  }

  const Mutant mutant;
  const CompiledRules compiled;
  std::vector<Evaluator> places;
  std::size_t place_field = 0;  // which of them an event goes to, where there are several
  std::function<void(EventFacts*)> change;  // what it takes an event for; empty: as it is
  bool by_key = false;                      // no state is of several keys
  bool whole = false;                       // needs the events of all keys
  bool given_up = false;
};

struct Suspects::Key {
  CameForKey came;
  std::vector<Answer> answers;  // by suspect; empty before its first event
  std::vector<Answer> open;     // of windows that are open at the end: these may come or not
  bool example = false;
  bool compared = false;  // record by record, with what was expected
  bool uncertain = false;
  // For the views of what the right rule puts out.
  std::uint64_t last = 0;                // 0: nothing so far
  std::vector<std::uint64_t> different;  // the first kMostContents of them
  bool in_row = false;                   // the latest event had an output
  Answer first_in_row;
  std::optional<std::uint64_t> first_value;  // of distinct_field_
  std::uint64_t value_before = 0;
  Answer unlike_first;
  Answer unlike_before;
  SeenContents seen_came;
  std::vector<SeenContents> seen;  // by suspect, where contents count once
};

Suspects::Suspects(SuspectedOutput output, Delivery delivery, RecordSymbols* symbols)
    : output_(std::move(output)),
      symbols_(symbols),
      as_sets_(delivery == Delivery::kAtLeastOnce),
      key_field_(*FindField(rule().input, rule().key)),
      key_is_id_(IsId(rule().key)),
      views_(!rule().window.closes()),
      forms_(rule().key, output_.forms, output_.own_form, symbols) {
  Mutant right;
  right.rules = output_.rule;
  suspects_.push_back(std::make_unique<Suspect>(std::move(right), symbols));
  for (const auto mutants : {&MutantsOf, &FurtherMutantsOf}) {
    for (Mutant& mutant : mutants(output_.rule)) {
      // Events that were lost or doubled are looked for key by key (event_search.h).
      if (mutant.feed != Mutant::Feed::kWhole) continue;
      suspects_.push_back(std::make_unique<Suspect>(std::move(mutant), symbols));
    }
  }
  AddScattered();
  AddAllAlternatives();
  AddChangedAmounts();
  AddOtherStates();
  FindDistinct();
  for (const auto& suspect : suspects_) {
    const CompiledRules& compiled = suspect->compiled;
    suspect->whole = compiled.whole_input(rule().input) ||
                     (compiled.rules().rules.front().key != rule().key && !suspect->by_key);
    needs_ |= compiled.needs(rule().input);
    needs_time_ = needs_time_ || compiled.needs_time(rule().input);
  }
  for (const std::string& text : output_.keys) {
    const std::optional<std::uint64_t> symbol = SymbolOf(text);
    if (!symbol) continue;
    const auto [key, is_new] = keys_.try_emplace(*symbol);
    key->second.example = true;
    examples_ += is_new ? 1 : 0;
  }
}

Suspects::~Suspects() = default;

// Events are repartitioned by another field, and whoever reads a partition has a state of its own.
void Suspects::AddScattered() {
  if (output_.partitions < 2 || !rule().has_memory() || rule().window.closes()) return;
  const std::span<const EventField> fields = FieldsOf(rule().input);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].type != FieldType::kText || i == key_field_) continue;
    Mutant scattered;
    scattered.what = "the state of a key is in " + std::to_string(output_.partitions) +
                     " places, by the partition of " + std::string(fields[i].path);
    scattered.rules = output_.rule;
    suspects_.push_back(
        std::make_unique<Suspect>(std::move(scattered), symbols_, output_.partitions));
    suspects_.back()->place_field = i;
    needs_ |= std::uint32_t{1} << i;
  }
}

// Not the first alternative that holds, but every one.
void Suspects::AddAllAlternatives() {
  const std::vector<Alternative>& alternatives = rule().alternatives;
  if (alternatives.size() < 2) return;
  Mutant all;
  all.what = "every alternative that holds puts something out, not the first alone";
  all.rules = output_.rule;
  all.rules.rules.clear();
  for (std::size_t i = 0; i < alternatives.size(); ++i) {
    Rule one = rule();
    one.name += "-" + std::to_string(i + 1);
    one.alternatives = {alternatives[i]};
    all.rules.rules.push_back(std::move(one));
  }
  if (!CheckRules(all.rules).ok()) return;
  suspects_.push_back(std::make_unique<Suspect>(std::move(all), symbols_));
}

void Suspects::AddChangedAmounts() {
  const std::span<const EventField> fields = FieldsOf(rule().input);
  const std::uint32_t needs = suspects_[kRight]->compiled.needs(rule().input);
  const auto add = [this](std::string what, std::function<void(EventFacts*)> change) {
    Mutant mutant;
    mutant.what = std::move(what);
    mutant.rules = output_.rule;
    suspects_.push_back(std::make_unique<Suspect>(std::move(mutant), symbols_));
    suspects_.back()->change = std::move(change);
  };
  const std::optional<std::size_t> type = FindField(rule().input, "parameters.transaction_type");
  const std::uint64_t refund = symbols_->Of("refund");
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].type != FieldType::kNumber || (needs >> i & 1) == 0) continue;
    const auto read_as = [i](EventFacts* facts, double (*of)(double)) {
      facts->SetNumber(i, of(std::bit_cast<double>(facts->values[i])));
    };
    const std::string path(fields[i].path);
    for (const Reading& reading : kReadings) {
      add(path + " " + reading.what,
          [read_as, of = reading.of](EventFacts* facts) { read_as(facts, of); });
    }
    if (!type) continue;
    needs_ |= std::uint32_t{1} << *type;
    for (const Reading& reading : kRefunds) {
      add(path + " " + reading.what,
          [read_as, of = reading.of, at = *type, refund](EventFacts* facts) {
            if (facts->values[at] == refund) read_as(facts, of);
          });
    }
  }
}

// State that is not by key, but of whoever reads a partition; or by the key and a field more.
void Suspects::AddOtherStates() {
  const auto one_state = std::find_if(suspects_.begin(), suspects_.end(), [](const auto& other) {
    return other->mutant.what == kOneState;
  });
  if (one_state == suspects_.end()) return;
  // Which state is an event's stands in the field that is the same in all events.
  const Mutant by_name = (*one_state)->mutant;
  const std::size_t name = *FindField(rule().input, by_name.rules.rules.front().key);
  const auto add = [&](std::string what, std::function<std::uint64_t(const EventFacts&)> state) {
    Mutant mutant = by_name;
    mutant.what = std::move(what);
    suspects_.push_back(std::make_unique<Suspect>(std::move(mutant), symbols_));
    suspects_.back()->change = [name, state = std::move(state)](EventFacts* facts) {
      facts->values[name] = state(*facts);
    };
  };
  if (output_.by_partition && output_.partitions > 1) {
    add("one state is for all keys of a partition", [this](const EventFacts& facts) {
      return std::uint64_t{PartitionOfKey(facts.values[key_field_])};
    });
  }
  const std::span<const EventField> fields = FieldsOf(rule().input);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].type != FieldType::kText || i == key_field_ || i == name) continue;
    add("the key is " + rule().key + " and " + std::string(fields[i].path),
        [this, i](const EventFacts& facts) {
          return Fold(facts.values[key_field_] ^ 0x9E3779B97F4A7C15u,
                      facts.values[i] ^ 0xD1342543DE82EF95u);
        });
    suspects_.back()->by_key = true;
    needs_ |= std::uint32_t{1} << i;
  }
}

std::optional<std::uint64_t> Suspects::SymbolOf(std::string_view key) {
  if (key_is_id_) return symbols_->OfIdText(key);
  std::string text(key);
  const auto found = words_.find(text);
  if (found != words_.end()) return found->second;
  if (words_.size() >= kMostWords) return std::nullopt;
  return words_.emplace(std::move(text), symbols_->Of(key)).first->second;
}

Suspects::Key* Suspects::Find(std::uint64_t symbol) {
  const auto found = keys_.find(symbol);
  return found == keys_.end() ? nullptr : &found->second;
}

Suspects::Key* Suspects::FindOrAdd(std::uint64_t symbol) {
  if (Key* const key = Find(symbol)) return key;
  if (Spread(symbol) > most_spread_) return nullptr;
  const std::size_t most = as_sets_ ? kMostKeysAsSets : kMostKeys;
  if (keys_.size() >= most + examples_) Thin();
  return Spread(symbol) > most_spread_ ? nullptr : &keys_[symbol];
}

// Half of the keys go, whichever came first: which ones are left depends on their hashes alone.
void Suspects::Thin() {
  most_spread_ /= 2;
  std::erase_if(keys_, [this](const auto& entry) {
    const bool goes = !entry.second.example && Spread(entry.first) > most_spread_;
    if (goes && entry.second.compared) forms_.Drop(entry.first);
    return goes;
  });
}

void Suspects::AddProduced(const CollectedRecord& record) {
  ContentReader::Line read{record.key, record.value};
  if (record.line) read = reader_.ReadLine(record.value, output_.name);
  // Most keys are not looked at, and need not be read further.
  if (read.key) {
    if (!forms_.UnderKey(read.key, read.value)) return;
    const std::optional<std::uint64_t> symbol = SymbolOf(*read.key);
    if (!symbol || (Spread(*symbol) > most_spread_ && Find(*symbol) == nullptr)) return;
  }
  const auto content = reader_.Read(read.key, read.value, output_.key_path);
  if (read.key) forms_.Json(content.has_value());
  if (!read.key && !forms_.UnderKey(content ? content->key : std::nullopt, read.value)) return;
  if (!content || !content->key) return;
  const std::optional<std::uint64_t> symbol = SymbolOf(*content->key);
  Key* const key = symbol ? FindOrAdd(*symbol) : nullptr;
  if (key == nullptr) return;
  // Beyond so many, repeats count: nothing that is wrong in one place explains that much.
  if (as_sets_ && remembered_ < kMostRemembered) {
    if (!key->seen_came.insert(content->hash).second) return;
    ++remembered_;
  }
  // From its first record on.
  if (key->came.answer.count() == 0) key->compared = key->example || forms_.HasRoom();
  if (key->compared) forms_.Came(*symbol, content->hash, read.value);
  key->came.answer.Add(content->hash);
  if (key->came.first.size() < CameForKey::kMostFirst) key->came.first.push_back(content->hash);
}

void Suspects::Tell(const EventFacts& facts, RecordEvents& texts, Arrival arrival) {
  if (steps_ > kMostSteps) {
    steps_ = 0;
    Thin();
  }
  if (whole_steps_ > kMostWholeSteps) {
    whole_steps_ = 0;
    for (const auto& suspect : suspects_) suspect->given_up = suspect->given_up || suspect->whole;
  }
  Key* const key = FindOrAdd(facts.values[key_field_]);
  if (key != nullptr && key->answers.empty()) {
    key->answers.resize(suspects_.size());
    if (as_sets_) key->seen.resize(suspects_.size());
  }
  if (key != nullptr && arrival == Arrival::kUnknown) key->uncertain = true;
  for (std::size_t i = 0; i < suspects_.size(); ++i) {
    Suspect* const suspect = suspects_[i].get();
    if (suspect->given_up || (key == nullptr && !suspect->whole)) continue;
    ++(key == nullptr ? whole_steps_ : steps_);
    if (suspect->mutant.arrival_time) {
      EventFacts by_arrival = facts;
      by_arrival.time_ns = texts.Arrival();
      Collect(i, suspect->Place(texts).Process(by_arrival, texts));
      continue;
    }
    if (suspect->change) {
      EventFacts changed = facts;
      suspect->change(&changed);
      Collect(i, suspect->Place(texts).Process(changed, texts));
      continue;
    }
    const std::span<const RuleOutput> outputs = suspect->Place(texts).Process(facts, texts);
    Collect(i, outputs);
    if (i != kRight || key == nullptr) continue;
    if (views_) CollectViews(key, outputs, facts);
    if (!suspect->places.front().edges().empty()) key->uncertain = true;
  }
}

void Suspects::End() {
  for (std::size_t i = 0; i < suspects_.size(); ++i) {
    for (Evaluator& place : suspects_[i]->places) Collect(i, place.Finish());
  }
}

void Suspects::Collect(std::size_t index, std::span<const RuleOutput> outputs) {
  for (const RuleOutput& output : outputs) {
    const std::optional<std::uint64_t> symbol = SymbolOf(output.key);
    Key* const key = symbol ? Find(*symbol) : nullptr;
    if (key == nullptr || key->answers.empty()) continue;
    const std::uint64_t content = contents_.Of(output.value);
    if (as_sets_ && !key->seen[index].insert(content).second) continue;
    if (index == kRight && key->compared && !output.open) {
      forms_.Expected(*symbol, content, output.value);
    }
    if (output.open) {
      if (key->open.empty()) key->open.resize(suspects_.size());
      key->open[index].Add(content);
    } else {
      key->answers[index].Add(content);
    }
  }
}

// Where the rule has alternatives that look at how many different values there were.
void Suspects::FindDistinct() {
  const auto counted =
      std::find_if(rule().state.begin(), rule().state.end(),
                   [](const StateValue& value) { return value.aggregate == Aggregate::kDistinct; });
  if (counted == rule().state.end()) return;
  distinct_field_ = FindField(rule().input, counted->field);
  const std::function<bool(const Expr&)> mentions = [&](const Expr& expr) {
    return (expr.op == Expr::Op::kState && expr.name == counted->name) ||
           std::any_of(expr.of.begin(), expr.of.end(), mentions);
  };
  for (const Alternative& alternative : rule().alternatives) {
    by_distinct_.push_back(alternative.when && mentions(*alternative.when));
  }
  if (distinct_field_) needs_ |= std::uint32_t{1} << *distinct_field_;
}

void Suspects::CollectViews(Key* key, std::span<const RuleOutput> outputs,
                            const EventFacts& facts) {
  const std::uint64_t value = distinct_field_ ? facts.values[*distinct_field_] : 0;
  if (!key->first_value) {
    key->first_value = value;
    key->value_before = value;
  }
  for (const RuleOutput& output : outputs) {
    const std::uint64_t content = contents_.Of(output.value);
    key->last = content;
    if (!key->in_row) key->first_in_row.Add(content);
    const bool by_distinct = distinct_field_ && by_distinct_[output.alternative];
    if (!by_distinct || value != *key->first_value) key->unlike_first.Add(content);
    if (!by_distinct || value != key->value_before) key->unlike_before.Add(content);
    if (key->different.size() > kMostContents) continue;
    if (std::find(key->different.begin(), key->different.end(), content) == key->different.end()) {
      key->different.push_back(content);
    }
  }
  key->in_row = !outputs.empty();
  key->value_before = value;
}

Answer Suspects::AnswerOf(const Key& key, std::size_t answer) const {
  if (answer < suspects_.size()) return key.answers[answer];
  Answer seen;
  switch (static_cast<View>(answer - suspects_.size())) {
    case View::kTwice:
      return key.answers[kRight] + key.answers[kRight];
    case View::kLast:
      if (key.last != 0) seen.Add(key.last);
      return seen;
    case View::kEachOnce:
      // Of more than are remembered it is not known.
      if (key.different.size() > kMostContents) return key.answers[kRight];
      for (const std::uint64_t content : key.different) seen.Add(content);
      return seen;
    case View::kFirstInRow:
      return key.first_in_row;
    case View::kUnlikeFirst:
      return key.unlike_first;
    case View::kUnlikeBefore:
      return key.unlike_before;
  }
  return seen;
}

bool Suspects::Fits(const Key& key, std::size_t answer) const {
  const Answer made = AnswerOf(key, answer);
  const Answer& came = key.came.answer;
  if (came == made) return true;
  return answer < suspects_.size() && !key.open.empty() && came == made + key.open[answer];
}

std::string Suspects::NameOf(std::size_t answer) const {
  return answer < suspects_.size() ? suspects_[answer]->mutant.what
                                   : kViewNames[answer - suspects_.size()];
}

bool Suspects::IsGivenUp(std::size_t answer) const {
  return answer < suspects_.size() && suspects_[answer]->given_up;
}

Suspects::Finding Suspects::Judge() const {
  Finding finding;
  if (suspects_[kRight]->given_up) return finding;
  std::uint64_t silent = 0;
  const std::size_t answers = Answers();
  std::vector<std::uint64_t> explains(answers);
  std::vector<std::uint64_t> agrees(answers);
  for (const auto& [symbol, key] : keys_) {
    if (!IsLookedAt(key)) continue;
    const bool right = Fits(key, kRight);
    ++(right ? finding.agreeing : finding.differing);
    silent += !right && key.came.answer.count() == 0 ? 1 : 0;
    std::vector<std::uint64_t>& counts = right ? agrees : explains;
    for (std::size_t i = kRight + 1; i < answers; ++i) counts[i] += Fits(key, i) ? 1 : 0;
  }
  finding.silent = silent == finding.differing;
  finding.partitions = PartitionsThatDiffer();
  for (std::size_t i = kRight + 1; i < answers; ++i) {
    if (IsGivenUp(i) || explains[i] == 0 || explains[i] * 2 < finding.differing) continue;
    // Denied by too many of those that do not differ.
    if (!IsNearlyAll(agrees[i], finding.agreeing)) continue;
    Explanation found;
    found.what = NameOf(i);
    found.rule = rule().name;
    found.explains = explains[i];
    found.agrees = agrees[i];
    finding.found.push_back(std::move(found));
  }
  const auto better = [](const Explanation& a, const Explanation& b) {
    return std::tie(a.explains, a.agrees) > std::tie(b.explains, b.agrees);
  };
  std::stable_sort(finding.found.begin(), finding.found.end(), better);
  const auto worse =
      std::find_if(finding.found.begin(), finding.found.end(),
                   [&](const Explanation& e) { return better(finding.found[0], e); });
  finding.found.erase(worse, finding.found.end());
  if (finding.found.size() > kMostFound) finding.found.resize(kMostFound);
  return finding;
}

// Where the keys that differ are, when they are not in all partitions.
std::optional<Explanations::Partitions> Suspects::PartitionsThatDiffer() const {
  if (!output_.by_partition || output_.partitions < 2) return std::nullopt;
  struct Count {
    std::uint64_t differing = 0;
    std::uint64_t agreeing = 0;
  };
  std::vector<Count> counts(output_.partitions);
  std::uint64_t differing = 0;
  for (const auto& [symbol, key] : keys_) {
    if (!IsLookedAt(key)) continue;
    Count& count = counts[PartitionOfKey(symbol)];
    const bool right = Fits(key, kRight);
    ++(right ? count.agreeing : count.differing);
    differing += right ? 0 : 1;
  }
  if (differing < kFewestForPartitions) return std::nullopt;
  Explanations::Partitions found;
  found.of = output_.partitions;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].differing == 0) continue;
    found.differing.push_back(static_cast<std::uint32_t>(i));
    found.agreeing += counts[i].agreeing;
  }
  // One in two, as by chance of a dozen keys only one time in a thousand.
  if (found.differing.size() * 2 > output_.partitions) return std::nullopt;
  return found;
}

std::vector<std::uint64_t> Suspects::Keys(bool differing, std::size_t most) const {
  if (suspects_[kRight]->given_up) return {};
  std::vector<std::pair<bool, std::uint64_t>> found;  // examples first, then by symbol
  for (const auto& [symbol, key] : keys_) {
    if (IsLookedAt(key) && Fits(key, kRight) != differing) {
      found.emplace_back(!key.example, symbol);
    }
  }
  std::sort(found.begin(), found.end());
  if (found.size() > most) found.resize(most);
  std::vector<std::uint64_t> symbols;
  symbols.reserve(found.size());
  for (const auto& [other, symbol] : found) symbols.push_back(symbol);
  return symbols;
}

const CameForKey& Suspects::Came(std::uint64_t key) const { return keys_.at(key).came; }

std::uint32_t Suspects::PartitionOfKey(std::uint64_t key) const {
  std::string text;
  symbols_->AppendText(key, &text);
  return static_cast<std::uint32_t>(PartitionOf(text, output_.partitions));
}

// It has had events, and what they were is known.
bool Suspects::IsLookedAt(const Key& key) { return !key.answers.empty() && !key.uncertain; }

}  // namespace playload
