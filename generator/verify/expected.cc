#include "generator/verify/expected.h"

#include <utility>

#include "generator/stream/stream.h"

namespace playload {

StreamWalker WalkRun(RunSpec spec, std::vector<std::int64_t> stamps, int threads) {
  spec.clock = spec.rate_max ? spec.clock : Clock::kVirtual;  // nothing waits here
  return [spec = std::move(spec), stamps = std::move(stamps),
          threads](const EventVisitor& visit) -> Status {
    StampLog log(stamps);
    StreamOptions options;
    options.threads = threads;
    options.stamps = spec.rate_max ? &log : nullptr;
    Stream stream(spec, options);
    if (Status started = stream.Start(); !started.ok()) return started;
    while (Batch* batch = stream.Next()) {
      for (std::uint32_t i = 0; i < batch->count; ++i) {
        if (!visit({batch->position(i), batch->events[i].kind, batch->key(i), batch->value(i)})) {
          return {};
        }
      }
      stream.Recycle(batch);
    }
    return {};
  };
}

}  // namespace playload
