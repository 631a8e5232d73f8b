// The events of a run as records against the same events as lines: the oracle learns the same from
// both, for every scenario, form and part of a run.

#include "generator/replay/replay.h"

#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "generator/encode/damage.h"
#include "generator/event/fault.h"
#include "generator/replay/expectation.h"
#include "generator/replay/facts.h"
#include "generator/replay/walker.h"
#include "scenarios/load.h"

namespace playload {
namespace {

RunSpec Spec(const std::string& scenario, Position end) {
  const Result<Scenario> loaded = LoadScenario(scenario, {});
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().message());
  RunSpec spec;
  spec.scenario = *loaded;
  spec.seed = 5;
  spec.start_ns = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
  spec.clock = Clock::kVirtual;
  spec.end = end;
  spec.scenario.plan = {{4'000'000, 4'000'000, 0}};  // 4,000/s, so that incidents come early
  return spec;
}

struct Line {
  Position position;
  Kind kind;
  std::string key, value;
  std::uint16_t fault;
};

// What the lines say, and what the records do.
void CheckSame(const RunSpec& spec, const std::vector<std::int64_t>& stamps,
               const std::optional<std::array<std::uint64_t, kKinds>>& polled) {
  std::vector<Line> lines;
  const StreamWalker walker = polled ? WalkPolled(spec, *polled, 1) : WalkRun(spec, stamps, 1);
  REQUIRE(
      walker([&](const StreamEvent& e) {
        lines.push_back({e.position, e.kind, std::string(e.key), std::string(e.value), e.fault});
        return true;
      }).ok());
  REQUIRE(lines.size() > 1'000);
  const Replay replay(spec, stamps, polled, 2);
  RecordFacts facts(replay);
  const IdForm players("player", spec.id_prefix);
  std::array<std::uint64_t, kKinds> seen{};
  std::size_t next = 0;
  std::size_t right = 0;
  REQUIRE(replay
              .Walk([&](const ReplayedRun& run) {
                for (std::uint32_t i = 0; i < run.count && next < lines.size(); ++i, ++next) {
                  const Line& line = lines[next];
                  const Record& record = run.records[i];
                  bool same = line.position == run.first + i && line.kind == KindOf(record.action);
                  const bool valid = (line.fault & FaultMark::kInvalid) == 0;
                  same = same && valid == RecordFacts::Valid(record);
                  ++seen[static_cast<std::size_t>(line.kind)];
                  ++right;
                  if (!valid) {
                    REQUIRE(same);
                    continue;  // nobody is to read it
                  }
                  if (line.kind == Kind::kPlayer) {
                    same = same && players.Number(line.key) == facts.Player(record, run.lane);
                  } else if (line.kind == Kind::kPurchase) {
                    const auto read = ReadPurchaseLine(line.value, players);
                    const PurchaseFacts got = facts.Purchase(record, run.lane);
                    same = same && read && read->facts.user == got.user &&
                           read->facts.currency == got.currency &&
                           AmountOf(read->facts) == AmountOf(got);
                  } else {
                    const auto read = ReadServerLine(line.value);
                    const ServerFacts got = RecordFacts::Server(record);
                    same = same && read && read->cpu_load == got.cpu_load &&
                           read->memory_usage == got.memory_usage;
                  }
                  const RecordFacts::Line text = facts.Text(run, i);
                  const std::string understood = (line.fault & FaultMark::kUnknownField) != 0
                                                     ? WithoutUnknownField(line.value)
                                                     : line.value;
                  same = same && text.key == line.key && text.value == understood;
                  if (!same) {
                    CAPTURE(line.value);
                    CAPTURE(text.value);
                    FAIL("event " << run.first + i << " differs");
                  }
                }
                return true;
              })
              .ok());
  CHECK(right == lines.size());
  for (const std::uint64_t count : seen) CHECK(count > 0);

  // And so their expected outputs are the same bytes.
  for (const auto only : {std::optional<OutputKind>(), std::optional(OutputKind::kServerAlerts),
                          std::optional(OutputKind::kFraudAlerts)}) {
    std::string from_lines;
    std::string from_records;
    LedgerEntry ledger;
    ledger.generated = {1, 1, 1};
    ledger.intervals[static_cast<unsigned>(Fate::kFailed)] = {{100, 219}, {1'000, 1'001}};
    ledger.intervals[static_cast<unsigned>(Fate::kUnknown)] = {{300, 300}};
    const Arrivals arrivals(ledger);
    const auto to = [](std::string* text) {
      return [text](std::string_view more) {
        text->append(more);
        return true;
      };
    };
    REQUIRE(WriteExpected(walker, arrivals, spec.id_prefix, only, to(&from_lines)).ok());
    REQUIRE(WriteExpected(replay, arrivals, spec.id_prefix, only, to(&from_records)).ok());
    CHECK((from_lines == from_records));
    CHECK((only || from_lines.size() > 100'000));
  }
}

TEST_CASE("Replay: records say what the lines say, in every scenario") {
  for (const char* const scenario : {"steady", "fraud-ring", "fraud-and-overload", "launch-day",
                                     "overload", "compat", "data-faults"}) {
    CAPTURE(scenario);
    CheckSame(Spec(scenario, 20'011), {}, std::nullopt);
  }
}

TEST_CASE("Replay: prefixes, extended types, timestamp forms, shards") {
  RunSpec spec = Spec("fraud-and-overload", 50'000);
  spec.id_prefix = "ab-1";
  spec.event_types = EventTypes::kExtended;
  spec.timestamp_form = TimestampForm::kNaiveMicros;
  CheckSame(spec, {}, std::nullopt);
  spec.scenario.population.players = 20'000;
  spec.shard = 1;
  spec.shards = 2;
  CheckSame(spec, {}, std::nullopt);
}

TEST_CASE("Replay: recorded stamps of a run at full speed") {
  for (const char* const scenario : {"overload", "data-faults"}) {
    RunSpec spec = Spec(scenario, 20'000);
    spec.rate_max = true;
    spec.clock = Clock::kLive;
    std::vector<std::int64_t> stamps;
    for (std::int64_t i = 0; i < 20; ++i) stamps.push_back(spec.start_ns + i * 1'700'000'000);
    CheckSame(spec, stamps, std::nullopt);
  }
}

TEST_CASE("Replay: what was polled is the first of each kind") {
  for (const char* const scenario : {"fraud-and-overload", "data-faults"}) {
    CheckSame(Spec(scenario, RunSpec::kNoEnd), {},
              std::array<std::uint64_t, kKinds>{9'000, 40, 200});
  }
}

TEST_CASE("Replay: a visitor may have enough") {
  const Replay replay(Spec("steady", 20'000), {}, std::nullopt, 1);
  int runs = 0;
  REQUIRE(replay.Walk([&](const ReplayedRun&) { return ++runs < 3; }).ok());
  CHECK(runs == 3);
}

}  // namespace
}  // namespace playload
