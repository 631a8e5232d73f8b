// Triggers: which event calls for which output, told one by one to whoever measures how long that
// takes.
//
// Threads: one thread at a time.

#pragma once

#include <cstdint>

#include "generator/event/record.h"
#include "generator/verify/outputs.h"

namespace playload {

// What tells two outputs about one player, user or server apart; which of them it is then follows
// from their order.
struct OutputIdentity {
  OutputKind output = OutputKind::kSummaries;
  std::uint64_t number = 0;  // of the player, user or server
  // purchase-aggregates: transaction_count; server-alerts: ProducedRecord::content; fraud-alerts:
  // FraudAlert; else 0.
  std::uint64_t detail = 0;
};

// An expected output and the event that calls for it.
struct Trigger {
  OutputIdentity of;
  Position position = 0;
  // How long the rule itself makes the output wait after the event, such as until its window ends:
  // no latency of the pipeline. 0 where it is due at once, as with all of the reference pipeline.
  std::int64_t wait_ns = 0;
};

class TriggerSink {
 public:
  virtual ~TriggerSink() = default;
  // In plan order.
  virtual void Expect(const Trigger& trigger) = 0;
};

}  // namespace playload
