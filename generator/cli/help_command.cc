#include <algorithm>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/run/version.h"

namespace playload {

const CommandSyntax& HelpSyntax() {
  static const CommandSyntax kSyntax = {"help",
                                        "[COMMAND]",
                                        "this list, or the flags of a command",
                                        "Prints what playload can do, or the flags of a command.",
                                        {},
                                        0,
                                        1,
                                        ""};
  return kSyntax;
}

Status HelpCommand(const Flags& flags, const Invocation& invocation) {
  const std::vector<std::string>& about = flags.help() ? invocation.words : flags.arguments();
  std::vector<std::string> names;
  std::string text =
      "playload " + std::string(Version()) + ": synthetic players, real load, known answers\n\n";
  for (const Command& command : Commands()) {
    const CommandSyntax& syntax = command.syntax();
    names.emplace_back(syntax.name);
    if (!about.empty() && syntax.name == about.front()) return Print(HelpText(syntax));
    std::string left =
        "  playload " + std::string(syntax.name) + " " + std::string(syntax.arguments);
    left.resize(std::max<std::size_t>(left.size() + 1, 48), ' ');
    text += left + std::string(syntax.brief) + "\n";
  }
  if (!about.empty()) {
    return Invalid("unknown command " + Quoted(about.front()) + DidYouMean(about.front(), names));
  }
  text +=
      "\nplayload COMMAND --help lists the flags. To begin with:\n"
      "  playload run fraud-and-overload --to kafka://embedded --pipeline --verify\n";
  return Print(text);
}

const CommandSyntax& VersionSyntax() {
  static const CommandSyntax kSyntax = {
      "version", "", "the version of this build", "Prints the version.", {}, 0, 0, ""};
  return kSyntax;
}

Status VersionCommand(const Flags& /*flags*/, const Invocation& /*invocation*/) {
  return Print("playload " + std::string(Version()) + "\n");
}

}  // namespace playload
