#include "transports/http/page_files.h"

#include <cassert>

#include "generator/base/embedded.h"

namespace playload {

extern const EmbeddedFile kPageFiles[];  // by cmake/Embed.cmake

std::string_view PageFile(std::string_view name) {
  for (const EmbeddedFile* file = kPageFiles; file->name != nullptr; ++file) {
    if (file->name == name) return file->content;
  }
  assert(false);
  return {};
}

void FillIn(std::string_view what, std::string_view by, std::string* text) {
  const std::size_t at = text->find(what);
  assert(at != std::string::npos && text->find(what, at + 1) == std::string::npos);
  if (at != std::string::npos) text->replace(at, what.size(), by);
}

}  // namespace playload
