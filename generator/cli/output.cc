#include "generator/cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace playload {
namespace {

constexpr std::size_t kBufferBytes = 65'536;

}  // namespace

bool Output::Write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) Push();
  return !gone_ && status_.ok();
}

Status Output::Flush() {
  Push();
  return status_;
}

void Output::Push() {
  std::string_view rest = buffer_;
  while (!rest.empty() && !gone_ && status_.ok()) {
    const ssize_t n = write(STDOUT_FILENO, rest.data(), rest.size());
    if (n >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EPIPE) {
      gone_ = true;
    } else if (errno != EINTR) {
      status_ = {Code::kDestination,
                 std::string("cannot write to stdout: ") + std::strerror(errno)};
    }
  }
  buffer_.clear();
}

Status Print(std::string_view text) {
  Output output;
  output.Write(text);
  return output.Flush();
}

}  // namespace playload
