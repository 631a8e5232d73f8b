#include "transports/file/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <utility>

#include "generator/base/text.h"
#include "transports/file/system.h"

namespace playload {
namespace {

constexpr std::int64_t kCompressEveryNs = 1'000'000'000;
// 0.7 GB and an fsync at the end took 0.43 s; with the disk set to work after each 1 to 8 MiB
// 0.29 s, after each 64 MiB 0.34 s.
constexpr std::uint64_t kBehindBytes = std::uint64_t{4} << 20;

}  // namespace

OutputFile::OutputFile(std::string path, Compression compression, Deliveries* deliveries,
                       std::function<std::int64_t()> now_ns)
    : path_(std::move(path)),
      compression_(compression),
      now_ns_(std::move(now_ns)),
      lines_(deliveries) {}

OutputFile::~OutputFile() {
  if (fd_ >= 0) close(fd_);
}

Status OutputFile::Create() {
  if (compression_ != Compression::kNone) {
    compressor_ = MakeCompressor(compression_);
    if (compressor_ == nullptr) return {Code::kInternal, path_ + ": no memory to compress with"};
  }
  // O_APPEND: after the file was cut back, the next byte still goes to its end.
  constexpr mode_t kMode = 0666;  // less the umask
  do {
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, kMode);
  } while (fd_ < 0 && errno == EINTR);
  if (fd_ >= 0) return {};
  return {CodeOfCreation(errno), path_ + ": cannot be created: " + ErrnoText(errno)};
}

void OutputFile::Remove() {
  if (fd_ < 0) return;
  unlink(path_.c_str());
  close(fd_);
  fd_ = -1;
}

Status OutputFile::Write() {
  if (lines_.empty()) return {};
  Status status = compressor_ == nullptr ? WriteLines() : WriteBlock();
  wrote_ns_ = now_ns_();
  return status;
}

Status OutputFile::WriteIfDue() {
  if (compressor_ != nullptr && now_ns_() - wrote_ns_ < kCompressEveryNs) return {};
  return Write();
}

Status OutputFile::WriteLines() {
  const std::int64_t sent_ns = now_ns_();
  std::size_t written = 0;
  const int error = Append(lines_.unwritten(), &written);
  return Settle(written, error, sent_ns);
}

Status OutputFile::WriteThrough(const Batch& batch, Kind kind) {
  assert(batch.by_kind && writes_through());
  const auto k = static_cast<std::size_t>(kind);
  const std::string_view text{batch.buffers[k].data(), batch.sizes[k]};
  const std::int64_t sent_ns = now_ns_();
  std::size_t written = 0;
  const int error = Append(text, &written);
  if (error == 0) {
    std::array<bool, kKinds> kinds{};
    kinds[k] = true;
    lines_.WrittenThrough(batch, 0, batch.count, kinds, written, sent_ns, now_ns_());
    size_ = lines_.line_bytes_written();
    return {};
  }
  // Which of them arrived has to be found out one by one.
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const EventRef& event = batch.events[i];
    if (event.kind == kind) lines_.AddEvent(kind, batch.position(i), event.length);
  }
  lines_.AddBytes(text);
  return Settle(written, error, sent_ns);
}

// `written` bytes of what is unwritten are in the file, and the rest met the error, if there is
// one.
Status OutputFile::Settle(std::size_t written, int error, std::int64_t sent_ns) {
  lines_.Written(written, sent_ns, now_ns_());
  size_ = lines_.line_bytes_written();
  if (error == 0) return {};
  const bool whole = lines_.half_line() == 0 || CutBack();
  lines_.Lose(Fate::kFailed, ErrnoText(error));
  return Fail(
      "writing failed: " + ErrnoText(error),
      whole ? "it ends with a whole line" : "it ends with half a line, which could not be cut off");
}

