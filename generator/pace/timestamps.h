// Timestamps: the text of event_timestamp for instants that never go backwards. Renders a text only
// when it changes, and says up to which position the present one holds, so that encoding an event
// costs one comparison.
//
// Threads: one owner. Units: ns since 1970 UTC; calendar by integer arithmetic, no time zone.

#pragma once

#include <cstdint>

#include "generator/event/record.h"
#include "generator/pace/plan.h"

namespace playload {

enum class TimestampForm : std::uint8_t { kSeconds, kMillis, kMicros, kNaiveMicros };

// The longest text is "2024-11-12T10:15:30.123456Z".
inline constexpr int kTimestampMax = 27;

// Writes the text of an instant, returns its length. `out` has room for kTimestampMax bytes.
int RenderTimestamp(std::int64_t utc_ns, TimestampForm form, char* out);

class TimestampCursor {
 public:
  TimestampCursor(const Plan& plan, std::int64_t start_ns, TimestampForm form)
      : plan_(&plan), start_ns_(start_ns), form_(form) {}

  // Makes text() that of a fixed instant for every position (rate max).
  void Fix(std::int64_t utc_ns);

  // Makes text() that of position n. Positions may come in any order; ascending is fast.
  void MoveTo(Position n) {
    if (n < holds_from_ || n >= holds_until_) Render(n);
  }

  // The instant of position n, UTC: the fixed one, or the planned one.
  [[nodiscard]] std::int64_t InstantOf(Position n) const {
    return fixed_ns_ >= 0 ? fixed_ns_ : start_ns_ + plan_->PlannedAt(n);
  }

  // text() is right up to before this position, from the one it was moved to.
  [[nodiscard]] Position holds_until() const { return holds_until_; }

  [[nodiscard]] const char* text() const { return text_; }
  [[nodiscard]] int length() const { return length_; }

 private:
  void Render(Position n);

  const Plan* plan_;
  std::int64_t start_ns_;
  std::int64_t fixed_ns_ = -1;  // -1: as planned
  TimestampForm form_;
  Position holds_from_ = 1;  // empty range: nothing rendered
  Position holds_until_ = 0;
  int length_ = 0;
  char text_[32] = {};  // read in two 16-byte pieces by the encoder
};

}  // namespace playload
