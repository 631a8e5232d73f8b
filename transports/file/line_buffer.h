// LineBuffer: events that a destination accepted and that are not written yet. Knows which event
// each byte belongs to, so that after a short write it can say exactly which events arrived. What
// is written straight from a batch needs no place here and is only accounted for.
//
// Threads: one owner. Ownership: copies what it is given.
// Units: instants are nanoseconds of the steady clock.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/event/record.h"
#include "transports/batch.h"
#include "transports/deliveries.h"

namespace playload {

class LineBuffer {
 public:
  // Of the events written, those at a multiple of this position are told to Deliveries with their
  // latency: working out a planned instant costs more than writing the event does.
  static constexpr std::uint64_t kLatencySampling = 16;

  // Does not own `deliveries`, which outlives it.
  explicit LineBuffer(Deliveries* deliveries) : deliveries_(deliveries) {}

  // An event and its bytes may be added apart, bytes of many events at once; between a caller's
  // calls the lengths of all events sum to the bytes.
  void AddEvent(Kind kind, Position position, std::uint16_t length) {
    events_.push_back({position, length, kind});
  }
  void AddBytes(std::string_view bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

  // What is not written, beginning where the last write ended.
  [[nodiscard]] std::string_view unwritten() const {
    return {bytes_.data() + written_, bytes_.size() - written_};
  }
  [[nodiscard]] bool empty() const { return written_ == bytes_.size(); }

  // The next `bytes` of unwritten() are written: the events that are now whole are told as acked.
  // `sent_ns` is when the write began.
  void Written(std::size_t bytes, std::int64_t sent_ns, std::int64_t now_ns);

  // The events [from, to) of the batch that are of these kinds are written, `bytes` in all, without
  // having been added: told as acked, in the time of the sampled ones when the batch is whole.
  // REQUIRES: empty().
  void WrittenThrough(const Batch& batch, std::uint32_t from, std::uint32_t to,
                      const std::array<bool, kKinds>& kinds, std::size_t bytes,
                      std::int64_t sent_ns, std::int64_t now_ns);

  // Gives up what is left; an event written in part counts as lost.
  void Lose(Fate fate, const std::string& reason);

  // Bytes written of an event whose rest is not: half a line at the destination's end.
  [[nodiscard]] std::size_t half_line() const { return half_line_; }

  // Whole lines written so far.
  [[nodiscard]] std::uint64_t lines_written() const { return lines_written_; }
  [[nodiscard]] std::uint64_t line_bytes_written() const { return line_bytes_written_; }

 private:
  struct Event {
    Position position;
    std::uint16_t length;
    Kind kind;
  };

  void Forget();

  Deliveries* const deliveries_;
  std::vector<char> bytes_;
  std::size_t written_ = 0;  // of bytes_
  std::vector<Event> events_;
  std::size_t acked_ = 0;      // of events_
  std::size_t half_line_ = 0;  // of events_[acked_]
  std::uint64_t lines_written_ = 0;
  std::uint64_t line_bytes_written_ = 0;
};

}  // namespace playload
