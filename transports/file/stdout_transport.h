// StdoutTransport: `--to stdout`. Events of all kinds, or of those chosen, as lines in plan order.
//
// Into a pipe, socket or terminal it writes whole lines of at most PIPE_BUF (4,096) bytes together,
// and only when there is room: a line is never cut, several writers can share a pipe, and a reader
// that stops reading cannot hold up an interrupted run. A pipe is made larger, and while no other
// playload has it and it is nearly empty, up to 64 KiB go into it together. That is as safe: Linux
// takes a write whole for which there is room, and nobody else takes that room. Who has a pipe is
// told by a lock on one byte of it (fcntl), which ends with the process. A reader that went away
// (`| head`) is no
// failure: see reader_gone(). A redirected file that fails (full disk) is cut back to its last
// whole line, and the destination ends with exact counts.
//
// Expects SIGPIPE and SIGXFSZ to be ignored.
// Threads: one sender thread, as transport.h says; it also completes.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "generator/base/status.h"
#include "transports/deliveries.h"
#include "transports/file/line_buffer.h"
#include "transports/file/system.h"
#include "transports/transport.h"

namespace playload {

struct StdoutOptions {
  // The kinds that are written; events of others are accepted and told to nobody.
  std::array<bool, kKinds> kinds = {true, true, true};
  int descriptor = 1;
  std::function<std::int64_t()> now_ns = SteadyNow;
};

// "player", "purchase,server" -> kinds. Error: kInvalid.
Result<std::array<bool, kKinds>> ParseKinds(std::string_view text);

class StdoutTransport final : public Transport {
 public:
  // Does not own `deliveries`, which outlives it.
  StdoutTransport(StdoutOptions options, Deliveries* deliveries);

  [[nodiscard]] std::string name() const override { return "stdout"; }

  Status Open(const std::atomic<bool>& stop) override;
  // Waits for a slow reader up to some milliseconds before it says that there is no room; that time
  // is counted as "reader_wait_ns".
  [[nodiscard]] std::uint32_t Offer(const Batch& batch, std::uint32_t from,
                                    std::uint32_t to) override;
  [[nodiscard]] Status failed() const override { return failed_; }
  [[nodiscard]] bool reader_gone() const override { return gone_; }
  void Idle() override;
  Status Flush(std::chrono::steady_clock::time_point deadline,
               const std::atomic<bool>& hurry) override;
  // Leaves the descriptor open: it belongs to the process.
  Status Close() override;

 private:
  // Of a write that does not wait: bytes written, or, when 0, errno (EAGAIN: there is no room).
  struct Outcome {
    std::size_t written;
    int error;
  };

  void Push();
  bool Drain();
  void EnlargePipe();
  void Register();
  [[nodiscard]] bool IsAlone() const;
  [[nodiscard]] std::size_t RoomyPiece() const;
  void WriteThrough(const Batch& batch);
  Outcome WritePiece(std::string_view text, std::size_t most);
  bool WaitForRoom();
  void Refused(int error);
  void Fail(const std::string& reason);
  [[nodiscard]] bool CutBack(std::size_t half) const;
  [[nodiscard]] bool done() const { return gone_ || !failed_.ok(); }

  const StdoutOptions options_;
  Deliveries* const deliveries_;
  LineBuffer lines_;
  const bool all_kinds_;
  bool is_file_ = false;
  int pipe_bytes_ = 0;       // its capacity; 0: no pipe
  bool registered_ = false;  // others see that we have the pipe
  bool asks_first_ = false;  // the kernel cannot be told to write only if there is room
  bool gone_ = false;
  bool closed_ = false;
  Status failed_;
};

}  // namespace playload
