#include "generator/rules/parsed_events.h"

#include <simdjson.h>

#include <array>
#include <limits>
#include <utility>

#include "generator/base/text.h"
#include "generator/rules/json_text.h"

namespace playload {

namespace {

using simdjson::dom::element;

}  // namespace

std::uint64_t InternedSymbols::Of(std::string_view text) {
  const auto found = numbers_.find(text);
  if (found != numbers_.end()) return found->second;
  texts_.emplace_back(text);
  return numbers_.emplace(texts_.back(), texts_.size() - 1).first->second;
}

std::optional<std::uint64_t> InternedSymbols::Find(std::string_view text) const {
  const auto found = numbers_.find(text);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

void InternedSymbols::AppendText(std::uint64_t symbol, std::string* out) const {
  *out += texts_[symbol];
}

std::int64_t EventInstant(std::string_view text) {
  Result<std::int64_t> instant = ParseInstant(text);
  if (!instant && !text.ends_with('Z')) instant = ParseInstant(std::string(text) + "Z");
  return instant ? *instant : EventFacts::kNoTime;
}

struct ParsedEvents::Impl {
  simdjson::dom::parser parser;
  Kind kind = Kind::kPlayer;
  std::array<std::string_view, kMostFields> texts;
  std::array<double, kMostFields> numbers{};
};

ParsedEvents::ParsedEvents(Symbols* symbols) : symbols_(symbols), impl_(std::make_unique<Impl>()) {}
ParsedEvents::~ParsedEvents() = default;

bool ParsedEvents::Read(Kind kind, std::string_view line, std::uint32_t needs, bool needs_time,
                        EventFacts* facts) {
  element event;
  if (impl_->parser.parse(line.data(), line.size()).get(event) != simdjson::SUCCESS) return false;
  impl_->kind = kind;
  const std::span<const EventField> fields = FieldsOf(kind);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::string_view path = fields[i].path;
    element value = event;
    for (bool more = true; more;) {
      const std::size_t dot = path.find('.');
      more = dot != std::string_view::npos;
      if (value[path.substr(0, dot)].get(value) != simdjson::SUCCESS) return false;
      if (more) path.remove_prefix(dot + 1);
    }
    switch (fields[i].type) {
      case FieldType::kText:
        if (value.get(impl_->texts[i]) != simdjson::SUCCESS) return false;
        break;
      case FieldType::kWhole: {
        std::uint64_t number = 0;
        if (value.get(number) != simdjson::SUCCESS ||
            number > std::numeric_limits<std::uint32_t>::max()) {
          return false;
        }
        impl_->numbers[i] = static_cast<double>(number);
        break;
      }
      case FieldType::kNumber:
        if (value.get(impl_->numbers[i]) != simdjson::SUCCESS) return false;
        break;
    }
  }
  facts->kind = kind;
  facts->time_ns = EventFacts::kNoTime;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (needs_time && fields[i].path == kTimeField) facts->time_ns = EventInstant(impl_->texts[i]);
    if ((needs >> i & 1) == 0) continue;
    if (fields[i].type == FieldType::kText) {
      facts->values[i] = symbols_->Of(impl_->texts[i]);
    } else {
      facts->SetNumber(i, impl_->numbers[i]);
    }
  }
  return true;
}

void ParsedEvents::AppendText(std::size_t field, std::string* out) { *out += impl_->texts[field]; }

void ParsedEvents::AppendEvent(std::string* out) {
  const std::span<const EventField> fields = FieldsOf(impl_->kind);
  std::string_view open;  // the object that the last field was in
  char before = '{';
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t dot = fields[i].path.find('.');
    const std::string_view object =
        dot == std::string_view::npos ? std::string_view() : fields[i].path.substr(0, dot);
    if (object != open) {
      if (!open.empty()) *out += '}';
      if (!object.empty()) {
        *out += before;
        AppendJsonText(object, out);
        *out += ':';
        before = '{';
      }
      open = object;
    }
    *out += before;
    before = ',';
    AppendJsonText(dot == std::string_view::npos ? fields[i].path : fields[i].path.substr(dot + 1),
                   out);
    *out += ':';
    if (fields[i].type == FieldType::kText) {
      AppendJsonText(impl_->texts[i], out);
      continue;
    }
    AppendJsonNumber(impl_->numbers[i], fields[i].type == FieldType::kWhole, out);
  }
  *out += open.empty() ? "}" : "}}";
}

}  // namespace playload
