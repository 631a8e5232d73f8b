// The text forms of a RunSpec's fields, the same in flags and in the manifest.
//
// Threads: pure functions. Errors: kInvalid that says what would be right, without flag or file.

#pragma once

#include <string>
#include <string_view>

#include "generator/base/status.h"
#include "generator/stream/spec.h"

namespace playload {

std::string_view ClockName(Clock clock);  // "live", "virtual"
Result<Clock> ParseClock(std::string_view text);

std::string_view EventTypesName(EventTypes types);  // "strict", "extended"
Result<EventTypes> ParseEventTypes(std::string_view text);

std::string_view TimestampFormName(TimestampForm form);  // "s", "ms", "us", "naive"
Result<TimestampForm> ParseTimestampForm(std::string_view text);

// 0 to 32 of A-Z a-z 0-9 '-'.
Status CheckIdPrefix(std::string_view text);

// The three topics of profile dataflow, in the order of Kind.
std::string_view TopicName(Kind kind);

}  // namespace playload
