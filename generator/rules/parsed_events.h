// ParsedEvents: lines of JSON as facts for the incremental evaluator (simdjson's parser).
//
// Threads: value types, one thread at a time.

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "generator/rules/evaluator.h"

namespace playload {

// Numbers texts as they come, and keeps each once.
class InternedSymbols : public Symbols {
 public:
  std::uint64_t Of(std::string_view text) override;
  void AppendText(std::uint64_t symbol, std::string* out) const override;
  // What Of() gives; nullopt where that would be a new symbol.
  [[nodiscard]] std::optional<std::uint64_t> Find(std::string_view text) const;

 private:
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, std::uint64_t> numbers_;
};

class ParsedEvents : public EventTexts {
 public:
  // `symbols` outlives it.
  explicit ParsedEvents(Symbols* symbols);
  ~ParsedEvents() override;

  // Whether the line is a valid event of this kind (docs/rules.md). Fills the values that `needs`
  // names, and the time with `needs_time`. The texts below are then its own, until the next Read().
  bool Read(Kind kind, std::string_view line, std::uint32_t needs, bool needs_time,
            EventFacts* facts);

  void AppendText(std::size_t field, std::string* out) override;
  void AppendEvent(std::string* out) override;

 private:
  struct Impl;
  Symbols* const symbols_;
  std::unique_ptr<Impl> impl_;
};

// The instant of an event_timestamp, also without its Z; EventFacts::kNoTime when it is none.
std::int64_t EventInstant(std::string_view text);

}  // namespace playload
