// ProducedParser: reads the records of the four outputs, as any pipeline may write them: JSON with
// spaces, fields in any order, numbers in any form (10, 10.0, 1e1).
//
// Threads: a value type, one thread at a time.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "generator/judge/regular.h"
#include "generator/oracle/fraud_rule.h"
#include "generator/replay/outputs.h"

namespace playload {

struct ProducedRecord {
  enum class Form {
    kRegular,  // the documented fields with the documented types, and no others
    kOdd,      // its user or server is known, but the record is not as documented
    kForeign,  // of a run with another --id-prefix
    kNobody,   // nothing says whom it is about, or an id that no run has
  };
  Form form = Form::kNobody;
  // Whether it is an object that has every documented field, with its type, and says whom it is
  // about.
  bool readable = true;
  std::string why;           // for kOdd and kNobody
  std::uint64_t number = 0;  // of the user or server; not for kForeign and kNobody

  // By output. Of an odd record, what could be read.
  FraudAlert reason = FraudAlert::kNone;  // fraud-alerts
  double total_amount = 0;                // purchase-aggregates
  std::uint32_t transaction_count = 0;    // purchase-aggregates
  std::uint64_t content = 0;              // server-alerts: a hash over all fields' meaning
  std::int64_t time_ns = -1;              // server-alerts: event_timestamp; -1: not readable
  std::uint32_t latency = 0;              // server-alerts
  std::uint16_t cpu_load = 0;             // server-alerts
  std::uint16_t memory_usage = 0;         // server-alerts
  std::string_view region, server_type;   // server-alerts; until the next Parse()
};

// A record of a file: what its line says, taken apart.
struct OutputLine {
  std::optional<std::string_view> key;
  std::string_view value;
};

class ProducedParser {
 public:
  // `id_prefix`: of the run. `timestamps`: whether event_timestamp is a part of `content`.
  explicit ProducedParser(std::string_view id_prefix, bool timestamps = true);
  ~ProducedParser();
  ProducedParser(ProducedParser&&) noexcept;

  // The fast way for the records that are as documented, which ParseAny() would call regular too.
  [[nodiscard]] RegularReader& regular() { return regular_; }

  // Any record, by a JSON parser. One without a key is about the id in its value; one with a key
  // must have the same id in both. purchase-aggregates need the key, or the id as a further field
  // `user_id`.
  ProducedRecord ParseAny(OutputKind output, std::optional<std::string_view> key,
                          std::string_view value);

  // A line of a file: {"output":...,"key":...,"value":...} of this output, or else a value without
  // a key. Lives until the next Unwrap().
  OutputLine Unwrap(OutputKind output, std::string_view line);

  [[nodiscard]] const IdForm& ids(OutputKind output) const {
    return output == OutputKind::kServerAlerts ? server_ : player_;
  }

 private:
  struct Impl;
  IdForm player_;
  IdForm server_;
  RegularReader regular_;
  std::unique_ptr<Impl> impl_;
};

// Parts that both ways of reading share.

// The instant of an event_timestamp, also in the form without a zone; -1 when it is none.
std::int64_t ProducedInstant(std::string_view text);

// ProducedRecord::content: add what a server alert says, field by field in the documented order.
class AlertContent {
 public:
  // `buffer`: room that is reused.
  explicit AlertContent(std::string* buffer) : text_(*buffer) { text_.clear(); }
  void Add(std::string_view text) { text_.append(text).push_back('\0'); }
  void Add(std::uint32_t number);
  [[nodiscard]] std::uint64_t Hash() const;

 private:
  std::string& text_;
};

}  // namespace playload
