#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "generator/cli/commands.h"

namespace {

int Main(int argc, char** argv, char** environment) {
  using playload::Code;
  using playload::Status;
  // A reader that goes away, a file size limit: errors of the write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  Status status;
  try {
    status = playload::RunCommandLine(
        std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), environment);
  } catch (const std::bad_alloc&) {
    status = Status(Code::kInternal, "out of memory");
  } catch (const std::exception& error) {
    status = Status(Code::kInternal, std::string("this is a bug in playload: ") + error.what());
  }
  if (!status.ok()) std::fprintf(stderr, "playload: %s\n", status.message().c_str());
  return static_cast<int>(status.code());
}

}  // namespace

int main(int argc, char** argv, char** environment) { return Main(argc, argv, environment); }
