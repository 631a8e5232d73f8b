// The yardstick of pacing_bench.py: what this machine's timers give to a program that does nothing
// but wait. Sleeps to each planned instant (or every 50 us, where they are closer together), as
// precisely as Linux lets it, and measures how late each is, as playload does.
//
//   timer_floor EVENTS_PER_SECOND SECONDS [spin]
//
// Prints one line of JSON: lateness in milliseconds, wake-ups, share of a core.

#include <sys/prctl.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "generator/base/histogram.h"

namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kTickNs = 50'000;

std::int64_t Read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNsPerSecond + now.tv_nsec;
}

void SleepUntil(std::int64_t instant_ns) {
  timespec until{};
  until.tv_sec = static_cast<time_t>(instant_ns / kNsPerSecond);
  until.tv_nsec = static_cast<decltype(until.tv_nsec)>(instant_ns % kNsPerSecond);
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t rate = argc > 2 ? std::atoll(argv[1]) : 0;
  const std::int64_t seconds = argc > 2 ? std::atoll(argv[2]) : 0;
  const bool spin = argc > 3 && std::strcmp(argv[3], "spin") == 0;
  if (rate < 1 || rate > kNsPerSecond || seconds < 1 || seconds > 3'600) {
    std::fprintf(stderr, "usage: timer_floor EVENTS_PER_SECOND SECONDS [spin]\n");
    return 1;
  }
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  playload::Histogram late;
  const std::int64_t cpu_before = Read(CLOCK_PROCESS_CPUTIME_ID);
  const std::int64_t zero = Read(CLOCK_MONOTONIC) + 10'000'000;
  const std::int64_t events = rate * seconds;
  const auto planned = [&](std::int64_t n) {
    return zero + n / rate * kNsPerSecond + n % rate * kNsPerSecond / rate;
  };
  std::uint64_t wakes = 0;
  std::int64_t asked = zero - kTickNs;
  for (std::int64_t n = 0; n < events; ++wakes) {
    const std::int64_t now_before = Read(CLOCK_MONOTONIC);
    asked = std::max(planned(n), std::max(asked, now_before - kTickNs / 2) + kTickNs);
    if (spin) asked = planned(n);
    while (spin && Read(CLOCK_MONOTONIC) < asked) {
    }
    if (!spin) SleepUntil(asked);
    const std::int64_t now = Read(CLOCK_MONOTONIC);
    for (; n < events && planned(n) <= now; ++n) late.Record(now - planned(n));
  }
  const std::int64_t cpu = Read(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
  std::printf("{");
  for (const double percent : {50.0, 90.0, 99.0, 99.9, 99.99}) {
    std::printf("\"p%g\": %.4f, ", percent, static_cast<double>(late.Percentile(percent)) / 1e6);
  }
  std::printf("\"max\": %.4f, \"wakes\": %llu, \"cpu\": %.4f}\n",
              static_cast<double>(late.max()) / 1e6, static_cast<unsigned long long>(wakes),
              static_cast<double>(cpu) / static_cast<double>(seconds * kNsPerSecond));
  return 0;
}
