// The commands of playload, one file each. A command reads its words, prints its result on stdout
// and everything else on stderr, and returns a Status whose code is the exit code.
//
// Threads: main thread.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/cli/flags.h"

namespace playload {

struct Invocation {
  std::vector<std::string> words;  // behind the command's name
  const char* const* environment = nullptr;
};

struct Command {
  const CommandSyntax& (*syntax)();
  Status (*run)(const Flags& flags, const Invocation& invocation);
};

// In the order of the help.
const std::vector<Command>& Commands();

// Finds the command and runs it. `words`: without the program's name.
Status RunCommandLine(const std::vector<std::string>& words, const char* const* environment);

const CommandSyntax& RunSyntax();
Status RunCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& ServeSyntax();
Status ServeCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& PlanSyntax();
Status PlanCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& VerifySyntax();
Status VerifyCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& ExpectSyntax();
Status ExpectCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& PipelineSyntax();
Status PipelineCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& MutantsSyntax();
Status MutantsCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& BenchSyntax();
Status BenchCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& ListSyntax();
Status ListCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& ShowSyntax();
Status ShowCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& SchemaSyntax();
Status SchemaCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& VersionSyntax();
Status VersionCommand(const Flags& flags, const Invocation& invocation);
const CommandSyntax& HelpSyntax();
Status HelpCommand(const Flags& flags, const Invocation& invocation);

}  // namespace playload
