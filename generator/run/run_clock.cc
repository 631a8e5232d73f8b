#include "generator/run/run_clock.h"

#include <sys/prctl.h>

#include <cerrno>
#include <ctime>

namespace playload {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

std::int64_t Read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNsPerSecond + now.tv_nsec;
}

}  // namespace

std::int64_t SteadyClock::Now() { return Read(CLOCK_MONOTONIC); }

void SteadyClock::WaitUntil(std::int64_t instant_ns) {
  if (instant_ns <= 0) return;
  timespec until{};
  until.tv_sec = static_cast<time_t>(instant_ns / kNsPerSecond);
  until.tv_nsec = static_cast<decltype(until.tv_nsec)>(instant_ns % kNsPerSecond);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

std::int64_t SteadyClock::CpuNow() { return ThreadCpuNow(); }

void WakeThisThreadPrecisely() { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

std::int64_t ThreadCpuNow() { return Read(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace playload
