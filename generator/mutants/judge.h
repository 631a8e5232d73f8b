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
    kEquivalent,  // `why` says whether that is proven or what was tried
  };
  Mutant mutant;
  Fate fate = Fate::kKilled;
  std::uint64_t events = 0;      // kKilled: of the run, until it shows
  std::optional<Script> script;  // kSurvived: what tells it apart, where that is a sequence
  std::string needs;             // kSurvived: what else it takes; "" where a script is enough
  std::string why;               // kEquivalent
};

struct Judgement {
  std::uint64_t events = 0;  // of the run
  std::vector<JudgedMutant> mutants;

  [[nodiscard]] std::uint64_t Count(JudgedMutant::Fate fate) const;
};

// `spec` has an end. kInterrupted when `stop` was set.
Result<Judgement> JudgeMutants(const RunSpec& spec, const RuleSet& rules, int threads,
                               const std::atomic<bool>& stop);

}  // namespace playload
