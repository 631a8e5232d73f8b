#include "scenarios/script.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/event/catalog.h"

namespace playload {
namespace {

constexpr std::int64_t kLongestWait = std::int64_t{3'650} * 86'400'000'000'000;

// In the order of ProbeStep::What.
constexpr const char* kWords[] = {"move",           "interaction", "level_start",
                                  "level_complete", "purchase",    "refund"};
constexpr int kMetric = static_cast<int>(ProbeStep::What::kMetric);

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(at), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

template <typename Integer>
std::optional<Integer> Number(std::string_view text, Integer least, Integer most) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < least || value > most) return std::nullopt;
  return value;
}

template <typename Table, typename Name>
int IndexOf(const Table& table, Name name, std::string_view text) {
  const auto found = std::find_if(std::begin(table), std::end(table),
                                  [&](const auto& entry) { return name(entry) == text; });
  return found == std::end(table) ? -1 : static_cast<int>(found - std::begin(table));
}

int CurrencyOf(std::string_view code) {
  return IndexOf(
      kCurrencyTable, [](const Currency& c) { return c.code; }, code);
}

int ItemOf(std::string_view id) {
  return IndexOf(
      kCatalog, [](const Item& i) { return i.id; }, id);
}

bool Waits(const ProbeStep& step) { return step.wait_ns != 0 || step.clock_ns != 0; }

void DoNotWait(ProbeStep* step) {
  step->wait_ns = 0;
  step->within = false;
  step->from = 0;
  step->clock_ns = 0;
  step->shift_ns = 0;
}

// "at 1m", "at 1m - 1ms": the edge of the clock before the step that follows.
Status ReadClock(const std::vector<std::string_view>& words, ProbeStep* next) {
  const bool shifted = words.size() == 4 && (words[2] == "-" || words[2] == "+");
  const Result<std::int64_t> clock = words.size() > 1 ? ParseDuration(words[1]) : Invalid("");
  const Result<std::int64_t> shift = shifted ? ParseDuration(words[3]) : std::int64_t{0};
  const auto whole = [](const Result<std::int64_t>& ns) {
    return ns.has_value() && *ns >= 0 && *ns <= kLongestWait && *ns % 1'000'000 == 0;
  };
  if ((words.size() != 2 && !shifted) || !whole(clock) || *clock == 0 || !whole(shift)) {
    return Invalid("'at' needs a duration of whole milliseconds: 1m, 1m - 1ms or 1m + 1ms");
  }
  if (*shift >= *clock) {
    return Invalid("'at " + std::string(words[1]) + "': " + Quoted(words[3]) +
                   " from it is no nearer to it than to the next one");
  }
  next->clock_ns = *clock;
  next->shift_ns = shifted && words[2] == "-" ? -*shift : *shift;
  return {};
}

// "after 60s", "within 60s from 1", "at 1m": the wait before the step that follows.
Result<bool> ReadWait(const std::vector<std::string_view>& words,
                      const std::vector<ProbeStep>& steps, bool server, ProbeStep* next) {
  if (words[0] != "after" && words[0] != "within" && words[0] != "at") return false;
  if (Waits(*next)) {
    return Invalid(words[0] == "at" || next->clock_ns != 0
                       ? "two waits one after the other; a step has one"
                       : "two waits one after the other; give their sum");
  }
  if (words[0] == "at") {
    if (Status status = ReadClock(words, next); !status.ok()) return status;
    return true;
  }
  const bool from = words.size() == 4 && words[2] == "from";
  if (words.size() != 2 && !from) {
    return Invalid("'" + std::string(words[0]) + "' needs a duration: 60s, or 60s from 1");
  }
  const Result<std::int64_t> wait = ParseDuration(words[1]);
  if (!wait || *wait < 1 || *wait > kLongestWait) {
    return Invalid("'" + std::string(words[0]) + " " + std::string(words[1]) +
                   "' needs a duration, such as 60s or 250ms");
  }
  next->wait_ns = *wait;
  next->within = words[0] == "within";
  if (steps.empty()) return Invalid("a script begins with a step, not with a wait");
  if (!from) return true;
  if (server) return Invalid("a server waits from the step before; leave out 'from'");
  const auto number = Number<int>(words[3], 1, static_cast<int>(steps.size()));
  if (!number) {
    return Invalid("'from " + std::string(words[3]) + "' needs the number of a step before, 1 to " +
                   FormatCount(steps.size()));
  }
  if (std::any_of(steps.begin() + *number, steps.end(), Waits)) {
    return Invalid("'from " + std::string(words[3]) +
                   "': no step after that one and before this one may wait");
  }
  next->from = *number == static_cast<int>(steps.size()) ? 0 : *number;
  return true;
}

Status ReadMetric(const std::vector<std::string_view>& words, ProbeStep* step) {
  step->what = ProbeStep::What::kMetric;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const bool latency = words[i] == "latency";
    int* const field = words[i] == "cpu"      ? &step->cpu
                       : words[i] == "memory" ? &step->memory
                       : latency              ? &step->latency
                                              : nullptr;
    if (field == nullptr) {
      return Invalid("unknown word " + Quoted(words[i]) +
                     DidYouMean(words[i], {"cpu", "memory", "latency"}));
    }
    const int most = latency ? 60'000 : 100;
    const auto value =
        i + 1 < words.size() ? Number<int>(words[i + 1], 0, most) : std::optional<int>();
    if (!value) {
      return Invalid("'" + std::string(words[i]) + "' needs a whole number from 0 to " +
                     FormatCount(static_cast<std::uint64_t>(most)));
    }
    *field = *value;
  }
  return {};
}

