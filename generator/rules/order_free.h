// OrderFreeCounts: how many outputs a rule has for a key, whatever the order in which the events of
// that key arrive (docs/rules.md, "Where the order is not known"). For rules whose conditions can
// only begin to hold as state grows, never cease: the bounds are sound for all of them, and exact
// for one count against a constant.
//
// Memory: a key has 8 to 16 bytes for each combination of conditions on single events that occurs
// (at most 256), for each of at most 64 values of a `distinct`, and for each `sum`; twice that once
// an event of it is not certain.
// Threads: one owner.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "generator/rules/evaluator.h"
#include "generator/rules/rule_set.h"

namespace playload {

struct CountInterval {
  std::uint64_t fewest = 0;
  std::uint64_t most = 0;

  bool operator==(const CountInterval&) const = default;
};

class OrderFreeCounts {
 public:
  // Whether a rule that passed CheckRules() has such bounds.
  static bool Applies(const Rule& rule);

  // REQUIRES: Applies(rule). Both outlive it.
  OrderFreeCounts(const Rule& rule, Symbols* symbols);
  ~OrderFreeCounts();
  OrderFreeCounts(OrderFreeCounts&&) noexcept;
  OrderFreeCounts& operator=(OrderFreeCounts&&) noexcept;

  // Which values the facts must have, as of CompiledRules; those that the same rule needs there are
  // enough.
  [[nodiscard]] std::uint32_t needs() const;

  // A valid event of the rule's input, in any order. Not `certain`: it may have arrived or not.
  void Add(const EventFacts& facts, bool certain);

  // Whether a key has an event.
  [[nodiscard]] bool Has(std::uint64_t key) const;
  // Of the value of the rule's key (not of the outputs'), by its symbol.
  [[nodiscard]] CountInterval Outputs(std::uint64_t key) const;
  // Of every key that has an event; in an order that means nothing.
  void ForEach(const std::function<void(std::uint64_t key, CountInterval outputs)>& visit) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
