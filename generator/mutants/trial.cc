#include "generator/mutants/trial.h"

#include <algorithm>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

namespace playload {
namespace {

// So many outputs of a key without their counterpart are no matter of order any more.
constexpr std::size_t kMostPending = 64;
// Nor are outputs of so many keys at a time. (A mutant with another key may answer for every key
// what the rules never do, and keep all events for it.)
constexpr std::size_t kMostPendingKeys = 256;

// Outputs as two sequences for each key, of which only what differs is kept.
class Comparison {
 public:
  // `closing`: of windows that answer when they close. One side may be ahead of the other for long
  // then, of many keys at a time, and nothing follows from that.
  explicit Comparison(bool closing) : closing_(closing) {}

  void Add(std::span<const RuleOutput> right, std::span<const RuleOutput> mutant,
           std::uint64_t number) {
    const bool same = std::equal(right.begin(), right.end(), mutant.begin(), mutant.end(),
                                 [](const RuleOutput& a, const RuleOutput& b) {
                                   return a.key == b.key && a.value == b.value;
                                 });
    if (same && (pending_.empty() || std::none_of(right.begin(), right.end(), [&](const auto& o) {
                   return pending_.contains(o.key);
                 }))) {
      return;
    }
    for (const RuleOutput& output : right) At(output.key, number).right.push_back(output.value);
    for (const RuleOutput& output : mutant) At(output.key, number).mutant.push_back(output.value);
    for (const RuleOutput& output : right) Settle(output.key);
    for (const RuleOutput& output : mutant) Settle(output.key);
  }

  // Another answer for certain, whatever comes.
  [[nodiscard]] bool settled() const { return first_.has_value(); }

  // There are no more events: what windows would answer that are open may have come on either side.
  void End(std::span<const RuleOutput> right, std::span<const RuleOutput> mutant) {
    for (const RuleOutput& output : right) {
      const auto found = pending_.find(output.key);
      if (found != pending_.end()) Skip(output.value, &found->second.mutant);
    }
    for (const RuleOutput& output : mutant) {
      const auto found = pending_.find(output.key);
      if (found != pending_.end()) Skip(output.value, &found->second.right);
    }
    std::erase_if(pending_, [](const auto& entry) {
      return entry.second.right.empty() && entry.second.mutant.empty();
    });
  }

  // The event from which on some key differs; nothing when none does.
  [[nodiscard]] std::optional<std::uint64_t> First() const {
    std::optional<std::uint64_t> first = first_;
    for (const auto& [key, pending] : pending_) {
      if (!first || pending.since < *first) first = pending.since;
    }
    return first;
  }

 private:
  struct Pending {
    std::deque<std::string> right;
    std::deque<std::string> mutant;
    std::uint64_t since = 0;
  };

  Pending& At(const std::string& key, std::uint64_t number) {
    const auto [found, is_new] = pending_.try_emplace(key);
    if (is_new) found->second.since = number;
    return found->second;
  }

  static void Skip(const std::string& value, std::deque<std::string>* ahead) {
    if (!ahead->empty() && ahead->front() == value) ahead->pop_front();
  }

  void Settle(const std::string& key) {
    const auto found = pending_.find(key);
    if (found == pending_.end()) return;
    Pending& pending = found->second;
    while (!pending.right.empty() && !pending.mutant.empty() &&
           pending.right.front() == pending.mutant.front()) {
      pending.right.pop_front();
      pending.mutant.pop_front();
    }
    const bool differs = !pending.right.empty() && !pending.mutant.empty();
    const bool many = pending.right.size() + pending.mutant.size() > kMostPending ||
                      pending_.size() > kMostPendingKeys;
    if (differs || (many && !closing_)) {
      first_ = First();
      pending_.clear();
    } else if (pending.right.empty() && pending.mutant.empty()) {
      pending_.erase(found);
    }
  }

  const bool closing_;
  std::unordered_map<std::string, Pending> pending_;
  std::optional<std::uint64_t> first_;
};

}  // namespace

struct MutantTrial::Witness {
  Witness(const Mutant& one, std::size_t place, bool right_closes, Symbols* symbols)
      : mutant(one),
        index(place),
        compiled(one.rules, symbols, one.reading),
        evaluator(compiled),
        comparison(right_closes || one.rules.rules.front().window.closes()) {}

