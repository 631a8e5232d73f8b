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

// As `top -H` shows it, and what it starts from then on; up to 15 characters.
void NameThisThread(const char* name);

// "No space left on device (ENOSPC)", in English whatever the locale.
std::string ErrnoText(int number);

}  // namespace playload
