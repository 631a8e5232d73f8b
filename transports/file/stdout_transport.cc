#include "transports/file/stdout_transport.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "generator/base/text.h"
#include "transports/file/system.h"

namespace playload {
namespace {

// Held back for a reader that is slower than we are.
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
// Written as soon as this much is there.
constexpr std::size_t kWriteBytes = std::size_t{64} << 10;
// The largest pipe that a user may make (/proc/sys/fs/pipe-max-size), and what is worth a try when
// the user has too much of that already. Written in pieces of PIPE_BUF, 1 GB took 0.44 s this way,
// and 0.48 s with the usual 64 KiB.
constexpr int kPipeBytes = 1 << 20;
constexpr int kSmallestPipeBytes = 128 << 10;
// How many playloads can have one pipe and know of each other.
constexpr off_t kMostWriters = 1'024;
constexpr int kReaderWaitMs = 5;
// How long one call waits for a slow reader before it holds back what is left, all in all.
constexpr std::int64_t kLongestWaitNs = 20'000'000;
constexpr char kReaderGone[] = "the reader of stdout went away";

// The whole lines at the front that go together into `most` bytes. A longer line goes alone, and
// may be cut.
std::string_view OnePiece(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  const void* const end = memrchr(text.data(), '\n', most);
  if (end == nullptr) return text.substr(0, most);
  return text.substr(0, static_cast<std::size_t>(static_cast<const char*>(end) - text.data()) + 1);
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
    : options_(std::move(options)),
      deliveries_(deliveries),
      lines_(deliveries),
      all_kinds_(std::all_of(options_.kinds.begin(), options_.kinds.end(),
                             [](bool chosen) { return chosen; })) {}

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
  if (S_ISFIFO(what.st_mode)) {
    EnlargePipe();
    Register();
  }
  return {};
}

void StdoutTransport::EnlargePipe() {
  pipe_bytes_ = std::max(fcntl(options_.descriptor, F_GETPIPE_SZ), 0);
  for (int bytes = kPipeBytes; bytes > pipe_bytes_ && bytes >= kSmallestPipeBytes; bytes /= 2) {
    const int made = fcntl(options_.descriptor, F_SETPIPE_SZ, bytes);
    if (made > 0) pipe_bytes_ = made;
  }
}

// Locks the first byte that is free. Nothing is read or written there: a pipe has no positions.
void StdoutTransport::Register() {
  for (off_t byte = 0; byte < kMostWriters && !registered_; ++byte) {
    struct flock mine {};
    mine.l_type = F_WRLCK;
    mine.l_whence = SEEK_SET;
    mine.l_start = byte;
    mine.l_len = 1;
    registered_ = fcntl(options_.descriptor, F_SETLK, &mine) == 0;
    if (!registered_ && errno != EAGAIN && errno != EACCES) return;  // no locks here
  }
}

// Whether no other playload has the pipe. One that comes now takes milliseconds to its first event.
bool StdoutTransport::IsAlone() const {
  if (!registered_) return false;
  struct flock other {};
  other.l_type = F_WRLCK;
  other.l_whence = SEEK_SET;
  return fcntl(options_.descriptor, F_GETLK, &other) == 0 && other.l_type == F_UNLCK;
}

// How much may go into a pipe together of which we are the only writer. Each 4 KiB piece wakes up a
// reader who waits for it: with one worker, sender and reader on two cores, 1 GB took 0.60 s that
// way, and 0.30 s with pieces of 64 or 256 KiB.
std::size_t StdoutTransport::RoomyPiece() const {
  int used = 0;  // bytes; a page of the pipe can be half empty, and no two neighbours emptier
  if (ioctl(options_.descriptor, FIONREAD, &used) != 0 || used > pipe_bytes_ / 4) return PIPE_BUF;
  return std::max<std::size_t>(PIPE_BUF, static_cast<std::size_t>(pipe_bytes_) / 16);
}

std::uint32_t StdoutTransport::Offer(const Batch& batch, std::uint32_t from, std::uint32_t to) {
  // A whole batch: there is more than can be written at once, so nothing is gained by gathering.
  const bool through =
      all_kinds_ && from == 0 && to == batch.count && batch.sizes[0] >= kWriteBytes;
  if (through && !gone_ && Drain()) {
    WriteThrough(batch);
    return to;
  }
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
  if (i < to && !done()) static_cast<void>(WaitForRoom());
  return i - from;
}

void StdoutTransport::Idle() {
  if (!done()) Push();
}

// Writes what there is room for, without waiting.
void StdoutTransport::Push() {
  while (!lines_.empty() && !done()) {
    const std::int64_t sent_ns = options_.now_ns();
    const Outcome outcome = WritePiece(lines_.unwritten(), PIPE_BUF);
    if (outcome.written > 0) {
      lines_.Written(outcome.written, sent_ns, options_.now_ns());
    } else if (outcome.error == EAGAIN) {
      return;
    } else {
      Refused(outcome.error);
    }
  }
}

// Writes what is held back, waiting for the reader; true when all of it is written.
bool StdoutTransport::Drain() {
  const std::int64_t until = options_.now_ns() + kLongestWaitNs;
  while (true) {
    Push();
    if (done()) return false;
    if (lines_.empty()) return true;
    if (!WaitForRoom() || options_.now_ns() >= until) return false;
  }
}

// Writes the lines of a whole batch from where they are, waiting for the reader, and holds back
// what he does not take. REQUIRES: nothing is held back.
void StdoutTransport::WriteThrough(const Batch& batch) {
  assert(lines_.empty() && !batch.by_kind);
  const std::string_view text{batch.buffers[0].data(), batch.sizes[0]};
  const std::int64_t sent_ns = options_.now_ns();
  const std::int64_t until = sent_ns + kLongestWaitNs;
  const bool alone = pipe_bytes_ > 0 && IsAlone();
  std::size_t written = 0;
  int error = 0;
  while (written < text.size()) {
    const Outcome outcome = WritePiece(text.substr(written), alone ? RoomyPiece() : PIPE_BUF);
    written += outcome.written;
    if (outcome.written > 0) continue;
    error = outcome.error;
    if (error != EAGAIN || !WaitForRoom() || options_.now_ns() >= until) break;
  }
  const std::int64_t now_ns = options_.now_ns();
  if (written == text.size()) {
    lines_.WrittenThrough(batch, 0, batch.count, options_.kinds, written, sent_ns, now_ns);
    return;
  }
  const auto first = batch.events.begin();
  const auto half = std::partition_point(first, first + batch.count, [&](const EventRef& event) {
    return event.begin + event.length <= written;
  });
  const auto whole = static_cast<std::uint32_t>(half - first);
  lines_.WrittenThrough(batch, 0, whole, options_.kinds, half->begin, sent_ns, now_ns);
  for (std::uint32_t i = whole; i < batch.count; ++i) {
    lines_.AddEvent(batch.events[i].kind, batch.position(i), batch.events[i].length);
  }
  lines_.AddBytes(text.substr(half->begin));
  lines_.Written(written - half->begin, sent_ns, now_ns);
  if (error != EAGAIN) Refused(error);
}

// Writes from the front of the text, into anything but a file one piece, if there is room for it.
StdoutTransport::Outcome StdoutTransport::WritePiece(std::string_view text, std::size_t most) {
  const std::string_view piece = is_file_ ? text : OnePiece(text, most);
  while (true) {
    ssize_t written = 0;
    if (is_file_ || asks_first_) {
      pollfd room = {options_.descriptor, POLLOUT, 0};
      if (!is_file_ && poll(&room, 1, 0) <= 0) return {0, EAGAIN};
      written = write(options_.descriptor, piece.data(), piece.size());
    } else {
      constexpr off_t kWhereItEnds = -1;
      const iovec part = {const_cast<char*>(piece.data()), piece.size()};
      written = pwritev2(options_.descriptor, &part, 1, kWhereItEnds, RWF_NOWAIT);
      // Terminals, and pipes before Linux 6.4. Another writer can then take the room in between.
      if (written < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)) {
        asks_first_ = true;
        continue;
      }
    }
    if (written > 0) return {static_cast<std::size_t>(written), 0};
    if (written == 0) return {0, EIO};
    if (errno != EINTR) return {0, errno};
  }
}

// False when there is none after some milliseconds.
bool StdoutTransport::WaitForRoom() {
  const std::int64_t before = options_.now_ns();
  pollfd room = {options_.descriptor, POLLOUT, 0};
  const bool found = poll(&room, 1, kReaderWaitMs) > 0;
  deliveries_->Count("reader_wait_ns", static_cast<std::uint64_t>(options_.now_ns() - before));
  return found;
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
    static_cast<void>(WaitForRoom());
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
