// LiveFollower: a run that is played by hand, acknowledged in any order, answered by the reference
// pipeline; what is told is settled, and the verdict is that of afterwards.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "generator/base/system.h"
#include "generator/judge/reference_judge.h"
#include "generator/judge/rules_judge.h"
#include "generator/replay/walker.h"
#include "generator/rules/load.h"
#include "generator/verify/live.h"
#include "scenarios/load.h"
#include "tests/judge/pipeline_world.h"

namespace playload {
namespace {

using std::chrono::milliseconds;
using testing::kAllOutputs;
using testing::Produced;

constexpr Position kEvents = 12'000;

RunSpec Spec() {
  const Result<Scenario> loaded = LoadScenario("fraud-and-overload", {});
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().message());
  RunSpec spec;
  spec.scenario = *loaded;
  spec.seed = 11;
  spec.start_ns = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
  spec.end = kEvents;
  spec.scenario.plan = {{4'000'000, 4'000'000, 0}};  // 4,000/s, so that incidents come early
  return spec;
}

class HandCollector : public Collector {
 public:
  Status Poll(milliseconds /*timeout*/, const Sink& sink) override {
    std::vector<Produced> batch;
    {
      const std::lock_guard lock(mutex_);
      batch.swap(given_);
    }
    if (batch.empty()) std::this_thread::sleep_for(milliseconds(1));
    for (const Produced& p : batch) {
      sink({IndexOf(p.output), Kind::kPlayer, 0, 0, p.key, p.value, -1});
    }
    return {};
  }
  [[nodiscard]] bool at_end() const override { return false; }
  [[nodiscard]] milliseconds quiet_for() const override { return milliseconds(0); }
  [[nodiscard]] std::optional<std::uint32_t> partitions(Kind /*input*/) const override {
    return std::nullopt;
  }
  void Give(std::vector<Produced> records) {
    const std::lock_guard lock(mutex_);
    for (Produced& record : records) given_.push_back(std::move(record));
  }

 private:
  std::mutex mutex_;
  std::vector<Produced> given_;
};

// A run with its follower. Fates and answers are given by the test.
class PlayedRun {
 public:
  // `by_rules`: judged by the rule set that says the same.
  explicit PlayedRun(bool by_rules) : spec(Spec()) {
    REQUIRE(WalkRun(spec, {}, 1)([&](const StreamEvent& event) {
              events.push_back({event.kind, std::string(event.key), std::string(event.value)});
              return true;
            }).ok());
    REQUIRE(events.size() == kEvents);
    outputs = by_rules ? Rules() : Reference();
    feed.zero_ns = SteadyNow() - 3'600'000'000'000;
    feed.opened_ns = *feed.zero_ns;
    feed.judge_every_ns = 1;
    LatencyMeter::Options measured;
    measured.outputs = outputs->latency_outputs();
    measured.instants = InstantsFrom(feed, spec);
    meter = std::make_unique<LatencyMeter>(measured);
    outputs->MeasureWith(meter.get());
    running.emplace(feed, *outputs);
    follower.emplace(feed,
                     LiveFollower::Options{
                         spec, &collector, outputs.get(), &*running, [this] {
                           return Result<LiveFollower::Ended>(LiveFollower::Ended{end, &arrivals});
                         }});
    thread = std::thread([this] { status = follower->Follow(stop); });
  }
  ~PlayedRun() {
    stop.store(true);
    if (thread.joinable()) thread.join();
  }

  static std::unique_ptr<OutputsJudge> Reference() {
    ReferenceJudgeOptions options;
    options.outputs = kAllOutputs;
    options.forget = true;
    Result<std::unique_ptr<OutputsJudge>> judge = MakeReferenceJudge(options);
    REQUIRE(judge.has_value());
    return std::move(*judge);
  }
  static std::unique_ptr<OutputsJudge> Rules() {
    const Result<RuleSet> rules = LoadRuleSet("dataflow");
    REQUIRE(rules.has_value());
    RulesJudgeOptions options;
    options.rules = *rules;
    options.forget = true;
    return MakeRulesJudge(std::move(options));
  }

  // What the pipeline says of an event.
  void Arrive(Position position) {
    const testing::Event& event = events[position];
    std::vector<ReferencePipeline::OutputRecord> records;
    pipeline.Process(static_cast<ReferencePipeline::Input>(event.kind), event.value, &records);
    std::vector<Produced> produced;
    for (auto& output : records) {
      produced.push_back(
          {testing::KindOf(output.output), std::move(output.key), std::move(output.value)});
    }
    collector.Give(std::move(produced));
  }
  void Ack(Position position) {
    const std::int64_t now = SteadyNow();
    feed.watch.Acked(position, now - 2'000'000, now);
  }
  void WaitFor(const std::string& part) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (feed.verdict.Text().find(part) == std::string::npos) {
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < until, feed.verdict.Text());
      std::this_thread::sleep_for(milliseconds(2));
    }
  }
  void Finish() {
    feed.over.store(true);
    thread.join();
    REQUIRE_MESSAGE(status.ok(), status.message());
    // What the follower's reader had no time for is read afterwards, as Verify() does.
    CHECK(collector
              .Poll(milliseconds(0),
                    [this](const CollectedRecord& record) {
                      outputs->AddProduced(record, SteadyNow());
                    })
              .ok());
  }

  RunSpec spec;
  std::vector<testing::Event> events;
  ReferencePipeline pipeline;
  LiveFeed feed;
  HandCollector collector;
  std::unique_ptr<OutputsJudge> outputs;
  std::unique_ptr<LatencyMeter> meter;
  std::optional<RunningJudge> running;
  std::optional<LiveFollower> follower;
  Position end = kEvents;
  Arrivals arrivals;
  std::atomic<bool> stop{false};
  Status status;
  std::thread thread;
};

