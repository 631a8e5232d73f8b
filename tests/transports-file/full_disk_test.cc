// A disk that is really full, or read-only: a small tmpfs in a mount namespace of this process.
// Where that may not be made (a container without the rights) there is nothing to test;
// RLIMIT_FSIZE, which file_transport_test uses, works everywhere.

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/transports-file/fixtures.h"
#include "transports/file/file_transport.h"
#include "transports/file/stdout_transport.h"

namespace playload::testing {
namespace {

constexpr std::uint32_t kPerBatch = 1'600;

bool EnterNamespace() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    const auto write = [](const char* path, const std::string& text) {
      std::ofstream out(path);
      out << text;
    };
    write("/proc/self/setgroups", "deny");
    write("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
    write("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
  }
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// A folder on a file system of `bytes`; gone when this is.
class SmallDisk {
 public:
  explicit SmallDisk(std::size_t bytes) {
    static const bool entered = EnterNamespace();
    mounted_ = entered && mount("playload", scratch_.path().c_str(), "tmpfs", 0,
                                ("size=" + std::to_string(bytes)).c_str()) == 0;
    if (!mounted_) MESSAGE("not tested: this process may not mount a small tmpfs");
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) umount2(scratch_.path().c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] std::string path(const std::string& name = "") const { return scratch_.path(name); }
  void MakeReadOnly() const {
    REQUIRE(mount(nullptr, scratch_.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  }

 private:
  Scratch scratch_;
  bool mounted_ = false;
};

TEST_CASE("A full disk: files are cut back to whole lines, and every event is accounted for") {
  for (const Compression compression :
       {Compression::kNone, Compression::kZstd, Compression::kGzip}) {
    CAPTURE(static_cast<int>(compression));
    const SmallDisk disk(std::size_t{1} << 20);
    if (!disk.mounted()) return;
    FileOptions options;
    options.directory = disk.path();
    options.compression = compression;
    Deliveries deliveries([](Position) { return -1; });
    FileTransport transport(options, &deliveries);
    REQUIRE(transport.Open(kNotSet).ok());
    Position accepted = 0;
    for (Position first = 0; first < 20 * kPerBatch && transport.failed().ok();
         first += kPerBatch) {
      accepted += OfferAll(transport, deliveries, MakeBatch(first, kPerBatch, true));
    }
    CHECK(transport.Flush(Soon(), kNotSet).code() == Code::kDestination);
    CHECK(transport.Close().code() == Code::kDestination);
    CHECK(Contains(transport.failed().message(), "No space left on device (ENOSPC)"));
    CheckAccounts(deliveries);
    CHECK(Count(deliveries, Fate::kAcked) > 0);
    CHECK(Count(deliveries, Fate::kFailed) > 0);
    for (const Kind kind : kAllKinds) {
      const std::string lines = ReadLines(EventFilePath(
          options.directory, options.topics[static_cast<unsigned>(kind)], compression));
      CHECK(lines == LinesUpTo(accepted, kind).substr(0, lines.size()));
      CHECK(static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')) ==
            deliveries.fate(Fate::kAcked, kind));
    }
  }
}

TEST_CASE("A full disk: a redirected stdout is cut back too") {
  const SmallDisk disk(std::size_t{256} << 10);
  if (!disk.mounted()) return;
  const int file = open(disk.path("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(file >= 0);
  StdoutOptions options;
  options.descriptor = file;
  Deliveries deliveries([](Position) { return -1; });
  StdoutTransport transport(options, &deliveries);
  REQUIRE(transport.Open(kNotSet).ok());
  Position accepted = 0;
  while (transport.failed().ok()) {
    accepted += OfferAll(transport, deliveries, MakeBatch(accepted, kPerBatch, false));
  }
  CHECK(transport.failed().code() == Code::kDestination);
  CHECK(Contains(transport.failed().message(), "ENOSPC"));
  CheckAccounts(deliveries);
  const std::string lines = ReadAll(disk.path("out"));
  CHECK(lines.size() > 200'000);
  CHECK(lines.back() == '\n');
  CHECK(lines == LinesUpTo(accepted).substr(0, lines.size()));
  CHECK(static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')) ==
        Count(deliveries, Fate::kAcked));
  close(file);
}

TEST_CASE("A read-only disk: refused before anything is sent") {
  const SmallDisk disk(std::size_t{1} << 20);
  if (!disk.mounted()) return;
  disk.MakeReadOnly();
  for (const char* below : {"", "new"}) {
    FileOptions options;
    options.directory = disk.path(below);
    Deliveries deliveries([](Position) { return -1; });
    FileTransport transport(options, &deliveries);
    const Status status = transport.Open(kNotSet);
    CHECK(status.code() == Code::kInvalid);
    CHECK(Contains(status.message(), "Read-only file system (EROFS)"));
  }
}

TEST_CASE("A disk without room for another file: the destination failed, not the flags") {
  const SmallDisk disk(std::size_t{1} << 20);
  if (!disk.mounted()) return;
  REQUIRE(mount(nullptr, disk.path().c_str(), nullptr, MS_REMOUNT, "nr_inodes=2") == 0);
  FileOptions options;
  options.directory = disk.path();
  Deliveries deliveries([](Position) { return -1; });
  FileTransport transport(options, &deliveries);
  const Status status = transport.Open(kNotSet);
  CHECK(status.code() == Code::kDestination);
  CHECK(Contains(status.message(), "cannot be created: No space left on device (ENOSPC)"));
  CHECK(std::filesystem::is_empty(disk.path()));
}

}  // namespace
}  // namespace playload::testing
