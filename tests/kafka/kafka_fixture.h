// Hand-made batches and a mock cluster for the tests of the Kafka transport and reader.

#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "transports/kafka/embedded.h"
#include "transports/kafka/kafka_transport.h"
#include "transports/kafka/reader.h"

namespace playload {

inline const std::vector<std::string> kAllTopics = {
    "player-events",       "purchase-events", "server-metrics", "player-session-summaries",
    "purchase-aggregates", "server-alerts",   "fraud-alerts"};

// Events `first`, `first` + 1, ...: of kinds 0, 1, 2, 0, ..., the keys player_<n % 97> or
// server_<n % 97>, the values {"key":"...","n":<n>,"pad":"..."}. Positions leave holes between
// runs, as in a shard: the n-th event has PositionOf(n).
Batch MakeBatch(std::uint64_t first, std::uint32_t count, std::size_t pad = 0);
Position PositionOf(std::uint64_t n);
std::string KeyOf(std::uint64_t n);
std::string ValueOf(std::uint64_t n, std::size_t pad = 0);
inline Kind KindOfEvent(std::uint64_t n) { return static_cast<Kind>(n % 3); }
// What TestOptions' timestamp gives it.
inline std::int64_t TimestampOf(std::uint64_t n) {
  return 1'700'000'000'000 + static_cast<std::int64_t>(PositionOf(n));
}

// Collects log lines; safe to read while the transport writes.
class LogLines {
 public:
  void Add(const std::string& line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  // Lines with this text in them.
  [[nodiscard]] int Count(const std::string& part) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// One broker with all topics, 6 partitions each.
std::unique_ptr<EmbeddedKafka> StartCluster();
KafkaSettings Settings(const std::vector<std::string>& flags = {});
KafkaTransport::Options TestOptions(const std::string& brokers, LogLines* log = nullptr,
                                    const std::vector<std::string>& flags = {});

// Offers all of the batch, again and again, until it is taken or the transport has failed. Returns
// how many events were taken, and tells Deliveries that these were generated.
std::uint32_t OfferAll(KafkaTransport& transport, Deliveries& deliveries, const Batch& batch);

std::uint64_t Sum(const Deliveries& deliveries, Fate fate);
std::uint64_t Generated(const Deliveries& deliveries);
// generated = acked + failed + unknown + shed, for each kind.
void CheckAddsUp(const Deliveries& deliveries);

struct Seen {
  std::int32_t partition;
  std::int64_t timestamp_ms;
  std::string key;
  std::string value;
};
// Everything in the topics, per topic and partition in order of offsets.
std::map<std::string, std::map<std::int32_t, std::vector<Seen>>> ReadAll(
    const std::string& brokers, const std::vector<std::string>& topics);

// Events [0, count) are in the three topics, each with its key, value, partition and timestamp, in
// order within a partition. With `duplicates`, an event may be there again (later).
void CheckArrived(const std::string& brokers, std::uint64_t count, bool duplicates,
                  std::size_t pad = 0);

inline std::chrono::steady_clock::time_point Soon(
    std::chrono::seconds wait = std::chrono::seconds(60)) {
  return std::chrono::steady_clock::now() + wait;
}

}  // namespace playload
