#include "generator/shrink/failure.h"

#include <doctest/doctest.h>

namespace playload {
namespace {

Verdict SomeVerdict() {
  Verdict verdict;
  verdict.outputs.resize(3);
  verdict.outputs[0].name = "purchase-aggregates";
  verdict.outputs[0].Add(Flaw::kWrong, 2, [] { return FlawExample{"player_1", "a", "b"}; });
  verdict.outputs[1].name = "server-alerts";
  verdict.outputs[2].name = "fraud-alerts";
  verdict.outputs[2].Add(Flaw::kMissing, 5, [] { return FlawExample{"player_2", "a", ""}; });
  verdict.outputs[2].Add(Flaw::kDuplicate, 2, [] { return FlawExample{"player_3", "", "b"}; });
  return verdict;
}

TEST_CASE("FailuresOf: by how often, then as the outputs stand") {
  std::vector<std::string> texts;
  for (const Failure& failure : FailuresOf(SomeVerdict())) texts.push_back(failure.Text());
  CHECK(texts == std::vector<std::string>{"fraud-alerts/missing", "purchase-aggregates/wrong",
                                          "fraud-alerts/duplicate"});
  CHECK(FailuresOf(Verdict()).empty());
}

TEST_CASE("Shows: output and class, and no other") {
  const Verdict verdict = SomeVerdict();
  CHECK(Shows(verdict, {"fraud-alerts", Flaw::kMissing}));
  CHECK_FALSE(Shows(verdict, {"fraud-alerts", Flaw::kWrong}));
  CHECK_FALSE(Shows(verdict, {"server-alerts", Flaw::kMissing}));
  CHECK_FALSE(Shows(verdict, {"no-such-output", Flaw::kMissing}));
  REQUIRE(ExampleOf(verdict, {"fraud-alerts", Flaw::kDuplicate}) != nullptr);
  CHECK(ExampleOf(verdict, {"fraud-alerts", Flaw::kDuplicate})->key == "player_3");
  CHECK(ExampleOf(verdict, {"server-alerts", Flaw::kDuplicate}) == nullptr);
}

TEST_CASE("ParseFailure: one of the verdict's, else they are named") {
  const Result<Failure> good = ParseFailure("purchase-aggregates/wrong", SomeVerdict());
  REQUIRE(good);
  CHECK(*good == Failure{"purchase-aggregates", Flaw::kWrong});
  for (const char* text : {"fraud-alerts", "fraud-alerts/wrong", "server-alerts/missing", ""}) {
    const Result<Failure> bad = ParseFailure(text, SomeVerdict());
    REQUIRE_FALSE(bad);
    CHECK(bad.error().code() == Code::kInvalid);
    CHECK(bad.error().message().find("fraud-alerts/") != std::string::npos);
  }
}

}  // namespace
}  // namespace playload
