// One player's history alone: only its lane is simulated (its neighbours decide which positions of
// the plan it gets), so it takes as long for one player of a hundred million as for one of a
// thousand.
//
// Threads: none made. Errors: kInvalid for an id that this run cannot have.

#pragma once

#include <functional>
#include <string_view>

#include "generator/base/status.h"
#include "generator/stream/spec.h"

namespace playload {

// Calls `line` (with its '\n') for each event of the player, in order, until the stream's end or
// until it returns false. REQUIRES: not rate_max (its instants are only known to a run).
Status PlayerHistory(const RunSpec& spec, std::string_view player_id,
                     const std::function<bool(std::string_view line)>& line);

}  // namespace playload
