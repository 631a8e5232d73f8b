// Collector: reads what is to be verified, from Kafka topics or from files, and hands on each
// record with what it is: an output of the pipeline, or an event of an input topic.
//
// Threads: one thread at a time. Ownership: records live until the sink returns.
// Errors: kInvalid (a topic or file that is not there), kUnreachable, kDestination, kInterrupted.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/event/record.h"
#include "generator/judge/collected.h"
#include "transports/kafka/settings.h"

namespace playload {

// What to collect, and what the topics (or files) are called.
struct CollectorTopics {
  std::vector<std::string> outputs;
  std::map<Kind, std::string> inputs;
  // Kafka: where to begin in a topic, per partition; at the beginning where nothing is said.
  std::map<std::string, std::vector<std::int64_t>> starts;
  bool outputs_from_starts = false;  // the outputs too; otherwise all that there is of them
};

class Collector {
 public:
  using Sink = std::function<void(const CollectedRecord&)>;
  using Log = std::function<void(const std::string&)>;

  virtual ~Collector() = default;

  // Hands some of what is there to the sink; waits up to `timeout` for the first record.
  virtual Status Poll(std::chrono::milliseconds timeout, const Sink& sink) = 0;
  // Whether all that there is was handed on, as of the last Poll().
  [[nodiscard]] virtual bool at_end() const = 0;
  // Since the last record, or since the beginning; 0 for files, which do not grow.
  [[nodiscard]] virtual std::chrono::milliseconds quiet_for() const = 0;
  // How many partitions an input topic has; nullopt for files.
  [[nodiscard]] virtual std::optional<std::uint32_t> partitions(Kind input) const = 0;
};

struct KafkaSource {
  std::string brokers;
  KafkaSettings settings;
  std::chrono::milliseconds connect_timeout{30'000};
  // How long topics that are not there may take to appear, counted from the moment at which this is
  // no longer true. Empty: from now on.
  std::chrono::milliseconds topic_timeout{30'000};
  std::function<bool()> still_made = {};
};

// Connects, and waits for the topics.
Result<std::unique_ptr<Collector>> CollectFromKafka(const KafkaSource& source,
                                                    const CollectorTopics& topics,
                                                    const Collector::Log& log,
                                                    const std::atomic<bool>& stop);

// Files DIR/<topic>.ndjson, plain or with .zst or .gz behind. A line of an output is a value, or
// {"output":...,"key":...,"value":...} as `playload expect` prints them; a line of an input is an
// event. Every file is looked for at once; each Poll() reads some thousand lines of each, so that
// what is read and what is expected advance together and little has to be kept of either.
Result<std::unique_ptr<Collector>> CollectFromFiles(const std::string& folder,
                                                    const CollectorTopics& topics);

}  // namespace playload
