// One thing wrong for all keys, as teams get it wrong: what is said to explain it, and where.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "generator/causes/bound_search.h"
#include "tests/causes/causes_world.h"
#include "transports/kafka/partition.h"

namespace playload {
namespace {

constexpr std::int64_t kRate = 10'000;  // events a second, where instants matter

std::string TextIn(const Line& line, const std::string& field) {
  const std::string head = "\"" + field + "\":\"";
  const std::size_t at = line.text.find(head) + head.size();
  return line.text.substr(at, line.text.find('"', at) - at);
}

double AmountIn(const Line& line) {
  return std::stod(line.text.substr(line.text.find("\"amount\":") + 9));
}

Line WithAmount(const Line& line, const std::string& amount) {
  const std::size_t at = line.text.find("\"amount\":") + 9;
  Line other = line;
  other.text.replace(at, line.text.find(',', at) - at, amount);
  return other;
}

// What comes when only these lines are counted.
template <typename Counts>
std::vector<Output> CountedWhere(const Incident& incident, const Counts& counts) {
  std::vector<Line> lines;
  for (const Line& line : incident.lines) {
    if (counts(line)) lines.push_back(line);
  }
  return OutputsOf(incident.rule, lines);
}

// What comes when the state of a key may be lost before one of its lines.
template <typename Forgets>
std::vector<Output> ForgottenWhere(const Incident& incident, const Forgets& forgets) {
  std::map<std::string, std::unique_ptr<Pipeline>> keys;
  std::map<std::string, Position> before;
  std::vector<Output> came;
  for (const Line& line : incident.lines) {
    const std::string key = TextIn(line, "user_id");
    std::unique_ptr<Pipeline>& pipeline = keys[key];
    if (!pipeline) pipeline = std::make_unique<Pipeline>(incident.rule);
    const auto [last, is_new] = before.try_emplace(key, line.position);
    if (!is_new && forgets(last->second, line.position)) pipeline->Forget();
    last->second = line.position;
    pipeline->Process(line);
  }
  for (const auto& [key, pipeline] : keys) {
    came.insert(came.end(), pipeline->outputs().begin(), pipeline->outputs().end());
  }
  return came;
}

void CheckWhole(const Explanations& causes, const Explanation& best) {
  CHECK(best.explains == best.tried.value_or(causes.differing));
  REQUIRE(best.agrees.has_value());
  CHECK(*best.agrees == best.agreeing_tried.value_or(causes.agreeing));
}

TEST_CASE("The bound on which most keys agree is found, in all its width") {
  CHECK(!BestBound({}, {}).has_value());
  CHECK(!BestBound({{}}, {{{0, 1}}}).has_value());
  // [3, 5) fits three of three, and the one that agrees only from 4 on.
  const auto best = BestBound({{{1, 5}}, {{3, 9}}, {{0, 1}, {2, 6}}}, {{{4, 100}}});
  REQUIRE(best.has_value());
  CHECK(best->explains == 3);
  CHECK(best->agrees == 1);
  CHECK(best->range.from == 4);
  CHECK(best->range.to == 5);
}

TEST_CASE_FIXTURE(Incident, "A start that is late, and an end that is early") {
  const bool early = false;
  for (const bool late : {true, early}) {
    const std::vector<Output> came =
        CountedWhere(*this, [&](const Line& line) { return (line.position < first) != late; });
    const Explanations causes = Causes(came);
    const Explanation& best = causes.found.front();
    CHECK(best.what == (late ? "nothing was counted before an instant: read too late?"
                             : "nothing was counted after an instant: no longer read?"));
    CheckWhole(causes, best);
    REQUIRE(best.place.has_value());
    CHECK(best.place->first < first);
    CHECK(best.place->last >= first);
    CHECK(best.place->last - best.place->first < 2'000);
    CHECK(best.place->last_ns > best.place->first_ns);
    CHECK(best.place->first_ns >= spec.start_ns);
    CHECK(causes.found.size() == 1);
  }
}

TEST_CASE_FIXTURE(Incident, "A partition that nobody reads, or no longer") {
  for (const Position until : {Position{0}, Position{20'000}}) {
    const std::vector<Output> came = CountedWhere(*this, [&](const Line& line) {
      return line.position < until || PartitionOf(TextIn(line, "user_id"), 6) != 3;
    });
    const Explanations causes = Causes(came);
    REQUIRE(causes.partitions.has_value());
    CHECK(causes.partitions->differing == std::vector<std::uint32_t>{3});
    CHECK(causes.partitions->of == 6);
    CHECK((causes.partitions->agreeing == 0) == (until == 0));
    if (until == 0) continue;
    CHECK(causes.found.front().what == "nothing was counted after an instant: no longer read?");
    CheckWhole(causes, causes.found.front());
  }
  // What is in all partitions is nowhere.
  const std::vector<Output> came =
      CountedWhere(*this, [&](const Line& line) { return line.position >= first; });
  CHECK(!Causes(came).partitions.has_value());
}

TEST_CASE_FIXTURE(Incident, "Events of a kind that are passed over") {
  Explanations causes = Causes(
      CountedWhere(*this, [](const Line& line) { return TextIn(line, "item_type") != "boost"; }));
  CHECK(causes.found.front().what == "events with parameters.item_type 'boost' are not counted");
  CheckWhole(causes, causes.found.front());
  causes = Causes(
      CountedWhere(*this, [](const Line& line) { return TextIn(line, "item_type") == "potion"; }));
  CHECK(causes.found.front().what == "only events with parameters.item_type 'potion' are counted");
  CheckWhole(causes, causes.found.front());
  causes = Causes(
      CountedWhere(*this, [](const Line& line) { return TextIn(line, "platform") != "PC"; }));
  CHECK(causes.found.front().what == "events with user_data.platform 'PC' are not counted");
  CheckWhole(causes, causes.found.front());
  causes = Causes(CountedWhere(*this, [](const Line& line) { return AmountIn(line) > 2; }));
  const std::string& what = causes.found.front().what;
  CHECK_MESSAGE(what.starts_with("events with parameters.amount of 1."), what);
  CHECK_MESSAGE(what.find(" or less are not counted (2.") != what.npos, what);
  CheckWhole(causes, causes.found.front());
  std::set<std::string> seen;
  causes = Causes(CountedWhere(
      *this, [&](const Line& line) { return !seen.insert(TextIn(line, "user_id")).second; }));
  CHECK(causes.found.front().what == "the first event of a key is not counted");
  CheckWhole(causes, causes.found.front());
}

TEST_CASE_FIXTURE(Incident, "State that expires, or begins anew by the clock") {
  spec = SpecOf("fraud-ring", 200'000);
  spec.scenario.plan = {{kRate * 1'000, kRate * 1'000, 0}};
  lines = LinesFor(spec, rule);
  right = OutputsOf(rule, lines);
  const auto gap = [](Position before, Position now) { return now - before > 3 * kRate; };
  Explanations causes = Causes(ForgottenWhere(*this, gap));
  const std::string what = causes.found.front().what;
  CHECK_MESSAGE(what.starts_with("state expires when a key has no event for a while: after "),
                what);
  CHECK_MESSAGE(what.find("2.9") != what.npos, what);
  CheckWhole(causes, causes.found.front());
  causes = Causes(ForgottenWhere(*this, [](Position before, Position now) {
    return before / (5 * kRate) != now / (5 * kRate);
  }));
  CHECK(causes.found.front().what == "state begins anew every 5s, by the clock");
  CheckWhole(causes, causes.found.front());
}

TEST_CASE_FIXTURE(Incident, "Amounts that are read wrong") {
  const auto causes_of = [&](auto change) {
    Pipeline pipeline(rule);
    for (const Line& line : lines) pipeline.Process(change(line));
    return Causes(pipeline.outputs());
  };
  const auto cut = causes_of([](const Line& line) {
    return WithAmount(line, std::to_string(static_cast<std::int64_t>(AmountIn(line))));
  });
  CHECK(cut.found.front().what == "parameters.amount is cut to a whole number");
  CheckWhole(cut, cut.found.front());
  const auto subtracted = causes_of([](const Line& line) {
    const bool refund = TextIn(line, "transaction_type") == "refund";
    return refund ? WithAmount(line, "-" + std::to_string(AmountIn(line))) : line;
  });
  CHECK(subtracted.found.front().what == "parameters.amount of a refund is subtracted");
  CheckWhole(subtracted, subtracted.found.front());
}

// Of the alerts.
struct Alerts : Incident {
  Alerts() {
    spec = SpecOf("fraud-and-overload", 240'000);
    rule = OnlyRuleNamed(rules, "fraud-detection");
    lines = LinesFor(spec, rule);
    right = OutputsOf(rule, lines);
  }
};

TEST_CASE_FIXTURE(Alerts, "Alerts once, twice, and for every reason") {
  std::set<std::pair<std::string, std::string>> seen;
  std::vector<Output> once;
  std::vector<Output> twice;
  for (const Output& output : right) {
    if (seen.emplace(output.key, output.value).second) once.push_back(output);
    twice.insert(twice.end(), 2, output);
  }
  Explanations causes = Causes(once);
  CHECK(Has(causes, "of the same outputs of a key only the first is put out"));
  causes = Causes(twice);
  CHECK(causes.found.front().what == "every output is put out twice");
  CHECK(causes.found.size() == 1);
  RuleSet apart = rule;
  apart.rules.push_back(rule.rules.front());
  apart.rules[0].alternatives.pop_back();
  apart.rules[1].name = "second";
  apart.rules[1].alternatives.erase(apart.rules[1].alternatives.begin());
  causes = Causes(OutputsOf(apart, lines));
  CHECK(causes.found.front().what ==
        "every alternative that holds puts something out, not the first alone");
  CheckWhole(causes, causes.found.front());
}

// What is said beside one thing for nearly all keys is what explains more.
TEST_CASE_FIXTURE(Incident, "One thing for nearly all keys, and lost outputs for all") {
  std::map<std::string, std::vector<Output>> by_key;
  for (const Output& output : right) by_key[output.key].push_back(output);
  std::vector<Output> came;
  std::size_t keys = 0;
  for (const auto& [key, outputs] : by_key) {
    // Of one key in 40 another output comes, too.
    if (outputs.size() > 2 && keys++ % 40 == 0) came.push_back(outputs.front());
    came.push_back(outputs.back());
  }
  REQUIRE(keys > 80);
  const Explanations causes = Causes(came);
  REQUIRE(causes.found.size() > 1);
  const Explanation& best = causes.found.front();
  CAPTURE(best.what);
  REQUIRE(best.agrees.has_value());
  CHECK(best.explains < causes.differing);
  CHECK(best.explains * 20 >= causes.differing * 19);
  CHECK(Has(causes, "outputs were lost, though their events were counted"));
}

TEST_CASE_FIXTURE(Alerts, "Alerts at the sixth purchase alone") {
  RuleSet wrong = rule;
  Expr& when = *wrong.rules[0].alternatives[0].when;
  when.op = Expr::Op::kEqual;
  when.of[1].number = 6;
  const Explanations causes = Causes(OutputsOf(wrong, lines));
  CHECK(Has(causes, "'transactions > 5' is 'transactions == 6'"));
  CheckWhole(causes, causes.found.front());
}

TEST_CASE_FIXTURE(Incident, "State that is by key and a field more") {
  std::map<std::string, std::unique_ptr<Pipeline>> states;
  for (const Line& line : lines) {
    auto& state = states[TextIn(line, "user_id") + TextIn(line, "currency")];
    if (!state) state = std::make_unique<Pipeline>(rule);
    state->Process(line);
  }
  std::vector<Output> came;
  for (const auto& [key, state] : states) {
    came.insert(came.end(), state->outputs().begin(), state->outputs().end());
  }
  const Explanations causes = Causes(came);
  CHECK(causes.found.front().what == "the key is user_data.user_id and parameters.currency");
  CheckWhole(causes, causes.found.front());
}

TEST_CASE_FIXTURE(Incident, "State that is of a whole partition") {
  std::vector<Output> came;
  for (int i = 0; i < 6; ++i) {
    RuleSet by_name = rule;
    by_name.rules[0].key = "event_name";
    by_name.rules[0].output_key = FieldExpr("user_data.user_id");
    std::vector<Line> part;
    for (const Line& line : lines) {
      if (PartitionOf(TextIn(line, "user_id"), 6) == i) part.push_back(line);
    }
    for (Output& output : OutputsOf(by_name, part)) came.push_back(std::move(output));
  }
  const Explanations causes = Causes(came);
  CHECK(causes.found.front().what == "one state is for all keys of a partition");
  CheckWhole(causes, causes.found.front());
}

TEST_CASE_FIXTURE(Alerts, "A currency that is held against the first one, or the one before") {
  for (const bool against_first : {true, false}) {
    struct Seen {
      int count = 0;
      std::string currency;
    };
    std::map<std::string, Seen> users;
    std::vector<Output> came;
    for (const Line& line : lines) {
      const std::string user = TextIn(line, "user_id");
      const std::string currency = TextIn(line, "currency");
      Seen& seen = users[user];
      const bool other = seen.count > 0 && currency != seen.currency;
      if (seen.count == 0 || !against_first) seen.currency = currency;
      const char* reason = ++seen.count > 5 ? "Too frequent transactions"
                           : other          ? "Multiple currency transactions"
                                            : nullptr;
      if (reason == nullptr) continue;
      came.push_back(
          {user, R"({"user_id":")" + user + R"(","reason":")" + std::string(reason) + "\"}"});
    }
    const Explanations causes = Causes(came);
    CHECK(causes.found.front().what ==
          (against_first ? "only what is unlike the first counts as different"
                         : "only what is unlike the one before counts as different"));
    CheckWhole(causes, causes.found.front());
  }
}

// Of rules that look at each event alone, too.
TEST_CASE_FIXTURE(Incident, "Metrics that are not looked at, and another number everywhere") {
  spec = SpecOf("fraud-and-overload", 100'000);
  const auto ask = [&](double load) {  // so much calls for an alert
    for (Rule& each : rules.rules) {
      if (each.name != "server-health-monitor") continue;
      for (Expr& side : each.alternatives[0].when->of) side.of[1].number = load;
    }
    rule = OnlyRuleNamed(rules, "server-health-monitor");
    lines = LinesFor(spec, rule);
    right = OutputsOf(rule, lines);
  };
  ask(20);
  Explanations causes = Causes(CountedWhere(*this, [](const Line& line) {
    return std::stod(line.text.substr(line.text.find("\"latency\":") + 10)) < 60;
  }));
  CHECK(causes.found.front().what ==
        "events with parameters.latency of 60 or more are not counted (59 is)");
  CheckWhole(causes, causes.found.front());
  causes = Causes(CountedWhere(*this, [&](const Line& line) { return line.position >= first; }));
  CHECK(causes.found.front().what == "nothing was counted before an instant: read too late?");
  ask(80);
  RuleSet wrong = rule;
  for (Expr& side : wrong.rules[0].alternatives[0].when->of) side.of[1].number = 90;
  causes = Causes(OutputsOf(wrong, lines));
  CHECK(Has(causes, "'80' is '90' everywhere"));
  CheckWhole(causes, causes.found.front());
  wrong = rule;
  wrong.rules[0].alternatives[0].when->of[1].of[0].name = "parameters.latency";
  causes = Causes(OutputsOf(wrong, lines));
  CHECK(causes.found.front().what == "'parameters.memory_usage' is 'parameters.latency'");
  CheckWhole(causes, causes.found.front());
}

}  // namespace
}  // namespace playload
