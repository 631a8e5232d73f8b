#include "generator/reference/reference_pipeline.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/reference/events.h"

namespace playload {
namespace {

using Input = ReferencePipeline::Input;
using Output = ReferencePipeline::Output;
using Outputs = std::vector<ReferencePipeline::OutputRecord>;

Outputs Run(ReferencePipeline* pipeline, Input input, const std::string& line) {
  Outputs outputs;
  CAPTURE(line);
  CHECK(pipeline->Process(input, line, &outputs));
  return outputs;
}

// What the pipeline says of `count` purchases of one user, all in USD but the `foreign`-th.
std::vector<std::string> Reasons(const PipelineBreakage& breakage, int count, int foreign = 0) {
  ReferencePipeline pipeline(breakage);
  std::vector<std::string> reasons;
  for (int i = 1; i <= count; ++i) {
    const Outputs outputs =
        Run(&pipeline, Input::kPurchaseEvents,
            testing::PurchaseLine("player_1", i == foreign ? "EUR" : "USD", "1"));
    REQUIRE(!outputs.empty());
    CHECK(outputs[0].output == Output::kPurchaseAggregates);
    if (outputs.size() == 1) continue;
    CHECK(outputs[1].output == Output::kFraudAlerts);
    CHECK(outputs[1].key == "player_1");
    const std::string& value = outputs[1].value;
    const std::string head = R"({"user_id":"player_1","reason":")";
    REQUIRE(value.substr(0, head.size()) == head);
    reasons.push_back(std::to_string(i) + value.substr(head.size(), 1));
  }
  return reasons;
}

std::vector<std::string> ServerAlerts(const PipelineBreakage& breakage,
                                      const std::vector<std::pair<int, int>>& metrics) {
  ReferencePipeline pipeline(breakage);
  std::vector<std::string> alerts;
  for (const auto& [cpu, memory] : metrics) {
    for (const auto& output :
         Run(&pipeline, Input::kServerMetrics,
             testing::ServerLine("server_3", std::to_string(cpu), std::to_string(memory)))) {
      CHECK(output.output == Output::kServerAlerts);
      CHECK(output.key == "server_3");
      alerts.push_back(std::to_string(cpu) + "," + std::to_string(memory));
    }
  }
  return alerts;
}

TEST_CASE("ReferencePipeline: every player event gives one summary") {
  ReferencePipeline pipeline;
  for (int i = 0; i < 3; ++i) {
    const Outputs outputs =
        Run(&pipeline, Input::kPlayerEvents, testing::PlayerLine("player_ab_7"));
    REQUIRE(outputs.size() == 1);
    CHECK(outputs[0].output == Output::kSessionSummaries);
    CHECK(outputs[0].key == "player_ab_7");
    CHECK(outputs[0].value == R"({"player_id":"player_ab_7","event_count":1})");
  }
}

TEST_CASE("ReferencePipeline: totals are f64 sums in order of arrival, printed shortest") {
  ReferencePipeline pipeline;
  const std::vector<std::pair<std::string, std::string>> steps = {{"4.99", "4.99"},
                                                                  {"0.99", "5.98"},
                                                                  {"4.99", "10.97"},
                                                                  {"2.49", "13.46"},
                                                                  {"1.99", "15.450000000000001"},
                                                                  {"5", "20.450000000000003"},
                                                                  {"1e2", "120.45"}};
  int count = 0;
  for (const auto& [amount, total] : steps) {
    const Outputs outputs = Run(&pipeline, Input::kPurchaseEvents,
                                testing::PurchaseLine("player_7", "USD", amount, "refund"));
    CHECK(outputs[0].value ==
          "{\"total_amount\":" + total + ",\"transaction_count\":" + std::to_string(++count) + "}");
  }
  // Each user has a state of its own.
  CHECK(Run(&pipeline, Input::kPurchaseEvents, testing::PurchaseLine("player_8", "USD", "0.30"))[0]
            .value == R"({"total_amount":0.3,"transaction_count":1})");
}

TEST_CASE("ReferencePipeline: alerts at the sixth event and at a second currency") {
  CHECK(Reasons({}, 5).empty());
  CHECK(Reasons({}, 7) == std::vector<std::string>{"6T", "7T"});
  CHECK(Reasons({}, 7, 4) == std::vector<std::string>{"4M", "5M", "6T", "7T"});
  CHECK(Reasons({}, 7, 6) == std::vector<std::string>{"6T", "7T"});
}

TEST_CASE("ReferencePipeline: a server alert is the metric itself") {
  const std::vector<std::pair<int, int>> boundary = {{80, 80}, {81, 10}, {10, 81}, {79, 80}};
  CHECK(ServerAlerts({}, boundary) == std::vector<std::string>{"81,10", "10,81"});
  ReferencePipeline pipeline;
  const std::string line = testing::ServerLine("server_3", "99", "0", "4294967295");
  CHECK(Run(&pipeline, Input::kServerMetrics, line)[0].value == line);
  // Another order, spaces, and fields that nobody knows come out in the documented form.
  const std::string loose =
      R"({ "server_data":{"server_type":"dedicated","region":"us-west","rack":4},)"
      R"("event_timestamp":"2026-01-01T00:00:00Z", "event_name":"server_metric","extra":[1],)"
      R"("parameters":{"latency":4294967295,"memory_usage":0,"cpu_load":99,)"
      R"("server_id":"server_3"}})";
  CHECK(Run(&pipeline, Input::kServerMetrics, loose)[0].value == line);
  CHECK(Run(&pipeline, Input::kServerMetrics, testing::ServerLine("server_3", "80", "80", "5000"))
            .empty());
}

TEST_CASE("ReferencePipeline: text in fields is escaped") {
  ReferencePipeline pipeline;
  const Outputs outputs =
      Run(&pipeline, Input::kPlayerEvents, testing::PlayerLine(R"(a\"b\\c\u0001\n)"));
  CHECK(outputs[0].key == "a\"b\\c\x01\n");
  CHECK(outputs[0].value == R"({"player_id":"a\"b\\c\u0001\u000a","event_count":1})");
}

