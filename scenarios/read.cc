#include "scenarios/read.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

#include "generator/base/text.h"
#include "generator/event/catalog.h"
#include "personas/load.h"
#include "personas/read.h"
#include "personas/write.h"
#include "scenarios/script.h"
#include "scenarios/windows.h"

namespace playload {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kNsPerDay = 86'400'000 * kNsPerMs;
// Long enough for any soak, short enough that sums of times stay far from 2^63 ns.
constexpr std::int64_t kLongest = 3'650 * kNsPerDay;
constexpr std::int64_t kLongestRamp = 365 * kNsPerDay;  // what Plan can integrate exactly
constexpr std::uint64_t kMostPlayers = 1'000'000'000;
constexpr std::uint64_t kMostCompatPlayers = 1'024;  // they share one lane
constexpr std::size_t kMostRegions = 16;
constexpr std::size_t kMostStages = 1'000;
constexpr std::size_t kMostScripts = 500;               // of a probe: what a lane can tell apart
constexpr std::int64_t kLongestDelay = 30 * kNsPerDay;  // of late events, and of clocks
// Of events that are sent again, or lost: so few are lost in a row that a record can hold them all.
constexpr std::int64_t kMostMovedParts = kProbabilityOne / 4;
constexpr std::size_t kLongestName = 64;

// Names go into file names and JSON as they are.
constexpr const char* kNameRule = " must be 1 to 64 of a-z, 0-9 and '-', not beginning with '-'";
bool IsName(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= kLongestName && plain(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || c == '-'; });
}

// The value of a key of a map, or null, without the say of YamlFields.
const YamlNode* Find(const YamlNode& map, std::string_view key) {
  for (const auto& [name, value] : map.map) {
    if (name == key) return &value;
  }
  return nullptr;
}

bool Says(const YamlNode& map, std::string_view key, std::string_view word) {
  const YamlNode* node = Find(map, key);
  return node != nullptr && node->kind == YamlNode::Kind::kText && node->text == word;
}

// A duration for which an absent key stands for 0, and so does `word`, as the resolved text has it.
void DurationOr(std::string_view word, std::string_view key, const YamlNode& map,
                YamlFields* fields, std::int64_t* ns) {
  if (Says(map, key, word)) {
    fields->Node(key);
    *ns = 0;
  } else {
    fields->Duration(key, 1, kLongest, ns);
  }
}

class Reader {
 public:
  Reader(const std::string& file, const std::string& folder, const std::vector<Persona>& given)
      : file_(file), folder_(folder), given_(given) {}

  Result<Scenario> Read(const YamlNode& root);

 private:
  struct Offered {  // a persona that the scenario brings along
    Persona persona;
    int line;
    bool used = false;
  };
  // The name and parts of each entry of a mix, in the order of the file.
  struct Part {
    std::string name;
    int line;
    std::int64_t parts;
  };

  [[nodiscard]] Status At(int line, const std::string& message) const {
    return Invalid(file_ + ":" + std::to_string(line) + ": " + message);
  }
  [[nodiscard]] Status NeedsList(const YamlNode& node, const std::string& what) const {
    return At(node.line, what + " must be a list with at least one entry");
  }

  [[nodiscard]] Status RefuseUnderCompat(const YamlNode& node, const std::string& key) const {
    return At(node.line, "compat draws every field uniformly; leave out " + Quoted(key));
  }

  Status ReadTop(const YamlNode& root);
  Status ReadPopulation(const YamlNode& node);
  Status ReadServers(const YamlNode& node);
  Status ReadPersonaFiles(const YamlNode& node);
  Status ReadInlinePersonas(const YamlNode& node);
  Status Offer(Persona persona, int line);
  Status ReadTimeline(const YamlNode& node);
  Status ReadFraud(const YamlNode& node);
  Status ReadOverload(const YamlNode& node);
  Status ReadProbe(const YamlNode& node);
  Status ReadScripts(const YamlNode& node, bool server, ProbeIncident* incident) const;
  Status ReadWeave(const YamlNode& node);
  // Either of 'rate' and 'share', above 0.
  Status ReadHowOften(const YamlNode& node, YamlFields* fields, std::int64_t* milli_rate,
                      std::int64_t* share_parts) const;
  Status ReadFault(const YamlNode& node);
  // What only some kinds of fault have: an error where this one lacks it, or has it too much.
  Status ReadFaultDetails(const YamlNode& node, FaultIncident* incident) const;
  [[nodiscard]] Status ReadRange(const YamlNode& node, std::int64_t* least,
                                 std::int64_t* most) const;
  // The bits of the names in a list, or of one name.
  template <typename Names>
  Status ReadNames(const YamlNode& node, const std::string& what, const Names& names,
                   std::uint8_t* bits) const;
  Status CheckFaultShare(const YamlNode& node, const FaultIncident& incident) const;
  Status ReadRegion(const YamlNode& node, int* region) const;
  static void ReadWindow(const YamlNode& node, YamlFields* fields, Window* window);
  [[nodiscard]] Status CheckWindow(const YamlNode& node, const Window& window) const;
  Status ReadPlan(const YamlNode& node);
  Status ReadStage(const YamlNode& node, bool last);

