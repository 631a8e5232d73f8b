// A record that was read to be verified: an output of a pipeline, or an event of an input topic.
//
// Threads: a value type. Ownership: the texts are its giver's.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "generator/event/record.h"

namespace playload {

struct CollectedRecord {
  std::optional<std::size_t> output;  // index into OutputsJudge::outputs(); absent: of `input`
  Kind input = Kind::kPlayer;
  std::int32_t partition = 0;
  std::int64_t offset = 0;  // a file's: the line's number, from 1
  std::optional<std::string_view> key;
  std::string_view value;
  std::int64_t appended_ns = -1;  // UTC; when the broker wrote it, where its topic says so
  bool settled = false;           // all events that may have caused it were told
  bool line = false;  // `value` is a line of an output's file, which may say output and key, too
};

}  // namespace playload
