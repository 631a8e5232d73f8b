#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <thread>

#include "tests/kafka/kafka_fixture.h"
#include "transports/kafka/kafka_transport.h"

namespace playload {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::atomic<bool> kNo{false};

}  // namespace

TEST_CASE("KafkaTransport: every event arrives with its key, value, partition and timestamp") {
  const auto cluster = StartCluster();
  LogLines log;
  Deliveries deliveries(nullptr);
  KafkaTransport::Options options = TestOptions(cluster->bootstrap(), &log);
  options.output_topics = {"fraud-alerts"};
  options.say_every = KafkaTransport::Options().say_every;  // for nothing is to be said
  KafkaTransport transport(options, &deliveries);
  const Status opened = transport.Open(kNo);
  REQUIRE_MESSAGE(opened.ok(), opened.message());
  CHECK(transport.name() == "kafka://" + cluster->bootstrap());
  CHECK(transport.start_offsets().size() == 4);
  CHECK(transport.start_offsets().at("player-events") == std::vector<std::int64_t>(6, 0));
  for (std::uint64_t first = 0; first < 9'600; first += 960) {
    CHECK(OfferAll(transport, deliveries, MakeBatch(first, 960)) == 960);
  }
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.failed().ok());
  CHECK(Sum(deliveries, Fate::kAcked) == 9'600);  // known before Close()
  CHECK(transport.Close().ok());
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(deliveries.fate(Fate::kAcked, Kind::kPurchase) == 3'200);
  CHECK(deliveries.latency_from_send().count() == 9'600);
  CHECK(deliveries.counters().empty());
  CheckArrived(cluster->bootstrap(), 9'600, false);
  CHECK_MESSAGE(log.lines().empty(), log.lines().front());

  // A second run begins where this one ended.
  Deliveries second_deliveries(nullptr);
  KafkaTransport second(TestOptions(cluster->bootstrap()), &second_deliveries);
  REQUIRE(second.Open(kNo).ok());
  std::int64_t sum = 0;
  for (const std::int64_t offset : second.start_offsets().at("player-events")) sum += offset;
  CHECK(sum == 3'200);
}

TEST_CASE("KafkaTransport: the embedded broker has the run's and the pipeline's topics") {
  Deliveries deliveries(nullptr);
  KafkaTransport::Options options = TestOptions("");
  options.address = {"", true};
  options.output_topics = KafkaTransport::Options().output_topics;
  options.topics[0] = "my-players";
  KafkaTransport transport(options, &deliveries);
  CHECK(transport.name() == "kafka://embedded");
  REQUIRE(transport.Open(kNo).ok());
  REQUIRE(transport.embedded() != nullptr);
  CHECK(transport.bootstrap().find("127.0.0.1:") == 0);
  CHECK(transport.start_offsets().count("my-players") == 1);
  CHECK(transport.start_offsets().count("player-events") == 0);
  CHECK(transport.start_offsets().at("fraud-alerts").size() == 6);
  CHECK(OfferAll(transport, deliveries, MakeBatch(0, 96)) == 96);
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.Close().ok());
  // It lives on, for who reads what the pipeline made of it.
  auto all = ReadAll(transport.bootstrap(), {"my-players"});
  std::size_t n = 0;
  for (const auto& [partition, records] : all["my-players"]) n += records.size();
  CHECK(n == 32);
}

TEST_CASE("KafkaTransport: a full queue takes fewer, loses nothing and is counted") {
  const auto cluster = StartCluster();
  Deliveries deliveries(nullptr);
  KafkaTransport transport(
      TestOptions(cluster->bootstrap(), nullptr, {"queue.buffering.max.messages=100"}),
      &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  rd_kafka_mock_broker_set_rtt(cluster->cluster(), 1, 10);
  const Batch batch = MakeBatch(0, 480);
  const std::uint32_t first = transport.Offer(batch, 0, batch.count);
  CHECK(first == 100);
  for (std::uint32_t i = 0; i < first; ++i) deliveries.Generated(batch.events[i].kind, 1);
  std::uint32_t taken = first;
  while (taken < batch.count) {
    const std::uint32_t n = transport.Offer(batch, taken, batch.count);
    CHECK(n <= 100);
    for (std::uint32_t i = taken; i < taken + n; ++i) {
      deliveries.Generated(batch.events[i].kind, 1);
    }
    taken += n;
    if (n == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kAcked) == 480);
  CHECK(deliveries.counters().at("queue_full") >= 1);
  CHECK(deliveries.counters().at("queue_full_ns") > 0);
  CheckArrived(cluster->bootstrap(), 480, false);
}

// librdkafka counts bytes on its own: what Offer() has accepted by then waits in the transport.
TEST_CASE("KafkaTransport: a queue that is full of bytes keeps order and loses nothing") {
  for (const char* producers : {"1", "5"}) {
    CAPTURE(producers);
    const auto cluster = StartCluster();
    Deliveries deliveries(nullptr);
    KafkaTransport transport(TestOptions(cluster->bootstrap(), nullptr,
                                         {"queue.buffering.max.kbytes=20", "linger.ms=1",
                                          std::string("playload.producers=") + producers}),
                             &deliveries);
    REQUIRE(transport.Open(kNo).ok());
    rd_kafka_mock_broker_set_rtt(cluster->cluster(), 1, 5);
    for (std::uint64_t n = 0; n < 1'440; n += 240) {
      CHECK(OfferAll(transport, deliveries, MakeBatch(n, 240, 100)) == 240);
    }
    CHECK(Sum(deliveries, Fate::kAcked) < 1'440);
    CHECK(transport.Flush(Soon(), kNo).ok());
    CHECK(transport.Close().ok());
    CheckAddsUp(deliveries);
    CHECK(Sum(deliveries, Fate::kAcked) == 1'440);
    CheckArrived(cluster->bootstrap(), 1'440, false, 100);
  }
}

TEST_CASE("KafkaTransport: full of bytes at the deadline, everything is counted") {
  const auto cluster = StartCluster();
  Deliveries deliveries(nullptr);
  KafkaTransport transport(
      TestOptions(cluster->bootstrap(), nullptr, {"queue.buffering.max.kbytes=20"}), &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  rd_kafka_mock_broker_set_down(cluster->cluster(), 1);
  CHECK(OfferAll(transport, deliveries, MakeBatch(0, 480, 100)) == 480);
  CHECK(transport.Offer(MakeBatch(480, 16), 0, 16) == 0);
  CHECK(transport.Flush(std::chrono::steady_clock::now(), kNo).code() == Code::kDestination);
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kFailed) + Sum(deliveries, Fate::kUnknown) == 480);
}

// Values around the size from which librdkafka copies them, and blocks that these fill.
TEST_CASE("KafkaTransport: values of all sizes arrive, by any number of producers at full speed") {
  for (const char* producers : {"2", "7"}) {
    CAPTURE(producers);
    const auto cluster = StartCluster();
    Deliveries deliveries(nullptr);
    KafkaTransport::Options options = TestOptions(
        cluster->bootstrap(), nullptr,
        {"queue.buffering.max.messages=500", std::string("playload.producers=") + producers});
    options.full_speed = true;
    KafkaTransport transport(options, &deliveries);
    REQUIRE(transport.Open(kNo).ok());
    std::uint64_t n = 0;
    for (; n < 4'800; n += 480) {
      CHECK(OfferAll(transport, deliveries, MakeBatch(n, 480, 50)) == 480);
    }
    CHECK(transport.Flush(Soon(), kNo).ok());
    for (const std::size_t pad : {4'000, 4'096, 5'000, 17'000}) {
      CHECK(OfferAll(transport, deliveries, MakeBatch(n, 48, pad)) == 48);
      n += 48;
    }
    CHECK(transport.Flush(Soon(), kNo).ok());
    CHECK(transport.Close().ok());
    CheckAddsUp(deliveries);
    CHECK(Sum(deliveries, Fate::kAcked) == n);
    CHECK(deliveries.latency_from_send().count() == n);
    std::map<std::string, int> seen;
    for (const auto& [topic, partitions] :
         ReadAll(cluster->bootstrap(), {"player-events", "purchase-events", "server-metrics"})) {
      for (const auto& [partition, records] : partitions) {
        for (const Seen& record : records) ++seen[record.value];
      }
    }
    std::uint64_t wrong = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::size_t pads[] = {4'000, 4'096, 5'000, 17'000};
      const std::size_t pad = i < 4'800 ? 50 : pads[(i - 4'800) / 48];
      if (seen[ValueOf(i, pad)] != 1) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(seen.size() == n);
  }
}

// Nobody offers any more, and the reports are taken all the same.
TEST_CASE("KafkaTransport: at full speed the report thread takes over when offering stops") {
  const auto cluster = StartCluster();
  Deliveries deliveries(nullptr);
  KafkaTransport::Options options = TestOptions(cluster->bootstrap());
  options.full_speed = true;
  KafkaTransport transport(options, &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  CHECK(OfferAll(transport, deliveries, MakeBatch(0, 480)) == 480);
  const auto limit = Soon();
  while (Sum(deliveries, Fate::kAcked) < 480 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  CHECK(Sum(deliveries, Fate::kAcked) == 480);
}

TEST_CASE("KafkaTransport: waits for a broker that comes later, and says so") {
  const auto cluster = StartCluster();
  rd_kafka_mock_broker_set_down(cluster->cluster(), 1);
  LogLines log;
  Deliveries deliveries(nullptr);
  KafkaTransport::Options options = TestOptions(cluster->bootstrap(), &log);
  options.log = [&](const std::string& line) {
    log.Add(line);
    if (log.Count("waiting for Kafka") == 2) rd_kafka_mock_broker_set_up(cluster->cluster(), 1);
  };
  KafkaTransport transport(options, &deliveries);
  const Status opened = transport.Open(kNo);
  REQUIRE_MESSAGE(opened.ok(), opened.message());
  CHECK(log.Count("waiting for Kafka at " + cluster->bootstrap() + " ... ") >= 2);
  CHECK(OfferAll(transport, deliveries, MakeBatch(0, 96)) == 96);
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.Close().ok());
  CHECK(Sum(deliveries, Fate::kAcked) == 96);
}

TEST_CASE("KafkaTransport: nobody there, a wrong host and Ctrl-C end the wait") {
  Deliveries deliveries(nullptr);
  for (const char* brokers : {"127.0.0.1:1", "no-such-host.invalid:9092"}) {
    KafkaTransport::Options options = TestOptions(brokers);
    options.connect_timeout = milliseconds(500);
    KafkaTransport transport(options, &deliveries);
    const Status s = transport.Open(kNo);
    CHECK(s.code() == Code::kUnreachable);
    CAPTURE(s.message());
    CHECK(s.message().find(brokers) != std::string::npos);
    CHECK(s.message().find("did not answer within") != std::string::npos);
    CHECK(transport.Offer(MakeBatch(0, 16), 0, 16) == 0);
    CHECK(transport.Close().ok());
  }
  std::atomic<bool> stop{false};
  KafkaTransport::Options options = TestOptions("127.0.0.1:1");
  options.connect_timeout = seconds(600);
  options.log = [&stop](const std::string&) { stop = true; };
  KafkaTransport transport(options, &deliveries);
  CHECK(transport.Open(stop).code() == Code::kInterrupted);
}

TEST_CASE("KafkaTransport: a missing topic is named, with what to do") {
  const auto cluster = StartCluster();
  // The mock broker makes a topic that is asked for; told not to, it answers as a real one.
  rd_kafka_mock_topic_set_error(cluster->cluster(), "my-topic",
                                RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  Deliveries deliveries(nullptr);
  KafkaTransport::Options options = TestOptions(cluster->bootstrap());
  options.topics[1] = "my-topic";
  KafkaTransport transport(options, &deliveries);
  const Status s = transport.Open(kNo);
  CHECK(s.code() == Code::kInvalid);
  CHECK(s.message() == "topic 'my-topic' does not exist at " + cluster->bootstrap() +
                           ": create it or use --create-topics partitions=6,replication=1");

  rd_kafka_mock_topic_set_error(cluster->cluster(), "my-topic",
                                RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  KafkaTransport denied(options, &deliveries);
  const Status d = denied.Open(kNo);
  CHECK(d.code() == Code::kInvalid);
  CHECK(d.message().find("my-topic") != std::string::npos);
  CHECK(d.message().find("authorization failed") != std::string::npos);

  options.topics[1] = "not a topic";
  KafkaTransport wrong(options, &deliveries);
  const Status w = wrong.Open(kNo);
  CHECK(w.code() == Code::kInvalid);
  CHECK(w.message().find("not a topic") != std::string::npos);
}

TEST_CASE("KafkaTransport: an event that is too large fails alone") {
  const auto cluster = StartCluster();
  Deliveries deliveries(nullptr);
  KafkaTransport transport(TestOptions(cluster->bootstrap(), nullptr, {"message.max.bytes=20000"}),
                           &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  CHECK(OfferAll(transport, deliveries, MakeBatch(0, 96)) == 96);
  CHECK(OfferAll(transport, deliveries, MakeBatch(96, 1, 30'000)) == 1);
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.failed().ok());
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kAcked) == 96);
  CHECK(Sum(deliveries, Fate::kFailed) == 1);
  CHECK(deliveries.reasons() == std::map<std::string, std::uint64_t>{{"MSG_SIZE_TOO_LARGE", 1}});
  const auto lost = deliveries.intervals(Fate::kFailed);
  REQUIRE(lost.size() == 1);
  CHECK(lost[0].first == PositionOf(96));
  CheckArrived(cluster->bootstrap(), 96, false);
}

TEST_CASE("KafkaTransport: properties that only librdkafka finds wrong end at Open") {
  Deliveries deliveries(nullptr);
  KafkaTransport transport(TestOptions("127.0.0.1:1", nullptr,
                                       {"security.protocol=ssl", "ssl.ca.location=/nowhere.pem"}),
                           &deliveries);
  const Status s = transport.Open(kNo);
  CHECK(s.code() == Code::kInvalid);
  CHECK(s.message().find("ssl.ca.location") != std::string::npos);
}

}  // namespace playload
