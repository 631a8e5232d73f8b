#include "transports/kafka/reader.h"

#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "tests/kafka/kafka_fixture.h"

namespace playload {
namespace {

using std::chrono::milliseconds;

struct Cluster {
  Cluster() {
    kafka = StartCluster();
    KafkaTransport::Options options = TestOptions(kafka->bootstrap());
    transport = std::make_unique<KafkaTransport>(options, &deliveries);
    REQUIRE(transport->Open(stop).ok());
  }
  void Write(std::uint64_t first, std::uint32_t count) {
    CHECK(OfferAll(*transport, deliveries, MakeBatch(first, count)) == count);
    CHECK(transport->Flush(Soon(), stop).ok());
  }
  KafkaReader::Options Options() const {
    KafkaReader::Options options;
    options.brokers = kafka->bootstrap();
    return options;
  }

  std::atomic<bool> stop{false};
  Deliveries deliveries{nullptr};
  std::unique_ptr<EmbeddedKafka> kafka;
  std::unique_ptr<KafkaTransport> transport;
};

std::uint64_t ReadToEnd(KafkaReader& reader) {
  std::uint64_t n = 0;
  do {
    const auto records = reader.Next(milliseconds(50));
    REQUIRE_MESSAGE(records.has_value(), records.error().message());
    n += records->size();
  } while (!reader.at_end());
  return n;
}

}  // namespace

TEST_CASE("KafkaReader: reads from the beginning to the end, and what comes later") {
  Cluster cluster;
  cluster.Write(0, 960);
  KafkaReader::Options options = cluster.Options();
  options.topics = {{"player-events", {}}, {"server-metrics", {}}};
  KafkaReader reader(options);
  REQUIRE(reader.Open(cluster.stop).ok());
  CHECK_FALSE(reader.at_end());
  CHECK(ReadToEnd(reader) == 640);
  CHECK(reader.at_end());
  CHECK(reader.count() == 640);
  CHECK(reader.count("player-events") == 320);
  CHECK(reader.count("purchase-events") == 0);
  const auto before = reader.positions("player-events");
  CHECK(before == *reader.EndOffsets("player-events"));

  cluster.Write(960, 96);
  std::uint64_t more = 0;
  while (more < 64) {
    const auto records = reader.Next(milliseconds(50));
    REQUIRE(records.has_value());
    more += records->size();
  }
  CHECK(more == 64);
  CHECK(ReadToEnd(reader) == 0);
  CHECK(reader.count() == 704);
  CHECK(reader.quiet_for() >= milliseconds(0));

  // The rest of the topic only, from the offsets noted before.
  KafkaReader::Options rest = cluster.Options();
  rest.topics = {{"player-events", before}};
  KafkaReader second(rest);
  REQUIRE(second.Open(cluster.stop).ok());
  CHECK(second.positions("player-events") == before);
  CHECK(ReadToEnd(second) == 32);
  CHECK(second.positions("player-events") == *second.EndOffsets("player-events"));
  second.Close();
  second.Close();
}

TEST_CASE("KafkaReader: an empty topic is at its end once it has been looked at") {
  Cluster cluster;
  KafkaReader::Options options = cluster.Options();
  options.topics = {{"fraud-alerts", {}}};
  KafkaReader reader(options);
  REQUIRE(reader.Open(cluster.stop).ok());
  CHECK(ReadToEnd(reader) == 0);
  CHECK(reader.positions("fraud-alerts") == KafkaReader::Offsets(6, 0));
  CHECK(*reader.BeginOffsets("fraud-alerts") == KafkaReader::Offsets(6, 0));
  CHECK(*reader.TopicExists("fraud-alerts"));
}

TEST_CASE("KafkaReader: what is wrong is said before anything is read") {
  Cluster cluster;
  KafkaReader::Options options = cluster.Options();
  options.topics = {{"fraud-alerts", KafkaReader::Offsets(7, 0)}};
  KafkaReader too_many(options);
  const Status s = too_many.Open(cluster.stop);
  CHECK(s.code() == Code::kInvalid);
  CHECK(s.message().find("has 6 partitions, but offsets are given for 7") != std::string::npos);

  // The mock broker makes a topic that is asked for; told not to, it answers as a real one.
  rd_kafka_mock_topic_set_error(cluster.kafka->cluster(), "missing",
                                RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  options.topics = {{"missing", {}}};
  KafkaReader missing(options);
  const Status m = missing.Open(cluster.stop);
  CHECK(m.code() == Code::kInvalid);
  CHECK(m.message().find("topic 'missing' does not exist at " + cluster.kafka->bootstrap()) == 0);
  CHECK_FALSE(*missing.TopicExists("missing"));
  CHECK_FALSE(missing.EndOffsets("missing").has_value());
  CHECK_FALSE(missing.Next(milliseconds(1)).has_value());

  options.brokers = "127.0.0.1:1";
  options.connect_timeout = milliseconds(300);
  KafkaReader nobody(options);
  CHECK(nobody.Open(cluster.stop).code() == Code::kUnreachable);
  cluster.stop = true;
  options.connect_timeout = milliseconds(60'000);
  KafkaReader stopped(options);
  CHECK(stopped.Open(cluster.stop).code() == Code::kInterrupted);
}

// The mock broker keeps 5 MB of a partition; the offsets before are gone.
TEST_CASE("KafkaReader: records that retention took are an error, never a silent gap") {
  Cluster cluster;
  KafkaReader::Options options = cluster.Options();
  options.topics = {{"player-events", {0}}};
  Batch batch;  // 16 events of one key, 60 kB each, not to be compressed away
  batch.count = 16;
  batch.runs = {0};
  std::uint32_t state = 1;
  for (std::uint32_t i = 0; i < 16; ++i) {
    std::string line = "player_0";  // partition of this key below
    while (line.size() < 60'000) {
      state = state * 1'664'525 + 1'013'904'223;
      line += static_cast<char>('!' + (state >> 24) % 90);
    }
    line += '\n';
    batch.events.push_back({static_cast<std::uint32_t>(batch.buffers[0].size()),
                            static_cast<std::uint16_t>(line.size()), 0, 8, Kind::kPlayer, 0});
    batch.buffers[0].insert(batch.buffers[0].end(), line.begin(), line.end());
  }
  for (int i = 0; i < 12; ++i) {
    CHECK(OfferAll(*cluster.transport, cluster.deliveries, batch) == 16);
    CHECK(cluster.transport->Flush(Soon(), cluster.stop).ok());
  }
  options.topics = {{"player-events", KafkaReader::Offsets(6, 0)}};
  KafkaReader reader(options);
  const Status s = reader.Open(cluster.stop);
  CHECK(s.code() == Code::kDestination);
  CHECK(s.message().find("retention has removed") != std::string::npos);
}

}  // namespace playload