Status OutputFile::WriteBlock() {
  const std::int64_t sent_ns = now_ns_();
  const std::string_view text = lines_.unwritten();
  std::string reason;
  if (const Status added = compressor_->Add(text, &block_); added.ok()) {
    std::size_t written = 0;
    const int error = Append(block_, &written);
    if (error == 0) {
      compressor_->Keep();
      size_ += block_.size();
      lines_.Written(text.size(), sent_ns, now_ns_());
      return {};
    }
    reason = ErrnoText(error);
  } else {
    reason = added.message();
  }
  // Back to the last flush point, and the frame is ended there: cutting made the room for it.
  const std::string end = compressor_->End();
  std::size_t written = 0;
  std::string state = "it is whole up to there";
  if (!CutBack()) {
    state = "what comes after them could not be cut off";
  } else if (Append(end, &written) == 0) {
    size_ += end.size();
  } else {
    state = CutBack() ? "its end is missing: decompressors give these events and then complain"
                      : "its end is damaged";
  }
  lines_.Lose(Fate::kFailed, reason);
  return Fail("writing failed: " + reason, state);
}

void OutputFile::WriteBehind(bool all) {
  if (fd_ < 0 || size_ - behind_ < (all ? 1 : kBehindBytes)) return;
  // Only a request: where it is not known, or fails, fsync still does the work and has the error.
  static_cast<void>(sync_file_range(fd_, static_cast<off64_t>(behind_),
                                    static_cast<off64_t>(size_ - behind_), SYNC_FILE_RANGE_WRITE));
  behind_ = size_;
}

Status OutputFile::Close(bool hurry) {
  if (fd_ < 0) return {};
  if (Status status = Write(); !status.ok()) return status;
  return Finish(hurry);
}

Status OutputFile::Finish(bool hurry) {
  if (compressor_ != nullptr) {
    const std::string end = compressor_->End();
    std::size_t written = 0;
    if (const int error = Append(end, &written); error != 0) {
      return Fail(
          "writing its end failed: " + ErrnoText(error),
          CutBack() ? "decompressors give these events and then complain" : "its end is damaged");
    }
    size_ += end.size();
  }
  // The kernel may learn only now that a write cannot be kept (network file systems, quotas). What
  // cannot be synchronised (EINVAL, ENOTSUP) has nothing to tell.
  if (!hurry && fsync(fd_) != 0 && errno != EINVAL && errno != ENOTSUP) {
    return Fail("fsync failed: " + ErrnoText(errno), "the system may have lost some of them");
  }
  if (Status status = CheckUntouched(); !status.ok()) {
    close(fd_);
    fd_ = -1;
    return status;
  }
  // After EINTR the file is closed all the same (Linux).
  if (close(std::exchange(fd_, -1)) != 0 && errno != EINTR) {
    return Fail("closing failed: " + ErrnoText(errno), "the system may have lost some of them");
  }
  return {};
}

// Returns 0 or an errno; `written` bytes are in the file either way.
int OutputFile::Append(std::string_view bytes, std::size_t* written) const {
  while (*written < bytes.size()) {
    const ssize_t n = write(fd_, bytes.data() + *written, bytes.size() - *written);
    if (n > 0) {
      *written += static_cast<std::size_t>(n);
    } else if (n == 0) {
      return EIO;  // no file system does that; a loop that never ends would be worse
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

bool OutputFile::CutBack() const {
  int result = 0;
  do {
    result = ftruncate(fd_, static_cast<off_t>(size_));
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

Status OutputFile::Fail(const std::string& what, const std::string& state) {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  return {Code::kDestination, path_ + ": " + what + "; " + OnDisk() + "; " + state};
}

// Whether somebody deleted the file or changed its size while it was written.
Status OutputFile::CheckUntouched() const {
  struct stat now {};
  if (fstat(fd_, &now) != 0) return {};
  if (now.st_nlink == 0) {
    return {Code::kDestination, path_ + ": was deleted while it was written; its " +
                                    FormatCount(lines_.lines_written()) + " events are gone"};
  }
  if (static_cast<std::uint64_t>(now.st_size) != size_) {
    return {Code::kDestination, path_ + ": was changed while it was written: it has " +
                                    FormatCount(static_cast<std::uint64_t>(now.st_size)) +
                                    " bytes, and " + FormatCount(size_) + " were written"};
  }
  return {};
}

std::string OutputFile::OnDisk() const {
  return "on disk: " + FormatCount(lines_.lines_written()) + " events, " + FormatCount(size_) +
         " bytes";
}

}  // namespace playload
