#include "transports/file/file_transport.h"

#include <sys/stat.h>

#include "tests/transports-file/fixtures.h"

namespace playload::testing {
namespace {

constexpr std::uint32_t kPerBatch = 1'600;
constexpr Compression kCompressions[] = {Compression::kNone, Compression::kZstd,
                                         Compression::kGzip};

Deliveries Unplanned() {
  return Deliveries([](Position) { return -1; });
}

FileOptions Into(const std::string& directory, Compression compression = Compression::kNone) {
  FileOptions options;
  options.directory = directory;
  options.compression = compression;
  return options;
}

std::string PathOf(const FileOptions& options, Kind kind) {
  const auto k = static_cast<unsigned>(kind);
  return EventFilePath(options.directory, options.topics[k], options.compression);
}

// Opening it fails like this.
Status OpenError(const FileOptions& options) {
  Deliveries deliveries = Unplanned();
  FileTransport transport(options, &deliveries);
  const Status status = transport.Open(kNotSet);
  REQUIRE_FALSE(status.ok());
  return status;
}

TEST_CASE("FileTransport: a file for each kind, named after its topic, in a folder that it makes") {
  const Scratch scratch;
  FileOptions options = Into(scratch.path("a/b/c"));
  options.topics[1] = "my purchases";
  Deliveries deliveries = Unplanned();
  FileTransport transport(options, &deliveries);
  CHECK(transport.name() == "file:" + scratch.path("a/b/c"));
  REQUIRE(transport.Open(kNotSet).ok());
  OfferAll(transport, deliveries, MakeBatch(0, kPerBatch, true));
  CHECK(transport.Close().ok());
  CHECK(ReadAll(scratch.path("a/b/c/player-events.ndjson")) == LinesUpTo(kPerBatch, Kind::kPlayer));
  CHECK(ReadAll(scratch.path("a/b/c/my purchases.ndjson")) ==
        LinesUpTo(kPerBatch, Kind::kPurchase));
  CHECK(ReadAll(scratch.path("a/b/c/server-metrics.ndjson")) ==
        LinesUpTo(kPerBatch, Kind::kServer));
  CheckAccounts(deliveries);
}

TEST_CASE("FileTransport: nothing is overwritten, in whatever form it is there") {
  for (const char* present : {"server-metrics.ndjson", "player-events.ndjson.zst",
                              "purchase-events.ndjson.gz", "a folder", "a dangling link"}) {
    CAPTURE(present);
    const Scratch scratch;
    std::string name = present;
    if (name == "a folder") {
      name = "server-metrics.ndjson";
      std::filesystem::create_directory(scratch.path(name));
    } else if (name == "a dangling link") {
      name = "server-metrics.ndjson";
      std::filesystem::create_symlink("/nowhere", scratch.path(name));
    } else {
      WriteAll(scratch.path(name), "precious");
    }
    const Status status = OpenError(Into(scratch.path()));
    CHECK(status.code() == Code::kInvalid);
    CHECK(Contains(status.message(), scratch.path(name)));
    CHECK(Contains(status.message(), "nothing is overwritten"));
    // And nothing is left beside it.
    const auto entries = std::filesystem::directory_iterator(scratch.path());
    CHECK(std::distance(begin(entries), end(entries)) == 1);
    if (std::string_view(present).find('.') != std::string_view::npos) {
      CHECK(ReadAll(scratch.path(name)) == "precious");
    }
  }
}

TEST_CASE("FileTransport: places and names that cannot be are refused, with the place's name") {
  const Scratch scratch;
  WriteAll(scratch.path("file"), "x");
  SUBCASE("a file instead of a folder") {
    const Status status = OpenError(Into(scratch.path("file")));
    CHECK(status.code() == Code::kInvalid);
    CHECK(status.message() == scratch.path("file") + ": cannot be made: Not a directory (ENOTDIR)");
  }
  SUBCASE("a folder below a file") {
    CHECK(OpenError(Into(scratch.path("file/below"))).code() == Code::kInvalid);
  }
  SUBCASE("no folder") { CHECK(OpenError(Into("")).code() == Code::kInvalid); }
  SUBCASE("a topic with a slash") {
    FileOptions options = Into(scratch.path("out"));
    options.topics[2] = "../server-metrics";
    const Status status = OpenError(options);
    CHECK(status.code() == Code::kInvalid);
    CHECK(Contains(status.message(), "'../server-metrics'"));
    CHECK_FALSE(std::filesystem::exists(scratch.path("out")));
  }
  SUBCASE("two topics of one name") {
    FileOptions options = Into(scratch.path("out"));
    options.topics[2] = options.topics[0];
    CHECK(Contains(OpenError(options).message(), "two topics are called 'player-events'"));
  }
  SUBCASE("a name that is too long for the file system, found at the last file") {
    FileOptions options = Into(scratch.path("out"));
    options.topics[2] = std::string(300, 'x');
    const Status status = OpenError(options);
    CHECK(status.code() == Code::kInvalid);
    CHECK(Contains(status.message(), "ENAMETOOLONG"));
    CHECK(std::filesystem::is_empty(scratch.path("out")));
  }
  SUBCASE("a folder that may not be written to") {
    std::filesystem::create_directory(scratch.path("out"));
    REQUIRE(chmod(scratch.path().c_str(), 0755) == 0);
    REQUIRE(chmod(scratch.path("out").c_str(), 0555) == 0);
    const uid_t user = geteuid();
    constexpr uid_t kNobody = 65534;
    if (user == 0) REQUIRE(seteuid(kNobody) == 0);  // root may write everywhere
    const Status status = OpenError(Into(scratch.path("out")));
    if (user == 0) REQUIRE(seteuid(user) == 0);
    CHECK(status.code() == Code::kInvalid);
    CHECK(status.message() == scratch.path("out/player-events.ndjson") +
                                  ": cannot be created: Permission denied (EACCES)");
  }
}

TEST_CASE("FileTransport: what is buffered comes out when nothing is due") {
  const Scratch scratch;
  const FileOptions options = Into(scratch.path());
  Deliveries deliveries = Unplanned();
  FileTransport transport(options, &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  OfferAll(transport, deliveries, MakeBatch(0, 16, true));
  CHECK(ReadAll(PathOf(options, Kind::kPlayer)).empty());
  CHECK(Count(deliveries, Fate::kAcked) == 0);  // not before it is written
  transport.Idle();
  for (const Kind kind : kAllKinds) {
    CHECK(ReadAll(PathOf(options, kind)) == LinesUpTo(16, kind));
  }
  CHECK(Count(deliveries, Fate::kAcked) == 16);
  CHECK(transport.Close().ok());
}

// A flush point costs a few bytes and the compression of what would have come next to it.
TEST_CASE("FileTransport: compressed files come out each second when nothing is due") {
  const Scratch scratch;
  for (const Compression compression : {Compression::kZstd, Compression::kGzip}) {
    FileOptions options =
        Into(scratch.path(compression == Compression::kZstd ? "z" : "g"), compression);
    std::int64_t now_ns = 5'000'000'000;
    options.now_ns = [&now_ns] { return now_ns; };
    Deliveries deliveries = Unplanned();
    FileTransport transport(options, &deliveries);
    REQUIRE(transport.Open(kNotSet).ok());
    OfferAll(transport, deliveries, MakeBatch(0, 16, true));
    transport.Idle();
    CHECK(Count(deliveries, Fate::kAcked) == 16);
    const auto size = std::filesystem::file_size(PathOf(options, Kind::kPlayer));
    OfferAll(transport, deliveries, MakeBatch(16, 16, true));
    now_ns += 999'999'999;
    transport.Idle();
    CHECK(Count(deliveries, Fate::kAcked) == 16);
    now_ns += 1;
    transport.Idle();
    CHECK(Count(deliveries, Fate::kAcked) == 32);
    CHECK(std::filesystem::file_size(PathOf(options, Kind::kPlayer)) > size);
    // What is there can be read although the file is not at its end.
    const std::string tool = compression == Compression::kZstd ? "zstd" : "gzip";
    CHECK(Output(tool + " -dc <" + PathOf(options, Kind::kPlayer) + " 2>/dev/null || true") ==
          LinesUpTo(32, Kind::kPlayer));
    CHECK(transport.Close().ok());
  }
}

TEST_CASE("FileTransport: compressed files are one frame that the tools read, the same each time") {
  for (const Compression compression : {Compression::kZstd, Compression::kGzip}) {
    std::string first_bytes;
    for (int round = 0; round < 2; ++round) {
      const Scratch scratch;
      const FileOptions options = Into(scratch.path(), compression);
      Deliveries deliveries = Unplanned();
      FileTransport transport(options, &deliveries);
      REQUIRE(transport.Open(kNotSet).ok());
      constexpr Position kEvents = 20 * kPerBatch;  // several blocks
      for (Position first = 0; first < kEvents; first += kPerBatch) {
        OfferAll(transport, deliveries, MakeBatch(first, kPerBatch, true));
      }
      REQUIRE(transport.Close().ok());
      CHECK(Count(deliveries, Fate::kAcked) == kEvents);
      for (const Kind kind : kAllKinds) {
        const std::string path = PathOf(options, kind);
        const std::string tool = compression == Compression::kZstd ? "zstd" : "gzip";
        CHECK(Output(tool + " -dc " + path) == LinesUpTo(kEvents, kind));
        Output(tool + " -tq " + path);
        if (compression == Compression::kZstd) {
          CHECK(Contains(Output("zstd -lv " + path + " 2>&1"), "# Zstandard Frames: 1\n"));
        }
      }
      const std::string bytes = ReadAll(PathOf(options, Kind::kPlayer));
      CHECK(bytes.size() < LinesUpTo(kEvents, Kind::kPlayer).size());
      if (round == 0) first_bytes = bytes;
      CHECK(bytes == first_bytes);
    }
  }
}

// RLIMIT_FSIZE stands for every error of write(): the file is cut back to whole lines, what is in
// it is acked and nothing else, and the other kinds' files are complete. In slices events are
// gathered; whole batches are written from where they are.
void CheckFailedWrites(std::uint32_t slice) {
  for (const Compression compression : kCompressions) {
    for (const rlim_t limit : {0UL, 1UL, 50UL, 100'000UL, 1'000'000UL, 1'048'576UL, 1'500'003UL}) {
      CAPTURE(static_cast<int>(compression));
      CAPTURE(limit);
      const Scratch scratch;
      const FileOptions options = Into(scratch.path(), compression);
      Deliveries deliveries = Unplanned();
      FileTransport transport(options, &deliveries);
      REQUIRE(transport.Open(kNotSet).ok());
      Position accepted = 0;
      Status closed;
      {
        const FileSizeLimit limited(limit);
        for (Position first = 0; first < 20 * kPerBatch && transport.failed().ok();
             first += kPerBatch) {
          accepted += OfferAll(transport, deliveries, MakeBatch(first, kPerBatch, true), slice);
        }
        CHECK(transport.Flush(Soon(), kNotSet).code() == Code::kDestination);
        CheckAccounts(deliveries);
        closed = transport.Close();
      }
      CHECK(closed.code() == Code::kDestination);
      CHECK(closed.message() == transport.failed().message());
      CHECK(transport.Offer(MakeBatch(accepted, 16, true), 0, 16) == 0);
      CheckAccounts(deliveries);

      std::vector<Position> failed;
      for (const Kind kind : kAllKinds) {
        CAPTURE(static_cast<int>(kind));
        const std::string path = PathOf(options, kind);
        std::string lines;
        if (compression == Compression::kNone) {
          lines = ReadAll(path);
        } else if (limit >= 50) {
          lines = ReadLines(path);  // which checks that the frame has an end
        } else {
          // No room even for the end of the frame.
          CHECK(std::filesystem::file_size(path) == 0);
        }
        const auto written =
            static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
        CHECK(written == deliveries.fate(Fate::kAcked, kind));
        const std::string all = LinesUpTo(accepted, kind);
        CHECK(lines == all.substr(0, lines.size()));
        CHECK((lines.empty() || lines.back() == '\n'));
        std::uint64_t of_kind = 0;
        for (Position p = 0; p < accepted; ++p) {
          if (KindAt(p) == kind && ++of_kind > written) failed.push_back(p);
        }
      }
      std::sort(failed.begin(), failed.end());
      CHECK(Positions(deliveries, Fate::kFailed) == failed);
      REQUIRE(deliveries.reasons().size() == 1);
      CHECK(deliveries.reasons().begin()->first == "File too large (EFBIG)");
    }
  }
}

TEST_CASE("FileTransport: a write that fails leaves whole lines and exact counts") {
  SUBCASE("of what was gathered") { CheckFailedWrites(100); }
  SUBCASE("of whole batches") { CheckFailedWrites(kPerBatch); }
}

// For every byte at which a line can be cut: the file is the longest row of whole lines that fits.
TEST_CASE("FileTransport: wherever a line is cut, it is cut back") {
  const Batch batch = MakeBatch(0, 160, true);
  const std::string all = LinesUpTo(160, Kind::kPlayer);
  for (rlim_t limit = 9'000; limit < 9'400; ++limit) {
    const Scratch scratch;
    const FileOptions options = Into(scratch.path());
    Deliveries deliveries = Unplanned();
    FileTransport transport(options, &deliveries);
    REQUIRE(transport.Open(kNotSet).ok());
    OfferAll(transport, deliveries, batch);
    const FileSizeLimit limited(limit);
    REQUIRE_FALSE(transport.Flush(Soon(), kNotSet).ok());
    const std::string fits = all.substr(0, all.rfind('\n', limit - 1) + 1);
    REQUIRE(ReadAll(PathOf(options, Kind::kPlayer)) == fits);
    REQUIRE(deliveries.fate(Fate::kAcked, Kind::kPlayer) ==
            static_cast<std::uint64_t>(std::count(fits.begin(), fits.end(), '\n')));
  }
}

TEST_CASE("FileTransport: the message of a failed write says what is on disk") {
  const Scratch scratch;
  const FileOptions options = Into(scratch.path());
  Deliveries deliveries = Unplanned();
  FileTransport transport(options, &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  OfferAll(transport, deliveries, MakeBatch(0, kPerBatch, true), 100);
  const FileSizeLimit limited(10'000);
  const Status status = transport.Flush(Soon(), kNotSet);
  const std::string path = scratch.path("player-events.ndjson");
  const std::string lines = ReadAll(path);
  CHECK(lines.size() <= 10'000);
  CHECK(lines.size() > 9'700);
  CHECK(status.message() == path + ": writing failed: File too large (EFBIG); on disk: " +
                                std::to_string(std::count(lines.begin(), lines.end(), '\n')) +
                                " events, 9," + std::to_string(lines.size()).substr(1) +
                                " bytes; it ends with a whole line");
}

// The one place where a frame cannot be ended: the disk became full within some bytes of a block's
// end. The events are there all the same.
TEST_CASE(
    "FileTransport: a frame whose end does not fit gives its events, and the message says it") {
  for (const Compression compression : {Compression::kZstd, Compression::kGzip}) {
    const Scratch scratch;
    FileOptions options = Into(scratch.path(), compression);
    std::int64_t now_ns = 5'000'000'000;
    options.now_ns = [&now_ns] { return now_ns; };
    Deliveries deliveries = Unplanned();
    FileTransport transport(options, &deliveries);
    REQUIRE(transport.Open(kNotSet).ok());
    OfferAll(transport, deliveries, MakeBatch(0, kPerBatch, true));
    transport.Idle();
    const std::string path = PathOf(options, Kind::kPlayer);
    const auto size = std::filesystem::file_size(path);
    const FileSizeLimit limited(size + 1);
    OfferAll(transport, deliveries, MakeBatch(kPerBatch, kPerBatch, true));
    const Status status = transport.Flush(Soon(), kNotSet);
    CHECK(Contains(status.message(),
                   path + ": writing failed: File too large (EFBIG); on disk: 1,280 "));
    CHECK(Contains(status.message(), "; its end is missing: "));
    CHECK(std::filesystem::file_size(path) == size);
    LineReader reader;
    REQUIRE(reader.Open(path).ok());
    std::string lines;
    for (std::string_view line; reader.Next(&line);) lines.append(line).append("\n");
    CHECK(lines == LinesUpTo(kPerBatch, Kind::kPlayer));
    CHECK(Contains(reader.status().message(), "cut off"));
    CHECK(deliveries.fate(Fate::kAcked, Kind::kPlayer) == 1'280);
    CheckAccounts(deliveries);
  }
}

TEST_CASE("FileTransport: a file that was deleted or changed meanwhile is noticed") {
  for (const bool deleted : {true, false}) {
    const Scratch scratch;
    const FileOptions options = Into(scratch.path());
    Deliveries deliveries = Unplanned();
    FileTransport transport(options, &deliveries);
    REQUIRE(transport.Open(kNotSet).ok());
    OfferAll(transport, deliveries, MakeBatch(0, kPerBatch, true));
    transport.Idle();
    const std::string path = PathOf(options, Kind::kPlayer);
    const auto size = std::filesystem::file_size(path);
    if (deleted) {
      std::filesystem::remove(path);
    } else {
      std::filesystem::resize_file(path, 7);
    }
    const Status status = transport.Close();
    CHECK(status.code() == Code::kDestination);
    if (deleted) {
      CHECK(status.message() ==
            path + ": was deleted while it was written; its 1,280 events are gone");
    } else {
      CHECK(status.message() == path + ": was changed while it was written: it has 7 bytes, and " +
                                    std::to_string(size).insert(3, ",") + " were written");
    }
    CHECK(transport.Close().message() == status.message());
  }
}

TEST_CASE("FindEventFile: the one form that is there") {
  const Scratch scratch;
  const auto none = FindEventFile(scratch.path(), "fraud-alerts");
  REQUIRE_FALSE(none);
  CHECK(Contains(none.error().message(), scratch.path("fraud-alerts.ndjson") + ": is not there"));
  WriteAll(scratch.path("fraud-alerts.ndjson.gz"), "");
  const auto one = FindEventFile(scratch.path() + "/", "fraud-alerts");
  REQUIRE(one);
  CHECK(*one == scratch.path("fraud-alerts.ndjson.gz"));
  WriteAll(scratch.path("fraud-alerts.ndjson"), "");
  CHECK(Contains(FindEventFile(scratch.path(), "fraud-alerts").error().message(), "both there"));
  CHECK_FALSE(FindEventFile(scratch.path(), "../x"));
  CHECK_FALSE(FindEventFile(scratch.path("fraud-alerts.ndjson"), "x"));
}

TEST_CASE("ParseCompression: names, and the nearest to a wrong one") {
  CHECK(*ParseCompression("zstd") == Compression::kZstd);
  CHECK(*ParseCompression("gzip") == Compression::kGzip);
  CHECK(*ParseCompression("none") == Compression::kNone);
  CHECK(ParseCompression("zst").error().message() ==
        "no compression is called 'zst'; did you mean 'zstd'?");
  CHECK(ParseCompression("lz4").error().code() == Code::kInvalid);
}

}  // namespace
}  // namespace playload::testing
