#include "generator/stream/stamp_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace playload {
namespace {

constexpr std::size_t kWriteBytes = 65'536;

std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace

StampLog::~StampLog() {
  if (file_ >= 0) (void)close(file_);
}

Status StampLog::SpoolTo(const std::string& path) {
  const std::lock_guard lock(mutex_);
  file_ = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ < 0) return {Code::kDestination, path + ": cannot be made: " + ErrnoText(errno)};
  path_ = path;
  stamps_.resize(kKept);
  return {};
}

std::uint64_t StampLog::size() const {
  const std::lock_guard lock(mutex_);
  return file_ >= 0 ? size_ : stamps_.size();
}

std::int64_t StampLog::At(std::uint64_t batch) {
  const std::lock_guard lock(mutex_);
  if (file_ >= 0) {
    while (size_ <= batch) Add(std::max(clock_(), latest_));
    return batch + kKept >= size_ ? stamps_[batch % kKept] : Old(batch);
  }
  while (stamps_.size() <= batch) {
    if (!clock_) return stamps_.empty() ? 0 : stamps_.back();
    latest_ = std::max(clock_(), latest_);
    stamps_.push_back(latest_);
  }
  return stamps_[batch];
}

void StampLog::Add(std::int64_t stamp) {
  if (size_ % kBlock == 0) marks_.push_back({file_bytes_ + buffer_.size(), latest_});
  auto difference = static_cast<std::uint64_t>(stamp - latest_);
  while (difference >= 128) {
    buffer_ += static_cast<char>(128 | (difference & 127));
    difference >>= 7;
  }
  buffer_ += static_cast<char>(difference);
  stamps_[size_ % kKept] = stamp;
  ++size_;
  latest_ = stamp;
  if (buffer_.size() >= kWriteBytes && written_.ok()) WriteBuffer();
}

void StampLog::WriteBuffer() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = pwrite(file_, buffer_.data() + done, buffer_.size() - done,
                             static_cast<off_t>(file_bytes_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      written_ = {Code::kDestination,
                  path_ + ": cannot be written: " + ErrnoText(n < 0 ? errno : EIO)};
      break;
    }
    done += static_cast<std::size_t>(n);
  }
  file_bytes_ += done;
  buffer_.erase(0, done);
}

std::int64_t StampLog::Old(std::uint64_t batch) {
  const std::uint64_t block = batch / kBlock;
  if (block != block_) {
    // An old block is whole, and another one begins behind it.
    const Mark& mark = marks_[block];
    block_stamps_.clear();
    auto stamp = static_cast<std::uint64_t>(mark.before);
    std::uint64_t difference = 0;
    unsigned shift = 0;
    for (const char c : BytesFrom(mark.offset, marks_[block + 1].offset)) {
      const auto byte = static_cast<unsigned char>(c);
      difference |= static_cast<std::uint64_t>(byte & 127) << shift;
      shift += 7;
      if (byte >= 128) continue;
      stamp += std::exchange(difference, 0);
      shift = 0;
      block_stamps_.push_back(static_cast<std::int64_t>(stamp));
    }
    block_ = block;
  }
  // A file that was cut off meanwhile gives the last instant that is known.
  const std::uint64_t i = batch % kBlock;
  return i < block_stamps_.size() ? block_stamps_[i] : latest_;
}

std::string StampLog::BytesFrom(std::uint64_t offset, std::uint64_t end) {
  std::string bytes;
  const std::uint64_t in_file = std::min(end, file_bytes_);
  if (offset < in_file) {
    bytes.resize(in_file - offset);
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n =
          pread(file_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
    offset = in_file;
  }
  if (offset < end) bytes += buffer_.substr(offset - file_bytes_, end - offset);
  return bytes;
}

Status StampLog::Finish() {
  const std::lock_guard lock(mutex_);
  if (file_ < 0) return {};
  written_ = {};
  WriteBuffer();
  if (written_.ok() && fsync(file_) != 0) {
    written_ = {Code::kDestination, path_ + ": cannot be written: " + ErrnoText(errno)};
  }
  return written_;
}

}  // namespace playload
