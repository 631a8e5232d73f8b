// The operating system's errors and clock, as the transports here need them.
//
// Threads: pure functions; the clock may be read by any thread.

#pragma once

#include <cstdint>
#include <string>

#include "generator/base/status.h"

namespace playload {

// Nanoseconds of the steady clock.
std::int64_t SteadyNow();

// "No space left on device (ENOSPC)", in English whatever the locale.
std::string ErrnoText(int number);

// Creating a file or folder failed: kDestination when the place is fit but failed us (full, over a
// quota, broken), kInvalid when another place must be named.
Code CodeOfCreation(int number);

}  // namespace playload