  Result<std::vector<Part>> ReadMix(const YamlNode& node, const std::string& what);
  // The index of a persona in the scenario, which takes it up when it is new.
  Result<int> UsePersona(const std::string& name, int line);
  Status CheckAllUsed() const;
  const std::string file_;
  const std::string folder_;
  const std::vector<Persona>& given_;
  std::vector<Offered> offered_;
  Scenario s_;
};

Result<Scenario> Reader::Read(const YamlNode& root) {
  s_.file = file_;
  if (Status status = ReadTop(root); !status.ok()) return status;
  if (Status status = CheckAllUsed(); !status.ok()) return status;
  return std::move(s_);
}

Status Reader::ReadTop(const YamlNode& root) {
  YamlFields fields(file_, root, "scenario");
  fields.Text("scenario", &s_.name, true);
  fields.Text("about", &s_.about);
  fields.Text("profile", &s_.profile);
  fields.Boolean("compat", &s_.compat);
  const YamlNode* population = fields.Node("population", true);
  const YamlNode* servers = fields.Node("servers");
  const YamlNode* files = fields.Node("personas");
  const YamlNode* inlined = fields.Node("inline_personas");
  const YamlNode* timeline = fields.Node("timeline");
  const YamlNode* probes = fields.Node("probes");
  const YamlNode* plan = fields.Node("plan", true);
  DurationOr("forever", "duration", root, &fields, &s_.duration_ns);
  if (Status status = fields.Finish(); !status.ok()) return status;

  if (!IsName(s_.name)) {
    return At(Find(root, "scenario")->line, "scenario name " + Quoted(s_.name) + kNameRule);
  }
  while (!s_.about.empty() && (s_.about.back() == '\n' || s_.about.back() == ' ')) {
    s_.about.pop_back();
  }
  if (s_.profile != "dataflow") {
    return At(Find(root, "profile")->line,
              "unknown profile " + Quoted(s_.profile) + DidYouMean(s_.profile, {"dataflow"}));
  }
  if (s_.compat) {
    for (const char* key : {"personas", "inline_personas", "servers", "timeline", "probes"}) {
      if (const YamlNode* node = Find(root, key)) return RefuseUnderCompat(*node, key);
    }
  }
  if (files != nullptr) {
    if (Status status = ReadPersonaFiles(*files); !status.ok()) return status;
  }
  if (inlined != nullptr) {
    if (Status status = ReadInlinePersonas(*inlined); !status.ok()) return status;
  }
  if (Status status = ReadPopulation(*population); !status.ok()) return status;
  if (servers != nullptr) {
    if (Status status = ReadServers(*servers); !status.ok()) return status;
  }
  if (s_.servers.regions.empty()) s_.servers.regions = {{"us-west", kProbabilityOne}};
  if (timeline != nullptr) {
    if (Status status = ReadTimeline(*timeline); !status.ok()) return status;
  }
  if (probes != nullptr) {
    if (Status status = ReadWeave(*probes); !status.ok()) return status;
  }
  return ReadPlan(*plan);
}

// --- Personas ---

Status Reader::Offer(Persona persona, int line) {
  for (const Offered& other : offered_) {
    if (other.persona.name == persona.name) {
      return At(line, "persona " + Quoted(persona.name) + " is already given in line " +
                          std::to_string(other.line));
    }
  }
  offered_.push_back({std::move(persona), line});
  return {};
}

Status Reader::ReadPersonaFiles(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kList || node.list.empty()) return NeedsList(node, "personas");
  for (const YamlNode& entry : node.list) {
    if (entry.kind != YamlNode::Kind::kText || entry.text.empty()) {
      return At(entry.line, "personas must be a list of persona files");
    }
    const std::string path = (std::filesystem::path(folder_) / entry.text).string();
    const Result<std::string> text = ReadTextFile(path);
    if (!text) return At(entry.line, "persona file: " + text.error().message());
    Result<Persona> persona = ParsePersona(path, *text);
    if (!persona) return persona.error();
    if (Status status = Offer(std::move(*persona), entry.line); !status.ok()) return status;
  }
  return {};
}

Status Reader::ReadInlinePersonas(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kList || node.list.empty()) {
    return NeedsList(node, "inline_personas");
  }
  for (const YamlNode& entry : node.list) {
    Result<Persona> persona = ReadPersona(file_, entry);
    if (!persona) return persona.error();
    if (Status status = Offer(std::move(*persona), entry.line); !status.ok()) return status;
  }
  return {};
}

