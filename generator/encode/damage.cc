#include "generator/encode/damage.h"

#include <array>
#include <cassert>
#include <cstring>

#include "generator/base/random.h"

namespace playload {
namespace {

// Of each kind of event, fields that a pipeline needs. Not the one that the Kafka key is taken
// from, which must stay, nor event_timestamp, which some readers of a stream leave out of account.
constexpr std::array<std::string_view, 6> kPlayerFields = {"session_id", "event_type", "level_id",
                                                           "map_id",     "user_id",    "platform"};
constexpr std::array<std::string_view, 6> kPurchaseFields = {
    "transaction_id", "transaction_type", "currency", "amount", "item_id", "platform"};
constexpr std::array<std::string_view, 5> kServerFields = {"cpu_load", "memory_usage", "latency",
                                                           "region", "server_type"};

constexpr std::string_view kUnknownFieldHead = ",\"trace_id\":\"";
constexpr std::uint32_t kTraceDigits = 8;
constexpr std::uint32_t kUnknownFieldLength = kUnknownFieldHead.size() + kTraceDigits + 1;

// A part of the line.
struct Part {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  [[nodiscard]] std::uint32_t size() const { return end - begin; }
};

class Line {
 public:
  Line(char* text, EventRef* ref) : text_(text), ref_(*ref) {}

  [[nodiscard]] std::string_view text() const { return {text_, ref_.length}; }
  [[nodiscard]] char& at(std::uint32_t i) { return text_[i]; }
  [[nodiscard]] std::uint32_t length() const { return ref_.length; }
  [[nodiscard]] std::uint32_t key_end() const { return ref_.key_begin + 0u + ref_.key_length; }
  [[nodiscard]] Kind kind() const { return ref_.kind; }

  // Where a text begins. REQUIRES: it is there.
  [[nodiscard]] std::uint32_t Find(std::string_view what) const {
    const std::size_t found = text().find(what);
    assert(found != std::string_view::npos);
    return static_cast<std::uint32_t>(found);
  }
  // A field with its name, the last one of that name (user_id stands behind player_id).
  [[nodiscard]] Part Field(std::string_view name) const {
    const std::string quoted = "\"" + std::string(name) + "\":";
    const auto begin = static_cast<std::uint32_t>(text().rfind(quoted));
    return {begin, ValueOf(begin, quoted.size()).end};
  }
  [[nodiscard]] Part Value(std::string_view name) const {
    const std::string quoted = "\"" + std::string(name) + "\":";
    return ValueOf(static_cast<std::uint32_t>(text().rfind(quoted)), quoted.size());
  }

  // Puts another text in the place of a part that does not hold the key.
  void Replace(const Part& part, std::string_view by) {
    std::memmove(text_ + part.begin + by.size(), text_ + part.end, ref_.length - part.end);
    std::memcpy(text_ + part.begin, by.data(), by.size());
    const auto grown = static_cast<int>(by.size()) - static_cast<int>(part.size());
    ref_.length = static_cast<std::uint16_t>(ref_.length + grown);
    if (part.begin <= ref_.key_begin) {
      ref_.key_begin = static_cast<std::uint16_t>(ref_.key_begin + grown);
    }
  }

 private:
  // What follows a name: a text in its quotes, or a number.
  [[nodiscard]] Part ValueOf(std::uint32_t name, std::size_t length) const {
    const auto begin = static_cast<std::uint32_t>(name + length);
    const bool quoted = text_[begin] == '"';
    const std::size_t end =
        quoted ? text().find('"', begin + 1) + 1 : text().find_first_of(",}", begin);
    return {begin, static_cast<std::uint32_t>(end)};
  }

