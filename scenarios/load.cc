#include "scenarios/load.h"

#include <algorithm>
#include <filesystem>

#include "generator/base/embedded.h"
#include "generator/base/text.h"
#include "generator/base/yaml.h"
#include "scenarios/read.h"

namespace playload {

extern const EmbeddedFile kScenarioFiles[];  // made by cmake/Embed.cmake from data/

namespace {

bool IsPath(const std::string& name_or_path) {
  return name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".yaml") ||
         name_or_path.ends_with(".yml");
}

}  // namespace

std::vector<std::string> BuiltInScenarios() {
  std::vector<std::string> names;
  for (const EmbeddedFile* file = kScenarioFiles; file->name != nullptr; ++file) {
    names.emplace_back(file->name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Scenario> ParseScenario(const std::string& file, std::string_view text,
                               const std::vector<Persona>& personas) {
  const Result<YamlNode> root = ParseYaml(file, text);
  if (!root) return root.error();
  return ReadScenario(file, std::filesystem::path(file).parent_path().string(), *root, personas);
}

Result<Scenario> LoadScenario(const std::string& name_or_path,
                              const std::vector<Persona>& personas) {
  if (IsPath(name_or_path)) {
    const Result<std::string> text = ReadTextFile(name_or_path);
    if (!text) return text.error();
    return ParseScenario(name_or_path, *text, personas);
  }
  for (const EmbeddedFile* file = kScenarioFiles; file->name != nullptr; ++file) {
    if (name_or_path != file->name) continue;
    Result<Scenario> scenario =
        ParseScenario(name_or_path + " (built-in)", file->content, personas);
    if (scenario) scenario->file = "built-in";
    return scenario;
  }
  return Invalid("unknown scenario " + Quoted(name_or_path) +
                 DidYouMean(name_or_path, BuiltInScenarios()) +
                 " (a file's path has a '/' or ends in .yaml)");
}

}  // namespace playload
