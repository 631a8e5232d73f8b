// Files of the run directory: written whole or not at all, read with one clear message when they
// are not what they should be.
//
// Threads: pure functions. Errors: kInvalid when reading; kDestination when a file cannot be
// written (full or read-only disk), naming the file.

#pragma once

#include <string>
#include <string_view>

#include "generator/base/status.h"

namespace playload {

// Writes beside the file, flushes to the disk, then renames: a reader sees the old file or the new
// one, never a part.
Status WriteFileAtomically(const std::string& path, std::string_view content);

// The content of a regular file of at most `max_bytes`.
Result<std::string> ReadWholeFile(const std::string& path, std::size_t max_bytes);

// Makes the folder and its parents. kInvalid when it is there already (a run directory is never
// reused) or cannot be made.
Status MakeRunDirectory(const std::string& path);

// The SHA-256 of a text, 64 hexadecimal digits.
std::string Sha256Hex(std::string_view text);

}  // namespace playload
