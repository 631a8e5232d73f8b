// What a run sent, made again from its spec: the walker that `expect` and `verify` run on. Nothing
// of the stream is kept anywhere; it is regenerated each time.
//
// Threads: the walker makes `threads` workers for each walk; the visitor runs in the caller's
// thread.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "generator/stream/spec.h"
#include "generator/verify/walker.h"

namespace playload {

// `stamps`: the recorded instants of the batches of a run at rate max on the live clock, else
// empty. A walk ends where the spec does: give the run's final end.
StreamWalker WalkRun(RunSpec spec, std::vector<std::int64_t> stamps, int threads);

// What the polled endpoints of a run handed out: the first `counts` events of each kind, in plan
// order over the three, with the timestamps that are planned for them.
StreamWalker WalkPolled(RunSpec spec, const std::array<std::uint64_t, kKinds>& counts, int threads);

}  // namespace playload
