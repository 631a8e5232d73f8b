#include "transports/file/stdout_transport.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <climits>
#include <functional>
#include <thread>

#include "tests/transports-file/fixtures.h"

namespace playload::testing {
namespace {

constexpr std::uint32_t kPerBatch = 1'600;

Deliveries Unplanned() {
  return Deliveries([](Position) { return -1; });
}

StdoutOptions Onto(int descriptor) {
  StdoutOptions options;
  options.descriptor = descriptor;
  return options;
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) { REQUIRE(value >= 0); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Close(); }
  [[nodiscard]] int get() const { return value_; }
  void Close() {
    if (value_ >= 0) close(value_);
    value_ = -1;
  }

 private:
  int value_;
};

struct Pipe {
  Pipe() : Pipe(Ends()) {}
  explicit Pipe(std::array<int, 2> ends) : reader(ends[0]), writer(ends[1]) {}
  static std::array<int, 2> Ends() {
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    return ends;
  }
  Descriptor reader, writer;
};

// SIGPIPE as the program has it.
struct PipeSignalIgnored {
  PipeSignalIgnored() : before(std::signal(SIGPIPE, SIG_IGN)) {}
  PipeSignalIgnored(const PipeSignalIgnored&) = delete;
  PipeSignalIgnored& operator=(const PipeSignalIgnored&) = delete;
  ~PipeSignalIgnored() { static_cast<void>(std::signal(SIGPIPE, before)); }
  void (*before)(int);
};

// What is in a pipe or socket now.
std::string Drain(int descriptor) {
  const int mode = fcntl(descriptor, F_GETFL);
  REQUIRE(fcntl(descriptor, F_SETFL, mode | O_NONBLOCK) == 0);
  std::string text;
  char buffer[4096];
  ssize_t n = 0;
  while ((n = read(descriptor, buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  REQUIRE(fcntl(descriptor, F_SETFL, mode) == 0);
  return text;
}

// Offers events from `first` on until the destination takes no more at once; returns the first
// position that was not accepted.
Position Fill(StdoutTransport& transport, Deliveries& deliveries, Position first) {
  while (true) {
    const std::uint32_t taken = OfferAll(transport, deliveries, MakeBatch(first, kPerBatch, false));
    first += taken;
    if (taken < kPerBatch) return first;
  }
}

TEST_CASE("StdoutTransport: all kinds in plan order, or those that were chosen") {
  for (const auto& kinds :
       {std::array<bool, kKinds>{true, true, true}, std::array<bool, kKinds>{false, true, true},
        std::array<bool, kKinds>{true, false, false}}) {
    const Scratch scratch;
    const Descriptor file(open(scratch.path("out").c_str(), O_WRONLY | O_CREAT, 0600));
    StdoutOptions options = Onto(file.get());
    options.kinds = kinds;
    Deliveries deliveries = Unplanned();
    StdoutTransport transport(options, &deliveries);
    CHECK(transport.name() == "stdout");
    CHECK_FALSE(transport.by_kind());
    REQUIRE(transport.Open(kNotSet).ok());
    const Batch batch = MakeBatch(0, kPerBatch, false);
    CHECK(transport.Offer(batch, 0, kPerBatch) == kPerBatch);
    CHECK(transport.Flush(Soon(), kNotSet).ok());
    CHECK(transport.Close().ok());
    CHECK(ReadAll(scratch.path("out")) == LinesUpTo(kPerBatch, kinds));
    for (const Kind kind : kAllKinds) {
      const auto k = static_cast<unsigned>(kind);
      CHECK(deliveries.fate(Fate::kAcked, kind) == (kinds[k] ? batch.kinds[k] : 0));
    }
    // The descriptor belongs to the process.
    CHECK(fcntl(file.get(), F_GETFD) >= 0);
  }
}

TEST_CASE("StdoutTransport: events that are sent as they become due come out at once") {
  Pipe pipe;
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(pipe.writer.get()), &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  const Batch batch = MakeBatch(0, 16, false);
  for (std::uint32_t i = 0; i < 15; ++i) {
    REQUIRE(transport.Offer(batch, i, i + 1) == 1);
    CHECK(Drain(pipe.reader.get()) == LineAt(i));
  }
}

TEST_CASE("StdoutTransport: few events come out when nothing is due") {
  Pipe pipe;
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(pipe.writer.get()), &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  OfferAll(transport, deliveries, MakeBatch(0, 16, false));
  CHECK(Drain(pipe.reader.get()).empty());
  transport.Idle();
  CHECK(Drain(pipe.reader.get()) == LinesUpTo(16));
}

// A pipe takes writes of up to PIPE_BUF bytes whole or not at all.
TEST_CASE("StdoutTransport: a full pipe holds whole lines, and never holds us up") {
  Pipe pipe;
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(pipe.writer.get()), &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  std::string got;
  Position next = 0;
  for (int round = 0; round < 10; ++round) {
    next = Fill(transport, deliveries, next);
    const std::string part = Drain(pipe.reader.get());
    REQUIRE_FALSE(part.empty());
    CHECK(part.back() == '\n');
    got += part;
    CHECK(transport.failed().ok());
  }
  // Some ten pipes of 64 KiB went through, and a MiB is held back.
  CHECK(got.size() > 10 * 50'000);
  CHECK(got == LinesUpTo(next).substr(0, got.size()));
  CHECK(static_cast<std::uint64_t>(std::count(got.begin(), got.end(), '\n')) ==
        Count(deliveries, Fate::kAcked));
  CHECK(deliveries.counters().count("reader_wait_ns") == 1);

  SUBCASE("the rest is told as failed when time is up") {
    const Status status = transport.Flush(std::chrono::steady_clock::now(), kNotSet);
    CHECK(status.code() == Code::kDestination);
    CHECK(Contains(status.message(), "stdout: writing failed: the reader did not take the rest"));
  }
  SUBCASE("the rest is told as failed in a hurry") {
    CHECK(transport.Flush(Soon(), kSet).code() == Code::kDestination);
  }
  SUBCASE("the rest is told as failed when it is just closed") {
    CHECK(transport.Close().code() == Code::kDestination);
  }
  SUBCASE("the rest is told as shed when the reader goes away") {
    const PipeSignalIgnored ignored;
    pipe.reader.Close();
    CHECK(transport.Flush(Soon(), kNotSet).ok());
    CHECK(transport.reader_gone());
    CHECK(Count(deliveries, Fate::kFailed) == 0);
  }
  CHECK(transport.Close().code() == transport.failed().code());
  CheckAccounts(deliveries);
  const Position lost = Count(deliveries, Fate::kFailed) + Count(deliveries, Fate::kShed);
  CHECK(Count(deliveries, Fate::kAcked) + lost == next);
  const Fate fate = transport.reader_gone() ? Fate::kShed : Fate::kFailed;
  REQUIRE(deliveries.intervals(fate).size() == 1);
  // The pipe's own content was written: nobody can tell whether it is read.
  CHECK(deliveries.intervals(fate)[0].first == Count(deliveries, Fate::kAcked));
  CHECK(deliveries.intervals(fate)[0].last == next - 1);
}

TEST_CASE("StdoutTransport: a reader that went away is no failure, and what comes later is shed") {
  const PipeSignalIgnored ignored;
  for (const bool socket : {false, true}) {
    CAPTURE(socket);
    std::array<int, 2> ends{};
    if (socket) {
      REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    } else {
      ends = Pipe::Ends();
    }
    Pipe pipe(ends);
    Deliveries deliveries = Unplanned();
    StdoutTransport transport(Onto(pipe.writer.get()), &deliveries);
    REQUIRE(transport.Open(kNotSet).ok());
    OfferAll(transport, deliveries, MakeBatch(0, 16, false));
    transport.Idle();
    CHECK_FALSE(transport.reader_gone());
    CHECK(Drain(pipe.reader.get()) == LinesUpTo(16));
    pipe.reader.Close();
    Position next = 16;
    for (; next < 16 + 10 * kPerBatch; next += kPerBatch) {
      // Everything is still accepted, so that a sender that does not ask comes to its end.
      REQUIRE(OfferAll(transport, deliveries, MakeBatch(next, kPerBatch, false)) == kPerBatch);
    }
    CHECK(transport.reader_gone());
    CHECK(transport.failed().ok());
    CHECK(transport.Flush(Soon(), kNotSet).ok());
    CHECK(transport.Close().ok());
    CheckAccounts(deliveries);
    CHECK(Count(deliveries, Fate::kAcked) == 16);
    CHECK(Count(deliveries, Fate::kShed) == next - 16);
    CHECK(deliveries.reasons().at("the reader of stdout went away") == next - 16);
    CHECK(deliveries.counters().at("reader_gone") == 1);
  }
}

TEST_CASE("StdoutTransport: whole batches into a pipe, however little its reader takes at once") {
  Pipe pipe;
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(pipe.writer.get()), &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  constexpr Position kEvents = 20 * kPerBatch;
  std::string got;
  std::thread reader([&] {
    std::size_t most = 1;  // from single bytes to more than the pipe holds
    std::vector<char> buffer(std::size_t{2} << 20);
    ssize_t n = 0;
    while ((n = read(pipe.reader.get(), buffer.data(), std::min(most, buffer.size()))) > 0) {
      got.append(buffer.data(), static_cast<std::size_t>(n));
      most = most * 5 / 4 + 1;
    }
  });
  for (Position next = 0; next < kEvents;) {
    const Position batch = next / kPerBatch * kPerBatch;
    const auto from = static_cast<std::uint32_t>(next - batch);
    const std::uint32_t taken =
        transport.Offer(MakeBatch(batch, kPerBatch, false), from, kPerBatch);
    for (Position p = next; p < next + taken; ++p) deliveries.Generated(KindAt(p), 1);
    next += taken;
  }
  CHECK(transport.Flush(Soon(), kNotSet).ok());
  CHECK(transport.Close().ok());
  pipe.writer.Close();
  reader.join();
  CHECK(got == LinesUpTo(kEvents));
  CheckAccounts(deliveries);
  CHECK(Count(deliveries, Fate::kAcked) == kEvents);
}

// Sends whole batches of its own events, as fast as they go, and ends.
[[noreturn]] void SendAsProcess(int descriptor, Position first, std::uint32_t batches) {
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(descriptor), &deliveries);
  bool well = transport.Open(kNotSet).ok();
  for (std::uint32_t n = 0; n < batches; ++n) {
    const Batch batch = MakeBatch(first + n * kPerBatch, kPerBatch, false);
    std::uint32_t at = 0;
    while (at < kPerBatch && well) {
      at += transport.Offer(batch, at, kPerBatch);
      well = transport.failed().ok();
    }
  }
  well = well && transport.Flush(Soon(), kNotSet).ok() && transport.Close().ok();
  _exit(well ? 0 : 1);
}

// The reader alternates between haste and sleepiness, so that the pipe is now empty, now full.
TEST_CASE("StdoutTransport: several processes share a pipe, and no line is cut") {
  constexpr std::uint32_t kProcesses = 3;
  constexpr std::uint32_t kBatches = 12;
  Pipe pipe;
  std::vector<pid_t> writers;
  for (std::uint32_t n = 0; n < kProcesses; ++n) {
    const pid_t writer = fork();
    REQUIRE(writer >= 0);
    if (writer == 0) SendAsProcess(pipe.writer.get(), n * kBatches * kPerBatch, kBatches);
    writers.push_back(writer);
  }
  pipe.writer.Close();
  std::string got;
  std::vector<char> buffer(100'000);
  ssize_t n = 0;
  for (int turn = 0; (n = read(pipe.reader.get(), buffer.data(), buffer.size())) > 0; ++turn) {
    got.append(buffer.data(), static_cast<std::size_t>(n));
    if (turn % 8 == 7) usleep(1'000);
  }
  for (const pid_t writer : writers) {
    int status = 0;
    REQUIRE(waitpid(writer, &status, 0) == writer);
    CHECK(status == 0);
  }
  std::vector<Position> next(kProcesses);
  for (std::uint32_t k = 0; k < kProcesses; ++k) next[k] = k * kBatches * kPerBatch;
  std::size_t at = 0;
  while (at < got.size()) {
    const std::string_view rest = std::string_view(got).substr(at);
    bool whole = false;
    for (Position& position : next) {
      const std::string line = LineAt(position);
      if (!rest.starts_with(line)) continue;
      at += line.size();
      ++position;
      whole = true;
      break;
    }
    REQUIRE(whole);
  }
  for (std::uint32_t k = 0; k < kProcesses; ++k) {
    CHECK(next[k] == (k + 1) * kBatches * kPerBatch);
  }
}

// Whether this process sees that `owner` has locked this byte of the pipe.
bool SeesLock(int descriptor, off_t byte, pid_t owner) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK && lock.l_pid == owner;
}

// What `check` says in a process of its own; one's own locks are not seen.
bool InChild(const std::function<bool()>& check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

TEST_CASE("StdoutTransport: who writes into a pipe is seen by others who do, until it ends") {
  Pipe pipe;
  const int writer = pipe.writer.get();
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(writer), &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  const pid_t first = getpid();
  const auto second = [&] {
    Deliveries own = Unplanned();
    StdoutTransport another(Onto(writer), &own);
    const pid_t me = getpid();
    return another.Open(kNotSet).ok() && SeesLock(writer, 0, first) &&
           InChild([&] { return SeesLock(writer, 0, first) && SeesLock(writer, 1, me); });
  };
  CHECK(InChild(second));
  CHECK(InChild([&] { return SeesLock(writer, 0, first) && !SeesLock(writer, 1, first); }));
  CHECK(InChild(second));
}

TEST_CASE("StdoutTransport: a FIFO is a pipe with a name") {
  const PipeSignalIgnored ignored;
  const Scratch scratch;
  REQUIRE(mkfifo(scratch.path("fifo").c_str(), 0600) == 0);
  Descriptor reader(open(scratch.path("fifo").c_str(), O_RDONLY | O_NONBLOCK));
  const Descriptor writer(open(scratch.path("fifo").c_str(), O_WRONLY));
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(writer.get()), &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  OfferAll(transport, deliveries, MakeBatch(0, 160, false));
  REQUIRE(transport.Flush(Soon(), kNotSet).ok());
  CHECK(Drain(reader.get()) == LinesUpTo(160));
  reader.Close();
  OfferAll(transport, deliveries, MakeBatch(160, 160, false));
  CHECK(transport.Close().code() == Code::kDestination);  // closed without a flush
  CheckAccounts(deliveries);
  CHECK(Count(deliveries, Fate::kAcked) == 160);
}

TEST_CASE("StdoutTransport: a full device ends the destination with exact counts") {
  const Descriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(full.get()), &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  const Position accepted = OfferAll(transport, deliveries, MakeBatch(0, kPerBatch, false));
  CHECK(transport.failed().code() == Code::kDestination);
  CHECK(transport.failed().message() ==
        "stdout: writing failed: No space left on device (ENOSPC); written: 0 events, 0 bytes");
  CHECK(transport.Offer(MakeBatch(0, 16, false), 0, 16) == 0);
  CHECK(transport.Flush(Soon(), kNotSet).code() == Code::kDestination);
  CHECK(transport.Close().code() == Code::kDestination);
  CheckAccounts(deliveries);
  CHECK(Count(deliveries, Fate::kFailed) == accepted);
}

TEST_CASE(
    "StdoutTransport: a redirected file that cannot grow is cut back to its last whole line") {
  for (const int append : {0, O_APPEND}) {
    for (const rlim_t limit : {0UL, 100UL, 5'000UL, 99'999UL}) {
      CAPTURE(append);
      CAPTURE(limit);
      const Scratch scratch;
      const std::string before = append != 0 ? "an older line\n" : "";
      WriteAll(scratch.path("out"), before);
      const Descriptor file(open(scratch.path("out").c_str(), O_WRONLY | append));
      Deliveries deliveries = Unplanned();
      StdoutTransport transport(Onto(file.get()), &deliveries);
      REQUIRE(transport.Open(kNotSet).ok());
      const FileSizeLimit limited(limit + before.size());
      const Position accepted = OfferAll(transport, deliveries, MakeBatch(0, kPerBatch, false), 50);
      CHECK(transport.failed().code() == Code::kDestination);
      CHECK(Contains(transport.failed().message(), "File too large (EFBIG)"));
      CHECK_FALSE(Contains(transport.failed().message(), "half a line"));
      const std::string text = ReadAll(scratch.path("out"));
      REQUIRE(text.starts_with(before));
      const std::string lines = text.substr(before.size());
      CHECK((lines.empty() || lines.back() == '\n'));
      CHECK(lines == LinesUpTo(accepted).substr(0, lines.size()));
      CHECK(lines.size() + 300 > limit);
      CHECK(static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')) ==
            Count(deliveries, Fate::kAcked));
      CheckAccounts(deliveries);
      CHECK(transport.Close().code() == Code::kDestination);
    }
  }
}

TEST_CASE("StdoutTransport: half a line that is not at the file's end stays, and is reported") {
  const Scratch scratch;
  WriteAll(scratch.path("out"), std::string(20'000, '.'));
  const Descriptor file(open(scratch.path("out").c_str(), O_RDWR));
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(file.get()), &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  const FileSizeLimit limited(10'000);
  OfferAll(transport, deliveries, MakeBatch(0, kPerBatch, false));
  CHECK(Contains(transport.failed().message(), "and half a line, which could not be cut off"));
  CHECK(std::filesystem::file_size(scratch.path("out")) == 20'000);
  CheckAccounts(deliveries);
}

TEST_CASE("StdoutTransport: a descriptor that does not wait is as good as one that does") {
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  Pipe pipe(ends);
  Deliveries deliveries = Unplanned();
  StdoutTransport transport(Onto(pipe.writer.get()), &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  std::string got;
  Position next = 0;
  for (int round = 0; round < 5; ++round) {
    next = Fill(transport, deliveries, next);
    got += Drain(pipe.reader.get());
  }
  CHECK(transport.failed().ok());
  CHECK(got == LinesUpTo(next).substr(0, got.size()));
  CHECK(got.size() > 100'000);
}

TEST_CASE("StdoutTransport: a stdout that is closed or only for reading is refused") {
  Deliveries deliveries = Unplanned();
  const Pipe pipe;
  const int closed = dup(pipe.writer.get());
  close(closed);
  StdoutTransport without(Onto(closed), &deliveries);
  CHECK(without.Open(kNotSet).message() == "stdout: is not open: Bad file descriptor (EBADF)");
  StdoutTransport reading(Onto(pipe.reader.get()), &deliveries);
  CHECK(reading.Open(kNotSet).code() == Code::kInvalid);
}

TEST_CASE("ParseKinds: one or more of the three") {
  CHECK(*ParseKinds("player") == std::array<bool, kKinds>{true, false, false});
  CHECK(*ParseKinds("server,purchase") == std::array<bool, kKinds>{false, true, true});
  CHECK(*ParseKinds("player,purchase,server") == std::array<bool, kKinds>{true, true, true});
  CHECK(ParseKinds("player,purchse").error().message() ==
        "no kind of event is called 'purchse'; did you mean 'purchase'?");
  for (const char* wrong : {"", ",", "player,", ",player", "player purchase", "Player"}) {
    CAPTURE(wrong);
    REQUIRE_FALSE(ParseKinds(wrong));
    CHECK(ParseKinds(wrong).error().code() == Code::kInvalid);
  }
}

}  // namespace
}  // namespace playload::testing
