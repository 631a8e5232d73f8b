#include "personas/load.h"

#include <algorithm>

#include "generator/base/embedded.h"
#include "generator/base/text.h"
#include "generator/base/yaml.h"
#include "personas/read.h"

namespace playload {

extern const EmbeddedFile kPersonaFiles[];

std::vector<std::string> BuiltInPersonas() {
  std::vector<std::string> names;
  for (const EmbeddedFile* file = kPersonaFiles; file->name != nullptr; ++file) {
    names.emplace_back(file->name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string_view BuiltInPersonaText(const std::string& name) {
  for (const EmbeddedFile* file = kPersonaFiles; file->name != nullptr; ++file) {
    if (name == file->name) return file->content;
  }
  return {};
}

Result<Persona> BuiltInPersona(const std::string& name) {
  const std::string_view text = BuiltInPersonaText(name);
  if (text.empty()) {
    return Invalid("unknown persona " + Quoted(name) + DidYouMean(name, BuiltInPersonas()));
  }
  Result<Persona> persona = ParsePersona("personas/data/" + name + ".yaml", text);
  if (persona) persona->file = "built-in";
  return persona;
}

Result<Persona> ParsePersona(const std::string& file, std::string_view text) {
  const Result<YamlNode> root = ParseYaml(file, text);
  if (!root) return root.error();
  return ReadPersona(file, *root);
}

Result<Persona> LoadPersonaFile(const std::string& path) {
  const Result<std::string> text = ReadTextFile(path);
  if (!text) return text.error();
  return ParsePersona(path, *text);
}

}  // namespace playload
