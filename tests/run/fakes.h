// A clock that only moves when somebody waits (or looks at it, where told), a destination that can
// be corked, and a folder that goes away.

#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "generator/run/run_clock.h"
#include "transports/transport.h"

namespace playload::test {

class FakeClock final : public RunClock {
 public:
  explicit FakeClock(std::int64_t now) : now_(now) {}
  std::int64_t Now() override { return now_ += look_; }
  void WaitUntil(std::int64_t instant_ns) override {
    waits.push_back({now_, instant_ns});
    now_ = std::max(now_, instant_ns) + slack_;
    cpu_ += cost_;
  }
  std::int64_t CpuNow() override { return cpu_; }

  struct Wait {
    std::int64_t at_ns, until_ns;
  };
  std::vector<Wait> waits;  // that were asked for

  void Advance(std::int64_t ns) { now_ += ns; }
  // CPU that the thread uses, besides.
  void Work(std::int64_t ns) { cpu_ += ns; }
  // What every wait takes too long.
  void set_slack(std::int64_t ns) { slack_ = ns; }
  // What every wait costs.
  void set_cost(std::int64_t ns) { cost_ = ns; }
  // What looking at it takes. REQUIRED where it is spun on.
  void set_look(std::int64_t ns) { look_ = ns; }

 private:
  std::int64_t now_;
  std::int64_t slack_ = 0;
  std::int64_t cost_ = 3'000;
  std::int64_t look_ = 0;
  std::int64_t cpu_ = 0;
};

// Takes what `room` says, and remembers when each event came.
class FakeTransport final : public Transport {
 public:
  struct Taken {
    Position position;
    Kind kind;
    std::int64_t at_ns;
  };

  FakeTransport(FakeClock& clock, Deliveries& deliveries)
      : clock_(clock), deliveries_(deliveries) {}

  // How many of `wanted` events are taken now; all of them where this is empty.
  std::function<std::uint32_t(std::uint32_t wanted)> room;
  std::vector<Taken> taken;
  Status lost;
  bool gone = false;

  [[nodiscard]] std::string name() const override { return "fake"; }
  Status Open(const std::atomic<bool>& /*stop*/) override { return {}; }
  [[nodiscard]] std::uint32_t Offer(const Batch& batch, std::uint32_t from,
                                    std::uint32_t to) override {
    if (!lost.ok()) return 0;
    const std::uint32_t take = room ? std::min(room(to - from), to - from) : to - from;
    const std::int64_t now = clock_.Now();
    for (std::uint32_t i = from; i < from + take; ++i) {
      taken.push_back({batch.position(i), batch.events[i].kind, now});
      deliveries_.Acked(batch.events[i].kind, batch.position(i), now, now);
    }
    return take;
  }
  [[nodiscard]] Status failed() const override { return lost; }
  [[nodiscard]] bool reader_gone() const override { return gone; }
  Status Flush(std::chrono::steady_clock::time_point /*deadline*/,
               const std::atomic<bool>& /*hurry*/) override {
    return {};
  }
  Status Close() override { return {}; }

 private:
  FakeClock& clock_;
  Deliveries& deliveries_;
};

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "playload-run-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace playload::test
