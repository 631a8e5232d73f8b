#include "transports/null/null_transport.h"

#include <array>
#include <cassert>

#include "generator/base/system.h"

namespace playload {
namespace {

// Of the events, one in this many is told with its latency.
constexpr std::uint32_t kLatencySampling = 16;

}  // namespace

Status NullTransport::Open(const std::atomic<bool>& /*stop*/) { return {}; }

std::uint32_t NullTransport::Offer(const Batch& batch, std::uint32_t from, std::uint32_t to) {
  std::array<std::uint64_t, kKinds> acked{};
  if (whole_batches_) {
    assert(from == 0 && to == batch.count);
    for (unsigned k = 0; k < kKinds; ++k) acked[k] = batch.kinds[k];
  } else {
    const std::int64_t now_ns = SteadyNow();
    for (std::uint32_t i = from; i < to; ++i) {
      const Kind kind = batch.events[i].kind;
      if (i % kLatencySampling == 0) {
        deliveries_->Acked(kind, batch.position(i), now_ns, now_ns);
      } else {
        ++acked[static_cast<unsigned>(kind)];
      }
    }
  }
  for (unsigned k = 0; k < kKinds; ++k) {
    if (acked[k] > 0) deliveries_->AckedMany(static_cast<Kind>(k), acked[k]);
  }
  return to - from;
}

Status NullTransport::Flush(std::chrono::steady_clock::time_point /*deadline*/,
                            const std::atomic<bool>& /*hurry*/) {
  return {};
}

}  // namespace playload
