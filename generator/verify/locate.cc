#include "generator/verify/locate.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "generator/rules/rule_set.h"
#include "transports/kafka/partition.h"
#include "transports/kafka/reader.h"

namespace playload {
namespace {

constexpr std::chrono::milliseconds kWait{200};

// What makes a record of a topic one that is looked for. A key may come again; a line that comes
// again is told by how many equal ones were before it.
std::string NameOf(std::string_view topic, std::string_view key, std::string_view value) {
  std::string name(topic);
  name.append(1, '\0').append(key).append(1, '\0').append(value);
  return name;
}

struct Wanted {
  std::vector<HistoryEvent*> events;
  std::uint32_t seen = 0;
};

}  // namespace

LocateSource LocateSourceFor(const ManifestDestination& destination, std::string brokers,
                             const KafkaSettings& settings,
                             std::chrono::milliseconds connect_timeout,
                             const std::map<std::string, std::string>& renamed) {
  LocateSource source{{std::move(brokers), settings, connect_timeout, connect_timeout},
                      destination.topics,
                      destination.start_offsets};
  for (std::size_t k = 0; k < kKinds; ++k) {
    const auto other = renamed.find(kRuleInputs[k]);
    if (other != renamed.end()) source.topics[k] = other->second;
  }
  return source;
}

Status Locate(const LocateSource& source, const std::vector<HistoryEvent*>& events,
              const std::function<void(const std::string&)>& log, const std::atomic<bool>& stop) {
  std::unordered_map<std::string, Wanted> wanted;
  KafkaReader::Options options;
  options.brokers = source.kafka.brokers;
  options.settings = source.kafka.settings;
  options.connect_timeout = source.kafka.connect_timeout;
  options.log = log;
  std::size_t left = 0;
  for (HistoryEvent* event : events) {
    if (event->arrival == Arrival::kNever) continue;
    const std::string& topic = source.topics[static_cast<std::size_t>(event->kind)];
    wanted[NameOf(topic, event->key, event->value)].events.push_back(event);
    ++left;
    const auto starts = source.starts.find(topic);
    options.topics[topic] = starts == source.starts.end() ? KafkaReader::Offsets() : starts->second;
    if (event->partition) options.only[topic].insert(*event->partition);
  }
  if (left == 0) return {};
  KafkaReader reader(std::move(options));
  if (Status s = reader.Open(stop); !s.ok()) return s;
  while (left > 0 && !reader.at_end()) {
    if (stop.load(std::memory_order_relaxed)) {
      return {Code::kInterrupted, "interrupted while events were looked for"};
    }
    // A broker that is gone does not say so.
    if (reader.quiet_for() >= source.kafka.connect_timeout) {
      return {Code::kUnreachable, "Kafka at " + source.kafka.brokers + " gives no records"};
    }
    const auto records = reader.Next(kWait);
    if (!records) return records.error();
    for (const KafkaRecord& record : *records) {
      const auto found = wanted.find(NameOf(record.topic, record.key, record.value));
      if (found == wanted.end()) continue;
      const std::uint32_t twin = found->second.seen++;
      for (HistoryEvent* event : found->second.events) {
        if (event->twins != twin) continue;
        event->partition = record.partition;
        event->offset = record.offset;
        --left;
      }
    }
  }
  return {};
}

}  // namespace playload
