#include "generator/judge/output_matcher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "tests/judge/pipeline_world.h"

namespace playload {
namespace {

using testing::Add;
using testing::Counts;
using testing::kAllOutputs;
using testing::Produced;
using testing::World;

using enum OutputKind;

// The judgement of one output, both sides told expected first, produced first, and in turns; the
// three must agree.
std::string Judged(World world, const std::vector<Produced>& produced, OutputKind output,
                   OutputMatcher::Options options = {}) {
  std::vector<Comparison> results;
  for (const int order : {0, 1, 2}) {
    OutputMatcher matcher(options);
    world.expectation = LineTeller(options.id_prefix);
    if (order == 0) {
      world.Expect(&matcher);
      Add(produced, &matcher);
    } else if (order == 1) {
      Add(produced, &matcher);
      world.Expect(&matcher);
    } else {
      const std::size_t most = std::max(world.events.size(), produced.size());
      for (std::size_t i = 0; i < most; i += 3) {
        Add(produced, &matcher, i, i + 3);
        world.Expect(&matcher, i, i + 3);
      }
    }
    results.push_back(matcher.Judge(output));
    const std::uint64_t missing = results.back().flaw(Flaw::kMissing);
    CHECK((matcher.Outstanding(output) == 0) == (missing == 0));
    for (unsigned f = 0; f < kFlaws; ++f) {
      CHECK(results.back().examples[f].size() <= kExamples);
      CHECK(results.back().examples[f].empty() == (results.back().flaws[f] == 0));
    }
    CHECK(results.back().expected ==
          results.back().matched + missing + results.back().flaw(Flaw::kWrong));
  }
  CHECK(Counts(results[0]) == Counts(results[1]));
  CHECK(Counts(results[0]) == Counts(results[2]));
  return Counts(results[0]);
}

Comparison JudgedOnce(World world, const std::vector<Produced>& produced, OutputKind output) {
  OutputMatcher matcher({});
  world.Expect(&matcher);
  Add(produced, &matcher);
  return matcher.Judge(output);
}

World Purchases(std::uint64_t user, const std::vector<std::string>& currencies) {
  World world;
  for (const std::string& currency : currencies) world.Purchase(user, currency);
  return world;
}

Produced Fraud(const std::string& user, const std::string& reason) {
  return {kFraudAlerts, user, R"({"user_id":")" + user + R"(","reason":")" + reason + "\"}"};
}

TEST_CASE("OutputMatcher: a right pipeline passes, in any interleaving of the two sides") {
  for (const unsigned seed : {1u, 2u, 3u}) {
    const World world = World::Random(seed, 6'000, 300);
    const std::vector<Produced> produced = world.Run();
    for (const OutputKind output : kAllOutputs) {
      const auto count = std::count_if(produced.begin(), produced.end(),
                                       [&](const Produced& p) { return p.output == output; });
      CAPTURE(kOutputNames[static_cast<unsigned>(output)]);
      CHECK(count > 300);
      const std::string n = std::to_string(count);
      CHECK(Judged(world, produced, output) == n + "/" + n + " 0 0 0 0");
    }
  }
}

TEST_CASE("OutputMatcher: nothing expected and nothing produced is right") {
  for (const OutputKind output : kAllOutputs) CHECK(Judged({}, {}, output) == "0/0 0 0 0 0");
}

// Whatever is done to random outputs, the equations of verdict.h hold; Judged() checks the first.
TEST_CASE("OutputMatcher: dropping, repeating and moving outputs of random runs") {
  std::mt19937 random(99);
  for (int round = 0; round < 60; ++round) {
    const World world = World::Random(static_cast<unsigned>(round), 400, 1 + random() % 40);
    const std::vector<Produced> right = world.Run();
    std::vector<Produced> produced;
    for (const Produced& p : right) {
      const auto dice = random() % 20;
      if (dice != 0) produced.push_back(p);
      if (dice == 1) produced.push_back(right[random() % right.size()]);
      if (dice == 2) produced.push_back(p);
    }
    for (const OutputKind output : kAllOutputs) {
      Judged(world, produced, output);
      const Comparison c = JudgedOnce(world, produced, output);
      const auto read = std::count_if(produced.begin(), produced.end(),
                                      [&](const Produced& p) { return p.output == output; });
      CHECK(static_cast<std::uint64_t>(read) == c.matched + c.flaw(Flaw::kWrong) +
                                                    c.flaw(Flaw::kUnexpected) +
                                                    c.flaw(Flaw::kDuplicate));
    }
  }
}

TEST_CASE("OutputMatcher: spaces, the order of fields and the form of numbers do not matter") {
  World world = Purchases(7, {"USD", "EUR"});
  world.Player(7);
  world.Server(1, 90, 10);
  const std::vector<Produced> produced = {
      {kSummaries, "player_7", "{ \"event_count\" : 1.0, \"player_id\":\"player_7\" }"},
      {kAggregates, "player_7", R"({"transaction_count":1.0,"total_amount":499e-2})"},
      {kAggregates, "player_7", R"({"transaction_count":2,"total_amount":9.980})"},
      {kServerAlerts, "server_1",
       R"({"server_data":{"server_type":"dedicated","region":"us-west"},"event_name":"server_metric",
           "event_timestamp":"2026-01-01T00:00:00Z",
           "parameters":{"latency":57,"cpu_load":9e1,"memory_usage":10.0,"server_id":"server_1"}})"},
      {kFraudAlerts, "player_7",
       R"({"reason":"Multiple currency transactions" ,"user_id":"player_7"})"}};
  for (const OutputKind output : kAllOutputs) {
    const std::string n = output == kAggregates ? "2" : "1";
    CHECK(Judged(world, produced, output) == n + "/" + n + " 0 0 0 0");
  }
}

TEST_CASE("OutputMatcher: summaries") {
  World world;
  for (int i = 0; i < 3; ++i) world.Player(7);
  world.Player(8);
  const std::vector<Produced> right = world.Run();
  const auto with = [&](std::vector<Produced> more) {
    more.insert(more.begin(), right.begin(), right.end());
    return more;
  };
  CHECK(Judged(world, {right.begin() + 1, right.end()}, kSummaries) == "4/3 1 0 0 0");
  CHECK(Judged(world, with({right[0]}), kSummaries) == "4/4 0 0 1 0");
  CHECK(Judged(world,
               with({{kSummaries, "player_9", R"({"player_id":"player_9","event_count":1})"}}),
               kSummaries) == "4/4 0 1 0 0");
  // Another count stands for the record that is not there; beside the right ones it is unexpected.
  for (const char* const value :
       {R"({"player_id":"player_7","event_count":1,"event_count":1})",
        R"({"player_id":"player_7","event_count":1,"extra":null})", R"({"player_id":"player_7"})",
        R"({"event_count":1})", R"({"player_id":7,"event_count":1})",
        R"({"player_id":"player_7","event_count":"1"})"}) {
    CAPTURE(value);
    CHECK(Judged(world, {right[0], right[1], right[3], {kSummaries, "player_7", value}},
                 kSummaries) == "4/3 0 0 0 1");
  }
  const Produced two{kSummaries, "player_7", R"({"player_id":"player_7","event_count":2})"};
  CHECK(Judged(world, {two, right[0], right[1], right[3]}, kSummaries) == "4/3 0 0 0 1");
  CHECK(Judged(world, with({two}), kSummaries) == "4/4 0 1 0 0");
  CHECK(Judged(world, {}, kSummaries) == "4/0 4 0 0 0");
}

TEST_CASE("OutputMatcher: aggregates") {
  World world = Purchases(7, {"USD", "USD", "EUR", "USD"});
  world.Purchase(8, "USD");
  const std::vector<Produced> all = world.Run();
  std::vector<Produced> right;
  std::copy_if(all.begin(), all.end(), std::back_inserter(right),
               [](const Produced& p) { return p.output == kAggregates; });
  REQUIRE(right.size() == 5);
  const auto with = [&](std::vector<Produced> more) {
    more.insert(more.begin(), right.begin(), right.end());
    return more;
  };
  const auto aggregate = [](const std::string& total, const std::string& count) {
    return Produced{kAggregates, "player_7",
                    R"({"total_amount":)" + total + R"(,"transaction_count":)" + count + "}"};
  };
  CHECK(Judged(world, {right[0], right[1], right[3], right[4]}, kAggregates) == "5/4 1 0 0 0");
  CHECK(Judged(world, with({right[1]}), kAggregates) == "5/5 0 0 1 0");
  CHECK(Judged(world, with({right[1], right[1]}), kAggregates) == "5/5 0 0 2 0");
  // Beyond the last count, and beside a right one.
  CHECK(Judged(world, with({aggregate("24.95", "5")}), kAggregates) == "5/5 0 1 0 0");
  CHECK(Judged(world, with({aggregate("24.95", "5"), aggregate("24.95", "5")}), kAggregates) ==
        "5/5 0 1 1 0");
  CHECK(Judged(world, with({aggregate("1", "2")}), kAggregates) == "5/5 0 1 0 0");
  // Another total for a count: wrong, once; by one bit as well.
  CHECK(Judged(world, {right[0], aggregate("9.9", "2"), right[2], right[3], right[4]},
               kAggregates) == "5/4 0 0 0 1");
  CHECK(Judged(world, {right[0], aggregate("9.980000000000002", "2"), right[2], right[3], right[4]},
               kAggregates) == "5/4 0 0 0 1");
  CHECK(
      Judged(world,
             {right[0], aggregate("9.9", "2"), aggregate("9.9", "2"), right[2], right[3], right[4]},
             kAggregates) == "5/4 0 0 1 1");
  CHECK(
      Judged(world,
             {right[0], aggregate("9.9", "2"), aggregate("9.8", "2"), right[2], right[3], right[4]},
             kAggregates) == "5/4 0 1 0 1");
  // Counts decide, not the order of arrival.
  CHECK(Judged(world, {right[3], right[0], right[4], right[2], right[1]}, kAggregates) ==
        "5/5 0 0 0 0");
  // An event that the pipeline lost: all later totals are other ones, the last count never comes.
  CHECK(Judged(world, {right[0], aggregate("5.5", "2"), aggregate("6.5", "3"), right[4]},
               kAggregates) == "5/2 1 0 0 2");
  // Records that are not as documented stand for one that is not there.
  CHECK(Judged(world, {right[0], right[1], right[2], right[4], aggregate("\"19.96\"", "4")},
               kAggregates) == "5/4 0 0 0 1");
  CHECK(Judged(world, {right[0], right[1], right[2], right[4], aggregate("19.96", "4.5")},
               kAggregates) == "5/4 0 0 0 1");
  CHECK(Judged(world, with({aggregate("19.96", "4.5")}), kAggregates) ==
        "5/5 0 0 0 0 unreadable 1");
  CHECK(Judged(world,
               with({{kAggregates, "player_99", R"({"total_amount":1,"transaction_count":1})"}}),
               kAggregates) == "5/5 0 1 0 0");
}

TEST_CASE("OutputMatcher: server alerts") {
  World world;
  world.Server(1, 90, 10, 57, "2026-01-01T00:00:01Z");
  world.Server(1, 80, 80, 58, "2026-01-01T00:00:02Z");
  world.Server(1, 91, 10, 59, "2026-01-01T00:00:03Z");
  world.Server(2, 10, 99, 60, "2026-01-01T00:00:03Z");
  world.Server(2, 10, 99, 60, "2026-01-01T00:00:03Z");  // equal byte for byte
  const std::vector<Produced> right = world.Run();
  REQUIRE(right.size() == 4);
  const auto with = [&](std::vector<Produced> more) {
    more.insert(more.begin(), right.begin(), right.end());
    return more;
  };
  const auto alert = [](int cpu, int latency, const std::string& time) {
    return Produced{
        kServerAlerts, "server_1",
        testing::ServerLine("server_1", std::to_string(cpu), "10", std::to_string(latency), time)};
  };
  CHECK(Judged(world, right, kServerAlerts) == "4/4 0 0 0 0");
  CHECK(Judged(world, {right[0], right[2], right[3]}, kServerAlerts) == "4/3 1 0 0 0");
  CHECK(Judged(world, {right[0], right[1], right[3]}, kServerAlerts) == "4/3 1 0 0 0");
  CHECK(Judged(world, with({right[0]}), kServerAlerts) == "4/4 0 0 1 0");
  CHECK(Judged(world, with({right[3]}), kServerAlerts) == "4/4 0 0 1 0");
  CHECK(Judged(world, with({alert(80, 58, "2026-01-01T00:00:02Z")}), kServerAlerts) ==
        "4/4 0 1 0 0");
  // Order does not matter: content does.
  CHECK(Judged(world, {right[3], right[1], right[0], right[2]}, kServerAlerts) == "4/4 0 0 0 0");
  // Instead of an expected one: another value at the same instant, another instant with the same
  // values, a field too many, a field of another type.
  const std::string first = "2026-01-01T00:00:01Z";
  for (const Produced& other :
       {alert(90, 99, first), alert(90, 57, "2026-01-01T00:00:09Z"),
        Produced{kServerAlerts, "server_1",
                 R"({"extra":1,)" + alert(90, 57, first).value.substr(1)},
        Produced{kServerAlerts, "server_1",
                 testing::ServerLine("server_1", "90", "10", "57.5", first)},
        Produced{kServerAlerts, "server_9", alert(90, 57, first).value}}) {
    CAPTURE(other.value);
    CHECK(Judged(world, {other, right[1], right[2], right[3]}, kServerAlerts) == "4/3 0 0 0 1");
    const bool readable = other.value.find("57.5") == std::string::npos;
    CHECK(Judged(world, with({other}), kServerAlerts) ==
          (readable ? "4/4 0 1 0 0" : "4/4 0 0 0 0 unreadable 1"));
  }
  CHECK(Judged(world, {alert(50, 50, "2026-01-01T00:00:08Z"), right[1], right[2], right[3]},
               kServerAlerts) == "4/3 1 1 0 0");
}

TEST_CASE("OutputMatcher: fraud alerts of one user") {
  const World world = Purchases(7, {"USD", "USD", "EUR", "USD", "USD", "USD", "USD"});
  const Produced m = Fraud("player_7", kReasonMulti);
  const Produced f = Fraud("player_7", kReasonFrequent);
  CHECK(Judged(world, {m, m, m, f, f}, kFraudAlerts) == "5/5 0 0 0 0");
  CHECK(Judged(world, {m, m, f, f}, kFraudAlerts) == "5/4 1 0 0 0");
  CHECK(Judged(world, {m, m, m, f}, kFraudAlerts) == "5/4 1 0 0 0");
  CHECK(Judged(world, {}, kFraudAlerts) == "5/0 5 0 0 0");
  // Another reason for one of them, and one that nobody knows.
  CHECK(Judged(world, {m, m, m, m, f}, kFraudAlerts) == "5/4 0 0 0 1");
  CHECK(Judged(world, {m, m, f, f, f}, kFraudAlerts) == "5/4 0 0 0 1");
  CHECK(Judged(world, {m, m, m, f, Fraud("player_7", "Bad luck")}, kFraudAlerts) == "5/4 0 0 0 1");
  // Too many of a reason that the user has: again.
  CHECK(Judged(world, {m, m, m, f, f, f}, kFraudAlerts) == "5/5 0 0 1 0");
  CHECK(Judged(world, {m, m, m, m, f, f}, kFraudAlerts) == "5/5 0 0 1 0");
  CHECK(Judged(world, {m, m, m, f, f, m, m, m, f, f}, kFraudAlerts) == "5/5 0 0 5 0");
  CHECK(Judged(world, {m, m, m, f, f, Fraud("player_7", "Bad luck")}, kFraudAlerts) ==
        "5/5 0 1 0 0");
  CHECK(Judged(world, {m, m, m, m, m, f, m, f}, kFraudAlerts) == "5/5 0 0 3 0");
  // In another order than their causes.
  CHECK(Judged(world, {m, m, f, m, f}, kFraudAlerts) == "5/4 0 0 0 1");
  CHECK(Judged(world, {f, f, m, m, m}, kFraudAlerts) == "5/2 0 0 0 3");
}

TEST_CASE("OutputMatcher: alerts from several partitions have no order") {
  World world = Purchases(7, {"USD", "EUR", "USD", "USD", "USD", "USD"});
  OutputMatcher matcher({});
  world.Expect(&matcher);
  matcher.AddProduced(kFraudAlerts, 3, "player_7",
                      Fraud("", kReasonFrequent).value.replace(12, 0, "player_7"));
  for (int i = 0; i < 4; ++i) {
    matcher.AddProduced(kFraudAlerts, 2, std::nullopt, Fraud("player_7", kReasonMulti).value);
  }
  CHECK(Counts(matcher.Judge(kFraudAlerts)) == "5/5 0 0 0 0");
}

TEST_CASE("OutputMatcher: an alert for a user without one is unexpected") {
  World world = Purchases(7, {"USD", "USD", "USD", "USD", "USD"});
  world.Purchase(8, "EUR");
  CHECK(Judged(world, {Fraud("player_7", kReasonFrequent)}, kFraudAlerts) == "0/0 0 1 0 0");
  CHECK(Judged(world, {Fraud("player_8", kReasonMulti)}, kFraudAlerts) == "0/0 0 1 0 0");
  CHECK(Judged(world, {Fraud("player_9", kReasonMulti)}, kFraudAlerts) == "0/0 0 1 0 0");
}

// Of a user with alerts one more may be a repeat or one too early; users with exactly five
// purchases tell.
TEST_CASE("OutputMatcher: surplus alerts are repeats unless clean users have them too") {
  World world;
  std::vector<Produced> right;
  for (std::uint64_t user = 1; user <= 20; ++user) {
    const int n = user <= 10 ? 5 : 7;
    for (int i = 0; i < n; ++i) world.Purchase(user, "USD");
    for (int i = 5; i < n; ++i) {
      right.push_back(Fraud("player_" + std::to_string(user), kReasonFrequent));
    }
  }
  CHECK(Judged(world, right, kFraudAlerts) == "20/20 0 0 0 0");
  std::vector<Produced> twice = right;
  twice.insert(twice.end(), right.begin(), right.end());
  CHECK(Judged(world, twice, kFraudAlerts) == "20/20 0 0 20 0");
  std::vector<Produced> early = right;
  for (int user = 1; user <= 20; ++user) {
    early.push_back(Fraud("player_" + std::to_string(user), kReasonFrequent));
  }
  CHECK(Judged(world, early, kFraudAlerts) == "20/20 0 20 0 0");
  // One stray alert among the clean users does not make repeats early ones.
  std::vector<Produced> stray = twice;
  stray.push_back(Fraud("player_1", kReasonFrequent));
  CHECK(Judged(world, stray, kFraudAlerts) == "20/20 0 1 20 0");
}

TEST_CASE(
    "OutputMatcher: alerts about currencies for users of one currency are unexpected for all") {
  World world;
  std::vector<Produced> right;
  for (std::uint64_t user = 1; user <= 20; ++user) {
    world.Purchase(user, "USD");
    world.Purchase(user, user <= 5 ? "EUR" : "USD");
    if (user <= 5) right.push_back(Fraud("player_" + std::to_string(user), kReasonMulti));
  }
  std::vector<Produced> twice = right;
  twice.insert(twice.end(), right.begin(), right.end());
  CHECK(Judged(world, twice, kFraudAlerts) == "5/5 0 0 5 0");
  for (int user = 6; user <= 20; ++user) {
    twice.push_back(Fraud("player_" + std::to_string(user), kReasonMulti));
  }
  CHECK(Judged(world, twice, kFraudAlerts) == "5/5 0 20 0 0");
}

TEST_CASE("OutputMatcher: players and servers of other shards are foreign") {
  World world;
  world.Player(2);
  world.Server(4, 90, 10);
  OutputMatcher::Options options;
  options.own = [](bool server, std::uint64_t number) { return number % (server ? 4 : 2) == 0; };
  std::vector<Produced> produced = world.Run();
  World others;
  others.Player(3);
  others.Server(2, 90, 10);
  for (const Produced& p : others.Run()) produced.push_back(p);
  CHECK(Judged(world, produced, kSummaries, options) == "1/1 0 0 0 0 foreign 1");
  CHECK(Judged(world, produced, kServerAlerts, options) == "1/1 0 0 0 0 foreign 1");
}

TEST_CASE("OutputMatcher: records that cannot be read, and ids of nobody and of other runs") {
  World world;
  world.Player(7);
  world.Purchase(7, "USD");
  const std::vector<Produced> right = world.Run();
  const auto with = [&](OutputKind output, const std::string& key, const std::string& value) {
    std::vector<Produced> produced = right;
    produced.push_back({output, key, value});
    return Judged(world, produced, output);
  };
  for (const char* const value : {"", "x", "[]", "7", "{\"player_id\":", "null"}) {
    CAPTURE(value);
    CHECK(with(kSummaries, "player_7", value) == "1/1 0 0 0 0 unreadable 1");
    CHECK(with(kAggregates, "player_7", value) == "1/1 0 0 0 0 unreadable 1");
    CHECK(with(kServerAlerts, "server_7", value) == "0/0 0 0 0 0 unreadable 1");
    CHECK(with(kFraudAlerts, "player_7", value) == "0/0 0 0 0 0 unreadable 1");
  }
  // Objects without a field or with one of another type, whoever they are about.
  for (const char* const id : {"player_7", "player_9", "nobody"}) {
    CAPTURE(id);
    CHECK(with(kSummaries, id, "{}") == "1/1 0 0 0 0 unreadable 1");
    CHECK(with(kSummaries, id, R"({"player_id":7,"event_count":1})") == "1/1 0 0 0 0 unreadable 1");
    CHECK(with(kAggregates, id, R"({"total_amount":"4.99","transaction_count":1})") ==
          "1/1 0 0 0 0 unreadable 1");
    CHECK(with(kAggregates, id, R"({"total_amount":4.99,"transaction_count":1.5})") ==
          "1/1 0 0 0 0 unreadable 1");
    CHECK(with(kFraudAlerts, id, R"({"user_id":")" + std::string(id) + R"("})") ==
          "0/0 0 0 0 0 unreadable 1");
    CHECK(with(kServerAlerts, "server_7", R"({"event_name":"server_metric"})") ==
          "0/0 0 0 0 0 unreadable 1");
    // And these can be read.
    const std::string who = R"(_id":")" + std::string(id) + "\"";
    CHECK(with(kSummaries, id, "{\"player" + who + R"(,"event_count":2})") == "1/1 0 1 0 0");
    CHECK(with(kSummaries, id, "{\"player" + who + R"(,"event_count":1,"more":2})") ==
          "1/1 0 1 0 0");
    CHECK(with(kFraudAlerts, id, "{\"user" + who + R"(,"reason":"another"})") == "0/0 0 1 0 0");
  }
  // Nobody's.
  CHECK(with(kAggregates, "", R"({"total_amount":4.99,"transaction_count":1})") == "1/1 0 1 0 0");
  for (const char* const id : {"player_07", "player_", "player7", "Player_7", "player_-7", "7",
                               "player_7 ", "player__7", "player_18446744073709551617"}) {
    CAPTURE(id);
    const std::string value = R"({"player_id":")" + std::string(id) + R"(","event_count":1})";
    CHECK(with(kSummaries, id, value) == "1/1 0 1 0 0");
  }
  CHECK(with(kSummaries, "player_abc_7", R"({"player_id":"player_abc_7","event_count":1})") ==
        "1/1 0 0 0 0 foreign 1");
  // A key that is not the value's.
  CHECK(with(kSummaries, "player_8", R"({"player_id":"player_7","event_count":1})") ==
        "1/1 0 1 0 0");
}

TEST_CASE(
    "OutputMatcher: what cannot be read stands for what is missing where nothing better does") {
  World world = Purchases(7, std::vector<std::string>(6, "USD"));
  world.Player(7);
  world.Server(1, 90, 10);
  const std::vector<Produced> right = world.Run();
  for (const OutputKind output : {kSummaries, kServerAlerts, kFraudAlerts}) {
    const std::string key = output == kServerAlerts ? "server_1" : "player_7";
    const Produced garbled{output, key, "{}"};
    Produced other{output, key, R"({"player_id":"player_7","event_count":2})"};
    if (output == kFraudAlerts) other = Fraud("player_7", "another");
    CAPTURE(kOutputNames[static_cast<unsigned>(output)]);
    CHECK(Judged(world, {garbled}, output) == "1/0 0 0 0 1");
    CHECK(Judged(world, {garbled, garbled}, output) == "1/0 0 0 0 1 unreadable 1");
    if (output != kServerAlerts) {
      CHECK(Judged(world, {garbled, other}, output) == "1/0 0 0 0 1 unreadable 1");
      CHECK(Judged(world, {other, garbled, other}, output) == "1/0 0 1 0 1 unreadable 1");
    }
    std::vector<Produced> more = right;
    more.insert(more.end(), {garbled, garbled});
    CHECK(Judged(world, more, output) == "1/1 0 0 0 0 unreadable 2");
  }
  CHECK(Judged(world, {{kAggregates, "player_7", "{}"}}, kAggregates) == "6/0 5 0 0 1");
}

TEST_CASE("OutputMatcher: an example shows little of a record, however long its parts are") {
  const std::string endless(1'000'000, 'x');
  const std::vector<Produced> produced = {
      {kFraudAlerts, "player_1", "{\"user_id\":\"player_1\",\"" + endless + "\":1}"},
      {kFraudAlerts, endless, "{}"},
      {kServerAlerts, "server_1",
       "{\"event_name\":\"server_metrics\",\"parameters\":{\"server_id\":\"server_1\","
       "\"cpu_load\":90,\"memory_usage\":90,\"latency\":1},\"event_timestamp\":\"\","
       "\"server_data\":{\"region\":\"" +
           endless + "\",\"server_type\":\"" + endless + "\"}}"}};
  for (const OutputKind output : {kFraudAlerts, kServerAlerts}) {
    const Comparison c = JudgedOnce({}, produced, output);
    std::size_t shown = 0;
    for (const std::vector<FlawExample>& examples : c.examples) {
      shown += examples.size();
      for (const FlawExample& example : examples) {
        CHECK(example.key.size() < 1'000);
        CHECK(example.got.size() < 1'000);
      }
    }
    CHECK(shown == (output == kFraudAlerts ? 2 : 1));
  }
}

TEST_CASE("OutputMatcher: ids with the run's prefix are its own, others are foreign") {
  World world;
  world.events.push_back({Kind::kPlayer, "player_ab_7", testing::PlayerLine("player_ab_7")});
  OutputMatcher::Options options;
  options.id_prefix = "ab";
  std::vector<Produced> produced = world.Run();
  CHECK(Judged(world, produced, kSummaries, options) == "1/1 0 0 0 0");
  for (const char* const id : {"player_7", "player_abc_7", "player_b_7"}) {
    produced.push_back(
        {kSummaries, id, R"({"player_id":")" + std::string(id) + R"(","event_count":1})"});
  }
  CHECK(Judged(world, produced, kSummaries, options) == "1/1 0 0 0 0 foreign 3");
}

TEST_CASE("OutputMatcher: records without a key are known by their value") {
  World world = Purchases(7, {"USD", "EUR"});
  world.Player(7);
  world.Server(1, 90, 10);
  OutputMatcher matcher({});
  world.Expect(&matcher);
  for (Produced p : world.Run()) {
    if (p.output == kAggregates) p.value.insert(1, R"("user_id":"player_7",)");
    matcher.AddProduced(p.output, 0, std::nullopt, p.value);
  }
  for (const OutputKind output : kAllOutputs) CHECK(matcher.Judge(output).passed());
  // An aggregate does not say whose it is.
  matcher.AddProduced(kAggregates, 0, std::nullopt, R"({"total_amount":1,"transaction_count":3})");
  CHECK(Counts(matcher.Judge(kAggregates)) == "2/2 0 0 0 0 unreadable 1");
}

TEST_CASE("OutputMatcher: events that did not arrive cause nothing") {
  World world = World::Random(5, 3'000, 100);
  for (std::size_t i = 0; i < world.events.size(); i += 7) {
    world.events[i].arrival = Arrival::kNever;
  }
  const std::vector<Produced> produced = world.Run();
  for (const OutputKind output : kAllOutputs) {
    OutputMatcher matcher({});
    world.expectation = LineTeller("");
    world.Expect(&matcher);
    Add(produced, &matcher);
    CHECK(matcher.Judge(output).passed());
  }
}

TEST_CASE("OutputMatcher: what unknown events cause may come or not") {
  World world;
  world.Player(1);
  world.Player(1);
  world.Server(1, 90, 10, 57);
  world.Server(1, 90, 10, 58);
  world.Server(1, 90, 10, 57);
  for (int i = 0; i < 7; ++i) world.Purchase(1, "USD");
  for (int i = 0; i < 6; ++i) world.Purchase(2, "USD");
  for (const std::size_t unknown : {1, 3, 4, 11}) {
    world.events[unknown].arrival = Arrival::kUnknown;
  }
  const std::vector<Produced> all = world.Run();
  CHECK(Judged(world, all, kSummaries) == "1/1 0 0 0 0 may 1");
  CHECK(Judged(world, all, kServerAlerts) == "1/1 0 0 0 0 may 2");
  CHECK(Judged(world, all, kAggregates) == "6/6 0 0 0 0 may 7");
  CHECK(Judged(world, all, kFraudAlerts) == "1/1 0 0 0 0 may 2");

  World lost = world;
  for (const std::size_t unknown : {1, 3, 4, 11}) lost.events[unknown].arrival = Arrival::kNever;
  const std::vector<Produced> few = lost.Run();
  CHECK(Judged(world, few, kSummaries) == "1/1 0 0 0 0");
  CHECK(Judged(world, few, kServerAlerts) == "1/1 0 0 0 0");
  CHECK(Judged(world, few, kAggregates) == "6/6 0 0 0 0 may 6");
  CHECK(Judged(world, few, kFraudAlerts) == "1/1 0 0 0 0 may 1");
  // A user that is not judged owes nothing.
  std::vector<Produced> others;
  std::copy_if(all.begin(), all.end(), std::back_inserter(others),
               [](const Produced& p) { return p.key == "player_2"; });
  CHECK(Judged(world, others, kAggregates) == "6/6 0 0 0 0");
  CHECK(Judged(world, others, kFraudAlerts) == "1/1 0 0 0 0");
  // Beyond what may come, it is a flaw again.
  std::vector<Produced> more = all;
  more.push_back(all[0]);
  more.push_back(all[2]);
  CHECK(Judged(world, more, kSummaries) == "1/1 0 0 1 0 may 1");
  CHECK(Judged(world, more, kServerAlerts) == "1/1 0 0 1 0 may 2");
}

// Without an order of a user's purchases: what holds in every order, and nothing more.
TEST_CASE("OutputMatcher: purchases in another order than planned") {
  OutputMatcher::Options options;
  options.user_order = false;
  std::mt19937 random(11);
  for (int round = 0; round < 30; ++round) {
    World world;
    for (int i = 0; i < 300; ++i) {
      world.Purchase(1 + random() % 60, random() % 3 == 0 ? "EUR" : "USD",
                     std::to_string(random() % 1'000) + ".25");
    }
    World shuffled = world;
    std::shuffle(shuffled.events.begin(), shuffled.events.end(), random);
    const std::vector<Produced> produced = shuffled.Run();
    for (const OutputKind output : {kAggregates, kFraudAlerts}) {
      OutputMatcher matcher(options);
      world.expectation = LineTeller("");
      world.Expect(&matcher);
      Add(produced, &matcher);
      const Comparison c = matcher.Judge(output);
      CAPTURE(Counts(c));
      CHECK(c.passed());
      CHECK(c.matched + c.may == static_cast<std::uint64_t>(std::count_if(
                                     produced.begin(), produced.end(),
                                     [&](const Produced& p) { return p.output == output; })));
    }
  }
  const World three = Purchases(7, {"USD", "EUR", "USD"});
  const Produced m = Fraud("player_7", kReasonMulti);
  CHECK(Judged(three, {}, kFraudAlerts, options) == "1/0 1 0 0 0");
  CHECK(Judged(three, {m}, kFraudAlerts, options) == "1/1 0 0 0 0");
  CHECK(Judged(three, {m, m}, kFraudAlerts, options) == "1/1 0 0 0 0 may 1");
  CHECK(Judged(three, {m, m, m}, kFraudAlerts, options) == "1/1 0 0 1 0 may 1");
  const World one = Purchases(7, {"USD", "USD"});
  CHECK(Judged(one, {m}, kFraudAlerts, options) == "0/0 0 1 0 0");
  const auto aggregate = [](const std::string& total, const std::string& count) {
    return Produced{kAggregates, "player_7",
                    R"({"total_amount":)" + total + R"(,"transaction_count":)" + count + "}"};
  };
  CHECK(Judged(one, {aggregate("1", "1"), aggregate("9.98", "2")}, kAggregates, options) ==
        "2/2 0 0 0 0");
  CHECK(Judged(one, {aggregate("1", "1"), aggregate("9.97", "2")}, kAggregates, options) ==
        "2/1 0 0 0 1");
  CHECK(Judged(one, {aggregate("1", "1")}, kAggregates, options) == "2/1 1 0 0 0");
}

OutputMatcher::Options AtLeastOnce() {
  OutputMatcher::Options options;
  options.delivery = Delivery::kAtLeastOnce;
  return options;
}

// Whatever is repeated of random outputs may be; whatever else is done to them fails as ever.
TEST_CASE("OutputMatcher: at-least-once allows repeats of all outputs, and nothing else") {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    const World world = World::Random(static_cast<unsigned>(round), 600, 1 + random() % 40);
    const std::vector<Produced> right = world.Run();
    // As after restarts: each goes back to an earlier place and on from there.
    std::vector<Produced> replayed;
    std::array<std::uint64_t, kOutputKinds> repeats{};
    for (std::size_t at = 0; at < right.size(); ++at) {
      replayed.push_back(right[at]);
      if (random() % 100 != 0) continue;
      const std::size_t back = std::min<std::size_t>(at + 1, random() % 50);
      for (std::size_t i = at + 1 - back; i <= at; ++i) {
        replayed.push_back(right[i]);
        ++repeats[static_cast<unsigned>(right[i].output)];
      }
    }
    for (const OutputKind output : kAllOutputs) {
      CAPTURE(kOutputNames[static_cast<unsigned>(output)]);
      const std::string n = std::to_string(std::count_if(
          right.begin(), right.end(), [&](const Produced& p) { return p.output == output; }));
      const std::uint64_t again = repeats[static_cast<unsigned>(output)];
      const std::string may = again == 0 ? "" : " may " + std::to_string(again);
      CHECK(Judged(world, right, output, AtLeastOnce()) == n + "/" + n + " 0 0 0 0");
      CHECK(Judged(world, replayed, output, AtLeastOnce()) == n + "/" + n + " 0 0 0 0" + may);
      OutputMatcher matcher(AtLeastOnce());
      Add(replayed, &matcher);
      World again_world = world;
      again_world.Expect(&matcher);
      CHECK(matcher.Judge(output).repeats == again);
    }
  }
}

TEST_CASE("OutputMatcher: at-least-once, summaries") {
  World world;
  for (int i = 0; i < 2; ++i) world.Player(7);
  const std::vector<Produced> right = world.Run();
  const auto summary = [](const std::string& player, const std::string& count) {
    return Produced{kSummaries, player,
                    R"({"player_id":")" + player + R"(","event_count":)" + count + "}"};
  };
  CHECK(Judged(world, {right[0], right[1], right[0]}, kSummaries, AtLeastOnce()) ==
        "2/2 0 0 0 0 may 1");
  CHECK(Judged(world, {right[0]}, kSummaries, AtLeastOnce()) == "2/1 1 0 0 0");
  // Of a player without events there is nothing to repeat, and another content repeats nothing.
  CHECK(Judged(world, {right[0], right[1], summary("player_8", "1")}, kSummaries, AtLeastOnce()) ==
        "2/2 0 1 0 0");
  CHECK(Judged(world, {right[0], summary("player_7", "2")}, kSummaries, AtLeastOnce()) ==
        "2/1 0 0 0 1");
  CHECK(Judged(world, {right[0], right[1], summary("player_7", "2")}, kSummaries, AtLeastOnce()) ==
        "2/2 0 1 0 0");
}

TEST_CASE("OutputMatcher: at-least-once, aggregates: repeats are allowed, counting twice is not") {
  const World world = Purchases(7, {"USD", "USD", "EUR", "USD"});  // 4.99 each
  std::vector<Produced> right;
  for (const Produced& p : world.Run()) {
    if (p.output == kAggregates) right.push_back(p);
  }
  REQUIRE(right.size() == 4);
  const auto aggregate = [](const std::string& total, const std::string& count) {
    return Produced{kAggregates, "player_7",
                    R"({"total_amount":)" + total + R"(,"transaction_count":)" + count + "}"};
  };
  const auto judged = [&](std::vector<Produced> produced) {
    return Judged(world, produced, kAggregates, AtLeastOnce());
  };
  // A restart that goes back by two.
  CHECK(judged({right[0], right[1], right[2], right[1], right[2], right[3]}) ==
        "4/4 0 0 0 0 may 2");
  // The same restart with state that was not set back: the third event is counted twice.
  CHECK(judged({right[0], right[1], right[2], right[3], aggregate("24.950000000000003", "5")}) ==
        "4/4 0 1 0 0");
  // The same with other amounts: the total tells.
  CHECK(judged({right[0], right[1], right[2], aggregate("15", "4")}) == "4/3 0 0 0 1");
  CHECK(judged({right[0], right[1], right[2], right[3], aggregate("15", "4")}) == "4/4 0 1 0 0");
  // A wrong one that is repeated is wrong once.
  CHECK(judged({right[0], right[1], right[2], aggregate("15", "4"), aggregate("15", "4")}) ==
        "4/3 0 0 0 1 may 1");
  // Repeats hide nothing that is missing.
  CHECK(judged({right[0], right[1], right[1], right[2], right[2]}) == "4/3 1 0 0 0 may 2");
  CHECK(judged({right[0],
                right[1],
                right[2],
                right[3],
                {kAggregates, "player_8", R"({"total_amount":1,"transaction_count":1})"}}) ==
        "4/4 0 1 0 0");
}

TEST_CASE("OutputMatcher: at-least-once, server alerts") {
  World world;
  world.Server(1, 90, 10, 57, "2026-01-01T00:00:01Z");
  world.Server(1, 80, 80, 58, "2026-01-01T00:00:02Z");
  world.Server(1, 91, 10, 59, "2026-01-01T00:00:03Z");
  const std::vector<Produced> right = world.Run();
  REQUIRE(right.size() == 2);
  const Produced below{kServerAlerts, "server_1",
                       testing::ServerLine("server_1", "80", "80", "58", "2026-01-01T00:00:02Z")};
  const auto judged = [&](const std::vector<Produced>& produced) {
    return Judged(world, produced, kServerAlerts, AtLeastOnce());
  };
  CHECK(judged({right[0], right[1], right[0], right[0]}) == "2/2 0 0 0 0 may 2");
  CHECK(judged({right[0], right[0]}) == "2/1 1 0 0 0 may 1");
  CHECK(judged({right[0], right[1], below}) == "2/2 0 1 0 0");
  CHECK(judged({right[0], right[1], below, below}) == "2/2 0 2 0 0");
}

TEST_CASE("OutputMatcher: at-least-once, fraud alerts of one user") {
  const World world = Purchases(7, {"USD", "USD", "EUR", "USD", "USD", "USD", "USD"});
  const Produced m = Fraud("player_7", kReasonMulti);
  const Produced f = Fraud("player_7", kReasonFrequent);
  const auto judged = [&](const std::vector<Produced>& produced) {
    return Judged(world, produced, kFraudAlerts, AtLeastOnce());
  };
  // Restarts that go back by one, by three, to the beginning, and twice.
  CHECK(judged({m, m, m, f, f, f}) == "5/5 0 0 0 0 may 1");
  CHECK(judged({m, m, m, f, f, m, f, f}) == "5/5 0 0 0 0 may 3");
  CHECK(judged({m, m, m, f, f, m, m, m, f, f}) == "5/5 0 0 0 0 may 5");
  CHECK(judged({m, m, m, m, f, m, f, m, f, f}) == "5/5 0 0 0 0 may 5");
  // No restart explains these: before the first alert about frequency all others have come.
  CHECK(judged({m, m, f, m, f}) == "5/4 0 0 0 1");
  CHECK(judged({f, f, m, m, m}) == "5/2 0 0 0 3");
  // A repeat stands for no other one; what cannot be a repeat still does.
  CHECK(judged({m, m, m, m, f}) == "5/4 1 0 0 0 may 1");
  CHECK(judged({m, m, m, f, Fraud("player_7", "Bad luck")}) == "5/4 0 0 0 1");
  CHECK(judged({m, m, m, f, f, Fraud("player_7", "Bad luck")}) == "5/5 0 1 0 0");
  CHECK(judged({}) == "5/0 5 0 0 0");
}

TEST_CASE("OutputMatcher: at-least-once, alerts for those who must have none stay unexpected") {
  World world = Purchases(7, {"USD", "USD", "USD", "USD", "USD"});
  for (int i = 0; i < 6; ++i) world.Purchase(8, "USD");
  for (const char* const currency : {"USD", "EUR"}) world.Purchase(9, currency);
  const auto with = [&](const Produced& more) {
    return Judged(world,
                  {Fraud("player_8", kReasonFrequent), Fraud("player_9", kReasonMulti), more},
                  kFraudAlerts, AtLeastOnce());
  };
  // Five purchases, one of them counted twice: an alert of a clean user.
  CHECK(with(Fraud("player_7", kReasonFrequent)) == "2/2 0 1 0 0");
  CHECK(with(Fraud("player_7", kReasonMulti)) == "2/2 0 1 0 0");
  CHECK(with(Fraud("player_6", kReasonMulti)) == "2/2 0 1 0 0");
  // Users with alerts for one reason must have none for the other.
  CHECK(with(Fraud("player_8", kReasonMulti)) == "2/2 0 1 0 0");
  CHECK(with(Fraud("player_9", kReasonFrequent)) == "2/2 0 1 0 0");
  // Their own again.
  CHECK(with(Fraud("player_8", kReasonFrequent)) == "2/2 0 0 0 0 may 1");
  CHECK(with(Fraud("player_9", kReasonMulti)) == "2/2 0 0 0 0 may 1");
}

TEST_CASE("OutputMatcher: at-least-once, a low threshold is still told from repeats") {
  World world;
  std::vector<Produced> early;
  for (std::uint64_t user = 1; user <= 20; ++user) {
    const int n = user <= 10 ? 5 : 7;
    for (int i = 0; i < n; ++i) world.Purchase(user, "USD");
    for (int i = 4; i < n; ++i) {
      early.push_back(Fraud("player_" + std::to_string(user), kReasonFrequent));
    }
  }
  early.push_back(early.back());
  CHECK(Judged(world, early, kFraudAlerts, AtLeastOnce()) == "20/20 0 20 0 0 may 1");
}

TEST_CASE("OutputMatcher: at-least-once, purchases in another order than planned") {
  OutputMatcher::Options options = AtLeastOnce();
  options.user_order = false;
  const World two = Purchases(7, {"USD", "EUR"});
  const World three = Purchases(7, {"USD", "EUR", "USD"});
  const World four = Purchases(7, {"USD", "USD", "USD", "EUR"});
  const Produced m = Fraud("player_7", kReasonMulti);
  // One alert for certain and one that depends on the order; again any number of times.
  CHECK(Judged(three, {m, m, m}, kFraudAlerts, options) == "1/1 0 0 0 0 may 2");
  CHECK(Judged(two, {m, m}, kFraudAlerts, options) == "1/1 0 0 0 0 may 1");
  CHECK(Judged(four, {m, m, m, m, m}, kFraudAlerts, options) == "1/1 0 0 0 0 may 4");
  CHECK(Judged(Purchases(7, {"USD", "USD"}), {m}, kFraudAlerts, options) == "0/0 0 1 0 0");
  // The last total is judged beside repeats, too.
  const auto aggregate = [](const std::string& total, const std::string& count) {
    return Produced{kAggregates, "player_7",
                    R"({"total_amount":)" + total + R"(,"transaction_count":)" + count + "}"};
  };
  CHECK(Judged(two, {aggregate("1", "1"), aggregate("9.98", "2"), aggregate("9.98", "2")},
               kAggregates, options) == "2/2 0 0 0 0 may 1");
  CHECK(Judged(two, {aggregate("1", "1"), aggregate("1", "1"), aggregate("9.97", "2")}, kAggregates,
               options) == "2/1 0 0 0 1 may 1");
}

TEST_CASE("OutputMatcher: the first ten examples, by user, say what was expected and what came") {
  World world;
  for (std::uint64_t user = 1; user <= 30; ++user) world.Purchase(user, "USD", "2.50");
  std::vector<Produced> produced = world.Run();
  produced.resize(10);
  produced[4].value = R"({"total_amount":3,"transaction_count":1})";
  const Comparison c = JudgedOnce(world, produced, kAggregates);
  CHECK(Counts(c) == "30/9 20 0 0 1");
  const auto& missing = c.examples[static_cast<unsigned>(Flaw::kMissing)];
  REQUIRE(missing.size() == kExamples);
  CHECK(missing[0].key == "player_11");
  CHECK(missing[9].key == "player_20");
  CHECK(missing[0].expected == R"({"total_amount":2.5,"transaction_count":1})");
  CHECK(missing[0].got.empty());
  const auto& wrong = c.examples[static_cast<unsigned>(Flaw::kWrong)];
  REQUIRE(wrong.size() == 1);
  CHECK(wrong[0].key == "player_5");
  CHECK(wrong[0].expected == R"({"total_amount":2.5,"transaction_count":1})");
  CHECK(wrong[0].got == R"({"total_amount":3,"transaction_count":1})");

  const Produced bad = Fraud("player_1", "Bad luck");
  const Comparison fraud = JudgedOnce(Purchases(1, {"USD", "EUR"}),
                                      {bad, Fraud("player_2", kReasonMulti)}, kFraudAlerts);
  CHECK(fraud.examples[static_cast<unsigned>(Flaw::kWrong)][0].expected ==
        "1 x Multiple currency transactions");
  CHECK(fraud.examples[static_cast<unsigned>(Flaw::kWrong)][0].got ==
        "1 x " + bad.value + " (reason is none of the two)");
  CHECK(fraud.examples[static_cast<unsigned>(Flaw::kUnexpected)][0].expected == "no alert");

  World servers;
  servers.Server(3, 81, 10);
  const Comparison alert = JudgedOnce(
      servers, {{kServerAlerts, "server_3", R"({"parameters":{"server_id":"server_3"}})"}},
      kServerAlerts);
  const auto& odd = alert.examples[static_cast<unsigned>(Flaw::kWrong)];
  REQUIRE(odd.size() == 1);
  CHECK(odd[0].expected ==
        "cpu_load 81, memory_usage 10, latency 57 at 2026-01-01T00:00:00Z, us-west, dedicated");
  CHECK(odd[0].got ==
        R"({"parameters":{"server_id":"server_3"}} (server_data is missing or no object))");
}

}  // namespace
}  // namespace playload
