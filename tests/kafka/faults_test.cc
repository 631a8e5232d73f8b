#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <functional>
#include <thread>

#include "tests/kafka/kafka_fixture.h"
#include "transports/kafka/kafka_transport.h"

namespace playload {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kProduce = 0;  // Kafka's numbers of the requests
constexpr int kInitProducerId = 22;

// Waits for what another thread does; the limit is only there to end a test that fails.
bool Eventually(const std::function<bool()>& done) {
  const auto limit = Soon();
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

const std::atomic<bool> kNo{false};
const std::vector<std::string> kFastReconnect = {"reconnect.backoff.ms=10",
                                                 "reconnect.backoff.max.ms=50"};

}  // namespace

// The mock broker detects no duplicates (a real one does), so these are allowed here.
TEST_CASE("KafkaTransport: a broker that comes and goes costs nothing") {
  const auto cluster = StartCluster();
  LogLines log;
  Deliveries deliveries(nullptr);
  KafkaTransport transport(TestOptions(cluster->bootstrap(), &log, kFastReconnect), &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  std::uint64_t n = 0;
  for (int round = 0; round < 10; ++round) {
    CHECK(OfferAll(transport, deliveries, MakeBatch(n, 480)) == 480);
    n += 480;
    rd_kafka_mock_broker_set_down(cluster->cluster(), 1);
    CHECK(OfferAll(transport, deliveries, MakeBatch(n, 480)) == 480);
    n += 480;
    rd_kafka_mock_broker_set_up(cluster->cluster(), 1);
    if (round % 2 == 0) {
      CHECK(Eventually([&] { return Sum(deliveries, Fate::kAcked) == n; }));
    }
  }
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kAcked) == n);
  CheckArrived(cluster->bootstrap(), n, true);
}

