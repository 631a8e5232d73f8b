// How fast events get out of the process: into files (plain, compressed), into a pipe whose reader
// throws everything away, into null; and how fast files of lines are read back. Events look like
// real ones. Files go to TMPDIR, so TMPDIR=/dev/shm shows the cost without a disk.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "transports/file/file_transport.h"
#include "transports/file/reader.h"
#include "transports/file/stdout_transport.h"
#include "transports/null/null_transport.h"

namespace playload {
namespace {

constexpr std::uint32_t kEvents = 1'024;  // a batch of some 250 KiB
constexpr std::uint64_t kBatches = 64;

std::string Line(std::uint64_t n) {
  const std::uint64_t player = n * 0x9E3779B97F4A7C15u >> 46;
  char line[512];
  std::snprintf(line, sizeof(line),
                "{\"event_name\":\"player_action\",\"parameters\":{\"player_id\":\"player_%lu\","
                "\"session_id\":\"session_%lu\",\"event_type\":\"%s\",\"level_id\":\"level_%02lu\","
                "\"map_id\":\"map_%02lu\"},\"event_timestamp\":\"2026-01-01T00:%02lu:%02luZ\","
                "\"user_data\":{\"user_id\":\"player_%lu\",\"platform\":\"%s\"}}\n",
                player, player + 262'144 * (n / 50'000), n % 5 < 3 ? "move" : "interaction",
                1 + player % 30, 1 + player % 90, n / 1'200'000 % 60, n / 20'000 % 60, player,
                player % 3 == 0 ? "Console" : "PC");
  return line;
}

std::vector<Batch> MakeBatches(bool by_kind) {
  std::vector<Batch> batches(kBatches);
  for (std::uint64_t number = 0; number < kBatches; ++number) {
    Batch& batch = batches[number];
    batch.by_kind = by_kind;
    batch.count = kEvents;
    for (std::uint32_t i = 0; i < kEvents; ++i) {
      const Position position = number * kEvents + i;
      if (i % kRunLength == 0) batch.runs.push_back(position);
      // One event in sixteen of each of the rare kinds.
      const Kind kind = i % 16 == 3 ? Kind::kPurchase : i % 16 == 9 ? Kind::kServer : Kind::kPlayer;
      std::vector<char>& buffer = batch.buffers[by_kind ? static_cast<std::size_t>(kind) : 0];
      const std::string line = Line(position);
      EventRef event{};
      event.begin = static_cast<std::uint32_t>(buffer.size());
      event.length = static_cast<std::uint16_t>(line.size());
      event.kind = kind;
      batch.events.push_back(event);
      buffer.insert(buffer.end(), line.begin(), line.end());
      ++batch.kinds[static_cast<std::size_t>(kind)];
    }
    for (std::size_t k = 0; k < kKinds; ++k) {
      batch.sizes[k] = static_cast<std::uint32_t>(batch.buffers[k].size());
    }
  }
  return batches;
}

std::uint64_t Bytes(const std::vector<Batch>& batches) {
  std::uint64_t bytes = 0;
  for (const Batch& batch : batches) {
    for (const std::uint32_t size : batch.sizes) bytes += size;
  }
  return bytes;
}

class Scratch {
 public:
  Scratch() {
    const std::string name =
        (std::filesystem::temp_directory_path() / "playload-bench-XXXXXX").string();
    path_.assign(name.begin(), name.end());
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Sends all batches `rounds` times; false when the destination failed.
bool SendAll(Transport& transport, const std::vector<Batch>& batches) {
  for (const Batch& batch : batches) {
    for (std::uint32_t at = 0; at < batch.count;) {
      at += transport.Offer(batch, at, batch.count);
      if (!transport.failed().ok()) return false;
    }
  }
  return true;
}

void Report(benchmark::State& state, std::uint64_t bytes) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatches * kEvents));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void BM_File(benchmark::State& state) {
  const std::vector<Batch> batches = MakeBatches(true);
  const auto compression = static_cast<Compression>(state.range(0));
  std::uint64_t on_disk = 0;
  for (auto _ : state) {
    const Scratch scratch;
    FileOptions options;
    options.directory = scratch.path();
    options.compression = compression;
    Deliveries deliveries([](Position) { return std::int64_t{1}; });
    FileTransport transport(options, &deliveries);
    const std::atomic<bool> no{false};
    const std::atomic<bool> hurry{true};  // no fsync: the disk is not what is measured
    if (!transport.Open(no).ok() || !SendAll(transport, batches) ||
        !transport.Flush(std::chrono::steady_clock::now(), hurry).ok() || !transport.Close().ok()) {
      state.SkipWithError("the destination failed");
      return;
    }
    on_disk = 0;
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
      on_disk += entry.file_size();
    }
  }
  Report(state, Bytes(batches));
  state.counters["bytes_per_event"] =
      static_cast<double>(on_disk) / static_cast<double>(kBatches * kEvents);
}
BENCHMARK(BM_File)->ArgName("compression")->Arg(0)->Arg(1)->Arg(2)->UseRealTime();

