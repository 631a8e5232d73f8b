// Triggers: which event calls for which output, told one by one to whoever measures how long that
// takes.
//
// Threads: one thread at a time.

#pragma once

#include <cstddef>
#include <cstdint>

#include "generator/event/record.h"

namespace playload {

// What tells two outputs apart; which of those that are alike it is then follows from their order.
struct OutputIdentity {
  std::size_t output = 0;    // index into OutputsJudge::outputs() of all that it knows
  std::uint64_t number = 0;  // whom it is about: of the player, user, server or key
  std::uint64_t detail = 0;  // what else tells it from others about the same
};

// An expected output and the event that calls for it.
struct Trigger {
  static constexpr std::size_t kNoPart = ~std::size_t{0};

  OutputIdentity of;
  Position position = 0;
  std::size_t part = kNoPart;  // of LatencyOutput::parts
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
