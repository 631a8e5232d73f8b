// KafkaReader: reads whole topics, all partitions, from given offsets: no consumer group, no
// commits, no rebalance; what was there and what comes. Sees committed records only, unless told
// otherwise
// (`--kafka isolation.level=read_uncommitted`).
//
// Use:
//   KafkaReader::Options options{.brokers = ..., .settings = ..., .topics = {{"fraud-alerts",
//   {}}}}; KafkaReader reader(options); if (Status s = reader.Open(stop); !s.ok()) return s; while
//   (!(reader.at_end() && reader.quiet_for() >= 5s)) {
//     auto records = reader.Next(100ms);
//     if (!records) return records.error();
//     for (const KafkaRecord& r : *records) ...
//   }
//
// Threads: one thread at a time; nothing is called back.
// Ownership: records point into memory of the reader and live until the next Next() or Close().
// Memory: librdkafka's fetch queue is bounded (queued.max.messages.kbytes, 64 MiB by default).
// Errors: kUnreachable (no broker within connect_timeout), kInvalid (a topic or property that is
// wrong), kInterrupted (`stop` was set while waiting), kDestination (lost for good while reading,
// or records that were still to be read are gone by retention).

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "transports/kafka/settings.h"

namespace playload {

struct KafkaRecord {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = -1;  // -1: none
  bool append_time = false;        // the timestamp is the broker's (LogAppendTime)
  std::string_view key;            // empty when the record has none: see has_key
  std::string_view value;          // empty for a tombstone: see has_value
  bool has_key = false;
  bool has_value = false;
};

class KafkaReader {
 public:
  // Where to begin in a topic: one offset per partition. Empty: at the beginning of all of them.
  // Partitions beyond the list (added later) are read from their beginning.
  using Offsets = std::vector<std::int64_t>;

  struct Options {
    std::string brokers;
    KafkaSettings settings;
    std::map<std::string, Offsets>
        topics;  // may be empty: only the questions below are then answered
    // Of a topic named here these partitions alone.
    std::map<std::string, std::set<std::int32_t>> only = {};
    std::chrono::milliseconds connect_timeout{30'000};
    // Receives "waiting for Kafka at ..." lines; may be empty. Called inside Open() and Next().
    std::function<void(const std::string&)> log;
  };

  explicit KafkaReader(Options options);
  ~KafkaReader();  // closes
  KafkaReader(const KafkaReader&) = delete;
  KafkaReader& operator=(const KafkaReader&) = delete;

  // Connects, checks that the topics exist and starts to fetch. Blocks up to connect_timeout.
  Status Open(const std::atomic<bool>& stop);

  // The records that are there, of any of the topics, in order within a partition; waits up to
  // `timeout` for the first one. Empty: none came.
  Result<std::span<const KafkaRecord>> Next(std::chrono::milliseconds timeout);

  // Whether every partition of every topic has been read up to its end, as of the last Next(). A
  // record that is written later makes it false again once it is seen.
  [[nodiscard]] bool at_end() const;
  // Since the last record was handed out (or since Open()).
  [[nodiscard]] std::chrono::milliseconds quiet_for() const;
  // Records handed out so far, of all topics, or of one.
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] std::uint64_t count(const std::string& topic) const;
  // The offset after the last record handed out, per partition; the start where none was.
  [[nodiscard]] Offsets positions(const std::string& topic) const;

  // Asked from the brokers, after Open(), of any topic:
  [[nodiscard]] Result<bool> TopicExists(const std::string& topic);
  // The offset that the next record of each partition will get (high watermark; under
  // read_committed the last stable offset). Control records take offsets too: a difference of
  // offsets is an upper bound of a number of records, not the number.
  [[nodiscard]] Result<Offsets> EndOffsets(const std::string& topic);
  // The first offset that is still there, per partition.
  [[nodiscard]] Result<Offsets> BeginOffsets(const std::string& topic);

  // Idempotent.
  void Close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
