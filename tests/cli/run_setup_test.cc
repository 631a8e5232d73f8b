#include "generator/cli/run_setup.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "scenarios/load.h"

namespace playload {
namespace {

Result<RunSetup> Read(std::vector<std::string> words,
                      const std::vector<const char*>& environment = {}) {
  std::vector<const char*> list = environment;
  list.push_back(nullptr);
  words.insert(words.begin(), "steady");
  const Result<Flags> flags = Flags::Parse(RunSyntax(), words, list.data());
  if (!flags) return flags.error();
  return ReadRunSetup(*flags, list.data(), SetupOf::kRun);
}

RunSetup Good(const std::vector<std::string>& words,
              const std::vector<const char*>& environment = {}) {
  Result<RunSetup> setup = Read(words, environment);
  REQUIRE_MESSAGE(setup.has_value(), setup.error().message());
  return *setup;
}

std::string Refusal(const std::vector<std::string>& words,
                    const std::vector<const char*>& environment = {}) {
  const Result<RunSetup> setup = Read(words, environment);
  if (setup) return "";
  CHECK(setup.error().code() == Code::kInvalid);
  return setup.error().message();
}

}  // namespace

TEST_CASE("Run's flags: rate and players change the scenario that the manifest will hold") {
  const RunSetup setup = Good({"--to", "null", "--rate", "2.5k", "--players", "64"});
  CHECK(setup.run.spec.scenario.population.players == 64);
  REQUIRE(setup.run.spec.scenario.plan.size() == 1);
  CHECK(setup.run.spec.scenario.plan[0].from_milli_rate == 2'500'000);
  CHECK(setup.seed_drawn);
  const Result<Scenario> again = ParseScenario("again", ResolvedText(setup.run.spec.scenario), {});
  REQUIRE(again.has_value());
  CHECK(again->population.players == 64);
  CHECK(again->plan[0].to_milli_rate == 2'500'000);
}

TEST_CASE("Run's flags: where to verify, and what must hold") {
  CHECK(!Good({"--to", "kafka://a:1"}).verify);
  CHECK(Good({"--to", "kafka://a:1", "--verify"}).verify);
  CHECK(!Good({"--to", "kafka://a:1", "--verify"}).verify_at);
  CHECK(!Good({"--to", "null"}, {"PLAYLOAD_VERIFY=0"}).verify);
  const RunSetup setup = Good({"--to", "kafka://a:1", "--verify", "kafka://b:2,c", "--threshold",
                               "alert_latency.p(99)<2s", "--threshold", "matched>=1"});
  REQUIRE(setup.verify_at.has_value());
  CHECK(setup.verify_at->brokers == "b:2,c:9092");
  REQUIRE(setup.verification.thresholds.size() == 2);
  CHECK(setup.verification.thresholds[0].latency());
  CHECK(setup.verification.thresholds[1].metric == "matched");
}

TEST_CASE("Run's flags: pacing is for runs that wait") {
  CHECK(Good({"--to", "null"}).run.pacing == Pacing::kSleep);
  CHECK(Good({"--to", "null", "--pacing", "spin"}).run.pacing == Pacing::kSpin);
  CHECK(Refusal({"--to", "null", "--pacing", "spni"}) ==
        "--pacing: 'spni' is neither sleep nor spin");
  CHECK(Refusal({"--to", "null", "--pacing", "spin", "--rate", "max"}) ==
        "--pacing: says how to wait for the instants of events, and --rate max plans none");
  CHECK(Refusal({"--to", "null", "--pacing", "sleep", "--clock", "virtual", "--events", "5"}) ==
        "--pacing: says how to wait for the instants of events, and --clock virtual never waits");
  CHECK(Refusal({"--player", "player_1", "--events", "5", "--pacing", "spin"}) ==
        "--pacing: has no meaning with --player, which prints without waiting");
  // What the environment says for all runs may be of no use for this one.
  CHECK(Good({"--to", "null", "--rate", "max"}, {"PLAYLOAD_PACING=spin"}).run.spec.rate_max);
}

TEST_CASE("Run's flags: duration and events end the stream, whichever comes first") {
  CHECK(Good({"--to", "null", "--rate", "1k", "--duration", "2s"}).run.spec.end == 2'000);
  CHECK(Good({"--to", "null", "--events", "5k"}).run.spec.end == 5'000);
  CHECK(Good({"--to", "null", "--rate", "1k", "--duration", "2s", "--events", "7"}).run.spec.end ==
        7);
  CHECK(Good({"--to", "null", "--rate", "1k", "--duration", "2s", "--events", "7k"}).run.spec.end ==
        2'000);
  // The first event is due at once, so the shortest run has one.
  CHECK(Good({"--to", "null", "--rate", "1", "--duration", "1us"}).run.spec.end == 1);
  const RunSpec max = Good({"--to", "null", "--rate", "max", "--duration", "2s"}).run.spec;
  CHECK(max.rate_max);
  CHECK(max.run_ns == 2'000'000'000);
  CHECK(max.end == RunSpec::kNoEnd);
}

TEST_CASE("Run's flags: the others reach their places") {
  const RunSetup setup = Good({"--to",
                               "kafka://embedded",
                               "--to",
                               "file:out",
                               "--seed",
                               "18446744073709551615",
                               "--clock",
                               "live",
                               "--start",
                               "2026-01-01T00:00:00Z",
                               "--event-types",
                               "extended",
                               "--timestamp-precision",
                               "us",
                               "--id-prefix",
                               "abc",
                               "--shard",
                               "3/7",
                               "--topic",
                               "player-events=mine",
                               "--create-topics",
                               "partitions=6,replication=2",
                               "--kafka",
                               "linger.ms=7",
                               "--connect-timeout",
                               "3s",
                               "--drain-timeout",
                               "4s",
                               "--compress",
                               "zstd",
                               "--threads",
                               "5",
                               "--run-dir",
                               "runs/x/",
                               "--pipeline",
                               "--verify",
                               "--hold",
                               "1m",
                               "--quiet"});
  const RunSpec& spec = setup.run.spec;
  CHECK(!setup.seed_drawn);
  CHECK(spec.seed == ~std::uint64_t{0});
  CHECK(setup.run.start_given);
  CHECK(spec.start_ns == 1'767'225'600'000'000'000);
  CHECK(spec.event_types == EventTypes::kExtended);
  CHECK(spec.timestamp_form == TimestampForm::kMicros);
  CHECK(spec.id_prefix == "abc");
  CHECK(spec.shard == 3);
  CHECK(spec.shards == 7);
  REQUIRE(setup.run.to.size() == 2);
  CHECK(setup.run.to[0].kafka.embedded);
  const DestinationOptions& to = setup.run.destinations;
  CHECK(TopicFor(to.topics, "player-events") == "mine");
  CHECK(TopicFor(to.topics, "server-alerts") == "server-alerts");
  REQUIRE(to.create_topics.has_value());
  CHECK(to.create_topics->partitions == 6);
  CHECK(to.create_topics->replication == 2);
  CHECK(to.kafka.Get("linger.ms") == "7");
  CHECK(to.connect_timeout.count() == 3'000);
  CHECK(setup.run.drain_timeout_ns == 4'000'000'000);
  CHECK(to.compression == Compression::kZstd);
  CHECK(setup.run.threads == 5);
  CHECK(setup.run.run_dir == "runs/x");
  CHECK(setup.pipeline);
  CHECK(setup.verify);
  CHECK(setup.hold_ns == 60'000'000'000);
  CHECK(setup.quiet);
}

TEST_CASE("Run's flags: the environment is read, and the line beats it") {
  const std::vector<const char*> environment = {"PLAYLOAD_RATE=5k", "PLAYLOAD_TO=null",
                                                "PLAYLOAD_SEED=8"};
  const RunSetup setup = Good({}, environment);
  CHECK(setup.run.spec.scenario.plan[0].from_milli_rate == 5'000'000);
  CHECK(setup.run.spec.seed == 8);
  CHECK(Good({"--seed", "9"}, environment).run.spec.seed == 9);
  CHECK(Refusal({}, {"PLAYLOAD_TO=null", "PLAYLOAD_RATE=fast"}).starts_with("PLAYLOAD_RATE: "));
  // What is set for all runs may be of no use for this one.
  CHECK(Refusal({}, {"PLAYLOAD_TO=null", "PLAYLOAD_COMPRESS=zstd"}).empty());
}

TEST_CASE("Run's flags: an http:// destination takes those of the server") {
  const RunSetup setup = Good({"--to", "null", "--to", "http://127.0.0.1:8000", "--window", "5",
                               "--hold", "3s", "--drain-timeout", "2s"});
  CHECK(setup.run.destinations.http.window == 5);
  CHECK(setup.run.stay_ns == 3'000'000'000);
  CHECK(Good({"--to", "http://127.0.0.1:8000"}).run.stay_ns == 0);
  // What the environment says of servers is of no use for a run without one.
  CHECK(Good({"--to", "null"}, {"PLAYLOAD_TOKEN_FILE=/nowhere"}).run.to.size() == 1);
}

TEST_CASE("Run's flags: each wrong value is refused by its name") {
  struct Wrong {
    std::vector<std::string> words;
    const char* says;
  };
  const std::vector<Wrong> all = {
      {{}, "--to is missing"},
      {{"--to", "kafkaa://x"}, "--to"},
      {{"--to", "null", "--to", "null"}, "twice"},
      {{"--to", "null", "--rate", "0"}, "--rate"},
      {{"--to", "null", "--rate", "-5"}, "--rate"},
      {{"--to", "null", "--rate", "1e99"}, "--rate"},
      {{"--to", "null", "--rate", "99999999999G"}, "--rate"},
      {{"--to", "null", "--rate", "maxi"}, "or max"},
      {{"--to", "null", "--rate", "max", "--clock", "virtual"}, "exclude each other"},
      {{"--to", "null", "--rate", "max", "--start", "2026-01-01T00:00:00Z"}, "--start"},
      {{"--to", "null", "--duration", "0s"}, "--duration"},
      {{"--to", "null", "--duration", "-1s"}, "--duration"},
      {{"--to", "null", "--duration", "10"}, "--duration"},
      {{"--to", "null", "--duration", "999999999d"}, "--duration"},
      {{"--to", "null", "--events", "0"}, "--events"},
      // One event each 1,000 s: 95 years, and as many as are in 10^18 s.
      {{"--to", "null", "--rate", "0.001", "--events", "3M", "--start", "2199-12-31T00:00:00Z"},
       "beyond 2230-01-01T00:00:00Z"},
      {{"--to", "null", "--rate", "0.001", "--events", "400000000G"}, "beyond 2230"},
      {{"--to", "null", "--events", "-1"}, "--events"},
      {{"--to", "null", "--events", "many"}, "--events"},
      {{"--to", "null", "--seed", "-1"}, "--seed"},
      {{"--to", "null", "--seed", "18446744073709551616"}, "--seed"},
      {{"--to", "null", "--players", "0"}, "--players"},
      {{"--to", "null", "--threads", "0"}, "--threads"},
      {{"--to", "null", "--threads", "1.5"}, "--threads"},
      {{"--to", "null", "--clock", "wall"}, "--clock"},
      {{"--to", "null", "--start", "tomorrow"}, "--start"},
      {{"--to", "null", "--shard", "2/2"}, "--shard"},
      {{"--to", "null", "--shard", "1"}, "--shard"},
      {{"--to", "null", "--shard", "-1/2"}, "--shard"},
      {{"--to", "null", "--shard", "0/0"}, "--shard"},
      {{"--to", "null", "--shard", "0/2/3"}, "--shard"},
      {{"--to", "null", "--event-types", "some"}, "--event-types"},
      {{"--to", "null", "--timestamp-precision", "ns"}, "--timestamp-precision"},
      {{"--to", "null", "--id-prefix", "a_b"}, "--id-prefix"},
      {{"--to", "null", "--topic", "player-events"}, "--topic"},
      {{"--to", "null", "--topic", "player-event=x"}, "'player-events'"},
      {{"--to", "null", "--topic", "player-events=a b"}, "--topic"},
      {{"--to", "null", "--topic", "player-events=server-metrics"}, "two topics"},
      {{"--to", "null", "--topic", "fraud-alerts=a", "--topic", "fraud-alerts=b"}, "twice"},
      {{"--to", "null", "--kafka", "a=b"}, "--kafka"},
      {{"--to", "null", "--create-topics", "partitions=1"}, "--create-topics"},
      {{"--to", "kafka://embedded", "--create-topics", "partitions=0"}, "--create-topics"},
      {{"--to", "kafka://embedded", "--create-topics", "replication=1"}, "partitions=N"},
      {{"--to", "kafka://embedded", "--create-topics", "partition=1"}, "--create-topics"},
      {{"--to", "kafka://embedded", "--connect-timeout", "0s"}, "--connect-timeout"},
      {{"--to", "null", "--drain-timeout", "-3s"}, "--drain-timeout"},
      {{"--to", "null", "--compress", "zstd"}, "--compress"},
      {{"--to", "file:x", "--compress", "rar"}, "--compress"},
      {{"--to", "null", "--type", "player"}, "--type"},
      {{"--to", "stdout", "--type", "players"}, "--type"},
      {{"--to", "null", "--pipeline"}, "--pipeline"},
      {{"--to", "null", "--verify"}, "--verify"},
      {{"--to", "null", "--verify", "kafka://a:1"}, "there is none"},
      {{"--to", "kafka://a:1", "--verify=http://a:1"}, "--verify=kafka://localhost:9092"},
      {{"--to", "kafka://a:1", "--verify=kafka://embedded"}, "--verify alone"},
      {{"--to", "kafka://a:1", "--threshold", "matched>1"}, "add --verify"},
      {{"--to", "kafka://a:1", "--verify", "--threshold", "matchd>1"}, "--threshold"},
      {{"--to", "kafka://localhost:9092", "--hold", "5s"}, "--hold"},
      {{"--to", "null", "--hold", "5s"}, "--hold"},
      {{"--to", "https://127.0.0.1:1"}, "proxy"},
      {{"--to", "http://127.0.0.1:1/stream_events"}, "path"},
      {{"--to", "http://0.0.0.0:1"}, "--allow-anonymous"},
      {{"--to", "null", "--window", "5"}, "http://"},
      {{"--to", "null", "--slow-client", "gap"}, "http://"},
      {{"--to", "null", "--allow-anonymous"}, "http://"},
      {{"--to", "http://127.0.0.1:1", "--at-end", "now"}, "--at-end"},
      {{"--to", "null", "--listen", "127.0.0.1:1"}, "--listen"},
      {{"--player", "player_1", "--to", "null"}, "--player"},
      {{"--player", "player_1", "--rate", "max"}, "--player"},
      {{"--to", "null", "--run-dir", ""}, "--run-dir"},
      {{"--to", "null", "--persona", "/nowhere/x.yaml"}, "/nowhere/x.yaml"},
  };
  for (const Wrong& wrong : all) {
    std::string line;
    for (const std::string& word : wrong.words) line += " " + word;
    CAPTURE(line);
    const std::string refusal = Refusal(wrong.words);
    CHECK_MESSAGE(refusal.find(wrong.says) != std::string::npos, refusal);
    CHECK(refusal.find('\n') == std::string::npos);
  }
}

}  // namespace playload
