#include "transports/file/system.h"

#include <cerrno>
#include <chrono>
#include <cstring>

namespace playload {

std::int64_t SteadyNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string ErrnoText(int number) {
  const char* text = strerrordesc_np(number);
  const char* name = strerrorname_np(number);
  if (text == nullptr || name == nullptr) return "error " + std::to_string(number);
  return std::string(text) + " (" + name + ")";
}

Code CodeOfCreation(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
      return Code::kDestination;
    default:
      return Code::kInvalid;
  }
}

}  // namespace playload
