#include "generator/oracle/oracle.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "generator/oracle/number_map.h"
#include "generator/reference/reference_pipeline.h"
#include "tests/reference/events.h"

namespace playload {
namespace {

TEST_CASE("Oracle: the worked example of the documentation") {
  constexpr std::uint8_t kUsd = 0;
  constexpr std::uint8_t kEur = 1;
  struct Row {
    PurchaseFacts facts;
    PurchaseOutputs expected;
  };
  const std::vector<Row> rows = {
      {{7, kUsd, 2, 499}, {4.99, 1, FraudAlert::kNone}},
      {{12, kUsd, 2, 999}, {9.99, 1, FraudAlert::kNone}},
      {{7, kUsd, 2, 99}, {5.98, 2, FraudAlert::kNone}},
      {{7, kUsd, 2, 499}, {10.97, 3, FraudAlert::kNone}},
      {{7, kEur, 2, 249}, {13.46, 4, FraudAlert::kMulti}},
      {{7, kUsd, 2, 199}, {15.450000000000001, 5, FraudAlert::kMulti}},
      {{7, kUsd, 2, 199}, {17.44, 6, FraudAlert::kFrequent}},
      {{12, kEur, 2, 500}, {14.99, 2, FraudAlert::kMulti}},
      {{7, kEur, 2, 249}, {19.93, 7, FraudAlert::kFrequent}},
      {{12, kEur, 2, 500}, {19.990000000000002, 3, FraudAlert::kMulti}},
  };
  Oracle oracle;
  for (const Row& row : rows) {
    const PurchaseOutputs got = oracle.Purchase(row.facts);
    CHECK(got.total_amount == row.expected.total_amount);  // the same f64, not nearly
    CHECK(got.transaction_count == row.expected.transaction_count);
    CHECK(got.alert == row.expected.alert);
  }
  CHECK(oracle.tally().purchase_events == 10);
  CHECK(oracle.tally().fraud_multi == 4);
  CHECK(oracle.tally().fraud_frequent == 2);
  CHECK(oracle.users() == 2);
}

TEST_CASE("Oracle: the server boundary set") {
  Oracle oracle;
  CHECK_FALSE(oracle.ServerMetric({80, 80}));
  CHECK(oracle.ServerMetric({81, 10}));
  CHECK(oracle.ServerMetric({10, 81}));
  CHECK_FALSE(oracle.ServerMetric({79, 80}));
  CHECK(oracle.tally().server_metrics == 4);
  CHECK(oracle.tally().server_alerts == 2);
}

// frequent = max(0, n - 5), multi = max(0, min(n, 5) - m + 1), m the index of the first event in a
// second currency; the one-byte count of the simulation says the same of every event.
TEST_CASE("Oracle: 2,000 random users agree with the closed form and with the one-byte count") {
  std::mt19937 random(20261120);
  Oracle oracle;
  std::uint64_t frequent = 0;
  std::uint64_t multi = 0;
  for (std::uint64_t user = 0; user < 2'000; ++user) {
    const int n = static_cast<int>(random() % 12);
    const auto currencies = static_cast<unsigned>(1 + random() % 3);
    std::vector<std::uint8_t> history;
    FraudState byte;
    int m = 1'000;
    for (int i = 1; i <= n; ++i) {
      const auto currency = static_cast<std::uint8_t>(random() % currencies);
      history.push_back(currency);
      if (m == 1'000 && currency != history.front()) m = i;
      const PurchaseOutputs got = oracle.Purchase({user, currency, 2, random() % 100'000});
      CHECK(got.transaction_count == static_cast<std::uint32_t>(i));
      CHECK(got.alert == byte.Observe(currency));
    }
    frequent += static_cast<std::uint64_t>(std::max(0, n - 5));
    multi += static_cast<std::uint64_t>(std::max(0, std::min(n, 5) - m + 1));
  }
  CHECK(oracle.tally().fraud_frequent == frequent);
  CHECK(oracle.tally().fraud_multi == multi);
  CHECK(frequent > 1'000);
  CHECK(multi > 1'000);
}

// The text is the shortest decimal of the minor units, as the encoder writes it.
TEST_CASE("Oracle: an amount is the double that a JSON parser makes of its text") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200'000; ++i) {
    const auto decimals = static_cast<std::uint8_t>(random() % 5);
    const std::uint64_t minor_units = random() % (i % 2 == 0 ? 100'000 : 9'007'199'254'740'992);
    std::string digits = std::to_string(minor_units);
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    std::string text = digits.substr(0, digits.size() - decimals);
    std::string fraction = digits.substr(digits.size() - decimals);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    if (!fraction.empty()) text += "." + fraction;
    double parsed = 0;
    std::from_chars(text.data(), text.data() + text.size(), parsed);
    CAPTURE(text);
    REQUIRE(AmountOf({1, 0, decimals, minor_units}) == parsed);
  }
}

std::string NumberText(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

// Two implementations that share no code, over 2,000 random histories that are interleaved.
TEST_CASE("Oracle: agrees with the reference pipeline over JSON text, event by event") {
  const std::vector<std::string> codes = {"USD", "EUR", "JPY", "KWD"};
  const std::vector<std::uint8_t> decimals = {2, 2, 0, 3};
  std::mt19937 random(42);
  Oracle oracle;
  ReferencePipeline pipeline;
  std::vector<ReferencePipeline::OutputRecord> got;
  std::uint64_t alerts = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t user = 1 + random() % 2'000;
    // Most users keep to one currency, as most players do.
    const auto currency = static_cast<std::uint8_t>(random() % 10 == 0 ? random() % 4 : user % 4);
    const PurchaseFacts facts{user, currency, decimals[currency], 1 + random() % 100'000};
    const PurchaseOutputs outputs = oracle.Purchase(facts);
    const std::string key = "player_" + std::to_string(user);
    std::vector<std::string> expected = {
        key + " {\"total_amount\":" + NumberText(outputs.total_amount) +
        ",\"transaction_count\":" + std::to_string(outputs.transaction_count) + "}"};
    if (outputs.alert != FraudAlert::kNone) {
      ++alerts;
      expected.push_back(key + " {\"user_id\":\"" + key + "\",\"reason\":\"" +
                         (outputs.alert == FraudAlert::kFrequent
                              ? "Too frequent transactions"
                              : "Multiple currency transactions") +
                         "\"}");
    }
    const std::string line =
        testing::PurchaseLine(key, codes[currency], NumberText(AmountOf(facts)),
                              random() % 5 == 0 ? "refund" : "purchase");
    got.clear();
    CAPTURE(line);
    REQUIRE(pipeline.Process(ReferencePipeline::Input::kPurchaseEvents, line, &got));
    REQUIRE(got.size() == expected.size());
    for (std::size_t k = 0; k < got.size(); ++k) {
      CHECK(got[k].key + " " + got[k].value == expected[k]);
    }

    const ServerFacts server{static_cast<std::uint32_t>(70 + random() % 20),
                             static_cast<std::uint32_t>(70 + random() % 20)};
    got.clear();
    REQUIRE(pipeline.Process(ReferencePipeline::Input::kServerMetrics,
                             testing::ServerLine("server_1", std::to_string(server.cpu_load),
                                                 std::to_string(server.memory_usage)),
                             &got));
    CHECK(got.size() == (oracle.ServerMetric(server) ? 1 : 0));
  }
  CHECK(alerts > 5'000);
  CHECK(alerts < 15'000);
}

TEST_CASE("NumberMap: finds what was put, through growth, and nothing else") {
  NumberMap<std::uint64_t> map;
  for (std::uint64_t key = 0; key < 100'000; ++key) map[key * 1'000'003] = key;
  CHECK(map.size() == 100'000);
  bool right = true;
  for (std::uint64_t key = 0; key < 100'000; ++key) {
    const std::uint64_t* const value = map.Find(key * 1'000'003);
    right = right && value != nullptr && *value == key;
  }
  CHECK(right);
  CHECK(map.Find(1) == nullptr);
  map[5] += 2;
  map[5] += 2;
  CHECK(*map.Find(5) == 4);
  const std::vector<std::uint64_t> keys =
      map.SortedKeys([](std::uint64_t value) { return value < 3; });
  CHECK(keys == std::vector<std::uint64_t>{0, 1'000'003, 2'000'006});
}

TEST_CASE("NumberMap: what is erased is gone, all else stays, as in a std::map") {
  std::mt19937 random(7);
  NumberMap<std::uint32_t> map;
  std::map<std::uint64_t, std::uint32_t> same;
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    // Few keys, so that they lie close together, and again and again many or hardly any of them.
    const std::uint64_t key = random() % 3'000;
    if (random() % 100 < (i / 20'000 % 2 == 0 ? 30 : 70)) {
      map.Erase(key);
      same.erase(key);
    } else {
      map[key] = i;
      same[key] = i;
    }
    if (i % 97 != 0) continue;
    REQUIRE(map.size() == same.size());
    for (std::uint64_t k = 0; k < 3'000; ++k) {
      const std::uint32_t* const found = map.Find(k);
      const auto expected = same.find(k);
      REQUIRE((found != nullptr) == (expected != same.end()));
      if (found != nullptr) REQUIRE(*found == expected->second);
    }
  }
}

}  // namespace
}  // namespace playload