Status ReadAction(const std::vector<std::string_view>& words, ProbeStep* step) {
  const auto word = std::find(std::begin(kWords), std::end(kWords), words[0]);
  if (word == std::end(kWords)) {
    std::vector<std::string> valid(std::begin(kWords), std::end(kWords));
    valid.insert(valid.end(), {"after", "within", "at"});
    return Invalid("unknown step " + Quoted(words[0]) + DidYouMean(words[0], valid));
  }
  step->what = static_cast<ProbeStep::What>(word - std::begin(kWords));
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (step->what != ProbeStep::What::kPurchase) {
      return Invalid("'" + std::string(words[0]) + "' stands alone; " + Quoted(words[i]) +
                     " behind it means nothing");
    }
    const int currency = CurrencyOf(words[i]);
    const int item = ItemOf(words[i]);
    if (currency >= 0 && step->currency < 0) {
      step->currency = currency;
    } else if (item >= 0 && step->item < 0) {
      step->item = item;
    } else {
      std::vector<std::string> valid;
      for (const Currency& c : kCurrencyTable) valid.emplace_back(c.code);
      for (const Item& known : kCatalog) valid.emplace_back(known.id);
      return Invalid("purchase: " + Quoted(words[i]) + " is neither a currency nor an item" +
                     DidYouMean(words[i], valid));
    }
  }
  return {};
}

// "x5" at the end: so many times.
Result<std::size_t> TakeTimes(std::vector<std::string_view>* words) {
  const std::string_view last = words->back();
  if (words->size() < 2 || last.front() != 'x') return std::size_t{1};
  const auto times = Number<std::size_t>(last.substr(1), 1, kMostScriptSteps);
  if (!times) {
    return Invalid(Quoted(last) + " needs a whole number from 1 to " +
                   FormatCount(kMostScriptSteps) + ": x5");
  }
  words->pop_back();
  return *times;
}

}  // namespace

Result<Script> ParseScript(std::string_view text, bool server) {
  Script script;
  script.server = server;
  ProbeStep step;
  for (const std::string_view part : Split(text, ',')) {
    std::vector<std::string_view> words = Split(part, ' ');
    if (words.empty()) continue;
    const Result<bool> wait = ReadWait(words, script.steps, server, &step);
    if (!wait) return wait.error();
    if (*wait) continue;
    const Result<std::size_t> times = TakeTimes(&words);
    if (!times) return times.error();
    if (Status status = server ? ReadMetric(words, &step) : ReadAction(words, &step);
        !status.ok()) {
      return status;
    }
    if (script.steps.size() + *times > kMostScriptSteps) {
      return Invalid("a script has at most " + FormatCount(kMostScriptSteps) + " steps");
    }
    script.steps.push_back(step);
    DoNotWait(&step);  // but the first one alone
    script.steps.insert(script.steps.end(), *times - 1, step);
    step = ProbeStep{};
  }
  if (Waits(step)) return Invalid("a wait at the end has no effect");
  if (script.steps.empty()) return Invalid("a script needs at least one step");
  return script;
}

std::string ScriptText(const Script& script) {
  std::string text;
  for (std::size_t i = 0; i < script.steps.size();) {
    const ProbeStep& step = script.steps[i];
    if (i > 0) text += ", ";
    if (step.wait_ns > 0) {
      text += (step.within ? "within " : "after ") + FormatDuration(step.wait_ns);
      if (step.from > 0) text += " from " + std::to_string(step.from);
      text += ", ";
    }
    if (step.clock_ns > 0) {
      text += "at " + FormatDuration(step.clock_ns);
      if (step.shift_ns != 0) {
        text += (step.shift_ns < 0 ? " - " : " + ") + FormatDuration(std::abs(step.shift_ns));
      }
      text += ", ";
    }
    if (static_cast<int>(step.what) == kMetric) {
      text += "cpu " + std::to_string(step.cpu) + " memory " + std::to_string(step.memory) +
              " latency " + std::to_string(step.latency);
    } else {
      text += kWords[static_cast<unsigned>(step.what)];
      if (step.currency >= 0) text += " " + std::string(kCurrencyTable[step.currency].code);
      if (step.item >= 0) text += " " + std::string(kCatalog[step.item].id);
    }
    ProbeStep again = step;
    DoNotWait(&again);
    std::size_t end = i + 1;
    while (end < script.steps.size() && script.steps[end] == again) ++end;
    if (end - i > 1) text += " x" + std::to_string(end - i);
    i = end;
  }
  return text;
}

std::optional<std::size_t> StepsToClock(const std::vector<ProbeStep>& steps, std::size_t i) {
  std::size_t at = i;
  while (at < steps.size() && !Waits(steps[at])) ++at;
  if (at == steps.size() || steps[at].clock_ns == 0) return std::nullopt;
  return at - i;
}

}  // namespace playload
