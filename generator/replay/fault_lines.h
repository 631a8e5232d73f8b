// What data faults have done to the events of a run, as lines for people and pipes (`playload
// expect
// --faults`), made again from its records.
//
// Threads: as Replay::Walk().

#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "generator/base/status.h"
#include "generator/replay/expectation.h"
#include "generator/replay/replay.h"

namespace playload {

// A line {"position":...,"topic":...,"key":...,"fault":...} for each FaultLabel of each event that
// may have arrived, in plan order; docs/faults.md has the fields. `topics`: by Kind. `sink` gets
// whole lines and says whether to go on.
Status WriteFaults(const Replay& replay, const Arrivals& arrivals,
                   const std::array<std::string, kKinds>& topics,
                   const std::function<bool(std::string_view lines)>& sink);

}  // namespace playload
