// JsonText: writes the JSON files of the run directory with RapidJSON, indented by two. Texts may
// be any bytes: what is no UTF-8 in them is written as AsUtf8() does.
//
// Threads: one writer each.

#pragma once

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "generator/base/text.h"

namespace playload {

class JsonText {
 public:
  JsonText() : writer_(buffer_) { writer_.SetIndent(' ', 2); }

  void BeginObject() { writer_.StartObject(); }
  void EndObject() { writer_.EndObject(); }
  void BeginArray() {
    writer_.StartArray();
    if (one_line_ > 0) ++one_line_;
  }
  // This array and the arrays in it on one line.
  void BeginArrayOnOneLine() {
    if (one_line_ > 0) return BeginArray();
    writer_.StartArray();
    writer_.SetFormatOptions(rapidjson::kFormatSingleLineArray);
    one_line_ = 1;
  }
  void EndArray() {
    writer_.EndArray();
    if (one_line_ > 0 && --one_line_ == 0) writer_.SetFormatOptions(rapidjson::kFormatDefault);
  }
  void Key(std::string_view key) {
    writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  }

  void Value(std::string_view text) {
    const std::string valid = AsUtf8(text);
    writer_.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
  }
  void Value(const char* text) { Value(std::string_view(text)); }
  void Value(std::uint64_t number) { writer_.Uint64(number); }
  void Value(std::int64_t number) { writer_.Int64(number); }
  void Value(int number) { writer_.Int(number); }
  void Value(bool flag) { writer_.Bool(flag); }
  // Rounded to `places` decimals; they are all that is meant.
  void Decimal(double number, int places = 3) {
    writer_.SetMaxDecimalPlaces(places);
    writer_.Double(number);
  }
  void Null() { writer_.Null(); }

  template <typename T>
  void Field(std::string_view key, const T& value) {
    Key(key);
    Value(value);
  }

  // The text with a newline at its end.
  [[nodiscard]] std::string Text() const {
    return std::string(buffer_.GetString(), buffer_.GetSize()) + '\n';
  }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer_;
  int one_line_ = 0;  // open arrays of the outermost one that is on one line
};

}  // namespace playload
