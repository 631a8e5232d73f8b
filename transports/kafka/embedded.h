// EmbeddedKafka: librdkafka's mock cluster, one broker inside this process on a loopback port that
// the kernel chooses. For demonstrations and tests: it keeps 5 MB per partition and forgets the
// oldest beyond that, does not detect duplicates, and dies with the process (docs/kafka.md).
//
// Threads: the cluster has its own. Start() and the destructor: one at a time.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "transports/kafka/client.h"

struct rd_kafka_mock_cluster_s;

namespace playload {

class EmbeddedKafka {
 public:
  static Result<std::unique_ptr<EmbeddedKafka>> Start(const std::vector<std::string>& topics,
                                                      int partitions);
  ~EmbeddedKafka();
  EmbeddedKafka(const EmbeddedKafka&) = delete;
  EmbeddedKafka& operator=(const EmbeddedKafka&) = delete;

  // "127.0.0.1:34567"
  [[nodiscard]] const std::string& bootstrap() const { return bootstrap_; }
  // For injecting faults (librdkafka/rdkafka_mock.h).
  [[nodiscard]] rd_kafka_mock_cluster_s* cluster() const { return cluster_; }

 private:
  EmbeddedKafka() = default;

  KafkaHandle host_;
  rd_kafka_mock_cluster_s* cluster_ = nullptr;
  std::string bootstrap_;
};

}  // namespace playload
