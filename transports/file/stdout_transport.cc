#include "transports/file/stdout_transport.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "generator/base/text.h"
#include "transports/file/system.h"

namespace playload {
namespace {

// Held back for a reader that is slower than we are.
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
// Written as soon as this much is there.
constexpr std::size_t kWriteBytes = std::size_t{64} << 10;
constexpr int kReaderWaitMs = 5;
constexpr char kReaderGone[] = "the reader of stdout went away";

// The whole lines at the front that a pipe takes in one piece. A longer line goes alone, and may be
// cut.
std::string_view OnePiece(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text;
  const std::size_t end = text.rfind('\n', PIPE_BUF - 1);
  return text.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
}

}  // namespace

Result<std::array<bool, kKinds>> ParseKinds(std::string_view text) {
  static constexpr std::array<std::string_view, kKinds> kNames = {"player", "purchase", "server"};
  std::array<bool, kKinds> kinds{};
  while (true) {
    const std::string_view name = text.substr(0, text.find(','));
    const auto* const found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) {
      return Invalid("no kind of event is called " + Quoted(name) +
                     DidYouMean(name, {kNames.begin(), kNames.end()}));
    }
    kinds[static_cast<std::size_t>(found - kNames.begin())] = true;
    if (name.size() == text.size()) return kinds;
    text.remove_prefix(name.size() + 1);
  }
}

StdoutTransport::StdoutTransport(StdoutOptions options, Deliveries* deliveries)
    : options_(std::move(options)), deliveries_(deliveries), lines_(deliveries) {}

Status StdoutTransport::Open(const std::atomic<bool>& /*stop*/) {
  struct stat what {};
  if (fstat(options_.descriptor, &what) != 0) {
    return Invalid("stdout: is not open: " + ErrnoText(errno));
  }
  const int mode = fcntl(options_.descriptor, F_GETFL);
  if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY) {
    return Invalid("stdout: is open for reading only");
  }
  is_file_ = S_ISREG(what.st_mode);
  return {};
}

std::uint32_t StdoutTransport::Offer(const Batch& batch, std::uint32_t from, std::uint32_t to) {
  std::uint32_t i = from;
  for (; i < to && failed_.ok(); ++i) {
    const Kind kind = batch.events[i].kind;
    if (!options_.kinds[static_cast<unsigned>(kind)]) continue;
    if (lines_.unwritten().size() >= kBufferBytes) Push();
    if (gone_) {
      deliveries_->Lost(Fate::kShed, kind, batch.position(i), kReaderGone);
      continue;
    }
    if (!failed_.ok() || lines_.unwritten().size() >= kBufferBytes) break;
    lines_.AddEvent(kind, batch.position(i), batch.events[i].length);
    lines_.AddBytes(batch.line(i));
  }
  // A part of a batch: the sender has caught up with its plan, and these events are due now.
  if (lines_.unwritten().size() >= kWriteBytes || to < batch.count) Push();
  if (i < to && !done()) WaitForRoom();
  return i - from;
}

void StdoutTransport::Idle() {
  if (!done()) Push();
}

// Writes what there is room for, without waiting.
void StdoutTransport::Push() {
  while (!lines_.empty() && !done()) {
    std::string_view piece = lines_.unwritten();
    if (!is_file_) {
      pollfd room = {options_.descriptor, POLLOUT, 0};
      if (poll(&room, 1, 0) <= 0 || room.revents == 0) return;
      piece = OnePiece(piece);
    }
    const std::int64_t sent_ns = options_.now_ns();
    const ssize_t written = write(options_.descriptor, piece.data(), piece.size());
    if (written > 0) {
      lines_.Written(static_cast<std::size_t>(written), sent_ns, options_.now_ns());
    } else if (written < 0 && errno == EAGAIN) {
      return;
    } else if (written == 0 || errno != EINTR) {
      Refused(written == 0 ? EIO : errno);
    }
  }
}

void StdoutTransport::WaitForRoom() {
  const std::int64_t before = options_.now_ns();
  pollfd room = {options_.descriptor, POLLOUT, 0};
  static_cast<void>(poll(&room, 1, kReaderWaitMs));
  deliveries_->Count("reader_wait_ns", static_cast<std::uint64_t>(options_.now_ns() - before));
}

void StdoutTransport::Refused(int error) {
  if (error != EPIPE && error != ECONNRESET) return Fail(ErrnoText(error));
  gone_ = true;
  deliveries_->Count("reader_gone", 1);
  lines_.Lose(Fate::kShed, kReaderGone);
}

void StdoutTransport::Fail(const std::string& reason) {
  const std::size_t half = lines_.half_line();
  const bool whole = half == 0 || CutBack(half);
  lines_.Lose(Fate::kFailed, reason);
  failed_ = {Code::kDestination,
             "stdout: writing failed: " + reason +
                 "; written: " + FormatCount(lines_.lines_written()) + " events, " +
                 FormatCount(lines_.line_bytes_written()) + " bytes" +
                 (whole ? "" : ", and half a line, which could not be cut off")};
}

// Takes half a line off the end of a redirected file, if the end is where we wrote.
bool StdoutTransport::CutBack(std::size_t half) const {
  struct stat file {};
  const off_t at = is_file_ ? lseek(options_.descriptor, 0, SEEK_CUR) : -1;
  if (at < static_cast<off_t>(half) || fstat(options_.descriptor, &file) != 0 ||
      file.st_size != at) {
    return false;
  }
  const off_t whole = at - static_cast<off_t>(half);
  return ftruncate(options_.descriptor, whole) == 0 &&
         lseek(options_.descriptor, whole, SEEK_SET) == whole;
}

Status StdoutTransport::Flush(std::chrono::steady_clock::time_point deadline,
                              const std::atomic<bool>& hurry) {
  while (true) {
    Push();
    if (lines_.empty() || done() || hurry.load() || std::chrono::steady_clock::now() >= deadline) {
      break;
    }
    WaitForRoom();
  }
  if (!lines_.empty()) Fail("the reader did not take the rest in time");
  return failed_;
}

Status StdoutTransport::Close() {
  if (std::exchange(closed_, true)) return failed_;
  if (!lines_.empty()) Fail("it was closed before the rest was taken");
  if (!is_file_ || !failed_.ok()) return failed_;
  // Network file systems report lost writes when a descriptor is closed; a duplicate will do.
  const int copy = dup(options_.descriptor);
  if (copy >= 0 && close(copy) != 0 && errno != EINTR) {
    failed_ = {Code::kDestination,
               "stdout: closing failed: " + ErrnoText(errno) + "; the system may have lost events"};
  }
  return failed_;
}

}  // namespace playload
