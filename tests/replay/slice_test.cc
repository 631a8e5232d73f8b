// Slices against the whole: what is made of a part of a run is, byte for byte, what the whole has
// of it, for random runs, ids, intervals, shards and losses, with checkpoints and without.

#include "generator/replay/slice.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "generator/base/text.h"
#include "generator/judge/history.h"
#include "generator/replay/walker.h"
#include "generator/stream/stream.h"
#include "scenarios/load.h"
#include "tests/run/fakes.h"
#include "tests/support/world.h"

namespace playload {
namespace {

constexpr std::int64_t kStart = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z

// An event as the whole run has it.
struct Whole {
  Position position;
  std::int64_t instant;
  Kind kind;
  std::string who;  // player or server
  std::string key, value;
  Arrival arrival;
  std::array<std::string, kOutputKinds> outputs;  // what it causes, by kind
};

struct World {
  World(const std::string& scenario, std::uint64_t seed, Position end, std::uint64_t players) {
    const Result<Scenario> loaded = LoadScenario(scenario, {});
    REQUIRE_MESSAGE(loaded.has_value(), loaded.error().message());
    spec = test::SpecOf(*loaded, seed, end);
    if (players > 0) spec.scenario.population.players = players;
    spec.scenario.population.life_sessions = 3;
    spec.scenario.plan = {{4'000'000, 4'000'000, 0}};  // 4,000/s, so that incidents come early
  }

  // Fills `all` by the way of the lines, which shares nothing with slices.
  void Make() {
    replay = std::make_unique<Replay>(spec, stamps, std::nullopt, 2);
    const StreamTables& tables = replay->tables();
    Expectation expectation(spec.id_prefix);
    std::string text;
    const ExpectedLines::Sink sink = [&text](std::string_view lines) {
      text += lines;
      return true;
    };
    std::uint64_t ordinal = 0;
    REQUIRE(WalkRun(spec, stamps, 1)([&](const StreamEvent& event) {
              Whole whole{event.position,
                          0,
                          event.kind,
                          std::string(event.key),
                          std::string(event.key),
                          std::string(event.value),
                          arrivals.Of(event),
                          {}};
              whole.instant =
                  spec.rate_max
                      ? stamps[std::min<std::size_t>(ordinal / kBatchEvents, stamps.size() - 1)]
                      : kStart + tables.plan.PlannedAt(event.position);
              ++ordinal;
              if (event.kind == Kind::kPurchase) {
                const auto at = whole.value.rfind(R"("user_id":")") + 11;
                whole.who = whole.value.substr(at, whole.value.find('"', at) - at);
              }
              if (whole.arrival != Arrival::kNever) {
                const Result<Caused> caused = expectation.Observe(event);
                REQUIRE(caused.has_value());
                for (int k = 0; k < kOutputKinds; ++k) {
                  text.clear();
                  ExpectedLines lines(expectation.players(), static_cast<OutputKind>(k), sink);
                  if (caused->what == Caused::What::kSummary) lines.Summary(caused->player);
                  if (caused->what == Caused::What::kPurchase) {
                    lines.Purchase(caused->facts.user, caused->outputs);
                  }
                  if (caused->what == Caused::What::kServerAlert) {
                    lines.ServerAlert(event.key, event.value);
                  }
                  lines.Flush();
                  whole.outputs[static_cast<std::size_t>(k)] = text;
                }
              }
              all.push_back(std::move(whole));
              return true;
            }).ok());
  }

  void LeaveCheckpoints(std::uint64_t spacing) {
    const CheckpointOptions options{
        .most_bytes = std::uint64_t{1} << 30, .least_spacing = spacing, .events_per_byte = 0};
    std::filesystem::create_directories(folder / "run");
    CheckpointWriter writer(folder / "run", spec, PlanCheckpoints(spec, options));
    StampLog log(stamps);
    StreamOptions stream_options;
    stream_options.records = true;
    stream_options.watcher = &writer;
    stream_options.stamps = spec.rate_max ? &log : nullptr;
    Stream stream(spec, stream_options);
    REQUIRE(stream.Start().ok());
    while (Batch* batch = stream.Next()) {
      while (writer.busy()) std::this_thread::yield();
      stream.Recycle(batch);
    }
    REQUIRE(writer.Finish().ok());
    checkpoints = std::make_unique<Checkpoints>(folder / "run", spec, replay->tables().model);
    CHECK(checkpoints->notes().empty());
    CHECK(checkpoints->size() > 0);
  }

