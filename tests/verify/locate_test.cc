// Where events are in Kafka: what is said of them is what stands there.

#include "generator/verify/locate.h"

#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "generator/run/manifest.h"
#include "generator/run/run.h"
#include "generator/verify/expect.h"
#include "generator/verify/verify.h"
#include "scenarios/load.h"
#include "tests/run/fakes.h"
#include "tests/support/world.h"
#include "transports/kafka/embedded.h"
#include "transports/kafka/reader.h"

namespace playload {
namespace {

const std::atomic<bool> kNotSet{false};
const std::vector<std::string> kTopics = {"player-events", "purchase-events", "server-metrics"};

using Place = std::tuple<std::string, std::int32_t, std::int64_t>;

std::map<Place, std::string> Read(const std::string& brokers) {
  KafkaReader::Options options;
  options.brokers = brokers;
  for (const std::string& topic : kTopics) options.topics[topic] = {};
  KafkaReader reader(options);
  REQUIRE(reader.Open(kNotSet).ok());
  std::map<Place, std::string> all;
  while (!reader.at_end()) {
    const auto records = reader.Next(std::chrono::milliseconds(200));
    REQUIRE(records.has_value());
    for (const KafkaRecord& r : *records) {
      all[{std::string(r.topic), r.partition, r.offset}] = std::string(r.value);
    }
  }
  return all;
}

std::vector<std::string> LinesOf(const ExpectOptions& options) {
  std::string text;
  const Status made = Expect(options, kNotSet, [&text](std::string_view lines) {
    text += lines;
    return true;
  });
  REQUIRE_MESSAGE(made.ok(), made.message());
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

void RunInto(const std::string& brokers, const Scenario& scenario, Position events,
             const std::string& run_dir) {
  RunOptions options;
  options.spec = test::SpecOf(scenario, 5, events);
  options.start_given = true;
  options.to = {*ParseAddress("kafka://" + brokers)};
  options.run_dir = run_dir;
  Progress progress(Progress::Style::kQuiet, 2);
  const RunResult result = Execute(std::move(options), kNotSet, kNotSet, progress);
  REQUIRE_MESSAGE(result.status.ok(), result.status.message());
}

TEST_CASE("Locate: every event of a history is where it says") {
  const Result<std::unique_ptr<EmbeddedKafka>> kafka = EmbeddedKafka::Start(kTopics, 3);
  REQUIRE_MESSAGE(kafka.has_value(), kafka.error().message());
  const std::string brokers = (*kafka)->bootstrap();
  const test::ScratchFolder folder;
  const Result<Scenario> scenario = LoadScenario("fraud-ring", {});
  REQUIRE(scenario.has_value());
  for (int n = 0; n < 2; ++n) {  // the second run begins behind the first one's events
    RunInto(brokers, *scenario, 8'000, folder / ("run" + std::to_string(n)));
  }
  const std::map<Place, std::string> there = Read(brokers);
  const Result<Manifest> manifest = ReadManifest(folder / "run1");
  REQUIRE(manifest.has_value());

  std::size_t found = 0;
  for (const char* const id : {"player_342", "player_17", "server_3"}) {
    ExpectOptions options;
    options.run_dir = folder / "run1";
    options.slice.id = id;
    options.what = ExpectOptions::What::kEvents;
    const std::vector<std::string> events = LinesOf(options);
    options.what = ExpectOptions::What::kHistory;
    options.locate = "kafka://" + brokers;
    const std::vector<std::string> history = LinesOf(options);
    REQUIRE(history.size() == events.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      CAPTURE(history[i]);
      // event 4711 <instant> <topic>/<partition>@<offset> ...
      const std::size_t slash = history[i].find('/');
      const std::size_t at = history[i].find('@', slash);
      REQUIRE(at != std::string::npos);
      const std::size_t blank = history[i].rfind(' ', slash);
      const Place place{history[i].substr(blank + 1, slash - blank - 1),
                        std::stoi(history[i].substr(slash + 1)),
                        std::stoll(history[i].substr(at + 1))};
      REQUIRE(there.count(place) == 1);
      CHECK(events[i].find("\"value\":" + there.at(place) + "}") != std::string::npos);
      const auto& starts = manifest->destinations[0].start_offsets.at(std::get<0>(place));
      CHECK(std::get<2>(place) >= starts[static_cast<std::size_t>(std::get<1>(place))]);
      ++found;
    }
  }
  CHECK(found > 10);
}

TEST_CASE("Locate: does not wait for ever for a broker that gives nothing") {
  const Result<std::unique_ptr<EmbeddedKafka>> kafka = EmbeddedKafka::Start(kTopics, 1);
  REQUIRE_MESSAGE(kafka.has_value(), kafka.error().message());
  const test::ScratchFolder folder;
  const Result<Scenario> scenario = LoadScenario("fraud-ring", {});
  REQUIRE(scenario.has_value());
  RunInto((*kafka)->bootstrap(), *scenario, 1'000, folder / "run");
  constexpr std::int16_t kFetch = 1;
  std::vector<rd_kafka_resp_err_t> errors(10'000, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
  rd_kafka_mock_push_request_errors_array((*kafka)->cluster(), kFetch, errors.size(),
                                          errors.data());
  LocateSource source;
  source.kafka.brokers = (*kafka)->bootstrap();
  source.kafka.connect_timeout = std::chrono::milliseconds(1'000);
  source.topics = {"player-events", "purchase-events", "server-metrics"};
  HistoryEvent event;
  event.key = "player_1";
  event.value = "{}";
  const Status located = Locate(source, {&event}, {}, kNotSet);
  CHECK(located.code() == Code::kUnreachable);
}

}  // namespace
}  // namespace playload
