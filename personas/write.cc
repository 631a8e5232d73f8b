#include "personas/write.h"

#include <charconv>
#include <cmath>

#include "generator/base/text.h"
#include "generator/event/catalog.h"

namespace playload {
namespace {

std::string Time(double ms) {
  return FormatDuration(static_cast<std::int64_t>(std::llround(ms * 1e6)));
}

std::string DwellText(const Dwell& dwell) {
  const std::string time = Time(dwell.mean_ms);
  const std::string shape = YamlReal(dwell.shape);
  switch (dwell.family) {
    case Dwell::Family::kFixed:
      return "{fixed: {time: " + time + "}}";
    case Dwell::Family::kExponential:
      return "{exponential: {mean: " + time + "}}";
    case Dwell::Family::kLogNormal:
      return "{lognormal: {median: " + time + ", sigma: " + shape + "}}";
    case Dwell::Family::kWeibull:
      return "{weibull: {scale: " + time + ", shape: " + shape + "}}";
    case Dwell::Family::kGamma:
      return "{gamma: {mean: " + time + ", shape: " + shape + "}}";
  }
  return "";
}

}  // namespace

std::string YamlShare(std::int64_t parts) {
  std::string out = std::to_string(parts / kProbabilityOne);
  std::string places = std::to_string(parts % kProbabilityOne + kProbabilityOne).substr(1);
  while (!places.empty() && places.back() == '0') places.pop_back();
  if (!places.empty()) out.append(".").append(places);
  return out;
}

std::string YamlReal(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return {text, end.ptr};
}

std::string YamlQuoted(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out.append("\\x") += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

std::string_view EmitName(Emit emit) {
  switch (emit) {
    case Emit::kMove:
      return "move";
    case Emit::kInteraction:
      return "interaction";
    case Emit::kLevelStart:
      return "level_start";
    case Emit::kLevelComplete:
      return "level_complete";
    case Emit::kSessionStart:
      return "session_start";
    case Emit::kSessionEnd:
      return "session_end";
    case Emit::kPurchase:
      return "purchase";
    case Emit::kPurchaseForeign:
      return "purchase_foreign";
    case Emit::kRefund:
      return "refund";
    case Emit::kRefundAgain:
      return "refund_again";
  }
  return "";
}

std::string PersonaText(const Persona& persona) {
  std::string out = "persona: " + persona.name + "\n";
  out += "about: " + YamlQuoted(persona.about) + "\n";
  out += "life: ";
  out +=
      persona.one_session ? "one-session" : "{sessions: " + YamlReal(persona.mean_sessions) + "}";
  out += "\ngap: " + DwellText(persona.gap) + "\n";
  out += "start: " + persona.states.front().name + "\nstates:\n";
  for (const State& state : persona.states) {
    out += "  " + state.name + ":\n    dwell: " + DwellText(state.dwell) + "\n    to:\n";
    for (const Transition& transition : state.to) {
      const bool exit = transition.to == kExit;
      out += "      - {state: ";
      out += exit ? "exit" : persona.states[static_cast<std::size_t>(transition.to)].name;
      out += ", p: " + YamlShare(transition.parts);
      if (!exit) out.append(", emit: ").append(EmitName(transition.emit));
      out += "}\n";
    }
  }
  std::string spending;
  for (std::size_t type = 0; type < persona.item_weights.size(); ++type) {
    if (persona.item_weights[type] == 0) continue;
    if (!spending.empty()) spending += ", ";
    spending.append(kItemTypeNames[type]).append(": ");
    spending += std::to_string(persona.item_weights[type]);
  }
  if (!spending.empty()) out += "spending: {" + spending + "}\n";
  return out;
}

}  // namespace playload