  [[nodiscard]] bool In(const Whole& event, const Slice& slice) const {
    const auto utc = [](const RunInstant& i) { return i.from_start ? kStart + i.ns : i.ns; };
    return (slice.id.empty() || event.who == slice.id) &&
           (!slice.from || event.instant >= utc(*slice.from)) &&
           (!slice.to || event.instant < utc(*slice.to));
  }

  [[nodiscard]] std::string Expected(const Slice& slice, std::optional<OutputKind> only) const {
    std::string text;
    for (const Whole& event : all) {
      if (!In(event, slice)) continue;
      for (const int k : {0, 1, 2, 3}) {
        if (!only || static_cast<int>(*only) == k) {
          text += event.outputs[static_cast<std::size_t>(k)];
        }
      }
    }
    return text;
  }

  [[nodiscard]] std::string Made(const Slice& slice, std::optional<OutputKind> only,
                                 Checkpoints* from) const {
    std::string text;
    const Status made = WriteSliceExpected(*replay, arrivals, slice, from, spec.id_prefix, only,
                                           [&text](std::string_view lines) {
                                             text += lines;
                                             return true;
                                           });
    REQUIRE_MESSAGE(made.ok(), made.message());
    return text;
  }

  // A slice of somebody who is there, of a time, or both; now and then an odd one.
  [[nodiscard]] Slice Random(std::mt19937_64& random) const {
    Slice slice;
    const auto instant = [&]() -> RunInstant {
      const std::int64_t at = all[random() % all.size()].instant;
      if (random() % 3 == 0) return {true, std::max<std::int64_t>(at - kStart, 0)};
      if (random() % 5 == 0) return {false, at / 1'000'000'000 * 1'000'000'000};
      return {false, at};
    };
    const auto form = static_cast<unsigned>(random() % 8);
    if (form < 5) slice.id = all[random() % all.size()].who;
    if (form == 0) {  // one who bought
      for (int i = 0; i < 200; ++i) {
        const Whole& event = all[random() % all.size()];
        if (event.kind == Kind::kPurchase) slice.id = event.who;
      }
    }
    if (form >= 2) slice.from = instant();
    if (form >= 3 && random() % 2 == 0) slice.to = instant();
    return slice;
  }

