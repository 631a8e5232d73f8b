// The contract of transports/transport.h, held over every destination of this folder and `null`.

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "tests/transports-file/fixtures.h"
#include "transports/file/file_transport.h"
#include "transports/file/stdout_transport.h"
#include "transports/null/null_transport.h"

namespace playload::testing {
namespace {

// A destination and what can be read back of it, per kind; nothing of `null`.
struct Destination {
  const char* name;
  std::function<std::unique_ptr<Transport>(Deliveries*)> make;
  std::function<std::optional<std::string>(Kind)> read;
};

// The lines of one kind, of a text with all.
std::string OfKind(const std::string& text, Kind kind) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at) + 1;
    static constexpr const char* kNames[] = {"player", "purchase", "server"};
    const std::string head =
        std::string("{\"kind\":\"") + kNames[static_cast<unsigned>(kind)] + "\"";
    if (text.compare(at, head.size(), head) == 0) out.append(text, at, end - at);
    at = end;
  }
  return out;
}

// Reads a pipe to its end on a thread of its own.
class PipeReader {
 public:
  PipeReader() {
    REQUIRE(pipe2(ends_.data(), O_CLOEXEC) == 0);
    thread_ = std::thread([this] {
      char buffer[4096];
      ssize_t n = 0;
      while ((n = read(ends_[0], buffer, sizeof(buffer))) > 0) {
        text_.append(buffer, static_cast<std::size_t>(n));
      }
    });
  }
  PipeReader(const PipeReader&) = delete;
  PipeReader& operator=(const PipeReader&) = delete;
  ~PipeReader() {
    static_cast<void>(text());
    close(ends_[0]);
  }
  [[nodiscard]] int writer() const { return ends_[1]; }
  const std::string& text() {
    if (thread_.joinable()) {
      close(ends_[1]);
      thread_.join();
    }
    return text_;
  }

 private:
  std::array<int, 2> ends_{};
  std::string text_;
  std::thread thread_;
};