Result<int> Reader::UsePersona(const std::string& name, int line) {
  const auto named = [&](const Persona& persona) { return persona.name == name; };
  const auto offered = std::find_if(offered_.begin(), offered_.end(),
                                    [&](const Offered& o) { return named(o.persona); });
  if (offered != offered_.end()) offered->used = true;

  const auto known = std::find_if(s_.personas.begin(), s_.personas.end(), named);
  if (known != s_.personas.end()) return static_cast<int>(known - s_.personas.begin());

  if (s_.personas.size() == static_cast<std::size_t>(kMaxPersonas)) {
    return At(line, "persona " + Quoted(name) + " is one too many: a scenario has at most " +
                        std::to_string(kMaxPersonas));
  }
  const auto given = std::find_if(given_.begin(), given_.end(), named);
  if (given != given_.end()) {
    s_.personas.push_back(*given);
  } else if (offered != offered_.end()) {
    s_.personas.push_back(offered->persona);
  } else {
    std::vector<std::string> names = BuiltInPersonas();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      for (const Persona& persona : given_) names.push_back(persona.name);
      for (const Offered& o : offered_) names.push_back(o.persona.name);
      return At(line, "unknown persona " + Quoted(name) + DidYouMean(name, names));
    }
    Result<Persona> persona = BuiltInPersona(name);
    if (!persona) return persona.error();
    s_.personas.push_back(std::move(*persona));
  }
  return static_cast<int>(s_.personas.size()) - 1;
}

Status Reader::CheckAllUsed() const {
  for (const Offered& offered : offered_) {
    if (!offered.used) {
      return At(offered.line, "persona " + Quoted(offered.persona.name) +
                                  " is not used; name it in the mix or in an incident");
    }
  }
  return {};
}

// --- Population and servers ---

Result<std::vector<Reader::Part>> Reader::ReadMix(const YamlNode& node, const std::string& what) {
  if (node.kind != YamlNode::Kind::kMap || node.map.empty()) {
    return At(node.line, what + " must be a map of names to shares");
  }
  YamlFields fields(file_, node, what);
  std::vector<Part> mix;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < node.map.size(); ++i) {
    Part part{node.map[i].first, node.key_lines[i], 0};
    fields.Share(part.name, &part.parts, true);
    if (fields.ok() && part.parts == 0) {
      fields.Fail(node.map[i].second,
                  what + ": " + Quoted(part.name) + " has no share; leave it out");
    }
    sum += part.parts;
    mix.push_back(std::move(part));
  }
  if (Status status = fields.Finish(); !status.ok()) return status;
  if (sum != kProbabilityOne) {
    return At(node.line, what + ": the shares sum to " + YamlShare(sum) + ", not to 1");
  }
  return mix;
}

Status Reader::ReadPopulation(const YamlNode& node) {
  Population& population = s_.population;
  YamlFields fields(file_, node, "population");
  const YamlNode* players = fields.Node("players", true);
  const YamlNode* mix = nullptr;
  const YamlNode* currencies = nullptr;
  std::int64_t levels = population.levels;
  std::int64_t maps = population.maps_per_level;
  population.console_parts = kProbabilityOne * 4 / 10;
  if (s_.compat) {
    for (const char* key : {"mix", "currencies", "console", "life", "levels", "maps_per_level"}) {
      if (const YamlNode* fixed = Find(node, key)) return RefuseUnderCompat(*fixed, key);
    }
    // What the original's fields were drawn from; there is nothing to choose.
    population.console_parts = kProbabilityOne / 2;
    levels = maps = 3;
    s_.servers.players_per_server = 33;
  } else {
    mix = fields.Node("mix", true);
    currencies = fields.Node("currencies");
    fields.Share("console", &population.console_parts);
    if (Says(node, "life", "persona")) {
      fields.Node("life");
    } else {
      fields.Real("life", 1, 255, &population.life_sessions);
    }
    fields.Integer("levels", 1, 60, &levels);
    fields.Integer("maps_per_level", 1, 4, &maps);
  }
  if (Status status = fields.Finish(); !status.ok()) return status;
  population.levels = static_cast<int>(levels);
  population.maps_per_level = static_cast<int>(maps);

  const Result<std::uint64_t> count = players->kind == YamlNode::Kind::kText
                                          ? ParseCount(players->text)
                                          : Result<std::uint64_t>(Invalid("not a number"));
  const std::uint64_t most = s_.compat ? kMostCompatPlayers : kMostPlayers;
  if (!count || *count < 1 || *count > most) {
    return At(players->line,
              "population: players must be a whole number from 1 to " + FormatCount(most) +
                  (players->kind == YamlNode::Kind::kText ? ", not " + Quoted(players->text)
                                                          : std::string()));
  }
  population.players = *count;

  if (mix != nullptr) {
    const Result<std::vector<Part>> parts = ReadMix(*mix, "mix");
    if (!parts) return parts.error();
    for (const Part& part : *parts) {
      const Result<int> persona = UsePersona(part.name, part.line);
      if (!persona) return persona.error();
      population.mix.push_back({*persona, part.parts});
    }
  }
  population.currencies = {{0, kProbabilityOne}};
  if (currencies != nullptr) {
    const Result<std::vector<Part>> parts = ReadMix(*currencies, "currencies");
    if (!parts) return parts.error();
    population.currencies.clear();
    std::vector<std::string> codes;
    for (const Currency& currency : kCurrencyTable) codes.emplace_back(currency.code);
    for (const Part& part : *parts) {
      const auto code = std::find(codes.begin(), codes.end(), part.name);
      if (code == codes.end()) {
        return At(part.line,
                  "unknown currency " + Quoted(part.name) + DidYouMean(part.name, codes));
      }
      population.currencies.push_back({static_cast<int>(code - codes.begin()), part.parts});
    }
  }
  return {};
}

