#include "generator/replay/walker.h"

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
        if (!visit({batch->position(i), batch->events[i].kind, batch->key(i), batch->value(i),
                    batch->events[i].fault})) {
          return {};
        }
      }
      stream.Recycle(batch);
    }
    return {};
  };
}

StreamWalker WalkPolled(RunSpec spec, const std::array<std::uint64_t, kKinds>& counts,
                        int threads) {
  spec.end = RunSpec::kNoEnd;  // who polls makes the plan
  spec.rate_max = false;       // its stamps are those of the stream
  return
      [walk = WalkRun(std::move(spec), {}, threads), counts](const EventVisitor& visit) -> Status {
        std::array<std::uint64_t, kKinds> left = counts;
        std::uint64_t all = left[0] + left[1] + left[2];
        if (all == 0) return {};
        return walk([&](const StreamEvent& event) {
          std::uint64_t& of_kind = left[static_cast<std::size_t>(event.kind)];
          if (of_kind == 0) return true;
          --of_kind;
          return visit(event) && --all > 0;
        });
      };
}

}  // namespace playload
