// ReadTextFile against the file system: a scratch folder of its own, removed at the end.

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "generator/base/yaml.h"

namespace playload {
namespace {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "playload-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::string Path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] std::string Write(const std::string& name, std::string_view content) const {
    std::ofstream(Path(name), std::ios::binary) << content;
    return Path(name);
  }

 private:
  std::filesystem::path folder_;
};

std::string Refusal(const std::string& path) {
  const Result<std::string> text = ReadTextFile(path);
  if (text) return "accepted";
  CHECK(text.error().code() == Code::kInvalid);
  // One line that begins with the file's name.
  CHECK(text.error().message().find('\n') == std::string::npos);
  REQUIRE(text.error().message().starts_with(path));
  return text.error().message().substr(path.size());
}

TEST_CASE("ReadTextFile: the whole text, byte for byte") {
  const Scratch scratch;
  const std::string content =
      "\xef\xbb\xbf"
      "a: 1\r\n# \xc3\xa9\n";
  const Result<std::string> text = ReadTextFile(scratch.Write("f.yaml", content));
  REQUIRE(text.has_value());
  CHECK(*text == content);
  const Result<std::string> empty = ReadTextFile(scratch.Write("empty.yaml", ""));
  REQUIRE(empty.has_value());
  CHECK(empty->empty());
}

TEST_CASE("ReadTextFile: what is no readable text file") {
  const Scratch scratch;
  CHECK(Refusal(scratch.Path("missing.yaml")) == ": cannot be read: No such file or directory");
  CHECK(Refusal(scratch.Path("")) == ": is a folder; must be a text file");
  CHECK(Refusal("") == ": cannot be read: No such file or directory");
  CHECK(Refusal("/dev/zero") == ": is not a regular file");
  const std::string fifo = scratch.Path("fifo");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(Refusal(fifo) == ": is not a regular file");
  CHECK(Refusal(scratch.Write("binary", std::string_view("a\n\0b", 4))) ==
        ":2: is binary (a control character); must be a text file");
  CHECK(Refusal(scratch.Write("latin1", "a: \xe9\n")) == ":1: is not UTF-8 text");
}

TEST_CASE("ReadTextFile: a file without permission") {
  if (geteuid() == 0) return;  // root may read it
  const Scratch scratch;
  const std::string path = scratch.Write("secret.yaml", "a: 1\n");
  REQUIRE(chmod(path.c_str(), 0) == 0);
  CHECK(Refusal(path) == ": cannot be read: Permission denied");
}

TEST_CASE("ReadTextFile: a megabyte and not one byte more") {
  const Scratch scratch;
  CHECK(Refusal(scratch.Write("full", std::string(1 << 20, 'x'))) == "accepted");
  CHECK(Refusal(scratch.Write("over", std::string((1 << 20) + 1, 'x'))) ==
        ": larger than 1 MiB; files of playload are small");
}

TEST_CASE("ReadTextFile: 100 MB are refused without being read") {
  const Scratch scratch;
  const std::string path = scratch.Write("huge", "");
  std::filesystem::resize_file(path, 100'000'000);  // a hole: takes no room on the disk
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  CHECK(Refusal(path) == ": larger than 1 MiB; files of playload are small");
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  CHECK(after.ru_maxrss - before.ru_maxrss < 20'000);  // KiB
}

}  // namespace
}  // namespace playload
