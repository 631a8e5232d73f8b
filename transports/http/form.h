// Form: what the bytes of a stream look like for a client. Clients of the same form share them.
//
// Threads: a value type.

#pragma once

#include <cstdint>

#include "generator/event/record.h"

namespace playload {

enum class StreamFormat : std::uint8_t {
  kSse,     // "data: <json>\nid: <seq>\n\n", with `named` before it "event: <kind>\n"
  kNdjson,  // "<json>\n"
  kJson,    // "<json>\n\n"
};

struct Form {
  StreamFormat format = StreamFormat::kSse;
  bool named = false;      // SSE only
  bool envelope = false;   // {"key":"<Kafka key>","event":<json>}
  std::uint8_t kinds = 7;  // bit k: kind k is wanted; never 0

  static constexpr unsigned kIds = 128;
  [[nodiscard]] unsigned id() const {
    return static_cast<unsigned>(format) << 5 | static_cast<unsigned>(named) << 4 |
           static_cast<unsigned>(envelope) << 3 | kinds;
  }
  friend bool operator==(const Form&, const Form&) = default;
};

constexpr bool Wants(std::uint8_t kinds, Kind kind) {
  return (kinds >> static_cast<unsigned>(kind) & 1) != 0;
}

}  // namespace playload
