#include "generator/cli/flags.h"

// A value may hold commas (kafka://a:1,b:2), so they separate nothing.
#define CXXOPTS_VECTOR_DELIMITER '\0'
#include <algorithm>
#include <cstring>
#include <cxxopts.hpp>
#include <sstream>

#include "generator/base/text.h"

namespace playload {
namespace {

constexpr std::size_t kHelpColumn = 34;
constexpr std::size_t kHelpWidth = 100;

// cxxopts quotes in UTF-8; our messages are ASCII.
std::string Ascii(std::string text) {
  for (const char* quote : {"\xe2\x80\x98", "\xe2\x80\x99"}) {
    for (std::size_t at = text.find(quote); at != std::string::npos; at = text.find(quote)) {
      text.replace(at, std::strlen(quote), "'");
    }
  }
  return text;
}

// What stands between the quotes of a message of cxxopts: the option's name.
std::string QuotedName(const std::string& message) {
  const std::size_t begin = message.find('\'');
  const std::size_t end = message.find('\'', begin + 1);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return message.substr(begin + 1, end - begin - 1);
}

Status UnknownFlag(const CommandSyntax& syntax, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  std::vector<std::string> valid = {"--help"};
  for (const Flag& flag : syntax.flags) valid.push_back("--" + std::string(flag.name));
  const std::string near = Nearest(name, valid);
  return Invalid("unknown flag " + Quoted(name) +
                 (near.empty() ? "; playload " + std::string(syntax.name) + " --help lists them"
                               : "; did you mean '" + near + "'?"));
}

// The words with each optional value joined to its flag: cxxopts would take the next word of any
// such flag for an argument.
std::vector<std::string> JoinOptional(const CommandSyntax& syntax,
                                      const std::vector<std::string>& words) {
  std::vector<std::string> joined;
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (*word == "--") {
      joined.insert(joined.end(), word, words.end());
      break;
    }
    joined.push_back(*word);
    const auto flag = std::find_if(syntax.flags.begin(), syntax.flags.end(), [&](const Flag& f) {
      return !f.optional.empty() && *word == "--" + std::string(f.name);
    });
    if (flag == syntax.flags.end()) continue;
    const auto next = std::next(word);
    if (next == words.end() || next->starts_with("-") ||
        next->find(flag->optional) == std::string::npos) {
      continue;
    }
    joined.back() += "=" + *next;
    word = next;
  }
  return joined;
}

// Text in lines of at most kHelpWidth, the later ones indented.
std::string Wrapped(std::string_view text, std::size_t column) {
  std::istringstream words{std::string(text)};
  std::string out;
  std::string word;
  std::size_t at = column;
  while (words >> word) {
    if (at > column && at + 1 + word.size() > kHelpWidth) {
      out += "\n" + std::string(column, ' ');
      at = column;
    } else if (at > column) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
  }
  return out;
}

}  // namespace

