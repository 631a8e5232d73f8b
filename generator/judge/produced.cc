#include "generator/judge/produced.h"

#define XXH_INLINE_ALL
#include <simdjson.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <tuple>
#include <utility>

#include "generator/base/text.h"

namespace playload {

namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t kLongestName = 100;  // of what a record says, in a text about it

// Takes the documented fields out of an object, and knows when there were others, or one twice.
class Fields {
 public:
  Fields(std::initializer_list<std::string_view> names) : count_(names.size()) {
    std::copy(names.begin(), names.end(), names_.begin());
  }

  // "" or what is wrong with the object.
  std::string Read(const object& json, const std::string& where) {
    std::string why;
    for (const auto field : json) {
      std::size_t i = 0;
      while (i < count_ && field.key != names_[i]) ++i;
      if (i == count_ || values_[i]) {
        if (why.empty()) {
          why = (i == count_ ? "field not expected: " : "field given twice: ") + where +
                std::string(field.key.substr(0, kLongestName));
        }
      } else {
        values_[i] = field.value;
      }
    }
    return why;
  }

  [[nodiscard]] const std::optional<element>& operator[](std::size_t i) const { return values_[i]; }

 private:
  std::size_t count_;
  std::array<std::string_view, 4> names_;
  std::array<std::optional<element>, 4> values_;
};

std::optional<std::string_view> Text(const std::optional<element>& field) {
  std::string_view text;
  if (!field || field->get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<double> Number(const std::optional<element>& field) {
  double number = 0;
  if (!field || field->get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

// A number without fraction, whatever its form, up to `most`.
std::optional<std::uint32_t> Integer(const std::optional<element>& field, double most) {
  const std::optional<double> number = Number(field);
  if (!number || *number < 0 || *number > most || *number != std::floor(*number)) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*number);
}

void Blame(std::string* why, const std::string& what) {
  if (why->empty()) *why = what;
}

// What makes a record unreadable is the reason, whatever else was wrong before.
void Unreadable(ProducedRecord* record, const std::string& what) {
  if (record->readable) record->why = what;
  record->readable = false;
}

}  // namespace

struct ProducedParser::Impl {
  explicit Impl(bool with_timestamps) : timestamps(with_timestamps) {}

  const bool timestamps;
  simdjson::dom::parser parser;
  std::string text;  // reused by content hashes
  // Unwrap()'s: what a line was taken apart into.
  simdjson::dom::parser line_parser;
  std::string line_value;

  // Each reads the fields, fills `why` with the first thing that is not as documented, and returns
  // the id that the value names, if any.
  static std::optional<std::string_view> Summary(const object& json, ProducedRecord* record) {
    Fields fields{"player_id", "event_count"};
    record->why = fields.Read(json, "");
    const std::optional<double> count = Number(fields[1]);
    if (!count) {
      Unreadable(record, "event_count is missing or no number");
    } else if (*count != 1.0) {
      Blame(&record->why, "event_count is not 1");
    }
    const auto id = Text(fields[0]);
    if (!id) Unreadable(record, "player_id is missing or no text");
    return id;
  }

  static std::optional<std::string_view> Aggregate(const object& json, ProducedRecord* record) {
    Fields fields{"total_amount", "transaction_count", "user_id"};
    record->why = fields.Read(json, "");
    const std::optional<double> total = Number(fields[0]);
    const std::optional<std::uint32_t> count = Integer(fields[1], 4294967295.0);
    if (!total) Unreadable(record, "total_amount is missing or no number");
    if (!count) Unreadable(record, "transaction_count is missing or no whole number");
    if (fields[2] && !Text(fields[2])) Unreadable(record, "user_id is no text");
    record->total_amount = total.value_or(0);
    record->transaction_count = count.value_or(0);
    return Text(fields[2]);
  }

  static std::optional<std::string_view> Fraud(const object& json, ProducedRecord* record) {
    Fields fields{"user_id", "reason"};
    record->why = fields.Read(json, "");
    const auto reason = Text(fields[1]);
    if (!reason) {
      Unreadable(record, "reason is missing or no text");
    } else if (reason == kReasonFrequent) {
      record->reason = FraudAlert::kFrequent;
    } else if (reason == kReasonMulti) {
      record->reason = FraudAlert::kMulti;
    } else {
      Blame(&record->why, "reason is none of the two");
    }
    const auto id = Text(fields[0]);
    if (!id) Unreadable(record, "user_id is missing or no text");
    return id;
  }

  std::optional<std::string_view> Alert(const object& json, ProducedRecord* record) {
    Fields fields{"event_name", "parameters", "event_timestamp", "server_data"};
    Fields parameters{"server_id", "cpu_load", "memory_usage", "latency"};
    Fields server{"region", "server_type"};
    record->why = fields.Read(json, "");
    object inner;
    for (const auto& [field, into, name] : {std::tuple{&fields[1], &parameters, "parameters"},
                                            std::tuple{&fields[3], &server, "server_data"}}) {
      if (!*field || (*field)->get(inner) != simdjson::SUCCESS) {
        Unreadable(record, std::string(name) + " is missing or no object");
      } else {
        Blame(&record->why, into->Read(inner, std::string(name) + "."));
      }
    }
    AlertContent content(&text);
    const auto take_text = [&](const std::optional<element>& field, const char* name,
                               bool meant = true) {
      const auto value = Text(field);
      if (!value) Unreadable(record, std::string(name) + " is missing or no text");
      if (meant) content.Add(value.value_or(""));
      return value;
    };
    const auto take_number = [&](const std::optional<element>& field, const char* name,
                                 double most) {
      const auto value = Integer(field, most);
      if (!value) Unreadable(record, std::string(name) + " is missing or no whole number");
      content.Add(value.value_or(0));
      return value.value_or(0);
    };
    take_text(fields[0], "event_name");
    const auto id = take_text(parameters[0], "server_id");
    record->cpu_load = static_cast<std::uint16_t>(take_number(parameters[1], "cpu_load", 65535));
    record->memory_usage =
        static_cast<std::uint16_t>(take_number(parameters[2], "memory_usage", 65535));
    record->latency = take_number(parameters[3], "latency", 4294967295.0);
    const auto time = take_text(fields[2], "event_timestamp", timestamps);
    record->region = take_text(server[0], "region").value_or("");
    record->server_type = take_text(server[1], "server_type").value_or("");
    record->time_ns = ProducedInstant(time.value_or(""));
    record->content = content.Hash();
    return id;
  }

  std::optional<std::string_view> Read(OutputKind output, const object& json,
                                       ProducedRecord* record) {
    switch (output) {
      case OutputKind::kSummaries:
        return Summary(json, record);
      case OutputKind::kAggregates:
        return Aggregate(json, record);
      case OutputKind::kServerAlerts:
        return Alert(json, record);
      case OutputKind::kFraudAlerts:
        return Fraud(json, record);
    }
    return std::nullopt;
  }
};

ProducedParser::ProducedParser(std::string_view id_prefix, bool timestamps)
    : player_("player", id_prefix),
      server_("server", ""),
      regular_(id_prefix, timestamps),
      impl_(std::make_unique<Impl>(timestamps)) {}

ProducedParser::~ProducedParser() = default;
ProducedParser::ProducedParser(ProducedParser&&) noexcept = default;

OutputLine ProducedParser::Unwrap(OutputKind output, std::string_view line) {
  constexpr std::string_view kHead = R"({"output":)";
  object fields;
  std::string_view name;
  std::string_view key;
  element value;
  if (!line.starts_with(kHead) ||
      impl_->line_parser.parse(line.data(), line.size()).get(fields) != simdjson::SUCCESS ||
      fields["output"].get(name) != simdjson::SUCCESS ||
      name != kOutputNames[static_cast<unsigned>(output)] ||
      fields["key"].get(key) != simdjson::SUCCESS ||
      fields["value"].get(value) != simdjson::SUCCESS) {
    return {std::nullopt, line};
  }
  impl_->line_value = simdjson::minify(value);
  return {key, impl_->line_value};
}

ProducedRecord ProducedParser::ParseAny(OutputKind output, std::optional<std::string_view> key,
                                        std::string_view value) {
  ProducedRecord record;
  element json;
  object fields;
  if (impl_->parser.parse(value.data(), value.size()).get(json) != simdjson::SUCCESS ||
      json.get(fields) != simdjson::SUCCESS) {
    Unreadable(&record, value.empty() ? "no value, as a tombstone has none" : "not a JSON object");
    return record;
  }
  const std::optional<std::string_view> named = impl_->Read(output, fields, &record);
  const std::optional<std::string_view> id = named ? named : key;
  if (!id) {
    record.readable = false;
    record.why = "neither key nor value say whom it is about";
    return record;
  }
  const IdForm& form = ids(output);
  const std::optional<std::uint64_t> number = form.Number(*id);
  if (!number) {
    record.form =
        form.Foreign(*id) ? ProducedRecord::Form::kForeign : ProducedRecord::Form::kNobody;
    if (record.readable) {
      record.why = "'" + std::string(id->substr(0, kLongestName)) + "' is no id of this run";
    }
    return record;
  }
  record.number = *number;
  if (key && *key != *id) {
    Blame(&record.why, "the record's key is '" + std::string(key->substr(0, kLongestName)) + "'");
  }
  record.form = record.why.empty() ? ProducedRecord::Form::kRegular : ProducedRecord::Form::kOdd;
  return record;
}

std::int64_t ProducedInstant(std::string_view text) {
  Result<std::int64_t> instant = ParseInstant(text);
  if (!instant) instant = ParseInstant(std::string(text) + "Z");  // the naive form
  return instant ? *instant : -1;
}

void AlertContent::Add(std::uint32_t number) {
  std::array<char, 10> digits{};
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  Add({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

std::uint64_t AlertContent::Hash() const { return XXH3_64bits(text_.data(), text_.size()); }

}  // namespace playload
