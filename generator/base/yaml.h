// Reading YAML files of ours, safely: bounded in size, depth and aliases, typed by us (never by
// YAML's guesses: "no" is text), and every node knows its line, so that each error can say
// file:line.
//
// Threads: value types. Errors: kInvalid, one line, "file:line: what; what would be right".

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/base/status.h"

namespace playload {

struct YamlNode {
  enum class Kind { kNull, kText, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 0;                                       // from 1
  std::string text;                                   // kText
  std::vector<YamlNode> list;                         // kList
  std::vector<std::pair<std::string, YamlNode>> map;  // kMap, in the order of the file
  std::vector<int> key_lines;                         // kMap: line of each key

  // In yaml.cc, where a pair of a node is a complete type; here Clang refuses it.
  YamlNode();
  YamlNode(const YamlNode& other);
  YamlNode(YamlNode&& other) noexcept;
  YamlNode& operator=(const YamlNode& other);
  YamlNode& operator=(YamlNode&& other) noexcept;
  ~YamlNode();
};

// Reads a whole text file. Refuses with one clear line each: missing, unreadable, a folder or other
// non-file, larger than 1 MiB, binary (NUL) or not UTF-8. A BOM and CRLF are accepted.
Result<std::string> ReadTextFile(const std::string& path);

// Parses one YAML document. Refuses: malformed, more than one document, deeper than 32, aliases and
// anchors that expand beyond 10,000 nodes in all, duplicate keys, merge keys (<<), tags. `file` is
// for messages.
Result<YamlNode> ParseYaml(const std::string& file, std::string_view text);

// Reads the fields of one map and complains of those that nobody asked for, naming the nearest
// valid key. Use:
//   YamlFields f(file, node, "persona"); f.Text("name", &name); ...; return f.Finish();
// The first error sticks; later calls do nothing. A field that is absent leaves its output
// unchanged unless `required`. REQUIRES: the node outlives it.
class YamlFields {
 public:
  YamlFields(std::string file, const YamlNode& node, std::string what);

  // The raw node, or null when absent.
  const YamlNode* Node(std::string_view key, bool required = false);
  void Text(std::string_view key, std::string* out, bool required = false);
  void Integer(std::string_view key, std::int64_t min, std::int64_t max, std::int64_t* out,
               bool required = false);
  void Real(std::string_view key, double min, double max, double* out, bool required = false);
  void Boolean(std::string_view key, bool* out);  // true, false
  // A decimal from 0 to 1 with at most 9 places, as parts of 10^9, exactly.
  void Share(std::string_view key, std::int64_t* parts, bool required = false);
  // "250ms", "8s", "1.5m", "6h", "2d": nanoseconds, exactly.
  void Duration(std::string_view key, std::int64_t min_ns, std::int64_t max_ns, std::int64_t* ns,
                bool required = false);
  // "500", "20k", "1.5M", "0.5": events per 1,000 s.
  void Rate(std::string_view key, std::int64_t* milli_rate, bool required = false);

  // An error at a node of this file.
  void Fail(const YamlNode& at, const std::string& message);
  [[nodiscard]] bool ok() const { return status_.ok(); }
  // The first error, or an unknown key.
  Status Finish();

 private:
  // The node of a key that must hold a single value, or null.
  const YamlNode* TextNode(std::string_view key, bool required);

  std::string file_;
  const YamlNode* node_;
  std::string what_;
  std::vector<std::string> known_;
  Status status_;
};

}  // namespace playload
