// Which mutants of a rule set the events of a run would kill, and what would kill the others.
//
// Threads: runs in the caller's thread, with `threads` workers that make the events. Memory: as of
// Replay and MutantTrial.

#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/mutants/mutate.h"
#include "generator/stream/spec.h"
#include "scenarios/scenario.h"

namespace playload {

struct JudgedMutant {
  enum class Fate : std::uint8_t {
    kKilled,
    kSurvived,    // `script` would kill it, or what `needs` says
    kEquivalent,  // no sequence of the family tells it from the rules
  };
  Mutant mutant;
  Fate fate = Fate::kKilled;
  std::uint64_t events = 0;      // kKilled: of the run, until it shows
  std::optional<Script> script;  // what tells it apart, where one was looked for and found
  std::uint64_t tried = 0;       // sequences
  std::string needs;             // kSurvived without a script
};

struct Judgement {
  std::uint64_t events = 0;  // of the run
  std::vector<JudgedMutant> mutants;

  [[nodiscard]] std::uint64_t Count(JudgedMutant::Fate fate) const;
};

// `all_scripts`: looks for scripts of killed mutants, too. `spec` has an end. kInterrupted when
// `stop` was set.
Result<Judgement> JudgeMutants(const RunSpec& spec, const RuleSet& rules, bool all_scripts,
                               int threads, const std::atomic<bool>& stop);

// The scripts of a judgement, each once, as entries of a scenario's timeline.
std::string ProbesText(const Judgement& judgement, const std::string& name);

}  // namespace playload
