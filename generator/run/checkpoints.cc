#include "generator/run/checkpoints.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "generator/base/text.h"
#include "generator/run/json_file.h"
#include "generator/run/version.h"
#include "generator/simulate/model.h"
#include "scenarios/load.h"

namespace playload {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "PLAYLANE";
constexpr std::uint32_t kVersion = 2;
constexpr int kLevel = 1;
constexpr std::string_view kEnding = ".lanes";
// Of a lane's bytes, packed, in 1/16. Measured: 4.8 to 6.2 of 14 bytes a player.
constexpr std::uint64_t kPackedSixteenths = 7;
// Batches are the least that a stream can begin at.
constexpr std::uint64_t kUnit = kBatchRuns;

struct Head {
  char magic[8];
  std::uint32_t version;
  std::uint32_t bytes;
  char program[32];
  char scenario[64];  // SHA-256, hexadecimal
  std::uint64_t seed;
  std::uint64_t players;
  std::uint32_t shard;
  std::uint32_t shards;
  std::uint64_t unused[4];
  std::uint64_t run;
  std::uint64_t lanes;
  std::uint64_t end;  // of the file
};
static_assert(sizeof(Head) == 192);
// What is the same in all checkpoints of a run.
constexpr std::size_t kSameBytes = offsetof(Head, run);

void PutText(std::string_view text, char* out, std::size_t room) {
  std::memcpy(out, text.data(), std::min(text.size(), room));
}

// The first kSameBytes of a head.
std::string HeadOf(const RunSpec& spec) {
  Head head{};
  PutText(kMagic, head.magic, sizeof(head.magic));
  head.version = kVersion;
  head.bytes = sizeof(Head);
  PutText(Version(), head.program, sizeof(head.program));
  PutText(Sha256Hex(ResolvedText(spec.scenario)), head.scenario, sizeof(head.scenario));
  head.seed = spec.seed;
  head.players = spec.scenario.population.players;
  head.shard = spec.shard;
  head.shards = spec.shards;
  return {reinterpret_cast<const char*>(&head), kSameBytes};
}

// The places of a lane, which are the last bytes of it, byte by byte: numbers that are near each
// other stand together then, and pack twice as well.
void Transpose(const std::byte* in, std::size_t bytes, std::size_t places_bytes, std::byte* out) {
  const std::size_t front = bytes - places_bytes;
  std::memcpy(out, in, front);
  const std::size_t places = places_bytes / LanesCopy::kPlaceBytes;
  for (std::size_t b = 0; b < LanesCopy::kPlaceBytes; ++b) {
    std::byte* const column = out + front + b * places;
    const std::byte* const from = in + front + b;
    for (std::size_t i = 0; i < places; ++i) column[i] = from[i * LanesCopy::kPlaceBytes];
  }
}

void TransposeBack(const std::byte* in, std::size_t bytes, std::size_t places_bytes,
                   std::byte* out) {
  const std::size_t front = bytes - places_bytes;
  std::memcpy(out, in, front);
  const std::size_t places = places_bytes / LanesCopy::kPlaceBytes;
  for (std::size_t b = 0; b < LanesCopy::kPlaceBytes; ++b) {
    const std::byte* const column = in + front + b * places;
    std::byte* const to = out + front + b;
    for (std::size_t i = 0; i < places; ++i) to[i * LanesCopy::kPlaceBytes] = column[i];
  }
}

std::uint64_t PlacesBytes(const Model& model) {
  return std::uint64_t{model.lane_players()} * LanesCopy::kPlaceBytes;
}

// A lane's bytes, transposed, as zstd frames.
void Pack(ZSTD_CCtx* packer, std::span<const std::byte> columns, std::size_t places_bytes,
          std::string* packed) {
  std::size_t column = columns.size() - places_bytes;
  packed->clear();
  for (std::size_t at = 0; at < columns.size(); at += column) {
    if (at > 0) column = places_bytes / LanesCopy::kPlaceBytes;
    const std::size_t had = packed->size();
    packed->resize(had + ZSTD_compressBound(column));
    const std::size_t size = ZSTD_compressCCtx(packer, packed->data() + had, packed->size() - had,
                                               columns.data() + at, column, kLevel);
    if (ZSTD_isError(size) != 0) throw std::bad_alloc();  // all else cannot be
    packed->resize(had + size);
  }
}

struct Descriptor {
  explicit Descriptor(const std::string& path)
      : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int fd;
};

bool ReadAt(int fd, std::uint64_t at, void* out, std::size_t bytes) {
  auto* to = static_cast<char*>(out);
  while (bytes > 0) {
    const ssize_t n = ::pread(fd, to, bytes, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    at += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

CheckpointPlan PlanCheckpoints(const RunSpec& spec, const CheckpointOptions& options) {
  CheckpointPlan plan;
  if (options.most_bytes == 0) {
    plan.why_not = "--checkpoints off";
    return plan;
  }
  if (!spec.scenario.faults.empty()) {
    plan.why_not = "of data faults a copy of the lanes does not tell what came before";
    return plan;
  }
  const Model model(spec.scenario, spec.seed);
  const Layout layout(model.lanes(), spec.shard, spec.shards, spec.end);
  plan.lanes_bytes = std::min(layout.lanes(), layout.runs()) * Lanes::BytesPerLane(model);
  plan.file_bytes = std::max<std::uint64_t>(plan.lanes_bytes * kPackedSixteenths / 16, 1);
  if (plan.file_bytes > options.most_bytes / 2) {
    plan.why_not = "a copy of the lanes is " + FormatBytes(plan.lanes_bytes) + ", about " +
                   FormatBytes(plan.file_bytes) + " packed, and fewer than two of them would fit " +
                   "into " + FormatBytes(options.most_bytes) + " (--checkpoints)";
    return plan;
  }
  const std::uint64_t most =
      std::min<std::uint64_t>(options.most_bytes / plan.file_bytes, CheckpointWriter::kMost);
  // Of a run whose end is known they are spread over it at once.
  plan.spacing =
      std::max(options.least_spacing, plan.lanes_bytes * options.events_per_byte / kRunLength);
  if (spec.end != RunSpec::kNoEnd) {
    plan.spacing = std::max(plan.spacing, layout.runs() / (most + 1) + 1);
  }
  plan.on = layout.runs() > plan.spacing;
  if (!plan.on) {
    plan.why_not = "the run is short";
    return plan;
  }
  plan.most_bytes = options.most_bytes;
  plan.disk_bytes = std::min(most, (layout.runs() - 1) / plan.spacing) * plan.file_bytes;
  return plan;
}

CheckpointWriter::CheckpointWriter(const std::string& run_dir, const RunSpec& spec,
                                   const CheckpointPlan& plan)
    : folder_(run_dir + "/checkpoints"),
      head_(HeadOf(spec)),
      most_bytes_(plan.most_bytes),
      spacing_(plan.spacing),
      wanted_(spacing_) {}

CheckpointWriter::~CheckpointWriter() { (void)Finish(); }

std::uint64_t CheckpointWriter::wanted() const {
  const std::lock_guard lock(mutex_);
  return wanted_;
}

bool CheckpointWriter::busy() const {
  const std::lock_guard lock(mutex_);
  return busy_;
}

void CheckpointWriter::Take(std::uint64_t run, const Lanes& lanes) {
  {
    const std::lock_guard lock(mutex_);
    if (!status_.ok()) wanted_ = kNever;
    // What is not taken now is asked for again at the next place.
    if (busy_ || !status_.ok() || run % kUnit != 0) return;
    wanted_ = (run / spacing_ + 1) * spacing_;
  }
  std::optional<LanesCopy> copy;
  try {
    copy = lanes.Copy();
  } catch (const std::bad_alloc&) {
    return;  // one place less to begin at
  }
  const std::lock_guard lock(mutex_);
  copy_ = std::move(copy);
  copy_run_ = run;
  busy_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { Write(); });
  changed_.notify_all();
}

Status CheckpointWriter::Finish() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wanted_ = kNever;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  return status_;
}

// The thread that writes.
void CheckpointWriter::Write() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return busy_ || ended_; });
    if (!busy_) return;
    const LanesCopy copy = std::move(*copy_);
    copy_.reset();
    const std::uint64_t run = copy_run_;
    lock.unlock();
    Status written;
    try {
      written = WriteOne(run, copy);
    } catch (const std::bad_alloc&) {
      written = {Code::kInternal, folder_ + ": out of memory while packing a checkpoint"};
    }
    if (written.ok()) written = ThinOut();
    lock.lock();
    busy_ = false;
    if (!written.ok()) status_ = written;
  }
}