TEST_CASE("ReferencePipeline: what is no valid event causes nothing and changes nothing") {
  ReferencePipeline pipeline;
  Outputs outputs;
  for (const char* const number : {"81.5", "81.0", "8.1e1", "\"81\"", "-1", "4294967296",
                                   "18446744073709551616", "true", "null", "[81]"}) {
    CAPTURE(number);
    CHECK_FALSE(pipeline.Process(Input::kServerMetrics,
                                 testing::ServerLine("server_1", number, "90"), &outputs));
    CHECK_FALSE(pipeline.Process(Input::kServerMetrics,
                                 testing::ServerLine("server_1", "90", number), &outputs));
    CHECK_FALSE(pipeline.Process(Input::kServerMetrics,
                                 testing::ServerLine("server_1", "90", "90", number), &outputs));
  }
  for (const char* const amount : {"\"4.99\"", "null", "1e999", "NaN", "01", "[1]"}) {
    CAPTURE(amount);
    CHECK_FALSE(pipeline.Process(Input::kPurchaseEvents,
                                 testing::PurchaseLine("player_1", "USD", amount), &outputs));
  }
  for (const char* const text : {"", " ", "{", "[]", "3", "\"x\"", "null", "{} {}", "\xff"}) {
    CAPTURE(text);
    for (const Input input :
         {Input::kPlayerEvents, Input::kPurchaseEvents, Input::kServerMetrics}) {
      CHECK_FALSE(pipeline.Process(input, text, &outputs));
    }
  }
  CHECK(outputs.empty());
  CHECK(Run(&pipeline, Input::kPurchaseEvents, testing::PurchaseLine("player_1", "USD", "2"))[0]
            .value == R"({"total_amount":2,"transaction_count":1})");
}

// Takes `line` apart at each of its keys: without the field, and with a value of another type.
TEST_CASE("ReferencePipeline: every documented field must be there, as text where it is text") {
  const std::vector<std::pair<Input, std::string>> events = {
      {Input::kPlayerEvents, testing::PlayerLine("player_1")},
      {Input::kPurchaseEvents, testing::PurchaseLine("player_1", "USD", "1")},
      {Input::kServerMetrics, testing::ServerLine("server_1", "99", "99")}};
  int broken = 0;
  for (const auto& [input, line] : events) {
    for (std::size_t colon = line.find("\":"); colon != std::string::npos;
         colon = line.find("\":", colon + 1)) {
      const std::size_t name = line.rfind('"', colon - 1);
      std::string renamed = line;
      renamed.insert(name + 1, "no_");
      std::string retyped = line;
      const std::size_t value = colon + 2;
      if (line[value] == '{') continue;
      const std::size_t end = std::min(line.find(',', value), line.find('}', value));
      retyped.replace(value, end - value, line[value] == '"' ? "1" : "\"1\"");
      for (const std::string& wrong : {renamed, retyped}) {
        CAPTURE(wrong);
        ReferencePipeline pipeline;
        Outputs outputs;
        CHECK_FALSE(pipeline.Process(input, wrong, &outputs));
        CHECK(outputs.empty());
        ++broken;
      }
    }
  }
  CHECK(broken == 2 * (9 + 10 + 8));
}

