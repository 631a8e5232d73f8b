// RunPipeline: the reference pipeline as a Kafka client of its own: a plain consumer and producer,
// for demonstrations and for tests of one's verification (`playload pipeline`, docs/verify.md).
//
// It reads all partitions of the three input topics without a consumer group and commits nothing;
// its state lives in memory, so every run of it starts with an empty state. Outputs are keyed by
// player, user or server id and go where Java's producer would put them (murmur2).
// Records that are no valid events are counted and cause nothing.
//
// Threads: runs in the caller's thread; `stop` and `finish` may be set by any other.
// Errors: kUnreachable, kInvalid (topics, properties), kDestination (reading or writing failed for
// good; no output is lost in silence), kInterrupted (`stop` before it had connected).

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "generator/base/status.h"
#include "generator/reference/reference_pipeline.h"
#include "transports/kafka/client.h"
#include "transports/kafka/settings.h"

namespace playload {

struct PipelineOptions {
  std::string brokers;  // host:port[,host:port]
  KafkaSettings settings;
  // Other names than ReferencePipeline::kInputNames and kOutputNames, by the name there.
  std::map<std::string, std::string> topics;
  PipelineBreakage breakage;
  // Start behind what the input topics hold already (--from end) rather than at their beginning.
  bool from_end = false;
  // Ends once all that there is was read and nothing more came for this long; counted from the
  // moment it is connected, so that it also ends when nothing ever comes. Absent: runs until told.
  std::optional<std::chrono::milliseconds> until_idle;
  // Where given: once it is set, ends when all that there is was read.
  const std::atomic<bool>* finish = nullptr;
  // How to make the output topics that are missing; nothing: the broker makes them, or refuses.
  std::optional<KafkaTopicShape> create_topics;
  std::chrono::milliseconds connect_timeout{30'000};
  std::function<void(const std::string&)> log;  // "waiting for Kafka at ..." lines; may be empty
};

struct PipelineReport {
  std::array<std::uint64_t, ReferencePipeline::kInputs> read{};
  std::array<std::uint64_t, ReferencePipeline::kInputs> invalid{};   // of them, caused nothing
  std::array<std::uint64_t, ReferencePipeline::kOutputs> written{};  // acknowledged

  // "read 1,000 player-events, ...; wrote ...", without a newline.
  [[nodiscard]] std::string Line() const;
};

// Setting `stop` ends the reading; what was read is still put out.
Result<PipelineReport> RunPipeline(const PipelineOptions& options, const std::atomic<bool>& stop);

}  // namespace playload
