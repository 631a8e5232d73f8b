// What the operating system says, in our words.
//
// Threads: any.

#pragma once

#include <cstdint>
#include <string>

namespace playload {

// Nanoseconds of the steady clock.
std::int64_t SteadyNow();
// Nanoseconds since 1970, UTC: read when a run starts, and for the stamps of `--rate max`.
std::int64_t UtcNow();

// "No space left on device (ENOSPC)", in English whatever the locale.
std::string ErrnoText(int number);

}  // namespace playload
