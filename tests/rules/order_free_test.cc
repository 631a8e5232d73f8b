// Bounds that hold for every order, against every order: few events, all their permutations.

#include "generator/rules/order_free.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "generator/rules/load.h"
#include "generator/rules/parsed_events.h"
#include "tests/reference/events.h"

namespace playload {
namespace {

struct Given {
  EventFacts facts;
  bool certain = true;
};

// A rule over purchases of one user.
class Bench {
 public:
  explicit Bench(const std::string& state, const std::string& alternatives)
      : rules_(Parse(state, alternatives)), compiled_(rules_, &symbols_), events_(&symbols_) {}

  [[nodiscard]] const Rule& rule() const { return rules_.rules.front(); }
  [[nodiscard]] bool applies() const { return OrderFreeCounts::Applies(rule()); }

  void Add(const std::string& currency, const std::string& amount, const std::string& type,
           bool certain = true) {
    Given given;
    given.certain = certain;
    REQUIRE(events_.Read(Kind::kPurchase, testing::PurchaseLine("player_1", currency, amount, type),
                         compiled_.needs(Kind::kPurchase), false, &given.facts));
    given_.push_back(given);
  }

  [[nodiscard]] CountInterval Bounds() {
    OrderFreeCounts counts(rule(), &symbols_);
    CHECK((counts.needs() & ~compiled_.needs(Kind::kPurchase)) == 0);
    for (const Given& given : given_) counts.Add(given.facts, given.certain);
    const std::uint64_t key = symbols_.Of("player_1");
    const CountInterval bounds = counts.Outputs(key);
    counts.ForEach([&](std::uint64_t of, CountInterval outputs) {
      CHECK(of == key);
      CHECK(outputs == bounds);
    });
    CHECK(counts.Outputs(symbols_.Of("player_2")) == CountInterval{});
    return bounds;
  }

  std::uint64_t OutputsOf(const std::vector<std::size_t>& order) {
    Evaluator evaluator(compiled_);
    std::uint64_t outputs = 0;
    for (const std::size_t i : order) outputs += evaluator.Process(given_[i].facts, events_).size();
    return outputs;
  }

  // Over all orders of all events that may have arrived.
  CountInterval Truth() {
    std::vector<std::size_t> unsure;
    for (std::size_t i = 0; i < given_.size(); ++i) {
      if (!given_[i].certain) unsure.push_back(i);
    }
    CountInterval truth{~std::uint64_t{0}, 0};
    for (std::size_t absent = 0; absent < std::size_t{1} << unsure.size(); ++absent) {
      std::vector<std::size_t> order;
      for (std::size_t i = 0; i < given_.size(); ++i) {
        const auto at = std::find(unsure.begin(), unsure.end(), i);
        if (at == unsure.end() || (absent >> (at - unsure.begin()) & 1) == 0) order.push_back(i);
      }
      do {
        const std::uint64_t outputs = OutputsOf(order);
        truth.fewest = std::min(truth.fewest, outputs);
        truth.most = std::max(truth.most, outputs);
      } while (std::next_permutation(order.begin(), order.end()));
    }
    return truth;
  }

  [[nodiscard]] std::size_t events() const { return given_.size(); }

 private:
  static RuleSet Parse(const std::string& state, const std::string& alternatives) {
    std::string text =
        "rule_set: free\nrules:\n  - rule: free\n    input: purchase-events\n"
        "    key: user_data.user_id\n    output: out\n";
    if (!state.empty()) text += "    state:\n" + state;
    text += alternatives;
    Result<RuleSet> rules = ParseRuleSet("test.yaml", text);
    CAPTURE(text);
    REQUIRE_MESSAGE(rules.has_value(), rules.error().message());
    return *rules;
  }

  const RuleSet rules_;
  InternedSymbols symbols_;
  const CompiledRules compiled_;
  ParsedEvents events_;
  std::vector<Given> given_;
};

std::string When(const std::string& condition) {
  return "    when: '" + condition + "'\n    record: {user: key}\n";
}

// Rules and events at random.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  unsigned Below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool OneIn(unsigned n) { return Below(n) == 0; }
  std::string Pick(const std::vector<std::string>& of) {
    return of[Below(static_cast<unsigned>(of.size()))];
  }
  template <typename List>
  void Shuffle(List* list) {
    std::shuffle(list->begin(), list->end(), random_);
  }

