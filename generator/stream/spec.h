// RunSpec: everything that fixes the bytes of a stream, plus which part of it this process sends.
// From flags (generator/cli) or from a manifest (generator/run/manifest.h); the same spec gives the
// same events. Destinations, threads and directories are not in it: they change nothing.
//
// Threads: a value type.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "generator/event/record.h"
#include "generator/pace/timestamps.h"
#include "scenarios/scenario.h"

namespace playload {

enum class Clock { kLive, kVirtual };
enum class EventTypes { kStrict, kExtended };

struct RunSpec {
  Scenario scenario;  // as resolved; --players, --rate and --persona already applied
  std::uint64_t seed = 0;
  std::int64_t start_ns = 0;  // UTC, since 1970
  Clock clock = Clock::kLive;
  bool rate_max = false;  // --rate max: nothing is planned (live clock only)
  std::uint32_t shard = 0, shards = 1;
  // The stream ends before this position; kNoEnd when neither --events nor --duration nor the
  // scenario's own duration ends it. --duration is turned into a position through the plan
  // (under rate max it ends the run by the clock instead, see run_ns).
  static constexpr Position kNoEnd = ~Position{0};
  Position end = kNoEnd;
  std::int64_t run_ns = 0;  // rate max with a duration: stop after this long; 0: none
  EventTypes event_types = EventTypes::kStrict;
  TimestampForm timestamp_form = TimestampForm::kSeconds;
  std::string id_prefix;  // [A-Za-z0-9-]{0,32}, no '_'

  // Whether events wait for their instants.
  [[nodiscard]] bool paced() const { return clock == Clock::kLive && !rate_max; }
};

}  // namespace playload
