// What windows answer that are taken wrong: each reading beside the right one, over few events.

#include "generator/rules/window_reading.h"

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/rules/evaluator.h"
#include "generator/rules/load.h"
#include "generator/rules/parsed_events.h"

namespace playload {
namespace {

using Answers = WindowReading::Answers;
using Texts = std::vector<std::string>;

RuleSet Rules(const std::string& window, bool closed) {
  const std::string text =
      "rule_set: small\nrules:\n  - rule: sums\n    input: purchase-events\n"
      "    key: user_data.user_id\n    window: {" +
      window + (closed ? ", answer: closed" : "") +
      "}\n    state: {n: count}\n    output: sums\n    record: {user: key, " +
      (closed ? "from: window_start, to: window_end, " : "") + "n: n}\n";
  Result<RuleSet> rules = ParseRuleSet("small.yaml", text);
  REQUIRE_MESSAGE(rules.has_value(), rules.error().message());
  return *rules;
}

class NoTexts : public EventTexts {
 public:
  void AppendText(std::size_t /*field*/, std::string* /*out*/) override {}
  void AppendEvent(std::string* /*out*/) override {}
};

struct Purchase {
  double at_s;
  std::string_view user = "a";
};

// "3: a 2" for each answer of `rules`: with which purchase it came, from 1, who and how many; with
// `closed` also from when to when the window is, in ms. Those that are open at the end come last.
Texts Outputs(const RuleSet& rules, const std::vector<Purchase>& purchases,
              const WindowReading& reading) {
  InternedSymbols symbols;
  const CompiledRules compiled(rules, &symbols, reading);
  Evaluator evaluator(compiled);
  NoTexts texts;
  Texts outputs;
  const auto take = [&outputs](std::size_t event, std::span<const RuleOutput> made) {
    for (const RuleOutput& output : made) {
      std::string text = (event == 0 ? "end" : std::to_string(event)) + ":" + output.key;
      for (const char* name : {"\"from\":", "\"to\":", "\"n\":"}) {
        const std::size_t at = output.value.find(name);
        if (at == std::string::npos) continue;
        const std::size_t begin = at + std::string_view(name).size();
        text += " " + output.value.substr(begin, output.value.find_first_of(",}", begin) - begin);
      }
      outputs.push_back(text);
    }
  };
  for (std::size_t i = 0; i < purchases.size(); ++i) {
    EventFacts facts;
    facts.kind = Kind::kPurchase;
    facts.time_ns = static_cast<std::int64_t>(purchases[i].at_s * 1'000) * 1'000'000;
    facts.values[*FindField(Kind::kPurchase, "user_data.user_id")] = symbols.Of(purchases[i].user);
    take(i + 1, evaluator.Process(facts, texts));
  }
  take(0, evaluator.Finish());
  return outputs;
}

WindowReading With(Answers answers) {
  WindowReading reading;
  reading.answers = answers;
  return reading;
}
WindowReading OtherEdge() {
  WindowReading reading;
  reading.other_edge = true;
  return reading;
}
WindowReading FromEvent() {
  WindowReading reading;
  reading.from_event = true;
  return reading;
}
WindowReading Ahead(std::int64_t seconds) {
  WindowReading reading;
  reading.ahead_ns = seconds * 1'000'000'000;
  return reading;
}
WindowReading ByKey() {
  WindowReading reading;
  reading.closed_by_key = true;
  return reading;
}
WindowReading Apart() {
  WindowReading reading;
  reading.grows_together = false;
  return reading;
}

TEST_CASE("A window that answers when it closes: after each event, and again to late ones") {
  const RuleSet rules = Rules("tumbling: 10s, lateness: 5s", true);
  const std::vector<Purchase> purchases = {{1}, {12, "b"}, {9}, {15.5, "b"}, {8}};
  CHECK(Outputs(rules, purchases, {}) == Texts{"4:a 0 10000 2", "end:b 10000 20000 2"});
  CHECK(Outputs(rules, purchases, With(Answers::kEach)) ==
        Texts{"1:a 0 10000 1", "2:b 10000 20000 1", "3:a 0 10000 2", "4:b 10000 20000 2"});
  CHECK(Outputs(rules, purchases, With(Answers::kAgain)) ==
        Texts{"2:a 0 10000 1", "3:a 0 10000 2", "end:b 10000 20000 2"});
  // One of a window that nobody was in before.
  CHECK(Outputs(rules, {{12, "b"}, {9}, {8}}, With(Answers::kAgain)) ==
        Texts{"2:a 0 10000 1", "3:a 0 10000 2", "end:b 10000 20000 1"});
}

TEST_CASE("A session that answers again: not while a late event has made it longer") {
  const RuleSet rules = Rules("session: 10s, lateness: 5s", true);
  const std::vector<Purchase> purchases = {{1}, {12, "b"}, {9}, {19.5, "b"}, {25, "b"}};
  CHECK(Outputs(rules, purchases, {}) == Texts{"5:a 1000 19000 2", "end:b 12000 35000 3"});
  CHECK(Outputs(rules, purchases, With(Answers::kAgain)) ==
        Texts{"2:a 1000 11000 1", "4:a 1000 19000 2", "end:b 12000 35000 3"});
}

TEST_CASE("A window that only events of its key close") {
  const RuleSet rules = Rules("tumbling: 10s", true);
  const std::vector<Purchase> purchases = {{1}, {12, "b"}, {15, "a"}, {31, "b"}};
  CHECK(Outputs(rules, purchases, {}) ==
        Texts{"2:a 0 10000 1", "4:b 10000 20000 1", "4:a 10000 20000 1", "end:b 30000 40000 1"});
  CHECK(Outputs(rules, purchases, ByKey()) ==
        Texts{"3:a 0 10000 1", "4:b 10000 20000 1", "end:a 10000 20000 1", "end:b 30000 40000 1"});
}

TEST_CASE("The other edge: of tumbling windows, sliding ones and sessions") {
  const std::vector<Purchase> purchases = {{3}, {10}, {20}, {20.001}};
  CHECK(Outputs(Rules("tumbling: 10s", false), purchases, {}) ==
        Texts{"1:a 1", "2:a 1", "3:a 1", "4:a 2"});
  CHECK(Outputs(Rules("tumbling: 10s", false), purchases, OtherEdge()) ==
        Texts{"1:a 1", "2:a 2", "3:a 1", "4:a 1"});
  CHECK(Outputs(Rules("tumbling: 10s", true), purchases, {}) ==
        Texts{"2:a 0 10000 1", "3:a 10000 20000 1", "end:a 20000 30000 2"});
  CHECK(Outputs(Rules("tumbling: 10s", true), purchases, OtherEdge()) ==
        Texts{"3:a 0 10000 2", "4:a 10000 20000 1", "end:a 20000 30000 1"});
  CHECK(Outputs(Rules("sliding: 10s", false), purchases, {}) ==
        Texts{"1:a 1", "2:a 2", "3:a 1", "4:a 2"});
  CHECK(Outputs(Rules("sliding: 10s", false), purchases, OtherEdge()) ==
        Texts{"1:a 1", "2:a 2", "3:a 2", "4:a 2"});
  for (const char* session : {"session: 10s", "session: 10s, lateness: 1s"}) {
    CHECK(Outputs(Rules(session, false), purchases, {}) ==
          Texts{"1:a 1", "2:a 2", "3:a 3", "4:a 4"});
    CHECK(Outputs(Rules(session, false), purchases, OtherEdge()) ==
          Texts{"1:a 1", "2:a 2", "3:a 1", "4:a 2"});
    CHECK(Outputs(Rules(session, true), purchases, {}) == Texts{"end:a 3000 30001 4"});
  }
  CHECK(Outputs(Rules("session: 10s", true), purchases, OtherEdge()) ==
        Texts{"3:a 3000 20000 2", "end:a 20000 30001 2"});
}

TEST_CASE("A tumbling window that begins with an event, and one by another clock") {
  const std::vector<Purchase> purchases = {{3}, {11}, {13}, {21}, {45}, {12, "b"}, {21, "b"}};
  CHECK(Outputs(Rules("tumbling: 10s", false), purchases, {}) ==
        Texts{"1:a 1", "2:a 1", "3:a 2", "4:a 1", "5:a 1", "6:b 1", "7:b 1"});
  CHECK(Outputs(Rules("tumbling: 10s", false), purchases, FromEvent()) ==
        Texts{"1:a 1", "2:a 2", "3:a 1", "4:a 2", "5:a 1", "6:b 1", "7:b 2"});
  const std::vector<Purchase> in_order = {{3}, {11}, {13}, {21}, {45}};
  CHECK(Outputs(Rules("tumbling: 10s", true), in_order, FromEvent()) ==
        Texts{"3:a 3000 13000 2", "5:a 13000 23000 2", "end:a 45000 55000 1"});
  // 4 s ahead: it is 10 s there when it is 6 s here.
  CHECK(Outputs(Rules("tumbling: 10s", false), {{3}, {5.999}, {6}, {15}, {16}}, Ahead(4)) ==
        Texts{"1:a 1", "2:a 2", "3:a 1", "4:a 2", "5:a 1"});
  CHECK(Outputs(Rules("tumbling: 10s", true), {{6}, {15}, {16}}, Ahead(4)) ==
        Texts{"3:a 6000 16000 2", "end:a 16000 26000 1"});
}

TEST_CASE("Sessions that stay two when an event comes between them") {
  const std::vector<Purchase> purchases = {{3}, {20}, {11}, {14}, {21}};
  CHECK(Outputs(Rules("session: 10s, lateness: 10s", false), purchases, {}) ==
        Texts{"1:a 1", "2:a 1", "3:a 3", "4:a 4", "5:a 5"});
  // 11 is nearer to 3, and 14 then to 11.
  CHECK(Outputs(Rules("session: 10s, lateness: 10s", false), purchases, Apart()) ==
        Texts{"1:a 1", "2:a 1", "3:a 2", "4:a 3", "5:a 2"});
  CHECK(Outputs(Rules("session: 10s, lateness: 10s", true), purchases, {}) ==
        Texts{"end:a 3000 31000 5"});
  CHECK(Outputs(Rules("session: 10s, lateness: 10s", true), purchases, Apart()) ==
        Texts{"end:a 3000 24000 3", "end:a 20000 31000 2"});
}

}  // namespace
}  // namespace playload
