#include "transports/file/reader.h"

#include <zlib.h>
#include <zstd.h>

#include "tests/transports-file/fixtures.h"

namespace playload::testing {
namespace {

// With a checksum, as the zstd tool writes it.
std::string Zstd(std::string_view text) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  REQUIRE(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)) == 0);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return out;
}

std::string Gzip(std::string_view text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Reading {
  std::vector<std::string> lines;
  bool unterminated = false;
  Status status;
};

Reading Read(const std::string& path) {
  LineReader reader;
  Reading reading;
  reading.status = reader.Open(path);
  std::string_view line;
  while (reader.Next(&line)) {
    reading.lines.emplace_back(line);
    reading.unterminated = reader.unterminated();
    CHECK(reader.lines() == reading.lines.size());
    if (reading.unterminated) break;
  }
  CHECK_FALSE(reader.Next(&line));
  if (reading.status.ok()) reading.status = reader.status();
  return reading;
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Around the sizes of the buffers, where a line is cut by a read.
std::vector<std::string> Texts() {
  std::vector<std::string> texts = {"",        "\n",    "\n\n",    "a\n",
                                    "a\r\n\n", "a\nbc", "a",       std::string("\0\n\0", 3),
                                    "(\xb5/",  "\x1f",  "{}\n{}\n"};
  for (const std::size_t length :
       {1'048'575UL, 1'048'576UL, 2'097'151UL, 2'097'152UL, 2'097'153UL, 5'000'000UL}) {
    texts.push_back(std::string(length, 'x') + "\nlast");
    std::string many;
    while (many.size() < length) many += LineAt(many.size());
    texts.push_back(many);
  }
  return texts;
}

TEST_CASE("LineReader: every line once, plain and compressed, in one frame or several") {
  const Scratch scratch;
  const std::string path = scratch.path("lines");
  for (const std::string& text : Texts()) {
    CAPTURE(text.size());
    CAPTURE(text.substr(0, 20));
    const std::string_view view = text;
    const std::size_t third = text.size() / 3;
    const std::string_view parts[] = {view.substr(0, third), view.substr(third, third),
                                      view.substr(2 * third)};
    std::string frames, members;
    for (const std::string_view part : parts) {
      frames += Zstd(part);
      members += Gzip(part);
    }
    for (const std::string& bytes : {text, Zstd(text), Gzip(text), frames, members}) {
      WriteAll(path, bytes);
      const Reading reading = Read(path);
      CHECK_MESSAGE(reading.status.ok(), reading.status.message());
      CHECK(reading.lines == Split(text));
      CHECK(reading.unterminated == (!text.empty() && text.back() != '\n'));
    }
  }
}

TEST_CASE("LineReader: compressed files that are cut off give what is there and then say so") {
  const Scratch scratch;
  const std::string text = LinesUpTo(5'000);
  const std::vector<std::string> all = Split(text);
  for (const std::string& whole : {Zstd(text), Gzip(text)}) {
    for (const std::size_t cut :
         {whole.size() - 1, whole.size() - 5, whole.size() / 2, std::size_t{9}, std::size_t{5}}) {
      CAPTURE(cut);
      WriteAll(scratch.path("cut"), std::string_view(whole).substr(0, cut));
      const Reading reading = Read(scratch.path("cut"));
      CHECK(reading.status.code() == Code::kInvalid);
      CHECK(Contains(reading.status.message(), scratch.path("cut") + ": it is cut off"));
      REQUIRE(reading.lines.size() <= all.size());
      CHECK(std::equal(reading.lines.begin(), reading.lines.end(), all.begin()));
      CHECK_FALSE(reading.unterminated);
    }
  }
}

TEST_CASE("LineReader: damage is an error with the file's name and the line before it") {
  const Scratch scratch;
  const std::string text = LinesUpTo(50'000);
  for (std::string whole : {Zstd(text), Gzip(text)}) {
    const bool zstd = whole[0] == '\x28';
    for (std::size_t i = whole.size() / 2; i < whole.size() / 2 + 64; ++i) {
      whole[i] = static_cast<char>(whole[i] ^ 0x55);
    }
    WriteAll(scratch.path("bad"), whole);
    const Reading reading = Read(scratch.path("bad"));
    CHECK(reading.status.code() == Code::kInvalid);
    CHECK(Contains(reading.status.message(),
                   scratch.path("bad") +
                       (zstd ? ": its zstd data is damaged: " : ": its gzip data is damaged: ")));
    CHECK(Contains(reading.status.message(),
                   "(after line " + std::to_string(reading.lines.size()) + ")"));
  }
}

TEST_CASE("LineReader: what cannot be read is an error with the path") {
  const Scratch scratch;
  LineReader reader;
  std::string_view line;
  CHECK_FALSE(reader.Next(&line));  // nothing is open
  CHECK(reader.Open(scratch.path("none")).message() ==
        scratch.path("none") + ": cannot be opened: No such file or directory (ENOENT)");
  CHECK_FALSE(reader.Next(&line));
  CHECK(reader.Open(scratch.path()).message() == scratch.path() + ": is a folder, not a file");
  CHECK(reader.status().code() == Code::kInvalid);
  CHECK_FALSE(reader.Next(&line));
  // It can be used again.
  WriteAll(scratch.path("one"), "x\n");
  REQUIRE(reader.Open(scratch.path("one")).ok());
  CHECK(reader.Next(&line));
  CHECK(line == "x");
  CHECK_FALSE(reader.Next(&line));
}

TEST_CASE("LineReader: a line without an end is refused, in bounded memory") {
  const Scratch scratch;
  WriteAll(scratch.path("zeros"), "x\n");
  std::filesystem::resize_file(scratch.path("zeros"), 4 * LineReader::kLongestLine);  // sparse
  const Reading reading = Read(scratch.path("zeros"));
  CHECK(reading.lines == std::vector<std::string>{"x"});
  CHECK(Contains(reading.status.message(), "line 2 is longer than 64 MiB"));
}

}  // namespace
}  // namespace playload::testing
