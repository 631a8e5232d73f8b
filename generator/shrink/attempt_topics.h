// AttemptTopics: the Kafka topics of one attempt, made for it under names that nobody else has, and
// deleted with it. No other topic is ever touched.
//
// Threads: one owner. Errors: kUnreachable, kInvalid, kInterrupted. What cannot be deleted stays.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "transports/kafka/client.h"
#include "transports/kafka/settings.h"

namespace playload {

class AttemptTopics {
 public:
  struct Options {
    std::string brokers;
    KafkaSettings settings;
    std::chrono::milliseconds connect_timeout{30'000};
    int partitions = 1;
    bool keep = false;  // do not delete them
  };

  // One for each usual name, replicated as the cluster does by default.
  static Result<std::unique_ptr<AttemptTopics>> Make(const Options& options, std::uint64_t attempt,
                                                     const std::vector<std::string>& usual,
                                                     const std::atomic<bool>& stop);
  ~AttemptTopics();
  AttemptTopics(const AttemptTopics&) = delete;
  AttemptTopics& operator=(const AttemptTopics&) = delete;

  // What the usual names have before them here.
  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  // By their usual names.
  [[nodiscard]] const std::map<std::string, std::string>& names() const { return names_; }

 private:
  AttemptTopics(std::unique_ptr<KafkaClient> client, std::string prefix, bool keep)
      : client_(std::move(client)), prefix_(std::move(prefix)), keep_(keep) {}

  const std::unique_ptr<KafkaClient> client_;
  const std::string prefix_;
  const bool keep_;
  std::map<std::string, std::string> names_;
  std::vector<std::string> made_;
};

}  // namespace playload
