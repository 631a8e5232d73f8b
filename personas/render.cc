#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/text.h"
#include "generator/event/catalog.h"
#include "personas/facts.h"
#include "personas/load.h"
#include "personas/write.h"

namespace playload {
namespace {

using Row = std::vector<std::string>;

std::string Joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out += part;
  return out;
}

std::string Number(double value, int places) {
  char text[64];
  const int length = std::snprintf(text, sizeof text, "%.*f", places, value);
  return {text, static_cast<std::size_t>(length)};
}

// Three digits that say something, however small the number.
std::string Amount(double value) {
  if (value == 0) return "0";
  return Number(value, value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 4);
}

std::string Percent(double share) { return Number(share * 100, 1) + " %"; }

// Rounded to what a reader can use: 8.5s, 4m12s, 6h30m, 12d4h.
std::string About(double ms) {
  double step = 1;
  if (ms >= 1'000) step = 100;
  if (ms >= 60'000) step = 1'000;
  if (ms >= 3'600'000) step = 60'000;
  if (ms >= 86'400'000) step = 3'600'000;
  return FormatDuration(std::llround(std::round(ms / step) * step) * 1'000'000);
}

std::string DwellWords(const Dwell& dwell) {
  // The file's own number exactly, not rounded.
  const std::string time =
      FormatDuration(static_cast<std::int64_t>(std::llround(dwell.mean_ms * 1e6)));
  const std::string shape = YamlReal(dwell.shape);
  switch (dwell.family) {
    case Dwell::Family::kFixed:
      return "fixed " + time;
    case Dwell::Family::kExponential:
      return "exponential, mean " + time;
    case Dwell::Family::kLogNormal:
      return "lognormal, median " + time + ", sigma " + shape;
    case Dwell::Family::kWeibull:
      return "weibull, scale " + time + ", shape " + shape;
    case Dwell::Family::kGamma:
      return "gamma, mean " + time + ", shape " + shape;
  }
  return "";
}

// Rows as aligned columns, two spaces apart; no blanks at a line's end.
std::string Table(const std::vector<Row>& rows, const std::vector<bool>& right) {
  std::vector<std::size_t> widths(right.size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - row[i].size(), ' ');
      if (i > 0) line += "  ";
      line += right[i] ? blanks + row[i] : row[i] + blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string LifeWords(const Persona& persona) {
  if (persona.one_session) return "one session";
  return "mean " + YamlReal(persona.mean_sessions) + " sessions, at most 255";
}

std::string StateName(const Persona& persona, int state) {
  return state == kExit ? "exit" : persona.states[static_cast<std::size_t>(state)].name;
}

std::string Head(const Persona& persona) {
  // Where the family is not given by its mean, the mean says more.
  const bool by_mean = persona.gap.family != Dwell::Family::kLogNormal &&
                       persona.gap.family != Dwell::Family::kWeibull;
  const std::string mean = by_mean ? "" : " (mean " + About(DwellMeanMs(persona.gap)) + ")";
  std::vector<Row> rows = {{"life", LifeWords(persona)}, {"gap", DwellWords(persona.gap) + mean}};
  std::string buys;
  for (std::size_t type = 0; type < persona.item_weights.size(); ++type) {
    if (persona.item_weights[type] == 0) continue;
    if (!buys.empty()) buys += ", ";
    buys.append(kItemTypeNames[type]).append(" ");
    buys += std::to_string(persona.item_weights[type]);
  }
  if (!buys.empty()) rows.push_back({"buys", buys + " (weights)"});
  rows.push_back({"from", persona.file});
  return Table(rows, {false, false});
}

std::string StateTable(const Persona& persona, const PersonaFacts& facts) {
  std::vector<Row> rows = {{"state", "dwell", "visits", "share", "time"}};
  for (std::size_t i = 0; i < persona.states.size(); ++i) {
    const State& state = persona.states[i];
    rows.push_back({state.name, DwellWords(state.dwell), Number(facts.visits[i], 2),
                    Percent(facts.visit_share[i]), Percent(facts.time_share[i])});
  }
  return Table(rows, {false, false, true, true, true});
}

std::string TransitionTable(const Persona& persona) {
  std::vector<Row> rows = {{"from", "to", "p", "emits"}};
  rows.push_back({"(start)", persona.states.front().name, "1", "session_start"});
  for (const State& state : persona.states) {
    for (std::size_t k = 0; k < state.to.size(); ++k) {
      const Transition& transition = state.to[k];
      rows.push_back({k == 0 ? state.name : "", StateName(persona, transition.to),
                      YamlShare(transition.parts), std::string(EmitName(transition.emit))});
    }
  }
  return Table(rows, {false, false, false, false});
}

std::string FactTable(const PersonaFacts& facts) {
  std::vector<Row> rows = {{"", "a session", "a day", "a life"}};
  const auto add = [&](const std::string& name, double per_session) {
    rows.push_back({name, Amount(per_session), Amount(per_session * facts.sessions_per_day),
                    Amount(per_session * facts.sessions_per_life)});
  };
  rows.push_back({"length", About(facts.session_ms), "", About(facts.life_ms)});
  add("sessions", 1);
  add("events", facts.events);
  for (std::size_t i = 0; i < facts.emitted.size(); ++i) {
    if (facts.emitted[i] == 0) continue;
    add("  " + std::string(EmitName(static_cast<Emit>(i))), facts.emitted[i]);
  }
  return Table(rows, {false, true, true, true});
}

}  // namespace

std::string RenderPersona(const Persona& persona, const PersonaFacts& facts) {
  return persona.name + ": " + persona.about + "\n\n" + Head(persona) + "\n" +
         StateTable(persona, facts) + "\n" + TransitionTable(persona) + "\n" + FactTable(facts);
}

std::string RenderGraph(const Persona& persona, GraphFormat format) {
  const bool mermaid = format == GraphFormat::kMermaid;
  // Numbered identifiers: a state's own name may be a keyword of either language.
  const auto id = [](std::size_t state) { return Joined({"s", std::to_string(state)}); };
  std::string out = mermaid ? "stateDiagram-v2\n" : Joined({"digraph \"", persona.name, "\" {\n"});
  if (!mermaid) {
    out +=
        "  rankdir=LR;\n  node [shape=box, style=rounded];\n"
        "  start [shape=point];\n  exit [shape=doublecircle, label=\"\", width=0.15];\n";
  }
  for (std::size_t i = 0; i < persona.states.size(); ++i) {
    const std::string& name = persona.states[i].name;
    out += mermaid ? Joined({"  state \"", name, "\" as ", id(i), "\n"})
                   : Joined({"  ", id(i), " [label=\"", name, "\"];\n"});
  }
  const auto edge = [&](std::string_view from, std::string_view to, std::string_view label) {
    out += mermaid ? Joined({"  ", from, " --> ", to, ": ", label, "\n"})
                   : Joined({"  ", from, " -> ", to, " [label=\"", label, "\"];\n"});
  };
  edge(mermaid ? "[*]" : "start", id(0), "session_start");
  for (std::size_t i = 0; i < persona.states.size(); ++i) {
    for (const Transition& transition : persona.states[i].to) {
      const std::string to = transition.to != kExit ? id(static_cast<std::size_t>(transition.to))
                             : mermaid              ? "[*]"
                                                    : "exit";
      edge(id(i), to, Joined({YamlShare(transition.parts), " ", EmitName(transition.emit)}));
    }
  }
  if (!mermaid) out += "}\n";
  return out;
}

}  // namespace playload
