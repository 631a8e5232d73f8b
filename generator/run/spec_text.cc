#include "generator/run/spec_text.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "generator/base/text.h"

namespace playload {
namespace {

template <typename T, std::size_t N>
using Names = std::array<std::pair<T, std::string_view>, N>;

constexpr Names<Clock, 2> kClocks = {{{Clock::kLive, "live"}, {Clock::kVirtual, "virtual"}}};
constexpr Names<EventTypes, 2> kEventTypes = {
    {{EventTypes::kStrict, "strict"}, {EventTypes::kExtended, "extended"}}};
constexpr Names<TimestampForm, 4> kTimestampForms = {{{TimestampForm::kSeconds, "s"},
                                                      {TimestampForm::kMillis, "ms"},
                                                      {TimestampForm::kMicros, "us"},
                                                      {TimestampForm::kNaiveMicros, "naive"}}};

template <typename T, std::size_t N>
std::string_view NameOf(const Names<T, N>& names, T value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) return name;
  }
  return "";
}

template <typename T, std::size_t N>
Result<T> ValueOf(const Names<T, N>& names, std::string_view text) {
  std::vector<std::string> valid;
  for (const auto& [value, name] : names) {
    if (name == text) return value;
    valid.emplace_back(name);
  }
  return Invalid(Quoted(text) + " is not a valid value" + DidYouMean(text, valid));
}

}  // namespace

std::string_view ClockName(Clock clock) { return NameOf(kClocks, clock); }
Result<Clock> ParseClock(std::string_view text) { return ValueOf(kClocks, text); }

std::string_view EventTypesName(EventTypes types) { return NameOf(kEventTypes, types); }
Result<EventTypes> ParseEventTypes(std::string_view text) { return ValueOf(kEventTypes, text); }

std::string_view TimestampFormName(TimestampForm form) { return NameOf(kTimestampForms, form); }
Result<TimestampForm> ParseTimestampForm(std::string_view text) {
  return ValueOf(kTimestampForms, text);
}

Status CheckIdPrefix(std::string_view text) {
  const bool valid = text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                              (c >= '0' && c <= '9') || c == '-';
                     });
  if (valid) return {};
  return Invalid(Quoted(text) + " is not an id prefix: up to 32 of A-Z, a-z, 0-9 and '-'");
}

std::string_view TopicName(Kind kind) {
  constexpr std::array<std::string_view, kKinds> kTopics = {"player-events", "purchase-events",
                                                            "server-metrics"};
  return kTopics[static_cast<std::size_t>(kind)];
}

}  // namespace playload
