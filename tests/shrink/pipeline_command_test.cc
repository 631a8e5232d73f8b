#include "generator/shrink/pipeline_command.h"

#include <doctest/doctest.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace playload {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Folder {
 public:
  Folder() {
    std::string path = (fs::temp_directory_path() / "playload-test-XXXXXX").string();
    REQUIRE(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

std::string Read(const std::string& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

CommandEnd Run(const PipelineCommand& command) {
  const std::atomic<bool> stop{false};
  const Result<CommandEnd> end = RunPipelineCommand(command, stop);
  REQUIRE_MESSAGE(end, end.error().message());
  return *end;
}

// Whether the process goes away, soon.
bool Gone(const std::string& pid_file) {
  const auto pid = static_cast<pid_t>(std::stol(Read(pid_file)));
  REQUIRE(pid > 1);
  for (int i = 0; i < 100; ++i) {
    if (kill(pid, 0) != 0 && errno == ESRCH) return true;
    // Ended, and nobody has looked at it yet.
    if (Read("/proc/" + std::to_string(pid) + "/stat").find(") Z ") != std::string::npos) {
      return true;
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

TEST_CASE("RunPipelineCommand: a shell's command, with the environment, its output in the file") {
  const Folder folder;
  setenv("PLAYLOAD_TEST_KEPT", "kept", 1);
  setenv("PLAYLOAD_TEST_REPLACED", "old", 1);
  const CommandEnd end =
      Run({"read line || echo no input; echo $A; echo $PLAYLOAD_TEST_KEPT >&2; "
           "echo $PLAYLOAD_TEST_REPLACED",
           {{"A", "b c"}, {"PLAYLOAD_TEST_REPLACED", "new"}},
           folder / "out",
           milliseconds(60'000)});
  CHECK(end.good());
  CHECK(end.Text() == "ended with exit code 0");
  CHECK(Read(folder / "out") == "no input\nb c\nkept\nnew\n");
}

TEST_CASE("RunPipelineCommand: how it ends is told") {
  const Folder folder;
  const CommandEnd code = Run({"exit 3", {}, folder / "out"});
  CHECK_FALSE(code.good());
  CHECK(code.Text() == "ended with exit code 3");
  const CommandEnd signal = Run({"kill -SEGV $$", {}, folder / "out"});
  CHECK_FALSE(signal.good());
  CHECK(signal.Text() == "was ended by signal 11");
  CHECK(Run({"no-such-command-here", {}, folder / "out"}).number == 127);
}

TEST_CASE("RunPipelineCommand: signals that this process blocks or ignores are the command's own") {
  const Folder folder;
  sigset_t term;
  sigset_t before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, &before);
  const auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
  CHECK(Run({"kill -TERM $$; exit 0", {}, folder / "out"}).Text() == "was ended by signal 15");
  CHECK(Run({"kill -PIPE $$; exit 0", {}, folder / "out"}).Text() == "was ended by signal 13");
  std::signal(SIGPIPE, pipe_before);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("RunPipelineCommand: at the timeout the whole group ends, also who ignores SIGTERM") {
  const Folder folder;
  const CommandEnd end =
      Run({"trap '' TERM; sh -c 'echo $$ >\"$PIDS.child\"; sleep 600' & "
           "echo $$ >\"$PIDS.shell\"; wait; sleep 600",
           {{"PIDS", folder / "pid"}},
           folder / "out",
           milliseconds(300)});
  CHECK(end.how == CommandEnd::How::kTimeout);
  CHECK_FALSE(end.good());
  CHECK(end.Text() == "did not end within 300ms");
  CHECK(Gone(folder / "pid.shell"));
  CHECK(Gone(folder / "pid.child"));
}

TEST_CASE("RunPipelineCommand: what it leaves behind in the background ends with it") {
  const Folder folder;
  const auto begin = steady_clock::now();
  const CommandEnd end = Run({"sleep 600 & echo $! >\"$PIDS.child\"",
                              {{"PIDS", folder / "pid"}},
                              folder / "out",
                              milliseconds(60'000)});
  CHECK(end.good());
  CHECK(steady_clock::now() - begin < milliseconds(30'000));
  CHECK(Gone(folder / "pid.child"));
}

TEST_CASE("RunPipelineCommand: stop ends the group, and is an error") {
  const Folder folder;
  std::atomic<bool> stop{false};
  std::thread stopper([&] {
    while (Read(folder / "pid.shell").empty()) std::this_thread::sleep_for(milliseconds(5));
    stop.store(true);
  });
  const Result<CommandEnd> end = RunPipelineCommand({"echo $$ >\"$PIDS.shell\"; sleep 600",
                                                     {{"PIDS", folder / "pid"}},
                                                     folder / "out",
                                                     milliseconds(60'000)},
                                                    stop);
  stopper.join();
  REQUIRE_FALSE(end);
  CHECK(end.error().code() == Code::kInterrupted);
  CHECK(Gone(folder / "pid.shell"));
}

TEST_CASE("RunPipelineCommand: an output file that cannot be made is an error") {
  const std::atomic<bool> stop{false};
  const Result<CommandEnd> end = RunPipelineCommand({"true", {}, "/no/such/folder/out"}, stop);
  REQUIRE_FALSE(end);
  CHECK(end.error().code() == Code::kInvalid);
}

}  // namespace
}  // namespace playload
