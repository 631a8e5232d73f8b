#include "generator/stream/stamp_log.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>

namespace playload {
namespace {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "stamp-log-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] std::string file() const { return path_ + "/stamps.bin"; }

 private:
  std::string path_;
};

// A clock whose instants are known, and that goes backwards now and then.
class Clock {
 public:
  std::int64_t operator()() {
    ++calls_;
    return 1'767'225'600'000'000'000 + static_cast<std::int64_t>(calls_) * 20'011 -
           (calls_ % 7 == 0 ? 90'000 : 0);
  }

 private:
  std::uint64_t calls_ = 0;
};

TEST_CASE("StampLog: with a file it says what it says without, however old the batch") {
  constexpr std::uint64_t kBatches = 400'000;
  const ScratchFolder folder;
  StampLog plain{Clock()};
  StampLog spooled{Clock()};
  REQUIRE(spooled.SpoolTo(folder.file()).ok());
  std::uint64_t differing = 0;
  for (std::uint64_t batch = 0; batch < kBatches; ++batch) {
    differing += plain.At(batch) == spooled.At(batch) ? 0 : 1;
    // Somebody who reads far behind.
    if (batch % 1'000 == 999) {
      const std::uint64_t old = batch * 7 % (batch + 1);
      differing += plain.At(old) == spooled.At(old) ? 0 : 1;
    }
  }
  for (std::uint64_t batch = 0; batch < kBatches; ++batch) {
    differing += plain.At(batch) == spooled.At(batch) ? 0 : 1;
  }
  CHECK(differing == 0);
  CHECK(spooled.size() == kBatches);
  REQUIRE(spooled.Finish().ok());
  CHECK(std::filesystem::file_size(folder.file()) < kBatches * 4);
}

TEST_CASE("StampLog: a file that is there is not overwritten, one that cannot be made is named") {
  const ScratchFolder folder;
  StampLog first{Clock()};
  REQUIRE(first.SpoolTo(folder.file()).ok());
  StampLog second{Clock()};
  CHECK(second.SpoolTo(folder.file()).code() == Code::kDestination);
  StampLog third{Clock()};
  CHECK(third.SpoolTo(folder.file() + "/nowhere").message().find("stamps.bin/nowhere") !=
        std::string::npos);
}

// A limit on the size of files stands for a full disk.
TEST_CASE("StampLog: on a full disk no stamp is lost, and the end says so") {
  const ScratchFolder folder;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{200'000, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  StampLog plain{Clock()};
  StampLog spooled{Clock()};
  REQUIRE(spooled.SpoolTo(folder.file()).ok());
  std::uint64_t differing = 0;
  for (std::uint64_t batch = 0; batch < 300'000; ++batch) {
    differing += plain.At(batch) == spooled.At(batch) ? 0 : 1;
  }
  for (std::uint64_t batch = 0; batch < 300'000; batch += 11) {
    differing += plain.At(batch) == spooled.At(batch) ? 0 : 1;
  }
  CHECK(differing == 0);
  const Status full = spooled.Finish();
  CHECK(full.code() == Code::kDestination);
  CHECK(full.message().find(folder.file()) != std::string::npos);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(spooled.Finish().ok());  // there is room again
}

}  // namespace
}  // namespace playload
