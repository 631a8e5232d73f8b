// What the files of events are called: DIR/TOPIC.ndjson, with .zst or .gz behind it when
// compressed.
//
// Threads: pure functions. Errors: kInvalid.

#pragma once

#include <string>
#include <string_view>

#include "generator/base/status.h"

namespace playload {

enum class Compression { kNone, kZstd, kGzip };

// "zstd", "gzip", "none".
Result<Compression> ParseCompression(std::string_view name);

// Whether a topic's name can be a file's: not empty, no '/', no control characters.
Status CheckFileTopic(std::string_view topic);

std::string EventFilePath(std::string_view directory, std::string_view topic,
                          Compression compression);

// The one file of a topic that is there, compressed or not. An error when there is none, or more
// than one.
Result<std::string> FindEventFile(const std::string& directory, const std::string& topic);

}  // namespace playload
