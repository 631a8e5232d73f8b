// The evaluators against what is written down: the worked examples of docs/rules.md and of the
// contract, and the reference pipeline.

#include "generator/rules/evaluator.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "generator/oracle/oracle.h"
#include "generator/reference/reference_pipeline.h"
#include "generator/rules/load.h"
#include "tests/reference/events.h"
#include "tests/rules/both.h"

namespace playload {
namespace {

using testing::IncrementalOutputs;
using testing::PlayerLine;
using testing::PurchaseLine;
using testing::ServerLine;

RuleSet Parse(const std::string& text) {
  Result<RuleSet> rules = ParseRuleSet("test.yaml", text);
  REQUIRE_MESSAGE(rules.has_value(), rules.error().message());
  return *rules;
}

RuleSet BuiltIn(const std::string& name) {
  Result<RuleSet> rules = LoadRuleSet(name);
  REQUIRE_MESSAGE(rules.has_value(), rules.error().message());
  return *rules;
}

// A purchase of player_1 so many seconds into a day.
RecordedEvent PurchaseAt(double seconds, const std::string& amount,
                         const std::string& type = "purchase", const std::string& user = "1",
                         const std::string& currency = "USD") {
  std::string line = PurchaseLine("player_" + user, currency, amount, type);
  const int whole = static_cast<int>(seconds);
  char time[64];
  std::snprintf(time, sizeof(time), "2026-01-01T%02d:%02d:%06.3fZ", whole / 3600, whole / 60 % 60,
                seconds - whole / 60 * 60);
  const std::string was = "2026-01-01T00:00:00Z";
  return {Kind::kPurchase, line.replace(line.find(was), was.size(), time)};
}

// "2:{...}" for each output: the event's number from 1, and its value; both evaluators.
std::vector<std::string> Outputs(const RuleSet& rules, const std::vector<RecordedEvent>& stream) {
  const std::vector<NaiveOutput> naive = NaiveOutputs(rules, stream);
  CHECK(IncrementalOutputs(rules, stream) == naive);
  std::vector<std::string> texts;
  for (const NaiveOutput& output : naive) {
    texts.push_back(std::to_string(output.event + 1) + ":" + output.value);
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST_CASE("The worked example of docs/rules.md: a sliding window") {
  const RuleSet rules = Parse(R"(rule_set: small
rules:
  - rule: busy
    input: purchase-events
    key: user_data.user_id
    window: {sliding: 10s, lateness: 5s}
    state: {n: count, total: sum parameters.amount}
    cool_down: 8s
    when: n >= 2
    output: busy
    record: {user: key, n: n, total: total}
)");
  const std::vector<RecordedEvent> stream = {
      PurchaseAt(10, "1"),   PurchaseAt(14, "2"),  PurchaseAt(20, "4"),  PurchaseAt(15, "8"),
      PurchaseAt(14.9, "1"), PurchaseAt(22, "16"), PurchaseAt(32.5, "1")};
  CHECK(Outputs(rules, stream) == Texts{R"(2:{"user":"player_1","n":2,"total":3})",
                                        R"(6:{"user":"player_1","n":4,"total":30})"});
  std::vector<RuleStep> steps;
  IncrementalOutputs(rules, stream, &steps);
  REQUIRE(steps.size() == 7);
  using Answer = RuleStep::Answer;
  const std::vector<Answer> answers = {Answer::kNothing,  Answer::kOutput, Answer::kCoolDown,
                                       Answer::kCoolDown, Answer::kLate,   Answer::kOutput,
                                       Answer::kNothing};
  const std::vector<Texts> before = {{"0", "0"}, {"1", "1"},  {"1", "2"}, {"2", "3"},
                                     {},         {"3", "14"}, {"0", "0"}};
  const std::vector<Texts> after = {{"1", "1"}, {"2", "3"},  {"2", "6"}, {"3", "11"},
                                    {},         {"4", "30"}, {"1", "1"}};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    CAPTURE(i);
    CHECK(steps[i].answer == answers[i]);
    CHECK(steps[i].before == before[i]);
    CHECK(steps[i].after == after[i]);
  }
}

TEST_CASE("The worked example of docs/rules.md: a window that answers when it closes") {
  const RuleSet rules = Parse(R"(rule_set: small
rules:
  - rule: sums
    input: purchase-events
    key: user_data.user_id
    window: {tumbling: 10s, lateness: 2s, answer: closed}
    state: {n: count, total: sum parameters.amount}
    when: n >= 2
    output: sums
    record: {user: key, from: window_start, n: n, total: total}
)");
  const std::vector<RecordedEvent> stream = {PurchaseAt(3, "1"),
                                             PurchaseAt(9, "2", "purchase", "2"),
                                             PurchaseAt(11, "4"),
                                             PurchaseAt(8, "8"),
                                             PurchaseAt(12, "16", "purchase", "2"),
                                             PurchaseAt(9.9, "32"),
                                             PurchaseAt(19, "64", "purchase", "2")};
  CHECK(Outputs(rules, stream) ==
        Texts{R"(5:{"user":"player_1","from":1767225600000,"n":2,"total":9})",
              R"(8:{"user":"player_2","from":1767225610000,"n":2,"total":80})"});
  std::vector<RuleStep> steps;
  const std::vector<NaiveOutput> outputs = IncrementalOutputs(rules, stream, &steps);
  REQUIRE(outputs.size() == 2);
  CHECK(outputs[0].cause + 1 == 4);
  CHECK(outputs[0].wait_ns == 4'000'000'000);
  CHECK_FALSE(outputs[0].open);
  CHECK(outputs[1].cause + 1 == 7);
  CHECK(outputs[1].wait_ns == 3'000'000'000);
  CHECK(outputs[1].open);
  REQUIRE(steps.size() == 7);
  const std::vector<int> ends = {10, 10, 20, 10, 20, 0, 20};
  const std::vector<Texts> after = {{"1", "1"},  {"1", "2"}, {"1", "4"}, {"2", "9"},
                                    {"1", "16"}, {},         {"2", "80"}};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    CAPTURE(i);
    CHECK(steps[i].after == after[i]);
    CHECK(steps[i].answer == (i == 5 ? RuleStep::Answer::kLate : RuleStep::Answer::kCounted));
    if (i != 5) {
      CHECK(steps[i].window_end_ns == (1'767'225'600 + std::int64_t{ends[i]}) * 1'000'000'000);
    }
  }
}

TEST_CASE("The worked example of the contract") {
  struct Row {
    const char* user;
    const char* type;
    const char* currency;
    const char* amount;
    const char* reason;
    const char* aggregate;
  };
  const char* const frequent = "Too frequent transactions";
  const char* const multi = "Multiple currency transactions";
  const std::vector<Row> rows = {
      {"player_7", "purchase", "USD", "4.99", "", "4.99,\"transaction_count\":1"},
      {"player_12", "purchase", "USD", "9.99", "", "9.99,\"transaction_count\":1"},
      {"player_7", "purchase", "USD", "0.99", "", "5.98,\"transaction_count\":2"},
      {"player_7", "refund", "USD", "4.99", "", "10.97,\"transaction_count\":3"},
      {"player_7", "purchase", "EUR", "2.49", multi, "13.46,\"transaction_count\":4"},
      {"player_7", "purchase", "USD", "1.99", multi, "15.450000000000001,\"transaction_count\":5"},
      {"player_7", "purchase", "USD", "1.99", frequent, "17.44,\"transaction_count\":6"},
      {"player_12", "purchase", "EUR", "5.00", multi, "14.99,\"transaction_count\":2"},
      {"player_7", "refund", "EUR", "2.49", frequent, "19.93,\"transaction_count\":7"},
      {"player_12", "purchase", "EUR", "5.00", multi, "19.990000000000002,\"transaction_count\":3"},
  };
  std::vector<RecordedEvent> stream;
  Texts expected;
  for (const Row& row : rows) {
    stream.push_back({Kind::kPurchase, PurchaseLine(row.user, row.currency, row.amount, row.type)});
    const std::string number = std::to_string(stream.size()) + ":";
    expected.push_back(number + "{\"total_amount\":" + row.aggregate + "}");
    if (*row.reason == '\0') continue;
    expected.push_back(number + "{\"user_id\":\"" + row.user + "\",\"reason\":\"" + row.reason +
                       "\"}");
  }
  CHECK(Outputs(BuiltIn("dataflow"), stream) == expected);
}

TEST_CASE("The server boundary set") {
  const std::vector<RecordedEvent> stream = {
      {Kind::kServer, ServerLine("server_1", "80", "80")},
      {Kind::kServer, ServerLine("server_1", "81", "10")},
      {Kind::kServer, ServerLine("server_1", "10", "81")},
      {Kind::kServer, ServerLine("server_1", "79", "80", "5000")}};
  CHECK(Outputs(BuiltIn("dataflow"), stream) ==
        Texts{"2:" + stream[1].line, "3:" + stream[2].line});
}

// Broken events too: what the reference pipeline takes for no event, the rules do.
TEST_CASE("The rule set dataflow says what the reference pipeline says, byte for byte") {
  const RuleSet rules = BuiltIn("dataflow");
  InternedSymbols symbols;
  const CompiledRules compiled(rules, &symbols);
  Evaluator evaluator(compiled);
  ParsedEvents events(&symbols);
  ReferencePipeline pipeline;
  Oracle oracle;
  std::mt19937 random(7);
  std::vector<ReferencePipeline::OutputRecord> expected;
  std::uint64_t alerts = 0;
  std::uint64_t broken = 0;
  for (int i = 0; i < 40'000; ++i) {
    const auto kind = static_cast<Kind>(random() % 3);
    const std::string user = "player_" + std::to_string(1 + random() % 2'000);
    const std::string cents = std::to_string(random() % 10'000);
    std::string line =
        kind == Kind::kPlayer ? PlayerLine(user)
        : kind == Kind::kPurchase
            ? PurchaseLine(user, random() % 8 == 0 ? "EUR" : "USD",
                           cents + "." + std::to_string(random() % 100),
                           random() % 4 == 0 ? "refund" : "purchase")
            : ServerLine("server_" + std::to_string(random() % 9),
                         std::to_string(75 + random() % 10), std::to_string(75 + random() % 10));
    if (random() % 20 == 0) {
      // Something else in the place of one character: often no event any more.
      line[random() % line.size()] = "\"7x{},:-.0"[random() % 10];
    }
    expected.clear();
    const bool valid =
        pipeline.Process(static_cast<ReferencePipeline::Input>(kind), line, &expected);
    EventFacts facts;
    CAPTURE(line);
    REQUIRE(events.Read(kind, line, compiled.needs(kind), compiled.needs_time(kind), &facts) ==
            valid);
    if (!valid) {
      ++broken;
      continue;
    }
    const std::span<const RuleOutput> got = evaluator.Process(facts, events);
    REQUIRE(got.size() == expected.size());
    for (std::size_t k = 0; k < got.size(); ++k) {
      CHECK(rules.rules[got[k].rule].output ==
            ReferencePipeline::kOutputNames[static_cast<int>(expected[k].output)]);
      CHECK(got[k].key == expected[k].key);
      CHECK(got[k].value == expected[k].value);
      alerts += rules.rules[got[k].rule].output == "fraud-alerts" ? 1 : 0;
    }
  }
  CHECK(alerts > 1'000);
  CHECK(broken > 200);
}

TEST_CASE("Tumbling, session, last: at their edges") {
  const auto rules = [](const std::string& window) {
    return Parse(
        "rule_set: edges\nrules:\n  - rule: n\n    input: purchase-events\n"
        "    key: user_data.user_id\n    state: {n: count}\n    window: " +
        window + "\n    output: n\n    record: {n: n}\n");
  };
  const auto counts = [](const RuleSet& set, const std::vector<double>& times) {
    std::vector<RecordedEvent> stream;
    for (const double time : times) stream.push_back(PurchaseAt(time, "1"));
    std::string text;
    for (const std::string& output : Outputs(set, stream)) {
      const std::size_t at = output.rfind(':') + 1;
      text += (text.empty() ? "" : " ") + output.substr(0, output.find(':')) + "=" +
              output.substr(at, output.size() - at - 1);
    }
    return text;
  };
  CHECK(counts(rules("{tumbling: 10s}"), {9.999, 10, 19.999, 20}) == "1=1 2=1 3=2 4=1");
  // Without lateness whoever is behind is dropped, even in the same window.
  CHECK(counts(rules("{tumbling: 10s}"), {11, 10, 11}) == "1=1 3=2");
  CHECK(counts(rules("{tumbling: 10s, lateness: 5s}"), {11, 9, 10, 16, 11, 10.999, 8}) ==
        "1=1 2=1 3=2 4=3 5=4");
  CHECK(counts(rules("{session: 10s}"), {0, 10, 20.001, 30}) == "1=1 2=2 3=1 4=2");
  // One that fits between two sessions makes one of them.
  CHECK(counts(rules("{session: 10s, lateness: 30s}"), {0, 20, 10, 31, 30}) ==
        "1=1 2=1 3=3 4=1 5=5");
  CHECK(counts(rules("{sliding: 10s}"), {0, 9.999, 10, 10}) == "1=1 2=2 3=2 4=3");
  CHECK(counts(rules("{last: 2}"), {5, 1, 3}) == "1=1 2=2 3=2");
}

// "2=3@4": with the second event, or "end", an answer: how many events, and which of them is its
// cause.
TEST_CASE("Windows that answer when they close: at their edges") {
  const auto answers = [](const std::string& window, const std::vector<RecordedEvent>& stream) {
    const RuleSet rules = Parse(
        "rule_set: edges\nrules:\n  - rule: n\n    input: purchase-events\n"
        "    key: user_data.user_id\n    state: {n: count}\n    window: " +
        window + "\n    output: n\n    record: {n: n, s: window_start, e: window_end}\n");
    Outputs(rules, stream);
    std::string text;
    for (const NaiveOutput& output : IncrementalOutputs(rules, stream)) {
      CHECK(output.open == (output.event == stream.size()));
      text += (text.empty() ? "" : " ") + (output.open ? "end" : std::to_string(output.event + 1)) +
              "=" + output.value.substr(5, output.value.find(',') - 5) + "@" +
              std::to_string(output.cause + 1);
    }
    return text;
  };
  const auto times = [](const std::vector<double>& seconds) {
    std::vector<RecordedEvent> stream;
    for (const double time : seconds) stream.push_back(PurchaseAt(time, "1"));
    return stream;
  };
  CHECK(answers("{tumbling: 10s, answer: closed}", times({0, 9.999, 10})) == "3=2@2 end=1@3");
  // A window that is open takes whoever belongs into it, in whatever order; a closed one nobody.
  CHECK(answers("{tumbling: 10s, answer: closed}", times({5, 3, 11, 9.999, 25})) ==
        "3=2@2 5=1@3 end=1@5");
  CHECK(answers("{tumbling: 10s, lateness: 5s, answer: closed}",
                times({5, 14.999, 9, 15, 9, 30})) == "4=2@3 6=2@4 end=1@6");
  // Exactly GAP apart is one session, also with one of another user in between at that instant.
  CHECK(answers("{session: 10s, answer: closed}", times({0, 10, 20.001})) == "3=2@2 end=1@3");
  CHECK(answers("{session: 10s, answer: closed}",
                {PurchaseAt(0, "1"), PurchaseAt(10, "1", "purchase", "2"), PurchaseAt(10, "1"),
                 PurchaseAt(20.001, "1", "purchase", "2")}) == "4=2@3 4=1@2 end=1@4");
  // Two open sessions grow together, and then have the turn of the one that began first.
  CHECK(answers("{session: 10s, lateness: 10s, answer: closed}", times({0, 15, 8, 35.001})) ==
        "4=3@3 end=1@4");
  // An event that alone would be too late, but that an open session reaches.
  CHECK(answers("{session: 10s, answer: closed}", times({20, 10, 31})) == "3=2@2 end=1@3");
  CHECK(answers("{session: 10s, answer: closed}", times({20, 9.999, 31})) == "3=1@1 end=1@3");
  // Those that are due at the same instant: who began first is first, whatever the key.
  CHECK(answers("{tumbling: 10s, answer: closed}",
                {PurchaseAt(12, "1", "purchase", "2"), PurchaseAt(11, "1"),
                 PurchaseAt(10, "1", "purchase", "3"), PurchaseAt(19, "1"), PurchaseAt(40, "1")}) ==
        "5=1@1 5=2@4 5=1@3 end=1@5");
}

// By number, the events at the edge; those in parentheses are dropped.
TEST_CASE("Who is at the edge of lateness") {
  const auto edges = [](const std::string& window, const std::vector<double>& times) {
    const RuleSet rules = Parse(
        "rule_set: edges\nrules:\n  - rule: n\n    input: purchase-events\n"
        "    key: user_data.user_id\n    window: " +
        window + "\n    output: n\n    record: {user: key}\n");
    std::vector<RecordedEvent> stream;
    for (const double time : times) stream.push_back(PurchaseAt(time, "1"));
    std::vector<NaiveEdge> naive;
    NaiveOutputs(rules, stream, &naive);
    std::vector<NaiveEdge> found;
    std::vector<RuleStep> steps;
    IncrementalOutputs(rules, stream, &steps, &found);
    CHECK(found == naive);
    std::string text;
    for (const NaiveEdge& edge : found) {
      const std::string number = std::to_string(edge.event + 1);
      const bool late = steps[edge.event].answer == RuleStep::Answer::kLate;
      text += (text.empty() ? "" : " ") + (late ? "(" + number + ")" : number);
    }
    return text;
  };
  // Without lateness nobody is, however many have one time.
  CHECK(edges("{sliding: 10s}", {50, 50, 49, 50, 51}).empty());
  CHECK(edges("{tumbling: 10s}", {50, 50, 49, 50, 51}).empty());
  // Exactly at the bound.
  CHECK(edges("{sliding: 10s, lateness: 5s}", {50, 45, 44.999, 45.001, 50}) == "2");
  CHECK(edges("{session: 10s, lateness: 5s}", {50, 45, 44.999, 45.001, 50}) == "2");
  CHECK(edges("{tumbling: 10s, lateness: 5s}", {50, 45, 44.999, 45.001, 50}) == "2");
  // Near it.
  CHECK(edges("{sliding: 10s, lateness: 5s, edge: 1s}", {50, 46.001, 46, 45, 44, 43.999, 50}) ==
        "3 4 (5)");
  CHECK(edges("{sliding: 10s, edge: 1s}", {50, 50, 49.5, 49, 48.999, 50}) == "(3) (4)");
  CHECK(edges("{tumbling: 10s, edge: 1s}", {50, 50, 49.5, 49, 48.999, 50}) == "(3) (4)");
  // Of a window that answers when it closes: the bound is its end.
  CHECK(edges("{tumbling: 10s, lateness: 5s, answer: closed}",
              {51, 49, 54.999, 49, 55, 49, 56, 49, 56}) == "(6)");
  CHECK(edges("{tumbling: 10s, lateness: 5s, edge: 1s, answer: closed}",
              {51, 49, 54, 49, 56, 49, 56.001, 49, 59.5, 59.4}) == "4 (6)");
  CHECK(edges("{session: 10s, lateness: 5s, answer: closed}",
              {50, 49, 60, 59.9, 60, 50, 49, 100, 85, 84.999, 74.999, 64.998}) == "9 10 11");
  // Another reading has the session from 50 to 60 still open when 55 comes, and that from 75 not
  // yet apart from it.
  CHECK(edges("{session: 10s, lateness: 5s, edge: 2s, answer: closed}", {50, 67, 57.001, 67}) ==
        "3");
  CHECK(edges("{session: 10s, lateness: 5s, edge: 2s, answer: closed}", {50, 67.001, 57.2, 67}) ==
        "");
}

TEST_CASE("Sessions that grow together have their events in order of arrival") {
  const RuleSet rules = Parse(R"(rule_set: together
rules:
  - rule: together
    input: purchase-events
    key: user_data.user_id
    window: {session: 10s, lateness: 1m, answer: closed}
    state:
      refunded: last parameters.currency where parameters.transaction_type == "refund"
      total: sum parameters.amount
    output: a
    record: {refunded: refunded, total: total}
)");
  CHECK(Outputs(rules, {PurchaseAt(15, "0.1", "refund", "1", "USD"),
                        PurchaseAt(0, "0.7", "refund", "1", "EUR"), PurchaseAt(16, "1e16"),
                        PurchaseAt(1, "0.2", "refund", "1", "JPY"), PurchaseAt(17, "-1e16"),
                        PurchaseAt(8, "1")}) == Texts{R"(7:{"refunded":"JPY","total":1})"});
}

// Their bounds are those of the clock, to the millisecond.
TEST_CASE("window_start and window_end") {
  const RuleSet rules = Parse(R"(rule_set: bounds
rules:
  - rule: clock
    input: purchase-events
    key: user_data.user_id
    window: {tumbling: 1m, answer: closed}
    output: a
    record: {s: window_start, e: window_end}
  - rule: session
    input: purchase-events
    key: user_data.user_id
    window: {session: 10s, answer: closed}
    state: {shop: last parameters.currency}
    output: b
    output_key: shop
    record: {s: window_start, e: window_end, d: window_end - window_start}
)");
  const std::vector<RecordedEvent> stream = {
      PurchaseAt(61.5, "1"), PurchaseAt(65.25, "1", "purchase", "1", "EUR"), PurchaseAt(180, "1")};
  CHECK(Outputs(rules, stream) == Texts{R"(3:{"s":1767225660000,"e":1767225720000})",
                                        R"(3:{"s":1767225661500,"e":1767225675250,"d":13750})",
                                        R"(4:{"s":1767225780000,"e":1767225840000})",
                                        R"(4:{"s":1767225780000,"e":1767225790000,"d":10000})"});
  CHECK(IncrementalOutputs(rules, stream)[1].key == "EUR");
}

TEST_CASE("The built-in examples catch what they are about, and not its near misses") {
  const auto outputs = [](const std::string& name, const std::vector<RecordedEvent>& stream) {
    return Outputs(BuiltIn(name), stream);
  };
  // Three purchases are fine, refunds apart; the fourth alerts, the fifth comes too soon.
  CHECK(
      outputs("velocity", {PurchaseAt(0, "1"), PurchaseAt(60, "1"), PurchaseAt(61, "1", "refund"),
                           PurchaseAt(120, "1"), PurchaseAt(599, "1"), PurchaseAt(601, "1")}) ==
      Texts{R"(5:{"user_id":"player_1","purchases":4,"spent":4,"at":"2026-01-01T00:09:59.000Z"})"});
  CHECK(outputs("velocity", {PurchaseAt(0, "1"), PurchaseAt(60, "1"), PurchaseAt(120, "1"),
                             PurchaseAt(600, "1")})
            .empty());

  const auto server = [](const std::string& cpu, const std::string& memory = "10") {
    return RecordedEvent{Kind::kServer, ServerLine("server_1", cpu, memory)};
  };
  CHECK(outputs("sustained-overload",
                {server("81"), server("80"), server("10", "81"), server("80"), server("95")}) ==
        Texts{R"(5:{"server_id":"server_1","region":"us-west","hot":3,"worst_cpu":95})"});
  CHECK(outputs("sustained-overload", {server("81"), server("81"), server("80"), server("80"),
                                       server("80"), server("81")})
            .empty());

  CHECK(outputs("impossible-travel",
                {PurchaseAt(0, "1"), PurchaseAt(3599, "1", "purchase", "1", "JPY")})
            .size() == 1);
  CHECK(outputs("impossible-travel",
                {PurchaseAt(0, "1"), PurchaseAt(3600, "1", "purchase", "1", "JPY")})
            .empty());

  CHECK(outputs("refund-abuse", {PurchaseAt(0, "5"), PurchaseAt(1, "5", "refund"),
                                 PurchaseAt(1801, "5", "refund")}) ==
        Texts{R"(3:{"user_id":"player_1","refunds":2,"purchases":1,"returned":10})"});
  CHECK(outputs("refund-abuse",
                {PurchaseAt(0, "5"), PurchaseAt(1, "5", "refund"), PurchaseAt(1802, "5", "refund")})
            .empty());

  // The first one is a move.
  const auto levels = [](int begin, int events) {
    std::vector<RecordedEvent> stream;
    for (int i = 0; i < events; ++i) {
      const std::string second = std::to_string((begin + i) % 60);
      std::string line =
          PlayerLine("player_1", "2026-01-01T00:0" + std::to_string((begin + i) / 60) +
                                     (second.size() == 1 ? ":0" : ":") + second + "Z");
      if (i > 0) line.replace(line.find("\"move\""), 6, "\"level_complete\"");
      stream.push_back({Kind::kPlayer, line});
    }
    return stream;
  };
  CHECK(outputs("level-spike", levels(30, 12)) ==
        Texts{R"(12:{"user_id":"player_1","completed":11,"maps":1,"level":"level_02"})"});
  CHECK(outputs("spend-per-minute",
                {PurchaseAt(1, "5"), PurchaseAt(2, "5", "refund", "2"), PurchaseAt(59, "2.5"),
                 PurchaseAt(64, "1"), PurchaseAt(58, "1"), PurchaseAt(65, "1", "purchase", "2")}) ==
        Texts{R"(6:{"user_id":"player_1","minute":1767225600000,"purchases":3,"spent":8.5})",
              R"(7:{"user_id":"player_1","minute":1767225660000,"purchases":1,"spent":1})",
              R"(7:{"user_id":"player_2","minute":1767225660000,"purchases":1,"spent":1})"});
  CHECK(outputs("level-spike", levels(30, 11)).empty());
  CHECK(outputs("level-spike", levels(55, 15)).empty());  // ten in the second minute
}

// More values than a word has bits, windows that begin anew, keys by the thousand.
TEST_CASE("distinct counts any number of values") {
  const RuleSet rules = Parse(R"(rule_set: many
rules:
  - rule: all
    input: purchase-events
    key: user_data.user_id
    state: {n: distinct parameters.amount}
    output: a
    record: {n: n}
  - rule: windowed
    input: purchase-events
    key: user_data.user_id
    window: {tumbling: 100s}
    state: {n: distinct parameters.amount}
    output: b
    record: {n: n}
)");
  std::vector<RecordedEvent> stream;
  for (int i = 0; i < 600; ++i) {
    stream.push_back(PurchaseAt(i, std::to_string(i % 150 * (i % 2 + 1)), "purchase",
                                std::to_string(1 + i % 3)));
  }
  Outputs(rules, stream);
}

// What lanes do: evaluators of their own, over keys of their own, together say what one says.
TEST_CASE("Evaluators of several lanes are right together") {
  const RuleSet rules = BuiltIn("dataflow");
  InternedSymbols symbols;
  const CompiledRules compiled(rules, &symbols);
  Evaluator one(compiled);
  std::vector<Evaluator> lanes;
  for (int i = 0; i < 4; ++i) lanes.emplace_back(compiled);
  ParsedEvents events(&symbols);
  for (unsigned i = 0; i < 2'000; ++i) {
    const unsigned user = i * 7 % 31;
    const std::string line =
        PurchaseLine("player_" + std::to_string(user), i % 5 == 0 ? "EUR" : "USD", "1.99");
    EventFacts facts;
    REQUIRE(events.Read(Kind::kPurchase, line, compiled.needs(Kind::kPurchase), false, &facts));
    Texts whole;
    for (const RuleOutput& output : one.Process(facts, events)) whole.push_back(output.value);
    Texts part;
    for (const RuleOutput& output : lanes[user % 4].Process(facts, events)) {
      part.push_back(output.value);
    }
    CHECK(part == whole);
  }
}

TEST_CASE("A rule set can be edited by a program") {
  RuleSet rules = BuiltIn("dataflow");
  Rule& fraud = rules.rules[3];
  REQUIRE(ExprText(*fraud.alternatives[0].when) == "transactions > 5");
  fraud.alternatives[0].when->of[1].number += 1;
  std::swap(fraud.alternatives[0], fraud.alternatives[1]);
  REQUIRE(CheckRules(rules).ok());
  std::vector<RecordedEvent> stream(7, {Kind::kPurchase, PurchaseLine("player_1", "USD", "1")});
  stream.push_back({Kind::kPurchase, PurchaseLine("player_1", "EUR", "1")});
  Texts reasons;
  for (const std::string& text : Outputs(rules, stream)) {
    if (text.find("reason") != std::string::npos) {
      reasons.push_back(text.substr(0, 1) + text[text.find("reason") + 9]);
    }
  }
  CHECK(reasons == Texts{"7T", "8M"});
  fraud.state.clear();
  CHECK_FALSE(CheckRules(rules).ok());
}

}  // namespace
}  // namespace playload
