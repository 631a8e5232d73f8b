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

// A source without an end and without partitions, which counts how often it was polled.
class FakeCollector : public Collector {
 public:
  [[nodiscard]] bool at_end() const override { return false; }
  [[nodiscard]] milliseconds quiet_for() const override { return milliseconds(0); }
  [[nodiscard]] std::optional<std::uint32_t> partitions(Kind /*input*/) const override {
    return std::nullopt;
  }
  [[nodiscard]] int polls() const { return polls_.load(); }

 protected:
  void CountPoll() { polls_.fetch_add(1); }

 private:
  std::atomic<int> polls_{0};
};

// Hands on what it was given, one batch a poll.
class GivenCollector : public FakeCollector {
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
    CountPoll();
    return {};
  }

  // Returns when it was polled.
  void Give(std::vector<Produced> batch) {
    {
      const std::lock_guard lock(mutex_);
      batches_.push_back(std::move(batch));
    }
    const int before = polls();
    while (polls() < before + 3) std::this_thread::yield();
  }

 private:
  std::mutex mutex_;
  std::deque<std::vector<Produced>> batches_;
};

TEST_CASE("LiveReader: what was seen waits until all that may have caused it was told") {
  DeliveryWatch watch;
  GivenCollector collector;
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

// Gives records that have neither key nor value, as many as are asked for.
class EndlessCollector : public FakeCollector {
 public:
  static constexpr int kRecords = 4'096;  // each time

  Status Poll(milliseconds /*timeout*/, const Sink& sink) override {
    for (int i = 0; i < kRecords; ++i) {
      sink({0, Kind::kPlayer, 0, 0, std::nullopt, std::string_view(), -1});
    }
    CountPoll();
    return {};
  }
};

TEST_CASE("LiveReader: records without a byte fill its memory as others do") {
  DeliveryWatch watch;
  watch.Offering(100);
  EndlessCollector collector;
  LiveReader reader(&collector, watch);
  reader.Start();
  // Until it waits for room. So much memory has room for this many at most.
  constexpr int kMost = static_cast<int>(LiveReader::kMostBytes) / EndlessCollector::kRecords;
  int before = -1;
  while (collector.polls() != before && collector.polls() <= kMost) {
    before = collector.polls();
    std::this_thread::sleep_for(milliseconds(200));
  }
  CHECK(collector.polls() < kMost);
  // Nothing of it was told, and yet it is handed on, for the sake of the memory.
  int taken = 0;
  CHECK(reader.Take(0, [&taken](const LiveReader::Record& /*record*/) { ++taken; }).ok());
  CHECK(taken >= before * EndlessCollector::kRecords);
}

}  // namespace
}  // namespace playload
