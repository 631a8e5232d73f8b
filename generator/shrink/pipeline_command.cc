#include "generator/shrink/pipeline_command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <string_view>
#include <thread>

#include "generator/base/system.h"
#include "generator/base/text.h"

namespace playload {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kShell = "/bin/sh";
// How often it is asked whether the command has ended: soon at first, most are quick.
constexpr milliseconds kFirstLook{1};
constexpr milliseconds kLook{20};
// Between being asked to end and being ended.
constexpr milliseconds kGrace{2'000};

std::vector<std::string> EnvironmentOf(const PipelineCommand& command) {
  std::vector<std::string> environment;
  const auto replaced = [&](std::string_view entry) {
    return std::any_of(command.environment.begin(), command.environment.end(),
                       [&](const auto& e) { return entry.starts_with(e.first + "="); });
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!replaced(*entry)) environment.emplace_back(*entry);
  }
  for (const auto& [name, value] : command.environment) environment.push_back(name + "=" + value);
  return environment;
}

// The attributes of a spawned process, freed with this.
class SpawnPlan {
 public:
  explicit SpawnPlan(const std::string& output) {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&files);
    // A group of its own, and none of the signals that this process blocks or ignores.
    sigset_t none;
    sigemptyset(&none);
    sigset_t usual;
    sigemptyset(&usual);
    for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGXFSZ}) sigaddset(&usual, signal);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t files;
};

// Whether the group's leader has ended. It stays a zombie, so that the group's number is nobody
// else's.
bool HasEnded(pid_t leader) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(leader), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == leader;
}

// Waits for the leader's end until then; false when that comes first, or `stop`.
bool WaitForEnd(pid_t leader, steady_clock::time_point until, const std::atomic<bool>* stop) {
  milliseconds look = kFirstLook;
  while (!HasEnded(leader)) {
    if (steady_clock::now() >= until || (stop != nullptr && stop->load())) return false;
    std::this_thread::sleep_for(look);
    look = std::min(look * 2, kLook);
  }
  return true;
}

}  // namespace

std::string CommandEnd::Text() const {
  switch (how) {
    case How::kCode:
      return "ended with exit code " + std::to_string(number);
    case How::kSignal:
      return "was ended by signal " + std::to_string(number);
    case How::kTimeout:
      return "did not end within " +
             FormatDuration(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
  }
  return "";
}

Result<CommandEnd> RunPipelineCommand(const PipelineCommand& command,
                                      const std::atomic<bool>& stop) {
  std::vector<std::string> variables = EnvironmentOf(command);
  std::vector<char*> environment;
  environment.reserve(variables.size() + 1);
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string words[] = {"sh", "-c", command.command};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};

  const SpawnPlan plan(command.output);
  const steady_clock::time_point begin = steady_clock::now();
  pid_t leader = 0;
  const int error =
      posix_spawn(&leader, kShell, &plan.files, &plan.attributes, arguments, environment.data());
  if (error != 0) {
    return Invalid("the pipeline's command could not be started (" + std::string(kShell) +
                   ", output to " + command.output + "): " + ErrnoText(error));
  }
  const bool ended = WaitForEnd(leader, begin + command.timeout, &stop);
  if (!ended) {
    kill(-leader, SIGTERM);
    WaitForEnd(leader, steady_clock::now() + kGrace, nullptr);
  }
  // What it has left behind, too.
  kill(-leader, SIGKILL);
  int status = 0;
  while (waitpid(leader, &status, 0) < 0 && errno == EINTR) {
  }
  CommandEnd end;
  end.took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
  if (!ended && stop.load()) return Status(Code::kInterrupted, "interrupted");
  if (!ended) {
    end.how = CommandEnd::How::kTimeout;
    end.took = command.timeout;
  } else if (WIFSIGNALED(status)) {
    end.how = CommandEnd::How::kSignal;
    end.number = WTERMSIG(status);
  } else {
    end.number = WEXITSTATUS(status);
  }
  return end;
}

}  // namespace playload
