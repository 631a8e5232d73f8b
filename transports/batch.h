// Batch: consecutive events of one stream, encoded, in plan order, with an index. The unit that
// moves between threads; every per-event loop runs over one.
//
// Threads: written by one worker, then read by one destination's sender; never both.
// Ownership: the stream owns and recycles batches; a transport copies what it keeps.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "generator/event/record.h"

namespace playload {

struct EventRef {
  std::uint32_t begin;      // of the line in its buffer
  std::uint16_t length;     // of the line with its '\n'
  std::uint16_t key_begin;  // of the key's text, from `begin`
  std::uint8_t key_length;
  Kind kind;
  std::uint16_t fault;  // FaultMark (generator/event/fault.h); 0: none
};

struct Batch {
  std::uint64_t number = 0;    // from 0, in the order of the stream
  std::uint32_t count = 0;     // events
  std::vector<Position> runs;  // position of each run's first event; all runs but the last of a
                               // stream have kRunLength events
  std::int64_t stamp_ns = -1;  // rate max on the live clock: UTC instant of all its events
  bool by_kind = false;        // lines of each kind in a buffer of their own, else all in [0]
  std::array<std::vector<char>, kKinds> buffers;
  std::array<std::uint32_t, kKinds> sizes{};  // bytes used of each buffer
  std::vector<EventRef> events;               // [0, count), where the stream was asked for an index
  std::vector<Record> records;                // [0, count), where asked for instead of lines
  std::array<std::uint32_t, kKinds> kinds{};  // events of each kind

  [[nodiscard]] Position position(std::uint32_t i) const {
    return runs[i / kRunLength] + i % kRunLength;
  }
  [[nodiscard]] Kind kind(std::uint32_t i) const {
    return records.empty() ? events[i].kind : KindOf(records[i].action);
  }
  // The event's line, with its '\n'.
  [[nodiscard]] std::string_view line(std::uint32_t i) const {
    const EventRef& e = events[i];
    return {buffers[by_kind ? static_cast<unsigned>(e.kind) : 0].data() + e.begin, e.length};
  }
  [[nodiscard]] std::string_view value(std::uint32_t i) const {
    return line(i).substr(0, line(i).size() - 1);
  }
  [[nodiscard]] std::string_view key(std::uint32_t i) const {
    return line(i).substr(events[i].key_begin, events[i].key_length);
  }
};

}  // namespace playload