Status Reader::ReadServers(const YamlNode& node) {
  Servers& servers = s_.servers;
  YamlFields fields(file_, node, "servers");
  std::int64_t per_server = servers.players_per_server;
  fields.Integer("players_per_server", 8, 1024, &per_server);
  std::int64_t every_ns = servers.report_every_ms * kNsPerMs;
  // Simulated time goes in ticks of 125 ms, and a wheel of ticks holds some weeks.
  fields.Duration("report_every", 125 * kNsPerMs, kNsPerDay, &every_ns);
  const YamlNode* regions = fields.Node("regions");
  fields.Share("virtual", &servers.virtual_parts);
  if (Status status = fields.Finish(); !status.ok()) return status;
  servers.players_per_server = static_cast<int>(per_server);
  if (every_ns % (125 * kNsPerMs) != 0) {
    return At(Find(node, "report_every")->line,
              "servers: report_every must be a multiple of 125ms");
  }
  servers.report_every_ms = every_ns / kNsPerMs;

  if (regions != nullptr) {
    const Result<std::vector<Part>> parts = ReadMix(*regions, "regions");
    if (!parts) return parts.error();
    if (parts->size() > kMostRegions) {
      return At((*parts)[kMostRegions].line,
                "regions: at most " + std::to_string(kMostRegions) + " regions");
    }
    for (const Part& part : *parts) {
      if (!IsName(part.name) || part.name == "every") {
        return At(part.line, part.name == "every"
                                 ? "region 'every' stands for all regions; take another name"
                                 : "region " + Quoted(part.name) + kNameRule);
      }
      servers.regions.push_back({part.name, part.parts});
    }
  }
  return {};
}

// --- Timeline ---

Status Reader::ReadTimeline(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kList || node.list.empty()) return NeedsList(node, "timeline");
  std::vector<std::string> names;
  for (const YamlNode& entry : node.list) {
    if (entry.kind != YamlNode::Kind::kMap || entry.map.empty()) {
      return At(entry.line, "an incident must be a map, such as {fraud: NAME, share: 0.05, ...}");
    }
    std::string kind;
    for (const char* key : {"fraud", "overload", "probe", "fault"}) {
      if (Find(entry, key) == nullptr) continue;
      if (!kind.empty()) {
        return At(entry.line,
                  "an incident is one of 'fraud', 'overload', 'probe' and 'fault', not several");
      }
      kind = key;
    }
    if (kind.empty()) {
      const std::string near =
          Nearest(entry.map.front().first, {"fraud", "overload", "probe", "fault"});
      return At(
          entry.key_lines.front(),
          "an incident needs 'fraud: NAME', 'overload: NAME', 'probe: NAME' or 'fault: NAME'" +
              (near.empty() ? std::string() : "; did you mean " + Quoted(near) + "?"));
    }
    Status status = kind == "fraud"      ? ReadFraud(entry)
                    : kind == "overload" ? ReadOverload(entry)
                    : kind == "probe"    ? ReadProbe(entry)
                                         : ReadFault(entry);
    if (!status.ok()) return status;
    const std::string& name = kind == "fraud"      ? s_.fraud.back().name
                              : kind == "overload" ? s_.overload.back().name
                              : kind == "probe"    ? s_.probes.back().name
                                                   : s_.faults.back().name;
    if (!IsName(name)) {
      return At(entry.line, "incident name " + Quoted(name) + kNameRule);
    }
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return At(entry.line, "timeline: two incidents are named " + Quoted(name));
    }
    names.push_back(name);
    if (std::max({s_.fraud.size(), s_.overload.size(), s_.faults.size()}) >
        static_cast<std::size_t>(kMaxIncidents)) {
      return At(entry.line,
                "timeline: at most " + std::to_string(kMaxIncidents) + " incidents of a kind");
    }
  }
  return {};
}

