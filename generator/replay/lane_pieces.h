// WalkLane: the events of one player's place, or of one server, in a lane: made in several pieces
// at once where there are copies of the lane to begin at, since nothing of a lane's past is needed
// but such a copy.
//
// Threads: makes up to `threads` of its own, where there are several pieces, and waits for them;
// the visitor is called by the caller's. Memory: `threads` times four lanes and slices of 64 KiB,
// and 24 bytes for each event that was found in twice as many pieces, at most, and not visited yet.
// Errors: kInternal when memory is out. Cost: some 20 ns an event of the lane and core; of a single
// piece 27.

#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "generator/base/status.h"
#include "generator/event/record.h"
#include "generator/simulate/lanes.h"
#include "generator/simulate/model.h"

namespace playload {

// A place of a lane, whoever plays there, or a server.
struct LaneEntity {
  std::uint64_t lane = 0;
  bool server = false;
  std::uint32_t index = 0;  // as Record::entity
};

// From here on up to the next one.
struct LanePiece {
  std::uint64_t begin = 0;  // runs that the lane has made
  LanesCopy lanes;          // as it is then; without the lane: as new
};

// `index`: of the event in the lane, from 0. Returns whether to go on.
using LaneVisitor = std::function<bool(const Record& record, std::uint64_t index)>;

// In order. REQUIRES: pieces, ascending, none behind run `end` of the lane.
Status WalkLane(const Model& model, const LaneEntity& who, const std::vector<LanePiece>& pieces,
                std::uint64_t end, int threads, const LaneVisitor& visit);

}  // namespace playload
