#include "generator/judge/regular.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <system_error>

#include "generator/judge/produced.h"

namespace playload {

namespace {

constexpr std::string_view kSummaryTail = R"(","event_count":1})";
constexpr std::string_view kSummaryLineTail = R"(","event_count":1}})";
constexpr std::size_t kQuotedId = std::string_view(R"({"player_id":")").size();

bool Same(const char* a, std::string_view b) { return std::memcmp(a, b.data(), b.size()) == 0; }

}  // namespace

// Goes through JSON text token by token; false from anything means: not for this reader.
class RegularReader::Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool Take(char c) {
    Blanks();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool AtEnd() {
    Blanks();
    return at_ == end_;
  }

  // A string of printable ASCII without escapes.
  bool Text(std::string_view* text) {
    if (!Take('"')) return false;
    const char* const begin = at_;
    while (at_ != end_ && Plain(static_cast<unsigned char>(*at_))) ++at_;
    if (at_ == end_ || *at_ != '"') return false;
    *text = {begin, static_cast<std::size_t>(at_ - begin)};
    ++at_;
    return true;
  }

  // An unsigned number.
  bool Number(double* number) {
    constexpr std::size_t kExactDigits = 15;  // all integers of so many digits are doubles
    constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    Blanks();
    const char* const begin = at_;
    std::uint64_t digits = 0;
    const std::size_t whole = Digits(&digits);
    if (whole == 0 || (whole > 1 && *begin == '0')) return false;
    std::size_t fraction = 0;
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      fraction = Digits(&digits);
      if (fraction == 0) return false;
    }
    const bool exponent = at_ != end_ && (*at_ == 'e' || *at_ == 'E');
    if (!exponent && whole + fraction <= kExactDigits) {
      // Both are exact, and IEEE division rounds their quotient as a parser rounds the text.
      *number = static_cast<double>(digits) / kPowers[fraction];
      return true;
    }
    if (exponent) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (Digits(&digits) == 0) return false;
    } else if (fraction == 0) {
      return false;  // what a parser makes of integers that are no doubles is its affair
    }
    const auto [stop, error] = std::from_chars(begin, at_, *number);
    return error == std::errc() && stop == at_;
  }

  // A number without fraction up to `most`.
  template <typename Integer>
  bool Whole(double most, Integer* number) {
    double value = 0;
    if (!Number(&value) || value > most || value != std::floor(value)) return false;
    *number = static_cast<Integer>(value);
    return true;
  }

  // An object; `field(name)` reads each value.
  template <typename Field>
  bool Object(Field field) {
    if (!Take('{')) return false;
    do {
      std::string_view name;
      if (!Text(&name) || !Take(':') || !field(name)) return false;
    } while (Take(','));
    return Take('}');
  }

 private:
  void Blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  static bool Plain(unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

  // How many there are; wraps around beyond 19.
  std::size_t Digits(std::uint64_t* number) {
    const char* const begin = at_;
    for (; at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++at_) {
      *number = *number * 10 + static_cast<std::uint64_t>(*at_ - '0');
    }
    return static_cast<std::size_t>(at_ - begin);
  }

  const char* at_;
  const char* end_;
};

namespace {

// Which fields there were: a bit each.
class Seen {
 public:
  // False when it was there already.
  bool Once(unsigned field) {
    const bool first = (bits_ >> field & 1u) == 0;
    bits_ |= 1u << field;
    return first;
  }
  [[nodiscard]] bool All(unsigned fields) const { return bits_ == (1u << fields) - 1; }
  [[nodiscard]] unsigned bits() const { return bits_; }

 private:
  unsigned bits_ = 0;
};

}  // namespace

RegularReader::RegularReader(std::string_view id_prefix, bool timestamps)
    : timestamps_(timestamps),
      player_("player", id_prefix),
      server_("server", ""),
      value_head_(R"({"player_id":")" + player_.head()),
      line_head_(R"({"output":")" +
                 std::string(kOutputNames[static_cast<unsigned>(OutputKind::kSummaries)]) +
                 R"(","key":")" + player_.head()),
      line_middle_(R"(","value":)" + value_head_) {}

std::optional<std::uint64_t> RegularReader::Summary(std::optional<std::string_view> key,
                                                    std::string_view value) const {
  const std::size_t around = value_head_.size() + kSummaryTail.size();
  if (value.size() <= around) return std::nullopt;
  const std::string_view digits = value.substr(value_head_.size(), value.size() - around);
  if (!Same(value.data(), value_head_) || !Same(digits.data() + digits.size(), kSummaryTail)) {
    return std::nullopt;
  }
  if (key && *key != value.substr(kQuotedId, player_.head().size() + digits.size())) {
    return std::nullopt;
  }
  return ReadDecimal(digits, value_head_.size());
}

std::optional<std::uint64_t> RegularReader::SummaryLine(std::string_view line) const {
  const std::size_t around = line_head_.size() + line_middle_.size() + kSummaryLineTail.size();
  if (line.size() < around || !Same(line.data(), line_head_)) return Summary(std::nullopt, line);
  // The number stands there twice, so its length follows.
  const std::size_t length = (line.size() - around) / 2;
  const char* const first = line.data() + line_head_.size();
  const char* const second = first + length + line_middle_.size();
  if ((line.size() - around) % 2 != 0 || !Same(first + length, line_middle_) ||
      !Same(second + length, kSummaryLineTail) || !Same(first, {second, length})) {
    return std::nullopt;
  }
  return ReadDecimal({second, length}, line_middle_.size());
}

