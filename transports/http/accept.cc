#include "transports/http/accept.h"

#include <string_view>
#include <tuple>

#include "transports/http/names.h"
#include "transports/http/words.h"

namespace playload {
namespace {

// "0.5", "1", also ".2" (Java's HttpURLConnection) -> thousandths; others are none.
std::optional<int> ParseQuality(std::string_view text) {
  int thousandths = 0;
  int unit = 1'000;  // of the next digit, behind the point
  bool fraction = false;
  if (text.empty() || text == "." || text.size() > 5) return std::nullopt;
  for (const char c : text) {
    if (c == '.' && !fraction) {
      fraction = true;
    } else if (c < '0' || c > '9') {
      return std::nullopt;
    } else if (fraction) {
      unit /= 10;
      thousandths += (c - '0') * unit;
    } else {
      thousandths = thousandths * 10 + (c - '0') * 1'000;
    }
  }
  if (thousandths > 1'000) return std::nullopt;
  return thousandths;
}

// How well an Accept header suits one format: the most specific range that covers its type decides.
struct Suits {
  int specific = 0;  // 0: nothing covers it, 1: */*, 2: text/*, 3: the type itself
  int quality = 0;   // thousandths
  int place = 0;     // negative: of the header's items

  [[nodiscard]] bool acceptable() const { return specific > 0 && quality > 0; }
  // A type that is named beats one that is only covered, as in "application/json, */*".
  friend bool operator<(const Suits& a, const Suits& b) {
    return std::tie(a.quality, a.specific, a.place) < std::tie(b.quality, b.specific, b.place);
  }
};

// `type`: "text/event-stream".
Suits Judge(std::string_view accept, std::string_view type) {
  Suits best;
  const std::string_view main = type.substr(0, type.find('/'));
  for (int place = 0; !accept.empty(); --place) {
    std::string_view item = TakeUpTo(accept, ',');
    const std::string_view range = TrimBlanks(TakeUpTo(item, ';'));
    Suits now{0, 1'000, place};
    if (SameWord(range, type)) {
      now.specific = 3;
    } else if (range.ends_with("/*") && SameWord(range.substr(0, range.size() - 2), main)) {
      now.specific = 2;
    } else if (range == "*/*" || range == "*") {
      now.specific = 1;
    }
    while (!item.empty()) {
      std::string_view value = TakeUpTo(item, ';');
      const std::string_view name = TrimBlanks(TakeUpTo(value, '='));
      if (!SameWord(name, "q")) continue;
      const std::optional<int> quality = ParseQuality(TrimBlanks(value));
      if (!quality) now.specific = 0;  // an item that cannot be read is not there
      now.quality = quality.value_or(0);
    }
    if (now.specific > best.specific) best = now;
  }
  return best;
}

}  // namespace

Accepted ChooseFormat(std::string_view accept, std::span<const StreamFormat> formats) {
  Accepted chosen;
  Suits best;
  for (const StreamFormat format : formats) {
    const Suits suits = Judge(accept, kMediaTypes[static_cast<std::size_t>(format)]);
    if (!suits.acceptable() || (chosen.format && !(best < suits))) continue;
    best = suits;
    chosen = {format, suits.specific > 1};
  }
  return chosen;
}

}  // namespace playload
