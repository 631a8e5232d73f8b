// HttpTransport: `--to http://ADDRESS:PORT` and `playload serve`. The destination is whoever reads:
// what is offered is released at once, and handed to every stream client that has come so far. It
// is never full where there is a plan. Without one (`rate max`, the virtual clock) the fastest
// reader is the pace, and with no reader the run waits.
//
// An event is acked when it was handed whole to at least one client's socket, and shed, at the end,
// when it was to none.
//
// Threads: as transport.h says; Begin() by the same sender thread, between Open() and the first
// Offer(). Makes the reactor's thread (reactor.h), which also completes.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "generator/stream/stream.h"
#include "transports/http/client_log.h"
#include "transports/http/settings.h"
#include "transports/http/status.h"
#include "transports/transport.h"

namespace playload {

class HttpTransport final : public Transport {
 public:
  // Does not own `deliveries`, which outlives it.
  HttpTransport(HttpSettings settings, Deliveries* deliveries);
  ~HttpTransport() override;

  [[nodiscard]] std::string name() const override;  // "http://127.0.0.1:8000", the real port
  [[nodiscard]] bool needs_index() const override { return false; }
  [[nodiscard]] bool wants_records() const override { return true; }

  // Binds and listens, and answers /healthz from then on. kCannotListen when the address cannot be
  // had.
  Status Open(const std::atomic<bool>& stop) override;

  // The run's clock is set: `spec` is final, `zero_ns` is its start on the steady clock. `stamps`
  // (rate max, else null) outlives this. kInternal: out of memory.
  Status Begin(const RunSpec& spec, std::int64_t zero_ns, StampLog* stamps);
  // Where the stream is to leave copies of its lanes. REQUIRES: Begin() was ok.
  [[nodiscard]] Snapshots* snapshots();

  [[nodiscard]] std::uint32_t Offer(const Batch& batch, std::uint32_t from,
                                    std::uint32_t to) override;
  [[nodiscard]] Status failed() const override;

  // No event will be offered any more; `complete`: the run's end was reached, else it was cut off.
  // Clients are still served. Streams stay open and idle, or end, as --at-end says.
  void End(bool complete);

  // Waits until every client without a rate of its own that was there has got what was released, as
  // far as it takes it; then ends all connections in order, each after the event in hand, and tells
  // what was handed to nobody as shed.
  Status Flush(std::chrono::steady_clock::time_point deadline,
               const std::atomic<bool>& hurry) override;
  Status Close() override;

  // For the progress line; any thread, at any time.
  struct Activity {
    std::uint64_t streams = 0;  // open now
    std::uint64_t handed = 0;   // events, over all streams and polled answers
  };
  [[nodiscard]] Activity activity() const;

  // After Close().
  [[nodiscard]] ClientSessions clients() const;
  [[nodiscard]] ServerStatus status() const;

  // What it takes beside the stream's own memory.
  static std::uint64_t MemoryBytes(const RunSpec& spec, const HttpSettings& settings);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
