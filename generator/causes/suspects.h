// Suspects: the mutants of the rule that writes one output, the rule with its state in other
// places, with amounts that are read wrong, and with outputs that are put out otherwise (once,
// twice, the last alone), all of them answering to the events of a run for some thousand keys, and
// what came for these keys. Which of the keys differ from the right rule, and which suspect would
// explain what came, follows in the end (docs/causes.md).
//
// Use: AddProduced() all that came; Tell() all events that arrived; then the results.
//
// Memory: bounded by kMostKeys keys times the mutants; the state of the mutants' evaluators for
// these keys, and for all keys where a mutant's key is another one than the rule's or a window
// closes by the time of the whole input. Time: the longer the run, the fewer keys are looked at; a
// mutant that needs the events of all keys is given up after kMostWholeSteps. Threads: one owner.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "generator/causes/answer.h"
#include "generator/causes/record_forms.h"
#include "generator/judge/collected.h"
#include "generator/judge/content.h"
#include "generator/judge/explanations.h"
#include "generator/judge/verdict.h"
#include "generator/mutants/mutate.h"
#include "generator/replay/arrivals.h"
#include "generator/replay/record_events.h"
#include "generator/replay/replay.h"
#include "generator/rules/evaluator.h"

namespace playload {

// One output whose causes are looked for.
struct SuspectedOutput {
  std::string name;
  RuleSet rule;                       // the one that writes it
  std::vector<std::string> key_path;  // as of OutputTopic
  std::vector<std::string> keys;      // that are looked at in any case: those of the examples
  // Of the input's topic; a pipeline that repartitions it by another field may keep the state of a
  // key in so many places. 0: not known.
  std::uint32_t partitions = 0;
  bool by_partition = false;      // the rule's key is that of the input's records
  std::vector<OutputForm> forms;  // of all outputs of the rules
  std::size_t own_form = 0;       // which of them is this one's
};

class Suspects {
 public:
  static constexpr std::size_t kMostKeys = 4'096;
  // Where contents count once, and have to be remembered for that.
  static constexpr std::size_t kMostKeysAsSets = 512;
  static constexpr std::uint64_t kMostRemembered = std::uint64_t{1}
                                                   << 20;  // of what came, over all
  // Of all suspects together, some 60 ns each: after so many, half of the keys go.
  static constexpr std::uint64_t kMostSteps = 4'000'000;
  // Of those that need all keys' events.
  static constexpr std::uint64_t kMostWholeSteps = 100'000'000;

  // `symbols` outlives it.
  Suspects(SuspectedOutput output, Delivery delivery, RecordSymbols* symbols);
  ~Suspects();
  Suspects(const Suspects&) = delete;
  Suspects& operator=(const Suspects&) = delete;

  [[nodiscard]] const SuspectedOutput& output() const { return output_; }
  [[nodiscard]] const Rule& rule() const { return output_.rule.rules.front(); }

  void AddProduced(const CollectedRecord& record);
  // What the records are like, whatever the events. REQUIRES: End().
  [[nodiscard]] RecordForms& forms() { return forms_; }

  // What an event's facts must have, where it is of the rule's input.
  [[nodiscard]] std::uint32_t needs() const { return needs_; }
  [[nodiscard]] bool needs_time() const { return needs_time_; }
  // The next event of the rule's input that is valid and arrived, or may have.
  void Tell(const EventFacts& facts, RecordEvents& texts, Arrival arrival);
  // There are no more.
  void End();

  struct Finding {
    std::uint64_t differing = 0;
    std::uint64_t agreeing = 0;
    bool silent = false;             // nothing came for any of those that differ
    std::vector<Explanation> found;  // best first, but none that explains too few
    std::optional<Explanations::Partitions> partitions;  // where they tell something
  };
  [[nodiscard]] Finding Judge() const;

  // The keys that differ from the right rule, or do not, by their symbols, those of examples first;
  // at most `most`. What came for one of them.
  [[nodiscard]] std::vector<std::uint64_t> Keys(bool differing, std::size_t most) const;
  [[nodiscard]] const CameForKey& Came(std::uint64_t key) const;
  // Where its events come from. REQUIRES: output().partitions > 0.
  [[nodiscard]] std::uint32_t PartitionOfKey(std::uint64_t key) const;

 private:
  struct Suspect;
  struct Key;
  // Ways to put out what the right rule puts out, each a suspect behind the others.
  enum class View : std::uint8_t {
    kTwice,
    kLast,
    kEachOnce,
    kFirstInRow,
    kUnlikeFirst,   // of alternatives that look at how many different values a field had: only for
    kUnlikeBefore,  // an event whose value is not the first one, or the one before
  };
  static constexpr std::size_t kViews = 6;

  Key* Find(std::uint64_t symbol);
  Key* FindOrAdd(std::uint64_t symbol);
  std::optional<std::uint64_t> SymbolOf(std::string_view key);
  void AddScattered();
  void AddAllAlternatives();
  void AddChangedAmounts();
  void AddOtherStates();
  [[nodiscard]] std::size_t Answers() const { return suspects_.size() + (views_ ? kViews : 0); }
  [[nodiscard]] std::string NameOf(std::size_t answer) const;
  [[nodiscard]] bool IsGivenUp(std::size_t answer) const;
  void FindDistinct();
  void CollectViews(Key* key, std::span<const RuleOutput> outputs, const EventFacts& facts);
  [[nodiscard]] Answer AnswerOf(const Key& key, std::size_t answer) const;
  [[nodiscard]] std::optional<Explanations::Partitions> PartitionsThatDiffer() const;
  void Collect(std::size_t suspect, std::span<const RuleOutput> outputs);
  void Thin();
  static bool IsLookedAt(const Key& key);
  // Whether what came for the key is what the suspect would have put out.
  [[nodiscard]] bool Fits(const Key& key, std::size_t answer) const;

  const SuspectedOutput output_;
  RecordSymbols* const symbols_;
  const bool as_sets_;
  const std::size_t key_field_;
  const bool key_is_id_;  // its texts are ids of the run, and others are not of this run
  const bool views_;      // whether they have a meaning
  std::optional<std::size_t> distinct_field_;  // that a state counts the different values of
  std::vector<bool> by_distinct_;              // by alternative: whether it looks at that state
  std::vector<std::unique_ptr<Suspect>> suspects_;  // the first one is the rule as it is
  std::uint32_t needs_ = 0;
  bool needs_time_ = false;
  ContentReader reader_;
  RecordForms forms_;
  OutputContents contents_;
  std::unordered_map<std::uint64_t, Key> keys_;
  std::uint64_t steps_ = 0;                        // since half of the keys went
  std::uint64_t whole_steps_ = 0;                  // for keys that are not looked at
  std::uint64_t remembered_ = 0;                   // contents that came, over all keys
  std::size_t examples_ = 0;                       // of them
  std::uint64_t most_spread_ = ~std::uint64_t{0};  // keys whose symbol spreads to more are left out
  std::unordered_map<std::string, std::uint64_t> words_;  // symbols of keys that are no ids
};

}  // namespace playload
