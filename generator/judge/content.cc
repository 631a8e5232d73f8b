#include "generator/judge/content.h"

#define XXH_INLINE_ALL
#include <simdjson.h>
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
      for (const auto field : simdjson::dom::object(value))
        fields.emplace_back(field.key, field.value);
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

}  // namespace

struct ContentReader::Impl {
  simdjson::dom::parser parser;
  simdjson::dom::parser line_parser;
  std::string canonical;
  std::string line_value;
};

ContentReader::ContentReader() : impl_(std::make_unique<Impl>()) {}
ContentReader::~ContentReader() = default;

std::optional<ContentReader::Content> ContentReader::Read(
    std::optional<std::string_view> key, std::string_view value,
    const std::vector<std::string>& key_path) {
  element json;
  if (impl_->parser.parse(value.data(), value.size()).get(json) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  if (!key && !key_path.empty()) {
    element at = json;
    const bool found = std::all_of(
        key_path.begin(), key_path.end(),
        [&at](const std::string& name) { return at[name].get(at) == simdjson::SUCCESS; });
    std::string_view named;
    if (found && at.get(named) == simdjson::SUCCESS) key = named;
  }
  impl_->canonical.clear();
  AppendCanonical(json, &impl_->canonical);
  return Content{key, XXH3_64bits(impl_->canonical.data(), impl_->canonical.size())};
}

ContentReader::Line ContentReader::ReadLine(std::string_view line, std::string_view output) {
  constexpr std::string_view kHead = R"({"output":)";
  simdjson::dom::object fields;
  std::string_view name;
  std::string_view key;
  element value;
  if (!line.starts_with(kHead) ||
      impl_->line_parser.parse(line.data(), line.size()).get(fields) != simdjson::SUCCESS ||
      fields["output"].get(name) != simdjson::SUCCESS || name != output ||
      fields["key"].get(key) != simdjson::SUCCESS ||
      fields["value"].get(value) != simdjson::SUCCESS) {
    return {std::nullopt, line};
  }
  impl_->line_value = simdjson::minify(value);
  return {key, impl_->line_value};
}

}  // namespace playload