void Reader::ReadWindow(const YamlNode& node, YamlFields* fields, Window* window) {
  fields->Duration("at", 0, kLongest, &window->at_ns);
  DurationOr("forever", "for", node, fields, &window->lasts_ns);
  DurationOr("never", "every", node, fields, &window->every_ns);
}

Status Reader::CheckWindow(const YamlNode& node, const Window& window) const {
  if (window.every_ns == 0) return {};
  if (window.lasts_ns == 0) return At(node.line, "'every' needs 'for': how long each time lasts");
  if (window.every_ns < window.lasts_ns) {
    return At(node.line, "every " + FormatDuration(window.every_ns) + " is shorter than for " +
                             FormatDuration(window.lasts_ns) +
                             ": an incident ends before it begins again");
  }
  return {};
}

Status Reader::ReadFraud(const YamlNode& node) {
  FraudIncident incident;
  YamlFields fields(file_, node, "fraud incident");
  fields.Text("fraud", &incident.name, true);
  ReadWindow(node, &fields, &incident.window);
  fields.Share("share", &incident.share_parts, true);
  const YamlNode* personas = fields.Node("personas", true);
  if (Status status = fields.Finish(); !status.ok()) return status;
  if (Status status = CheckWindow(node, incident.window); !status.ok()) return status;
  if (incident.share_parts == 0) {
    return At(Find(node, "share")->line, "a share of 0 has no effect");
  }
  if (personas->kind != YamlNode::Kind::kList || personas->list.empty()) {
    return NeedsList(*personas, "personas");
  }
  for (const YamlNode& entry : personas->list) {
    if (entry.kind != YamlNode::Kind::kText) {
      return At(entry.line, "personas must be a list of names");
    }
    const Result<int> persona = UsePersona(entry.text, entry.line);
    if (!persona) return persona.error();
    incident.personas.push_back(*persona);
  }
  std::int64_t taken = incident.share_parts;
  for (const FraudIncident& other : s_.fraud) {
    if (!Overlap(other.window, incident.window)) continue;
    taken += other.share_parts;
    if (taken > kProbabilityOne) {
      return At(node.line, "incidents at the same time as " + Quoted(incident.name) + " take " +
                               YamlShare(taken) + " of the sessions; the shares sum to at most 1");
    }
  }
  s_.fraud.push_back(std::move(incident));
  return {};
}

