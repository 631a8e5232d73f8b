// Where events are in Kafka: partition and offset, found by reading the input topics from where the
// run began, no more than the partitions that the events' keys go to.
//
// Threads: one. Memory: the events that are looked for. Errors: those of KafkaReader. An event that
// is not there is no error: its offset stays unknown.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/history.h"
#include "generator/run/manifest.h"
#include "generator/verify/collector.h"

namespace playload {

struct LocateSource {
  KafkaSource kafka;
  std::array<std::string, kKinds> topics;                   // of the inputs, where they are read
  std::map<std::string, std::vector<std::int64_t>> starts;  // as of CollectorTopics
};

// Where the input topics of a run are. `renamed`: other names, by the usual ones.
LocateSource LocateSourceFor(const ManifestDestination& destination, std::string brokers,
                             const KafkaSettings& settings,
                             std::chrono::milliseconds connect_timeout,
                             const std::map<std::string, std::string>& renamed);

Status Locate(const LocateSource& source, const std::vector<HistoryEvent*>& events,
              const std::function<void(const std::string&)>& log, const std::atomic<bool>& stop);

}  // namespace playload
