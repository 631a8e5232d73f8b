// The four outputs of the reference pipeline, and ids of players and servers as numbers.
//
// Threads: value types and constants.

#pragma once

#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace playload {

enum class OutputKind : std::uint8_t { kSummaries, kAggregates, kServerAlerts, kFraudAlerts };
inline constexpr int kOutputKinds = 4;
// Also the topics' and files' names where nothing else is said.
inline constexpr const char* kOutputNames[kOutputKinds] = {
    "player-session-summaries", "purchase-aggregates", "server-alerts", "fraud-alerts"};

// Whether a player (or server) of this number is one of the run's: in a run of one shard the others
// belong to other shards. Empty: all are.
using OwnNumber = std::function<bool(bool server, std::uint64_t number)>;

// How the ids of a run are written: "player_<n>", "player_<prefix>_<n>", "server_<n>".
class IdForm {
 public:
  // `word`: "player" or "server".
  IdForm(std::string word, std::string_view prefix) : word_(std::move(word) + "_"), head_(word_) {
    if (!prefix.empty()) head_.append(prefix).append("_");
  }

  // The number of an id of this run, written exactly as this run writes it.
  [[nodiscard]] std::optional<std::uint64_t> Number(std::string_view id) const {
    if (id.substr(0, head_.size()) != head_) return std::nullopt;
    return Digits(id.substr(head_.size()));
  }

  // Whether the id is one that a run with another prefix (or none) would write.
  [[nodiscard]] bool Foreign(std::string_view id) const {
    if (id.substr(0, word_.size()) != word_ || Number(id)) return false;
    const std::size_t cut = id.rfind('_');
    const std::string_view prefix =
        cut < word_.size() ? "x" : id.substr(word_.size(), cut - word_.size());
    if (prefix.empty() || prefix.find('_') != std::string_view::npos) return false;
    return Digits(id.substr(cut + 1)).has_value();
  }

  [[nodiscard]] std::string Text(std::uint64_t number) const {
    return head_ + std::to_string(number);
  }

  // What stands before the number.
  [[nodiscard]] const std::string& head() const { return head_; }

 private:
  // At most 19 digits, no leading zero, so that Text() gives the same id back.
  static std::optional<std::uint64_t> Digits(std::string_view text) {
    std::uint64_t number = 0;
    if (text.empty() || text.size() > 19 || text[0] < '0' || text[0] > '9' ||
        (text[0] == '0' && text.size() > 1)) {
      return std::nullopt;
    }
    const char* const end = text.data() + text.size();
    if (std::from_chars(text.data(), end, number).ptr != end) return std::nullopt;
    return number;
  }

  std::string word_;  // "player_"
  std::string head_;  // "player_abc_"
};

}  // namespace playload