  char* const text_;
  EventRef& ref_;
};

template <std::size_t N>
std::string_view OneOf(const std::array<std::string_view, N>& fields, std::uint32_t random) {
  return fields[Below(random, static_cast<std::uint32_t>(N))];
}

std::string_view FieldOf(Kind kind, std::uint32_t random) {
  return kind == Kind::kPlayer     ? OneOf(kPlayerFields, random)
         : kind == Kind::kPurchase ? OneOf(kPurchaseFields, random)
                                   : OneOf(kServerFields, random);
}

// Anywhere behind the key, at least one byte before its end: an object without its end is none.
void CutOff(std::uint32_t random, Line* line) {
  const std::uint32_t newline = line->length() - 1;
  const std::uint32_t from = line->key_end();
  line->Replace({from + Below(random, newline - from), newline}, "");
}

// A number becomes a text or gets a fraction, which a whole number has not; a text becomes null, a
// number, or a list of itself.
void ChangeType(std::string_view field, std::uint32_t random, Line* line) {
  const Part value = line->Value(field);
  const std::string old(line->text().substr(value.begin, value.size()));
  const std::uint32_t which = Below(random, 3);
  if (old.front() == '"') {
    line->Replace(value, which == 0 ? "null" : which == 1 ? "17" : "[" + old + "]");
  } else if (field == "amount" || which == 0) {
    line->Replace(value, "\"" + old + "\"");
  } else {
    line->Replace(value, which == 1 ? old + ".5" : "null");
  }
}

void LeaveOut(std::string_view field, Line* line) {
  Part part = line->Field(field);
  // With the comma behind it, or the one before it where it is the last one of its object.
  if (line->at(part.end) == ',') {
    ++part.end;
  } else {
    --part.begin;
  }
  line->Replace(part, "");
}

// At the end of one of the three objects.
void AddField(std::uint64_t draw, Line* line) {
  const std::uint32_t end = line->length() - 3;  // "}}\n"
  const std::uint32_t places[] = {line->Find("},\"event_timestamp\""), end, end + 1};
  std::array<char, kUnknownFieldLength> field{};
  std::memcpy(field.data(), kUnknownFieldHead.data(), kUnknownFieldHead.size());
  char* o = field.data() + kUnknownFieldHead.size();
  for (std::uint32_t i = 0; i < kTraceDigits; ++i) *o++ = "0123456789abcdef"[draw >> 4 * i & 15];
  *o = '"';
  const std::uint32_t place = places[Below(static_cast<std::uint32_t>(draw >> 32), 3)];
  line->Replace({place, place}, {field.data(), field.size()});
}

// A byte that begins nothing, one that only continues, or one whose continuation is missing; in a
// text other than the key.
void BreakUtf8(std::uint64_t draw, Line* line) {
  std::string_view field = FieldOf(line->kind(), static_cast<std::uint32_t>(draw));
  if (line->at(line->Value(field).begin) != '"') {
    field = line->kind() == Kind::kServer ? "region" : "platform";
  }
  const Part value = line->Value(field);
  const auto letters = value.size() - 2;
  const std::uint32_t at = value.begin + 1 + Below(static_cast<std::uint32_t>(draw >> 32), letters);
  constexpr std::array<char, 3> kBytes = {'\xFF', '\x80', '\xC3'};
  line->at(at) = kBytes[draw % kBytes.size()];
}

// The shape of a second version of the profile: it says so, and its event_timestamp is one of the
// parameters.
void ChangeVersion(Line* line) {
  constexpr std::string_view kTime = "\"event_timestamp\":\"";
  const std::uint32_t brace = line->Find(std::string("},") + std::string(kTime));
  line->Replace({brace, brace + 1}, "");
  const Part field = line->Field("event_timestamp");
  line->Replace({field.end, field.end}, "}");
  line->Replace({1, 1}, "\"schema_version\":2,");
}

}  // namespace

void DamageLine(Corruption how, std::uint64_t draw, char* line, EventRef* ref) {
  Line damaged(line, ref);
  const auto low = static_cast<std::uint32_t>(draw);
  const auto high = static_cast<std::uint32_t>(draw >> 32);
  switch (how) {
    case Corruption::kCutOff:
      return CutOff(low, &damaged);
    case Corruption::kWrongType:
      return ChangeType(FieldOf(ref->kind, low), high, &damaged);
    case Corruption::kMissingField:
      return LeaveOut(FieldOf(ref->kind, low), &damaged);
    case Corruption::kUnknownField:
      return AddField(draw, &damaged);
    case Corruption::kBadUtf8:
      return BreakUtf8(draw, &damaged);
    case Corruption::kSchemaVersion:
      return ChangeVersion(&damaged);
  }
}

std::string WithoutUnknownField(std::string_view line) {
  std::string plain(line);
  const std::size_t at = plain.find(kUnknownFieldHead);
  if (at != std::string::npos) plain.erase(at, kUnknownFieldLength);
  return plain;
}

}  // namespace playload
