// Waiter: when a sender looks at its plan again, and how it waits until then.
//
// A wake-up has a price: some 2 us of CPU on a machine of its own, 30 us in a virtual one, and that
// much later than asked. So a dense plan is released in groups, one tick after the other, and what
// waiting costs here decides how long a tick is: up to 10,000 events/s waiting may take 3 % of a
// core, from 100,000 on 60 %, in proportion between. And sleeps are asked to end a little early, by
// most of what they usually end late; what is then left is spun away, so that nothing goes early.
//
// Units: nanoseconds of the RunClock. Threads: one owner, whose waits they are.

#pragma once

#include <cstdint>
#include <string_view>

#include "generator/base/status.h"
#include "generator/run/run_clock.h"

namespace playload {

enum class Pacing : std::uint8_t {
  kSleep,  // gives the core away while nothing is due
  kSpin,   // keeps it for the last stretch before each event: later by a microsecond, not by tens
};

std::string_view PacingName(Pacing pacing);  // "sleep", "spin"
Result<Pacing> ParsePacing(std::string_view text);

class Waiter {
 public:
  // Of the groups in which a dense plan is released.
  static constexpr std::int64_t kShortestTickNs = 50'000;
  static constexpr std::int64_t kLongestTickNs = 1'000'000;
  // Before an event, spinning: longer than nearly all sleeps end late. A plan with shorter gaps is
  // spun through.
  static constexpr std::int64_t kSpinStretchNs = 1'000'000;
  // How long a sender may wait without looking at its flags.
  static constexpr std::int64_t kLongestWaitNs = 50'000'000;
  // The last release in a second of the run comes this long before its end at the latest, so that
  // what a second was planned to release is released in it but for what is due after that.
  static constexpr std::int64_t kBeforeSecondNs = 50'000;

  // `zero_ns`: the run's start. The clock outlives the waiter.
  Waiter(RunClock& clock, Pacing pacing, std::int64_t zero_ns)
      : clock_(clock), pacing_(pacing), zero_ns_(zero_ns) {}

  // When to look again: not before `due_ns`, when the next event falls due (after `now_ns`); later,
  // where others follow it every `gap_ns` and are better released together with it.
  [[nodiscard]] std::int64_t WakeAt(std::int64_t due_ns, std::int64_t now_ns, double gap_ns) const;

  // Waits for such an instant, or for kLongestWaitNs where that is sooner. Does not return before
  // `due_ns` but in the second case.
  void WaitUntil(std::int64_t wake_ns, std::int64_t due_ns, std::int64_t now_ns);

  // How long a tick is where events come every `gap_ns`.
  [[nodiscard]] std::int64_t TickNs(double gap_ns) const;

 private:
  void Sleep(std::int64_t until_ns);

  RunClock& clock_;
  const Pacing pacing_;
  const std::int64_t zero_ns_;
  std::int64_t asked_ns_ = INT64_MIN / 2;  // the end that the last wait was to have
  // Learned, as moving means. The first guesses are those of a slow machine.
  double late_ns_ = 0;       // how late sleeps end
  double cost_ns_ = 30'000;  // CPU for one
  std::uint32_t sleeps_ = 0;
};

}  // namespace playload
