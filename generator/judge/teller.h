// Tells an OutputMatcher what the events of a run cause: from their lines, or from records, which
// is five times as fast. The two say the same of the same events.
//
// Threads: value types, one thread at a time.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "generator/base/status.h"
#include "generator/judge/lives.h"
#include "generator/judge/output_matcher.h"
#include "generator/judge/trigger.h"
#include "generator/oracle/oracle.h"
#include "generator/replay/expectation.h"
#include "generator/replay/replay.h"

namespace playload {

class LineTeller {
 public:
  explicit LineTeller(std::string_view id_prefix) : expectation_(id_prefix) {}

  // The next event in plan order, which arrived, did not, or may have. Errors: as of
  // Expectation::Observe().
  Status Tell(const StreamEvent& event, Arrival arrival, OutputMatcher* matcher);

  [[nodiscard]] const Tally& tally() const { return expectation_.tally(); }

 private:
  Expectation expectation_;
};

class RecordTeller {
 public:
  // All outlive it. `triggers` may be null; it is told of outputs by their OutputKind. `places`: as
  // of OutputMatcher::Options; the oracle lets go of users then, too.
  RecordTeller(const Replay& replay, OutputMatcher* matcher, TriggerSink* triggers = nullptr,
               std::uint64_t places = 0)
      : facts_(replay), matcher_(matcher), triggers_(triggers), lives_(places) {}

  // In plan order; `arrivals`: one for each event of the run.
  void Tell(const ReplayedRun& run, const Arrival* arrivals);

 private:
  void TellOne(const ReplayedRun& run, std::uint32_t i, Arrival arrival);
  void ExpectSummary(const ReplayedRun& run, std::uint32_t i, bool certain);
  void SeeArrival(std::uint64_t player);
  void TellRare(const ReplayedRun& run, std::uint32_t i, Arrival arrival);

  RecordFacts facts_;
  OutputMatcher* const matcher_;
  TriggerSink* const triggers_;
  Oracle oracle_;
  Lives lives_;
};

}  // namespace playload
