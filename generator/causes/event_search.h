// EventSearch: of keys that differ from the right rule, which of their events were not counted, or
// were counted twice, or before which of them state began anew, or whether outputs alone were lost:
// each key alone, by trying (docs/causes.md).
//
// Use: Want() keys; Add() their events, in order of arrival; Explain().
//
// Memory and time: kMostKeys keys of kMostEvents events; some thousand trials for each, of as many
// events. Threads: one owner.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "generator/causes/answer.h"
#include "generator/judge/explanations.h"
#include "generator/judge/verdict.h"
#include "generator/replay/record_events.h"
#include "generator/rules/evaluator.h"

namespace playload {

class EventSearch {
 public:
  static constexpr std::size_t kMostKeys = 100;
  static constexpr std::size_t kMostEvents = 48;

  // Whether it has a meaning: earlier events matter, and those of other keys do not.
  static bool Applies(const Rule& rule) { return rule.has_memory() && !rule.window.closes(); }

  // `rule`: one. `symbols` outlives it.
  EventSearch(const RuleSet& rule, Delivery delivery, RecordSymbols* symbols);

  void Want(std::uint64_t key, const CameForKey& came);
  [[nodiscard]] bool empty() const { return keys_.empty(); }

  // Every field of the rule's input is to be in the facts.
  [[nodiscard]] std::uint32_t needs() const;
  [[nodiscard]] bool needs_time() const { return rule_.uses_time(); }
  // An event that arrived.
  void Add(const EventFacts& facts, RecordEvents& texts, Position position);

  // By kind, each that explains at least half of the keys that were tried; best first.
  [[nodiscard]] std::vector<Explanation> Explain();

 private:
  struct Event {
    EventFacts facts;
    Position position = 0;
    std::int64_t instant_ns = 0;
    std::string line;
  };
  struct Key {
    std::uint64_t symbol = 0;
    CameForKey came;
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

  [[nodiscard]] bool Fits(const Key& key, Kind kind, Stretch stretch);
  // Whether what came is a part of what the rule puts out.
  [[nodiscard]] bool LostOutputs(const Key& key);
  // Adds what explains at least half of the keys that were tried.
  void AddIfHalf(Explanation explanation, std::vector<Explanation>* explanations) const;
  [[nodiscard]] std::uint64_t Tried() const;
  // The shortest ones that fit, all of one length.
  [[nodiscard]] std::vector<Stretch> Find(const Key& key, Kind kind);
  [[nodiscard]] Explanation::Example ExampleOf(const Key& key, Kind kind,
                                               const std::vector<Stretch>& found) const;

  const Rule rule_;
  const bool as_sets_;
  RecordSymbols* const symbols_;
  const CompiledRules compiled_;
  OutputContents contents_;
  std::vector<Key> keys_;
  std::unordered_map<std::uint64_t, std::size_t> places_;  // of keys, by symbol
};

}  // namespace playload
