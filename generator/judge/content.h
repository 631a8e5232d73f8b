// ContentReader: what an output record says and whom it is about, whatever form its JSON has: no
// blanks, fields by name, numbers as doubles.
//
// Threads: one thread at a time. Ownership: elements live until the next Parse() or Read(), lines
// until the next ReadLine().

#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace playload {

class ContentReader {
 public:
  // nullopt: not JSON.
  std::optional<simdjson::dom::element> Parse(std::string_view value);
  // The text at a path, names from the outside in; of an empty one nothing.
  static std::optional<std::string_view> TextAt(simdjson::dom::element json,
                                                const std::vector<std::string>& path);
  // XXH3 over the one form that all ways of writing it have.
  std::uint64_t Hash(const simdjson::dom::element& json);

  struct Content {
    std::optional<std::string_view> key;
    std::uint64_t hash = 0;
  };
  // All of it; a record without a key has it at `key_path` of its value. nullopt: not JSON.
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
  simdjson::dom::parser parser_;
  simdjson::dom::parser line_parser_;
  std::string canonical_;   // reused
  std::string line_value_;  // of the latest line
};

}  // namespace playload
