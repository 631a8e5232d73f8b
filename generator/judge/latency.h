// LatencyMeter: how long after the planned instant of the event that calls for it an output is
// seen, and where that time went. Paired are triggers and outputs of one identity (trigger.h) in
// their order.
//
// Units: nanoseconds, of one clock for all instants.
// Memory: at most kMostPending triggers of each output wait for theirs, some 100 bytes each; beyond
// that a sample of the identities is measured, each output of which stands for several.
// Threads: one thread at a time.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "generator/base/histogram.h"
#include "generator/judge/trigger.h"
#include "generator/run/json_writer.h"

namespace playload {

// An output whose latency is measured, and what of it is measured apart, too: the reasons of an
// alert, or the rules that write to one topic.
struct LatencyOutput {
  std::string name;  // "" where it is not measured
  std::vector<std::string> parts;
};

// What was measured of one output or part. A step of the way may be known of fewer outputs than the
// total.
struct OutputLatency {
  std::string name;          // "server-alerts", "fraud-alerts/frequent"
  Histogram total;           // planned -> seen
  Histogram playload;        // planned -> handed over
  Histogram broker;          // handed over -> acknowledged
  Histogram pipeline;        // acknowledged -> seen
  std::uint64_t one_in = 1;  // of so many identities one was measured at the end
  std::string unknown;       // why nothing is known; "" where something is
};

class LatencyMeter final : public TriggerSink {
 public:
  static constexpr std::size_t kMostPending = std::size_t{1} << 16;

  // Of an event; -1 where it is not known.
  struct Instants {
    std::int64_t planned_ns = -1;
    std::int64_t sent_ns = -1;
    std::int64_t acked_ns = -1;
  };

  struct Options {
    std::vector<LatencyOutput> outputs;  // by OutputIdentity::output
    // Whether outputs may be told before what calls for them. Otherwise one that nothing calls for
    // when it is told is not kept.
    bool ahead = false;
    std::function<Instants(Position)> instants;
    std::size_t most_pending = kMostPending;
  };

  explicit LatencyMeter(Options options);

  void Expect(const Trigger& trigger) override;
  // An output as it was read. `seen_ns`: -1 where it is not known.
  void Seen(const OutputIdentity& of, std::int64_t seen_ns);

  // Of each output and its parts.
  [[nodiscard]] std::vector<OutputLatency> Report() const;

 private:
  // One that waits: a trigger, or (ahead) when an output was seen.
  struct Cause {
    Instants at;
    std::size_t part;
  };
  struct Node {
    Cause cause;
    std::uint32_t next;
  };
  // Those of one identity, oldest first.
  struct Waiting {
    std::uint32_t first;
    std::uint32_t last;
    bool seen;  // outputs, not triggers
  };
  struct Measured {
    Histogram total, playload, broker, pipeline;
  };
  struct Table {
    std::unordered_map<std::uint64_t, Waiting> waiting;
    std::vector<Node> nodes;
    std::uint32_t free = kNone;  // the first node of a list of those that are not used
    std::size_t used = 0;
    unsigned halvings = 0;  // of the sample
    std::uint64_t seen = 0;
    std::uint64_t untimed = 0;  // of those seen: it is not known when
    Measured all;
    std::vector<Measured> parts;
  };

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  void Wait(Table* table, std::uint64_t key, const Cause& cause, bool seen);
  // The oldest one of that side; nullopt where there is none.
  static std::optional<Cause> Take(Table* table, std::uint64_t key, bool seen);
  static void Drop(Table* table, const Waiting& waiting);
  void Halve(Table* table);
  static void Measure(Table* table, const Cause& cause, std::int64_t seen_ns);
  static void Count(Measured* measured, const Instants& trigger, std::int64_t seen_ns,
                    unsigned halvings);
  static OutputLatency Of(const std::string& name, const Table& table, const Measured& measured);

  const Options options_;
  std::vector<Table> tables_;  // by output
};

// What is reported where nothing can be known, and why.
std::vector<OutputLatency> UnknownLatency(const std::vector<LatencyOutput>& outputs,
                                          const std::string& why);

// "latency_ms": {...}, and lines for people, "" where nothing is known.
void WriteLatencyJson(const std::vector<OutputLatency>& latencies, JsonText* json);
std::string LatencyText(const std::vector<OutputLatency>& latencies);

}  // namespace playload
