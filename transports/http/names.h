// The words by which formats and kinds go in metrics, JSON, parameters and headers.
//
// Threads: constants.

#pragma once

#include <array>
#include <string_view>

#include "generator/event/record.h"
#include "transports/http/status.h"

namespace playload {

// By Kind.
inline constexpr std::array<std::string_view, kKinds> kKindNames = {"player", "purchase", "server"};
// By StreamFormat.
inline constexpr std::array<std::string_view, kFormats> kFormatNames = {"sse", "ndjson", "json"};
inline constexpr std::array<std::string_view, kFormats> kMediaTypes = {
    "text/event-stream", "application/x-ndjson", "application/json"};

}  // namespace playload
