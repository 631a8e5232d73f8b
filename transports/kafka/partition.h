// Which partition a key goes to: murmur2 as Java clients (and so Kafka Streams, Connect, Flink)
// compute it, so that streams co-partition with what they write.
//
// Threads: pure functions.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace playload {

// org.apache.kafka.common.utils.Utils.murmur2, as an unsigned number.
constexpr std::uint32_t Murmur2(std::string_view key) {
  constexpr std::uint32_t kMultiplier = 0x5bd1e995;
  const auto byte = [key](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(key[i]));
  };
  std::uint32_t hash = 0x9747b28cU ^ static_cast<std::uint32_t>(key.size());
  std::size_t i = 0;
  for (; i + 4 <= key.size(); i += 4) {
    std::uint32_t k = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    k *= kMultiplier;
    k ^= k >> 24;
    k *= kMultiplier;
    hash *= kMultiplier;
    hash ^= k;
  }
  switch (key.size() - i) {
    case 3:
      hash ^= byte(i + 2) << 16;
      [[fallthrough]];
    case 2:
      hash ^= byte(i + 1) << 8;
      [[fallthrough]];
    case 1:
      hash ^= byte(i);
      hash *= kMultiplier;
      break;
    default:
      break;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

// REQUIRES: partitions > 0.
constexpr std::int32_t PartitionOf(std::string_view key, std::uint32_t partitions) {
  return static_cast<std::int32_t>((Murmur2(key) & 0x7fffffffU) % partitions);
}

}  // namespace playload
