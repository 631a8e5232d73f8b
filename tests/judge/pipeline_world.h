// A stream of purchases, metrics and player events made for tests, what the oracle expects of it,
// and what a reference pipeline makes of it: the two sides of an OutputMatcher, to be told in any
// order and damaged in between.

#pragma once

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "generator/judge/output_matcher.h"
#include "generator/judge/teller.h"
#include "generator/reference/reference_pipeline.h"
#include "generator/replay/walker.h"
#include "tests/reference/events.h"

namespace playload::testing {

struct Event {
  Kind kind;
  std::string key;
  std::string value;
  Arrival arrival = Arrival::kCertain;
};

struct Produced {
  OutputKind output;
  std::string key;
  std::string value;
};

inline OutputKind KindOf(ReferencePipeline::Output output) {
  return output == ReferencePipeline::Output::kSessionSummaries     ? OutputKind::kSummaries
         : output == ReferencePipeline::Output::kPurchaseAggregates ? OutputKind::kAggregates
         : output == ReferencePipeline::Output::kServerAlerts       ? OutputKind::kServerAlerts
                                                                    : OutputKind::kFraudAlerts;
}

class World {
 public:
  void Player(std::uint64_t n) {
    const std::string id = "player_" + std::to_string(n);
    events.push_back({Kind::kPlayer, id, PlayerLine(id)});
  }
  void Purchase(std::uint64_t n, const std::string& currency, const std::string& amount = "4.99") {
    const std::string id = "player_" + std::to_string(n);
    events.push_back({Kind::kPurchase, id, PurchaseLine(id, currency, amount)});
  }
  void Server(std::uint64_t n, int cpu, int memory, int latency = 57,
              const std::string& time = "2026-01-01T00:00:00Z") {
    const std::string id = "server_" + std::to_string(n);
    events.push_back({Kind::kServer, id,
                      ServerLine(id, std::to_string(cpu), std::to_string(memory),
                                 std::to_string(latency), time)});
  }

  // Players, users with 0 to 9 purchases in one or two currencies, servers around the threshold.
  static World Random(unsigned seed, int events_wanted, std::uint64_t users) {
    World world;
    std::mt19937 random(seed);
    const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
    for (int i = 0; i < events_wanted; ++i) {
      const std::uint64_t user = 1 + random() % users;
      switch (below(3)) {
        case 0:
          world.Player(user);
          break;
        case 1:
          world.Purchase(user, below(8) == 0 ? "EUR" : "USD",
                         std::to_string(1 + below(50)) + ".99");
          break;
        default:
          world.Server(1 + random() % 5, 70 + below(15), 70 + below(15), 10 + below(90),
                       "2026-01-01T00:0" + std::to_string(i * 10 / events_wanted) + ":30Z");
      }
    }
    return world;
  }

  // What a pipeline that got every event that arrived for certain puts out.
  [[nodiscard]] std::vector<Produced> Run(const PipelineBreakage& breakage = {}) const {
    ReferencePipeline pipeline(breakage);
    std::vector<Produced> produced;
    std::vector<ReferencePipeline::OutputRecord> outputs;
    for (const Event& event : events) {
      if (event.arrival == Arrival::kNever) continue;
      outputs.clear();
      pipeline.Process(static_cast<ReferencePipeline::Input>(event.kind), event.value, &outputs);
      for (auto& output : outputs) {
        produced.push_back({KindOf(output.output), std::move(output.key), std::move(output.value)});
      }
    }
    return produced;
  }

  void Expect(OutputMatcher* matcher, std::size_t from = 0, std::size_t to = ~std::size_t{0}) {
    for (std::size_t i = from; i < std::min(to, events.size()); ++i) {
      const Event& e = events[i];
      const StreamEvent event{i, e.kind, e.key, e.value};
      const Status status = expectation.Tell(event, e.arrival, matcher);
      if (!status.ok()) throw status.message();
    }
  }

  std::vector<Event> events;
  LineTeller expectation{""};
};

inline void Add(const std::vector<Produced>& produced, OutputMatcher* matcher, std::size_t from = 0,
                std::size_t to = ~std::size_t{0}) {
  for (std::size_t i = from; i < std::min(to, produced.size()); ++i) {
    matcher->AddProduced(produced[i].output, 0, produced[i].key, produced[i].value);
  }
}

// Of this process.
inline std::int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t size = 0;
  std::int64_t resident = 0;
  file >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// "expected/matched missing unexpected duplicate wrong", and " unreadable n", " may n", " foreign
// n" where not 0.
inline std::string Counts(const Comparison& c) {
  std::string text = std::to_string(c.expected) + "/" + std::to_string(c.matched);
  for (unsigned f = 0; f < kFlaws; ++f) {
    if (static_cast<Flaw>(f) != Flaw::kUnreadable) text += " " + std::to_string(c.flaws[f]);
  }
  if (const auto count = c.flaw(Flaw::kUnreadable)) text += " unreadable " + std::to_string(count);
  if (c.may > 0) text += " may " + std::to_string(c.may);
  if (c.foreign > 0) text += " foreign " + std::to_string(c.foreign);
  return text;
}

inline const std::vector<OutputKind> kAllOutputs = {OutputKind::kSummaries, OutputKind::kAggregates,
                                                    OutputKind::kServerAlerts,
                                                    OutputKind::kFraudAlerts};

}  // namespace playload::testing