TEST_CASE("ReferencePipeline: each breakage changes its rule and no other") {
  const std::vector<std::pair<int, int>> boundary = {{80, 80}, {81, 10}, {10, 80}, {79, 79}};
  const auto broken = [](const char* text) {
    PipelineBreakage breakage;
    CHECK(ParseBreakage(text, &breakage).ok());
    return breakage;
  };
  const auto right_servers = ServerAlerts({}, boundary);
  CHECK(Reasons(broken("threshold=4"), 6, 4) == std::vector<std::string>{"4M", "5T", "6T"});
  CHECK(ServerAlerts(broken("threshold=4"), boundary) == right_servers);
  CHECK(Reasons(broken("threshold=6"), 7) == std::vector<std::string>{"7T"});
  CHECK(Reasons(broken("threshold=6"), 7, 6) == std::vector<std::string>{"6M", "7T"});
  CHECK(ServerAlerts(broken("server-ge-80"), boundary) ==
        std::vector<std::string>{"80,80", "81,10", "10,80"});
  CHECK(Reasons(broken("server-ge-80"), 7, 4) == Reasons({}, 7, 4));
  CHECK(Reasons(broken("ignore-currency"), 7, 4) == std::vector<std::string>{"6T", "7T"});
  CHECK(ServerAlerts(broken("ignore-currency"), boundary) == right_servers);
  CHECK(Reasons(broken("drop-one-in=2"), 9, 4) == std::vector<std::string>{"4M", "6T", "8T"});
  CHECK(ServerAlerts(broken("drop-one-in=2"), boundary) == std::vector<std::string>{"81,10"});
}

TEST_CASE("ReferencePipeline: broken in how it takes what is repeated, mistyped or unknown") {
  const auto outputs_of = [](const char* text, Input input, const std::vector<std::string>& lines) {
    PipelineBreakage breakage;
    if (*text != '\0') CHECK(ParseBreakage(text, &breakage).ok());
    ReferencePipeline pipeline(breakage);
    Outputs outputs;
    for (const std::string& line : lines) pipeline.Process(input, line, &outputs);
    return outputs.size();
  };
  const std::string player = testing::PlayerLine("player_1");
  CHECK(outputs_of("", Input::kPlayerEvents, {player, player}) == 2);
  CHECK(outputs_of("dedup", Input::kPlayerEvents, {player, player}) == 1);
  CHECK(outputs_of("dedup", Input::kPlayerEvents, {player, testing::PlayerLine("player_2")}) == 2);

  for (const std::string& cpu : {std::string("\"90\""), std::string("90.5")}) {
    const std::string mistyped = testing::ServerLine("server_1", cpu, "10");
    CHECK(outputs_of("", Input::kServerMetrics, {mistyped}) == 0);
    CHECK(outputs_of("lenient", Input::kServerMetrics, {mistyped}) == 1);
  }
  const std::string stranger = testing::ServerLine("server_1", "90", "10,\"latency_ms\":5");
  const std::string bought = testing::PurchaseLine("player_1", "USD", "\"4.99\"");
  CHECK(outputs_of("", Input::kPurchaseEvents, {bought}) == 0);
  CHECK(outputs_of("lenient", Input::kPurchaseEvents, {bought}) == 1);
  CHECK(outputs_of("lenient", Input::kPurchaseEvents, {"{}", player}) == 0);

  CHECK(outputs_of("", Input::kServerMetrics, {stranger}) == 1);  // a field too many, deep inside
  CHECK(outputs_of("skip-unknown-field", Input::kServerMetrics, {stranger}) == 0);
  CHECK(outputs_of("skip-unknown-field", Input::kPlayerEvents, {player}) == 1);
}

TEST_CASE("ParseBreakage: adds up, and refuses what it does not know") {
  PipelineBreakage breakage;
  CHECK(ParseBreakage("threshold=6", &breakage).ok());
  CHECK(ParseBreakage("server-ge-80", &breakage).ok());
  CHECK(breakage.frequent_above == 6);
  CHECK(breakage.alert_at_80);
  for (const char* const text : {"", "threshold", "threshold=", "threshold=x", "threshold=5x",
                                 "threshold=-1", "threshold=5000000000", "drop-one-in=0",
                                 "drop-one-in=1.5", "server-ge-81", "Threshold=4"}) {
    CAPTURE(text);
    const Status status = ParseBreakage(text, &breakage);
    CHECK(status.code() == Code::kInvalid);
    CHECK(status.message().find("threshold=N") != std::string::npos);
  }
  CHECK(breakage.frequent_above == 6);
  CHECK(breakage.drop_one_in == 0);
}

}  // namespace
}  // namespace playload
