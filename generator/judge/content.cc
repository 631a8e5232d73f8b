#include "generator/judge/content.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "generator/rules/json_text.h"

namespace playload {

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

// One text for all ways of writing a value: no blanks, fields by name, numbers as doubles.
void AppendCanonical(const element& value, std::string* out) {
  switch (value.type()) {
    case element_type::OBJECT: {
      std::vector<std::pair<std::string_view, element>> fields;
      for (const auto field : simdjson::dom::object(value)) {
        fields.emplace_back(field.key, field.value);
      }
      std::stable_sort(fields.begin(), fields.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
      *out += '{';
      for (const auto& [name, inner] : fields) {
        AppendJsonText(name, out);
        *out += ':';
        AppendCanonical(inner, out);
        *out += ',';
      }
      *out += '}';
      break;
    }
    case element_type::ARRAY:
      *out += '[';
      for (const element inner : simdjson::dom::array(value)) {
        AppendCanonical(inner, out);
        *out += ',';
      }
      *out += ']';
      break;
    case element_type::STRING:
      AppendJsonText(std::string_view(value), out);
      break;
    case element_type::BOOL:
      *out += bool(value) ? "true" : "false";
      break;
    case element_type::NULL_VALUE:
      *out += "null";
      break;
    default:
      // 0 and -0 are one number.
      AppendJsonNumber(double(value) + 0.0, false, out);
      break;
  }
}

// simdjson reads no integer beyond 64 bits; with a fraction it is a number like others. nullopt
// where there is none. REQUIRES: no JSON but for such integers.
std::optional<std::string> WithFractions(std::string_view json) {
  constexpr std::size_t kLong = 19;  // digits of the least integer that may be beyond
  std::optional<std::string> result;
  std::size_t copied = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size();) {
    const char c = json[i];
    if (in_text) {
      in_text = c != '"';
      i += c == '\\' ? 2 : 1;
      continue;
    }
    const std::size_t end = std::min(json.find_first_not_of("0123456789+-.eE", i), json.size());
    const std::string_view number = json.substr(i, end - i);
    in_text = c == '"';
    i = std::max(end, i + 1);
    if (number.size() < kLong || number.find_first_of(".eE") != std::string_view::npos) continue;
    if (!result) result.emplace();
    result->append(json.substr(copied, end - copied));
    *result += ".0";
    copied = end;
  }
  if (result) result->append(json.substr(copied));
  return result;
}

std::optional<element> ParseWith(simdjson::dom::parser* parser, std::string_view text) {
  element json;
  if (parser->parse(text.data(), text.size()).get(json) == simdjson::SUCCESS) return json;
  const std::optional<std::string> again = WithFractions(text);
  if (again && parser->parse(*again).get(json) == simdjson::SUCCESS) return json;
  return std::nullopt;
}

}  // namespace

std::optional<element> ContentReader::Parse(std::string_view value) {
  return ParseWith(&parser_, value);
}

std::optional<std::string_view> ContentReader::TextAt(element json,
                                                      const std::vector<std::string>& path) {
  if (path.empty()) return std::nullopt;
  for (const std::string& name : path) {
    if (json[name].get(json) != simdjson::SUCCESS) return std::nullopt;
  }
  std::string_view text;
  if (json.get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::uint64_t ContentReader::Hash(const element& json) {
  canonical_.clear();
  AppendCanonical(json, &canonical_);
  return XXH3_64bits(canonical_.data(), canonical_.size());
}

std::optional<ContentReader::Content> ContentReader::Read(
    std::optional<std::string_view> key, std::string_view value,
    const std::vector<std::string>& key_path) {
  const std::optional<element> json = Parse(value);
  if (!json) return std::nullopt;
  if (!key) key = TextAt(*json, key_path);
  return Content{key, Hash(*json)};
}

ContentReader::Line ContentReader::ReadLine(std::string_view line, std::string_view output) {
  constexpr std::string_view kHead = R"({"output":)";
  simdjson::dom::object fields;
  std::string_view name;
  std::string_view key;
  element value;
  const std::optional<element> json =
      line.starts_with(kHead) ? ParseWith(&line_parser_, line) : std::nullopt;
  if (!json || json->get(fields) != simdjson::SUCCESS ||
      fields["output"].get(name) != simdjson::SUCCESS || name != output ||
      fields["key"].get(key) != simdjson::SUCCESS ||
      fields["value"].get(value) != simdjson::SUCCESS) {
    return {std::nullopt, line};
  }
  line_value_ = simdjson::minify(value);
  return {key, line_value_};
}

}  // namespace playload
