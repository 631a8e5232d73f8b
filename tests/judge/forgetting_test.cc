// What a live verification does to be small changes no verdict: forgetting what matched.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <string>
#include <vector>

#include "generator/judge/reference_judge.h"
#include "tests/judge/pipeline_world.h"

namespace playload {
namespace {

using testing::kAllOutputs;
using testing::Produced;
using testing::ResidentBytes;
using testing::World;

constexpr std::uint64_t kPlaces = 20;

// The same damage for the same seed: repeats, losses, changed values, records in another order.
std::vector<Produced> Damaged(std::vector<Produced> produced, unsigned seed, int one_in) {
  std::mt19937 random(seed);
  const auto lucky = [&] { return random() % static_cast<unsigned>(one_in) == 0; };
  std::vector<Produced> out;
  for (const Produced& record : produced) {
    if (lucky()) continue;
    out.push_back(record);
    if (lucky()) out.push_back(record);
    if (lucky()) out.push_back(out[random() % out.size()]);
    if (lucky()) out.push_back({record.output, record.key, R"({"total_amount":"odd"})"});
    if (lucky() && out.size() > 3) std::swap(out.back(), out[out.size() - 3]);
  }
  return out;
}

// The same world, but that again and again players leave, and others take their places.
void LetPlayersLeave(World* world, unsigned seed) {
  std::mt19937 random(seed);
  std::array<std::uint64_t, kPlaces> lives{};
  std::vector<testing::Event> events;
  events.swap(world->events);
  for (const testing::Event& event : events) {
    if (event.kind == Kind::kServer) {
      world->events.push_back(event);
      continue;
    }
    const std::uint64_t place = random() % kPlaces;
    if (random() % 12 == 0) lives[place] += 1 + random() % 3;
    const std::uint64_t player = lives[place] * kPlaces + place + 1;
    if (event.kind == Kind::kPlayer) {
      world->Player(player);
    } else {
      world->Purchase(player, random() % 8 == 0 ? "EUR" : "USD",
                      std::to_string(1 + random() % 50) + ".99");
    }
  }
}

// As RecordTeller does it.
void Expect(World* world, OutputMatcher* matcher, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < std::min(to, world->events.size()); ++i) {
    const testing::Event& event = world->events[i];
    if (event.kind != Kind::kServer && event.arrival != Arrival::kNever) {
      matcher->ExpectArrival(std::stoull(event.key.substr(sizeof("player_") - 1)));
    }
    world->Expect(matcher, i, i + 1);
  }
}

// Both sides in turns, the produced one up to `lag` records behind.
void TellBoth(World* world, const std::vector<Produced>& produced, std::size_t lag,
              OutputMatcher* matcher) {
  const std::size_t step = 50;
  std::size_t told = 0;
  std::size_t added = 0;
  while (told < world->events.size() || added < produced.size()) {
    Expect(world, matcher, told, told + step);
    told += step;
    const std::size_t to = told * produced.size() / world->events.size();
    if (to > lag + added) {
      testing::Add(produced, matcher, added, std::min(to - lag, produced.size()));
      added = std::min(to - lag, produced.size());
    } else if (told >= world->events.size()) {
      testing::Add(produced, matcher, added);
      added = produced.size();
    }
  }
}

std::string All(const Comparison& c) {
  std::string text = c.name + " " + testing::Counts(c);
  for (const auto& examples : c.examples) {
    for (const FlawExample& e : examples) {
      text += "\n  " + e.key + " | " + e.expected + " | " + e.got;
    }
  }
  return text;
}

// `options`: of the one that forgets.
void CheckSameVerdict(const World& world, const std::vector<Produced>& produced, std::size_t lag,
                      OutputMatcher::Options options) {
  OutputMatcher::Options all = options;
  all.forget = false;
  all.places = 0;
  OutputMatcher keeps(all);
  World again = world;
  TellBoth(&again, produced, lag, &keeps);
  options.forget = true;
  OutputMatcher forgets(options);
  again = world;
  TellBoth(&again, produced, lag, &forgets);
  if (forgets.NeedsRecall()) {
    forgets.Recall(true);
    again = world;
    Expect(&again, &forgets, 0, again.events.size());
    forgets.Recall(false);
  }
  CHECK(!forgets.NeedsRecall());
  for (const OutputKind output : kAllOutputs) {
    CHECK(All(forgets.Judge(output)) == All(keeps.Judge(output)));
    const bool both = keeps.Outstanding(output) == 0 && forgets.Outstanding(output) == 0;
    CHECK((both || (keeps.Outstanding(output) > 0 && forgets.Outstanding(output) > 0)));
  }
}

void GivesTheSameVerdict(bool leave, Delivery delivery) {
  std::vector<std::string> breaks = {"", "threshold=4", "server-ge-80", "drop-one-in=100"};
  for (unsigned seed = 1; seed <= 3; ++seed) {
    for (const std::string& text : breaks) {
      for (const int one_in : {0, 40, 1'000}) {
        for (const std::size_t lag : {0u, 700u}) {
          CAPTURE(seed);
          CAPTURE(text);
          CAPTURE(one_in);
          CAPTURE(lag);
          World world = World::Random(seed, 6'000, 60);
          if (leave) LetPlayersLeave(&world, seed);
          std::mt19937 random(seed);
          for (auto& event : world.events) {  // some did not arrive, or may not have
            const auto draw = random() % 400;
            if (draw < 2) event.arrival = draw == 0 ? Arrival::kNever : Arrival::kUnknown;
          }
          PipelineBreakage breakage;
          if (!text.empty()) REQUIRE(ParseBreakage(text, &breakage).ok());
          std::vector<Produced> produced = world.Run(breakage);
          if (one_in > 0) produced = Damaged(std::move(produced), seed, one_in);
          OutputMatcher::Options options;
          options.delivery = delivery;
          options.places = leave ? kPlaces : 0;
          CheckSameVerdict(world, produced, lag, options);
        }
      }
    }
  }
}

TEST_CASE("A matcher that forgets what matched gives the same verdict") {
  for (const bool leave : {false, true}) {
    for (const Delivery delivery : {Delivery::kExactlyOnce, Delivery::kAtLeastOnce}) {
      CAPTURE(leave);
      GivesTheSameVerdict(leave, delivery);
    }
  }
}

// What is said of an alert too many goes by what the pipeline does for all users, those who left
// included: some users are alerted at five purchases, all others not.
TEST_CASE("A matcher that forgets: users who left still tell what the pipeline does") {
  for (const std::uint64_t one_in : {1u, 2u, 3u, 5u}) {
    CAPTURE(one_in);
    World world = World::Random(4, 20'000, 60);
    LetPlayersLeave(&world, 4);
    std::vector<Produced> produced;
    for (const Produced& record : world.Run()) {
      produced.push_back(record);
      if (record.output == OutputKind::kAggregates && record.value.ends_with("count\":5}") &&
          std::stoull(record.key.substr(sizeof("player_") - 1)) % one_in == 0) {
        produced.push_back(
            {OutputKind::kFraudAlerts, record.key,
             R"({"user_id":")" + record.key + R"(","reason":"Too frequent transactions"})"});
      }
    }
    OutputMatcher::Options options;
    options.places = kPlaces;
    CheckSameVerdict(world, produced, 0, options);
  }
}

// Before anything is recalled the sum of what is wrong is right already.
TEST_CASE("A matcher that forgets: a repeat of what was forgotten is wrong at once") {
  OutputMatcher::Options options;
  options.forget = true;
  OutputMatcher matcher(options);
  World world;
  for (int i = 0; i < 40; ++i) world.Purchase(7, "USD");
  const std::vector<Produced> produced = world.Run();
  world.Expect(&matcher);
  testing::Add(produced, &matcher);
  CHECK(testing::Counts(matcher.Judge(OutputKind::kAggregates)) == "40/40 0 0 0 0");
  CHECK(!matcher.NeedsRecall());
  testing::Add({produced.front()}, &matcher);
  const Comparison so_far = matcher.Judge(OutputKind::kAggregates);
  CHECK(so_far.matched == 40);
  CHECK(so_far.flaw(Flaw::kUnexpected) + so_far.flaw(Flaw::kDuplicate) == 1);
  CHECK(matcher.NeedsRecall());
  matcher.Recall(true);
  World again;
  again.events = world.events;
  again.Expect(&matcher);
  matcher.Recall(false);
  CHECK(testing::Counts(matcher.Judge(OutputKind::kAggregates)) == "40/40 0 0 1 0");
}

// Which of the two it is says the end.
TEST_CASE("A matcher that forgets: a repeat about a player who left is wrong at once, or allowed") {
  for (const Delivery delivery : {Delivery::kExactlyOnce, Delivery::kAtLeastOnce}) {
    const bool allowed = delivery == Delivery::kAtLeastOnce;
    CAPTURE(allowed);
    OutputMatcher::Options options;
    options.delivery = delivery;
    options.forget = true;
    options.places = 10;
    OutputMatcher matcher(options);
    World world;
    world.Player(7);
    for (int i = 0; i < 7; ++i) world.Purchase(7, "USD");
    const std::vector<Produced> produced = world.Run();
    world.Player(17);
    Expect(&world, &matcher, 0, world.events.size());
    testing::Add(produced, &matcher);
    CHECK(!matcher.NeedsRecall());
    for (const OutputKind output :
         {OutputKind::kSummaries, OutputKind::kAggregates, OutputKind::kFraudAlerts}) {
      CAPTURE(IndexOf(output));
      const auto last = std::find_if(produced.rbegin(), produced.rend(),
                                     [&](const Produced& r) { return r.output == output; });
      testing::Add({*last}, &matcher);
      CHECK(matcher.NeedsRecall());
      const auto flaws = [&] {
        const Comparison so_far = matcher.Judge(output);
        CHECK(so_far.may == (allowed ? 1 : 0));
        return so_far.flaw(Flaw::kUnexpected) + so_far.flaw(Flaw::kDuplicate);
      };
      CHECK(flaws() == (allowed ? 0 : 1));
      matcher.Recall(true);
      World again;
      again.events = world.events;
      Expect(&again, &matcher, 0, again.events.size());
      matcher.Recall(false);
      CHECK(!matcher.NeedsRecall());
      CHECK(flaws() == (allowed ? 0 : 1));
      CHECK(matcher.Judge(output).flaw(Flaw::kUnexpected) == 0);
    }
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("A matcher that forgets takes no memory for what matched") {
  OutputMatcher::Options options;
  options.forget = true;
  OutputMatcher matcher(options);
  Oracle oracle;
  const auto purchases = [&](int rounds) {
    std::deque<std::pair<std::uint64_t, std::string>> on_their_way;
    for (int i = 0; i < rounds * 1'000; ++i) {
      PurchaseFacts facts;
      facts.user = 1 + static_cast<std::uint64_t>(i % 1'000);
      facts.minor_units = 199;
      facts.decimals = 2;
      const PurchaseOutputs outputs = oracle.Purchase(facts);
      matcher.ExpectPurchase(facts, outputs);
      std::array<char, 32> total{};
      *std::to_chars(total.data(), total.data() + 31, outputs.total_amount).ptr = '\0';
      on_their_way.emplace_back(facts.user, "{\"total_amount\":" + std::string(total.data()) +
                                                ",\"transaction_count\":" +
                                                std::to_string(outputs.transaction_count) + "}");
      if (on_their_way.size() < 5'500) continue;  // five or six of each user
      matcher.AddProduced(OutputKind::kAggregates, 0,
                          "player_" + std::to_string(on_their_way.front().first),
                          on_their_way.front().second);
      on_their_way.pop_front();
    }
    for (const auto& [user, value] : on_their_way) {
      matcher.AddProduced(OutputKind::kAggregates, 0, "player_" + std::to_string(user), value);
    }
  };
  purchases(100);
  const std::int64_t before = ResidentBytes();
  purchases(1'000);
  // Keeping them would take 16 bytes each at least, 16 MB.
  CHECK(ResidentBytes() - before < 3'000'000);
  CHECK(matcher.Judge(OutputKind::kAggregates).matched == 1'100'000);
  CHECK(!matcher.NeedsRecall());
}
#endif

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("A matcher that forgets takes no memory for players who left") {
  OutputMatcher::Options options;
  options.forget = true;
  options.places = 1'000;
  OutputMatcher matcher(options);
  const auto live = [&](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t life = from; life < to; ++life) {
      for (std::uint64_t place = 0; place < 1'000; ++place) {
        const std::uint64_t player = life * 1'000 + place + 1;
        const std::string id = "player_" + std::to_string(player);
        Oracle oracle;
        matcher.ExpectArrival(player);
        matcher.ExpectSummary(player, true);
        PurchaseFacts facts;
        facts.user = player;
        facts.minor_units = 100;
        facts.decimals = 2;
        matcher.ExpectPurchase(facts, oracle.Purchase(facts));
        if (life == 0) continue;  // what comes is a life behind
        const std::string before = "player_" + std::to_string(player - 1'000);
        matcher.AddProduced(OutputKind::kSummaries, 0, before,
                            R"({"player_id":")" + before + R"(","event_count":1})");
        matcher.AddProduced(OutputKind::kAggregates, 0, before,
                            R"({"total_amount":1,"transaction_count":1})");
      }
    }
  };
  live(0, 20);
  const std::int64_t before = ResidentBytes();
  live(20, 500);
  // Keeping them would take 130 bytes each, 60 MB.
  CHECK(ResidentBytes() - before < 2'000'000);
  CHECK(testing::Counts(matcher.Judge(OutputKind::kSummaries)) == "500000/499000 1000 0 0 0");
  CHECK(testing::Counts(matcher.Judge(OutputKind::kAggregates)) == "500000/499000 1000 0 0 0");
  CHECK(!matcher.NeedsRecall());
}
#endif

TEST_CASE("Ten million alerts that nobody called for, and none at all") {
  OutputMatcher::Options options;
  options.forget = true;
  OutputMatcher matcher(options);
  LatencyMeter::Options measured;
  measured.outputs = ReferenceLatencyOutputs();
  measured.instants = [](Position) { return LatencyMeter::Instants{0, 0, 0}; };
  LatencyMeter meter(measured);
  CHECK(testing::Counts(matcher.Judge(OutputKind::kFraudAlerts)) == "0/0 0 0 0 0");
  constexpr std::uint64_t kAlerts = 10'000'000;
  const std::string id = "player_17";
  const std::string alert = R"({"user_id":"player_17","reason":"Too frequent transactions"})";
  for (std::uint64_t i = 0; i < kAlerts; ++i) {
    matcher.AddProduced(OutputKind::kFraudAlerts, 0, id, alert);
    meter.Seen({IndexOf(OutputKind::kFraudAlerts), 17, 1}, 1);
  }
  CHECK(matcher.Judge(OutputKind::kFraudAlerts).flaw(Flaw::kUnexpected) == kAlerts);
  CHECK(meter.Report().back().total.count() == 0);
}

}  // namespace
}  // namespace playload
