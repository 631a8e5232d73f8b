#include "generator/causes/suspects.h"

#include <algorithm>
#include <tuple>
#include <utility>

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

// Whether an explanation of keys that differ is denied by too many of those that do not.
bool Contradicted(std::uint64_t agrees, std::uint64_t agreeing) {
  return agrees * 20 < agreeing * 19;
}

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
  bool whole = false;           // needs the events of all keys
  bool given_up = false;
};

struct Suspects::Key {
  CameForKey came;
  std::vector<Answer> answers;  // by suspect; empty before its first event
  std::vector<Answer> open;     // of windows that are open at the end: these may come or not
  bool example = false;
  bool uncertain = false;
  SeenContents seen_came;
  std::vector<SeenContents> seen;  // by suspect, where contents count once
};

Suspects::Suspects(SuspectedOutput output, Delivery delivery, RecordSymbols* symbols)
    : output_(std::move(output)),
      symbols_(symbols),
      as_sets_(delivery == Delivery::kAtLeastOnce),
      key_field_(*FindField(rule().input, rule().key)),
      key_is_id_(IsId(rule().key)) {
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
  for (const auto& suspect : suspects_) {
    const CompiledRules& compiled = suspect->compiled;
    suspect->whole =
        compiled.whole_input(rule().input) || compiled.rules().rules.front().key != rule().key;
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
    return !entry.second.example && Spread(entry.first) > most_spread_;
  });
}

void Suspects::AddProduced(const CollectedRecord& record) {
  ContentReader::Line read{record.key, record.value};
  if (record.line) read = reader_.ReadLine(record.value, output_.name);
  // Most keys are not looked at, and need not be read further.
  if (read.key) {
    const std::optional<std::uint64_t> symbol = SymbolOf(*read.key);
    if (!symbol || (Spread(*symbol) > most_spread_ && Find(*symbol) == nullptr)) return;
  }
  const auto content = reader_.Read(read.key, read.value, output_.key_path);
  if (!content || !content->key) return;
  const std::optional<std::uint64_t> symbol = SymbolOf(*content->key);
  Key* const key = symbol ? FindOrAdd(*symbol) : nullptr;
  if (key == nullptr) return;
  // Beyond so many, repeats count: nothing that is wrong in one place explains that much.
  if (as_sets_ && remembered_ < kMostRemembered) {
    if (!key->seen_came.insert(content->hash).second) return;
    ++remembered_;
  }
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
    Collect(i, suspect->Place(texts).Process(facts, texts));
    if (i == kRight && key != nullptr && !suspect->places.front().edges().empty()) {
      key->uncertain = true;
    }
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
    if (output.open) {
      if (key->open.empty()) key->open.resize(suspects_.size());
      key->open[index].Add(content);
    } else {
      key->answers[index].Add(content);
    }
  }
}

bool Suspects::Fits(const Key& key, std::size_t suspect) {
  const Answer& answer = key.answers[suspect];
  const Answer& came = key.came.answer;
  return came == answer || (!key.open.empty() && came == answer + key.open[suspect]);
}

Suspects::Finding Suspects::Judge() const {
  Finding finding;
  if (suspects_[kRight]->given_up) return finding;
  std::vector<std::uint64_t> explains(suspects_.size());
  std::vector<std::uint64_t> agrees(suspects_.size());
  for (const auto& [symbol, key] : keys_) {
    if (!IsLookedAt(key)) continue;
    const bool right = Fits(key, kRight);
    ++(right ? finding.agreeing : finding.differing);
    std::vector<std::uint64_t>& counts = right ? agrees : explains;
    for (std::size_t i = kRight + 1; i < suspects_.size(); ++i) counts[i] += Fits(key, i) ? 1 : 0;
  }
  for (std::size_t i = kRight + 1; i < suspects_.size(); ++i) {
    if (suspects_[i]->given_up || explains[i] == 0 || explains[i] * 2 < finding.differing) continue;
    if (Contradicted(agrees[i], finding.agreeing)) continue;
    Explanation found;
    found.what = suspects_[i]->mutant.what;
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

std::vector<std::uint64_t> Suspects::Differing(std::size_t most) const {
  if (suspects_[kRight]->given_up) return {};
  std::vector<std::pair<bool, std::uint64_t>> found;  // examples first, then by symbol
  for (const auto& [symbol, key] : keys_) {
    if (IsLookedAt(key) && !Fits(key, kRight)) found.emplace_back(!key.example, symbol);
  }
  std::sort(found.begin(), found.end());
  if (found.size() > most) found.resize(most);
  std::vector<std::uint64_t> symbols;
  symbols.reserve(found.size());
  for (const auto& [other, symbol] : found) symbols.push_back(symbol);
  return symbols;
}

const CameForKey& Suspects::Came(std::uint64_t key) const { return keys_.at(key).came; }

// It has had events, and what they were is known.
bool Suspects::IsLookedAt(const Key& key) { return !key.answers.empty() && !key.uncertain; }

}  // namespace playload
