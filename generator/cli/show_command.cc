#include <string>
#include <vector>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/rules/load.h"
#include "personas/facts.h"
#include "personas/load.h"
#include "scenarios/load.h"

namespace playload {
namespace {

// As in a scenario: a path is what has a '/' or ends in .yaml or .yml.
Result<Persona> LoadPersona(const std::string& name) {
  const bool path =
      name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
  return path ? LoadPersonaFile(name) : BuiltInPersona(name);
}

}  // namespace

const CommandSyntax& ShowSyntax() {
  static const CommandSyntax kSyntax = {
      "show",
      "persona|scenario|rules NAME|FILE",
      "print a persona with its facts, a scenario, or rules",
      "Prints a persona with the facts that follow from it, a scenario with every default, or a "
      "rule set as it is written. What is wrong with a file is said in one line.",
      {{"graph", "mermaid|dot", "draw the persona's chain"}},
      2,
      2,
      ""};
  return kSyntax;
}

Status ShowCommand(const Flags& flags, const Invocation& /*invocation*/) {
  const std::string& what = flags.arguments()[0];
  const std::string& name = flags.arguments()[1];
  if (what == "scenario") {
    if (flags.Given("graph")) return flags.Wrong("graph", "draws personas, not scenarios");
    const Result<Scenario> scenario = LoadScenario(name, {});
    if (!scenario) return scenario.error();
    return Print(ResolvedText(*scenario));
  }
  if (what == "rules") {
    if (flags.Given("graph")) return flags.Wrong("graph", "draws personas, not rules");
    const Result<RuleSet> rules = LoadRuleSet(name);
    if (!rules) return rules.error();
    return Print(rules->text);
  }
  if (what != "persona") {
    return Invalid("cannot show " + Quoted(what) +
                   DidYouMean(what, {"persona", "scenario", "rules"}));
  }
  const Result<Persona> persona = LoadPersona(name);
  if (!persona) return persona.error();
  if (!flags.Has("graph")) return Print(RenderPersona(*persona, ComputeFacts(*persona)));
  const std::string format = flags.Text("graph");
  if (format == "mermaid") return Print(RenderGraph(*persona, GraphFormat::kMermaid));
  if (format == "dot") return Print(RenderGraph(*persona, GraphFormat::kDot));
  return flags.Wrong(
      "graph", Quoted(format) + " is not a valid value" + DidYouMean(format, {"mermaid", "dot"}));
}

}  // namespace playload
