// Flags: a command's line, read against a table. Unknown flags are errors that name the nearest
// valid one; what the line does not say may come from the environment (PLAYLOAD_RATE for --rate,
// several values of a repeatable flag separated by blanks).
//
// Threads: value types. Errors: kInvalid, one line that names the flag.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"

namespace playload {

struct Flag {
  std::string_view name;   // without dashes
  std::string_view value;  // what it takes, as shown in the help: "RATE"; empty: a switch
  std::string_view help;
  bool repeat = false;  // may be given several times
  // May be given without a value, which then is "true". As its value the next word counts only if
  // it holds this text, which no argument of the command does; --flag=value always does.
  std::string_view optional = {};
};

struct CommandSyntax {
  std::string_view name;       // "run"
  std::string_view arguments;  // "SCENARIO"; empty: none
  std::string_view brief;      // a few words, for the list of commands
  std::string_view about;      // a sentence or two
  std::vector<Flag> flags;     // without --help, which every command has
  std::size_t min_arguments = 0, max_arguments = 0;
  std::string_view more;  // shown below the flags
};

class Flags {
 public:
  // `words`: what follows the command's name. `environment`: NULL-terminated, as of main().
  static Result<Flags> Parse(const CommandSyntax& syntax, const std::vector<std::string>& words,
                             const char* const* environment);

  // Whether the flag has a value, from the line or the environment.
  [[nodiscard]] bool Has(std::string_view name) const { return values_.contains(name); }
  // From the line itself.
  [[nodiscard]] bool Given(std::string_view name) const;
  // Whether a switch is on.
  [[nodiscard]] bool On(std::string_view name) const;
  // The (last) value, "" where there is none.
  [[nodiscard]] std::string Text(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> Texts(std::string_view name) const;
  // As it was given, for messages: "--rate" or "PLAYLOAD_RATE".
  [[nodiscard]] std::string Where(std::string_view name) const;
  // Invalid("--rate: message").
  [[nodiscard]] Status Wrong(std::string_view name, const std::string& message) const;

  [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }
  [[nodiscard]] bool help() const { return help_; }

 private:
  struct Value {
    std::vector<std::string> texts;
    bool from_environment = false;
  };
  Status ReadEnvironment(const CommandSyntax& syntax, const char* const* environment);

  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> arguments_;
  bool help_ = false;
};

// "PLAYLOAD_DRAIN_TIMEOUT" for "drain-timeout".
std::string EnvironmentName(std::string_view flag);

// The text of `playload COMMAND --help`.
std::string HelpText(const CommandSyntax& syntax);

}  // namespace playload
