// Mutants of a rule set: the same rules with one thing wrong in them, as pipelines have things
// wrong (docs/mutants.md lists the ways). Each holds the one rule that it changes.
//
// Threads: pure functions.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/rules/rule_set.h"
#include "generator/rules/window_reading.h"

namespace playload {

struct Mutant {
  // How events reach it.
  enum class Feed : std::uint8_t {
    kWhole,
    kDropped,  // one in kFeedEvery is lost
    kDoubled,  // one in kFeedEvery comes twice
    kReset,    // state is lost after every kFeedEvery
  };
  std::string what;      // "'transactions > 5' is 'transactions > 4'"
  std::size_t rule = 0;  // of the rule set that it is a mutant of
  RuleSet rules;         // one rule
  Feed feed = Feed::kWhole;
  bool arrival_time = false;  // takes an event's arrival for its time
  WindowReading reading;      // how it takes windows, where that is not as the rules have it
};

inline constexpr std::uint64_t kFeedEvery = 10'000;
inline constexpr const char* kOneState = "one state is for all keys";  // a further one of its name

// All of them, rule after rule; each passes CheckRules(), and no two are the same.
// REQUIRES: `rules` passes CheckRules().
std::vector<Mutant> MutantsOf(const RuleSet& rules);

// Further ones, for who looks for what a wrong pipeline does: numbers and windows further off, as
// typing errors and other units leave them, the same change in several places, one field taken for
// another, other sums and counts, one state for all keys, a first output alone or one in a while.
// No scenario need tell them from the rules. REQUIRES: as above.
std::vector<Mutant> FurtherMutantsOf(const RuleSet& rules);

// The rule set of one rule of it.
RuleSet OnlyRule(const RuleSet& rules, std::size_t rule);

}  // namespace playload
