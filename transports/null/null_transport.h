// NullTransport: `--to null`. Takes everything at once and forgets it: how fast the rest is.
//
// Threads: one sender thread, as transport.h says; it also completes.

#pragma once

#include <cstdint>
#include <string>

#include "generator/base/status.h"
#include "transports/deliveries.h"
#include "transports/transport.h"

namespace playload {

class NullTransport final : public Transport {
 public:
  // `whole_batches`: Offer() is only ever called for a whole batch (nothing is planned), so no
  // index is needed. Does not own `deliveries`, which outlives it.
  NullTransport(bool whole_batches, Deliveries* deliveries)
      : whole_batches_(whole_batches), deliveries_(deliveries) {}

  [[nodiscard]] std::string name() const override { return "null"; }
  [[nodiscard]] bool needs_index() const override { return !whole_batches_; }

  Status Open(const std::atomic<bool>& stop) override;
  [[nodiscard]] std::uint32_t Offer(const Batch& batch, std::uint32_t from,
                                    std::uint32_t to) override;
  [[nodiscard]] Status failed() const override { return {}; }
  Status Flush(std::chrono::steady_clock::time_point deadline,
               const std::atomic<bool>& hurry) override;
  Status Close() override { return {}; }

 private:
  const bool whole_batches_;
  Deliveries* const deliveries_;
};

}  // namespace playload
