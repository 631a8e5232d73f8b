#include "transports/file/file_transport.h"

#include <sys/stat.h>

#include <cassert>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "generator/base/text.h"
#include "transports/file/names.h"
#include "transports/file/system.h"

namespace playload {
namespace {

// The call itself is lost in the copying from here on; what is larger leaves the CPU's cache.
constexpr std::size_t kWriteBytes = std::size_t{256} << 10;
// What a whole batch has of a kind is written from where it is if it is at least this much; less is
// gathered, because a call costs as much as copying some 10 KiB.
constexpr std::size_t kThroughBytes = std::size_t{32} << 10;

Status CheckTopics(const std::array<std::string, kKinds>& topics) {
  for (std::size_t k = 0; k < topics.size(); ++k) {
    if (Status status = CheckFileTopic(topics[k]); !status.ok()) return status;
    for (std::size_t other = 0; other < k; ++other) {
      if (topics[k] == topics[other]) {
        return Invalid("two topics are called " + Quoted(topics[k]) +
                       ", but each has a file of its own");
      }
    }
  }
  return {};
}

Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) return {};
  return {CodeOfCreation(error.value()),
          directory + ": cannot be made: " + ErrnoText(error.value())};
}

}  // namespace

FileTransport::FileTransport(FileOptions options, Deliveries* deliveries)
    : options_(std::move(options)), deliveries_(deliveries) {}

Status FileTransport::Open(const std::atomic<bool>& /*stop*/) {
  if (options_.directory.empty()) return Invalid("file: needs a folder, as in file:events");
  if (Status status = CheckTopics(options_.topics); !status.ok()) return status;
  if (Status status = MakeDirectory(options_.directory); !status.ok()) return status;
  // In no form: a reader could not tell which of two is meant.
  for (const std::string& topic : options_.topics) {
    for (const Compression any : {Compression::kNone, Compression::kZstd, Compression::kGzip}) {
      const std::string path = EventFilePath(options_.directory, topic, any);
      struct stat there {};
      if (lstat(path.c_str(), &there) == 0) {
        return Invalid(path +
                       ": is there already, and nothing is overwritten; name another folder");
      }
    }
  }
  for (std::size_t k = 0; k < files_.size(); ++k) {
    files_[k] = std::make_unique<OutputFile>(
        EventFilePath(options_.directory, options_.topics[k], options_.compression),
        options_.compression, deliveries_, options_.now_ns);
    if (Status status = files_[k]->Create(); !status.ok()) {
      for (std::unique_ptr<OutputFile>& file : files_) {
        if (file != nullptr) file->Remove();
        file.reset();
      }
      return status;
    }
  }
  return {};
}

std::uint32_t FileTransport::Offer(const Batch& batch, std::uint32_t from, std::uint32_t to) {
  if (!failed_.ok()) return 0;
  const bool whole = from == 0 && to == batch.count;
  std::array<bool, kKinds> through{};
  for (unsigned k = 0; whole && k < kKinds; ++k) {
    through[k] = batch.sizes[k] >= kThroughBytes && files_[k]->writes_through();
  }
  Add(batch, from, to, through);
  for (unsigned k = 0; k < kKinds; ++k) {
    OutputFile& file = *files_[k];
    if (through[k]) {
      Note(file.WriteThrough(batch, static_cast<Kind>(k)));
    } else if (file.lines().unwritten().size() >= kWriteBytes) {
      Note(file.Write());
    }
    if (whole) file.WriteBehind(false);
  }
  return to - from;
}

// The lines of a kind stand together, so its bytes are copied at once.
void FileTransport::Add(const Batch& batch, std::uint32_t from, std::uint32_t to,
                        const std::array<bool, kKinds>& through) {
  assert(batch.by_kind);
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::array<std::uint32_t, kKinds> begin{kNone, kNone, kNone};
  std::array<std::uint32_t, kKinds> end{};
  for (std::uint32_t i = from; i < to; ++i) {
    const EventRef& event = batch.events[i];
    const auto k = static_cast<unsigned>(event.kind);
    if (through[k]) continue;
    if (begin[k] == kNone) begin[k] = event.begin;
    end[k] = event.begin + event.length;
    files_[k]->lines().AddEvent(event.kind, batch.position(i), event.length);
  }
  for (unsigned k = 0; k < kKinds; ++k) {
    if (begin[k] == kNone) continue;
    files_[k]->lines().AddBytes({batch.buffers[k].data() + begin[k], end[k] - begin[k]});
  }
}

void FileTransport::Idle() {
  for (const std::unique_ptr<OutputFile>& file : files_) {
    if (failed_.ok()) Note(file->WriteIfDue());
  }
}

// After an error too: what the other files were given is still written, as far as that goes.
Status FileTransport::Flush(std::chrono::steady_clock::time_point /*deadline*/,
                            const std::atomic<bool>& hurry) {
  if (hurry.load()) hurry_ = true;
  for (const std::unique_ptr<OutputFile>& file : files_) {
    if (file != nullptr) Note(file->Write());
  }
  return failed_;
}

// The first error ends the destination.
void FileTransport::Note(Status status) {
  if (failed_.ok() && !status.ok()) failed_ = std::move(status);
}

Status FileTransport::Close() {
  for (const std::unique_ptr<OutputFile>& file : files_) {
    if (file != nullptr && !hurry_) file->WriteBehind(true);
  }
  for (const std::unique_ptr<OutputFile>& file : files_) {
    if (file != nullptr) Note(file->Close(hurry_));
  }
  return failed_;
}

}  // namespace playload