std::string CheckpointWriter::PathOf(std::uint64_t run) const {
  const std::string number = std::to_string(run);
  return folder_ + "/" + std::string(20 - number.size(), '0') + number + std::string(kEnding);
}

Status CheckpointWriter::WriteOne(std::uint64_t run, const LanesCopy& copy) {
  if (files_.empty()) {
    std::error_code error;
    std::filesystem::create_directory(folder_, error);
    if (error) {
      return {Code::kDestination, folder_ + ": cannot make it: " + error.message()};
    }
  }
  const std::size_t index = sizeof(Head);
  const std::size_t check = index + copy.lanes() * sizeof(CheckpointLane);
  std::string content;
  // At once, since a string that grows is there twice for a while.
  content.reserve(check + copy.bytes() * kPackedSixteenths / 16);
  content.resize(check + sizeof(std::uint64_t));
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> packer(ZSTD_createCCtx(),
                                                                    &ZSTD_freeCCtx);
  if (packer == nullptr) throw std::bad_alloc();
  std::vector<std::byte> columns;
  std::string packed;
  for (std::size_t i = 0; i < copy.lanes(); ++i) {
    const std::span<const std::byte> bytes = copy.lane(i);
    columns.resize(bytes.size());
    Transpose(bytes.data(), bytes.size(), copy.places_bytes(), columns.data());
    Pack(packer.get(), columns, copy.places_bytes(), &packed);
    const CheckpointLane entry{
        copy.number(i), content.size(), static_cast<std::uint32_t>(packed.size()),
        static_cast<std::uint32_t>(bytes.size()), XXH3_64bits(packed.data(), packed.size())};
    std::memcpy(content.data() + index + i * sizeof(CheckpointLane), &entry, sizeof(entry));
    content.append(packed);
  }
  Head head{};
  std::memcpy(&head, head_.data(), kSameBytes);
  head.run = run;
  head.lanes = copy.lanes();
  head.end = content.size();
  std::memcpy(content.data(), &head, sizeof(head));
  const std::uint64_t hash = XXH3_64bits(content.data(), check);
  std::memcpy(content.data() + check, &hash, sizeof(hash));
  if (Status s = WriteFileAtomically(PathOf(run), content); !s.ok()) return s;
  files_.push_back({run, content.size()});
  bytes_ += content.size();
  return {};
}

