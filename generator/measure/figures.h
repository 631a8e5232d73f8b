// Figures: what was measured of one stage of `playload bench`: a row of its table.
//
// A stage is measured in several slices, after a warm-up that is left out. The figure is the median
// of the slices; the slowest and the fastest stand beside it.
//
// Units: events and bytes per second, nanoseconds. Threads: value types.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/measure/machine.h"

namespace playload {

struct Spread {
  double median = 0, least = 0, most = 0;
};

// Of an even number of values: the mean of the two in the middle. All 0 where there are none.
Spread SpreadOf(std::vector<double> values);

// What a stage is: its name in the JSON.
enum class BenchStage {
  kYardstick,
  kSimulate,
  kEncode,
  kGenerate,
  kPipe,
  kFile,
  kEmbeddedKafka,
  kKafka
};
std::string_view StageName(BenchStage stage);

// The simplest program that could stand in a stage's place: a loop of write().
struct PlainLoop {
  Spread bytes_per_second;
};

struct Figures {
  BenchStage stage = BenchStage::kYardstick;
  std::string label;           // as people read it
  int threads = 1;             // workers that make events
  Status status;               // why there are no slices
  std::vector<double> slices;  // events per second
  std::uint64_t events = 0;    // of all slices
  std::int64_t wall_ns = 0;    // of all slices
  std::int64_t cpu_ns = 0;     // of this process in them, all threads, but for readers of ours
  double bytes_per_event = 0;  // of the lines; 0: none are made
  std::optional<PlainLoop> plain;
  MachineLoad load;
  // Of a stage that keeps the calling thread busy: how much of the time that thread had no CPU.
  std::optional<double> waited;

  [[nodiscard]] Spread events_per_second() const { return SpreadOf(slices); }
  [[nodiscard]] double cpu_us_per_event() const {
    return events == 0 ? 0 : static_cast<double>(cpu_ns) / 1e3 / static_cast<double>(events);
  }

  void Add(std::uint64_t slice_events, std::int64_t slice_wall_ns, std::int64_t slice_cpu_ns);
};

}  // namespace playload
