#include "generator/base/system.h"

#include <pthread.h>

#include <chrono>
#include <cstring>

namespace playload {
namespace {

template <typename Clock>
std::int64_t NowOf() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::int64_t SteadyNow() { return NowOf<std::chrono::steady_clock>(); }

std::int64_t UtcNow() { return NowOf<std::chrono::system_clock>(); }

void NameThisThread(const char* name) { (void)pthread_setname_np(pthread_self(), name); }

std::string ErrnoText(int number) {
  const char* text = strerrordesc_np(number);
  const char* name = strerrorname_np(number);
  if (text == nullptr || name == nullptr) return "error " + std::to_string(number);
  return std::string(text) + " (" + name + ")";
}

}  // namespace playload
