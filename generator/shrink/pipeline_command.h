// RunPipelineCommand: runs a user's command through /bin/sh, in a process group of its own, and
// sees to it that nothing of it goes on when it has ended, when its time is over, or on Ctrl-C.
//
// Its standard input is empty, its output goes to a file. Whoever leaves the group (setsid) is out
// of reach.
//
// Threads: runs in the caller's thread; `stop` may be set by any other. Errors: kInvalid (there is
// no /bin/sh, the output file cannot be made), kInterrupted (`stop`). How the command itself ends
// is no error.

#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "generator/base/status.h"

namespace playload {

struct PipelineCommand {
  std::string command;
  // Beside what this process has; these win.
  std::vector<std::pair<std::string, std::string>> environment;
  std::string output;  // a file that is made or replaced: all that the command prints
  std::chrono::milliseconds timeout{60'000};
};

struct CommandEnd {
  enum class How { kCode, kSignal, kTimeout };
  How how = How::kCode;
  int number = 0;  // the exit code, or the signal
  std::chrono::milliseconds took{0};

  [[nodiscard]] bool good() const { return how == How::kCode && number == 0; }
  // "ended with exit code 3", "was ended by signal 11", "did not end within 60s".
  [[nodiscard]] std::string Text() const;
};

Result<CommandEnd> RunPipelineCommand(const PipelineCommand& command,
                                      const std::atomic<bool>& stop);

}  // namespace playload
