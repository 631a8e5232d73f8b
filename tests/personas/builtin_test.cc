#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <vector>

#include "generator/base/text.h"
#include "generator/base/yaml.h"
#include "personas/facts.h"
#include "personas/load.h"
#include "personas/write.h"

namespace playload {
namespace {

double Share(const PersonaFacts& facts, std::initializer_list<Emit> emits) {
  double sum = 0;
  for (const Emit emit : emits) sum += facts.emitted[static_cast<std::size_t>(emit)];
  return sum / facts.events;
}

// The players of everyday, in the order of docs/personas.md.
const std::vector<std::string> kEveryday = {"newcomer", "casual", "regular", "grinder",
                                            "social",   "whale",  "bot"};

TEST_CASE("Built-in personas: sorted, valid, named like their file, with comments that teach") {
  const std::vector<std::string> names = BuiltInPersonas();
  CHECK(names.size() == 14);
  CHECK(std::is_sorted(names.begin(), names.end()));
  for (const std::string& name : names) {
    CAPTURE(name);
    const Result<Persona> persona = BuiltInPersona(name);
    if (!persona) FAIL(persona.error().message());
    CHECK(persona->name == name);
    CHECK(persona->file == "built-in");
    CHECK_FALSE(persona->about.empty());
    CHECK(BuiltInPersonaText(name).starts_with("# "));
  }
}

TEST_CASE("Built-in personas: their text reads back as the same persona") {
  for (const std::string& name : BuiltInPersonas()) {
    CAPTURE(name);
    const std::string text = PersonaText(*BuiltInPersona(name));
    const Result<Persona> again = ParsePersona("again.yaml", text);
    if (!again) FAIL(again.error().message());
    CHECK(PersonaText(*again) == text);
  }
}

TEST_CASE("Built-in personas: everyday players move and interact, complete levels, buy little") {
  for (const std::string& name : kEveryday) {
    CAPTURE(name);
    const Result<Persona> persona = BuiltInPersona(name);
    REQUIRE(persona.has_value());
    const PersonaFacts facts = ComputeFacts(*persona);
    CHECK(facts.events >= 15);
    CHECK(facts.events <= 62);
    CHECK(Share(facts, {Emit::kMove, Emit::kInteraction}) > 0.75);
    CHECK(Share(facts, {Emit::kLevelComplete}) > 0.03);
    CHECK(Share(facts, {Emit::kLevelComplete}) < 0.08);
    CHECK(Share(facts, {Emit::kPurchase}) < 0.03);
    CHECK(facts.refunds < facts.purchases / 10 + 1e-9);
    CHECK_FALSE(persona->one_session);
    CHECK(facts.sessions_per_life > 2);
    CHECK(facts.session_ms / facts.events > 500);
    CHECK(facts.session_ms / facts.events < 15'000);
  }
}

// With m purchase-topic events in a mean life, their number in one life is nearly geometric, so a
// buyer passes five with a chance of about (m / (1 + m))^5.
TEST_CASE(
    "Built-in personas: most buyers stay at or below five purchases for life, whales do not") {
  for (const std::string& name : kEveryday) {
    CAPTURE(name);
    const PersonaFacts facts = ComputeFacts(*BuiltInPersona(name));
    const double mean = (facts.purchases + facts.refunds) * facts.sessions_per_life;
    if (name == "whale") {
      CHECK(mean > 20);
    } else {
      CHECK(mean < 1.2);
    }
  }
}

// The row of docs/personas.md that the facts of a persona give.
std::string TableRow(const std::string& name) {
  const Result<Persona> persona = BuiltInPersona(name);
  const PersonaFacts facts = ComputeFacts(*persona);
  const auto length = static_cast<std::int64_t>(std::llround(facts.session_ms / 1'000));
  char text[512];
  std::snprintf(text, sizeof text, "| `%s` | %s | %.0f | %s | %.3g | %.2g |", name.c_str(),
                persona->about.c_str(), facts.events,
                FormatDuration(length * 1'000'000'000).c_str(), facts.sessions_per_life,
                facts.purchases_per_life);
  return text;
}

TEST_CASE("Built-in personas: the table in the documentation is the computed one") {
  const Result<std::string> page = ReadTextFile(PLAYLOAD_SOURCE_DIR "/docs/personas.md");
  REQUIRE(page.has_value());
  for (const std::string& name : BuiltInPersonas()) {
    const std::string row = TableRow(name);
    CAPTURE(row);
    CHECK(page->find(row + "\n") != std::string::npos);
  }
}

TEST_CASE("Built-in personas: the bot never buys, keeps time like a machine") {
  const Result<Persona> bot = BuiltInPersona("bot");
  REQUIRE(bot.has_value());
  CHECK(bot->item_weights.empty());
  CHECK(bot->gap.family == Dwell::Family::kFixed);
  for (const State& state : bot->states) CHECK(state.dwell.family == Dwell::Family::kFixed);
}

// A refund stands only in a state that every way enters by a purchase or a refund.
TEST_CASE("Built-in personas: a refund comes only behind a purchase") {
  for (const std::string& name : BuiltInPersonas()) {
    CAPTURE(name);
    const Result<Persona> persona = BuiltInPersona(name);
    REQUIRE(persona.has_value());
    const auto money = [](Emit emit) { return emit >= Emit::kPurchase; };
    for (std::size_t i = 0; i < persona->states.size(); ++i) {
      const std::vector<Transition>& to = persona->states[i].to;
      const bool refunds = std::any_of(to.begin(), to.end(), [](const Transition& t) {
        return t.emit == Emit::kRefund || t.emit == Emit::kRefundAgain;
      });
      if (!refunds) continue;
      CHECK(i != 0);
      for (const State& from : persona->states) {
        for (const Transition& t : from.to) {
          if (t.to == static_cast<int>(i)) CHECK(money(t.emit));
        }
      }
    }
  }
}

}  // namespace
}  // namespace playload
