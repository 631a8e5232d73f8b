// CauseFinder: what explains the differences of a verdict's outputs (docs/causes.md): one thing
// wrong in the rule that writes an output, or in how a key's events reached it.
//
// Use: construct with the comparisons that were judged; AddProduced() all records of outputs();
// Find().
//
// Memory: suspects.h, event_search.h. Threads: one owner. Errors: those of Replay; kInterrupted.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/causes/event_search.h"
#include "generator/causes/suspects.h"
#include "generator/judge/verdict.h"
#include "generator/replay/arrivals.h"
#include "generator/replay/replay.h"
#include "generator/rules/rule_set.h"

namespace playload {

struct CauseOptions {
  RuleSet rules;
  std::string id_prefix;  // of the run
  Delivery delivery = Delivery::kExactlyOnce;
  // As of RulesJudgeOptions.
  std::array<bool, kKinds> partitioned{};
  std::array<std::uint32_t, kKinds> partitions{};  // of the inputs' topics; 0: not known
};

class CauseFinder {
 public:
  CauseFinder(const CauseOptions& options, const std::vector<Comparison>& comparisons);

  // Those that differ, and of which causes can be looked for. Empty: there is nothing to do.
  [[nodiscard]] const std::vector<std::string>& outputs() const { return names_; }

  // `record.output`: index into outputs().
  void AddProduced(const CollectedRecord& record) { outputs_[*record.output]->AddProduced(record); }

  // Makes the run's events again, once or twice. Sets Comparison::causes of outputs().
  Status Find(const Replay& replay, const Arrivals& arrivals, const std::atomic<bool>& stop,
              std::vector<Comparison>* comparisons);

 private:
  // What the facts of an event must have.
  struct Needs {
    std::uint32_t fields = 0;
    bool time = false;

    void Add(std::uint32_t more, bool time_too) {
      fields |= more;
      time = time || time_too;
    }
  };
  // Hands on the valid events that arrived, or may have, of the kinds that something is needed of.
  template <typename Tell>
  Status Walk(const Replay& replay, const Arrivals& arrivals, const std::atomic<bool>& stop,
              const std::array<Needs, kKinds>& needs, const Tell& tell);
  Status TellSuspects(const Replay& replay, const Arrivals& arrivals,
                      const std::atomic<bool>& stop);
  // Null where it has no meaning.
  std::unique_ptr<EventSearch> SearchFor(const Suspects& output, const Suspects::Finding& finding);
  Status TellSearches(const Replay& replay, const Arrivals& arrivals, const std::atomic<bool>& stop,
                      const std::vector<std::unique_ptr<EventSearch>>& searches);

  const CauseOptions options_;
  RecordSymbols symbols_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<Suspects>> outputs_;
};

}  // namespace playload
