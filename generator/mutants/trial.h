// MutantTrial: a stream of events as a jury. The rules and their mutants answer to each event, and
// a mutant is killed when what it puts out for some key is another sequence than what the rules
// do: what `verify` would find.
//
// Memory: as of the rules' evaluators, once for each mutant that is alive; keys that differ.
// Threads: one owner.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "generator/mutants/mutate.h"
#include "generator/rules/evaluator.h"

namespace playload {

class MutantTrial {
 public:
  // All outlive it.
  MutantTrial(const RuleSet& rules, const std::vector<Mutant>& mutants, Symbols* symbols);
  ~MutantTrial();
  MutantTrial(const MutantTrial&) = delete;
  MutantTrial& operator=(const MutantTrial&) = delete;

  // What the facts of an event must have, as of CompiledRules.
  [[nodiscard]] std::uint32_t needs(Kind kind) const { return needs_[static_cast<unsigned>(kind)]; }
  [[nodiscard]] bool needs_time(Kind kind) const { return time_[static_cast<unsigned>(kind)]; }

  // The next event, in order of arrival. `number`: how many there were before it, of all kinds.
  void Observe(const EventFacts& facts, EventTexts& texts, std::int64_t arrival_ns,
               std::uint64_t number);

  // There are no more.
  void End();

  // After End(): by mutant, how many events it took to show it wrong; nothing when they did
  // not.
  [[nodiscard]] std::vector<std::optional<std::uint64_t>> Killed() const;

  // Events that the rule saw.
  [[nodiscard]] std::uint64_t inputs(std::size_t rule) const;
  // Of these, whose time was not that of their arrival. 0 for a rule that does not use time.
  [[nodiscard]] std::uint64_t displaced(std::size_t rule) const;

 private:
  struct Witness;
  struct Original;

  std::array<std::uint32_t, kKinds> needs_{};
  std::array<bool, kKinds> time_{};
  std::vector<std::unique_ptr<Original>> originals_;
};

}  // namespace playload