  test::ScratchFolder folder;
  RunSpec spec;
  std::vector<std::int64_t> stamps;
  Arrivals arrivals;
  std::vector<Whole> all;
  std::unique_ptr<Replay> replay;
  std::unique_ptr<Checkpoints> checkpoints;
};

std::optional<OutputKind> RandomOutput(std::mt19937_64& random) {
  const auto k = static_cast<unsigned>(random() % 6);
  if (k >= kOutputKinds) return std::nullopt;
  return static_cast<OutputKind>(k);
}

void CheckSlices(World& world, std::uint64_t seed, int slices) {
  std::mt19937_64 random(seed);
  std::size_t lines = 0;
  for (int i = 0; i < slices; ++i) {
    const Slice slice = world.Random(random);
    const std::optional<OutputKind> only = RandomOutput(random);
    CAPTURE(slice.id);
    CAPTURE(slice.from.has_value());
    CAPTURE(slice.to.has_value());
    CAPTURE(i);
    const std::string expected = world.Expected(slice, only);
    lines += static_cast<std::size_t>(std::count(expected.begin(), expected.end(), '\n'));
    REQUIRE(world.Made(slice, only, world.checkpoints.get()) == expected);
    REQUIRE(world.Made(slice, only, nullptr) == expected);
  }
  CHECK(lines > 1'000);
}

LedgerEntry LedgerOf(const World& world) {
  LedgerEntry ledger;
  for (const Whole& event : world.all) ++ledger.generated[static_cast<std::size_t>(event.kind)];
  if (ledger.total_generated() == 0) ledger.generated = {1, 1, 1};
  return ledger;
}

TEST_CASE("Slice: a part of a run is what the whole has of it") {
  struct Case {
    const char* scenario;
    Position end;
    std::uint64_t players;
    std::uint32_t shard, shards;
  };
  std::uint64_t seed = 1;
  for (const Case& c : {Case{"fraud-ring", 150'000, 700, 0, 1},
                        {"fraud-and-overload", 90'001, 0, 0, 1},
                        {"launch-day", 120'000, 40, 0, 1},
                        {"steady", 120'000, 9'000, 1, 3},
                        {"fraud-ring", 120'007, 1, 0, 1},
                        {"compat", 60'000, 0, 0, 1}}) {
    CAPTURE(c.scenario);
    World world(c.scenario, ++seed, c.end, c.players);
    world.spec.shard = c.shard;
    world.spec.shards = c.shards;
    if (seed % 2 == 0) world.spec.id_prefix = "x-1";
    world.Make();
    world.LeaveCheckpoints(1'024);
    CheckSlices(world, seed, 25);
  }
}

TEST_CASE("Slice: at rate max an event's instant is the one it was stamped with") {
  World world("fraud-ring", 21, 100'000, 500);
  world.spec.rate_max = true;
  world.spec.clock = Clock::kLive;
  std::mt19937_64 random(5);
  std::int64_t now = kStart;
  for (int i = 0; i < 98; ++i) {
    world.stamps.push_back(now += static_cast<std::int64_t>(random() % 3) * 1'000'003);
  }
  world.Make();
  world.LeaveCheckpoints(1'024);
  CheckSlices(world, 3, 40);
  // An offset that leads out of the time that there is.
  Slice beyond;
  beyond.from = RunInstant{true, std::numeric_limits<std::int64_t>::max()};
  CHECK(world.Made(beyond, std::nullopt, nullptr).empty());
}

TEST_CASE("Slice: events that did not arrive cause nothing, also in the state behind them") {
  for (const bool coarse : {false, true}) {
    World world("fraud-ring", 31, 120'000, 300);
    LedgerEntry ledger = LedgerOf(world);
    std::mt19937_64 random(17);
    for (Position at = 500; at < 120'000; at += 2'000 + random() % 9'000) {
      const Position last = at + random() % 1'500;
      const auto fate = random() % 3 == 0   ? Fate::kUnknown
                        : random() % 2 == 0 ? Fate::kFailed
                                            : Fate::kShed;
      PositionInterval interval{at, last};
      if (random() % 2 == 0) interval.kinds = 2;
      ledger.intervals[static_cast<unsigned>(fate)].push_back(interval);
      at = last + 1;
    }
    ledger.coarse = coarse;
    world.arrivals = Arrivals(ledger);
    world.Make();
    world.LeaveCheckpoints(1'024);
    CheckSlices(world, 9, 25);
  }
}

// The whole slice is the whole.
TEST_CASE("Slice: without limits it is what WriteExpected() writes") {
  World world("fraud-and-overload", 3, 60'000, 2'000);
  world.Make();
  std::string all;
  REQUIRE(
      WriteExpected(*world.replay, world.arrivals, "", std::nullopt, [&](std::string_view lines) {
        all += lines;
        return true;
      }).ok());
  CHECK(world.Made({}, std::nullopt, nullptr) == all);
  CHECK(world.Expected({}, std::nullopt) == all);
}

TEST_CASE("Slice: the events themselves, with position, topic and key") {
  World world("fraud-ring", 8, 60'000, 400);
  LedgerEntry ledger = LedgerOf(world);
  ledger.intervals[static_cast<unsigned>(Fate::kFailed)] = {{20'000, 20'100}};
  ledger.intervals[static_cast<unsigned>(Fate::kUnknown)] = {{20'101, 20'150}};
  world.arrivals = Arrivals(ledger);
  world.Make();
  world.LeaveCheckpoints(1'024);
  const std::array<std::string, kKinds> topics = {"a", "b", "c"};
  std::mt19937_64 random(4);
  for (int i = 0; i < 30; ++i) {
    Slice slice = world.Random(random);
    if (i == 0) slice = Slice{"", RunInstant{true, 4'990'000'000}, RunInstant{true, 5'050'000'000}};
    std::string expected;
    for (const Whole& event : world.all) {
      if (!world.In(event, slice)) continue;
      expected += "{\"position\":" + std::to_string(event.position) + ",\"topic\":\"" +
                  topics[static_cast<std::size_t>(event.kind)] + "\",\"key\":\"" + event.key +
                  "\"" +
                  (event.arrival == Arrival::kNever     ? ",\"arrived\":\"no\""
                   : event.arrival == Arrival::kUnknown ? ",\"arrived\":\"unknown\""
                                                        : "") +
                  ",\"value\":" + event.value + "}\n";
    }
    std::string made;
    REQUIRE(WriteSliceEvents(*world.replay, world.arrivals, slice, world.checkpoints.get(), topics,
                             [&](std::string_view lines) {
                               made += lines;
                               return true;
                             })
                .ok());
    REQUIRE(made == expected);
    if (i == 0) {
      CHECK(made.find("\"arrived\":\"no\"") != std::string::npos);
      CHECK(made.find("\"arrived\":\"unknown\"") != std::string::npos);
    }
  }
}

TEST_CASE("Slice: a damaged checkpoint costs time and nothing else") {
  World world("fraud-ring", 12, 120'000, 700);
  world.Make();
  world.LeaveCheckpoints(1'024);
  for (const auto& entry : std::filesystem::directory_iterator(world.folder / "run/checkpoints")) {
    // In the middle of the lanes: heads and indexes stay good.
    std::filesystem::resize_file(entry.path(), std::filesystem::file_size(entry.path()));
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    for (int at = 1; at < 8; ++at) {
      file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(entry.path())) * at / 8 +
                 20);
      file.put('!');
    }
  }
  CheckSlices(world, 1, 30);
  CHECK(!world.checkpoints->notes().empty());
}

TEST_CASE("Slice: ids and instants that cannot be are refused") {
  World world("fraud-ring", 1, 20'000, 100);
  world.spec.id_prefix = "p";
  world.Make();
  for (const char* const id : {"player_1", "player_p_0", "player_p_x", "server_0", "server_99999",
                               "server_p_1", "gamer", "player_p_01"}) {
    CAPTURE(id);
    const Status status =
        WriteSliceExpected(*world.replay, world.arrivals, {id, {}, {}}, nullptr, "p", std::nullopt,
                           [](std::string_view) { return true; });
    CHECK(status.code() == Code::kInvalid);
    CHECK(status.message().find("player_p_1") != std::string::npos);
  }
  CHECK(ParseRunInstant("+90s")->from_start);
  CHECK(ParseRunInstant("+1.5m")->ns == 90'000'000'000);
  CHECK(ParseRunInstant("2026-01-01T00:00:00.25Z")->ns == kStart + 250'000'000);
  for (const char* const text : {"", "90s", "+", "+x", "-5s", "tomorrow"}) {
    CAPTURE(text);
    CHECK(!ParseRunInstant(text).has_value());
  }
  World shard("steady", 1, 20'000, 9'000);
  shard.spec.shards = 2;
  shard.Make();
  const Status other =
      WriteSliceExpected(*shard.replay, shard.arrivals, {"server_9999", {}, {}}, nullptr, "",
                         std::nullopt, [](std::string_view) { return true; });
  CHECK(other.code() == Code::kInvalid);
}

// The state of a history is that of a recount; what an event causes is what the whole has.
TEST_CASE("History: each purchase with the rules' state before and after it") {
  World world("fraud-ring", 5, 150'000, 300);
  LedgerEntry ledger = LedgerOf(world);
  ledger.intervals[static_cast<unsigned>(Fate::kFailed)] = {{30'000, 34'000, 2}};
  world.arrivals = Arrivals(ledger);
  world.Make();
  world.LeaveCheckpoints(1'024);
  const HistoryTopics topics{{"p", "b", "s"}, {6, 6, 6}};
  std::set<std::string> buyers;
  for (const Whole& event : world.all) {
    if (event.kind == Kind::kPurchase && event.position > 29'000 && event.position < 36'000) {
      buyers.insert(event.who);
    }
  }
  std::size_t shown = 0;
  for (const std::string& buyer : buyers) {
    for (const bool late : {false, true}) {
      Slice slice{buyer, {}, {}};
      if (late) slice.from = RunInstant{true, 20'000'000'000};
      const Replay& replay = *world.replay;
      SliceWalk walk(replay, world.arrivals, slice, true, world.checkpoints.get());
      HistoryMaker maker(replay, world.arrivals, &walk, topics, "");
      auto next = world.all.begin();
      RuleState state;
      bool known = !late;
      REQUIRE(walk.Walk([&](const ReplayedRun& run, bool inside) {
                    const std::optional<HistoryEvent> event = maker.Add(run, 0, inside);
                    if (!event) return true;
                    ++shown;
                    while (next->position < event->position) ++next;
                    REQUIRE(event->position == next->position);
                    CHECK(event->value == next->value);
                    CHECK(event->key == next->key);
                    std::string outputs;
                    for (const std::string& line : event->outputs) outputs += line + "\n";
                    std::string expected;
                    for (const std::string& output : next->outputs) expected += output;
                    CHECK(outputs == expected);
                    CHECK(event->partition.has_value());
                    if (event->kind != Kind::kPurchase) return true;
                    if (known) CHECK(event->before->count == state.count);
                    if (known) CHECK(event->before->total == state.total);
                    known = true;
                    state = *event->after;
                    CHECK(state.count ==
                          event->before->count + (event->arrival == Arrival::kNever ? 0 : 1));
                    return true;
                  })
                  .ok());
    }
  }
  CHECK(shown > 100);
}

}  // namespace
}  // namespace playload
