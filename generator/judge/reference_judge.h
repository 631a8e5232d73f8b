// ReferenceJudge: the OutputsJudge of the reference pipeline and its four outputs, which it knows:
// it runs the oracle over records and never makes a line of most of them.
//
// Threads: one thread at a time.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "generator/judge/outputs_judge.h"
#include "generator/replay/outputs.h"

namespace playload {

struct ReferenceJudgeOptions {
  std::vector<OutputKind> outputs;  // those that are judged, ascending
  std::string id_prefix;            // of the run
  bool compat = false;              // its scenario's profile: purchases are keyed by transaction
  OwnNumber own;
  bool timestamps = true;    // as of OutputMatcher::Options
  bool forget = false;       // what has matched: Recall() then takes the events once more
  std::uint64_t places = 0;  // as of OutputMatcher::Options
  Delivery delivery = Delivery::kExactlyOnce;
};

Result<std::unique_ptr<OutputsJudge>> MakeReferenceJudge(ReferenceJudgeOptions options);

// Its outputs, and the reasons of fraud-alerts: "frequent", "multi-currency".
std::vector<LatencyOutput> ReferenceLatencyOutputs();

}  // namespace playload
