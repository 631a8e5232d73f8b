#include "generator/cli/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "generator/base/text.h"
#include "generator/stream/stream.h"

namespace playload {
namespace {

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kEventBytes = 300;  // with its key, about

// The number in a file of one line, or kUnknown ("max", no such file).
std::uint64_t NumberIn(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : kUnknown;
}

std::uint64_t AvailableOnMachine() {
  std::ifstream file("/proc/meminfo");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t kib = 0;
    if (words >> name >> kib && name == "MemAvailable:") return kib * 1'024;
  }
  return kUnknown;
}

}  // namespace

std::uint64_t MemoryOf(const RunSetup& setup) {
  const RunOptions& run = setup.run;
  StampLog stamps(std::vector<std::int64_t>{});
  StreamOptions options;
  options.threads = run.threads;
  options.stamps = run.spec.rate_max ? &stamps : nullptr;
  std::uint64_t bytes = 0;
  for (const Address& address : run.to) {
    options.by_kind = address.scheme == Address::Scheme::kFile;
    options.records = address.scheme == Address::Scheme::kHttp;
    bytes += Stream::MemoryBytes(run.spec, options);
    if (address.scheme == Address::Scheme::kHttp) {
      HttpSettings http = run.destinations.http;
      http.listen = address.http;
      bytes += HttpTransport::MemoryBytes(run.spec, http);
    }
    if (address.scheme == Address::Scheme::kKafka) {
      bytes += run.destinations.kafka.QueueMemoryBytes(kEventBytes);
    }
  }
  return run.to.empty() ? Stream::MemoryBytes(run.spec, options) : bytes;
}

std::uint64_t MemoryAvailable() {
  std::uint64_t available = AvailableOnMachine();
  // In a container (cgroup v2) less may be allowed than there is.
  const std::uint64_t allowed = NumberIn("/sys/fs/cgroup/memory.max");
  const std::uint64_t used = NumberIn("/sys/fs/cgroup/memory.current");
  if (allowed != kUnknown && used != kUnknown) {
    available = std::min(available, allowed > used ? allowed - used : 0);
  }
  return available;
}

Status CheckMemory(const RunSetup& setup) {
  const std::uint64_t needed = MemoryOf(setup);
  const std::uint64_t available = MemoryAvailable();
  if (needed <= available) return {};
  return Invalid("--players: " + FormatCount(setup.run.spec.scenario.population.players) +
                 " players need " + FormatBytes(needed) + " for these destinations, and " +
                 FormatBytes(available) + " are free here");
}

}  // namespace playload
