// ProbeSearch: looks for the shortest sequence of events that tells a mutant from the rules: what a
// probe has to play (docs/probes.md). It goes through a family of sequences derived from the rule
// itself: up to N + 2 of one event, a wait around each window's edge, up to N + 2 of another, and
// one more at the edge as seen from the beginning, where N is the rule's largest threshold; the
// events are those that the rule's conditions can tell apart. Each sequence is played by two keys,
// one after the other.
//
// Threads: a value type, one owner.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "generator/mutants/mutate.h"
#include "generator/rules/rule_set.h"
#include "scenarios/scenario.h"

namespace playload {

struct ProbeSearchResult {
  // The script that tells them apart; nothing: none of the family does.
  std::optional<Script> script;
  std::uint64_t tried = 0;  // sequences
};

// The field that the mutant depends on in another way, where scripts cannot vary it much: when no
// script tells the two apart, other players may.
std::optional<std::string> FixedInScripts(const RuleSet& rule, const Mutant& mutant);

// Whether a script may tell them apart: every event reaches the mutant, once, and what is otherwise
// is not what becomes of late events alone, nor that state is kept by session, of which who follows
// a script has one.
bool Searchable(const RuleSet& rule, const Mutant& mutant);

// REQUIRES: both are of the same rule, and Searchable().
ProbeSearchResult SearchProbe(const RuleSet& rule, const Mutant& mutant);

}  // namespace playload
