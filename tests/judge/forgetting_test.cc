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

// Both sides in turns, the produced one up to `lag` records behind.
void TellBoth(World* world, const std::vector<Produced>& produced, std::size_t lag,
              OutputMatcher* matcher) {
  const std::size_t step = 50;
  std::size_t told = 0;
  std::size_t added = 0;
  while (told < world->events.size() || added < produced.size()) {
    world->Expect(matcher, told, told + step);
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

TEST_CASE("A matcher that forgets what matched gives the same verdict") {
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
          std::mt19937 random(seed);
          for (auto& event : world.events) {  // some did not arrive, or may not have
            const auto draw = random() % 400;
            if (draw < 2) event.arrival = draw == 0 ? Arrival::kNever : Arrival::kUnknown;
          }
          PipelineBreakage breakage;
          if (!text.empty()) REQUIRE(ParseBreakage(text, &breakage).ok());
          std::vector<Produced> produced = world.Run(breakage);
          if (one_in > 0) produced = Damaged(std::move(produced), seed, one_in);

          OutputMatcher keeps({});
          World again = world;
          TellBoth(&again, produced, lag, &keeps);
          OutputMatcher::Options options;
          options.forget = true;
          OutputMatcher forgets(options);
          again = world;
          TellBoth(&again, produced, lag, &forgets);
          if (forgets.NeedsRecall()) {
            forgets.Recall(true);
            again = world;
            again.Expect(&forgets);
            forgets.Recall(false);
          }
          CHECK(!forgets.NeedsRecall());
          for (const OutputKind output : kAllOutputs) {
            CHECK(All(forgets.Judge(output)) == All(keeps.Judge(output)));
            const bool both = keeps.Outstanding(output) == 0 && forgets.Outstanding(output) == 0;
            CHECK((both || (keeps.Outstanding(output) > 0 && forgets.Outstanding(output) > 0)));
          }
        }
      }
    }
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
