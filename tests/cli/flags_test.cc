#include "generator/cli/flags.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "generator/cli/commands.h"

namespace playload {
namespace {

const CommandSyntax& Syntax() {
  static const CommandSyntax kSyntax = {"try",
                                        "[THING]",
                                        "a few words",
                                        "A sentence.",
                                        {{"rate", "RATE", "how fast"},
                                         {"to", "WHERE", "where", true},
                                         {"drain-timeout", "TIME", "how long"},
                                         {"quiet", "", "no progress"},
                                         {"verify", "KAFKA", "check", false, "://"}},
                                        0,
                                        1,
                                        ""};
  return kSyntax;
}

Result<Flags> Parse(const std::vector<std::string>& words,
                    const std::vector<const char*>& environment = {}) {
  std::vector<const char*> list = environment;
  list.push_back(nullptr);
  return Flags::Parse(Syntax(), words, list.data());
}

std::string Refusal(const std::vector<std::string>& words,
                    const std::vector<const char*>& environment = {}) {
  const Result<Flags> flags = Parse(words, environment);
  if (flags) return "";
  CHECK(flags.error().code() == Code::kInvalid);
  return flags.error().message();
}

}  // namespace

TEST_CASE("Flags: values, repeated ones with commas, switches and arguments in any order") {
  const Result<Flags> flags = Parse({"--rate", "5k", "thing", "--to", "kafka://a:1,b:2", "--quiet",
                                     "--to=file:x=y", "--drain-timeout", "-5s"});
  REQUIRE_MESSAGE(flags.has_value(), flags.error().message());
  CHECK(flags->Text("rate") == "5k");
  CHECK(flags->Texts("to") == std::vector<std::string>{"kafka://a:1,b:2", "file:x=y"});
  CHECK(flags->Text("drain-timeout") == "-5s");
  CHECK(flags->On("quiet"));
  CHECK(flags->arguments() == std::vector<std::string>{"thing"});
  CHECK(!flags->help());
  CHECK(Parse({"--help"})->help());
  CHECK(Parse({"-h"})->help());
  CHECK(!Parse({"--quiet=false"})->On("quiet"));
  CHECK(Parse({"--", "--rate"})->arguments() == std::vector<std::string>{"--rate"});
  CHECK(Parse({"--rate="})->Has("rate"));
}

TEST_CASE("Flags: an optional value is the next word only where that cannot be an argument") {
  const auto verify = [](const std::vector<std::string>& words,
                         const std::vector<const char*>& environment = {}) {
    const Result<Flags> flags = Parse(words, environment);
    REQUIRE_MESSAGE(flags.has_value(), flags.error().message());
    std::string text = flags->Text("verify");
    for (const std::string& argument : flags->arguments()) text += " " + argument;
    return text;
  };
  CHECK(verify({}) == "");
  CHECK(verify({"--verify"}) == "true");
  CHECK(verify({"--verify", "thing"}) == "true thing");
  CHECK(verify({"--verify", "--quiet"}) == "true");
  CHECK(verify({"--verify", "kafka://a:1,b:2", "thing"}) == "kafka://a:1,b:2 thing");
  CHECK(verify({"thing", "--verify=kafka://a:1"}) == "kafka://a:1 thing");
  CHECK(verify({"--verify=x"}) == "x");
  CHECK(verify({}, {"PLAYLOAD_VERIFY=1"}) == "true");
  CHECK(verify({}, {"PLAYLOAD_VERIFY=false"}) == "false");
  CHECK(verify({}, {"PLAYLOAD_VERIFY=kafka://a:1"}) == "kafka://a:1");
  CHECK(HelpText(Syntax()).find("--verify[=KAFKA]") != std::string::npos);
}

TEST_CASE("Flags: what is wrong is named, with what is near") {
  CHECK(Refusal({"--rtae", "5k"}) == "unknown flag '--rtae'; did you mean '--rate'?");
  CHECK(Refusal({"--rtae=5k"}) == "unknown flag '--rtae'; did you mean '--rate'?");
  CHECK(Refusal({"--frobnicate-everything"}).find("playload try --help") != std::string::npos);
  CHECK(Refusal({"-x"}).find("'-x'") != std::string::npos);
  CHECK(Refusal({"--rate"}) == "--rate needs a value");
  CHECK(Refusal({"--quiet=maybe"}).find("--quiet: 'maybe'") != std::string::npos);
  CHECK(Refusal({"one", "two"}).find("'two' is one argument too many") != std::string::npos);
  CHECK(Refusal({"--arguments", "one"}).find("unknown flag '--arguments'") != std::string::npos);
}

TEST_CASE("Flags: the environment stands behind the line") {
  const std::vector<const char*> environment = {"PATH=/bin", "PLAYLOAD_RATE=7", "PLAYLOAD_TO=a b",
                                                "PLAYLOAD_DRAIN_TIMEOUT=2s", "PLAYLOAD_QUIET=1"};
  Result<Flags> flags = Parse({}, environment);
  REQUIRE(flags.has_value());
  CHECK(flags->Text("rate") == "7");
  CHECK(flags->Texts("to") == std::vector<std::string>{"a", "b"});
  CHECK(flags->Text("drain-timeout") == "2s");
  CHECK(flags->On("quiet"));
  CHECK(!flags->Given("rate"));
  CHECK(flags->Where("rate") == "PLAYLOAD_RATE");
  CHECK(flags->Wrong("drain-timeout", "bad").message() == "PLAYLOAD_DRAIN_TIMEOUT: bad");

  flags = Parse({"--rate", "9", "--to", "c"}, environment);
  CHECK(flags->Text("rate") == "9");
  CHECK(flags->Texts("to") == std::vector<std::string>{"c"});
  CHECK(flags->Given("rate"));
  CHECK(flags->Where("rate") == "--rate");

  // Empty is as if it were not set.
  CHECK(!Parse({}, {"PLAYLOAD_RATE="})->Has("rate"));
  CHECK(!Parse({}, {"PLAYLOAD_QUIET=0"})->On("quiet"));
  CHECK(Refusal({}, {"PLAYLOAD_QUIET=perhaps"}).find("PLAYLOAD_QUIET") != std::string::npos);
}

TEST_CASE("Flags: the help names every flag, and no line is longer than 100") {
  for (const Command& command : Commands()) {
    const CommandSyntax& syntax = command.syntax();
    const std::string help = HelpText(syntax);
    for (const Flag& flag : syntax.flags) {
      CHECK(help.find("--" + std::string(flag.name)) != std::string::npos);
    }
    for (std::size_t at = 0; at < help.size();) {
      const std::size_t end = help.find('\n', at);
      CAPTURE(help.substr(at, end - at));
      CHECK(end - at <= 100);
      at = end + 1;
    }
  }
}

TEST_CASE("Commands: unknown ones are refused with the nearest") {
  CHECK(RunCommandLine({"rnu"}, nullptr).message() == "unknown command 'rnu'; did you mean 'run'?");
  CHECK(RunCommandLine({"--rate", "5"}, nullptr).code() == Code::kInvalid);
  CHECK(RunCommandLine({"help", "rnu"}, nullptr).message().find("'run'") != std::string::npos);
}

}  // namespace playload
