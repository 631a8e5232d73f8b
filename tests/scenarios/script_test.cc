#include "scenarios/script.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "scenarios/load.h"

namespace playload {
namespace {

std::string ErrorOf(std::string_view text, bool server = false) {
  const Result<Script> script = ParseScript(text, server);
  return script ? "no error" : script.error().message();
}

bool Says(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

TEST_CASE("ParseScript: steps, repetitions and waits") {
  const Result<Script> script = ParseScript(
      " purchase USD x2, after 90s,purchase skin_wolf JPY x2 , within 250ms, refund, "
      "level_complete ",
      false);
  REQUIRE(script);
  REQUIRE(script->steps.size() == 6);
  const auto& steps = script->steps;
  CHECK(steps[0].what == ProbeStep::What::kPurchase);
  CHECK(steps[0].currency == 0);
  CHECK(steps[0].item == -1);
  CHECK(steps[1] == steps[0]);
  CHECK(steps[2].currency == 3);
  CHECK(steps[2].item == 1);
  CHECK(steps[2].wait_ns == 90'000'000'000);
  CHECK_FALSE(steps[2].within);
  CHECK(steps[3].item == 1);
  CHECK(steps[3].wait_ns == 0);  // the wait is before the first one
  CHECK(steps[4].what == ProbeStep::What::kRefund);
  CHECK(steps[4].wait_ns == 250'000'000);
  CHECK(steps[4].within);
  CHECK(steps[5].what == ProbeStep::What::kLevelComplete);
}

TEST_CASE("ParseScript: metrics") {
  const Result<Script> script = ParseScript("cpu 80 memory 81, latency 5000 x3", true);
  REQUIRE(script);
  REQUIRE(script->steps.size() == 4);
  CHECK(script->server);
  CHECK(script->steps[0].cpu == 80);
  CHECK(script->steps[0].memory == 81);
  CHECK(script->steps[0].latency == 50);
  CHECK(script->steps[3].cpu == 50);
  CHECK(script->steps[3].latency == 5000);
}

TEST_CASE("ScriptText: read again, it is the same script") {
  for (const std::string text :
       {"purchase USD x5, after 1m, purchase EUR potion_mana x2, within 250ms, refund, move",
        "level_start, level_complete x3, interaction", "purchase x4096",
        "move x4, after 1m from 2, refund, move, within 5s from 5, move",
        "at 1m, move x2, at 1h - 1ms, purchase USD, after 2s, move, at 10s + 250ms, refund"}) {
    const Result<Script> script = ParseScript(text, false);
    REQUIRE(script);
    const Result<Script> again = ParseScript(ScriptText(*script), false);
    REQUIRE(again);
    CHECK(*again == *script);
    CHECK(ScriptText(*again) == ScriptText(*script));
  }
  const Result<Script> metrics = ParseScript("cpu 80, cpu 80 memory 100 latency 60000 x2", true);
  REQUIRE(metrics);
  CHECK(ScriptText(*metrics) == "cpu 80 memory 50 latency 50, cpu 80 memory 100 latency 60000 x2");
  const std::string waits =
      "cpu 80 memory 50 latency 50, at 1m, cpu 81 memory 50 latency 50, "
      "after 10m, cpu 82 memory 50 latency 50";
  const Result<Script> timed = ParseScript(waits, true);
  REQUIRE(timed);
  CHECK(timed->steps[1].clock_ns == 60'000'000'000);
  CHECK(timed->steps[2].wait_ns == 600'000'000'000);
  CHECK(ScriptText(*timed) == waits);
}

TEST_CASE("StepsToClock: steps that come right before an edge of the clock") {
  const Result<Script> script =
      ParseScript("move, after 5s, move, move x2, at 1m - 1ms, move, move", false);
  REQUIRE(script);
  CHECK(script->steps[4].clock_ns == 60'000'000'000);
  CHECK(script->steps[4].shift_ns == -1'000'000);
  const std::vector<std::optional<std::size_t>> to = {{}, {}, 2, 1, 0, {}};
  for (std::size_t i = 0; i < to.size(); ++i) CHECK(StepsToClock(script->steps, i) == to[i]);
}

TEST_CASE("ParseScript: errors say what would be right") {
  CHECK(Says(ErrorOf(""), "at least one step"));
  CHECK(Says(ErrorOf("purchse USD"), "did you mean 'purchase'?"));
  CHECK(Says(ErrorOf("purchase USDD"), "did you mean 'USD'?"));
  CHECK(Says(ErrorOf("purchase USD EUR"), "neither"));
  CHECK(Says(ErrorOf("refund USD"), "stands alone"));
  CHECK(Says(ErrorOf("purchase x0"), "1 to 4,096"));
  CHECK(Says(ErrorOf("purchase x4097"), "1 to 4,096"));
  CHECK(Says(ErrorOf("purchase x4096, move"), "at most 4,096 steps"));
  CHECK(Says(ErrorOf("after 5s, move"), "begins with a step"));
  CHECK(Says(ErrorOf("move, after 5s"), "no effect"));
  CHECK(Says(ErrorOf("move, after, move"), "needs a duration"));
  CHECK(Says(ErrorOf("move, within 0s, move"), "needs a duration"));
  CHECK(Says(ErrorOf("move, after 5s, within 5s, move"), "two waits"));
  CHECK(Says(ErrorOf("move, after 5s from 2, move"), "1 to 1"));
  CHECK(Says(ErrorOf("move x2, after 5s, move, after 5s from 1, move"), "may wait"));
  CHECK(Says(ErrorOf("cpu 101", true), "0 to 100"));
  CHECK(Says(ErrorOf("cpu", true), "0 to 100"));
  CHECK(Says(ErrorOf("cpus 5", true), "did you mean 'cpu'?"));
  CHECK(Says(ErrorOf("cpu 5 x2, after 5s from 1, cpu 6", true), "leave out 'from'"));
  CHECK(Says(ErrorOf("after 5s, cpu 6", true), "begins with a step"));
  CHECK(Says(ErrorOf("at 1m, at 2m, move"), "two waits"));
  CHECK(Says(ErrorOf("move, at 1m, after 5s, move"), "two waits"));
  CHECK(Says(ErrorOf("at, move"), "whole milliseconds"));
  CHECK(Says(ErrorOf("at 1500us, move"), "whole milliseconds"));
  CHECK(Says(ErrorOf("at 1m * 1ms, move"), "whole milliseconds"));
  CHECK(Says(ErrorOf("at 1s - 1s, move"), "no nearer"));
  CHECK(Says(ErrorOf("move, at 1m"), "no effect"));
  CHECK(Says(ErrorOf("move x2, at 1m, move, after 5s from 1, move"), "may wait"));
}

TEST_CASE("Scenario: probes are read, resolved and read again") {
  const std::string text =
      "scenario: mine\npopulation: {players: 100, mix: {casual: 1}}\ntimeline:\n"
      "  - probe: edges\n    at: 2s\n    for: 3s\n    every: 10s\n    share: 0.02\n    players:\n"
      "      - purchase USD x5\n      - purchase, after 60s, refund\n"
      "  - probe: eighty\n    share: 0.5\n    servers: [cpu 80 memory 80]\nplan: {rate: 1k}\n";
  const Result<Scenario> scenario = ParseScenario("my.yaml", text, {});
  REQUIRE_MESSAGE(scenario, scenario.error().message());
  REQUIRE(scenario->probes.size() == 2);
  CHECK(scenario->probes[0].window.every_ns == 10'000'000'000);
  CHECK(scenario->probes[0].scripts.size() == 2);
  CHECK(scenario->probes[1].scripts[0].server);
  const Result<Scenario> again = ParseScenario("my.yaml", ResolvedText(*scenario), {});
  REQUIRE_MESSAGE(again, again.error().message());
  CHECK(ResolvedText(*again) == ResolvedText(*scenario));
  CHECK(again->probes[0].scripts == scenario->probes[0].scripts);
}

TEST_CASE("Scenario: a probe's rate, and the rules whose probes are to be woven") {
  const std::string head = "scenario: mine\npopulation: {players: 100, mix: {casual: 1}}\n";
  const std::string probe = "timeline:\n  - {probe: a, rate: 2.5, players: [move]}\n";
  const std::string tail = "plan: {rate: 1k}\n";
  const Result<Scenario> rated =
      ParseScenario("my.yaml", head + probe + "probes: {rules: velocity}\n" + tail, {});
  REQUIRE_MESSAGE(rated, rated.error().message());
  CHECK(rated->probes[0].milli_rate == 2'500);
  CHECK(rated->probes[0].share_parts == 0);
  REQUIRE(rated->weave.sources.size() == 1);
  CHECK(rated->weave.sources[0].rules == "velocity");
  CHECK(rated->weave.milli_rate == 0);
  const Result<Scenario> list = ParseScenario(
      "dir/my.yaml", head + "probes:\n  rules: [dataflow, rules/a.yaml]\n  rate: 2\n" + tail, {});
  REQUIRE_MESSAGE(list, list.error().message());
  REQUIRE(list->weave.sources.size() == 2);
  CHECK(list->weave.sources[1].rules == "dir/rules/a.yaml");  // where the scenario is
  CHECK(list->weave.sources[1].line == 4);
  CHECK(list->weave.milli_rate == 2'000);
  for (const Scenario& scenario : {*rated, *list}) {
    const Result<Scenario> again = ParseScenario("other", ResolvedText(scenario), {});
    REQUIRE_MESSAGE(again, again.error().message());
    CHECK(ResolvedText(*again) == ResolvedText(scenario));
    CHECK(again->weave.sources.size() == scenario.weave.sources.size());
  }

  const auto error = [&](const std::string& text) {
    const Result<Scenario> scenario = ParseScenario("my.yaml", head + text + tail, {});
    return scenario ? "no error" : scenario.error().message();
  };
  CHECK(Says(error("probes: {rate: 2}\n"), "my.yaml:3: probes"));
  CHECK(Says(error("probes: {rules: []}\n"), "my.yaml:3: rules must be a list"));
  CHECK(Says(error("probes: {rules: [a, a]}\n"), "'a' are there twice"));
  CHECK(Says(error("probes: {rules: a, rate: 0}\n"), "must be above 0"));
  CHECK(Says(error("probes: {rules: a, share: 0}\n"), "a share of 0 has no effect"));
  CHECK(Says(error("probes: {rules: a, rate: 1, share: 0.1}\n"), "either 'share'"));
  CHECK(Says(error("probes: {rules: a, rats: 1}\n"), "did you mean 'rate'?"));
  CHECK(Says(error("timeline: [{probe: a, players: [move]}]\n"), "a probe needs 'share'"));
  CHECK(Says(error("timeline: [{probe: a, rate: 1, share: 0.5, players: [move]}]\n"), "either"));
  const Result<Scenario> compat = ParseScenario(
      "my.yaml",
      "scenario: c\ncompat: true\npopulation: {players: 9}\nprobes: {rules: dataflow}\n" + tail,
      {});
  REQUIRE_FALSE(compat);
  CHECK(Says(compat.error().message(), "my.yaml:4: compat draws"));
}

TEST_CASE("Scenario: errors of probes name the line") {
  const auto error = [](const std::string& entry) {
    const Result<Scenario> scenario =
        ParseScenario("my.yaml",
                      "scenario: mine\npopulation: {players: 100, mix: {casual: 1}}\ntimeline:\n" +
                          entry + "plan: {rate: 1k}\n",
                      {});
    return scenario ? "no error" : scenario.error().message();
  };
  CHECK(Says(error("  - {probe: a, share: 0.1}\n"), "my.yaml:4: a probe has either"));
  CHECK(Says(error("  - {probe: a, share: 0.1, players: [move], servers: [cpu 1]}\n"), "either"));
  CHECK(Says(error("  - {probe: a, share: 0, players: [move]}\n"), "no effect"));
  CHECK(Says(error("  - {probe: a, share: 0.1, players: []}\n"), "at least one entry"));
  CHECK(Says(error("  - probe: a\n    share: 0.1\n    players:\n      - move\n      - jump\n"),
             "my.yaml:8: unknown step 'jump'"));
  CHECK(Says(error("  - {probe: a, fraud: b}\n"), "not several"));
  CHECK(Says(error("  - {prob: a}\n"), "did you mean 'probe'?"));
}

}  // namespace
}  // namespace playload
