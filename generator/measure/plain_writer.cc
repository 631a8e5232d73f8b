#include "generator/measure/plain_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <ctime>
#include <vector>

#include "generator/base/system.h"

namespace playload {
namespace {

constexpr std::size_t kFileBlock = std::size_t{1} << 20;
constexpr std::size_t kPipeBlock = std::size_t{64} << 10;

Status Failed(const std::string& path, int error) {
  return {Code::kDestination, path + ": writing failed: " + ErrnoText(error)};
}

// Closes and removes a file.
class FileGuard {
 public:
  FileGuard(int file, const std::string& path) : file_(file), path_(path) {}
  ~FileGuard() {
    close(file_);
    unlink(path_.c_str());
  }
  FileGuard(const FileGuard&) = delete;
  FileGuard& operator=(const FileGuard&) = delete;

 private:
  const int file_;
  const std::string path_;
};

// Writes the whole block; the error, or 0.
int WriteBlock(int file, const char* block, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, block, size);
    if (written > 0) {
      block += written;
      size -= static_cast<std::size_t>(written);
    } else if (written == 0 || errno != EINTR) {
      return written == 0 ? EIO : errno;
    }
  }
  return 0;
}

// Whole blocks of a text that is begun again at its end.
std::vector<char> BlockOf(std::string_view text, std::size_t size) {
  std::vector<char> block(size);
  for (std::size_t i = 0; i < size; ++i) block[i] = text[i % text.size()];
  return block;
}

}  // namespace

Result<std::int64_t> PlainWriteFile(const std::string& path, std::string_view text,
                                    std::uint64_t bytes, const std::atomic<bool>& stop) {
  // Eight blocks: what is written is not always in the innermost cache, as events are not either.
  const std::vector<char> blocks = BlockOf(text, 8 * kFileBlock);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return Failed(path, errno);
  const FileGuard guard(file, path);
  const std::int64_t begun = SteadyNow();
  std::size_t at = 0;
  for (std::uint64_t rest = bytes; rest > 0;) {
    if (stop.load(std::memory_order_relaxed)) return Status(Code::kInterrupted, "interrupted");
    const std::size_t size = std::min<std::uint64_t>(kFileBlock, rest);
    if (const int error = WriteBlock(file, &blocks[at], size); error != 0) {
      return Failed(path, error);
    }
    at = (at + kFileBlock) % blocks.size();
    rest -= size;
  }
  if (fsync(file) != 0) return Failed(path, errno);
  return SteadyNow() - begun;
}

Result<std::unique_ptr<DrainedPipe>> DrainedPipe::Make(int capacity) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Status(Code::kInternal, "no pipe can be made: " + ErrnoText(errno));
  }
  if (capacity > 0) static_cast<void>(fcntl(ends[1], F_SETPIPE_SZ, capacity));
  return std::unique_ptr<DrainedPipe>(new DrainedPipe(ends[0], ends[1]));
}

DrainedPipe::DrainedPipe(int read_end, int write_end)
    : read_end_(read_end), write_end_(write_end), reader_([this] { Drain(); }) {}

DrainedPipe::~DrainedPipe() {
  close(write_end_);
  reader_.join();
  close(read_end_);
}

int DrainedPipe::capacity() const { return std::max(0, fcntl(write_end_, F_GETPIPE_SZ)); }

void DrainedPipe::Drain() const {
  std::vector<char> buffer(kPipeBlock);
  while (true) {
    const ssize_t size = read(read_end_, buffer.data(), buffer.size());
    if (size == 0 || (size < 0 && errno != EINTR)) return;
  }
}

std::int64_t DrainedPipe::ReaderCpuNow() {
  clockid_t clock{};
  timespec now{};
  if (pthread_getcpuclockid(reader_.native_handle(), &clock) != 0 ||
      clock_gettime(clock, &now) != 0) {
    return 0;
  }
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Result<std::uint64_t> DrainedPipe::PlainWrite(std::string_view text, std::int64_t ns,
                                              const std::atomic<bool>& stop) const {
  const std::vector<char> blocks = BlockOf(text, 16 * kPipeBlock);
  const std::int64_t until = SteadyNow() + ns;
  std::uint64_t bytes = 0;
  while (SteadyNow() < until) {
    if (stop.load(std::memory_order_relaxed)) return Status(Code::kInterrupted, "interrupted");
    if (const int error = WriteBlock(write_end_, &blocks[bytes % blocks.size()], kPipeBlock);
        error != 0) {
      return Failed("a pipe", error);
    }
    bytes += kPipeBlock;
  }
  return bytes;
}

StdoutElsewhere::StdoutElsewhere(int descriptor) : kept_(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) {
  was_open_ = kept_ >= 0;
  if ((!was_open_ && errno != EBADF) || dup2(descriptor, STDOUT_FILENO) < 0) {
    status_ = {Code::kInternal, "stdout cannot be put aside: " + ErrnoText(errno)};
  }
}

StdoutElsewhere::~StdoutElsewhere() {
  if (was_open_) {
    dup2(kept_, STDOUT_FILENO);
    close(kept_);
  } else {
    close(STDOUT_FILENO);
  }
}

}  // namespace playload