// Every other one goes when they are too many or too large together.
Status CheckpointWriter::ThinOut() {
  while (files_.size() > kMost || bytes_ > most_bytes_) {
    std::uint64_t spacing = 0;
    {
      const std::lock_guard lock(mutex_);
      spacing = spacing_ *= 2;
      if (wanted_ != kNever) wanted_ = (files_.back().run / spacing + 1) * spacing;
    }
    std::vector<File> left;
    bytes_ = 0;
    std::uint64_t last = 0;  // the beginning of the run needs none
    for (const File& file : files_) {
      if (file.run / spacing > last) {
        last = file.run / spacing;
        bytes_ += file.bytes;
        left.push_back(file);
      } else if (::unlink(PathOf(file.run).c_str()) != 0 && errno != ENOENT) {
        return {Code::kDestination,
                PathOf(file.run) + ": cannot remove it: " + std::strerror(errno)};
      }
    }
    files_ = std::move(left);
  }
  return {};
}

Checkpoints::Checkpoints(const std::string& run_dir, const RunSpec& spec, const Model& model)
    : places_bytes_(PlacesBytes(model)) {
  const std::string folder = run_dir + "/checkpoints";
  std::error_code error;
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string path = it->path().string();
    if (path.ends_with(kEnding)) paths.push_back(path);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    notes_.push_back(folder + ": cannot be read (" + error.message() + ")");
  }
  if (paths.empty()) return;
  std::sort(paths.begin(), paths.end());
  const std::string head = HeadOf(spec);
  for (const std::string& path : paths) {
    Result<File> file = Open(path, head, model.lanes());
    if (file) {
      files_.push_back(std::move(*file));
    } else {
      notes_.push_back(file.error().message());
    }
  }
  std::sort(files_.begin(), files_.end(),
            [](const File& a, const File& b) { return a.run < b.run; });
}

