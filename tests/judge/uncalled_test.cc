// Records that nothing calls for take no memory of their own, and no verdict changes by that.

#include "generator/judge/uncalled.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "generator/judge/content_matcher.h"
#include "tests/judge/pipeline_world.h"

namespace playload {
namespace {

using testing::kAllOutputs;
using testing::Produced;
using testing::ResidentBytes;
using testing::World;

using enum OutputKind;

std::string Aggregate(double total, std::uint64_t count) {
  return "{\"total_amount\":" + std::to_string(total) +
         ",\"transaction_count\":" + std::to_string(count) + "}";
}

std::string Alert(const std::string& user, const std::string& reason) {
  return R"({"user_id":")" + user + R"(","reason":")" + reason + "\"}";
}

// Records that a pipeline may write for any reason, about users and servers of the run or not.
Produced Stray(std::mt19937* random) {
  const auto below = [&](unsigned n) { return (*random)() % n; };
  const auto output = static_cast<OutputKind>(below(kOutputKinds));
  const std::string number = std::to_string(1 + below(300));
  const std::string id = (output == kServerAlerts ? "server_" : "player_") + number;
  if (below(5) == 0) return {output, id, R"({"event_name":7,"total_amount":4.99})"};
  if (below(9) == 0) return {output, id, "no JSON"};
  switch (output) {
    case kSummaries:
      return {output, id,
              R"({"player_id":")" + id + R"(","event_count":)" + (below(4) == 0 ? "2}" : "1}")};
    case kAggregates:
      return {output, id, Aggregate(below(2) == 0 ? 1.5 : 2.5, 1 + below(3))};
    case kFraudAlerts:
      return {output, id, Alert(id, below(3) == 0 ? kReasonMulti : kReasonFrequent)};
    case kServerAlerts:
      break;
  }
  return {
      output, id,
      testing::ServerLine(id, std::to_string(90 + below(3)), "70", "57", "2026-01-01T00:00:00Z")};
}

// What is shown of each is of one class where it is counted.
std::string WithKeys(const Comparison& c) {
  std::string text = c.name + " " + testing::Counts(c);
  for (const auto& examples : c.examples) {
    text += "\n ";
    for (const FlawExample& e : examples) text += " " + e.key;
  }
  return text;
}

TEST_CASE("Strangers are counted as if all of them were kept, and shown in the same order") {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    World world = World::Random(seed, 1'000, 1 + random() % 60);
    for (auto& event : world.events) {
      const auto draw = random() % 100;
      if (draw < 2) event.arrival = draw == 0 ? Arrival::kNever : Arrival::kUnknown;
    }
    std::vector<Produced> produced;
    for (const Produced& record : world.Run()) {
      if (random() % 50 != 0) produced.push_back(record);
      if (random() % 20 == 0) produced.push_back(Stray(&random));
    }
    for (std::size_t i = random() % 400; i > 0; --i) produced.push_back(Stray(&random));
    for (const bool user_order : {true, false}) {
      for (const Delivery delivery : {Delivery::kExactlyOnce, Delivery::kAtLeastOnce}) {
        OutputMatcher::Options options;
        options.user_order = user_order;
        options.delivery = delivery;
        OutputMatcher keeps(options);
        World again = world;
        testing::Add(produced, &keeps);
        again.Expect(&keeps);
        keeps.Close();
        OutputMatcher counts(options);
        again = world;
        again.Expect(&counts);
        counts.Close();
        testing::Add(produced, &counts);
        for (const OutputKind output : kAllOutputs) {
          CHECK(WithKeys(counts.Judge(output)) == WithKeys(keeps.Judge(output)));
          CHECK((counts.Outstanding(output) == 0) == (keeps.Outstanding(output) == 0));
        }
      }
    }
  }
}

TEST_CASE("Before the end so many are kept, and then whoever reads waits") {
  for (const OutputKind output : kAllOutputs) {
    CAPTURE(kOutputNames[IndexOf(output)]);
    OutputMatcher matcher({});
    const auto add = [&](std::uint64_t n) {
      const std::string id = (output == kServerAlerts ? "server_" : "player_") + std::to_string(n);
      const std::string time = "2026-01-01T00:00:00Z";
      matcher.AddProduced(output, 0, id,
                          output == kSummaries ? R"({"player_id":")" + id + R"(","event_count":1})"
                          : output == kAggregates ? Aggregate(4.99, 1)
                          : output == kFraudAlerts
                              ? Alert(id, kReasonFrequent)
                              : testing::ServerLine(id, "90", "70", "57", time));
    };
    for (std::uint64_t n = 1; n < kMostUncalled + 20; ++n) add(n);
    CHECK(matcher.Full());
    // What is called for after all makes room.
    World world;
    for (std::uint64_t n = 1; n < 40; ++n) {
      if (output == kServerAlerts) {
        world.Server(n, 90, 70);
      } else if (output == kSummaries) {
        world.Player(n);
      } else {
        world.Purchase(n, "USD");
      }
    }
    world.Expect(&matcher);
    CHECK_FALSE(matcher.Full());
    add(1'000'000);
    for (std::uint64_t n = 2'000'000; n < 2'000'040; ++n) add(n);
    CHECK(matcher.Full());
    matcher.Close();
    CHECK_FALSE(matcher.Full());
    const Comparison c = matcher.Judge(output);
    CHECK(c.seen() == kMostUncalled + 19 + 41);
    CHECK(c.flaw(Flaw::kMissing) == 0);
  }
}

// Beyond what is kept, what is expected is still found, and repeats of it are.
TEST_CASE("More that nothing calls for than is kept, about a user of the run") {
  World world;
  for (int i = 0; i < 3; ++i) world.Purchase(7, "USD");
  const std::vector<Produced> right = world.Run();
  OutputMatcher matcher({});
  world.Expect(&matcher);
  matcher.Close();
  const std::uint64_t junk = kMostUncalled + 100'000;
  for (std::uint64_t n = 0; n < junk; ++n) {
    matcher.AddProduced(kAggregates, 0, "player_7", Aggregate(1'000.0 + static_cast<double>(n), 9));
  }
  testing::Add(right, &matcher);
  testing::Add(right, &matcher);
  testing::Add(right, &matcher);
  for (int i = 0; i < 5; ++i) matcher.AddProduced(kAggregates, 0, "player_7", "{}");
  const Comparison c = matcher.Judge(kAggregates);
  CHECK(testing::Counts(c) == "3/3 0 " + std::to_string(junk) + " 6 0 unreadable 5");
  for (const Flaw flaw : {Flaw::kUnexpected, Flaw::kDuplicate, Flaw::kUnreadable}) {
    CHECK_FALSE(c.examples[static_cast<unsigned>(flaw)].empty());
  }
  CHECK(matcher.Outstanding(kAggregates) == 0);
}

std::string Value(std::uint64_t n) { return "{\"v\":\"" + std::to_string(n) + "\"}"; }

ContentMatcher OneTopic(bool sequence, const Delivery delivery = Delivery::kExactlyOnce) {
  return ContentMatcher({.topics = {{"t", sequence, {}, {{{"v"}, ExprType::kText, false}}}},
                         .foreign = {},
                         .delivery = delivery,
                         .forget = false});
}

TEST_CASE("Contents: strangers are counted as if all of them were kept") {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    for (const bool sequence : {true, false}) {
      ContentMatcher keeps = OneTopic(sequence);
      ContentMatcher counts = OneTopic(sequence);
      for (ContentMatcher* matcher : {&keeps, &counts}) {
        std::mt19937 random(seed);
        const auto key = [&](unsigned n) { return "k" + std::to_string(random() % n); };
        const auto expect = [&] {
          for (int i = 0; i < 200; ++i) matcher->Expect(0, key(20), Value(random() % 4), true);
        };
        if (matcher == &counts) {
          expect();
          matcher->Close();
        } else {
          random.discard(400);
        }
        for (int i = 0; i < 400; ++i) {
          const std::string value = random() % 9 == 0 ? "{}" : Value(random() % 4);
          matcher->AddProduced(0, 0, key(60), value);
        }
        if (matcher == &keeps) {
          random.seed(seed);
          expect();
          matcher->Close();
        }
      }
      CHECK(testing::Counts(counts.Judge(0)) == testing::Counts(keeps.Judge(0)));
      CHECK((counts.Outstanding(0) == 0) == (keeps.Outstanding(0) == 0));
    }
  }
}

TEST_CASE("Contents: more that nothing calls for than is kept") {
  for (const bool sequence : {true, false}) {
    ContentMatcher matcher = OneTopic(sequence);
    for (std::uint64_t n = 0; n < 3; ++n) matcher.Expect(0, "k", Value(n), true);
    for (std::uint64_t n = 0; n <= kMostUncalled; ++n) {
      matcher.AddProduced(0, 0, std::to_string(n), Value(9));
    }
    CHECK(matcher.Full());
    matcher.Close();
    CHECK_FALSE(matcher.Full());
    for (std::uint64_t n = 0; n < 100'000; ++n) matcher.AddProduced(0, 0, "k", Value(100 + n));
    for (std::uint64_t n = 0; n < 6; ++n) matcher.AddProduced(0, 0, "k", Value(n % 3));
    for (std::uint64_t n = 0; n < 100'000; ++n) {
      matcher.AddProduced(0, 0, "stranger " + std::to_string(n), Value(1));
    }
    // Before the cap is met, junk stands for what is missing; behind it, it does not.
    CHECK(testing::Counts(matcher.Judge(0)) ==
          "3/3 0 " + std::to_string(kMostUncalled + 1 + 200'000) + " 3 0");
    CHECK(matcher.Outstanding(0) == 0);
  }
}

// Of a live verification, where what is added may be settled long before the end.
TEST_CASE("Settled strangers are counted once so many are kept, before the end") {
  for (const bool settled : {false, true}) {
    CAPTURE(settled);
    OutputMatcher matcher({});
    ContentMatcher contents = OneTopic(true);
    matcher.SetSettled(settled);
    contents.SetSettled(settled);
    const auto add = [&](std::uint64_t n) {
      const std::string id = "player_" + std::to_string(n);
      matcher.AddProduced(kSummaries, 0, id, R"({"player_id":")" + id + R"(","event_count":1})");
      matcher.AddProduced(kAggregates, 0, id, Aggregate(4.99, 1));
      matcher.AddProduced(kFraudAlerts, 0, id, Alert(id, kReasonFrequent));
      contents.AddProduced(0, 0, id, Value(7));
    };
    for (std::uint64_t n = 0; n < kMostUncalled + 100; ++n) add(n);
    // Of the run after all, and told too late.
    World world;
    world.Player(kMostUncalled + 50);
    world.Purchase(kMostUncalled + 50, "USD");
    world.Expect(&matcher);
    contents.Expect(0, "player_" + std::to_string(kMostUncalled + 50), Value(7), true);
    const std::uint64_t matched = settled ? 0 : 1;
    CHECK(matcher.Judge(kSummaries).matched == matched);
    CHECK(matcher.Judge(kAggregates).matched == matched);
    CHECK(contents.Judge(0).matched == matched);
    for (const Comparison& c :
         {matcher.Judge(kSummaries), matcher.Judge(kAggregates), contents.Judge(0)}) {
      CHECK(c.flaw(Flaw::kUnexpected) == kMostUncalled + 100 - matched);
      CHECK(c.flaw(Flaw::kMissing) == 1 - matched);
    }
    CHECK(matcher.Judge(kFraudAlerts).flaw(Flaw::kUnexpected) == kMostUncalled + 100);
    // What the run has is known from then on.
    add(kMostUncalled + 50);
    CHECK(matcher.Judge(kSummaries).matched == 1);
    CHECK(matcher.Judge(kAggregates).matched == 1);
    CHECK(contents.Judge(0).matched == 1);
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("However much nothing calls for, it takes no memory") {
  World world;
  for (int i = 0; i < 6; ++i) world.Purchase(7, "USD");
  OutputMatcher matcher({});
  world.Expect(&matcher);
  matcher.Close();
  ContentMatcher contents = OneTopic(true);
  contents.Expect(0, "k", Value(1), true);
  contents.Close();
  OutputMatcher::Options options;
  options.forget = true;
  OutputMatcher live(options);
  live.SetSettled(true);
  const auto add = [&](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t n = from; n < to; ++n) {
      const std::string id = "player_" + std::to_string(10'000'000 - n);
      matcher.AddProduced(kSummaries, 0, id, R"({"player_id":")" + id + R"(","event_count":1})");
      matcher.AddProduced(kAggregates, 0, id, Aggregate(4.99, 1));
      matcher.AddProduced(kAggregates, 0, "player_7", Aggregate(static_cast<double>(n), 1));
      matcher.AddProduced(kFraudAlerts, 0, id, Alert(id, kReasonFrequent));
      matcher.AddProduced(kFraudAlerts, 0, id, "{}");
      live.AddProduced(kSummaries, 0, id, R"({"player_id":")" + id + R"(","event_count":1})");
      live.AddProduced(kAggregates, 0, id, Aggregate(4.99, 1));
      live.AddProduced(kFraudAlerts, 0, id, Alert(id, kReasonFrequent));
      contents.AddProduced(0, 0, id, Value(n));
      contents.AddProduced(0, 0, "k", Value(n % 2 == 0 ? 1 : n));
    }
  };
  add(0, 900'000);  // more than are kept of any, and of texts
  const std::int64_t before = ResidentBytes();
  add(900'000, 1'500'000);
  CHECK(ResidentBytes() - before < 3'000'000);
  CHECK(matcher.Judge(kFraudAlerts).flaw(Flaw::kUnexpected) == 1'500'000);
  CHECK(matcher.Judge(kFraudAlerts).flaw(Flaw::kUnreadable) == 1'500'000);
  CHECK(matcher.Judge(kAggregates).seen() == 3'000'000);
  CHECK(matcher.Judge(kSummaries).flaw(Flaw::kUnexpected) == 1'500'000);
  CHECK(live.Judge(kAggregates).flaw(Flaw::kUnexpected) == 1'500'000);
  CHECK(contents.Judge(0).seen() == 3'000'000);
}
#endif

}  // namespace
}  // namespace playload