Status Reader::ReadOverload(const YamlNode& node) {
  OverloadIncident incident;
  YamlFields fields(file_, node, "overload incident");
  fields.Text("overload", &incident.name, true);
  ReadWindow(node, &fields, &incident.window);
  const YamlNode* region = fields.Node("region");
  std::int64_t cpu = 0;
  std::int64_t memory = 0;
  std::int64_t latency = 0;
  std::int64_t cap = 100;
  fields.Duration("ramp", 0, kLongest, &incident.ramp_ns);
  fields.Integer("cpu", 0, 100, &cpu);
  fields.Integer("memory", 0, 100, &memory);
  fields.Integer("latency", 0, 10'000, &latency);
  fields.Integer("cap", 1, 100, &cap);
  if (Status status = fields.Finish(); !status.ok()) return status;
  if (Status status = CheckWindow(node, incident.window); !status.ok()) return status;

  if (region != nullptr) {
    if (Status status = ReadRegion(*region, &incident.region); !status.ok()) return status;
  }
  if (cpu == 0 && memory == 0) {
    // A cap only bounds what the incident adds, so without an addition it does nothing.
    if (cap < 100) return At(Find(node, "cap")->line, "cap needs cpu or memory, which it bounds");
    if (latency == 0) {
      return At(node.line, "overload " + Quoted(incident.name) +
                               " has no effect; give cpu, memory or latency");
    }
  }
  if (incident.window.lasts_ns > 0 && incident.ramp_ns * 2 > incident.window.lasts_ns) {
    return At(Find(node, "ramp")->line, "ramp " + FormatDuration(incident.ramp_ns) +
                                            " up and down again is longer than for " +
                                            FormatDuration(incident.window.lasts_ns));
  }
  incident.cpu = static_cast<int>(cpu);
  incident.memory = static_cast<int>(memory);
  incident.latency = static_cast<int>(latency);
  incident.cap = static_cast<int>(cap);
  s_.overload.push_back(std::move(incident));
  return {};
}

Status Reader::ReadProbe(const YamlNode& node) {
  ProbeIncident incident;
  YamlFields fields(file_, node, "probe");
  fields.Text("probe", &incident.name, true);
  ReadWindow(node, &fields, &incident.window);
  const YamlNode* players = fields.Node("players");
  const YamlNode* servers = fields.Node("servers");
  if (Status status = ReadHowOften(node, &fields, &incident.milli_rate, &incident.share_parts);
      !status.ok()) {
    return status;
  }
  if (incident.milli_rate == 0 && incident.share_parts == 0) {
    return At(node.line, "a probe needs 'share' of the sessions, or 'rate' in scripts per second");
  }
  if (Status status = CheckWindow(node, incident.window); !status.ok()) return status;
  if ((players == nullptr) == (servers == nullptr)) {
    return At(node.line, "a probe has either 'players' or 'servers': a list of scripts");
  }
  if (s_.probes.size() == static_cast<std::size_t>(kMaxProbes)) {
    return At(node.line, "timeline: at most " + std::to_string(kMaxProbes) + " probes");
  }
  const bool server = servers != nullptr;
  if (Status status = ReadScripts(server ? *servers : *players, server, &incident); !status.ok()) {
    return status;
  }
  s_.probes.push_back(std::move(incident));
  return {};
}

Status Reader::ReadHowOften(const YamlNode& node, YamlFields* fields, std::int64_t* milli_rate,
                            std::int64_t* share_parts) const {
  const YamlNode* const share = Find(node, "share");
  fields->Rate("rate", milli_rate);
  fields->Share("share", share_parts);
  if (Status status = fields->Finish(); !status.ok()) return status;
  if (share != nullptr && *share_parts == 0) return At(share->line, "a share of 0 has no effect");
  if (share != nullptr && *milli_rate > 0) {
    return At(share->line, "either 'share' of the sessions or 'rate' in scripts per second");
  }
  return {};
}

// The probes of rule sets: which ones, and how many. What is derived is for others to say.
Status Reader::ReadWeave(const YamlNode& node) {
  WeaveRequest& weave = s_.weave;
  weave.line = node.line;
  YamlFields fields(file_, node, "probes");
  const YamlNode* const rules = fields.Node("rules", true);
  if (Status status = ReadHowOften(node, &fields, &weave.milli_rate, &weave.share_parts);
      !status.ok()) {
    return status;
  }
  const bool list = rules->kind == YamlNode::Kind::kList;
  if (list && rules->list.empty()) return NeedsList(*rules, "rules");
  const std::vector<YamlNode> one = {*rules};
  for (const YamlNode& entry : list ? rules->list : one) {
    if (entry.kind != YamlNode::Kind::kText || entry.text.empty()) {
      return At(entry.line, "probes: rules must be a rule set's name or file, or a list of them");
    }
    // Files are looked for where the scenario is, as personas are.
    const bool path = entry.text.find('/') != std::string::npos || entry.text.ends_with(".yaml") ||
                      entry.text.ends_with(".yml");
    std::string name = path ? (std::filesystem::path(folder_) / entry.text).string() : entry.text;
    for (const WeaveRequest::Source& other : weave.sources) {
      if (other.rules == name) {
        return At(entry.line, "probes: rules " + Quoted(entry.text) + " are there twice");
      }
    }
    weave.sources.push_back({std::move(name), entry.line});
  }
  return {};
}

Status Reader::ReadScripts(const YamlNode& node, bool server, ProbeIncident* incident) const {
  if (node.kind != YamlNode::Kind::kList || node.list.empty()) {
    return NeedsList(node, server ? "servers" : "players");
  }
  if (node.list.size() > kMostScripts) {
    return At(node.list[kMostScripts].line,
              "a probe has at most " + FormatCount(kMostScripts) + " scripts");
  }
  for (const YamlNode& entry : node.list) {
    if (entry.kind != YamlNode::Kind::kText) {
      return At(entry.line, "a script is a text, such as \"purchase USD x5, refund\"");
    }
    Result<Script> script = ParseScript(entry.text, server);
    if (!script) return At(entry.line, script.error().message());
    incident->scripts.push_back(std::move(*script));
  }
  return {};
}

Status Reader::ReadRegion(const YamlNode& node, int* region) const {
  const std::string name = node.kind == YamlNode::Kind::kText ? node.text : "";
  if (name == "every") return {};
  std::vector<std::string> names;
  for (const Region& r : s_.servers.regions) names.push_back(r.name);
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    return At(node.line, "unknown region " + Quoted(name) + DidYouMean(name, names));
  }
  *region = static_cast<int>(found - names.begin());
  return {};
}