  std::span<const RuleOutput> Answer(EventFacts facts, EventTexts& texts, std::int64_t arrival_ns,
                                     std::uint64_t inputs) {
    if (mutant.arrival_time) facts.time_ns = arrival_ns;
    const bool turn = inputs % kFeedEvery == kFeedEvery - 1;
    if (turn && mutant.feed == Mutant::Feed::kDropped) return {};
    if (turn && mutant.feed == Mutant::Feed::kReset) evaluator = Evaluator(compiled);
    const std::span<const RuleOutput> outputs = evaluator.Process(facts, texts);
    if (!turn || mutant.feed != Mutant::Feed::kDoubled) return outputs;
    twice.assign(outputs.begin(), outputs.end());
    const std::span<const RuleOutput> again = evaluator.Process(facts, texts);
    twice.insert(twice.end(), again.begin(), again.end());
    return twice;
  }

  const Mutant& mutant;
  const std::size_t index;  // of all mutants
  const CompiledRules compiled;
  Evaluator evaluator;
  Comparison comparison;
  std::vector<RuleOutput> twice;
};

struct MutantTrial::Original {
  Original(RuleSet rule, Symbols* symbols)
      : compiled(std::move(rule), symbols), evaluator(compiled) {}

  const CompiledRules compiled;
  Evaluator evaluator;
  std::uint64_t inputs = 0;
  std::uint64_t displaced = 0;
  std::vector<std::unique_ptr<Witness>> mutants;
};

MutantTrial::MutantTrial(const RuleSet& rules, const std::vector<Mutant>& mutants,
                         Symbols* symbols) {
  const auto need = [this](const CompiledRules& compiled) {
    for (std::size_t k = 0; k < kKinds; ++k) {
      needs_[k] |= compiled.needs(static_cast<Kind>(k));
      time_[k] = time_[k] || compiled.needs_time(static_cast<Kind>(k));
    }
  };
  for (std::size_t rule = 0; rule < rules.rules.size(); ++rule) {
    originals_.push_back(std::make_unique<Original>(OnlyRule(rules, rule), symbols));
    need(originals_.back()->compiled);
  }
  for (std::size_t i = 0; i < mutants.size(); ++i) {
    Original& original = *originals_[mutants[i].rule];
    original.mutants.push_back(std::make_unique<Witness>(
        mutants[i], i, original.compiled.rules().rules.front().window.closes(), symbols));
    need(original.mutants.back()->compiled);
  }
}

MutantTrial::~MutantTrial() = default;

void MutantTrial::Observe(const EventFacts& facts, EventTexts& texts, std::int64_t arrival_ns,
                          std::uint64_t number) {
  for (const auto& original : originals_) {
    if (original->compiled.rules().rules.front().input != facts.kind) continue;
    const std::uint64_t inputs = original->inputs++;
    if (facts.time_ns != arrival_ns && original->compiled.needs_time(facts.kind)) {
      ++original->displaced;
    }
    const std::span<const RuleOutput> right = original->evaluator.Process(facts, texts);
    for (const auto& mutant : original->mutants) {
      if (mutant->comparison.settled()) continue;
      mutant->comparison.Add(right, mutant->Answer(facts, texts, arrival_ns, inputs), number);
    }
  }
}

void MutantTrial::End() {
  for (const auto& original : originals_) {
    const std::span<const RuleOutput> right = original->evaluator.Finish();
    for (const auto& mutant : original->mutants) {
      if (mutant->comparison.settled()) continue;
      std::span<const RuleOutput> open = mutant->evaluator.Finish();
      // No other event will ever close them.
      if (mutant->mutant.reading.closed_by_key) open = {};
      mutant->comparison.End(right, open);
    }
  }
}

std::vector<std::optional<std::uint64_t>> MutantTrial::Killed() const {
  std::size_t count = 0;
  for (const auto& original : originals_) count += original->mutants.size();
  std::vector<std::optional<std::uint64_t>> killed(count);
  for (const auto& original : originals_) {
    for (const auto& mutant : original->mutants) {
      const std::optional<std::uint64_t> first = mutant->comparison.First();
      if (first) killed[mutant->index] = *first + 1;
    }
  }
  return killed;
}

std::uint64_t MutantTrial::inputs(std::size_t rule) const { return originals_[rule]->inputs; }

std::uint64_t MutantTrial::displaced(std::size_t rule) const { return originals_[rule]->displaced; }

}  // namespace playload
