// KafkaClient: one librdkafka handle and the questions that have nothing to do with events: is a
// broker there, does a topic exist, how many partitions, which offsets, make it. Transport, reader
// and the reference pipeline prepare themselves with it.
//
// Threads: one at a time. Log lines are given out inside the calls, never from another thread.
// Errors: kUnreachable, kInvalid (a property, a topic), kInterrupted.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "transports/kafka/settings.h"

struct rd_kafka_s;
struct rd_kafka_queue_s;
struct rd_kafka_topic_s;

namespace playload {

struct KafkaQueueDelete {
  void operator()(rd_kafka_queue_s* queue) const;
};
struct KafkaHandleDelete {
  void operator()(rd_kafka_s* handle) const;
};
struct KafkaTopicDelete {
  void operator()(rd_kafka_topic_s* topic) const;
};
using KafkaHandle = std::unique_ptr<rd_kafka_s, KafkaHandleDelete>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_s, KafkaQueueDelete>;
using KafkaTopic = std::unique_ptr<rd_kafka_topic_s, KafkaTopicDelete>;

using KafkaLog = std::function<void(const std::string&)>;

// How to make topics that are missing: --create-topics partitions=6,replication=1.
struct KafkaTopicShape {
  int partitions = 1;
  int replication = 1;
};

class KafkaClient {
 public:
  struct Options {
    std::string brokers;
    KafkaSettings settings;
    KafkaSettings::Role role = KafkaSettings::Role::kProducer;
    KafkaLog log;  // may be empty
    // For answers of a cluster that is there, but is electing leaders or restarting.
    std::chrono::milliseconds patience{10'000};
    std::chrono::milliseconds say_every{5'000};  // between two lines while waiting
  };

  static Result<std::unique_ptr<KafkaClient>> Make(Options options);

  // Waits until a broker answers. Ends early when waiting is in vain: credentials or certificates
  // that are refused. The message says what was tried last.
  Status WaitForBroker(std::chrono::milliseconds timeout, const std::atomic<bool>& stop);

  // The number of partitions; empty when there is no such topic. Waits for leaders that are being
  // elected. Never creates a topic (but librdkafka's mock broker does by being asked).
  Result<std::optional<int>> Partitions(const std::string& topic, const std::atomic<bool>& stop);

  // The same; a missing topic is made when `shape` is given, else an error that says how to.
  // An existing topic is kept as it is, whatever `shape` says.
  Result<int> EnsureTopic(const std::string& topic, const std::optional<KafkaTopicShape>& shape,
                          const std::atomic<bool>& stop);

  // For topics that the caller itself has made, and nobody else knows of.
  Status DeleteTopics(const std::vector<std::string>& topics);

  struct Range {
    std::vector<std::int64_t> begin;  // first offset that is there, per partition
    std::vector<std::int64_t> end;    // offset that the next record will get
  };
  Result<Range> Offsets(const std::string& topic, int partitions);

  [[nodiscard]] rd_kafka_s* handle() const { return handle_.get(); }
  [[nodiscard]] const std::string& brokers() const { return options_.brokers; }

  // Takes and handles what is in the handle's main queue: errors and log lines.
  void Serve(std::chrono::milliseconds timeout);
  // The last error that a broker or the network reported, "" when none.
  [[nodiscard]] const std::string& last_error() const { return last_error_; }

 private:
  explicit KafkaClient(Options options) : options_(std::move(options)) {}
  void Say(const std::string& line) const;
  Status CreateTopic(const std::string& topic, const KafkaTopicShape& shape);

  const Options options_;
  KafkaHandle handle_;
  KafkaQueue events_;  // destroyed before handle_
  std::string last_error_;
  bool in_vain_ = false;  // last_error_ will not go away by waiting
};

// Makes a handle whose errors and log lines are events of its main queue, of `events`
// (RD_KAFKA_EVENT_*) the others too.
Result<KafkaHandle> MakeKafkaHandle(const KafkaSettings& settings, KafkaSettings::Role role,
                                    const std::string& brokers, int events);

// Whether a line of librdkafka's log is worth showing. Most repeat what errors say.
bool WorthShowing(int level, const char* facility, const KafkaSettings& settings);

}  // namespace playload