void WithEach(const std::function<void(const Destination&)>& test) {
  static constexpr const char* kTopics[] = {"player-events", "purchase-events", "server-metrics"};
  for (const Compression compression :
       {Compression::kNone, Compression::kZstd, Compression::kGzip}) {
    const Scratch scratch;
    static constexpr const char* kNames[] = {"file", "file, zstd", "file, gzip"};
    FileOptions options;
    options.directory = scratch.path("events");
    options.compression = compression;
    test({kNames[static_cast<unsigned>(compression)],
          [&](Deliveries* d) { return std::make_unique<FileTransport>(options, d); },
          [&](Kind kind) {
            return ReadLines(EventFilePath(options.directory, kTopics[static_cast<unsigned>(kind)],
                                           compression));
          }});
  }
  {
    const Scratch scratch;
    const int file = open(scratch.path("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
    StdoutOptions options;
    options.descriptor = file;
    test({"stdout into a file",
          [&](Deliveries* d) { return std::make_unique<StdoutTransport>(options, d); },
          [&](Kind kind) { return OfKind(ReadAll(scratch.path("out")), kind); }});
    close(file);
  }
  {
    PipeReader pipe;
    StdoutOptions options;
    options.descriptor = pipe.writer();
    test({"stdout into a pipe",
          [&](Deliveries* d) { return std::make_unique<StdoutTransport>(options, d); },
          [&](Kind kind) { return OfKind(pipe.text(), kind); }});
  }
  for (const bool whole : {false, true}) {
    test({whole ? "null, whole batches" : "null",
          [whole](Deliveries* d) { return std::make_unique<NullTransport>(whole, d); },
          [](Kind) { return std::nullopt; }});
  }
}

TEST_CASE("Transport: what it accepts arrives once, in order, and is told as acked") {
  WithEach([](const Destination& destination) {
    CAPTURE(destination.name);
    Deliveries deliveries([](Position) { return -1; });
    const std::unique_ptr<Transport> transport = destination.make(&deliveries);
    REQUIRE(transport->Open(kNotSet).ok());
    constexpr std::uint32_t kPerBatch = 1'600;
    constexpr Position kEvents = 12 * kPerBatch;
    // Whole batches, one event at a time, and what lies between.
    const std::array<std::uint32_t, 4> slices = {kPerBatch, 1, 7, 333};
    for (Position first = 0; first < kEvents; first += kPerBatch) {
      Batch batch = MakeBatch(first, kPerBatch, transport->by_kind());
      const std::uint32_t slice =
          transport->needs_index() ? slices[first / kPerBatch % slices.size()] : kPerBatch;
      std::uint32_t at = 0;
      while (at < kPerBatch) {
        const std::uint32_t to = std::min(kPerBatch, at + slice);
        const std::uint32_t taken = transport->Offer(batch, at, to);
        REQUIRE(transport->failed().ok());
        for (std::uint32_t i = at; i < at + taken; ++i) {
          deliveries.Generated(batch.events[i].kind, 1);
        }
        at += taken;
        if (taken == 0) transport->Idle();
      }
      // Offer() copies: the batch is used again.
      for (std::vector<char>& buffer : batch.buffers) {
        std::fill(buffer.begin(), buffer.end(), '#');
      }
      if (first / kPerBatch % 3 == 0) transport->Idle();
    }
    CHECK(transport->Flush(Soon(), kNotSet).ok());
    CHECK(Count(deliveries, Fate::kAcked) == kEvents);
    CheckAccounts(deliveries);
    CHECK(transport->failed().ok());
    CHECK_FALSE(transport->reader_gone());
    CHECK(transport->Close().ok());
    CHECK(transport->Close().ok());
    for (const Kind kind : kAllKinds) {
      CAPTURE(static_cast<int>(kind));
      const std::optional<std::string> text = destination.read(kind);
      if (text) CHECK(*text == LinesUpTo(kEvents, kind));
      CHECK(deliveries.generated(kind) == deliveries.fate(Fate::kAcked, kind));
    }
    CheckAccounts(deliveries);
  });
}

TEST_CASE("Transport: a run without events ends well, and so does one that never began") {
  WithEach([](const Destination& destination) {
    CAPTURE(destination.name);
    Deliveries deliveries([](Position) { return -1; });
    const std::unique_ptr<Transport> unopened = destination.make(&deliveries);
    CHECK(unopened->Close().ok());
    const std::unique_ptr<Transport> transport = destination.make(&deliveries);
    REQUIRE(transport->Open(kNotSet).ok());
    transport->Idle();
    CHECK(transport->Flush(Soon(), kNotSet).ok());
    CHECK(transport->Close().ok());
    for (const Kind kind : kAllKinds) CHECK(destination.read(kind).value_or("").empty());
    CHECK(Count(deliveries, Fate::kAcked) == 0);
  });
}

TEST_CASE("Transport: latency is sampled evenly, the first event included") {
  WithEach([](const Destination& destination) {
    CAPTURE(destination.name);
    Deliveries deliveries([](Position) { return 1; });
    const std::unique_ptr<Transport> transport = destination.make(&deliveries);
    if (!transport->needs_index()) return;  // nothing is planned then
    REQUIRE(transport->Open(kNotSet).ok());
    const Batch batch = MakeBatch(0, 1'600, transport->by_kind());
    REQUIRE(OfferAll(*transport, deliveries, batch) == 1'600);
    REQUIRE(transport->Flush(Soon(), kNotSet).ok());
    // A file for each kind samples on its own, so rounds up on its own.
    CHECK(deliveries.latency_from_plan().count() >= 100);
    CHECK(deliveries.latency_from_plan().count() <= 102);
    CHECK(deliveries.latency_from_send().count() == deliveries.latency_from_plan().count());
    CHECK(transport->Close().ok());
  });
}

}  // namespace
}  // namespace playload::testing
