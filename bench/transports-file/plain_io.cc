// The yardsticks of file_bench.py: a loop that writes the same memory again and again to stdout,
// and one that reads stdin to its end. Nothing is made, looked at or counted.
//
//   plain_io write BYTES BLOCK [PIPE_BYTES]   PIPE_BYTES: the pipe is made this large first
//   plain_io read BLOCK

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr int kStdin = 0;
constexpr int kStdout = 1;
// As much as playload has in its batches, so that the bytes come from the same cache.
constexpr std::size_t kSource = std::size_t{1} << 20;

int Write(long long bytes, std::size_t block) {
  std::vector<char> source(std::max(kSource, block));
  for (std::size_t i = 0; i < source.size(); ++i) {
    source[i] = static_cast<char>(i % 256 == 255 ? '\n' : 'a' + i % 23);
  }
  std::size_t at = 0;
  while (bytes > 0) {
    if (at + block > source.size()) at = 0;
    const std::size_t length = std::min(block, static_cast<std::size_t>(bytes));
    const ssize_t written = write(kStdout, source.data() + at, length);
    if (written <= 0) {
      std::perror("plain_io: write");
      return 1;
    }
    bytes -= written;
    at += block;
  }
  return 0;
}

int Read(std::size_t block) {
  std::vector<char> buffer(block);
  ssize_t n = 0;
  while ((n = read(kStdin, buffer.data(), buffer.size())) > 0) {
  }
  return n == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 4 && std::strcmp(argv[1], "write") == 0) {
    if (argc == 5 && fcntl(kStdout, F_SETPIPE_SZ, std::atoi(argv[4])) < 0) {
      std::perror("plain_io: the pipe cannot be made larger");
      return 1;
    }
    return Write(std::atoll(argv[2]), static_cast<std::size_t>(std::atoll(argv[3])));
  }
  if (argc == 3 && std::strcmp(argv[1], "read") == 0) {
    return Read(static_cast<std::size_t>(std::atoll(argv[2])));
  }
  std::fputs("plain_io write BYTES BLOCK [PIPE_BYTES] | plain_io read BLOCK\n", stderr);
  return 2;
}
