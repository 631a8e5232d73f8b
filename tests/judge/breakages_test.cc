// Wrong pipelines must be caught, and called by their right name: over random histories, each
// breakage of the reference pipeline gives the flaws that it is, and no others.

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "tests/judge/pipeline_world.h"

namespace playload {
namespace {

using testing::kAllOutputs;
using testing::World;

std::map<OutputKind, Comparison> Verdicts(World world, const PipelineBreakage& breakage,
                                          bool produced_first) {
  OutputMatcher matcher({});
  const auto produced = world.Run(breakage);
  if (produced_first) testing::Add(produced, &matcher);
  world.Expect(&matcher);
  if (!produced_first) testing::Add(produced, &matcher);
  std::map<OutputKind, Comparison> verdicts;
  for (const OutputKind output : kAllOutputs) verdicts[output] = matcher.Judge(output);
  return verdicts;
}

struct Mutant {
  std::string text;
  OutputKind output;       // that must fail; the others must pass
  Flaw must;               // of this there must be some
  std::vector<Flaw> none;  // of these there must be none
};

TEST_CASE("Wrong pipelines are named right") {
  const std::vector<Mutant> mutants = {
      {"threshold=4",
       OutputKind::kFraudAlerts,
       Flaw::kUnexpected,
       {Flaw::kMissing, Flaw::kDuplicate}},
      {"threshold=3",
       OutputKind::kFraudAlerts,
       Flaw::kUnexpected,
       {Flaw::kMissing, Flaw::kDuplicate}},
      {"threshold=0",
       OutputKind::kFraudAlerts,
       Flaw::kUnexpected,
       {Flaw::kMissing, Flaw::kDuplicate}},
      {"threshold=6",
       OutputKind::kFraudAlerts,
       Flaw::kMissing,
       {Flaw::kUnexpected, Flaw::kDuplicate}},
      {"server-ge-80",
       OutputKind::kServerAlerts,
       Flaw::kUnexpected,
       {Flaw::kMissing, Flaw::kDuplicate, Flaw::kWrong}},
      {"ignore-currency",
       OutputKind::kFraudAlerts,
       Flaw::kMissing,
       {Flaw::kUnexpected, Flaw::kDuplicate, Flaw::kWrong}},
  };
  for (const unsigned seed : {1u, 2u}) {
    // Users with few purchases and with many.
    for (const std::uint64_t users : {300u, 900u}) {
      const World world = World::Random(seed, 9'000, users);
      for (const Mutant& mutant : mutants) {
        for (const bool produced_first : {false, true}) {
          CAPTURE(mutant.text);
          CAPTURE(users);
          PipelineBreakage breakage;
          REQUIRE(ParseBreakage(mutant.text, &breakage).ok());
          for (const auto& [output, verdict] : Verdicts(world, breakage, produced_first)) {
            CAPTURE(verdict.name);
            CAPTURE(testing::Counts(verdict));
            CHECK(verdict.passed() == (output != mutant.output));
            if (output != mutant.output) continue;
            CHECK(verdict.flaw(mutant.must) > 10);
            for (const Flaw flaw : mutant.none) CHECK(verdict.flaw(flaw) == 0);
          }
        }
      }
    }
  }
}

TEST_CASE("One alert in a thousand lost is missing, exactly") {
  const World world = World::Random(7, 30'000, 900);
  PipelineBreakage breakage;
  REQUIRE(ParseBreakage("drop-one-in=1000", &breakage).ok());
  for (const auto& [output, verdict] : Verdicts(world, breakage, false)) {
    CAPTURE(verdict.name);
    const bool alerts = output == OutputKind::kServerAlerts || output == OutputKind::kFraudAlerts;
    CHECK(verdict.flaw(Flaw::kMissing) == (alerts ? verdict.expected / 1'000 : 0));
    CHECK(verdict.flaw(Flaw::kMissing) >= (alerts ? 1 : 0));
    CHECK(verdict.flaw(Flaw::kUnexpected) + verdict.flaw(Flaw::kDuplicate) +
              verdict.flaw(Flaw::kWrong) ==
          0);
  }
}

// Both at once: what is too early is unexpected, what is repeated is a duplicate.
TEST_CASE("A low threshold and repeats are told apart") {
  World world = World::Random(3, 9'000, 600);
  PipelineBreakage breakage;
  REQUIRE(ParseBreakage("threshold=4", &breakage).ok());
  const auto produced = world.Run(breakage);
  OutputMatcher matcher({});
  world.Expect(&matcher);
  testing::Add(produced, &matcher);
  const Comparison before = matcher.Judge(OutputKind::kFraudAlerts);
  std::uint64_t repeated = 0;
  std::map<std::string, std::uint64_t> alerts;
  for (const auto& p : produced) {
    if (p.output != OutputKind::kFraudAlerts) continue;
    // The third alert about frequency of a user is certainly one that was to come.
    const bool frequent = p.value.find(kReasonFrequent) != std::string::npos;
    if (frequent && ++alerts[p.key] == 3) {
      matcher.AddProduced(p.output, 0, p.key, p.value);
      ++repeated;
    }
  }
  const Comparison after = matcher.Judge(OutputKind::kFraudAlerts);
  CHECK(repeated > 100);
  CHECK(after.flaw(Flaw::kUnexpected) == before.flaw(Flaw::kUnexpected));
  CHECK(after.flaw(Flaw::kDuplicate) == repeated);
}

// The state is lost once: counts and totals begin again.
TEST_CASE(
    "A pipeline that forgets its state in the middle is caught in both outputs of purchases") {
  World world = World::Random(4, 9'000, 600);
  World first = world;
  World second = world;
  first.events.resize(4'500);
  second.events.erase(second.events.begin(), second.events.begin() + 4'500);
  OutputMatcher matcher({});
  world.Expect(&matcher);
  testing::Add(first.Run(), &matcher);
  testing::Add(second.Run(), &matcher);
  const Comparison aggregates = matcher.Judge(OutputKind::kAggregates);
  CHECK(aggregates.flaw(Flaw::kMissing) > 100);
  CHECK(aggregates.flaw(Flaw::kUnexpected) > 100);
  CHECK(matcher.Judge(OutputKind::kFraudAlerts).flaw(Flaw::kMissing) > 100);
  CHECK(matcher.Judge(OutputKind::kSummaries).passed());
  CHECK(matcher.Judge(OutputKind::kServerAlerts).passed());
}

}  // namespace
}  // namespace playload
