#include "generator/run/summary.h"

#include <doctest/doctest.h>
#include <simdjson.h>

#include <string>

#include "scenarios/load.h"

namespace playload {
namespace {

namespace dom = simdjson::dom;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kZero = 5 * kSecond;

RunSummary Sample() {
  RunSummary summary;
  summary.run_id = "run-1";
  summary.run_dir = "runs/one";
  const Result<Scenario> scenario = LoadScenario("steady", {});
  REQUIRE_MESSAGE(scenario.has_value(), scenario.error().message());
  summary.spec.scenario = *scenario;
  summary.spec.scenario.plan = {{1'000'000, 1'000'000, 0}};  // 1,000/s
  summary.spec.seed = 7;
  summary.spec.end = 3'000;
  summary.begun = true;
  summary.zero_ns = kZero;
  summary.lanes = 8;
  summary.expected = Tally{2'700, 100, 200, 5, 3, 1};
  summary.digest = 0xabc;

  DestinationSummary row;
  row.ledger.to = "kafka://127.0.0.1:9092";
  row.ledger.topics = {"player-events", "purchase-events", "server-metrics"};
  row.ledger.generated = {2'700, 100, 200};
  row.ledger.fates = {{{2'690, 100, 200}, {4, 0, 0}, {6, 0, 0}, {0, 0, 0}}};
  row.ledger.end = 3'000;
  row.sender.complete = true;
  row.sender.end = 3'000;
  row.sender.planned = {{2'700, 100, 200}};
  row.sender.begun_ns = kZero - kSecond / 2;
  row.sender.ended_ns = kZero + 3 * kSecond;
  for (int i = 0; i < 3; ++i) row.sender.rate.Add(i * kSecond, 1'000);
  row.sender.lateness.Record(300'000, 2'999);
  row.sender.lateness.Record(2'000'000, 1);
  row.counters = {{"queue_full_ns", 17}};
  row.reasons = {{"Local: Message timed out", 10}};
  row.latency_from_plan.Record(5'000'000, 2'990);
  summary.destinations.push_back(row);
  return summary;
}

struct Parsed {
  explicit Parsed(const RunSummary& summary) : text(SummaryJson(summary)) {
    REQUIRE(parser.parse(text).get(root) == simdjson::SUCCESS);
  }
  std::uint64_t Number(const char* pointer) {
    std::uint64_t number = 0;
    CAPTURE(pointer);
    REQUIRE(root.at_pointer(pointer).get(number) == simdjson::SUCCESS);
    return number;
  }
  double Decimal(const char* pointer) {
    double number = 0;
    CAPTURE(pointer);
    REQUIRE(root.at_pointer(pointer).get(number) == simdjson::SUCCESS);
    return number;
  }
  std::string Text(const char* pointer) {
    std::string_view found;
    CAPTURE(pointer);
    REQUIRE(root.at_pointer(pointer).get(found) == simdjson::SUCCESS);
    return std::string(found);
  }
  bool Null(const char* pointer) {
    dom::element element;
    return root.at_pointer(pointer).get(element) == simdjson::SUCCESS && element.is_null();
  }
  bool Flag(const char* pointer) {
    bool flag = false;
    CAPTURE(pointer);
    REQUIRE(root.at_pointer(pointer).get(flag) == simdjson::SUCCESS);
    return flag;
  }

  std::string text;
  dom::parser parser;
  dom::element root;
};

}  // namespace

TEST_CASE("Summary: every field that others read is there") {
  Parsed json(Sample());
  CHECK(json.Number("/version") == 1);
  CHECK(json.Text("/status") == "done");
  CHECK(json.Number("/exit_code") == 0);
  CHECK(json.Number("/seed") == 7);
  CHECK(json.Text("/digest") == "0000000000000abc");
  CHECK(json.Number("/topics/player-events/planned") == 2'700);
  CHECK(json.Number("/topics/player-events/generated") == 2'700);
  CHECK(json.Number("/topics/player-events/acked") == 2'690);
  CHECK(json.Number("/topics/player-events/failed") == 4);
  CHECK(json.Number("/topics/player-events/unknown") == 6);
  CHECK(json.Number("/topics/player-events/shed") == 0);
  CHECK(json.Number("/topics/server-metrics/acked") == 200);
  CHECK(json.Number("/expected/fraud-alerts") == 4);
  CHECK(json.Number("/expected/server-alerts") == 5);
  CHECK(json.Number("/expected/player-session-summaries") == 2'700);
  CHECK(json.Number("/expected/fraud-alerts-by-reason/Too frequent transactions") == 3);
  CHECK(json.Decimal("/achieved_per_second") == doctest::Approx(1'000));
  CHECK(json.Decimal("/planned_per_second") == 1'000);
  CHECK(json.Number("/rate/interval_seconds") == 1);
  CHECK(json.Number("/rate/achieved/2") == 1'000);
  CHECK(json.Number("/rate/planned/0") == 1'000);
  CHECK(json.Number("/latency_ms/from_plan/count") == 2'990);
  CHECK(json.Decimal("/latency_ms/from_plan/p99.9") == doctest::Approx(5.0).epsilon(0.01));
  CHECK(json.Null("/latency_ms/from_send"));
  CHECK(json.Decimal("/lateness_ms/max") == doctest::Approx(2.0).epsilon(0.01));
  CHECK(json.Decimal("/lateness_ms/p99.9") == doctest::Approx(0.3).epsilon(0.01));
  CHECK(json.Decimal("/lateness_ms/p99.99") == doctest::Approx(2.0).epsilon(0.01));
  CHECK(json.Text("/pacing") == "sleep");
  CHECK(json.Number("/counters/queue_full_ns") == 17);
  CHECK(json.Number("/reasons/Local: Message timed out") == 10);
  CHECK(!json.Flag("/bottleneck/playload"));
  CHECK(json.Text("/destinations/0/to") == "kafka://127.0.0.1:9092");
  CHECK(json.Number("/destinations/0/topics/purchase-events/planned") == 100);
}

TEST_CASE("Summary: a number that is not known is null, not 0") {
  RunSummary summary = Sample();
  summary.expected.reset();
  summary.digest.reset();
  summary.interrupted = true;
  summary.status = {Code::kInterrupted, "interrupted"};
  summary.destinations[0].sender.planned.reset();
  Parsed json(summary);
  CHECK(json.Text("/status") == "interrupted");
  CHECK(json.Number("/exit_code") == 105);
  CHECK(json.Null("/expected"));
  CHECK(json.Null("/digest"));
  CHECK(json.Null("/topics/player-events/planned"));
  CHECK(SummaryText(summary).find("unknown") != std::string::npos);
}

TEST_CASE("Summary: a run that never began has its topics, all zero, and the reason") {
  RunSummary summary = Sample();
  summary.begun = false;
  summary.expected.reset();
  summary.digest.reset();
  summary.status = {Code::kUnreachable, "no Kafka at \"here\""};
  DestinationSummary row;
  row.ledger.to = "kafka://here";
  row.ledger.topics = {"a", "b", "c"};
  row.sender.planned.emplace();
  summary.destinations = {row};
  Parsed json(summary);
  CHECK(json.Text("/status") == "failed");
  CHECK(json.Number("/exit_code") == 102);
  CHECK(json.Text("/error") == "no Kafka at \"here\"");
  CHECK(json.Number("/topics/a/planned") == 0);
  CHECK(json.Number("/topics/a/acked") == 0);
  CHECK(json.Null("/bottleneck"));
}

// Over the shards, planned rates add up to the whole's.
TEST_CASE("Summary: a shard's planned rate is its part of the plan") {
  std::uint64_t sum = 0;
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    RunSummary summary = Sample();
    summary.spec.shard = shard;
    summary.spec.shards = 3;
    Parsed json(summary);
    for (const char* second : {"/rate/planned/0", "/rate/planned/1", "/rate/planned/2"}) {
      sum += json.Number(second);
    }
  }
  CHECK(sum == 3'000);
}

TEST_CASE("Summary: a plan that was held is held at its own rate, a late end lowers it") {
  RunSummary summary = Sample();
  DestinationSummary& row = summary.destinations[0];
  row.sender.ended_ns = kZero + 2'999'100'000;  // right after the last event
  CHECK(Parsed(summary).Decimal("/achieved_per_second") == 1'000);
  row.sender.begun_ns = kZero + kSecond;  // a sender that came late does not make it faster
  CHECK(Parsed(summary).Decimal("/achieved_per_second") == 1'000);
  row.sender.ended_ns = kZero + 6 * kSecond;
  CHECK(Parsed(summary).Decimal("/achieved_per_second") == 500);
  CHECK(Parsed(summary).Decimal("/planned_per_second") == 1'000);
}

TEST_CASE("Summary: who held the plan back is who took the time") {
  RunSummary summary = Sample();
  DestinationSummary& row = summary.destinations[0];
  CHECK(FindBottleneck(summary.spec, row).who == Bottleneck::Who::kNobody);

  row.sender.lateness.Record(3 * kHeldWithinNs, 1'000);  // late now; by whom?
  row.sender.full_ns = 2 * kSecond;
  row.sender.starved_ns = kSecond / 10;
  CHECK(FindBottleneck(summary.spec, row).who == Bottleneck::Who::kDestination);
  CHECK(SummaryText(summary).find("the destination held the plan back") != std::string::npos);

  row.sender.full_ns = 0;
  row.sender.starved_ns = kSecond;
  CHECK(FindBottleneck(summary.spec, row).who == Bottleneck::Who::kPlayload);
  CHECK(SummaryText(summary).find("playload itself held the plan back") != std::string::npos);
  CHECK(Parsed(summary).Flag("/bottleneck/playload"));

  // Inside Offer(): its own work is ours, sleeping there is the destination's.
  row.sender.starved_ns = 0;
  row.sender.offer_ns = 2 * kSecond;
  row.sender.offer_cpu_ns = row.sender.cpu_ns = 2 * kSecond;
  CHECK(FindBottleneck(summary.spec, row).who == Bottleneck::Who::kPlayload);
  row.sender.offer_cpu_ns = kSecond / 10;  // the thread may have made events besides
  CHECK(FindBottleneck(summary.spec, row).who == Bottleneck::Who::kDestination);

  // Nothing took any time, and yet it was late: no CPU.
  row.sender.offer_ns = row.sender.offer_cpu_ns = row.sender.cpu_ns = 0;
  CHECK(FindBottleneck(summary.spec, row).who == Bottleneck::Who::kPlayload);
}

TEST_CASE("Summary: the text says planned and held rates, counts, and where the files are") {
  RunSummary summary = Sample();
  const std::string text = SummaryText(summary);
  for (const char* part :
       {"planned 1,000/s", "held 1,000/s", "2,700 events", "2,690 acked", "4 failed", "6 unknown",
        "4 fraud alerts", "5 server alerts", "runs/one", "10 x Local: Message timed out"}) {
    CHECK_MESSAGE(text.find(part) != std::string::npos, part, "\n", text);
  }
  CHECK(text.back() == '\n');
}

TEST_CASE("Summary: who came to a server") {
  RunSummary summary = Sample();
  DestinationSummary& row = summary.destinations[0];
  row.ledger.to = "http://127.0.0.1:8000";
  HttpSummary http;
  http.clients.total = 1'200;
  http.clients.most_at_once = 900;
  http.clients.events = 5'000;
  http.clients.bytes = 1'048'576;
  http.clients.ends[static_cast<std::size_t>(SessionEnd::kClient)] = 1'198;
  http.clients.ends[static_cast<std::size_t>(SessionEnd::kSlow)] = 2;
  ClientSession session;
  session.number = 1;
  session.address = "127.0.0.1:40312";
  session.user_agent = "curl/7.88.1 \"quoted\"";
  session.form = {StreamFormat::kNdjson, false, false, 5};
  session.began_ns = 1'767'225'600'123'456'789;
  session.ended_ns = session.began_ns + kSecond;
  session.first = 17;
  session.last = 20;
  session.events = 3;
  session.end = SessionEnd::kClient;
  http.clients.sessions = {session, ClientSession{}};
  http.server.gaps = {0, 4, 0};
  http.server.missed = 99;
  http.server.polls = {2, 0, 1};
  http.server.polled_events = {2'000, 0, 1};
  http.server.connections_refused = 6;
  http.server.answers = {{200, 7}, {404, 1}};
  row.http = http;

  Parsed json(summary);
  CHECK(json.Number("/destinations/0/http/clients/sessions") == 1'200);
  CHECK(json.Number("/destinations/0/http/clients/ends/slow") == 2);
  CHECK(json.Number("/destinations/0/http/clients/gaps/slow") == 4);
  CHECK(json.Number("/destinations/0/http/polled/player/events") == 2'000);
  CHECK(json.Number("/destinations/0/http/answers/404") == 1);
  CHECK(json.Number("/destinations/0/http/connections/refused") == 6);
  CHECK(json.Text("/destinations/0/http/sessions/0/user_agent") == session.user_agent);
  CHECK(json.Text("/destinations/0/http/sessions/0/began") == "2026-01-01T00:00:00.123Z");
  CHECK(json.Text("/destinations/0/http/sessions/0/format") == "ndjson");
  CHECK(json.Text("/destinations/0/http/sessions/0/type/1") == "server");
  CHECK(json.Text("/destinations/0/http/sessions/0/end") == "client");
  CHECK(json.Number("/destinations/0/http/sessions/0/last") == 20);
  // Of one that is still there and got nothing.
  CHECK(json.Null("/destinations/0/http/sessions/1/ended"));
  CHECK(json.Null("/destinations/0/http/sessions/1/first"));

  const std::string text = SummaryText(summary);
  CHECK(text.find("1,200 streams, 900 at once, 5,000 events in 1") != std::string::npos);
  CHECK(text.find("1,198 went away, 2 too slow") != std::string::npos);
  CHECK(text.find("4, 4 slow; 99 events missed") != std::string::npos);
  CHECK(text.find("2,000 player, 0 purchase, 1 server, in 3 answers") != std::string::npos);
  CHECK(text.find("6 connections refused") != std::string::npos);
}

}  // namespace playload