  std::string OfEvent() {
    return Pick({"parameters.transaction_type == \"refund\"", "parameters.currency != \"EUR\"",
                 "parameters.amount > 2", "not parameters.amount >= 3",
                 "parameters.amount < 2 or parameters.currency == \"USD\"", "key == \"player_1\""});
  }
  std::string Where() { return OneIn(2) ? "" : " where " + OfEvent(); }

  // "a" is a count; the others are what the last one is.
  std::string State() {
    return "      a: 'count" + Where() + "'\n      b: 'count" + Where() + "'\n      c: 'distinct " +
           Pick({"parameters.currency", "parameters.amount"}) + Where() +
           "'\n      d: 'sum parameters.amount" + Where() + "'\n      e: 'max parameters.amount" +
           Where() + "'\n      f: 'min parameters.amount" + Where() + "'\n";
  }
  std::string OfState() {
    const std::string name = Pick({"a", "b", "c", "d", "e", "f"});
    const bool falls = name == "f";
    const std::string number = name == "d" ? Pick({"0.5", "1", "3", "4.5", "7", "9"})
                                           : Pick({"0", "1", "2", "3", "4", "1.5", "-1"});
    const bool equal = OneIn(2);
    if (OneIn(4)) return number + (falls ? " > " : " < ") + name;
    return name + (falls ? " <" : " >") + (equal ? "= " : " ") + number;
  }
  std::string Condition(int depth) {
    if (depth == 0 || OneIn(3)) return OneIn(3) ? OfEvent() : OfState();
    return "(" + Condition(depth - 1) + (OneIn(2) ? " and " : " or ") + Condition(depth - 1) + ")";
  }
  std::string Alternatives() {
    std::string text = "    first_of:\n";
    const unsigned count = 1 + Below(2);
    for (unsigned i = 0; i < count; ++i) {
      text += "      - when: '" + Condition(2) + "'\n        record: {n: '" + std::to_string(i) +
              "'}\n";
    }
    return text;
  }

  void Events(unsigned count, unsigned one_unsure_in, Bench* bench) {
    const bool negative = OneIn(10);
    for (unsigned i = 0; i < count; ++i) {
      bench->Add(Pick({"USD", "USD", "EUR", "JPY"}),
                 negative && OneIn(3) ? "-2" : Pick({"0", "1", "1.5", "2", "3", "0.1"}),
                 Pick({"purchase", "purchase", "refund"}),
                 one_unsure_in == 0 || !OneIn(one_unsure_in));
    }
  }

 private:
  std::mt19937_64 random_;
};

TEST_CASE("The bounds hold for every order, and for events that may not have arrived") {
  std::uint64_t exact = 0;
  std::uint64_t narrow = 0;
  std::uint64_t wide = 0;
  std::uint64_t cases = 0;
  for (std::uint64_t seed = 1; seed <= 1'200; ++seed) {
    CAPTURE(seed);
    Dice dice(seed);
    const std::string state = dice.State();
    const std::string alternatives = dice.Alternatives();
    CAPTURE(state);
    CAPTURE(alternatives);
    Bench bench(state, alternatives);
    REQUIRE(bench.applies());
    ++cases;
    if (seed % 3 == 0) {
      dice.Events(1 + dice.Below(5), 3, &bench);
    } else {
      dice.Events(1 + dice.Below(seed % 10 == 1 ? 6 : 5), 0, &bench);
    }
    const CountInterval bounds = bench.Bounds();
    const CountInterval truth = bench.Truth();
    CAPTURE(bounds.fewest);
    CAPTURE(bounds.most);
    REQUIRE(bounds.fewest <= truth.fewest);
    REQUIRE(truth.most <= bounds.most);
    REQUIRE(bounds.most <= bench.events());
    exact += bounds == truth ? 1 : 0;
    wide += truth.fewest < truth.most ? 1 : 0;
    narrow += bounds.fewest > 0 || bounds.most < bench.events() ? 1 : 0;
  }
  MESSAGE(cases << " cases, in " << wide << " of them the order matters; " << exact << " exact, "
                << narrow << " that say anything");
  CHECK(exact > cases / 2);
  CHECK(narrow > cases / 2);
  CHECK(wide > cases / 8);
}

TEST_CASE("They are exact for one count against a constant, whatever the event must be besides") {
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    Dice dice(seed);
    const std::string state = "      a: 'count" + dice.Where() + "'\n";
    const std::string reached = (dice.OneIn(2) ? "a > " : "a >= ") + std::to_string(dice.Below(5));
    const std::string when = dice.OneIn(2) ? reached : reached + " and (" + dice.OfEvent() + ")";
    CAPTURE(state);
    CAPTURE(when);
    Bench bench(state, When(when));
    REQUIRE(bench.applies());
    dice.Events(1 + dice.Below(seed % 10 == 1 ? 6 : 5), seed % 3 == 0 ? 3 : 0, &bench);
    REQUIRE(bench.Bounds() == bench.Truth());
  }
}

