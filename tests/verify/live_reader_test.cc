// LiveReader: reading beside the run, and handing on in its time.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "generator/verify/live.h"
#include "tests/judge/pipeline_world.h"

namespace playload {
namespace {

using std::chrono::milliseconds;
using testing::Produced;

// Hands on what it was given, one batch a poll.
class FakeCollector : public Collector {
 public:
  Status Poll(milliseconds timeout, const Sink& sink) override {
    std::vector<Produced> batch;
    {
      const std::lock_guard lock(mutex_);
      if (!batches_.empty()) {
        batch = std::move(batches_.front());
        batches_.pop_front();
      }
    }
    if (batch.empty()) std::this_thread::sleep_for(std::min(timeout, milliseconds(1)));
    for (const Produced& p : batch) {
      sink({IndexOf(p.output), Kind::kPlayer, 3, 0, p.key, p.value, -1});
    }
    polls_.fetch_add(1);
    return {};
  }
  [[nodiscard]] bool at_end() const override { return false; }
  [[nodiscard]] milliseconds quiet_for() const override { return milliseconds(0); }
  [[nodiscard]] std::optional<std::uint32_t> partitions(Kind /*input*/) const override {
    return std::nullopt;
  }

  // Returns when it was polled.
  void Give(std::vector<Produced> batch) {
    {
      const std::lock_guard lock(mutex_);
      batches_.push_back(std::move(batch));
    }
    const int before = polls_.load();
    while (polls_.load() < before + 3) std::this_thread::yield();
  }

 private:
  std::mutex mutex_;
  std::deque<std::vector<Produced>> batches_;
  std::atomic<int> polls_{0};
};

TEST_CASE("LiveReader: what was seen waits until all that may have caused it was told") {
  DeliveryWatch watch;
  FakeCollector collector;
  LiveReader reader(&collector, watch);
  reader.Start();
  std::vector<std::string> seen;
  const auto take = [&](Position told) {
    REQUIRE(reader
                .Take(told,
                      [&](const LiveReader::Record& record) {
                        CHECK(record.partition == 3);
                        CHECK(record.seen_ns > 0);
                        seen.push_back(std::string(record.key.value_or("?")) +
                                       std::string(record.value));
                      })
                .ok());
  };
  watch.Offering(100);
  collector.Give({{OutputKind::kFraudAlerts, "a", "1"}, {OutputKind::kSummaries, "b", ""}});
  watch.Offering(200);
  collector.Give({{OutputKind::kFraudAlerts, "c", "22"}});
  take(99);
  CHECK(seen.empty());
  take(100);
  CHECK(seen == std::vector<std::string>{"a1", "b"});
  take(199);
  CHECK(seen.size() == 2);
  take(200);
  CHECK(seen == std::vector<std::string>{"a1", "b", "c22"});
  watch.Offering(300);
  collector.Give({{OutputKind::kFraudAlerts, "d", ""}});
  reader.Stop();
  take(~Position{0});
  CHECK(seen.back() == "d");
}

}  // namespace
}  // namespace playload