TEST_CASE("KafkaTransport: while no broker is there events wait, and it says so") {
  const auto cluster = StartCluster();
  LogLines log;
  Deliveries deliveries(nullptr);
  KafkaTransport transport(TestOptions(cluster->bootstrap(), &log, kFastReconnect), &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  rd_kafka_mock_broker_set_down(cluster->cluster(), 1);
  CHECK(OfferAll(transport, deliveries, MakeBatch(0, 96)) == 96);
  CHECK(Eventually([&] { return log.Count("waiting for Kafka at ") >= 2; }));
  CHECK(log.Count("96 events are kept") >= 1);
  rd_kafka_mock_broker_set_up(cluster->cluster(), 1);
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(Eventually([&] { return log.Count("acknowledges again") == 1; }));
  CHECK(transport.Close().ok());
  CHECK(Sum(deliveries, Fate::kAcked) == 96);
  CHECK(transport.failed().ok());
}

TEST_CASE("KafkaTransport: errors that pass are retried, in order") {
  const auto cluster = StartCluster();
  Deliveries deliveries(nullptr);
  KafkaTransport transport(TestOptions(cluster->bootstrap(), nullptr, {"retry.backoff.ms=1"}),
                           &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  for (int i = 0; i < 10; ++i) {
    rd_kafka_mock_push_request_errors(cluster->cluster(), kProduce, 2,
                                      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    CHECK(OfferAll(transport, deliveries, MakeBatch(static_cast<std::uint64_t>(i) * 480, 480)) ==
          480);
  }
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kAcked) == 4'800);
  CheckArrived(cluster->bootstrap(), 4'800, true);
}

TEST_CASE("KafkaTransport: after a fatal error a new producer sends the rest again, in order") {
  const auto cluster = StartCluster();
  LogLines log;
  Deliveries deliveries(nullptr);
  KafkaTransport::Options options = TestOptions(cluster->bootstrap(), &log);
  options.max_rebuilds = 2;  // without an acknowledgement: three with some between are no reason
  KafkaTransport transport(options, &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  std::uint64_t n = 0;
  for (int round = 1; round <= 3; ++round) {
    rd_kafka_mock_push_request_errors(cluster->cluster(), kProduce, 1,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    // Events keep coming while the producer is replaced: none of them may overtake.
    do {
      CHECK(OfferAll(transport, deliveries, MakeBatch(n, 96)) == 96);
      n += 96;
      std::this_thread::sleep_for(milliseconds(1));
    } while (log.Count("a new one is made") < round);
    CHECK(OfferAll(transport, deliveries, MakeBatch(n, 96)) == 96);
    n += 96;
    CHECK(Eventually([&] { return Sum(deliveries, Fate::kAcked) == n; }));
  }
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.failed().ok());
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kAcked) == n);
  CHECK(deliveries.counters().at("producer_rebuilds") == 3);
  CHECK(deliveries.counters().at("resent") >= 1);
  CheckArrived(cluster->bootstrap(), n, true);
}

// One of three producers fails, at full speed and in the middle of an Offer().
TEST_CASE("KafkaTransport: a producer that fails is replaced alone, and order is kept") {
  const auto cluster = StartCluster();
  LogLines log;
  Deliveries deliveries(nullptr);
  KafkaTransport::Options options =
      TestOptions(cluster->bootstrap(), &log, {"playload.producers=3"});
  options.full_speed = true;
  KafkaTransport transport(options, &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  rd_kafka_mock_push_request_errors(cluster->cluster(), kProduce, 1,
                                    RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
  std::uint64_t n = 0;
  do {
    CHECK(OfferAll(transport, deliveries, MakeBatch(n, 96)) == 96);
    n += 96;
    std::this_thread::sleep_for(milliseconds(1));
  } while (log.Count("a new one is made") < 1);
  CHECK(OfferAll(transport, deliveries, MakeBatch(n, 96)) == 96);
  n += 96;
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kAcked) == n);
  CHECK(deliveries.counters().at("producer_rebuilds") == 1);
  CheckArrived(cluster->bootstrap(), n, true);
}

TEST_CASE("KafkaTransport: fatal errors without end are given up, and counted") {
  const auto cluster = StartCluster();
  Deliveries deliveries(nullptr);
  KafkaTransport::Options options = TestOptions(cluster->bootstrap());
  options.max_rebuilds = 3;
  KafkaTransport transport(options, &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  CHECK(OfferAll(transport, deliveries, MakeBatch(0, 480)) == 480);
  CHECK(transport.Flush(Soon(), kNo).ok());
  for (int i = 0; i < 100; ++i) {
    rd_kafka_mock_push_request_errors(cluster->cluster(), kProduce, 1,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    rd_kafka_mock_push_request_errors(cluster->cluster(), kInitProducerId, 1,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
  }
  CHECK(OfferAll(transport, deliveries, MakeBatch(480, 480)) >= 1);
  CHECK(Eventually([&] { return !transport.failed().ok(); }));
  CHECK(transport.failed().code() == Code::kDestination);
  CHECK(transport.failed().message().find("in a row") != std::string::npos);
  CHECK(transport.Offer(MakeBatch(960, 16), 0, 16) == 0);
  CHECK(transport.Flush(Soon(), kNo).code() == Code::kDestination);
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kAcked) == 480);
  CHECK(Sum(deliveries, Fate::kFailed) + Sum(deliveries, Fate::kUnknown) ==
        Generated(deliveries) - 480);
  CHECK(deliveries.counters().at("producer_rebuilds") == 3);
}

TEST_CASE("KafkaTransport: what the broker refuses for good is failed, and the rest goes on") {
  const auto cluster = StartCluster();
  Deliveries deliveries(nullptr);
  KafkaTransport transport(TestOptions(cluster->bootstrap()), &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  rd_kafka_mock_push_request_errors(cluster->cluster(), kProduce, 1,
                                    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  CHECK(OfferAll(transport, deliveries, MakeBatch(0, 96)) == 96);
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(OfferAll(transport, deliveries, MakeBatch(96, 96)) == 96);
  CHECK(transport.Flush(Soon(), kNo).ok());
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kFailed) >= 1);
  CHECK(Sum(deliveries, Fate::kFailed) < 96);
  CHECK(Sum(deliveries, Fate::kUnknown) == 0);
}

TEST_CASE("KafkaTransport: at the deadline, and at once in a hurry, what is open is given up") {
  for (const bool hurried : {false, true}) {
    CAPTURE(hurried);
    const auto cluster = StartCluster();
    Deliveries deliveries(nullptr);
    KafkaTransport transport(TestOptions(cluster->bootstrap()), &deliveries);
    REQUIRE(transport.Open(kNo).ok());
    CHECK(OfferAll(transport, deliveries, MakeBatch(0, 96)) == 96);
    CHECK(transport.Flush(Soon(), kNo).ok());
    rd_kafka_mock_broker_set_down(cluster->cluster(), 1);
    CHECK(OfferAll(transport, deliveries, MakeBatch(96, 480)) == 480);
    const std::atomic<bool> hurry{hurried};
    const Status s = hurried ? transport.Flush(Soon(seconds(600)), hurry)
                             : transport.Flush(std::chrono::steady_clock::now(), hurry);
    CHECK(s.code() == Code::kDestination);
    CHECK(s.message().find("480 events were not acknowledged in time") != std::string::npos);
    CHECK(Sum(deliveries, Fate::kFailed) + Sum(deliveries, Fate::kUnknown) == 480);
    CHECK(transport.Offer(MakeBatch(576, 16), 0, 16) == 0);
    CHECK(transport.Close().ok());
    CheckAddsUp(deliveries);
    CHECK(Sum(deliveries, Fate::kAcked) == 96);
    // The intervals hold exactly these events.
    std::uint64_t positions = 0;
    for (const Fate fate : {Fate::kFailed, Fate::kUnknown}) {
      for (const PositionInterval& i : deliveries.intervals(fate)) {
        positions += i.last - i.first + 1;
      }
    }
    CHECK(positions == 480);
  }
}

// A broker that answers too late for the deadline: what was under way may have been written.
TEST_CASE("KafkaTransport: under way at the deadline is unknown, not failed") {
  const auto cluster = StartCluster();
  Deliveries deliveries(nullptr);
  KafkaTransport transport(
      TestOptions(cluster->bootstrap(), nullptr, {"linger.ms=0", "socket.timeout.ms=60000"}),
      &deliveries);
  REQUIRE(transport.Open(kNo).ok());
  rd_kafka_mock_broker_set_rtt(cluster->cluster(), 1, 3'000);
  CHECK(OfferAll(transport, deliveries, MakeBatch(0, 16)) == 16);
  // Written, though no answer has come: the reader has a connection of its own, as slow as this
  // one.
  CHECK(transport.Flush(std::chrono::steady_clock::now() + milliseconds(300), kNo).code() ==
        Code::kDestination);
  CHECK(transport.Close().ok());
  CheckAddsUp(deliveries);
  CHECK(Sum(deliveries, Fate::kAcked) == 0);
  CHECK(Sum(deliveries, Fate::kUnknown) >= 1);
}

TEST_CASE("KafkaTransport: ending without Flush, or by the destructor alone, counts everything") {
  const auto cluster = StartCluster();
  Deliveries deliveries(nullptr);
  {
    KafkaTransport transport(TestOptions(cluster->bootstrap()), &deliveries);
    REQUIRE(transport.Open(kNo).ok());
    rd_kafka_mock_broker_set_down(cluster->cluster(), 1);
    CHECK(OfferAll(transport, deliveries, MakeBatch(0, 960)) == 960);
  }
  CheckAddsUp(deliveries);
  CHECK(Generated(deliveries) == 960);
  {
    const KafkaTransport never_opened(TestOptions(cluster->bootstrap()), &deliveries);
    CHECK(never_opened.failed().ok());
  }
}

}  // namespace playload
