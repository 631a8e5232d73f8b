// Renderer: records -> the bytes of a form (docs/http.md). Encodes a granule's lines with the
// profile's encoder, then frames them.
//
// Threads: one owner (the reactor). Ownership: `tables` outlives it.
// Bytes: a function of (tables, block, form) alone; in a polled answer also of the instant given.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/pace/timestamps.h"
#include "generator/stream/tables.h"
#include "transports/http/block.h"
#include "transports/http/form.h"
#include "transports/http/granule.h"
#include "transports/http/poll_source.h"

namespace playload {

class Renderer {
 public:
  explicit Renderer(const StreamTables& tables);

  // Granule number `index` (0 to 15) of the block. REQUIRES: index * kGranuleEvents < block.count.
  GranuleRef Render(const Block& block, std::uint32_t index, const Form& form);

  // Replaces *lines by the events of a polled answer, one line each with its '\n', and *ends by
  // where each line ends. `utc_ns` >= 0: the instant that all carry; -1: their planned instants.
  void RenderLines(std::span<const PolledEvent> events, std::int64_t utc_ns, std::string* lines,
                   std::vector<std::uint32_t>* ends);

 private:
  // The cursor for events of that instant; of the plan's where it is negative.
  TimestampCursor& TimeOf(std::int64_t utc_ns);

  const StreamTables& tables_;
  TimestampCursor planned_;
  TimestampCursor fixed_;
  std::int64_t fixed_ns_ = -1;  // what fixed_ is at; -1: at nothing yet
  std::vector<char> scratch_;   // a granule of the greatest size
  std::vector<char> line_;
};

// {"missed":3,"next":7,"reason":"slow"} as a whole SSE event "event: gap\ndata: ...\n\n", without
// id. `missed` < 0: null.
std::string GapEvent(std::int64_t missed, std::uint64_t next, std::string_view reason);

}  // namespace playload
