// RecordEvents: the events of a replay, records of 16 bytes, as facts for the incremental evaluator
// of rules: no line is made or parsed but for the texts of an output. tests/verify holds it to what
// the lines themselves say.
//
// Threads: value types, one thread at a time.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "generator/replay/outputs.h"
#include "generator/replay/replay.h"
#include "generator/rules/evaluator.h"
#include "generator/rules/parsed_events.h"

namespace playload {

// Ids of the run are their numbers; all other texts are interned.
class RecordSymbols : public Symbols {
 public:
  enum class Id : std::uint8_t { kPlayer, kSession, kTransaction, kServer };

  explicit RecordSymbols(std::string_view id_prefix);

  std::uint64_t Of(std::string_view text) override;
  void AppendText(std::uint64_t symbol, std::string* out) const override;
  // What Of() gives; nullopt where that would be a new symbol.
  [[nodiscard]] std::optional<std::uint64_t> Find(std::string_view text) const;

  // The symbol of a text that is an id; nothing is remembered of any other.
  [[nodiscard]] std::optional<std::uint64_t> OfIdText(std::string_view text) const;
  // The same symbol without its text. REQUIRES: number < 2^56.
  static std::uint64_t OfId(Id id, std::uint64_t number) {
    return (std::uint64_t{1} + static_cast<unsigned>(id)) << kShift | number;
  }

 private:
  static constexpr unsigned kShift = 56;

  std::array<IdForm, 4> forms_;  // by Id
  InternedSymbols words_;
};

class RecordEvents : public EventTexts {
 public:
  // Both outlive it.
  RecordEvents(const Replay& replay, RecordSymbols* symbols);

  // Event `i` of a run as facts; `run` must live until its texts were asked for. REQUIRES: it is
  // valid (RecordFacts::Valid()).
  void Read(const ReplayedRun& run, std::uint32_t i, std::uint32_t needs, bool needs_time,
            EventFacts* facts);

  void AppendText(std::size_t field, std::string* out) override;
  void AppendEvent(std::string* out) override;

  // Of the latest event: its line, and the instant at which it was planned, as exact as timestamps
  // are.
  [[nodiscard]] std::string_view Line();
  [[nodiscard]] std::int64_t Arrival() const;

 private:
  void ReadPlayer(const Record& record, std::uint32_t needs, EventFacts* facts);
  void ReadPurchase(const Record& record, std::uint32_t needs, EventFacts* facts);
  void ReadServer(const Record& record, std::uint32_t needs, EventFacts* facts);
  // The symbol of a text that is read from the line.
  [[nodiscard]] std::uint64_t FromLine(std::size_t field);
  [[nodiscard]] std::string_view TextInLine(std::size_t field);

  const StreamTables& tables_;
  RecordSymbols* const symbols_;
  RecordFacts facts_;
  // Symbols of the texts that records have as numbers.
  std::array<std::uint64_t, 6> actions_{};
  std::array<std::uint64_t, 256> levels_{};
  std::array<std::uint64_t, 256> maps_{};
  std::array<std::uint64_t, 2> platforms_{};
  std::array<std::uint64_t, 2> transaction_types_{};
  std::array<std::uint64_t, 2> server_types_{};
  std::array<std::uint64_t, kCurrencies> currencies_{};
  std::array<std::uint64_t, kItems> items_{};
  std::array<std::uint64_t, kItemTypes> item_types_{};
  std::array<std::uint64_t, kKinds> names_{};
  std::vector<std::uint64_t> regions_;
  // The latest event.
  const ReplayedRun* run_ = nullptr;
  std::uint32_t index_ = 0;
  Kind kind_ = Kind::kPlayer;
  bool has_line_ = false;
  std::string_view line_;
};

}  // namespace playload
