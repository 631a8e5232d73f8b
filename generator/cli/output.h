// Output: stdout for a command's result. A reader that went away (`| head`) is no error; a full
// disk is.
//
// Threads: one. Expects SIGPIPE to be ignored.

#pragma once

#include <string>
#include <string_view>

#include "generator/base/status.h"

namespace playload {

class Output {
 public:
  // Buffered; false once nobody wants more (the reader is gone, or writing failed).
  bool Write(std::string_view text);
  // Writes what is buffered. kDestination when stdout cannot be written.
  Status Flush();

 private:
  void Push();

  std::string buffer_;
  bool gone_ = false;
  Status status_;
};

// Prints one text.
Status Print(std::string_view text);

}  // namespace playload