Status Reader::ReadFault(const YamlNode& node) {
  FaultIncident incident;
  YamlFields fields(file_, node, "fault");
  std::string kind;
  fields.Text("fault", &incident.name, true);
  fields.Text("kind", &kind, true);
  ReadWindow(node, &fields, &incident.window);
  fields.Share("share", &incident.share_parts, true);
  for (const char* key : {"of", "by", "how", "region"}) fields.Node(key);
  if (Status status = fields.Finish(); !status.ok()) return status;
  if (Status status = CheckWindow(node, incident.window); !status.ok()) return status;
  const auto known = std::find(kFaultKindNames.begin(), kFaultKindNames.end(), kind);
  if (known == kFaultKindNames.end()) {
    return At(Find(node, "kind")->line,
              "unknown kind of fault " + Quoted(kind) +
                  DidYouMean(kind, {kFaultKindNames.begin(), kFaultKindNames.end()}));
  }
  incident.kind = static_cast<FaultKind>(known - kFaultKindNames.begin());
  if (incident.share_parts == 0) {
    return At(Find(node, "share")->line, "a share of 0 has no effect");
  }
  if (Status status = ReadFaultDetails(node, &incident); !status.ok()) return status;
  if (Status status = CheckFaultShare(node, incident); !status.ok()) return status;
  s_.faults.push_back(std::move(incident));
  return {};
}

Status Reader::ReadFaultDetails(const YamlNode& node, FaultIncident* incident) const {
  const bool late = incident->kind == FaultKind::kLate;
  const bool skew = incident->kind == FaultKind::kClockSkew;
  const bool corrupt = incident->kind == FaultKind::kCorrupt;
  const std::string kind = kFaultKindNames[static_cast<unsigned>(incident->kind)];
  const struct {
    const char* key;
    bool belongs;
    bool needed;
  } details[] = {{"of", !skew, false},
                 {"by", late || skew, late || skew},
                 {"how", corrupt, false},
                 {"region", skew, false}};
  for (const auto& detail : details) {
    const YamlNode* const found = Find(node, detail.key);
    if (found != nullptr && !detail.belongs) {
      return At(found->line, Quoted(detail.key) + " means nothing to a fault of kind " + kind);
    }
    if (found == nullptr && detail.needed) {
      return At(node.line, "a fault of kind " + kind + " needs " + Quoted(detail.key) +
                               ", such as " + detail.key + ": 100ms..2s");
    }
  }
  Status status;
  if (const YamlNode* of = Find(node, "of")) {
    status = ReadNames(*of, "of", kFaultedEvents, &incident->of);
  }
  if (skew) incident->of = 1u << static_cast<unsigned>(Kind::kServer);
  if (corrupt) incident->how = (1u << kCorruptions) - 1;
  if (const YamlNode* how = Find(node, "how"); how != nullptr && status.ok()) {
    status = ReadNames(*how, "how", kCorruptionNames, &incident->how);
  }
  if (const YamlNode* by = Find(node, "by"); by != nullptr && status.ok()) {
    status = ReadRange(*by, &incident->by_least_ns, &incident->by_most_ns);
  }
  if (const YamlNode* region = Find(node, "region"); region != nullptr && status.ok()) {
    status = ReadRegion(*region, &incident->region);
  }
  return status;
}

// "100ms..2s", or one duration.
Status Reader::ReadRange(const YamlNode& node, std::int64_t* least, std::int64_t* most) const {
  const std::string text = node.kind == YamlNode::Kind::kText ? node.text : "";
  const std::size_t dots = text.find("..");
  const Result<std::int64_t> from = ParseDuration(text.substr(0, dots));
  const Result<std::int64_t> to =
      dots == std::string::npos ? from : ParseDuration(text.substr(dots + 2));
  if (!from || !to) {
    return At(node.line, "by must be a duration or a range of two, such as 100ms..2s" +
                             (text.empty() ? std::string() : ", not " + Quoted(text)));
  }
  if (*from > *to || *to == 0 || *to > kLongestDelay) {
    return At(node.line, "by must go from a duration to one as long or longer, at most " +
                             FormatDuration(kLongestDelay) + ", not " + Quoted(text));
  }
  *least = *from;
  *most = *to;
  return {};
}

template <typename Names>
Status Reader::ReadNames(const YamlNode& node, const std::string& what, const Names& names,
                         std::uint8_t* bits) const {
  const std::vector<YamlNode> one = {node};
  const bool list = node.kind == YamlNode::Kind::kList;
  if (list && node.list.empty()) return NeedsList(node, what);
  *bits = 0;
  for (const YamlNode& entry : list ? node.list : one) {
    const std::string name = entry.kind == YamlNode::Kind::kText ? entry.text : "";
    const auto known = std::find(names.begin(), names.end(), name);
    if (known == names.end()) {
      return At(entry.line, what + ": unknown name " + Quoted(name) +
                                DidYouMean(name, {names.begin(), names.end()}));
    }
    const unsigned bit = 1u << static_cast<unsigned>(known - names.begin());
    if ((*bits & bit) != 0) return At(entry.line, what + ": " + Quoted(name) + " is there twice");
    *bits = static_cast<std::uint8_t>(*bits | bit);
  }
  return {};
}

