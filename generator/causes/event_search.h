// EventSearch: of keys that differ from the right rule, what happened to their events on the way.
// Either one thing for all keys: nothing was counted before some instant, or after it, events with
// some value were passed over, state is forgotten after some time. Or something for each key alone,
// by trying: which of its events were not counted, or were counted twice, or before which of them
// state began anew, or whether outputs alone were lost (docs/causes.md).
//
// Use: Want() keys; Add() their events, in order of arrival; Explain().
//
// Memory and time: keys and events by the constants below; some thousand trials for each key, of as
// many events. Threads: one owner.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "generator/causes/answer.h"
#include "generator/causes/bound_search.h"
#include "generator/judge/explanations.h"
#include "generator/judge/verdict.h"
#include "generator/replay/record_events.h"
#include "generator/rules/evaluator.h"

namespace playload {

class EventSearch {
 public:
  // Of keys that differ, and as many that do not.
  static constexpr std::size_t kMostKeys = 100;
  static constexpr std::size_t kMostEvents = 48;  // of a key
  // Of a rule that looks at each event alone.
  static constexpr std::size_t kMostKeysAlone = 24;
  static constexpr std::size_t kMostEventsAlone = 4'096;
  static constexpr std::size_t kMostStored = 50'000;  // events, over all keys

  // Whether it has a meaning: those of other keys do not matter.
  static bool Applies(const Rule& rule) { return !rule.window.closes(); }
  static std::size_t MostKeys(const Rule& rule) {
    return rule.has_memory() ? kMostKeys : kMostKeysAlone;
  }

  // `rule`: one. `symbols` outlives it.
  EventSearch(const RuleSet& rule, Delivery delivery, RecordSymbols* symbols);

  // A key that differs, or one that does not: what explains the ones must not deny the others.
  void Want(std::uint64_t key, const CameForKey& came, bool differs);
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  [[nodiscard]] std::size_t agreeing() const { return agreeing_; }  // wanted ones

  // Every field of the rule's input is to be in the facts.
  [[nodiscard]] std::uint32_t needs() const;
  [[nodiscard]] bool needs_time() const { return rule_.uses_time(); }
  // An event that arrived.
  void Add(const EventFacts& facts, RecordEvents& texts, Position position);

  // Each that explains at least half of the keys that were tried: what is one thing for all keys,
  // then by kind.
  [[nodiscard]] std::vector<Explanation> Explain();

 private:
  struct Event {
    EventFacts facts;
    Position position = 0;
    std::int64_t instant_ns = 0;
    std::string line;                      // where an output may be the event itself
    std::optional<std::uint64_t> content;  // of a rule that looks at each event alone
  };
  struct Key {
    std::uint64_t symbol = 0;
    CameForKey came;
    bool differs = false;
    std::vector<Event> events;
    bool too_many = false;
  };
  // A stretch of a key's events that something happened to; of kBegunAnew: the one before which it
  // did.
  enum class Kind : std::uint8_t { kNotCounted, kCountedTwice, kBegunAnew };
  struct Stretch {
    std::size_t begin = 0;
    std::size_t count = 0;
  };
  // What becomes of an event.
  enum class Fate : std::uint8_t { kCounted, kPassedOver, kAfterForgetting };
  // Of the event at an index of a key's; for a key one call after the other, from the first.
  using Fates = std::function<Fate(const Key& key, std::size_t event)>;
  class Trial;

  [[nodiscard]] bool Fits(const Key& key, const Fates& fates);
  [[nodiscard]] bool Fits(const Key& key, Kind kind, Stretch stretch);
  // Whether what came is a part of what the rule puts out.
  [[nodiscard]] bool LostOutputs(const Key& key);

  // One thing for all keys. Adds what explains at least half of the keys that were tried, and is
  // not denied by the others.
  void AddIfGood(Explanation explanation, std::vector<Explanation>* explanations) const;
  void TryFates(const std::string& what, const Fates& fates, std::vector<Explanation>* explanations,
                const std::optional<Explanation::Place>& place = std::nullopt);
  // For which bounds what came for a key follows, and what a bound means.
  using Ranges = std::function<std::vector<BoundRange>(const Key& key)>;
  using Describe = std::function<Explanation(const BoundRange& range)>;
  void TryBound(const Ranges& ranges, const Describe& describe,
                std::vector<Explanation>* explanations);
  // `values`: where fates change; `fates`: by a bound, changing at a value itself.
  [[nodiscard]] std::vector<BoundRange> RangesBy(const Key& key, std::vector<double> values,
                                                 const std::function<Fates(double)>& fates);
  // Of passing over the events up to a bound (`below`), or all others.
  using Value = std::function<double(const Event& event)>;
  [[nodiscard]] std::vector<BoundRange> RangesOfPassing(const Key& key, const Value& value,
                                                        bool below);
  void TryPlaces(std::vector<Explanation>* explanations);
  void TryValues(std::vector<Explanation>* explanations);
  void TryNumbers(std::vector<Explanation>* explanations);
  void TryForgetting(std::vector<Explanation>* explanations);
  // Of a bound on positions: between two events of the keys.
  [[nodiscard]] Explanation::Place PlaceOf(const BoundRange& positions) const;

  // Whether nothing at all came for nearly all keys that differ.
  [[nodiscard]] bool MostlySilent() const;

  // Something for each key alone.
  void ExplainKeys(std::vector<Explanation>* explanations);
  // Adds what explains at least half of the keys that were tried.
  void AddIfHalf(Explanation explanation, std::vector<Explanation>* explanations) const;
  // Of the keys that differ or not.
  [[nodiscard]] std::uint64_t Tried(bool differing) const;
  // The shortest ones that fit, all of one length.
  [[nodiscard]] std::vector<Stretch> Find(const Key& key, Kind kind);
  [[nodiscard]] Explanation::Example ExampleOf(const Key& key, Kind kind,
                                               const std::vector<Stretch>& found) const;

  const Rule rule_;
  const bool alone_;  // the rule looks at each event alone
  const bool as_sets_;
  const bool lines_;  // an output may be the event itself
  RecordSymbols* const symbols_;
  const CompiledRules compiled_;
  Evaluator each_;  // where the rule has no memory
  OutputContents contents_;
  std::vector<Key> keys_;
  std::unordered_map<std::uint64_t, std::size_t> places_;  // of keys, by symbol
  std::size_t stored_ = 0;
  std::size_t agreeing_ = 0;
};

}  // namespace playload
