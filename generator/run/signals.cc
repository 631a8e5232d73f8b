#include "generator/run/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

namespace playload {
namespace {

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    sigaction(number, nullptr, &before);
    if (number == SIGHUP && before.sa_handler == SIG_IGN) continue;  // nohup
    sigaddset(&set, number);
  }
  return set;
}

}  // namespace

Signals::Signals() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  sigaction(SIGXFSZ, &ignore, nullptr);

  // A shell starts background jobs of a script with SIGINT ignored. Who sends one to a run by its
  // id means it, so it counts there too.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGINT, &standard, nullptr);
  sigaction(SIGTERM, &standard, nullptr);

  const sigset_t watched = Watched();
  signals_ = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  end_ = eventfd(0, EFD_CLOEXEC);
  // Without descriptors to wait on, the signals keep what they do by default: end the process.
  if (signals_ < 0 || end_ < 0) return;
  pthread_sigmask(SIG_BLOCK, &watched, nullptr);
  watcher_ = std::thread([this] { Watch(); });
}

Signals::~Signals() {
  const std::uint64_t one = 1;
  if (watcher_.joinable() && write(end_, &one, sizeof(one)) == sizeof(one)) watcher_.join();
  if (signals_ >= 0) close(signals_);
  if (end_ >= 0) close(end_);
}

void Signals::Watch() {
  std::array<pollfd, 2> wait = {{{signals_, POLLIN, 0}, {end_, POLLIN, 0}}};
  while (true) {
    if (poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return;
    if ((wait[1].revents & POLLIN) != 0) return;
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof(info)) != sizeof(info)) continue;
    if (!stop_.exchange(true)) continue;
    if (!hurry_.exchange(true)) {
      // From now on this thread takes the signals as everybody does: the third one ends the
      // process.
      const sigset_t watched = Watched();
      pthread_sigmask(SIG_UNBLOCK, &watched, nullptr);
    }
  }
}

}  // namespace playload
