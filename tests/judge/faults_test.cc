// Data faults, from a stream to a verdict: what oracle, tally and reference pipeline make of them
// is the same, a right pipeline passes, and those that are wrong about repetitions, types or
// unknown fields are caught and named.

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/event/fault.h"
#include "generator/judge/input_matcher.h"
#include "generator/replay/fault_lines.h"
#include "generator/replay/replay.h"
#include "generator/replay/walker.h"
#include "generator/stream/stream.h"
#include "scenarios/load.h"
#include "tests/judge/pipeline_world.h"
#include "transports/kafka/partition.h"

namespace playload {
namespace {

using testing::kAllOutputs;

RunSpec Spec(Position end) {
  const Result<Scenario> loaded = LoadScenario("data-faults", {});
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().message());
  RunSpec spec;
  spec.scenario = *loaded;
  spec.seed = 21;
  spec.start_ns = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
  spec.clock = Clock::kVirtual;
  spec.end = end;
  spec.scenario.plan = {{6'000'000, 6'000'000, 0}};  // 6,000/s, so that incidents come early
  return spec;
}

// What a pipeline puts out for a stream.
std::vector<testing::Produced> Produce(const StreamWalker& walker, const std::string& broken) {
  PipelineBreakage breakage;
  if (!broken.empty()) REQUIRE(ParseBreakage(broken, &breakage).ok());
  ReferencePipeline pipeline(breakage);
  std::vector<testing::Produced> produced;
  std::vector<ReferencePipeline::OutputRecord> outputs;
  REQUIRE(walker([&](const StreamEvent& event) {
            outputs.clear();
            pipeline.Process(static_cast<ReferencePipeline::Input>(event.kind), event.value,
                             &outputs);
            for (auto& o : outputs) {
              produced.push_back({testing::KindOf(o.output), std::move(o.key), std::move(o.value)});
            }
            return true;
          }).ok());
  return produced;
}

std::map<OutputKind, Comparison> Verdicts(const std::string& broken, bool from_records,
                                          Tally* tally) {
  const RunSpec spec = Spec(90'000);
  const StreamWalker walker = WalkRun(spec, {}, 1);
  OutputMatcher matcher({});
  if (from_records) {
    const Replay replay(spec, {}, std::nullopt, 1);
    RecordTeller teller(replay, &matcher);
    std::array<Arrival, kRunLength> all;
    all.fill(Arrival::kCertain);
    REQUIRE(replay
                .Walk([&](const ReplayedRun& run) {
                  teller.Tell(run, all.data());
                  return true;
                })
                .ok());
  } else {
    LineTeller expectation("");
    REQUIRE(walker([&](const StreamEvent& event) {
              return expectation.Tell(event, Arrival::kCertain, &matcher).ok();
            }).ok());
    *tally = expectation.tally();
  }
  testing::Add(Produce(walker, broken), &matcher);
  std::map<OutputKind, Comparison> verdicts;
  for (const OutputKind output : kAllOutputs) verdicts[output] = matcher.Judge(output);
  return verdicts;
}

TEST_CASE("Faults: oracle, tally and reference pipeline agree") {
  Stream stream(Spec(90'000), {});
  REQUIRE(stream.Start().ok());
  while (Batch* batch = stream.Next()) stream.Recycle(batch);
  const Tally& stamped = stream.tally();
  for (std::size_t label = 0; label < kFaultLabels; ++label) {
    CAPTURE(kFaultLabelNames[label]);
    REQUIRE(TotalOf(stamped.faults, label) > 50);
  }
  for (const bool from_records : {false, true}) {
    CAPTURE(from_records);
    Tally oracle;
    const auto verdicts = Verdicts("", from_records, &oracle);
    for (const auto& [output, verdict] : verdicts) {
      CAPTURE(verdict.name);
      CAPTURE(testing::Counts(verdict));
      CHECK(verdict.passed());
    }
    CHECK(verdicts.at(OutputKind::kSummaries).expected == stamped.player_events);
    CHECK(verdicts.at(OutputKind::kAggregates).expected == stamped.purchase_events);
    CHECK(verdicts.at(OutputKind::kServerAlerts).expected == stamped.server_alerts);
    CHECK(verdicts.at(OutputKind::kFraudAlerts).expected ==
          stamped.fraud_frequent + stamped.fraud_multi);
    if (from_records) continue;
    CHECK(oracle.player_events == stamped.player_events);
    CHECK(oracle.purchase_events == stamped.purchase_events);
    CHECK(oracle.server_metrics == stamped.server_metrics);
    CHECK(oracle.server_alerts == stamped.server_alerts);
    CHECK(oracle.fraud_frequent == stamped.fraud_frequent);
    CHECK(oracle.fraud_multi == stamped.fraud_multi);
  }
}

TEST_CASE("Faults: pipelines that take them in a wrong way are named") {
  struct Mutant {
    const char* broken;
    std::map<OutputKind, Flaw> must;  // of each there must be some
  };
  const std::vector<Mutant> mutants = {
      {"dedup",
       {{OutputKind::kSummaries, Flaw::kMissing},
        {OutputKind::kAggregates, Flaw::kMissing},
        {OutputKind::kServerAlerts, Flaw::kMissing}}},
      {"lenient",
       {{OutputKind::kAggregates, Flaw::kUnexpected},
        {OutputKind::kServerAlerts, Flaw::kUnexpected}}},
      {"skip-unknown-field",
       {{OutputKind::kSummaries, Flaw::kMissing},
        {OutputKind::kAggregates, Flaw::kMissing},
        {OutputKind::kServerAlerts, Flaw::kMissing}}},
  };
  for (const Mutant& mutant : mutants) {
    CAPTURE(mutant.broken);
    Tally unused;
    const auto verdicts = Verdicts(mutant.broken, true, &unused);
    for (const auto& [output, flaw] : mutant.must) {
      const Comparison& verdict = verdicts.at(output);
      CAPTURE(verdict.name);
      CAPTURE(testing::Counts(verdict));
      CHECK_FALSE(verdict.passed());
      CHECK(verdict.flaw(flaw) > 0);
    }
    const Comparison& summaries = verdicts.at(OutputKind::kSummaries);
    CAPTURE(testing::Counts(summaries));
    CHECK_FALSE(summaries.passed());
    const bool fewer = std::string(mutant.broken) != "lenient";
    CHECK((summaries.flaw(Flaw::kMissing) > 0) == fewer);
    CHECK((summaries.flaw(Flaw::kUnexpected) + summaries.flaw(Flaw::kDuplicate) > 0) == !fewer);
  }
}

// Byte for byte, repetitions and damage included; one that is altered or taken away is noticed.
TEST_CASE("Faults: the inputs themselves") {
  const RunSpec spec = Spec(40'000);
  const StreamWalker walker = WalkRun(spec, {}, 1);
  for (const int damage : {0, 1, 2}) {
    InputMatcher matcher({{"player-events", "purchase-events", "server-metrics"},
                          "",
                          std::array<std::uint32_t, kKinds>{3, 3, 3},
                          {},
                          true});
    int repetitions = 0;
    std::array<std::int64_t, kKinds> offset{};
    REQUIRE(walker([&](const StreamEvent& event) {
              matcher.Expect(event, Arrival::kCertain);
              std::string value(event.value);
              // A purchase, which is like no other event but what it repeats.
              const bool again =
                  (event.fault & FaultMark::kDuplicate) != 0 && event.kind == Kind::kPurchase;
              if (again && ++repetitions == 7) {
                if (damage == 1) return true;  // not there
                if (damage == 2) value.back() = '!';
              }
              matcher.AddRead(event.kind, PartitionOf(event.key, 3),
                              offset[static_cast<std::size_t>(event.kind)]++, event.key, value);
              return true;
            }).ok());
    CHECK(repetitions > 7);
    std::vector<InputMatcher::Wanted> wanted;
    std::uint64_t missing = 0;
    std::uint64_t others = 0;
    for (const Comparison& verdict : matcher.Judge(&wanted)) {
      missing += verdict.flaw(Flaw::kMissing);
      others += verdict.flaw(Flaw::kUnexpected) + verdict.flaw(Flaw::kDuplicate) +
                verdict.flaw(Flaw::kWrong);
    }
    CHECK(missing == (damage == 0 ? 0 : 1));
    CHECK(others == (damage == 2 ? 1 : 0));
  }
}

TEST_CASE("Faults: one line for each, as many as the tally says") {
  const RunSpec spec = Spec(90'000);
  Stream stream(spec, {});
  REQUIRE(stream.Start().ok());
  while (Batch* batch = stream.Next()) stream.Recycle(batch);
  const Replay replay(spec, {}, std::nullopt, 1);
  const Arrivals arrivals;
  std::array<std::uint64_t, kFaultLabels> counts{};
  REQUIRE(WriteFaults(replay, arrivals, {"players", "purchases", "servers"},
                      [&](std::string_view lines) {
                        for (std::size_t label = 0; label < kFaultLabels; ++label) {
                          const std::string text =
                              std::string(R"("fault":")") + kFaultLabelNames[label] + "\"";
                          for (std::size_t at = lines.find(text); at != std::string_view::npos;
                               at = lines.find(text, at + 1)) {
                            ++counts[label];
                          }
                        }
                        return true;
                      })
              .ok());
  for (std::size_t label = 0; label < kFaultLabels; ++label) {
    CAPTURE(kFaultLabelNames[label]);
    CHECK(counts[label] == TotalOf(stream.tally().faults, label));
  }
}

}  // namespace
}  // namespace playload
