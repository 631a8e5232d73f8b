// CountMatcher: how many outputs of each key a pipeline put out against how many it must and may,
// where the order of a key's events is not known and so not what the outputs say (docs/rules.md,
// "Where the order is not known").
//
// Memory: some 50 bytes for each key that is no stranger. Threads: a value
// type.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "generator/judge/uncalled.h"
#include "generator/judge/verdict.h"
#include "generator/rules/order_free.h"

namespace playload {

class CountMatcher {
 public:
  // `bounds`: of the rule whose outputs they are; `text_of`: what a key is called. Both outlive it.
  using TextOf = std::function<std::string(std::uint64_t key)>;
  CountMatcher(const OrderFreeCounts& bounds, TextOf text_of)
      : bounds_(bounds), text_of_(std::move(text_of)) {}

  // An output of this key, by its symbol; nullopt: it has none. A `stranger` that the rule does not
  // know either is counted and not kept (uncalled.h).
  void AddProduced(std::optional<std::uint64_t> key, std::string_view text, bool stranger);

  // Whether a key has fewer than it must have.
  [[nodiscard]] bool Outstanding() const;
  // Judges the outputs that were added, which are counted as `may` so far.
  void Judge(Comparison* comparison) const;

 private:
  const OrderFreeCounts& bounds_;
  const TextOf text_of_;
  std::unordered_map<std::uint64_t, std::uint64_t> produced_;
  SmallestKeys<std::string, std::uint64_t> strangers_;  // how many of each
  std::uint64_t of_strangers_ = 0;
};

}  // namespace playload
