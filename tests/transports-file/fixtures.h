// What the tests of files share: batches of made-up events, scratch folders, whole files as text.

#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transports/batch.h"
#include "transports/deliveries.h"
#include "transports/file/reader.h"
#include "transports/transport.h"

namespace playload::testing {

inline const std::atomic<bool> kNotSet{false};
inline const std::atomic<bool> kSet{true};

inline std::chrono::steady_clock::time_point Soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(20);
}

inline constexpr std::array<Kind, kKinds> kAllKinds = {Kind::kPlayer, Kind::kPurchase,
                                                       Kind::kServer};

// One event in ten is a purchase, one a server metric.
inline Kind KindAt(Position position) {
  if (position % 10 == 3) return Kind::kPurchase;
  return position % 10 == 7 ? Kind::kServer : Kind::kPlayer;
}

// A line of its own for each position, 60 to 259 bytes with its '\n'.
inline std::string LineAt(Position position) {
  static constexpr const char* kNames[] = {"player", "purchase", "server"};
  std::string line = "{\"kind\":\"";
  line += kNames[static_cast<unsigned>(KindAt(position))];
  line += "\",\"position\":" + std::to_string(position) + ",\"pad\":\"";
  const std::size_t length = 60 + static_cast<std::size_t>(position * 7919 % 200);
  std::uint64_t state = position * 0x9E3779B97F4A7C15u + 1;
  while (line.size() + 3 < length) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    line += static_cast<char>('a' + state % 26);
  }
  return line + "\"}\n";
}

// `count` events from `first` on, a multiple of kRunLength.
inline Batch MakeBatch(Position first, std::uint32_t count, bool by_kind) {
  Batch batch;
  batch.by_kind = by_kind;
  batch.count = count;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Position position = first + i;
    if (i % kRunLength == 0) batch.runs.push_back(position);
    const Kind kind = KindAt(position);
    const auto k = static_cast<std::size_t>(kind);
    std::vector<char>& buffer = batch.buffers[by_kind ? k : 0];
    const std::string line = LineAt(position);
    EventRef event{};
    event.begin = static_cast<std::uint32_t>(buffer.size());
    event.length = static_cast<std::uint16_t>(line.size());
    event.kind = kind;
    batch.events.push_back(event);
    buffer.insert(buffer.end(), line.begin(), line.end());
    ++batch.kinds[k];
  }
  for (std::size_t k = 0; k < kKinds; ++k) {
    batch.sizes[k] = static_cast<std::uint32_t>(batch.buffers[k].size());
  }
  return batch;
}

// The lines of the events in [0, end) of the kinds that are wanted.
inline std::string LinesUpTo(Position end, std::array<bool, kKinds> kinds = {true, true, true}) {
  std::string text;
  for (Position p = 0; p < end; ++p) {
    if (kinds[static_cast<std::size_t>(KindAt(p))]) text += LineAt(p);
  }
  return text;
}
inline std::string LinesUpTo(Position end, Kind kind) {
  std::array<bool, kKinds> kinds{};
  kinds[static_cast<std::size_t>(kind)] = true;
  return LinesUpTo(end, kinds);
}

// Offers [0, count) of the batch in slices, as a sender does; returns how many were accepted before
// the destination was lost or full for ever.
inline std::uint32_t OfferAll(Transport& transport, Deliveries& deliveries, const Batch& batch,
                              std::uint32_t slice = ~std::uint32_t{0}) {
  std::uint32_t at = 0;
  while (at < batch.count && transport.failed().ok()) {
    const std::uint32_t to = at + std::min(slice, batch.count - at);
    const std::uint32_t taken = transport.Offer(batch, at, to);
    REQUIRE(taken <= to - at);
    for (std::uint32_t i = at; i < at + taken; ++i) deliveries.Generated(batch.events[i].kind, 1);
    at += taken;
    if (taken == 0) break;
  }
  return at;
}

inline std::uint64_t Count(const Deliveries& deliveries, Fate fate) {
  std::uint64_t sum = 0;
  for (const Kind kind : kAllKinds) sum += deliveries.fate(fate, kind);
  return sum;
}

// Design D4: every event is accounted for, exactly once.
inline void CheckAccounts(const Deliveries& deliveries) {
  for (const Kind kind : kAllKinds) {
    CAPTURE(static_cast<int>(kind));
    CHECK(deliveries.generated(kind) ==
          deliveries.fate(Fate::kAcked, kind) + deliveries.fate(Fate::kFailed, kind) +
              deliveries.fate(Fate::kUnknown, kind) + deliveries.fate(Fate::kShed, kind));
  }
}

inline std::vector<Position> Positions(const Deliveries& deliveries, Fate fate) {
  std::vector<Position> out;
  for (const PositionInterval& interval : deliveries.intervals(fate)) {
    for (Position p = interval.first; p <= interval.last; ++p) out.push_back(p);
  }
  return out;
}

class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "playload-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

 private:
  std::string path_;
};

inline std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.is_open());
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void WriteAll(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  REQUIRE(out.good());
}

// The lines of a file, compressed or not, each with its '\n'; a whole one.
inline std::string ReadLines(const std::string& path) {
  LineReader reader;
  const Status opened = reader.Open(path);
  REQUIRE_MESSAGE(opened.ok(), opened.message());
  std::string text;
  std::string_view line;
  while (reader.Next(&line)) text.append(line).append("\n");
  CHECK_MESSAGE(reader.status().ok(), reader.status().message());
  CHECK_FALSE(reader.unterminated());
  return text;
}

// What a shell command prints; it must end well.
inline std::string Output(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char buffer[65536];
  std::size_t n = 0;
  while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) text.append(buffer, n);
  CHECK_MESSAGE(pclose(pipe) == 0, command);
  return text;
}

inline bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// No file of this process grows beyond `bytes` while this lives. Signals are ignored as the program
// does it.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    signal_ = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    static_cast<void>(std::signal(SIGXFSZ, signal_));
  }

 private:
  rlimit before_{};
  void (*signal_)(int) = nullptr;
};

}  // namespace playload::testing