// The events' own order is one of all: with many values, and amounts whose sums are not exact.
TEST_CASE("The bounds hold for long histories") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Dice dice(seed);
    Bench bench(
        "      n: distinct parameters.amount\n      s: sum parameters.amount where "
        "parameters.currency == \"EUR\"\n",
        When("n > " + std::to_string(dice.Below(120)) +
             " or (s >= " + std::to_string(dice.Below(400)) + ".5 and parameters.amount > 1)"));
    REQUIRE(bench.applies());
    for (unsigned i = 0; i < 300; ++i) {
      bench.Add(dice.Pick({"EUR", "USD"}), "0." + std::to_string(dice.Below(100) * dice.Below(3)),
                "purchase");
      if (i % 4 == 0) bench.Add("EUR", std::to_string(dice.Below(7)) + ".1", "purchase");
    }
    const CountInterval bounds = bench.Bounds();
    CHECK(bounds.most <= bench.events());
    std::vector<std::size_t> order(bench.events());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t outputs = bench.OutputsOf(order);
      REQUIRE(outputs >= bounds.fewest);
      REQUIRE(outputs <= bounds.most);
      dice.Shuffle(&order);
    }
  }
}

TEST_CASE("The fraud rule of the reference pipeline") {
  const Result<RuleSet> rules = LoadRuleSet("dataflow");
  REQUIRE(rules.has_value());
  for (const Rule& rule : rules->rules) CHECK(OrderFreeCounts::Applies(rule));
  Bench bench("      transactions: count\n      currencies: distinct parameters.currency\n",
              "    first_of:\n      - {when: transactions > 5, record: {user: key}}\n"
              "      - {when: currencies > 1, record: {user: key}}\n");
  for (int i = 0; i < 4; ++i) bench.Add("USD", "1", "purchase");
  CHECK(bench.Bounds() == CountInterval{0, 0});
  bench.Add("EUR", "1", "purchase");
  CHECK(bench.Bounds() == CountInterval{1, 4});
  bench.Add("USD", "1", "purchase");
  bench.Add("USD", "1", "purchase");
  CHECK(bench.Bounds() == CountInterval{2, 6});
  bench.Add("USD", "1", "purchase", false);
  CHECK(bench.Bounds() == CountInterval{2, 7});
}

TEST_CASE("Whom it applies to") {
  const std::string state =
      "      n: count\n      s: sum parameters.amount\n      l: last "
      "parameters.amount\n      m: min parameters.amount\n      c: last "
      "parameters.currency\n";
  const auto applies = [&](const std::string& alternatives) {
    return Bench(state, alternatives).applies();
  };
  CHECK(applies("    record: {n: n, l: l}\n"));  // contents are no matter
  CHECK(applies(When("parameters.amount != 1 and not key == \"x\"")));
  CHECK(applies(When("n > 5 or 3 < s")));
  CHECK(applies(When("m < 1")));
  for (const char* const other :
       {"n < 5", "n == 5", "n != 5", "not n > 5", "n + 1 > 5", "n > parameters.amount", "n > s",
        "l > 1", "c == \"USD\"", "m > 1", "s > -1", "s >= 0", "n > 5 and l > 1"}) {
    CAPTURE(other);
    CHECK_FALSE(applies(When(other)));
  }
  CHECK_FALSE(applies("    cool_down: 1m\n" + When("n > 5")));
  CHECK_FALSE(applies("    window: {last: 5}\n" + When("n > 5")));
  CHECK_FALSE(applies("    window: {tumbling: 1h}\n" + When("n > 5")));
  // An alternative that always holds makes of each event an output, whatever the others are.
  CHECK(
      applies("    first_of:\n      - {when: l > 1, record: {n: n}}\n      - {record: {n: n}}\n"));
}

}  // namespace
}  // namespace playload
