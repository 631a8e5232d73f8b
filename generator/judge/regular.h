// RegularReader: the fast way to read a pipeline's output records: those with the documented fields
// and types, in plain ASCII, in any order and spacing. It is silent about all others, and about a
// few regular ones with unusual numbers: then the JSON parser of produced.h has the word. Where it
// speaks, both say the same; tests/verify/regular_test.cc holds them to it.
//
// What it gains is measured by bench/verify/verify_bench.py (docs/verify.md).
//
// Threads: a value type, one thread at a time.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "generator/replay/outputs.h"

namespace playload {

struct ProducedRecord;

class RegularReader {
 public:
  // As of ProducedParser.
  RegularReader(std::string_view id_prefix, bool timestamps);

  // A player-session-summary: whose it is. Compact, the fields in the documented order; Read() and
  // ReadLine() know the other spellings. A line: a bare value, or with its key as
  // {"output":...,"key":...,"value":...}.
  [[nodiscard]] std::optional<std::uint64_t> Summary(std::optional<std::string_view> key,
                                                     std::string_view value) const;
  [[nodiscard]] std::optional<std::uint64_t> SummaryLine(std::string_view line) const;

  // Whether the record is regular; fills in `record`, as ProducedParser::Parse() would, then. Its
  // region and server_type point into `value` or `line`.
  bool Read(OutputKind output, std::optional<std::string_view> key, std::string_view value,
            ProducedRecord* record);
  bool ReadLine(OutputKind output, std::string_view line, ProducedRecord* record);

 private:
  class Scanner;

  bool ReadValue(OutputKind output, Scanner* scanner, std::optional<std::string_view>* id,
                 ProducedRecord* record);
  bool ReadAlert(Scanner* scanner, std::optional<std::string_view>* id, ProducedRecord* record);
  bool SetNumber(OutputKind output, std::optional<std::string_view> key,
                 std::optional<std::string_view> id, ProducedRecord* record) const;
  std::int64_t InstantOf(std::string_view time);

  const bool timestamps_;
  const IdForm player_;
  const IdForm server_;
  // The texts around the two numbers of a summary.
  const std::string value_head_;
  const std::string line_head_;
  const std::string line_middle_;
  std::string content_;  // reused
  // The latest one: alerts come in the order of their instants, many at one.
  std::string instant_text_;
  std::int64_t instant_ns_ = -1;
};

}  // namespace playload
