#include "generator/measure/figures.h"

#include <algorithm>

namespace playload {

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

std::string_view StageName(BenchStage stage) {
  switch (stage) {
    case BenchStage::kYardstick:
      return "yardstick";
    case BenchStage::kSimulate:
      return "simulate";
    case BenchStage::kEncode:
      return "encode";
    case BenchStage::kGenerate:
      return "generate";
    case BenchStage::kPipe:
      return "pipe";
    case BenchStage::kFile:
      return "file";
    case BenchStage::kEmbeddedKafka:
      return "embedded_kafka";
    case BenchStage::kKafka:
      return "kafka";
  }
  return "";
}

void Figures::Add(std::uint64_t slice_events, std::int64_t slice_wall_ns,
                  std::int64_t slice_cpu_ns) {
  if (slice_wall_ns <= 0) return;
  slices.push_back(static_cast<double>(slice_events) * 1e9 / static_cast<double>(slice_wall_ns));
  events += slice_events;
  wall_ns += slice_wall_ns;
  cpu_ns += slice_cpu_ns;
}

}  // namespace playload
