#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "personas/facts.h"
#include "personas/load.h"
#include "personas/write.h"

namespace playload {
namespace {

constexpr std::string_view kText = R"(persona: hand
about: Small enough for pen and paper.
life: {sessions: 2}
gap: {lognormal: {median: 12s, sigma: 0.5}}
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
      - {state: a, p: 1, emit: interaction}
spending: {potion: 1, bundle: 2}
)";

Persona Hand() {
  Result<Persona> persona = ParsePersona("hand.yaml", kText);
  if (!persona) FAIL(persona.error().message());
  return *persona;
}

TEST_CASE("Render: a persona with its facts, as aligned tables") {
  const Persona persona = Hand();
  CHECK(RenderPersona(persona, ComputeFacts(persona)) == R"(hand: Small enough for pen and paper.

life  mean 2 sessions, at most 255
gap   lognormal, median 12s, sigma 0.5 (mean 13.6s)
buys  potion 1, bundle 2 (weights)
from  hand.yaml

state  dwell                 visits   share    time
a      fixed 1s                4.00  80.0 %  50.0 %
b      exponential, mean 4s    1.00  20.0 %  50.0 %

from     to    p     emits
(start)  a     1     session_start
a        a     0.5   move
         b     0.25  purchase
         exit  0.25  session_end
b        a     1     interaction

                 a session  a day  a life
length                  8s          29.6s
sessions              1.00   4000    2.00
events                6.00  24002    12.0
  move                2.00   8001    4.00
  interaction         1.00   4000    2.00
  session_start       1.00   4000    2.00
  session_end         1.00   4000    2.00
  purchase            1.00   4000    2.00
)");
}

TEST_CASE("Render: no line of any built-in ends with a blank or is too wide for a page") {
  for (const std::string& name : BuiltInPersonas()) {
    CAPTURE(name);
    const Result<Persona> persona = BuiltInPersona(name);
    REQUIRE(persona.has_value());
    std::string_view rest;
    const std::string text = RenderPersona(*persona, ComputeFacts(*persona));
    rest = text;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      CHECK(line.size() <= 100);
      CHECK((line.empty() || line.back() != ' '));
      rest.remove_prefix(line.size() + 1);
    }
  }
}

TEST_CASE("Render: the chain as a Mermaid state diagram") {
  CHECK(RenderGraph(Hand(), GraphFormat::kMermaid) == R"(stateDiagram-v2
  state "a" as s0
  state "b" as s1
  [*] --> s0: session_start
  s0 --> s0: 0.5 move
  s0 --> s1: 0.25 purchase
  s0 --> [*]: 0.25 session_end
  s1 --> s0: 1 interaction
)");
}

TEST_CASE("Render: the chain as a Graphviz digraph") {
  CHECK(RenderGraph(Hand(), GraphFormat::kDot) == R"(digraph "hand" {
  rankdir=LR;
  node [shape=box, style=rounded];
  start [shape=point];
  exit [shape=doublecircle, label="", width=0.15];
  s0 [label="a"];
  s1 [label="b"];
  start -> s0 [label="session_start"];
  s0 -> s0 [label="0.5 move"];
  s0 -> s1 [label="0.25 purchase"];
  s0 -> exit [label="0.25 session_end"];
  s1 -> s0 [label="1 interaction"];
}
)");
}

TEST_CASE("Render: the YAML forms that other files share") {
  CHECK(YamlShare(0) == "0");
  CHECK(YamlShare(kProbabilityOne) == "1");
  CHECK(YamlShare(250'000'000) == "0.25");
  CHECK(YamlShare(1) == "0.000000001");
  CHECK(YamlShare(1'900'000'000) == "1.9");
  CHECK(YamlReal(0.1) == "0.1");
  CHECK(YamlReal(40) == "40");
  CHECK(YamlQuoted("a\"b\\c\n\x7f") == "\"a\\\"b\\\\c\\x0a\\x7f\"");
}

}  // namespace
}  // namespace playload
