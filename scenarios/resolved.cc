#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "generator/base/text.h"
#include "generator/event/catalog.h"
#include "personas/write.h"
#include "scenarios/load.h"
#include "scenarios/script.h"

namespace playload {
namespace {

// {a: 0.5, b: 0.5}, from the shares and what each is called.
template <typename Shares, typename Name>
std::string MixText(const Shares& shares, const Name& name) {
  std::string out = "{";
  for (const auto& share : shares) {
    if (out.size() > 1) out += ", ";
    out += std::string(name(share)) + ": " + YamlShare(share.parts);
  }
  return out + "}";
}

std::string OrWord(std::int64_t ns, const char* word) {
  return ns == 0 ? word : FormatDuration(ns);
}

std::string WindowText(const Window& window) {
  return "    at: " + FormatDuration(window.at_ns) +
         "\n    for: " + OrWord(window.lasts_ns, "forever") +
         "\n    every: " + OrWord(window.every_ns, "never") + "\n";
}

std::string HowOftenText(const std::string& indent, std::int64_t milli_rate,
                         std::int64_t share_parts) {
  return indent +
         (milli_rate > 0 ? "rate: " + FormatRate(milli_rate) : "share: " + YamlShare(share_parts)) +
         "\n";
}

std::string PopulationText(const Scenario& s) {
  const Population& population = s.population;
  std::string out = "population:\n  players: " + std::to_string(population.players) + "\n";
  if (!s.compat) {
    out += "  mix: " + MixText(population.mix, [&](const PersonaShare& share) {
             return s.personas[static_cast<std::size_t>(share.persona)].name;
           });
    out += "\n  currencies: " + MixText(population.currencies, [](const CurrencyShare& share) {
             return kCurrencyTable[share.currency].code;
           });
    out += "\n  console: " + YamlShare(population.console_parts);
    out += "\n  life: " + (population.life_sessions > 0 ? YamlReal(population.life_sessions)
                                                        : std::string("persona"));
    out += "\n  levels: " + std::to_string(population.levels);
    out += "\n  maps_per_level: " + std::to_string(population.maps_per_level) + "\n";
  }
  return out;
}

std::string ServersText(const Scenario& s) {
  const Servers& servers = s.servers;
  if (s.compat) return "";
  std::string out = "servers:\n";
  out += "  players_per_server: " + std::to_string(servers.players_per_server) + "\n";
  out += "  report_every: " + FormatDuration(servers.report_every_ms * 1'000'000) + "\n";
  out += "  regions: " + MixText(servers.regions, [](const Region& r) { return r.name; }) + "\n";
  out += "  virtual: " + YamlShare(servers.virtual_parts) + "\n";
  return out;
}

// [a, b], of the names whose bit is set.
template <typename Names>
std::string NamesText(unsigned bits, const Names& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if ((bits >> i & 1) != 0) out += (out.empty() ? "[" : ", ") + std::string(names[i]);
  }
  return out + "]";
}

std::string FaultText(const Scenario& s, const FaultIncident& incident) {
  const bool skew = incident.kind == FaultKind::kClockSkew;
  std::string out = "  - fault: " + incident.name +
                    "\n    kind: " + kFaultKindNames[static_cast<unsigned>(incident.kind)] + "\n" +
                    WindowText(incident.window);
  out += "    share: " + YamlShare(incident.share_parts) + "\n";
  if (!skew) out += "    of: " + NamesText(incident.of, kFaultedEvents) + "\n";
  if (incident.by_most_ns > 0) {
    out += "    by: " + FormatDuration(incident.by_least_ns) + ".." +
           FormatDuration(incident.by_most_ns) + "\n";
  }
  if (incident.how != 0) out += "    how: " + NamesText(incident.how, kCorruptionNames) + "\n";
  if (skew) {
    out +=
        "    region: " +
        (incident.region < 0 ? "every"
                             : s.servers.regions[static_cast<std::size_t>(incident.region)].name) +
        "\n";
  }
  return out;
}

std::string TimelineText(const Scenario& s) {
  if (s.fraud.empty() && s.overload.empty() && s.probes.empty() && s.faults.empty()) return "";
  std::string out = "timeline:\n";
  for (const FraudIncident& incident : s.fraud) {
    out += "  - fraud: " + incident.name + "\n" + WindowText(incident.window);
    out += "    share: " + YamlShare(incident.share_parts) + "\n    personas: [";
    for (std::size_t i = 0; i < incident.personas.size(); ++i) {
      if (i > 0) out += ", ";
      out += s.personas[static_cast<std::size_t>(incident.personas[i])].name;
    }
    out += "]\n";
  }
  for (const OverloadIncident& incident : s.overload) {
    out +=
        "  - overload: " + incident.name + "\n    region: " +
        (incident.region < 0 ? "every"
                             : s.servers.regions[static_cast<std::size_t>(incident.region)].name) +
        "\n" + WindowText(incident.window);
    out += "    ramp: " + FormatDuration(incident.ramp_ns) + "\n";
    out += "    cpu: " + std::to_string(incident.cpu) + "\n";
    out += "    memory: " + std::to_string(incident.memory) + "\n";
    out += "    latency: " + std::to_string(incident.latency) + "\n";
    out += "    cap: " + std::to_string(incident.cap) + "\n";
  }
  for (const ProbeIncident& probe : s.probes) {
    out += "  - probe: " + probe.name + "\n" + WindowText(probe.window);
    out += HowOftenText("    ", probe.milli_rate, probe.share_parts) + "    ";
    out += probe.scripts.front().server ? "servers:\n" : "players:\n";
    for (const Script& script : probe.scripts) {
      out += "      - " + YamlQuoted(ScriptText(script)) + "\n";
    }
  }
  for (const FaultIncident& incident : s.faults) out += FaultText(s, incident);
  return out;
}

std::string WeaveText(const WeaveRequest& weave) {
  if (weave.sources.empty()) return "";
  std::string out = "probes:\n  rules:\n";
  for (const WeaveRequest::Source& source : weave.sources) {
    out += "    - " + YamlQuoted(source.rules) + "\n";
  }
  if (weave.milli_rate > 0 || weave.share_parts > 0) {
    out += HowOftenText("  ", weave.milli_rate, weave.share_parts);
  }
  return out;
}

std::string PlanText(const Scenario& s) {
  std::string out = "plan:\n  stages:\n";
  for (const Stage& stage : s.plan) {
    const bool constant = stage.from_milli_rate == stage.to_milli_rate;
    out += "    - {";
    out += constant ? "rate: " + FormatRate(stage.to_milli_rate)
                    : "from: " + FormatRate(stage.from_milli_rate) +
                          ", to: " + FormatRate(stage.to_milli_rate);
    out += ", for: " + OrWord(stage.lasts_ns, "forever") + "}\n";
  }
  return out;
}

// The text of a persona file as an entry of a list.
std::string ListEntry(std::string_view text) {
  std::string out;
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out += (first ? "  - " : "    ") + std::string(text.substr(0, end)) + "\n";
    first = false;
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

std::string ResolvedText(const Scenario& s) {
  std::string out = "scenario: " + s.name + "\n";
  if (!s.about.empty()) out += "about: " + YamlQuoted(s.about) + "\n";
  out += "profile: " + s.profile + "\n";
  out += std::string("compat: ") + (s.compat ? "true" : "false") + "\n";
  out += PopulationText(s) + ServersText(s) + TimelineText(s) + WeaveText(s.weave) + PlanText(s);
  out += "duration: " + OrWord(s.duration_ns, "forever") + "\n";
  if (!s.personas.empty()) {
    out += "inline_personas:\n";
    for (const Persona& persona : s.personas) out += ListEntry(PersonaText(persona));
  }
  return out;
}

}  // namespace playload