Result<Checkpoints::File> Checkpoints::Open(const std::string& path, const std::string& head_text,
                                            std::uint64_t most_lanes) {
  const auto bad = [&path](const std::string& why) { return Invalid(path + ": not used: " + why); };
  const Descriptor file(path);
  struct stat info {};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0) {
    return bad(std::string("cannot be read (") + std::strerror(errno) + ")");
  }
  Head head{};
  if (!S_ISREG(info.st_mode) || !ReadAt(file.fd, 0, &head, sizeof(head))) {
    return bad("it is no checkpoint, or was cut off");
  }
  if (std::memcmp(head.magic, kMagic.data(), sizeof(head.magic)) != 0) {
    return bad("it is no checkpoint");
  }
  if (head.version != kVersion) {
    return bad("it has version " + std::to_string(head.version) + ", this playload reads version " +
               std::to_string(kVersion));
  }
  if (std::memcmp(&head, head_text.data(), kSameBytes) != 0) {
    return bad("it is of another run or program");
  }
  if (head.lanes > most_lanes || head.end != static_cast<std::uint64_t>(info.st_size)) {
    return bad("it is damaged or was cut off");
  }
  const std::size_t index = static_cast<std::size_t>(head.lanes) * sizeof(CheckpointLane);
  std::string text(sizeof(head) + index + sizeof(std::uint64_t), '\0');
  std::uint64_t hash = 0;
  if (!ReadAt(file.fd, 0, text.data(), text.size())) return bad("it was cut off");
  std::memcpy(&hash, text.data() + sizeof(head) + index, sizeof(hash));
  if (hash != XXH3_64bits(text.data(), sizeof(head) + index)) return bad("its index is damaged");
  File found;
  found.path = path;
  found.run = head.run;
  found.lanes.resize(head.lanes);
  if (index > 0) std::memcpy(found.lanes.data(), text.data() + sizeof(head), index);
  return found;
}

// `places_bytes`: of every lane.
Status Checkpoints::ReadLane(int fd, const File& file, const CheckpointLane& entry,
                             std::uint64_t places_bytes, Lanes* lanes) {
  Status damaged =
      Invalid(file.path + ": not used: lane " + std::to_string(entry.lane) + " is damaged");
  // The index is as it was written, so these are the sizes of a lane.
  std::vector<char> packed(entry.packed);
  std::vector<std::byte> columns(entry.bytes);
  std::vector<std::byte> bytes(entry.bytes);
  if (fd < 0 || entry.bytes < places_bytes ||
      !ReadAt(fd, entry.begin, packed.data(), packed.size()) ||
      XXH3_64bits(packed.data(), packed.size()) != entry.hash) {
    return damaged;
  }
  const std::size_t size =
      ZSTD_decompress(columns.data(), columns.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0 || size != columns.size()) return damaged;
  TransposeBack(columns.data(), columns.size(), places_bytes, bytes.data());
  return lanes->Put(entry.lane, bytes) ? Status() : damaged;
}

std::uint64_t Checkpoints::Restore(std::uint64_t run, Lanes* lanes) {
  for (std::size_t i = files_.size(); i-- > 0;) {
    if (files_[i].run > run) continue;
    const Descriptor open(files_[i].path);
    Status status;
    for (const CheckpointLane& entry : files_[i].lanes) {
      status = ReadLane(open.fd, files_[i], entry, places_bytes_, lanes);
      if (!status.ok()) break;
    }
    if (status.ok()) return files_[i].run;
    notes_.push_back(status.message());
    lanes->Reset();
  }
  return 0;
}

bool Checkpoints::RestoreLane(std::size_t i, std::uint64_t lane, Lanes* lanes) {
  const File& file = files_[i];
  const auto entry = std::lower_bound(
      file.lanes.begin(), file.lanes.end(), lane,
      [](const CheckpointLane& e, std::uint64_t number) { return e.lane < number; });
  if (entry == file.lanes.end() || entry->lane != lane) return false;  // not touched by then
  const Descriptor open(file.path);
  const Status status = ReadLane(open.fd, file, *entry, places_bytes_, lanes);
  if (!status.ok()) notes_.push_back(status.message());
  return status.ok();
}

}  // namespace playload