std::string EnvironmentName(std::string_view flag) {
  std::string name = "PLAYLOAD_";
  for (const char c : flag) {
    name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return name;
}

Result<Flags> Flags::Parse(const CommandSyntax& syntax, const std::vector<std::string>& words,
                           const char* const* environment) {
  Flags flags;
  try {
    cxxopts::Options options("playload " + std::string(syntax.name));
    options.allow_unrecognised_options();
    options.add_options()("h,help", "", cxxopts::value<bool>());
    for (const Flag& flag : syntax.flags) {
      // Every value is kept as text, so that our own parsers can say what would be right.
      if (flag.value.empty()) {
        options.add_options()(std::string(flag.name), "", cxxopts::value<bool>());
      } else if (!flag.optional.empty()) {
        options.add_options()(std::string(flag.name), "",
                              cxxopts::value<std::string>()->implicit_value("true"));
      } else {
        options.add_options()(std::string(flag.name), "",
                              cxxopts::value<std::vector<std::string>>());
      }
    }
    options.add_options()("arguments", "", cxxopts::value<std::vector<std::string>>());
    options.parse_positional({"arguments"});

    std::vector<const char*> argv = {"playload"};
    const std::vector<std::string> joined = JoinOptional(syntax, words);
    for (const std::string& word : joined) argv.push_back(word.c_str());
    const cxxopts::ParseResult result = options.parse(static_cast<int>(argv.size()), argv.data());
    for (const std::string& word : result.unmatched()) {
      if (word.size() > 1 && word[0] == '-') return UnknownFlag(syntax, word);
    }
    // The name under which the positional arguments are kept is no flag of ours.
    const auto end = std::find(words.begin(), words.end(), "--");
    for (auto word = words.begin(); word != end; ++word) {
      if (*word == "--arguments" || word->starts_with("--arguments=")) {
        return UnknownFlag(syntax, *word);
      }
    }
    for (const cxxopts::KeyValue& given : result.arguments()) {
      if (given.key() == "arguments") {
        flags.arguments_.push_back(given.value());
      } else {
        flags.values_[given.key()].texts.push_back(given.value());
      }
    }
  } catch (const cxxopts::exceptions::exception& error) {
    const std::string message = Ascii(error.what());
    const std::string name = QuotedName(message);
    if (message.find("missing") != std::string::npos) {
      return Invalid("--" + name + " needs a value");
    }
    // Only switches are parsed by cxxopts itself: --quiet=maybe.
    for (const std::string& word : words) {
      if (word.ends_with("=" + name)) {
        return Invalid(word.substr(0, word.find('=')) + ": " + Quoted(name) +
                       " is neither true nor false");
      }
    }
    return Invalid(message);
  }
  flags.help_ = flags.On("help");
  if (flags.help_) return flags;
  if (flags.arguments_.size() < syntax.min_arguments) {
    return Invalid("playload " + std::string(syntax.name) + " needs " +
                   std::string(syntax.arguments) + "; playload " + std::string(syntax.name) +
                   " --help says more");
  }
  if (flags.arguments_.size() > syntax.max_arguments) {
    return Invalid(Quoted(flags.arguments_[syntax.max_arguments]) + " is one argument too many; " +
                   "usage: playload " + std::string(syntax.name) + " " +
                   std::string(syntax.arguments));
  }
  if (Status status = flags.ReadEnvironment(syntax, environment); !status.ok()) return status;
  return flags;
}

Status Flags::ReadEnvironment(const CommandSyntax& syntax, const char* const* environment) {
  for (const char* const* entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (equals == std::string_view::npos || !name.starts_with("PLAYLOAD_")) continue;
    for (const Flag& flag : syntax.flags) {
      if (name != EnvironmentName(flag.name) || Has(flag.name)) continue;
      const std::string value(text.substr(equals + 1));
      if (value.empty()) continue;  // as if it were not set
      Value& kept = values_[std::string(flag.name)];
      kept.from_environment = true;
      if (flag.value.empty()) {
        const bool on = value == "1" || value == "true";
        if (!on && value != "0" && value != "false") {
          return Invalid(std::string(name) + ": " + Quoted(value) + " is neither true nor false");
        }
        kept.texts = {on ? "true" : "false"};
      } else if (!flag.optional.empty() && (value == "1" || value == "true")) {
        kept.texts = {"true"};
      } else if (!flag.optional.empty() && (value == "0" || value == "false")) {
        kept.texts = {"false"};
      } else if (flag.repeat) {
        std::istringstream parts{value};
        std::string part;
        while (parts >> part) kept.texts.push_back(part);
      } else {
        kept.texts = {value};
      }
    }
  }
  return {};
}

bool Flags::Given(std::string_view name) const {
  const auto found = values_.find(name);
  return found != values_.end() && !found->second.from_environment;
}

bool Flags::On(std::string_view name) const { return Text(name) == "true"; }

std::string Flags::Text(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() || found->second.texts.empty() ? std::string()
                                                               : found->second.texts.back();
}

std::vector<std::string> Flags::Texts(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second.texts;
}

std::string Flags::Where(std::string_view name) const {
  const auto found = values_.find(name);
  if (found != values_.end() && found->second.from_environment) return EnvironmentName(name);
  return "--" + std::string(name);
}

Status Flags::Wrong(std::string_view name, const std::string& message) const {
  return Invalid(Where(name) + ": " + message);
}

std::string HelpText(const CommandSyntax& syntax) {
  std::string text = "playload " + std::string(syntax.name);
  if (!syntax.arguments.empty()) text += " " + std::string(syntax.arguments);
  if (!syntax.flags.empty()) text += " [flags]";
  text += "\n\n" + Wrapped(syntax.about, 0) + "\n\n";
  const auto add = [&text](std::string left, std::string_view help) {
    left = "  " + left;
    if (left.size() + 2 > kHelpColumn) {
      left += "\n" + std::string(kHelpColumn, ' ');
    } else {
      left.resize(kHelpColumn, ' ');
    }
    text += left + Wrapped(help, kHelpColumn) + "\n";
  };
  for (const Flag& flag : syntax.flags) {
    std::string left = "--" + std::string(flag.name);
    if (!flag.optional.empty()) {
      left += "[=" + std::string(flag.value) + "]";
    } else if (!flag.value.empty()) {
      left += " " + std::string(flag.value);
    }
    add(std::move(left), flag.help);
  }
  add("--help", "this text");
  if (!syntax.more.empty()) text += "\n" + std::string(syntax.more);
  return text;
}

}  // namespace playload
