#include "generator/cli/commands.h"

#include <string>

#include "generator/base/text.h"

namespace playload {

const std::vector<Command>& Commands() {
  static const std::vector<Command> kCommands = {
      {RunSyntax, RunCommand},         {ServeSyntax, ServeCommand},
      {PlanSyntax, PlanCommand},       {VerifySyntax, VerifyCommand},
      {ExpectSyntax, ExpectCommand},   {PipelineSyntax, PipelineCommand},
      {MutantsSyntax, MutantsCommand}, {BenchSyntax, BenchCommand},
      {ListSyntax, ListCommand},       {ShowSyntax, ShowCommand},
      {SchemaSyntax, SchemaCommand},   {HelpSyntax, HelpCommand},
      {VersionSyntax, VersionCommand},
  };
  return kCommands;
}

Status RunCommandLine(const std::vector<std::string>& words, const char* const* environment) {
  // The words by which other programs ask the same.
  std::string name = words.empty() ? "help" : words.front();
  if (name == "--help" || name == "-h") name = "help";
  if (name == "--version") name = "version";
  std::vector<std::string> names;
  for (const Command& command : Commands()) {
    const CommandSyntax& syntax = command.syntax();
    names.emplace_back(syntax.name);
    if (syntax.name != name) continue;
    const Invocation invocation = {
        words.empty() ? words : std::vector<std::string>(words.begin() + 1, words.end()),
        environment};
    const Result<Flags> flags = Flags::Parse(syntax, invocation.words, environment);
    if (!flags) return flags.error();
    if (flags->help()) return HelpCommand(*flags, {{std::string(syntax.name)}, environment});
    return command.run(*flags, invocation);
  }
  if (name.starts_with("-")) {
    return Invalid("the command comes first, flags behind it: playload run SCENARIO " +
                   std::string(name.size() <= 40 ? name : "...") + "; playload help lists them");
  }
  return Invalid("unknown command " + Quoted(name) + DidYouMean(name, names));
}

}  // namespace playload
