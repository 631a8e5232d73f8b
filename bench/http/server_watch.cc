#include "bench/http/server_watch.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace playload {
namespace {

constexpr std::int64_t kCheckEveryNs = 100'000'000;
constexpr std::int64_t kSampleEvery = 10;  // checks
constexpr int kCheckTimeoutSeconds = 10;

std::int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

std::uint64_t CountDescriptors(pid_t pid) {
  DIR* folder = opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  if (folder == nullptr) return 0;
  std::uint64_t count = 0;
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

std::string ReadSmallFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (file == nullptr) return "";
  char text[1024];
  const std::size_t size = std::fread(text, 1, sizeof(text), file);
  std::fclose(file);
  return {text, size};
}

}  // namespace

ServerWatch::ServerWatch(const sockaddr_in& server, pid_t pid)
    : server_(server), pid_(pid), began_ns_(NowNs()), thread_([this] { Run(); }) {}

ServerWatch::~ServerWatch() { Stop(); }

void ServerWatch::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

void ServerWatch::Run() {
  std::int64_t due = NowNs();
  for (std::int64_t tick = 0; !stop_.load(std::memory_order_relaxed); ++tick) {
    if (const std::int64_t wait = due - NowNs(); wait > 0) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(wait));
    }
    if (pid_ != 0 && tick % kSampleEvery == 0) samples_.push_back(Sample());
    HealthFigures& figures = health_[std::min(phase_.load(std::memory_order_relaxed), kPhases - 1)];
    if (Check()) {
      figures.microseconds.Record((NowNs() - due) / 1'000);
    } else {
      ++figures.failed;
    }
    due += kCheckEveryNs;
  }
}

bool ServerWatch::Check() const {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const timeval timeout{.tv_sec = kCheckTimeoutSeconds, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  constexpr std::string_view kRequest =
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  bool good = connect(fd, reinterpret_cast<const sockaddr*>(&server_), sizeof(server_)) == 0 &&
              send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) ==
                  static_cast<ssize_t>(kRequest.size());
  std::string answer;
  char bytes[4096];
  ssize_t got = 0;
  while (good && (got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
    answer.append(bytes, static_cast<std::size_t>(got));
  }
  close(fd);
  return good && got == 0 && answer.starts_with("HTTP/1.1 200 ");
}

ProcessSample ServerWatch::Sample() const {
  ProcessSample sample;
  sample.seconds = static_cast<double>(NowNs() - began_ns_) * 1e-9;
  if (pid_ == 0) return sample;
  const std::string folder = "/proc/" + std::to_string(pid_);
  unsigned long pages = 0;
  std::sscanf(ReadSmallFile(folder + "/statm").c_str(), "%*u %lu", &pages);
  sample.rss_bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  sample.descriptors = CountDescriptors(pid_);
  const std::string stat = ReadSmallFile(folder + "/stat");
  // The name in parentheses may hold anything; the fields count from behind it.
  if (const std::size_t name = stat.rfind(')'); name != std::string::npos) {
    unsigned long user = 0, system = 0;
    std::sscanf(stat.c_str() + name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                &user, &system);
    sample.cpu_seconds =
        static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  return sample;
}

}  // namespace playload
