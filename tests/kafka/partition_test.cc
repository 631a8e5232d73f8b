#include "transports/kafka/partition.h"

#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>

#include <random>
#include <string>
#include <utility>

namespace playload {

// Printed by org.apache.kafka.common.utils.Utils.murmur2 of kafka-clients 4.1.0.
TEST_CASE("Murmur2: the same as Java's, for all remainders of the length") {
  const std::pair<const char*, std::int32_t> java[] = {
      {"", 275646681},
      {"a", -1563381124},
      {"ab", 316155434},
      {"abc", 479470107},
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"player_1", 877272778},
      {"player_1234", -785289745},
      {"server_7", -1007116238},
      {"player_abc_100000000", 402799977},
  };
  for (const auto& [key, hash] : java) {
    CAPTURE(key);
    CHECK(static_cast<std::int32_t>(Murmur2(key)) == hash);
  }
  CHECK(PartitionOf("player_1", 6) == 4);
  CHECK(PartitionOf("player_1234", 6) == 1);  // a negative hash
  static_assert(PartitionOf("player_abc_100000000", 6) == 3);
}

// Any bytes, also those above 127, of 0 to 40 characters; 1 to 1,000 partitions.
TEST_CASE("PartitionOf: the same as librdkafka's murmur2 partitioner for a million keys") {
  std::mt19937_64 random(20'261'120);
  std::string key;
  int different = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t draw = random();
    key.resize(draw % 41);
    for (char& c : key) c = static_cast<char>(random() >> 13);
    const auto partitions = static_cast<std::int32_t>(1 + (draw >> 32) % 1'000);
    const std::int32_t theirs = rd_kafka_msg_partitioner_murmur2(nullptr, key.data(), key.size(),
                                                                 partitions, nullptr, nullptr);
    if (PartitionOf(key, static_cast<std::uint32_t>(partitions)) != theirs) ++different;
  }
  CHECK(different == 0);
}

}  // namespace playload
