// Runs with an HTTP destination, read by a client over a real socket. Every wait is for something
// that the other side does.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "generator/run/ledger.h"
#include "generator/run/manifest.h"
#include "generator/run/run.h"
#include "scenarios/load.h"
#include "tests/run/fakes.h"
#include "tests/support/http_client.h"
#include "tests/support/world.h"

namespace playload {
namespace {

constexpr Position kEvents = 4'000;
const std::atomic<bool> kNo{false};

// A paced run whose server takes a free port.
RunOptions Options(const std::string& run_dir, const std::vector<std::string>& to) {
  RunOptions options;
  const Result<Scenario> scenario = LoadScenario("fraud-ring", {});
  REQUIRE_MESSAGE(scenario.has_value(), scenario.error().message());
  options.spec = test::SpecOf(*scenario, 5, kEvents);
  options.spec.scenario.plan = {{20'000'000, 20'000'000, 0}};
  options.spec.clock = Clock::kLive;
  options.run_dir = run_dir;
  for (const std::string& text : to) options.to.push_back(*ParseAddress(text));
  return options;
}

RunResult Do(RunOptions options, const std::atomic<bool>& stop) {
  Progress progress(Progress::Style::kQuiet, 2);
  return Execute(std::move(options), stop, kNo, progress);
}

// The lines of a kind, by the first thing in each.
std::string LinesOf(std::string_view lines, std::string_view name) {
  std::string found;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n') + 1);
    if (line.find(name) == 2 + std::string_view("event_name\":\"").size()) found += line;
    lines.remove_prefix(line.size());
  }
  return found;
}

std::string Content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::uint64_t Lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE(
    "Run with HTTP: a reader gets the bytes of the files, and a signal while it stays is an end") {
  const test::ScratchFolder folder;
  RunOptions options = Options(folder / "run", {"file:" + (folder / "out"), "http://127.0.0.1:0"});
  options.stay_ns = RunOptions::kUntilSignal;
  std::atomic<bool> stop{false};
  std::string body;
  Result<Manifest> early_manifest = Status(Code::kInternal, "not read");
  Result<std::vector<LedgerEntry>> early_ledger = Status(Code::kInternal, "not read");
  std::thread reader;
  options.serving = [&](const std::vector<const Destination*>& serving) {
    REQUIRE(serving.size() == 1);
    reader = std::thread([&, url = serving[0]->transport->name()] {
      test::HttpClient client(
          url, "/stream_events?format=ndjson&after=0&limit=" + std::to_string(kEvents));
      while (client.connected() && client.Read()) {
      }
      body = client.body();
      // Before the server leaves, the run directory knows what is known.
      while (!std::filesystem::exists(folder / "run/ledger.json")) std::this_thread::yield();
      early_manifest = ReadManifest(folder / "run");
      early_ledger = ReadLedger(folder / "run");
      stop = true;
    });
  };
  const RunResult result = Do(options, stop);
  if (reader.joinable()) reader.join();
  REQUIRE_MESSAGE(result.status.ok(), result.status.message());
  CHECK(!result.summary.interrupted);
  CHECK(Lines(body) == kEvents);
  CHECK(LinesOf(body, "player_action") == Content(folder / "out/player-events.ndjson"));
  CHECK(LinesOf(body, "transaction") == Content(folder / "out/purchase-events.ndjson"));
  CHECK(LinesOf(body, "server_metric") == Content(folder / "out/server-metrics.ndjson"));

  REQUIRE_MESSAGE(early_manifest.has_value(), early_manifest.error().message());
  CHECK(!early_manifest->finished);
  CHECK(early_manifest->destinations[0].end == kEvents);
  CHECK(early_manifest->destinations[1].digest == early_manifest->destinations[0].digest);
  REQUIRE_MESSAGE(early_ledger.has_value(), early_ledger.error().message());
  CHECK(early_ledger->at(0).total(Fate::kAcked) == kEvents);
  CHECK(early_ledger->at(1).total_generated() == kEvents);
  CHECK(early_ledger->at(1).total(Fate::kShed) == 0);

  const Result<std::vector<LedgerEntry>> ledger = ReadLedger(folder / "run");
  REQUIRE_MESSAGE(ledger.has_value(), ledger.error().message());
  CHECK(ledger->at(1).total(Fate::kAcked) == kEvents);
  CHECK(ReadManifest(folder / "run")->finished);
  REQUIRE(result.summary.destinations.at(1).http.has_value());
  const ClientSessions& clients = result.summary.destinations[1].http->clients;
  CHECK(clients.total == 1);
  REQUIRE(clients.sessions.size() == 1);
  CHECK(clients.sessions[0].last == kEvents);
  CHECK(clients.sessions[0].end == SessionEnd::kLimit);
}

TEST_CASE("Run with HTTP: interrupted in the middle, a reader has whole events only") {
  const test::ScratchFolder folder;
  RunOptions options = Options(folder / "run", {"http://127.0.0.1:0", "null"});
  options.spec.end = RunSpec::kNoEnd;
  options.stay_ns = RunOptions::kUntilSignal;
  std::atomic<bool> stop{false};
  std::string body;
  std::thread reader;
  options.serving = [&](const std::vector<const Destination*>& serving) {
    reader = std::thread([&, url = serving[0]->transport->name()] {
      test::HttpClient client(url, "/stream_events?format=ndjson&after=0");
      while (client.connected() && client.Read()) {
        if (Lines(client.body()) > 500) stop = true;
      }
      stop = true;
      body = client.body();
    });
  };
  const RunResult result = Do(options, stop);
  if (reader.joinable()) reader.join();
  CHECK(result.status.code() == Code::kInterrupted);
  CHECK(Lines(body) > 500);
  CHECK(body.ends_with("\n"));
  const Result<std::vector<LedgerEntry>> ledger = ReadLedger(folder / "run");
  REQUIRE_MESSAGE(ledger.has_value(), ledger.error().message());
  CHECK(ledger->at(0).total(Fate::kAcked) == Lines(body));
  CHECK(ledger->at(0).total_generated() == ledger->at(0).end);
  CHECK(ledger->at(1).total(Fate::kAcked) == ledger->at(1).end);
  CHECK(ReadManifest(folder / "run")->finished);
}

TEST_CASE("Run with HTTP: nobody there is no failure, and a time to stay ends by itself") {
  const test::ScratchFolder folder;
  RunOptions options = Options(folder / "run", {"http://127.0.0.1:0"});
  options.stay_ns = 1'000'000;
  const RunResult result = Do(options, kNo);
  REQUIRE_MESSAGE(result.status.ok(), result.status.message());
  const LedgerEntry& entry = result.summary.destinations.at(0).ledger;
  CHECK(entry.total(Fate::kShed) == kEvents);
  REQUIRE(entry.intervals[static_cast<std::size_t>(Fate::kShed)].size() == 1);
  CHECK(entry.intervals[static_cast<std::size_t>(Fate::kShed)][0].last == kEvents - 1);
}

TEST_CASE("Run with HTTP: an address that is taken ends all before the clock starts") {
  const test::ScratchFolder folder;
  RunOptions first = Options(folder / "first", {"http://127.0.0.1:0"});
  first.spec.end = RunSpec::kNoEnd;
  std::atomic<bool> stop{false};
  Status second;
  bool served = false;
  first.serving = [&](const std::vector<const Destination*>& serving) {
    RunOptions options = Options(folder / "second", {"null", serving[0]->transport->name()});
    options.serving = [&served](const auto&) { served = true; };
    const RunResult result = Do(options, kNo);
    second = result.status;
    CHECK(result.summary.destinations.at(0).ledger.total_generated() == 0);
    stop = true;
  };
  CHECK(Do(first, stop).status.code() == Code::kInterrupted);
  CHECK(second.code() == Code::kCannotListen);
  CHECK(!served);
}

}  // namespace playload
