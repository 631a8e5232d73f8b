#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/rules/load.h"
#include "generator/run/json_writer.h"
#include "personas/load.h"
#include "scenarios/load.h"

namespace playload {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;  // name, about

Result<Entries> Scenarios() {
  Entries entries;
  for (const std::string& name : BuiltInScenarios()) {
    const Result<Scenario> scenario = LoadScenario(name, {});
    if (!scenario) return scenario.error();
    entries.emplace_back(name, scenario->about);
  }
  return entries;
}

Result<Entries> Personas() {
  Entries entries;
  for (const std::string& name : BuiltInPersonas()) {
    const Result<Persona> persona = BuiltInPersona(name);
    if (!persona) return persona.error();
    entries.emplace_back(name, persona->about);
  }
  return entries;
}

Result<Entries> Profiles() {
  return Entries{{"dataflow", "player, purchase and server events of a game-analytics pipeline"}};
}

Result<Entries> RuleSets() {
  Entries entries;
  for (const std::string& name : BuiltInRuleSets()) {
    const Result<RuleSet> rules = LoadRuleSet(name);
    if (!rules) return rules.error();
    entries.emplace_back(name, rules->about);
  }
  return entries;
}

struct List {
  const char* name;
  Result<Entries> (*entries)();
};
constexpr List kLists[] = {
    {"scenarios", Scenarios}, {"personas", Personas}, {"rules", RuleSets}, {"profiles", Profiles}};

}  // namespace

const CommandSyntax& ListSyntax() {
  static const CommandSyntax kSyntax = {
      "list",
      "[scenarios|personas|rules|profiles]",
      "list what is built in",
      "Lists the built-in scenarios, personas, rule sets and profiles.",
      {{"json", "", "as JSON"}},
      0,
      1,
      ""};
  return kSyntax;
}

Status ListCommand(const Flags& flags, const Invocation& /*invocation*/) {
  const std::string only = flags.arguments().empty() ? "" : flags.arguments().front();
  std::vector<std::string> valid;
  for (const List& list : kLists) valid.emplace_back(list.name);
  if (!only.empty() && std::find(valid.begin(), valid.end(), only) == valid.end()) {
    return Invalid("nothing to list under " + Quoted(only) + DidYouMean(only, valid));
  }
  JsonText json;
  std::string text;
  json.BeginObject();
  for (const List& list : kLists) {
    if (!only.empty() && only != list.name) continue;
    const Result<Entries> entries = list.entries();
    if (!entries) return entries.error();
    json.Key(list.name);
    json.BeginArray();
    text += (text.empty() ? "" : "\n") + std::string(list.name) + "\n";
    for (const auto& [name, about] : *entries) {
      json.BeginObject();
      json.Field("name", name);
      json.Field("about", about);
      json.EndObject();
      std::string left = "  " + name;
      left.resize(std::max<std::size_t>(left.size() + 2, 22), ' ');
      text += left + about + "\n";
    }
    json.EndArray();
  }
  json.EndObject();
  return Print(flags.On("json") ? json.Text() : text);
}

}  // namespace playload
