// LineReader: a file of lines read back, plain or compressed with zstd or gzip (told by its first
// bytes, not by its name; frames and members may follow each other).
//
// Use:
//   LineReader reader;
//   if (Status s = reader.Open(path); !s.ok()) return s;
//   std::string_view line;
//   while (reader.Next(&line)) ...;
//   if (!reader.status().ok()) return reader.status();
//
// Threads: one owner. Ownership: a line lives until the next Next().
// Memory: some 2 MiB, more for lines that are longer than that.
// Errors: kInvalid, naming the file: missing, a folder, unreadable, damaged, cut off in the middle
// of a frame, a line longer than kLongestLine.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"

namespace playload {

class LineReader {
 public:
  static constexpr std::size_t kLongestLine = std::size_t{64} << 20;

  LineReader();
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  Status Open(const std::string& path);

  // The next line without its '\n'; false at the end and on errors: ask status(). Lines before a
  // damaged block are still given.
  bool Next(std::string_view* line) {
    const char* begin = buffer_.data() + at_;
    const void* end = end_ == at_ ? nullptr : FindNewline(begin, end_ - at_);
    if (end == nullptr) return NextSlowly(line);
    *line = {begin, static_cast<std::size_t>(static_cast<const char*>(end) - begin)};
    at_ += line->size() + 1;
    ++lines_;
    return true;
  }

  // Lines given so far: the number of the latest, from 1.
  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  // Whether the latest line was the file's last and had no '\n': somebody was cut off.
  [[nodiscard]] bool unterminated() const { return unterminated_; }
  [[nodiscard]] const Status& status() const { return status_; }

  // Where the bytes come from: a file, or a decompressor over one.
  class Source;

 private:
  static const void* FindNewline(const char* begin, std::size_t size);
  bool NextSlowly(std::string_view* line);
  bool Fill();
  Status Problem(const std::string& what) const;

  std::string path_;
  std::unique_ptr<Source> source_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;   // of buffer_: where the next line begins
  std::size_t end_ = 0;  // of buffer_: what is filled
  std::uint64_t lines_ = 0;
  bool ended_ = true;  // the source has no more
  bool unterminated_ = false;
  Status status_;
};

}  // namespace playload
