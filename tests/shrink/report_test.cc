#include "generator/shrink/report.h"

#include <doctest/doctest.h>

#include <string>

#include "scenarios/load.h"

namespace playload {
namespace {

ShrinkFound SomeFound() {
  ShrinkFound found;
  Result<Scenario> scenario = LoadScenario("fraud-ring", {});
  REQUIRE(scenario);
  Result<Candidate> whole = Normalized({*scenario, 120'000});
  Result<Candidate> small = Normalized({*scenario, 12});
  REQUIRE(whole);
  REQUIRE(small);
  found.file = "small.yaml";
  found.run_id = "some-run";
  found.spec.seed = 9;
  found.spec.start_ns = 1'767'225'600'000'000'000;
  found.failure = {"fraud-alerts", Flaw::kMissing};
  found.whole = *whole;
  found.shrunk.smallest = *small;
  found.shrunk.attempts = 44;
  found.again = found.again_failed = 3;
  found.inputs = Rerunner::Inputs();
  found.outputs = {"fraud-alerts"};
  found.command = "./pipeline \\\n  --once";
  Verification verification;
  verification.verdict.outputs.resize(1);
  verification.verdict.outputs[0].name = "fraud-alerts";
  verification.verdict.outputs[0].Add(Flaw::kMissing, 1, [] {
    return FlawExample{"player_3", "1 x Too frequent transactions", ""};
  });
  verification.history = [](const std::string& name, const std::string& key) {
    return std::vector<std::string>{"event 1 of " + key + ", " + name,
                                    "all of it: playload expect"};
  };
  found.smallest.verification = std::move(verification);
  return found;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE(
    "SmallestFile: a scenario of exactly so many events, with a head that says how to see it") {
  const std::string file = SmallestFile(SomeFound());
  const Result<Scenario> read = ParseScenario("small.yaml", file, {});
  REQUIRE_MESSAGE(read, read.error().message());
  CHECK(ResolvedText(*read) == ResolvedText(SomeFound().shrunk.smallest.scenario));
  for (const char* part :
       {"# The smallest scenario that was found to show a failure of run some-run:\n",
        "#  fraud-alerts, missing\n#    player_3\n#      expected: 1 x Too frequent transactions\n",
        "# 12 events of 2,000 players, 4 timeline entries; the run had 120,000 events of ",
        "# It showed in all of 3 more re-runs.\n",
        "#   playload run small.yaml --seed 9 --start 2026-01-01T00:00:00Z --clock virtual --to "
        "file:small-again/events --run-dir small-again/run\n",
        "#   ./pipeline \\\n#     --once\n",
        "#   playload verify small-again/run --from file:small-again/outputs\n"}) {
    CHECK_MESSAGE(Has(file, part), file);
  }
  CHECK_FALSE(Has(file, "touch"));
}

TEST_CASE("SmallestFile: what the run and its verification had beside the usual") {
  ShrinkFound found = SomeFound();
  found.file = "a b/small.yaml";
  found.spec.event_types = EventTypes::kExtended;
  found.spec.timestamp_form = TimestampForm::kMicros;
  found.spec.id_prefix = "x-1";
  found.spec.shard = 1;
  found.spec.shards = 4;
  found.names = {{"purchase-events", "sales"}, {"player-events", "player-events"}};
  found.verify_words = {"--rules", "my rules.yaml"};
  found.smallest.not_there = {"fraud-alerts.ndjson"};
  found.shrunk.smallest.scenario.duration_ns = 0;
  const std::string file = SmallestFile(found);
  for (const char* part :
       {"playload run 'a b/small.yaml' --seed 9 --events 12 --start", " --event-types extended",
        " --timestamp-precision us", " --id-prefix x-1", " --shard 1/4",
        " --topic purchase-events=sales --to file:'a b/small-again'/events",
        "touch 'a b/small-again'/outputs/fraud-alerts.ndjson\n", " --rules 'my rules.yaml'\n"}) {
    CHECK_MESSAGE(Has(file, part), file);
  }
  CHECK_FALSE(Has(file, "player-events=player-events"));
}

TEST_CASE("SmallestFile: of Kafka, with topics of their own") {
  ShrinkFound found = SomeFound();
  found.kafka = "kafka://127.0.0.1:9092";
  found.partitions = 6;
  const std::string file = SmallestFile(found);
  for (const char* part :
       {"#   export PLAYLOAD_BROKERS=127.0.0.1:9092\n",
        "#   export PLAYLOAD_TOPIC_FRAUD_ALERTS=\"$PLAYLOAD_PREFIX\"fraud-alerts\n",
        " --topic purchase-events=\"$PLAYLOAD_TOPIC_PURCHASE_EVENTS\"",
        " --to kafka://127.0.0.1:9092 --create-topics partitions=6,replication=1 ",
        " --from kafka://127.0.0.1:9092 --topic fraud-alerts=\"$PLAYLOAD_TOPIC_FRAUD_ALERTS\"\n"}) {
    CHECK_MESSAGE(Has(file, part), file);
  }
  CHECK_FALSE(Has(file, "EVENTS_DIR"));
}

TEST_CASE("ShrinkText: before and after, the history, and what must be known") {
  ShrinkFound found = SomeFound();
  found.others = {{"the command ended with exit code 1", 12}};
  std::string text = ShrinkText(found);
  CHECK(Has(text, "  events            120,000 -> 12\n"));
  CHECK(Has(text, "      event 1 of player_3, fraud-alerts\n"));
  CHECK_FALSE(Has(text, "all of it"));  // of a run directory that is gone
  CHECK(Has(text, "  the command ended with exit code 1 (attempt 12)\n"));
  CHECK(Has(text, "written: small.yaml"));
  found.again_failed = 1;
  found.shrunk.end = Shrunk::End::kAttempts;
  text = ShrinkText(found);
  CHECK(Has(text, "IT SHOWS ONLY SOMETIMES: in 1 of 3 more re-runs.\n"));
  CHECK(Has(text, "The attempts were used up"));
}

}  // namespace
}  // namespace playload
