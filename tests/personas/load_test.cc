#include "personas/load.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/yaml.h"
#include "personas/read.h"
#include "personas/write.h"

namespace playload {
namespace {

// A small valid persona; the tests break it line by line.
constexpr std::string_view kValid = R"(persona: tester
about: For tests.
life: {sessions: 4}
gap: {lognormal: {median: 6h, sigma: 0.8}}
start: lobby
states:
  shop:
    dwell: {gamma: {mean: 2s, shape: 3}}
    to:
      - {state: lobby, p: 0.7, emit: purchase}
      - {state: lobby, p: 0.3, emit: refund}
  lobby:
    dwell: {exponential: {mean: 8s}}
    to:
      - {state: playing, p: 0.5, emit: level_start}
      - {state: shop, p: 0.25, emit: interaction}
      - {state: exit, p: 0.25}
  playing:
    dwell: {weibull: {scale: 3s, shape: 0.9}}
    to:
      - {state: playing, p: 0.9, emit: move}
      - {state: lobby, p: 0.1, emit: level_complete}
spending: {skin: 3, potion: 1}
)";

// kValid with the first `from` replaced, which must be there.
std::string With(std::string_view from, std::string_view to) {
  std::string text(kValid);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string Refusal(std::string_view text) {
  const Result<Persona> persona = ParsePersona("p.yaml", text);
  if (persona) return "accepted";
  CHECK(persona.error().code() == Code::kInvalid);
  CHECK(persona.error().message().find('\n') == std::string::npos);
  return persona.error().message();
}

TEST_CASE("Persona: every field arrives, the start state first") {
  const Result<Persona> persona = ParsePersona("p.yaml", kValid);
  REQUIRE(persona.has_value());
  CHECK(persona->name == "tester");
  CHECK(persona->about == "For tests.");
  CHECK(persona->file == "p.yaml");
  CHECK(persona->mean_sessions == 4);
  CHECK_FALSE(persona->one_session);
  CHECK(persona->gap.family == Dwell::Family::kLogNormal);
  CHECK(persona->gap.mean_ms == 6 * 3'600'000.0);
  CHECK(persona->gap.shape == 0.8);
  REQUIRE(persona->states.size() == 3);
  CHECK(persona->states[0].name == "lobby");
  CHECK(persona->states[1].name == "shop");
  CHECK(persona->states[2].name == "playing");
  CHECK(persona->states[0].dwell.family == Dwell::Family::kExponential);
  CHECK(persona->states[0].dwell.mean_ms == 8'000);
  CHECK(persona->states[1].dwell.family == Dwell::Family::kGamma);
  CHECK(persona->states[2].dwell.family == Dwell::Family::kWeibull);
  const std::vector<Transition>& lobby = persona->states[0].to;
  REQUIRE(lobby.size() == 3);
  CHECK(lobby[0].to == 2);
  CHECK(lobby[0].parts == 500'000'000);
  CHECK(lobby[0].emit == Emit::kLevelStart);
  CHECK(lobby[1].to == 1);
  CHECK(lobby[2].to == kExit);
  CHECK(lobby[2].emit == Emit::kSessionEnd);
  CHECK(persona->item_weights == std::vector<std::int64_t>{3, 0, 1, 0, 0});
}

TEST_CASE("Persona: a life of exactly one session") {
  const Result<Persona> persona = ParsePersona("p.yaml", With("{sessions: 4}", "one-session"));
  REQUIRE(persona.has_value());
  CHECK(persona->one_session);
  CHECK(persona->mean_sessions == 1);
}

// Parse(Text(p)) = p, and so Text(Parse(Text(p))) = Text(p).
TEST_CASE("Persona: its text reads back as the same persona") {
  const std::string odd = With("For tests.", "\"Says \\\"hi\\\" \\\\ # and: \xc3\xa9\"");
  for (const std::string& text : {std::string(kValid), odd, With("8s", "1m30.000000001s"),
                                  With("{lognormal: {median: 6h, sigma: 0.8}}",
                                       "{exponential: {mean: 19d23h59m59.999999999s}}"),
                                  With("sigma: 0.8", "sigma: 0.123456789012345")}) {
    CAPTURE(text);
    const Result<Persona> first = ParsePersona("p.yaml", text);
    if (!first) FAIL(first.error().message());
    const std::string written = PersonaText(*first);
    const Result<Persona> again = ParsePersona("p.yaml", written);
    if (!again) FAIL(again.error().message());
    CHECK(PersonaText(*again) == written);
    CHECK(again->about == first->about);
    CHECK(again->gap.mean_ms == first->gap.mean_ms);
    CHECK(again->gap.shape == first->gap.shape);
    CHECK(again->states[0].dwell.mean_ms == first->states[0].dwell.mean_ms);
    CHECK(again->item_weights == first->item_weights);
  }
}

TEST_CASE("Persona: inside another file its lines are that file's") {
  const std::string inner = With("p: 0.9, emit: move", "p: 0.8, emit: move");
  std::string text = "personas:\n";
  std::string_view rest = inner;
  for (bool first = true; !rest.empty(); first = false) {
    const std::size_t end = rest.find('\n');
    text += (first ? "  - " : "    ") + std::string(rest.substr(0, end)) + "\n";
    rest.remove_prefix(end + 1);
  }
  const Result<YamlNode> root = ParseYaml("scenario.yaml", text);
  REQUIRE(root.has_value());
  const Result<Persona> persona = ReadPersona("scenario.yaml", root->map[0].second.list[0]);
  REQUIRE_FALSE(persona.has_value());
  CHECK(persona.error().message() ==
        "scenario.yaml:22: the probabilities of state 'playing' sum to 0.9, not to 1");
}

struct Case {
  std::string_view from, to, message;
};

void CheckAll(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.from);
    CAPTURE(c.to);
    CHECK(Refusal(With(c.from, c.to)) == std::string("p.yaml:") + std::string(c.message));
  }
}

TEST_CASE("Persona: probabilities must be decimals that sum to exactly 1") {
  CheckAll({
      {"p: 0.9, emit: move", "p: 0.89, emit: move",
       "21: the probabilities of state 'playing' sum to 0.99, not to 1"},
      {"p: 0.9, emit: move", "p: 0.900000001, emit: move",
       "21: the probabilities of state 'playing' sum to 1.000000001, not to 1"},
      {"p: 0.25}", "p: -0.25}",
       "17: 'p' must be a decimal from 0 to 1 with at most 9 places, such as 0.25, not '-0.25'"},
      {"p: 0.25}", "p: nan}",
       "17: 'p' must be a decimal from 0 to 1 with at most 9 places, such as 0.25, not 'nan'"},
      {"p: 0.25}", "p: .nan}",
       "17: 'p' must be a decimal from 0 to 1 with at most 9 places, such as 0.25, not '.nan'"},
      {"p: 0.25}", "p: 1.5}",
       "17: 'p' must be a decimal from 0 to 1 with at most 9 places, such as 0.25, not '1.5'"},
      {"p: 0.25}", "p: 0.2500000001}",
       "17: 'p' must be a decimal from 0 to 1 with at most 9 places, such as 0.25, not "
       "'0.2500000001'"},
      {"p: 0.25}", "p: [0.25]}", "17: 'p' must be a single value, not a list"},
      {"p: 0.25}", "p: 0}",
       "17: 'p' must be at least 0.00000001; leave out a transition that never happens"},
      {", p: 0.25}", "}", "17: transition needs the key 'p'"},
  });
}

TEST_CASE("Persona: states that cannot be reached or left") {
  CheckAll({
      {"spending:",
       "  attic:\n    dwell: {fixed: {time: 1s}}\n    to: [{state: exit, p: 1}]\nspending:",
       "23: state 'attic' is unreachable: no path leads to it from the start 'lobby'"},
      {"- {state: lobby, p: 0.1, emit: level_complete}", "- {state: playing, p: 0.1, emit: move}",
       "18: a session that comes to state 'playing' can never be left: no path leads from it to "
       "exit"},
      {"- {state: exit, p: 0.25}", "- {state: lobby, p: 0.25, emit: move}",
       "12: a session that comes to state 'lobby' can never be left: no path leads from it to "
       "exit"},
      {"p: 0.5, emit: level_start}\n      - {state: shop, p: 0.25, emit: interaction}\n"
       "      - {state: exit, p: 0.25}",
       "p: 0.5, emit: level_start}\n      - {state: shop, p: 0.49999, emit: interaction}\n"
       "      - {state: exit, p: 0.00001}",
       "12: a session has on average 650000 events; at most 4000. Make exit more likely"},
  });
}

TEST_CASE("Persona: a level is completed once, and only after it was started") {
  CheckAll({
      {"p: 0.5, emit: level_start", "p: 0.5, emit: move",
       "22: level_complete without a level that was started in this session and is still open; "
       "one path that comes here is lobby -> playing"},
      {"- {state: lobby, p: 0.1, emit: level_complete}",
       "- {state: playing, p: 0.05, emit: level_complete}\n"
       "      - {state: lobby, p: 0.05, emit: interaction}",
       "22: level_complete without a level that was started in this session and is still open; "
       "one path that comes here is lobby -> playing -> playing"},
      {"- {state: lobby, p: 0.7, emit: purchase}", "- {state: playing, p: 0.7, emit: purchase}",
       "22: level_complete without a level that was started in this session and is still open; "
       "one path that comes here is lobby -> shop -> playing"},
  });
  // A level that was given up stays open: starting again is another try at it.
  CHECK(Refusal(With("- {state: lobby, p: 0.1, emit: level_complete}",
                     "- {state: lobby, p: 0.05, emit: level_complete}\n"
                     "      - {state: lobby, p: 0.05, emit: interaction}")) == "accepted");
}

TEST_CASE("Persona: purchases, refunds and spending belong together") {
  CheckAll({
      {"spending: {skin: 3, potion: 1}\n", "",
       "10: a purchase is made, so the persona needs the key 'spending', such as spending: {skin: "
       "3, potion: 1}"},
      {"p: 0.7, emit: purchase", "p: 0.7, emit: move",
       "23: 'spending' has no use: no transition emits a purchase"},
      {"p: 0.7, emit: purchase}", "p: 0.7, emit: move}\n      # no shop left",
       "24: 'spending' has no use: no transition emits a purchase"},
      {"{skin: 3, potion: 1}", "{skin: 0}", "23: 'spending' needs at least one weight above 0"},
      {"{skin: 3, potion: 1}", "{}", "23: 'spending' needs at least one weight above 0"},
      {"{skin: 3, potion: 1}", "{skim: 3}",
       "23: 'spending' has no key 'skim'; did you mean 'skin'?"},
      {"{skin: 3, potion: 1}", "{skin: -3}",
       "23: 'skin' must be a whole number from 0 to 1000000, not '-3'"},
      {"{skin: 3, potion: 1}", "{skin: 0.5}",
       "23: 'skin' must be a whole number from 0 to 1000000, not '0.5'"},
  });
  std::string no_purchase = With("p: 0.7, emit: purchase", "p: 0.7, emit: move");
  no_purchase.erase(no_purchase.find("spending"));
  CHECK(Refusal(no_purchase) == "p.yaml:11: a refund is made, but no transition emits a purchase");
}

TEST_CASE("Persona: dwells must be one family with sane numbers") {
  CheckAll({
      {"{exponential: {mean: 8s}}", "{exponental: {mean: 8s}}",
       "13: dwell has no key 'exponental'; did you mean 'exponential'?"},
      {"{exponential: {mean: 8s}}", "{}",
       "13: dwell needs one of fixed, exponential, lognormal, weibull, gamma, as in {exponential: "
       "{mean: 8s}}"},
      {"{exponential: {mean: 8s}}", "{exponential: {mean: 8s}, fixed: {time: 1s}}",
       "13: dwell needs one of fixed, exponential, lognormal, weibull, gamma, as in {exponential: "
       "{mean: 8s}}"},
      {"{exponential: {mean: 8s}}", "8s",
       "13: dwell must be a map of keys and values, not a single value"},
      {"{exponential: {mean: 8s}}", "{exponential: 8s}",
       "13: exponential must be a map of keys and values, not a single value"},
      {"{exponential: {mean: 8s}}", "{exponential: {median: 8s}}",
       "13: exponential has no key 'median'; did you mean 'mean'?"},
      {"mean: 8s", "mean: 0s", "13: 'mean' must be from 1ms to 20d, not '0s'"},
      {"mean: 8s", "mean: 21d", "13: 'mean' must be from 1ms to 20d, not '21d'"},
      {"mean: 8s", "mean: -8s",
       "13: 'mean': duration '-8s' is not a duration; write 250ms, 8s, 1.5m, 6h, 30d or 1h30m"},
      {"mean: 8s", "mean: nan",
       "13: 'mean': duration 'nan' is not a duration; write 250ms, 8s, 1.5m, 6h, 30d or 1h30m"},
      {"mean: 8s", "mean: 8",
       "13: 'mean': duration '8' has no unit; write ms, s, m, h or d behind the number"},
      {", sigma: 0.8", "", "4: lognormal needs the key 'sigma'"},
      {"sigma: 0.8", "sigma: 4", "4: 'sigma' must be a number from 0.01 to 3, not '4'"},
      {"sigma: 0.8", "sigma: nan", "4: 'sigma' must be a number from 0.01 to 3, not 'nan'"},
      {"sigma: 0.8", "sigma: -1", "4: 'sigma' must be a number from 0.01 to 3, not '-1'"},
      {"scale: 3s, shape: 0.9", "scale: 3s, shape: 0.1",
       "19: 'shape' must be a number from 0.2 to 20, not '0.1'"},
      {"mean: 2s, shape: 3", "mean: 2s, shape: 101",
       "8: 'shape' must be a number from 0.1 to 100, not '101'"},
      {"median: 6h, sigma: 0.8", "median: 19d, sigma: 1.5",
       "4: gap has a mean above 20d; make its time or its spread smaller"},
  });
}

TEST_CASE("Persona: events") {
  CheckAll({
      {"p: 0.9, emit: move", "p: 0.9, emit: mvoe",
       "21: there is no event 'mvoe'; did you mean 'move'?"},
      {"p: 0.9, emit: move", "p: 0.9",
       "21: a transition needs the key 'emit' (only exit has none)"},
      {"p: 0.9, emit: move", "p: 0.9, emit: session_end",
       "21: there is no event 'session_end'; valid: move, interaction, level_start, "
       "level_complete, purchase, purchase_foreign, refund, refund_again"},
      {"p: 0.25}", "p: 0.25, emit: move}",
       "17: a transition to exit always emits session_end; leave 'emit' out"},
      {"p: 0.9, emit: move", "p: 0.9, emmit: move",
       "21: transition has no key 'emmit'; did you mean 'emit'?"},
  });
}

TEST_CASE("Persona: names") {
  CheckAll({
      {"persona: tester", "persona: 1st",
       "1: the name '1st' must begin with a letter and hold letters, digits, '-' and '_', at most "
       "32"},
      {"persona: tester", "persona: a/b",
       "1: the name 'a/b' must begin with a letter and hold letters, digits, '-' and '_', at most "
       "32"},
      {"start: lobby", "start: loby",
       "5: 'start' names the state 'loby', which is not there; did you mean 'lobby'?"},
      {"- {state: shop,", "- {state: shpo,", "16: there is no state 'shpo'; did you mean 'shop'?"},
      {"- {state: exit,", "- {state: exti,", "17: there is no state 'exti'; did you mean 'exit'?"},
      {"  shop:", "  exit:", "7: a state must not be called 'exit'; that word is taken"},
      {"  shop:", "  offline:", "7: a state must not be called 'offline'; that word is taken"},
      {"  shop:", "  the shop:",
       "7: the state name 'the shop' must begin with a letter and hold letters, digits, '-' and "
       "'_', at most 32"},
      {"  shop:", "  lobby:", "12: the key 'lobby' is here a second time; the first is in line 7"},
      {"For tests.", "\"two\\nlines\"",
       "2: 'about' must be one sentence on one line, at most 200 bytes"},
  });
}

TEST_CASE("Persona: keys that are missing, unknown or of the wrong type") {
  CheckAll({
      {"persona: tester", "person: tester",
       "1: persona has no key 'person'; did you mean 'persona'?"},
      {"about: For tests.\n", "", "1: persona needs the key 'about'"},
      {"life: {sessions: 4}\n", "", "1: persona needs the key 'life'"},
      {"start: lobby\n", "", "1: persona needs the key 'start'"},
      {"gap:", "gaps:", "4: persona has no key 'gaps'; did you mean 'gap'?"},
      {"spending:", "spendings:", "23: persona has no key 'spendings'; did you mean 'spending'?"},
      {"life: {sessions: 4}", "life: {sessions: 0.5}",
       "3: 'sessions' must be a number from 1 to 255, not '0.5'"},
      {"life: {sessions: 4}", "life: {sessions: 256}",
       "3: 'sessions' must be a number from 1 to 255, not '256'"},
      {"life: {sessions: 4}", "life: one",
       "3: 'life' must be {sessions: N} or one-session, not 'one'"},
      {"life: {sessions: 4}", "life: [4]",
       "3: 'life' must be a map of keys and values, not a list"},
      {"    dwell: {gamma: {mean: 2s, shape: 3}}\n", "", "8: state 'shop' needs the key 'dwell'"},
      {"dwell: {gamma", "dwel: {gamma", "8: state 'shop' has no key 'dwel'; did you mean 'dwell'?"},
  });
  CHECK(Refusal("persona: x\nabout: y\nlife: one-session\ngap: {fixed: {time: 1s}}\nstart: a\n"
                "states: {}\n") == "p.yaml:6: 'states' must be a map from state names to states");
  CHECK(Refusal("persona: x\nabout: y\nlife: one-session\ngap: {fixed: {time: 1s}}\nstart: a\n"
                "states: {a: {dwell: {fixed: {time: 1s}}, to: []}}\n") ==
        "p.yaml:6: 'to' must be a list of transitions such as {state: exit, p: 1}");
  CHECK(Refusal("- a\n") == "p.yaml:1: persona must be a map of keys and values, not a list");
  CHECK(Refusal("") == "p.yaml:1: the file is empty");
}

// A chain of `count` states, each going to the next, with `extra` further transitions in the first.
std::string Chain(int count, int extra) {
  std::string text =
      "persona: x\nabout: y\nlife: one-session\ngap: {fixed: {time: 1s}}\nstart: s0\nstates:\n";
  for (int i = 0; i < count; ++i) {
    text += "  s" + std::to_string(i) + ":\n    dwell: {fixed: {time: 1s}}\n    to:\n";
    for (int k = 0; i == 0 && k < extra; ++k) text += "      - {state: s0, p: 0.01, emit: move}\n";
    const std::string p = YamlShare(kProbabilityOne - (i == 0 ? extra : 0) * 10'000'000);
    text += i + 1 == count
                ? "      - {state: exit, p: " + p + "}\n"
                : "      - {state: s" + std::to_string(i + 1) + ", p: " + p + ", emit: move}\n";
  }
  return text;
}

TEST_CASE("Persona: as many states and transitions as the tables hold") {
  CHECK(Refusal(Chain(kMaxStates, 0)) == "accepted");
  CHECK(Refusal(Chain(kMaxStates + 1, 0)) ==
        "p.yaml:67: state 's15' is one too many; a persona has at most 15");
  CHECK(Refusal(Chain(2, kMaxTransitions - 1)) == "accepted");
  CHECK(Refusal(Chain(2, kMaxTransitions)) == "p.yaml:26: state 's0' has more than 16 transitions");
}

TEST_CASE("Persona: files and built-in names") {
  std::string pattern = (std::filesystem::temp_directory_path() / "playload-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  const std::string path = pattern + "/mine.yaml";
  std::ofstream(path) << kValid;
  const Result<Persona> mine = LoadPersonaFile(path);
  REQUIRE(mine.has_value());
  CHECK(mine->file == path);
  std::ofstream(path) << With("start: lobby", "start: loby");
  CHECK(LoadPersonaFile(path).error().message().starts_with(path + ":5: 'start'"));
  std::filesystem::remove_all(pattern);
  CHECK(LoadPersonaFile(path).error().message() ==
        path + ": cannot be read: No such file or directory");
  CHECK(LoadPersonaFile("/").error().message() == "/: is a folder; must be a text file");

  CHECK(BuiltInPersona("whlae").error().message() ==
        "unknown persona 'whlae'; did you mean 'whale'?");
  CHECK(BuiltInPersona("nobody-at-all").error().message().find("; valid: bot, card-tester") !=
        std::string::npos);
  CHECK(BuiltInPersonaText("nobody").empty());
}

// Every prefix of a valid file is either a persona or refused with a line; none crashes.
TEST_CASE("Persona: a file that is cut off anywhere does no harm") {
  for (std::size_t length = 0; length < kValid.size(); ++length) {
    const std::string refusal = Refusal(kValid.substr(0, length));
    CHECK((refusal == "accepted" || refusal.starts_with("p.yaml:")));
  }
}

}  // namespace
}  // namespace playload