bool RegularReader::Read(OutputKind output, std::optional<std::string_view> key,
                         std::string_view value, ProducedRecord* record) {
  Scanner scanner(value);
  std::optional<std::string_view> id;
  return ReadValue(output, &scanner, &id, record) && scanner.AtEnd() &&
         SetNumber(output, key, id, record);
}

bool RegularReader::ReadLine(OutputKind output, std::string_view line, ProducedRecord* record) {
  // What begins otherwise is taken for a bare value, whatever its fields.
  constexpr std::string_view kHead = R"({"output":)";
  if (!line.starts_with(kHead)) return Read(output, std::nullopt, line, record);
  Scanner scanner(line);
  std::string_view name;
  std::string_view key;
  std::optional<std::string_view> id;
  Seen seen;
  const bool read = scanner.Object([&](std::string_view field) {
    if (field == "output") return seen.Once(0) && scanner.Text(&name);
    if (field == "key") return seen.Once(1) && scanner.Text(&key);
    return field == "value" && seen.Once(2) && ReadValue(output, &scanner, &id, record);
  });
  return read && seen.All(3) && scanner.AtEnd() &&
         name == kOutputNames[static_cast<unsigned>(output)] && SetNumber(output, key, id, record);
}

bool RegularReader::ReadValue(OutputKind output, Scanner* scanner,
                              std::optional<std::string_view>* id, ProducedRecord* record) {
  Seen seen;
  const auto take_id = [&](unsigned field) {
    id->emplace();
    return seen.Once(field) && scanner->Text(&**id);
  };
  switch (output) {
    case OutputKind::kSummaries: {
      double count = 0;
      return scanner->Object([&](std::string_view field) {
        if (field == "player_id") return take_id(0);
        return field == "event_count" && seen.Once(1) && scanner->Number(&count);
      }) && seen.All(2) &&
             count == 1.0;
    }
    case OutputKind::kAggregates: {
      constexpr double kMost = 4294967295.0;
      return scanner->Object([&](std::string_view field) {
        if (field == "total_amount") return seen.Once(0) && scanner->Number(&record->total_amount);
        if (field == "transaction_count") {
          return seen.Once(1) && scanner->Whole(kMost, &record->transaction_count);
        }
        return field == "user_id" && take_id(2);
      }) && (seen.bits() & 3u) == 3u;
    }
    case OutputKind::kServerAlerts:
      return ReadAlert(scanner, id, record);
    case OutputKind::kFraudAlerts: {
      std::string_view reason;
      const bool read = scanner->Object([&](std::string_view field) {
        if (field == "user_id") return take_id(0);
        return field == "reason" && seen.Once(1) && scanner->Text(&reason);
      });
      record->reason = reason == kReasonFrequent ? FraudAlert::kFrequent
                       : reason == kReasonMulti  ? FraudAlert::kMulti
                                                 : FraudAlert::kNone;
      return read && seen.All(2) && record->reason != FraudAlert::kNone;
    }
  }
  return false;
}

bool RegularReader::ReadAlert(Scanner* scanner, std::optional<std::string_view>* id,
                              ProducedRecord* record) {
  std::string_view name;
  std::string_view time;
  id->emplace();
  Seen seen;
  Seen parameters;
  Seen server;
  const auto take_parameter = [&](std::string_view field) {
    if (field == "server_id") return parameters.Once(0) && scanner->Text(&**id);
    if (field == "cpu_load") {
      return parameters.Once(1) && scanner->Whole(65535.0, &record->cpu_load);
    }
    if (field == "memory_usage") {
      return parameters.Once(2) && scanner->Whole(65535.0, &record->memory_usage);
    }
    return field == "latency" && parameters.Once(3) &&
           scanner->Whole(4294967295.0, &record->latency);
  };
  const auto take_server = [&](std::string_view field) {
    if (field == "region") return server.Once(0) && scanner->Text(&record->region);
    return field == "server_type" && server.Once(1) && scanner->Text(&record->server_type);
  };
  const bool read = scanner->Object([&](std::string_view field) {
    if (field == "event_name") return seen.Once(0) && scanner->Text(&name);
    if (field == "parameters") return seen.Once(1) && scanner->Object(take_parameter);
    if (field == "event_timestamp") return seen.Once(2) && scanner->Text(&time);
    return field == "server_data" && seen.Once(3) && scanner->Object(take_server);
  });
  if (!read || !seen.All(4) || !parameters.All(4) || !server.All(2)) return false;
  record->time_ns = InstantOf(time);
  AlertContent content(&content_);
  content.Add(name);
  content.Add(**id);
  content.Add(record->cpu_load);
  content.Add(record->memory_usage);
  content.Add(record->latency);
  if (timestamps_) content.Add(time);
  content.Add(record->region);
  content.Add(record->server_type);
  record->content = content.Hash();
  return true;
}

bool RegularReader::SetNumber(OutputKind output, std::optional<std::string_view> key,
                              std::optional<std::string_view> id, ProducedRecord* record) const {
  if (!id) id = key;
  if (!id || (key && *key != *id)) return false;
  const IdForm& form = output == OutputKind::kServerAlerts ? server_ : player_;
  const std::optional<std::uint64_t> number = form.Number(*id);
  if (!number) return false;
  record->number = *number;
  record->form = ProducedRecord::Form::kRegular;
  return true;
}

std::int64_t RegularReader::InstantOf(std::string_view time) {
  if (time != instant_text_) {
    instant_text_ = time;
    instant_ns_ = ProducedInstant(time);
  }
  return instant_ns_;
}

}  // namespace playload
