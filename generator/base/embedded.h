// A data file compiled into the binary (cmake/Embed.cmake), so that built-in personas and scenarios
// are there in any working folder. An array of these ends with {nullptr, nullptr}.

#pragma once

namespace playload {

struct EmbeddedFile {
  const char* name;     // without its ending
  const char* content;  // NUL-terminated text
};

}  // namespace playload
