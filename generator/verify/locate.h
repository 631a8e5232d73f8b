// Where events are in Kafka: partition and offset, found by reading the input topics from where the
// run began, no more than the partitions that the events' keys go to.
//
// Threads: one. Memory: the events that are looked for. Errors: those of KafkaReader. An event that
// is not there is no error: its offset stays unknown.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/history.h"
#include "generator/verify/collector.h"

namespace playload {

struct LocateSource {
  KafkaSource kafka;
  std::array<std::string, kKinds> topics;                   // of the inputs, where they are read
  std::map<std::string, std::vector<std::int64_t>> starts;  // as of CollectorTopics
};

Status Locate(const LocateSource& source, const std::vector<HistoryEvent*>& events,
              const std::function<void(const std::string&)>& log, const std::atomic<bool>& stop);

}  // namespace playload
