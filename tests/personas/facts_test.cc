#include "personas/facts.h"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "personas/load.h"
#include "tests/base/noise.h"

namespace playload {
namespace {

constexpr std::string_view kHand = R"(persona: hand
about: Small enough for pen and paper.
life: {sessions: 2}
gap: {fixed: {time: 12s}}
start: a
states:
  a:
    dwell: {fixed: {time: 1s}}
    to:
      - {state: a, p: 0.5, emit: move}
      - {state: b, p: 0.25, emit: purchase}
      - {state: exit, p: 0.25}
  b:
    dwell: {exponential: {mean: 4s}}
    to:
      - {state: a, p: 0.6, emit: interaction}
      - {state: a, p: 0.4, emit: refund}
spending: {potion: 1}
)";

Persona Read(std::string_view text) {
  Result<Persona> persona = ParsePersona("p.yaml", text);
  if (!persona) FAIL(persona.error().message());
  return *persona;
}

double Emitted(const PersonaFacts& facts, Emit emit) {
  return facts.emitted[static_cast<std::size_t>(emit)];
}

// a = 1 + a/2 + b and b = a/4, so a = 4 and b = 1 visits a session.
TEST_CASE("Facts: a chain that is solved by hand") {
  const PersonaFacts facts = ComputeFacts(Read(kHand));
  const auto near = [](double value) { return doctest::Approx(value).epsilon(1e-12); };
  REQUIRE(facts.visits.size() == 2);
  CHECK(facts.visits[0] == near(4));
  CHECK(facts.visits[1] == near(1));
  CHECK(facts.visit_share[0] == near(0.8));
  CHECK(facts.visit_share[1] == near(0.2));
  CHECK(facts.session_ms == near(8'000));
  CHECK(facts.time_share[0] == near(0.5));
  CHECK(facts.time_share[1] == near(0.5));
  CHECK(facts.events == near(6));
  CHECK(Emitted(facts, Emit::kSessionStart) == near(1));
  CHECK(Emitted(facts, Emit::kMove) == near(2));
  CHECK(Emitted(facts, Emit::kInteraction) == near(0.6));
  CHECK(Emitted(facts, Emit::kSessionEnd) == near(1));
  CHECK(facts.purchases == near(1));
  CHECK(facts.refunds == near(0.4));
  CHECK(facts.cycle_ms == near(20'000));
  CHECK(facts.sessions_per_day == near(4'320));
  CHECK(facts.events_per_day == near(6 * 4'320));
  CHECK(facts.purchases_per_day == near(4'320));
  CHECK(facts.sessions_per_life == near(2));
  CHECK(facts.purchases_per_life == near(2));
  CHECK(facts.life_ms == near(28'000));
  CHECK(facts.residual < 1e-15);
}

// The longest life is 255 sessions: mean 255 (1 - (1 - 1/255)^255), not 255.
TEST_CASE("Facts: the mean life knows that lives are cut") {
  std::string text(kHand);
  text.replace(text.find("{sessions: 2}"), 13, "{sessions: 255}");
  const double expected = 255 * (1 - std::pow(1 - 1.0 / 255, 255));
  CHECK(ComputeFacts(Read(text)).sessions_per_life == doctest::Approx(expected).epsilon(1e-12));
  text.replace(text.find("{sessions: 255}"), 15, "one-session");
  CHECK(ComputeFacts(Read(text)).sessions_per_life == 1);
  CHECK(ComputeFacts(Read(text)).life_ms == doctest::Approx(8'000));
}

TEST_CASE("Facts: a chain of one state") {
  const PersonaFacts facts = ComputeFacts(
      Read("persona: x\nabout: y\nlife: one-session\ngap: {fixed: {time: 1s}}\nstart: s\n"
           "states:\n  s:\n    dwell: {fixed: {time: 2s}}\n    to: [{state: exit, p: 1}]\n"));
  CHECK(facts.events == 2);
  CHECK(facts.session_ms == 2'000);
  CHECK(facts.purchases == 0);
}

// What a session counted: visits by state, and events by kind.
struct Counts {
  std::vector<double> visits;
  std::array<double, kEmits> emitted{};
  double events = 0;
};

Counts PlaySession(const Persona& persona, std::uint64_t* draw) {
  Counts counts;
  counts.visits.resize(persona.states.size());
  counts.emitted[static_cast<std::size_t>(Emit::kSessionStart)] = counts.events = 1;
  for (int state = 0; state != kExit;) {
    const State& here = persona.states[static_cast<std::size_t>(state)];
    counts.visits[static_cast<std::size_t>(state)] += 1;
    auto left =
        static_cast<std::int64_t>(Noise((*draw)++) % static_cast<std::uint64_t>(kProbabilityOne));
    std::size_t k = 0;
    while (left >= here.to[k].parts) left -= here.to[k++].parts;
    counts.emitted[static_cast<std::size_t>(here.to[k].emit)] += 1;
    counts.events += 1;
    state = here.to[k].to;
  }
  return counts;
}

// |mean of 20,000 sessions - computed| < 5 standard errors; the seed is fixed.
TEST_CASE("Facts: simulated sessions agree with the fundamental matrix") {
  for (const std::string& name : BuiltInPersonas()) {
    CAPTURE(name);
    const Result<Persona> persona = BuiltInPersona(name);
    REQUIRE(persona.has_value());
    const PersonaFacts facts = ComputeFacts(*persona);
    constexpr int kSessions = 20'000;
    struct Sum {
      double sum = 0, squares = 0;
      void Add(double value) {
        sum += value;
        squares += value * value;
      }
    };
    Sum events;
    std::vector<Sum> visits(persona->states.size());
    std::array<Sum, kEmits> emitted;
    std::uint64_t draw = 1'000'000;
    for (int i = 0; i < kSessions; ++i) {
      const Counts counts = PlaySession(*persona, &draw);
      events.Add(counts.events);
      for (std::size_t k = 0; k < visits.size(); ++k) visits[k].Add(counts.visits[k]);
      for (std::size_t k = 0; k < emitted.size(); ++k) emitted[k].Add(counts.emitted[k]);
    }
    const auto check = [&](const Sum& sum, double expected) {
      const double mean = sum.sum / kSessions;
      const double variance = sum.squares / kSessions - mean * mean;
      // The floor is for what happens so rarely that the sample may hold none of it.
      const double error = std::sqrt((std::max(variance, expected) + 1e-12) / kSessions);
      CHECK(std::fabs(mean - expected) < 5 * error);
    };
    check(events, facts.events);
    for (std::size_t k = 0; k < visits.size(); ++k) check(visits[k], facts.visits[k]);
    for (std::size_t k = 0; k < emitted.size(); ++k) check(emitted[k], facts.emitted[k]);
  }
}

TEST_CASE("Facts: shares sum to 1, kinds sum to the events, equations are solved") {
  for (const std::string& name : BuiltInPersonas()) {
    CAPTURE(name);
    const PersonaFacts facts = ComputeFacts(*BuiltInPersona(name));
    double by_visits = 0;
    double by_time = 0;
    double all = 0;
    for (const double share : facts.visit_share) by_visits += share;
    for (const double share : facts.time_share) by_time += share;
    for (const double count : facts.emitted) all += count;
    CHECK(by_visits == doctest::Approx(1).epsilon(1e-12));
    CHECK(by_time == doctest::Approx(1).epsilon(1e-12));
    CHECK(all == doctest::Approx(facts.events).epsilon(1e-12));
    CHECK(Emitted(facts, Emit::kSessionStart) == 1);
    CHECK(Emitted(facts, Emit::kSessionEnd) == doctest::Approx(1).epsilon(1e-12));
    CHECK(facts.residual < 1e-12);
  }
}

// pi P = pi for the chain in which a session is followed by the next one at once.
TEST_CASE("Facts: the share of visits is stationary") {
  for (const std::string& name : BuiltInPersonas()) {
    CAPTURE(name);
    const Result<Persona> persona = BuiltInPersona(name);
    const PersonaFacts facts = ComputeFacts(*persona);
    std::vector<double> after(persona->states.size(), 0);
    for (std::size_t i = 0; i < persona->states.size(); ++i) {
      for (const Transition& t : persona->states[i].to) {
        const std::size_t to = t.to == kExit ? 0 : static_cast<std::size_t>(t.to);
        after[to] += facts.visit_share[i] * static_cast<double>(t.parts) / 1e9;
      }
    }
    for (std::size_t i = 0; i < after.size(); ++i) {
      CHECK(after[i] == doctest::Approx(facts.visit_share[i]).epsilon(1e-10));
    }
  }
}

// The simulation's tables are made from these two numbers, so their bits are part of the stream.
TEST_CASE("Facts: lengths are fixed bit patterns") {
  const PersonaFacts facts = ComputeFacts(Read(kHand));
  CHECK(std::bit_cast<std::uint64_t>(facts.session_ms) == std::bit_cast<std::uint64_t>(8'000.0));
  const PersonaFacts whale = ComputeFacts(*BuiltInPersona("whale"));
  CHECK(std::bit_cast<std::uint64_t>(whale.session_ms) == 0x4104F6E116B2A4F4u);
  CHECK(std::bit_cast<std::uint64_t>(whale.cycle_ms) == 0x417C88203D88263Fu);
}

}  // namespace
}  // namespace playload
