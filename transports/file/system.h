// The operating system's errors, as the transports here need them.
//
// Threads: pure functions.

#pragma once

#include <cstdint>
#include <string>

#include "generator/base/status.h"
#include "generator/base/system.h"

namespace playload {

// Creating a file or folder failed: kDestination when the place is fit but failed us (full, over a
// quota, broken), kInvalid when another place must be named.
Code CodeOfCreation(int number);

}  // namespace playload
