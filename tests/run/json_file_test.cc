#include "generator/run/json_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "generator/run/json_writer.h"
#include "tests/run/fakes.h"

namespace playload {

TEST_CASE("Files: replaced as a whole, nothing left beside them") {
  const test::ScratchFolder folder;
  const std::string path = folder / "summary.json";
  REQUIRE(WriteFileAtomically(path, "first").ok());
  REQUIRE(WriteFileAtomically(path, std::string(100'000, 'x')).ok());
  const Result<std::string> content = ReadWholeFile(path, 1'000'000);
  REQUIRE(content.has_value());
  CHECK(*content == std::string(100'000, 'x'));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("Files: what cannot be written says so, and keeps what was there") {
  const Status missing = WriteFileAtomically("/nowhere/at/all.json", "x");
  CHECK(missing.code() == Code::kDestination);
  CHECK(missing.message().find("/nowhere/at/all.json") != std::string::npos);
}

TEST_CASE("Files: a folder, a pipe, a missing and an oversized file are refused when read") {
  const test::ScratchFolder folder;
  CHECK(ReadWholeFile(folder.path(), 10).error().code() == Code::kInvalid);
  CHECK(ReadWholeFile(folder / "none", 10).error().code() == Code::kInvalid);
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(ReadWholeFile(folder / "pipe", 10).error().message().find("regular") != std::string::npos);
  REQUIRE(WriteFileAtomically(folder / "large", "12345678901").ok());
  CHECK(ReadWholeFile(folder / "large", 10).error().message().find("larger") != std::string::npos);
  CHECK(*ReadWholeFile(folder / "large", 11) == "12345678901");
}

TEST_CASE("Files: a run directory is made with its parents, and never reused") {
  const test::ScratchFolder folder;
  const std::string path = folder / "a/b/c";
  REQUIRE(MakeRunDirectory(path).ok());
  const Status again = MakeRunDirectory(path);
  CHECK(again.code() == Code::kInvalid);
  CHECK(again.message().find("--run-dir") != std::string::npos);
  CHECK(again.message().find("never reused") != std::string::npos);
  REQUIRE(WriteFileAtomically(folder / "file", "").ok());
  CHECK(MakeRunDirectory(folder / "file").code() == Code::kInvalid);
  CHECK(MakeRunDirectory(folder / "file/below").code() == Code::kInvalid);
}

// FIPS 180-2, appendix B.1.
TEST_CASE("Files: SHA-256 of a known text") {
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("JsonText: arrays on one line hold their arrays on it, the rest is indented") {
  JsonText json;
  json.BeginObject();
  json.Key("a");
  json.BeginArrayOnOneLine();
  json.BeginArray();
  json.Value(1);
  json.Value(2);
  json.EndArray();
  json.BeginArray();
  json.EndArray();
  json.EndArray();
  json.Key("b");
  json.BeginArray();
  json.Decimal(0.12345);
  json.EndArray();
  json.EndObject();
  CHECK(json.Text() == "{\n  \"a\": [[1, 2], []],\n  \"b\": [\n    0.123\n  ]\n}\n");
}

TEST_CASE("Files: a text of any bytes is written as valid UTF-8") {
  JsonText json;
  json.BeginObject();
  json.Field("got", std::string_view("\xc3( \xc3\xa4"));
  json.EndObject();
  CHECK(json.Text() == "{\n  \"got\": \"\\\\xc3( \xc3\xa4\"\n}\n");
}

}  // namespace playload
