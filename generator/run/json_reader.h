// JsonReader: reads fields of a JSON object (simdjson's DOM) and keeps the first thing that is
// wrong: "FILE: field 'seed' is missing", "FILE: field 'seed' is not a number from 0 to 2^64 - 1".
//
// Threads: a value type. Ownership: elements live as long as the parser of JsonDocument.

#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"

namespace playload {

class JsonReader {
 public:
  explicit JsonReader(std::string file);

  // Parses a whole document, which must be an object. Null object on error; see status().
  simdjson::dom::object Parse(std::string_view json);

  // Fields of `object`; `where` is its path for messages ("" at the top). On error they leave the
  // first message behind and give back an empty value.
  std::string Text(simdjson::dom::object object, const std::string& where, const char* key);
  std::uint64_t Unsigned(simdjson::dom::object object, const std::string& where, const char* key);
  std::int64_t Signed(simdjson::dom::object object, const std::string& where, const char* key);
  bool Boolean(simdjson::dom::object object, const std::string& where, const char* key);
  simdjson::dom::object Object(simdjson::dom::object object, const std::string& where,
                               const char* key);
  simdjson::dom::array Array(simdjson::dom::object object, const std::string& where,
                             const char* key);
  // Whether the field is there and not null.
  bool Has(simdjson::dom::object object, const char* key);

  // Notes an error (the first one stays): "FILE: message".
  void Fail(const std::string& message);
  [[nodiscard]] bool ok() const { return status_.ok(); }
  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  bool Find(simdjson::dom::object object, const std::string& where, const char* key,
            simdjson::dom::element* element);
  void WrongType(const std::string& where, const char* key, const char* right);

  std::string file_;
  simdjson::dom::parser parser_;
  // Objects and arrays of simdjson need a document behind them, empty ones too.
  simdjson::dom::parser empty_parser_;
  simdjson::dom::object empty_object_;
  simdjson::dom::array empty_array_;
  Status status_;
};

}  // namespace playload
