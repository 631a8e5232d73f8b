#include "generator/measure/machine.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

namespace playload {
namespace {

// Of /proc/cpuinfo: x86's name; arm64 has numbers alone there.
std::string CpuName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("model name")) continue;
    const std::size_t begin = line.find_first_not_of(" \t", line.find(':') + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

int AllowedCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// cgroup v2: "200000 100000" or "max 100000".
std::optional<double> CpuQuota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (!(file >> quota >> period) || period <= 0) return std::nullopt;
  return quota / period;
}

}  // namespace

MachineFacts ReadMachineFacts() {
  MachineFacts facts;
  facts.cpu = CpuName();
  facts.cores = AllowedCores();
  if (const std::optional<double> quota = CpuQuota(); quota && *quota < facts.cores) {
    facts.cpu_quota = quota;
  }
  const std::int64_t pages = sysconf(_SC_PHYS_PAGES);
  const std::int64_t page_bytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) {
    facts.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
  }
  utsname system{};
  if (uname(&system) == 0) {
    facts.kernel = std::string(system.sysname) + " " + system.release + " " + system.machine;
  }
  double average = 0;
  if (getloadavg(&average, 1) == 1) facts.load_average = average;
  return facts;
}

std::optional<LoadWatch::Ticks> LoadWatch::Read() {
  std::ifstream file("/proc/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  std::istringstream words(line);
  std::string name;
  std::uint64_t user = 0, nice = 0, system = 0, idle = 0, waits = 0, irq = 0, soft = 0, stolen = 0;
  words >> name >> user >> nice >> system >> idle >> waits >> irq >> soft >> stolen;
  if (!words || name != "cpu") return std::nullopt;
  Ticks ticks;
  ticks.busy = user + nice + system + irq + soft;
  ticks.stolen = stolen;
  ticks.all = ticks.busy + idle + waits + stolen;
  return ticks;
}

LoadWatch::LoadWatch() : begin_(Read()), own_begin_ns_(ProcessCpuNow()) {}

MachineLoad LoadWatch::SoFar() const {
  const std::optional<Ticks> now = Read();
  const std::int64_t per_second = sysconf(_SC_CLK_TCK);
  if (!begin_ || !now || per_second <= 0) return {};
  const auto between = [&](std::uint64_t from, std::uint64_t to) {
    return static_cast<std::int64_t>(to - std::min(from, to)) * (1'000'000'000 / per_second);
  };
  const std::int64_t own = ProcessCpuNow() - own_begin_ns_;
  MachineLoad load;
  load.all_ns = between(begin_->all, now->all);
  load.others_ns = std::clamp<std::int64_t>(between(begin_->busy, now->busy) - own, 0, load.all_ns);
  load.stolen_ns = std::min(between(begin_->stolen, now->stolen), load.all_ns);
  return load;
}

std::int64_t ProcessCpuNow() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace playload
