// ContentReader: what an output record says and whom it is about, whatever form its JSON has: no
// blanks, fields by name, numbers as doubles.
//
// Threads: one thread at a time. Ownership: texts live until the next Read() or ReadLine().

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace playload {

class ContentReader {
 public:
  struct Content {
    std::optional<std::string_view> key;
    std::uint64_t hash = 0;  // XXH3 over the one form that all ways of writing it have
  };

  ContentReader();
  ~ContentReader();
  ContentReader(const ContentReader&) = delete;
  ContentReader& operator=(const ContentReader&) = delete;

  // Of a record without a key, `key_path` says where in the value it stands: names from the outside
  // in; empty: nowhere. nullopt: not JSON.
  std::optional<Content> Read(std::optional<std::string_view> key, std::string_view value,
                              const std::vector<std::string>& key_path);

  struct Line {
    std::optional<std::string_view> key;
    std::string_view value;
  };
  // A line of a file, taken apart: {"output":...,"key":...,"value":...} of this output, or else a
  // value without a key.
  Line ReadLine(std::string_view line, std::string_view output);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
