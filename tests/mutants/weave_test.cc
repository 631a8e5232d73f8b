#include "generator/mutants/weave.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "generator/mutants/edges.h"
#include "scenarios/load.h"
#include "tests/support/world.h"

namespace playload {
namespace {

Scenario Asking(const std::string& rules) {
  Scenario world = test::World(2'000, {"casual", "regular"});
  world.file = "my.yaml";
  world.weave.sources = {{rules, 7}};
  world.weave.line = 6;
  return world;
}

std::string Error(Scenario scenario) {
  const Status status = WeaveProbes(&scenario);
  CHECK(status.message().find('\n') == std::string::npos);
  return status.ok() ? "no error" : status.message();
}

bool Says(const std::string& message, const std::string& words) {
  CAPTURE(message);
  CAPTURE(words);
  CHECK(message.find(words) != std::string::npos);
  return message.find(words) != std::string::npos;
}

TEST_CASE("WeaveProbes: two probes, whose text needs no rules any more") {
  Scenario world = Asking("dataflow");
  REQUIRE(WeaveProbes(&world).ok());
  CHECK(world.weave.sources.empty());
  REQUIRE(world.probes.size() == 2);
  CHECK(world.probes[0].name == kWovenPlayers);
  CHECK(world.probes[1].name == kWovenServers);
  CHECK(world.probes[0].scripts.size() > 25);
  CHECK(world.probes[0].share_parts == kProbabilityOne / 10);
  const Result<Scenario> again = ParseScenario("again", ResolvedText(world), {});
  REQUIRE_MESSAGE(again, again.error().message());
  CHECK(ResolvedText(*again) == ResolvedText(world));
  CHECK(again->probes[0].scripts == world.probes[0].scripts);
}

TEST_CASE("WeaveProbes: the scripts of several rule sets together, each once") {
  Scenario both = Asking("dataflow");
  both.weave.sources.push_back({"sustained-overload", 8});
  REQUIRE(WeaveProbes(&both).ok());
  CHECK(both.probes.size() == 2);
  Scenario one = Asking("dataflow");
  REQUIRE(WeaveProbes(&one).ok());
  CHECK(both.probes[0].scripts == one.probes[0].scripts);
  CHECK(both.probes[1].scripts.size() > one.probes[1].scripts.size());
}

TEST_CASE("WeaveProbes: the rate is the one that is stated, or one that leaves players alone") {
  Scenario stated = Asking("velocity");
  stated.weave.milli_rate = 500;
  REQUIRE(WeaveProbes(&stated).ok());
  CHECK(stated.probes[0].milli_rate == 500);
  // Long waits: at most a tenth of the players at a time.
  Scenario usual = Asking("impossible-travel");
  REQUIRE(WeaveProbes(&usual).ok());
  CHECK(usual.probes[0].share_parts == 0);
  double waits = 0;
  for (const Script& script : usual.probes[0].scripts) {
    for (const ProbeStep& step : script.steps) waits += static_cast<double>(step.wait_ns) / 1e9;
  }
  waits /= static_cast<double>(usual.probes[0].scripts.size());
  const double waiting = static_cast<double>(usual.probes[0].milli_rate) / 1e3 * waits;
  CHECK(waiting <= 200);
  CHECK(waiting > 150);
}

TEST_CASE("WeaveProbes: servers that wait are few enough, too") {
  const std::string file = "weave_test_servers.yaml";
  std::ofstream(file) << "rule_set: mine\nrules:\n  - rule: hot\n    input: server-metrics\n"
                         "    key: parameters.server_id\n    window: {tumbling: 1h}\n"
                         "    state: {hot: count where parameters.cpu_load > 80}\n"
                         "    when: hot > 1\n    output: a\n    record: {hot: hot}\n";
  Scenario usual = Asking("./" + file);
  REQUIRE(WeaveProbes(&usual).ok());
  REQUIRE(usual.probes.size() == 1);
  CHECK(usual.probes[0].scripts[0].server);
  CHECK(usual.probes[0].share_parts == 0);
  CHECK(usual.probes[0].milli_rate >= 1);
  const auto waits = [](const Script& script) {
    return std::any_of(script.steps.begin(), script.steps.end(),
                       [](const ProbeStep& step) { return step.clock_ns > 0; });
  };
  CHECK(std::any_of(usual.probes[0].scripts.begin(), usual.probes[0].scripts.end(), waits));
  Scenario many = Asking("./" + file);
  many.weave.milli_rate = 1'000;
  Says(Error(many), "servers; at most");
  std::remove(file.c_str());
}

TEST_CASE("WeaveProbes: what cannot be woven is refused in one line with its place") {
  Says(Error(Asking("velocty")), "my.yaml:7: probes: unknown rule set 'velocty'; did you mean");
  Says(Error(Asking("./none.yaml")), "my.yaml:7: probes: ");
  Scenario many = Asking("dataflow");
  many.weave.milli_rate = 1'000'000'000;
  Says(Error(many), "my.yaml:6: probes: 1000000 scripts of players begun per second are too many");
  Scenario waiting = Asking("impossible-travel");
  waiting.weave.milli_rate = 20'000;
  Says(Error(waiting), "players; at most");
  Scenario full = Asking("dataflow");
  for (const char* name : {"a", "b", "c"}) {
    full.probes.push_back({name, {}, 1'000'000, {Script{false, {ProbeStep{}}}}});
  }
  Says(Error(full), "no room");
  Scenario taken = Asking("dataflow");
  taken.probes.push_back({kWovenPlayers, {}, 1'000'000, {Script{false, {ProbeStep{}}}}});
  Says(Error(taken), "an incident called 'woven-players' already");
  Scenario compat = Asking("dataflow");
  compat.compat = true;
  Says(Error(compat), "compat draws every event uniformly");

  const std::string file = "weave_test_mine.yaml";
  std::ofstream(file) << "rule_set: mine\nrules:\n  - rule: all\n    input: player-events\n"
                         "    key: user_data.user_id\n    output: a\n    record: {user: key}\n";
  Says(Error(Asking("./" + file)), "none can be derived from rules 'mine'");
  std::ofstream(file) << "rule_set: mine\nrules:\n  - rule: all\n    input: player\n"
                         "    key: user_data.user_id\n    output: a\n    record: {user: key}\n";
  Says(Error(Asking("./" + file)), "./weave_test_mine.yaml:3: ");
  std::remove(file.c_str());
}

// What the personas' arithmetic says, against what is simulated: tests/simulate counts sessions.
TEST_CASE("BeginningsAt: in proportion to the rate") {
  const Scenario world = Asking("dataflow");
  const Beginnings slow = BeginningsAt(world, 1'000'000);
  const Beginnings fast = BeginningsAt(world, 4'000'000);
  CHECK(slow.sessions > 1);
  CHECK(slow.metrics > 1);
  CHECK(fast.sessions == doctest::Approx(4 * slow.sessions));
  CHECK(fast.metrics == doctest::Approx(4 * slow.metrics));
}

TEST_CASE("EdgesOf: which edges a plan meets, and at which rate it would") {
  Scenario world = Asking("velocity");
  REQUIRE(WeaveProbes(&world).ok());
  const auto edges = [&](std::int64_t rate, std::int64_t run_s) {
    world.plan = {{rate * 1'000, rate * 1'000, 0}};
    return EdgesOf(world, 8, 0, run_s * 1'000'000'000);
  };
  REQUIRE(edges(2'000, 0).size() == 1);  // the window's and the cool-down's, which is as long
  CHECK(edges(2'000, 0)[0].wait_ns == 600'000'000'000);
  CHECK(edges(2'000, 0)[0].miss_ms == 0);
  CHECK(edges(20'000, 3'600)[0].miss_ms == 0);
  CHECK(edges(20'000, 600)[0].longer_than_run);
  CHECK(edges(1'000, 3'600)[0].miss_ms == 64 - 15 + 1);
  const std::optional<std::int64_t> better = RateForEdges(world, 8, 0);
  REQUIRE(better);
  CHECK(edges(*better / 1'000, 3'600)[0].miss_ms == 0);
}

TEST_CASE("EdgesOf: edges of the clock, whatever the run's start") {
  Scenario world = Asking("level-spike");
  REQUIRE(WeaveProbes(&world).ok());
  constexpr std::int64_t kStart = 1'767'225'600'123'000'000;
  const auto edges = [&](std::int64_t rate, std::int64_t run_s) {
    world.plan = {{rate * 1'000, rate * 1'000, 0}};
    return EdgesOf(world, 8, kStart, run_s * 1'000'000'000);
  };
  REQUIRE(edges(2'000, 0).size() == 1);
  CHECK(edges(2'000, 0)[0].of_clock);
  CHECK(edges(2'000, 0)[0].wait_ns == 60'000'000'000);
  CHECK(edges(2'000, 0)[0].miss_ms == 0);
  CHECK(edges(2'000, 59)[0].longer_than_run);
  CHECK_FALSE(edges(2'000, 60)[0].longer_than_run);
  // An event every 10 ms, none of them at a whole minute.
  CHECK(edges(100, 0)[0].miss_ms > 0);
  const std::optional<std::int64_t> better = RateForEdges(world, 8, kStart);
  REQUIRE(better);
  CHECK(edges(*better / 1'000, 0)[0].miss_ms == 0);
}

}  // namespace
}  // namespace playload
