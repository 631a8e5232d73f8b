// Shrink: the smallest scenario that still shows a failure, by asking about smaller and smaller
// ones. Knows neither pipelines nor files: who is asked is a function.
//
// First one player of each persona alone, and one of any with each overload and probe. Then in
// rounds, until one changes nothing: fewer events
// (the shortest prefix, by bisection), timeline entries (delta debugging, down to single ones),
// simpler incidents, fewer players, personas, currencies and regions, other settings to their
// defaults. What is kept is always a candidate that was seen to fail; at the end none of its
// timeline entries, personas, currencies or regions can be left out by itself, and with one event
// less it does not fail.
//
// Threads: calls `still_fails` in the caller's thread, one question at a time.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "generator/base/status.h"
#include "generator/shrink/candidate.h"

namespace playload {

// Whether the candidate still shows the failure; `what` says in a few words what was made smaller.
// An error ends the shrinking.
using StillFails = std::function<Result<bool>(const Candidate&, const std::string& what)>;

struct Shrunk {
  enum class End {
    kSmallest,  // nothing could be made smaller any more
    kAttempts,  // so many questions were allowed
    kStopped,   // by an error: `error`
  };
  Candidate smallest;
  std::uint64_t attempts = 0;
  End end = End::kSmallest;
  Status error;
};

// `first`: normalized, and known to fail. The same candidate is never asked about twice.
Shrunk Shrink(Candidate first, const StillFails& still_fails, std::uint64_t most_attempts);

}  // namespace playload