TEST_CASE("LiveFollower: acknowledged in any order, answered before that, never called wrong") {
  bool by_rules = false;
  SUBCASE("by the oracle") {}
  SUBCASE("by rules") { by_rules = true; }
  PlayedRun run(by_rules);
  std::mt19937 random(1);
  std::string worst;
  for (Position from = 0; from < kEvents; from += 500) {
    run.feed.watch.Offering(from + 500);
    std::vector<Position> order;
    for (Position p = from; p < from + 500; ++p) {
      run.Arrive(p);
      order.push_back(p);
    }
    std::shuffle(order.begin(), order.end(), random);
    std::this_thread::sleep_for(milliseconds(2));
    for (const Position p : order) run.Ack(p);
    const std::string text = run.feed.verdict.Text();
    if (text.find(" matched") != std::string::npos && text.find(" 0 wrong") == std::string::npos) {
      worst = text;
    }
  }
  CHECK(worst == "");
  run.WaitFor(" 0 outstanding, 0 wrong");
  run.Finish();
  CHECK(run.follower->told() == kEvents);
  CHECK(run.follower->told_late() == 0);
  CHECK(!run.outputs->NeedsRecall());
  for (const OutputKind output : kAllOutputs) {
    const Comparison comparison = run.outputs->Judge(IndexOf(output));
    CAPTURE(testing::Counts(comparison));
    CHECK(comparison.passed());
    CHECK(comparison.matched > 0);
    CHECK(comparison.matched == comparison.expected);
  }
  for (const OutputLatency& latency : run.meter->Report()) {
    CAPTURE(latency.name);
    CHECK(latency.total.count() > 0);
    CHECK(latency.pipeline.count() == latency.total.count());
  }
}

TEST_CASE("LiveFollower: what is lost causes nothing, and nobody knows of what is unknown") {
  bool by_rules = false;
  SUBCASE("by the oracle") {}
  SUBCASE("by rules") { by_rules = true; }
  PlayedRun run(by_rules);
  run.feed.watch.Offering(kEvents);
  std::uint64_t unknown = 0;
  for (Position p = 0; p < kEvents; ++p) {
    const Fate fate = p % 97 == 1    ? Fate::kFailed
                      : p % 97 == 2  ? Fate::kShed
                      : p % 997 == 3 ? Fate::kUnknown
                                     : Fate::kAcked;
    if (fate == Fate::kAcked || (fate == Fate::kUnknown && p % 2 == 0)) run.Arrive(p);
    unknown += fate == Fate::kUnknown ? 1 : 0;
    fate == Fate::kAcked ? run.Ack(p) : run.feed.watch.Lost(p, fate);
  }
  CHECK(unknown > 5);
  run.WaitFor(" 0 outstanding, 0 wrong");
  run.Finish();
  std::uint64_t may = 0;
  for (const OutputKind output : kAllOutputs) {
    const Comparison comparison = run.outputs->Judge(IndexOf(output));
    CAPTURE(comparison.name);
    CAPTURE(testing::Counts(comparison));
    CHECK(comparison.passed());
    may += comparison.may;
  }
  CHECK(may > 0);
}

TEST_CASE("LiveFollower: stops at what is open; the ledger says the rest when the run is over") {
  bool by_rules = false;
  SUBCASE("by the oracle") {}
  SUBCASE("by rules") { by_rules = true; }
  PlayedRun run(by_rules);
  run.feed.watch.Offering(kEvents);
  for (Position p = 0; p < kEvents; ++p) {
    if (p != 5'000) run.Arrive(p);
    if (p != 5'000 && p < 9'000) run.Ack(p);
  }
  // What was seen may come of events behind the open one, so that it has to wait, too.
  run.WaitFor("verify: 0 matched, ");
  std::this_thread::sleep_for(milliseconds(50));
  LedgerEntry ledger;
  ledger.generated = {1, 1, 1};
  ledger.intervals[static_cast<unsigned>(Fate::kFailed)] = {{5'000, 5'000}};
  run.arrivals = Arrivals(ledger);
  run.Finish();
  CHECK(run.follower->told() == kEvents);
  // A run of sixteen events is told at once.
  CHECK(run.follower->told_late() >= 3'001);
  CHECK(run.follower->told_late() < 3'001 + 16);
  for (const OutputKind output : kAllOutputs) {
    CHECK(run.outputs->Judge(IndexOf(output)).passed());
  }
}

TEST_CASE("LiveFollower: told to stop, it judges what it has told") {
  bool by_rules = false;
  SUBCASE("by the oracle") {}
  SUBCASE("by rules") { by_rules = true; }
  PlayedRun run(by_rules);
  run.feed.watch.Offering(kEvents);
  for (Position p = 0; p < kEvents; ++p) run.Arrive(p);
  for (Position p = 0; p < 6'000; ++p) run.Ack(p);
  std::this_thread::sleep_for(milliseconds(50));
  run.stop.store(true);
  run.thread.join();
  REQUIRE(run.status.ok());
  CHECK(run.follower->told() <= 6'000);
  for (const OutputKind output : kAllOutputs) {
    const Comparison comparison = run.outputs->Judge(IndexOf(output));
    CAPTURE(testing::Counts(comparison));
    CHECK(comparison.flaw(Flaw::kUnexpected) + comparison.flaw(Flaw::kDuplicate) +
              comparison.flaw(Flaw::kWrong) ==
          0);
  }
}

}  // namespace
}  // namespace playload
