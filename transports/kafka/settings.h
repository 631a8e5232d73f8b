// KafkaSettings: the librdkafka properties that every Kafka client of playload is made with, and
// where Kafka is.
//
// Precedence: --kafka key=value, then environment PLAYLOAD_KAFKA_<KEY, capitals, dots as _>, then
// --kafka-config FILE, then our defaults (docs/kafka.md), then librdkafka's own.
// Secrets: values of passwords, tokens and keys never leave this class but into a client:
// Redacted() and Scrub() are for everything that is shown or written.
//
// Threads: a value type, constant after Make().
// Errors: kInvalid, one line that names the property and where it was given.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/base/status.h"

struct rd_kafka_conf_s;
struct rd_kafka_s;

namespace playload {

// Where a cluster is: "host:9092,[::1]:9093", or the broker inside this process.
struct KafkaAddress {
  std::string brokers;    // comma-separated host:port; empty when embedded
  bool embedded = false;  // kafka://embedded
};

// "kafka://host[:port][,host[:port]]" or "kafka://embedded". The port is 9092 where absent. User
// names, paths and queries are refused.
Result<KafkaAddress> ParseKafkaUrl(std::string_view url);

// "host[:port][,host[:port]]", "kafka://..." too, but not the embedded broker (`--kafka HOST:PORT`
// of the reference pipeline).
Result<std::string> ParseBrokers(std::string_view text);

struct KafkaConfDelete {
  void operator()(rd_kafka_conf_s* conf) const;
};
using KafkaConf = std::unique_ptr<rd_kafka_conf_s, KafkaConfDelete>;

class KafkaSettings {
 public:
  struct Input {
    std::vector<std::string> flags;  // "key=value", in the order of the command line
    std::string config_file;         // "" for none; then PLAYLOAD_KAFKA_CONFIG is looked at
    // NULL-terminated "NAME=value" strings as main() has them; null for none.
    const char* const* environment = nullptr;
  };
  enum class Role { kProducer, kConsumer };

  // A property of ours: how many producers share the partitions.
  static constexpr std::string_view kProducers = "playload.producers";

  // Our defaults alone.
  KafkaSettings();
  static Result<KafkaSettings> Make(const Input& input);

  // A configuration for a client of these brokers; consumers do not get what only concerns
  // producers. Give it to rd_kafka_new() after release(): librdkafka owns it then if it succeeds.
  [[nodiscard]] Result<KafkaConf> Conf(Role role, const std::string& brokers) const;

  // Every property given or defaulted by us, in the order of their names, secrets as "***".
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> Redacted() const;
  // `text` with every secret value in it replaced by "***" (log lines and errors of libraries).
  [[nodiscard]] std::string Scrub(std::string text) const;
  // Lines to show once: a secret given on the command line, where other users can read it.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

  // The value in force, "" when neither given nor defaulted by us. Any alias will do.
  [[nodiscard]] std::string Get(std::string_view key) const;
  // The same as a number, `fallback` when it is none.
  [[nodiscard]] std::int64_t GetNumber(std::string_view key, std::int64_t fallback) const;
  // Another default for a property, for what was not given: at full speed the producers' queues
  // hold fewer events than a paced run may have waiting for a broker.
  void UseFullSpeedDefaults();
  // A copy in which a property has another value. REQUIRES: a valid one.
  [[nodiscard]] KafkaSettings With(std::string_view key, const std::string& value) const;
  // A bound for what the producer's queue holds when it is full, in bytes of RAM, for values with
  // keys of `event_bytes` on average (librdkafka counts payload only; a queued message costs 268
  // bytes more).
  [[nodiscard]] std::uint64_t QueueMemoryBytes(std::uint64_t event_bytes) const;

  // Whether a property's value must never be shown.
  static bool IsSecret(std::string_view key);

 private:
  enum class Source { kDefault, kFile, kEnvironment, kFlag };
  struct Setting {
    std::string name;  // as given: an alias stays the alias
    std::string value;
    Source source;
    std::string where;  // "--kafka", "environment NAME", "file:line", "default"
  };
  Status Put(const std::string& name, const std::string& value, Source source,
             const std::string& where);
  Status ReadFile(const std::string& path);
  Status ReadEnvironment(const char* const* environment);
  [[nodiscard]] Status CheckConflicts() const;

  std::map<std::string, Setting, std::less<>> settings_;  // by canonical name
  std::vector<std::string> warnings_;
};

}  // namespace playload
