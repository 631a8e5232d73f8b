// OutputFile: one file that events are appended to, plain or compressed. Created anew, written in
// large pieces, cut back to its last whole line when a write fails.
//
// Threads: one owner. Ownership: keeps nothing of a batch; closes its file.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "generator/base/status.h"
#include "transports/batch.h"
#include "transports/deliveries.h"
#include "transports/file/compressor.h"
#include "transports/file/line_buffer.h"

namespace playload {

class OutputFile {
 public:
  // `now_ns`: steady clock.
  OutputFile(std::string path, Compression compression, Deliveries* deliveries,
             std::function<std::int64_t()> now_ns);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Creates the file, which must not be there. kInvalid or kDestination (full), naming it.
  Status Create();
  // Removes it again; for one that nothing was written to.
  void Remove();

  // What is added here is written by Write(). REQUIRES: no write has failed.
  LineBuffer& lines() { return lines_; }

  // Whether WriteThrough() may be called.
  [[nodiscard]] bool writes_through() const { return compressor_ == nullptr && lines_.empty(); }

  // Writes all that was added. On an error the file is cut back to its last whole line, what is not
  // in it is told as failed, and the file is closed: kDestination, with what is on disk.
  Status Write();
  // Write(), unless what it is worth does not add up yet: a compressed block costs its size, so at
  // low rates one is made every second.
  Status WriteIfDue();

  // Writes the batch's lines of this kind from where they are, as Write() does. REQUIRES:
  // writes_through(), and Batch::by_kind.
  Status WriteThrough(const Batch& batch, Kind kind);

  // Asks the system to bring what is written to the disk from now on, once enough has come
  // together (or `all` of it), so that little is left to wait for at the end. May block while the
  // disk has more to do than it can take.
  void WriteBehind(bool all);

  // Ends it: the rest of the frame, fsync (unless `hurry`), close; checks that the file is still
  // what was written. Idempotent.
  Status Close(bool hurry);

 private:
  Status WriteLines();
  Status Settle(std::size_t written, int error, std::int64_t sent_ns);
  Status WriteBlock();
  Status Finish(bool hurry);
  int Append(std::string_view bytes, std::size_t* written) const;
  [[nodiscard]] bool CutBack() const;
  // Closes the file and makes the error: what failed and why, and what is on disk.
  Status Fail(const std::string& what, const std::string& state);
  [[nodiscard]] Status CheckUntouched() const;
  [[nodiscard]] std::string OnDisk() const;

  const std::string path_;
  const Compression compression_;
  const std::function<std::int64_t()> now_ns_;
  int fd_ = -1;
  LineBuffer lines_;
  std::uint64_t size_ = 0;    // of the file, up to its last whole line or block
  std::uint64_t behind_ = 0;  // up to there WriteBehind() has asked
  std::int64_t wrote_ns_ = 0;
  // Compressed files only:
  std::unique_ptr<Compressor> compressor_;
  std::string block_;
};

}  // namespace playload