void BM_StdoutPipe(benchmark::State& state) {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  const std::vector<Batch> batches = MakeBatches(false);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  std::thread reader([&] {
    std::vector<char> buffer(std::size_t{1} << 20);
    while (read(ends[0], buffer.data(), buffer.size()) > 0) {
    }
  });
  {
    StdoutOptions options;
    options.descriptor = ends[1];
    Deliveries deliveries([](Position) { return std::int64_t{1}; });
    StdoutTransport transport(options, &deliveries);
    const std::atomic<bool> no{false};
    if (!transport.Open(no).ok()) std::abort();
    for (auto _ : state) {
      if (!SendAll(transport, batches)) state.SkipWithError("the pipe failed");
    }
    if (!transport.Flush(std::chrono::steady_clock::now() + std::chrono::seconds(10), no).ok()) {
      state.SkipWithError("the pipe failed");
    }
  }
  close(ends[1]);
  reader.join();
  close(ends[0]);
  Report(state, Bytes(batches));
}
BENCHMARK(BM_StdoutPipe)->UseRealTime();

void BM_Null(benchmark::State& state) {
  const std::vector<Batch> batches = MakeBatches(false);
  Deliveries deliveries([](Position) { return std::int64_t{1}; });
  NullTransport transport(state.range(0) != 0, &deliveries);
  for (auto _ : state) SendAll(transport, batches);
  Report(state, Bytes(batches));
}
BENCHMARK(BM_Null)->ArgName("whole_batches")->Arg(0)->Arg(1);

void BM_Reader(benchmark::State& state) {
  const std::vector<Batch> batches = MakeBatches(true);
  const Scratch scratch;
  FileOptions options;
  options.directory = scratch.path();
  options.compression = static_cast<Compression>(state.range(0));
  Deliveries deliveries([](Position) { return std::int64_t{-1}; });
  FileTransport transport(options, &deliveries);
  const std::atomic<bool> no{false};
  if (!transport.Open(no).ok() || !SendAll(transport, batches) || !transport.Close().ok()) {
    state.SkipWithError("the destination failed");
    return;
  }
  for (auto _ : state) {
    std::uint64_t lines = 0;
    for (const std::string& topic : options.topics) {
      LineReader reader;
      if (!reader.Open(EventFilePath(options.directory, topic, options.compression)).ok()) {
        state.SkipWithError("the file is not there");
        return;
      }
      for (std::string_view line; reader.Next(&line);) benchmark::DoNotOptimize(line.data());
      lines += reader.lines();
    }
    if (lines != kBatches * kEvents) state.SkipWithError("lines are missing");
  }
  Report(state, Bytes(batches));
}
BENCHMARK(BM_Reader)->ArgName("compression")->Arg(0)->Arg(1)->Arg(2);

}  // namespace
}  // namespace playload
