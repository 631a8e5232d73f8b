// RunClock: the clock that a sender waits on. CLOCK_MONOTONIC in a run, a made-up one in tests.
//
// Units: nanoseconds of a clock that never goes backwards; its zero means nothing.
// Threads: any.

#pragma once

#include <cstdint>

namespace playload {

class RunClock {
 public:
  virtual ~RunClock() = default;
  [[nodiscard]] virtual std::int64_t Now() = 0;
  // Returns at `instant_ns` or a little later, at once when it has passed.
  virtual void WaitUntil(std::int64_t instant_ns) = 0;
  // CPU time that the calling thread has used.
  [[nodiscard]] virtual std::int64_t CpuNow() = 0;
};

// CLOCK_MONOTONIC: steps of the wall clock do not touch it. Waits to an absolute instant, so that
// nothing adds up.
class SteadyClock final : public RunClock {
 public:
  [[nodiscard]] std::int64_t Now() override;
  void WaitUntil(std::int64_t instant_ns) override;
  [[nodiscard]] std::int64_t CpuNow() override;
};

// Lets waits of the calling thread end within microseconds; by default the kernel may group them
// within 50 us.
void WakeThisThreadPrecisely();

// CPU time that the calling thread has used.
std::int64_t ThreadCpuNow();

// Tells the core that its thread spins: its sibling gets more, and leaving the loop is cheaper.
inline void SpinPause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace playload
