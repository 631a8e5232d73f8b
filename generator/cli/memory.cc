#include "generator/cli/memory.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "generator/base/text.h"
#include "generator/judge/latency.h"
#include "generator/run/checkpoints.h"
#include "generator/stream/snapshots.h"
#include "generator/stream/stream.h"
#include "generator/stream/tables.h"
#include "generator/verify/live.h"
#include "transports/delivery_watch.h"
#include "transports/http/live_window.h"
#include "transports/http/source.h"

namespace playload {
namespace {

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// What follows was measured (bench/generate/memory.py) with the libraries of Debian 12.

// Code, stacks and records that a run adds to what this process has resident before it.
constexpr std::uint64_t kRunBytes = kMiB + kMiB / 2;
// An event with its key in Kafka's queue.
constexpr std::uint64_t kEventBytes = 300;
// What the transport remembers of it until its report.
constexpr std::uint64_t kSlotBytes = 32;
// Threads, buffers and code of Kafka's client beside its queue.
constexpr std::uint64_t kKafkaBytes = 3 * kMiB + kMiB / 4;
// How long an event waits for its acknowledgement from a broker that keeps up: lingering, and a
// request under way.
constexpr std::uint64_t kAckedWithinMs = 100;
// At full speed, in requests that are made or under way.
constexpr std::uint64_t kRequestsBytes = 14 * kMiB;
// The embedded Kafka keeps so much of each partition, and so much of an event, compressed. At full
// speed it and its client have some 60 MiB under way: more when the cores have other work, as the
// queue fills then.
constexpr std::uint64_t kEmbeddedLogBytes = 5 * kMiB;
constexpr std::uint64_t kEmbeddedEventBytes = 36;
constexpr std::uint64_t kEmbeddedBytes = 60 * kMiB;
// Roughly, events of each kind per thousand in the scenarios that come with playload.
constexpr std::array<std::uint64_t, kKinds> kPerMille = {950, 10, 40};
// Lines on their way into files; compressors have windows and tables beside them.
constexpr std::uint64_t kFileBytes = kMiB;
constexpr std::uint64_t kGzipBytes = 3 * kMiB;
constexpr std::uint64_t kZstdBytes = 4 * kMiB + kMiB / 4;
// Lines held back for a reader that is slower than the run, in a buffer that doubles as it grows.
constexpr std::uint64_t kSlowReaderBytes = 3 * kMiB;
// What a live verification keeps of each player, and of each output whose latency is measured.
constexpr std::uint64_t kVerifiedPlayerBytes = 32;
constexpr std::uint64_t kVerifiedPlayerMost = 65;
constexpr std::uint64_t kPendingBytes = 104;

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

// What is resident here, now, and what a run adds; in steps, so that the same command says the
// same.
std::uint64_t ProcessBytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  if (!(file >> size >> resident)) resident = 0;
  resident *= static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  constexpr std::uint64_t kStep = kMiB / 2;
  return (resident + kStep / 2) / kStep * kStep + kRunBytes;
}

std::int64_t LargestMilliRate(const RunSpec& spec) {
  std::int64_t rate = 0;
  for (const Stage& stage : spec.scenario.plan) {
    rate = std::max({rate, stage.from_milli_rate, stage.to_milli_rate});
  }
  return rate;
}

Memory OfKafka(const RunOptions& run, bool embedded) {
  const KafkaSettings& kafka = run.destinations.kafka;
  const auto window = static_cast<std::uint64_t>(
      std::max<std::int64_t>(kafka.GetNumber("queue.buffering.max.messages", 0), 0));
  const std::uint64_t full =
      kafka.QueueMemoryBytes(kEventBytes) + window * kSlotBytes + kRequestsBytes;
  std::uint64_t queued = full;
  if (IsPaced(run.spec)) {
    const double events = static_cast<double>(LargestMilliRate(run.spec)) / 1e3 / run.spec.shards *
                          kAckedWithinMs / 1e3;
    const double share = window == 0 ? 1 : std::min(1.0, events / static_cast<double>(window));
    queued = static_cast<std::uint64_t>(share * static_cast<double>(full));
  }
  if (!embedded) return {kKafkaBytes + queued, kKafkaBytes + full};

  constexpr std::uint64_t kLogBytes = kEmbeddedLogBytes * KafkaTransport::kEmbeddedPartitions;
  std::uint64_t logs = 0;
  for (const std::uint64_t share : kPerMille) {
    // 2^40 events fill every log.
    const std::uint64_t events = std::min(run.spec.end, Position{1} << 40);
    logs += std::min(kLogBytes, events / 1'000 * share * kEmbeddedEventBytes);
  }
  const std::uint64_t under_way = IsPaced(run.spec) ? queued : kEmbeddedBytes;
  return {kKafkaBytes + under_way + logs,
          kKafkaBytes + std::max(full, kEmbeddedBytes) + kKinds * kLogBytes};
}

Memory OfHttp(const RunOptions& run, const Address& address) {
  HttpSettings http = run.destinations.http;
  http.listen = address.http;
  const StreamTables tables(run.spec);
  const std::uint64_t runs = tables.layout.runs();
  const std::uint64_t lanes =
      std::min(tables.layout.lanes(), runs) * Lanes::BytesPerLane(tables.model);
  // The window of newest events, and the snapshots: as far as the run is long enough for them.
  const std::uint64_t blocks = std::min(runs / kBatchRuns + 1, LiveWindow::kBlocks);
  const Snapshots snapshots(Source::kSnapshotBytes);
  const std::uint64_t copies =
      std::min<std::uint64_t>(snapshots.MemoryBytes(lanes), runs / snapshots.wanted() * lanes);
  return {blocks * sizeof(Block) + copies, HttpTransport::MemoryBytes(run.spec, http)};
}

Memory OfFiles(const RunOptions& run) {
  const Compression compression = run.destinations.compression;
  const std::uint64_t bytes = kFileBytes + (compression == Compression::kGzip   ? kGzipBytes
                                            : compression == Compression::kZstd ? kZstdBytes
                                                                                : 0);
  return {bytes, bytes};
}

// Of one destination with its stream.
Memory MemoryOf(const RunOptions& run, const Address& address) {
  StampLog stamps(std::vector<std::int64_t>{});
  StreamOptions options;
  options.threads = run.threads;
  options.stamps = run.spec.rate_max ? &stamps : nullptr;
  options.by_kind = address.scheme == Address::Scheme::kFile;
  options.records = address.scheme == Address::Scheme::kHttp;
  options.index =
      !options.records && (address.scheme != Address::Scheme::kNull || IsPaced(run.spec));
  Memory memory;
  switch (address.scheme) {
    case Address::Scheme::kKafka:
      memory = OfKafka(run, address.kafka.embedded);
      break;
    case Address::Scheme::kHttp:
      memory = OfHttp(run, address);
      break;
    case Address::Scheme::kFile:
      memory = OfFiles(run);
      break;
    case Address::Scheme::kStdout:
      memory = {0, kSlowReaderBytes};
      break;
    case Address::Scheme::kNull:
      break;
  }
  const std::uint64_t stream = Stream::MemoryBytes(run.spec, options);
  return {stream + memory.expected, stream + memory.at_most};
}

// Of a live verification: a stream that follows, the fates of the latest events, tables of players.
// What differs and what is outstanding comes on top.
Memory OfVerification(const RunOptions& run) {
  StampLog stamps(std::vector<std::int64_t>{});
  StreamOptions options;
  options.records = true;
  options.stamps = run.spec.rate_max ? &stamps : nullptr;
  const std::uint64_t players = run.spec.scenario.population.players / run.spec.shards;
  constexpr std::uint64_t kSlot = sizeof(std::uint64_t);
  const std::uint64_t fates = std::min(run.spec.end, DeliveryWatch::kWindow) * kSlot;
  const std::uint64_t stream = Stream::MemoryBytes(run.spec, options);
  return {stream + fates + players * kVerifiedPlayerBytes,
          stream + fates + players * kVerifiedPlayerMost + LiveReader::kMostBytes +
              kOutputKinds * LatencyMeter::kMostPending * kPendingBytes};
}

}  // namespace

Memory MemoryOf(const RunSetup& setup) {
  const RunOptions& run = setup.run;
  const std::uint64_t process = ProcessBytes();
  Memory sum{process, process};
  const auto add = [&sum](const Memory& more) {
    sum.expected += more.expected;
    sum.at_most += more.at_most;
  };
  for (const Address& address : run.to) add(MemoryOf(run, address));
  if (run.to.empty()) add(MemoryOf(run, Address{}));
  const CheckpointPlan checkpoints = PlanCheckpoints(run.spec, run.checkpoints);
  if (checkpoints.on) {
    // A copy of the lanes, and the file that is made of it.
    const std::uint64_t bytes = checkpoints.lanes_bytes + checkpoints.file_bytes;
    add({bytes, bytes});
  }
  if (setup.verify) add(OfVerification(run));
  return sum;
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
  const std::uint64_t needed = MemoryOf(setup).at_most;
  const std::uint64_t available = MemoryAvailable();
  if (needed <= available) return {};
  return Invalid("--players: " + FormatCount(setup.run.spec.scenario.population.players) +
                 " players need " + FormatBytes(needed) + " for these destinations, and " +
                 FormatBytes(available) + " are free here");
}

}  // namespace playload
