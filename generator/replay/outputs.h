// The four outputs of the reference pipeline, and ids of players and servers as numbers.
//
// Threads: value types and constants.

#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
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
// What fraud-alerts give as their reason.
inline constexpr const char* kReasonFrequent = "Too frequent transactions";
inline constexpr const char* kReasonMulti = "Multiple currency transactions";
constexpr std::size_t IndexOf(OutputKind output) { return static_cast<std::size_t>(output); }

// Whether a player (or server) of this number is one of the run's: in a run of one shard the others
// belong to other shards. Empty: all are.
using OwnNumber = std::function<bool(bool server, std::uint64_t number)>;

// A decimal of 1 to 19 digits without a leading zero; eight digits at once, by multiplications: 3
// ns where std::from_chars() takes 10. `before`: so many bytes can be read before the beginning of
// `text`; with seven it is always fast.
inline std::optional<std::uint64_t> ReadDecimal(std::string_view text, std::size_t before) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  const std::size_t size = text.size();
  if (size == 0 || size > 19 || (text[0] == '0' && size > 1)) return std::nullopt;
  if (size > 8 || size + before < 8) [[unlikely]] {
    std::uint64_t number = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return number;
  }
  // The digits are the word's highest bytes; zeros take the place of what stands before them.
  const unsigned others = static_cast<unsigned>(8 - size) * 8;
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + size - 8, sizeof(word));
  word = (word ^ kOnes * '0') >> others << others;
  if (((word | (word + kOnes * (0x80 - 10))) & kOnes * 0x80) != 0) return std::nullopt;
  word = word * 10 + (word >> 8);  // pairs of digits in every other byte
  return ((word & 0x000000FF000000FFu) * 0x000F424000000064u +
          (word >> 16 & 0x000000FF000000FFu) * 0x0000271000000001u) >>
         32;
}

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
    return DigitsFrom(id, head_.size());
  }

  // Whether the id is one that a run with another prefix (or none) would write.
  [[nodiscard]] bool Foreign(std::string_view id) const {
    if (id.substr(0, word_.size()) != word_ || Number(id)) return false;
    const std::size_t cut = id.rfind('_');
    const std::string_view prefix =
        cut < word_.size() ? "x" : id.substr(word_.size(), cut - word_.size());
    if (prefix.empty() || prefix.find('_') != std::string_view::npos) return false;
    return DigitsFrom(id, cut + 1).has_value();
  }

  [[nodiscard]] std::string Text(std::uint64_t number) const {
    return head_ + std::to_string(number);
  }

  // What stands before the number.
  [[nodiscard]] const std::string& head() const { return head_; }

 private:
  // At most 19 digits, no leading zero, so that Text() gives the same id back.
  static std::optional<std::uint64_t> DigitsFrom(std::string_view id, std::size_t begin) {
    return ReadDecimal(id.substr(begin), begin);
  }

  std::string word_;  // "player_"
  std::string head_;  // "player_abc_"
};

}  // namespace playload