// Of the faults that can meet the same event at the same time: what one event cannot suffer from
// both, and what is bounded, must have room for all.
Status Reader::CheckFaultShare(const YamlNode& node, const FaultIncident& incident) const {
  if (incident.kind == FaultKind::kClockSkew) return {};  // they add up
  const auto changes = [](FaultKind kind) {
    return kind == FaultKind::kLate || kind == FaultKind::kCorrupt;
  };
  const std::int64_t most = changes(incident.kind) ? kProbabilityOne : kMostMovedParts;
  std::int64_t taken = incident.share_parts;
  for (const FaultIncident& other : s_.faults) {
    const bool same =
        other.kind == incident.kind || (changes(other.kind) && changes(incident.kind));
    if (same && (other.of & incident.of) != 0 && Overlap(other.window, incident.window)) {
      taken += other.share_parts;
    }
  }
  if (taken <= most) return {};
  return At(node.line, std::string(changes(incident.kind)
                                       ? "late and corrupt events"
                                       : kFaultKindNames[static_cast<unsigned>(incident.kind)] +
                                             std::string(" events")) +
                           " at the same time as " + Quoted(incident.name) + " take a share of " +
                           YamlShare(taken) + "; they sum to at most " + YamlShare(most));
}

// --- Plan ---

Status Reader::ReadPlan(const YamlNode& node) {
  YamlFields fields(file_, node, "plan");
  const YamlNode* rate = fields.Node("rate");
  const YamlNode* stages = fields.Node("stages");
  if (rate != nullptr && stages == nullptr) {
    Stage stage;
    fields.Rate("rate", &stage.from_milli_rate);
    stage.to_milli_rate = stage.from_milli_rate;
    s_.plan.push_back(stage);
    return fields.Finish();
  }
  if (Status status = fields.Finish(); !status.ok()) return status;
  if (stages == nullptr || rate != nullptr) {
    return At(node.line, "plan has either 'rate' or 'stages'");
  }
  if (stages->kind != YamlNode::Kind::kList || stages->list.empty()) {
    return NeedsList(*stages, "stages");
  }
  if (stages->list.size() > kMostStages) {
    return At(stages->list[kMostStages].line,
              "stages: at most " + FormatCount(kMostStages) + " stages");
  }
  std::int64_t total_ns = 0;
  for (const YamlNode& entry : stages->list) {
    const bool last = &entry == &stages->list.back();
    if (Status status = ReadStage(entry, last); !status.ok()) return status;
    total_ns += s_.plan.back().lasts_ns;
    if (total_ns > kLongest) {
      return At(entry.line, "stages: all together last longer than " + FormatDuration(kLongest));
    }
  }
  return {};
}

Status Reader::ReadStage(const YamlNode& node, bool last) {
  Stage stage;
  YamlFields fields(file_, node, "stage");
  const YamlNode* rate = fields.Node("rate");
  const YamlNode* from = fields.Node("from");
  const YamlNode* to = fields.Node("to");
  fields.Rate("rate", &stage.from_milli_rate);
  if (rate != nullptr) {
    stage.to_milli_rate = stage.from_milli_rate;
  } else {
    fields.Rate("from", &stage.from_milli_rate);
    fields.Rate("to", &stage.to_milli_rate);
  }
  DurationOr("forever", "for", node, &fields, &stage.lasts_ns);
  if (Status status = fields.Finish(); !status.ok()) return status;
  if ((rate == nullptr) == (to == nullptr) || (rate != nullptr && from != nullptr)) {
    return At(node.line, "a stage has either 'rate', or 'to' with or without 'from'");
  }
  if (rate == nullptr && from == nullptr) {
    if (s_.plan.empty()) {
      return At(node.line, "the first stage needs 'from': where the ramp begins");
    }
    stage.from_milli_rate = s_.plan.back().to_milli_rate;
  }
  if (stage.lasts_ns == 0 && (!last || rate == nullptr)) {
    return At(node.line, rate == nullptr ? "a ramp needs 'for': how long it takes"
                                         : "only the last stage may be without 'for'");
  }
  if (rate == nullptr && stage.lasts_ns > kLongestRamp) {
    return At(node.line, "a ramp takes at most " + FormatDuration(kLongestRamp));
  }
  s_.plan.push_back(stage);
  return {};
}

}  // namespace

Result<Scenario> ReadScenario(const std::string& file, const std::string& folder,
                              const YamlNode& root, const std::vector<Persona>& given) {
  return Reader(file, folder, given).Read(root);
}

}  // namespace playload
