// FileTransport: `--to file:DIR`. One file per kind of event, lines as they come: DIR/TOPIC.ndjson,
// or .ndjson.zst, .ndjson.gz.
//
// Nothing is overwritten: Open() refuses files that are there. A failed write (full disk, quota,
// file size limit, broken disk) cuts the file back to its last whole line and ends the destination
// with exact counts; an event is acked once write() took it. Idle() pushes out what is buffered, so
// that `tail -f` sees it. Close() synchronises with the disk, once, and reports what that says;
// while whole batches come (more than can be written at once is due) the disk is set to work
// before.
//
// Expects SIGXFSZ to be ignored, so that a file size limit is an error of the write.
// Threads: one sender thread, as transport.h says; it also completes.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "generator/base/status.h"
#include "transports/deliveries.h"
#include "transports/file/names.h"
#include "transports/file/output_file.h"
#include "transports/file/system.h"
#include "transports/transport.h"

namespace playload {

struct FileOptions {
  std::string directory;  // made if it is missing
  std::array<std::string, kKinds> topics = {"player-events", "purchase-events", "server-metrics"};
  Compression compression = Compression::kNone;
  std::function<std::int64_t()> now_ns = SteadyNow;
};

class FileTransport final : public Transport {
 public:
  // Does not own `deliveries`, which outlives it.
  FileTransport(FileOptions options, Deliveries* deliveries);

  [[nodiscard]] std::string name() const override { return "file:" + options_.directory; }
  [[nodiscard]] bool by_kind() const override { return true; }

  Status Open(const std::atomic<bool>& stop) override;
  [[nodiscard]] std::uint32_t Offer(const Batch& batch, std::uint32_t from,
                                    std::uint32_t to) override;
  [[nodiscard]] Status failed() const override { return failed_; }
  void Idle() override;
  // Writes to a disk cannot be given up half way, so it does not end earlier at the deadline.
  Status Flush(std::chrono::steady_clock::time_point deadline,
               const std::atomic<bool>& hurry) override;
  // After a Flush() in a hurry without fsync.
  Status Close() override;

 private:
  void Add(const Batch& batch, std::uint32_t from, std::uint32_t to,
           const std::array<bool, kKinds>& through);
  void Note(Status status);

  const FileOptions options_;
  Deliveries* const deliveries_;
  std::array<std::unique_ptr<OutputFile>, kKinds> files_;  // null before Open()
  Status failed_;
  bool hurry_ = false;
};

}  // namespace playload
