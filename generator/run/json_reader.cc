#include "generator/run/json_reader.h"

#include <utility>

namespace playload {

namespace dom = simdjson::dom;

JsonReader::JsonReader(std::string file) : file_(std::move(file)) {
  const dom::element both = empty_parser_.parse(std::string_view("[{}, []]")).value_unsafe();
  empty_object_ = both.at(0).get_object().value_unsafe();
  empty_array_ = both.at(1).get_array().value_unsafe();
}

dom::object JsonReader::Parse(std::string_view json) {
  dom::object object = empty_object_;
  dom::element root;
  const simdjson::error_code error = parser_.parse(json.data(), json.size()).get(root);
  if (error != simdjson::SUCCESS) {
    Fail(std::string("not JSON: ") + simdjson::error_message(error));
  } else if (root.get(object) != simdjson::SUCCESS) {
    Fail("not a JSON object");
    object = empty_object_;
  }
  return object;
}

void JsonReader::Fail(const std::string& message) {
  if (status_.ok()) status_ = Invalid(file_ + ": " + message);
}

void JsonReader::WrongType(const std::string& where, const char* key, const char* right) {
  Fail("field '" + where + key + "' is not " + right);
}

bool JsonReader::Find(dom::object object, const std::string& where, const char* key,
                      dom::element* element) {
  if (object.at_key(key).get(*element) == simdjson::SUCCESS) return true;
  Fail("field '" + where + key + "' is missing");
  return false;
}

bool JsonReader::Has(dom::object object, const char* key) {
  dom::element element;
  return object.at_key(key).get(element) == simdjson::SUCCESS && !element.is_null();
}

std::string JsonReader::Text(dom::object object, const std::string& where, const char* key) {
  dom::element element;
  std::string_view text;
  if (!Find(object, where, key, &element)) return {};
  if (element.get(text) != simdjson::SUCCESS) WrongType(where, key, "a text");
  return std::string(text);
}

std::uint64_t JsonReader::Unsigned(dom::object object, const std::string& where, const char* key) {
  dom::element element;
  std::uint64_t number = 0;
  if (!Find(object, where, key, &element)) return 0;
  if (element.get(number) != simdjson::SUCCESS) {
    WrongType(where, key, "a whole number from 0 to 2^64 - 1");
  }
  return number;
}

std::int64_t JsonReader::Signed(dom::object object, const std::string& where, const char* key) {
  dom::element element;
  std::int64_t number = 0;
  if (!Find(object, where, key, &element)) return 0;
  if (element.get(number) != simdjson::SUCCESS) WrongType(where, key, "a whole number");
  return number;
}

bool JsonReader::Boolean(dom::object object, const std::string& where, const char* key) {
  dom::element element;
  bool flag = false;
  if (!Find(object, where, key, &element)) return false;
  if (element.get(flag) != simdjson::SUCCESS) WrongType(where, key, "true or false");
  return flag;
}

dom::object JsonReader::Object(dom::object object, const std::string& where, const char* key) {
  dom::element element;
  dom::object found = empty_object_;
  if (!Find(object, where, key, &element)) return found;
  if (element.get(found) != simdjson::SUCCESS) {
    WrongType(where, key, "an object");
    return empty_object_;
  }
  return found;
}

dom::array JsonReader::Array(dom::object object, const std::string& where, const char* key) {
  dom::element element;
  dom::array found = empty_array_;
  if (!Find(object, where, key, &element)) return found;
  if (element.get(found) != simdjson::SUCCESS) {
    WrongType(where, key, "an array");
    return empty_array_;
  }
  return found;
}

}  // namespace playload
