#include "generator/replay/facts.h"

#include <charconv>

#include "generator/event/catalog.h"

namespace playload {

namespace {

// Goes through a line from field to field.
class Scanner {
 public:
  explicit Scanner(std::string_view line) : rest_(line) {}

  // The text between `before`, which ends where the value begins, and the next `end`.
  std::optional<std::string_view> Take(std::string_view before, char end) {
    const std::size_t at = rest_.find(before);
    if (at == std::string_view::npos) return std::nullopt;
    rest_.remove_prefix(at + before.size());
    const std::size_t length = rest_.find(end);
    if (length == std::string_view::npos) return std::nullopt;
    const std::string_view value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return value;
  }

 private:
  std::string_view rest_;
};

template <typename Integer>
bool ReadInteger(std::string_view text, Integer* out) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *out);
  return error == std::errc() && stop == end;
}

// "19.2" -> 192 and one decimal.
bool ReadAmount(std::string_view text, PurchaseFacts* facts) {
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) {
    facts->decimals = 0;
    return ReadInteger(text, &facts->minor_units);
  }
  const std::string_view fraction = text.substr(point + 1);
  std::uint64_t parts = 0;
  if (fraction.size() > 6 || !ReadInteger(text.substr(0, point), &facts->minor_units) ||
      !ReadInteger(fraction, &parts)) {
    return false;
  }
  facts->decimals = static_cast<std::uint8_t>(fraction.size());
  for (std::size_t i = 0; i < fraction.size(); ++i) facts->minor_units *= 10;
  facts->minor_units += parts;
  return true;
}

bool ReadCurrency(std::string_view code, std::uint8_t* index) {
  for (int i = 0; i < kCurrencies; ++i) {
    if (kCurrencyTable[i].code == code) {
      *index = static_cast<std::uint8_t>(i);
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<PurchaseLine> ReadPurchaseLine(std::string_view line, const IdForm& players) {
  Scanner scanner(line);
  PurchaseLine result;
  const auto type = scanner.Take("\"transaction_type\":\"", '"');
  const auto currency = scanner.Take("\"currency\":\"", '"');
  const auto amount = scanner.Take("\"amount\":", ',');
  const auto time = scanner.Take("\"event_timestamp\":\"", '"');
  const auto user = scanner.Take("\"user_id\":\"", '"');
  if (!type || !currency || !amount || !time || !user) return std::nullopt;
  const auto number = players.Number(*user);
  if (!number || !ReadCurrency(*currency, &result.facts.currency) ||
      !ReadAmount(*amount, &result.facts)) {
    return std::nullopt;
  }
  result.facts.user = *number;
  result.type = *type;
  result.currency = *currency;
  result.amount = *amount;
  result.time = *time;
  return result;
}

std::optional<ServerFacts> ReadServerLine(std::string_view line) {
  Scanner scanner(line);
  ServerFacts facts;
  const auto cpu = scanner.Take("\"cpu_load\":", ',');
  const auto memory = scanner.Take("\"memory_usage\":", ',');
  if (!cpu || !memory || !ReadInteger(*cpu, &facts.cpu_load) ||
      !ReadInteger(*memory, &facts.memory_usage)) {
    return std::nullopt;
  }
  return facts;
}

}  // namespace playload
