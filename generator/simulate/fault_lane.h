// FaultLane: stands between a lane's simulation and its positions, where the scenario has data
// faults: repeats, loses, delays and damages events, and marks their records. Private to
// generator/simulate.
//
// The simulation itself knows nothing of it: players do what they do whether or not it is heard of.
// What the fraud rule says is another matter, for it hears of what arrives: so it is asked here
// again, with a state of its own.
//
// Threads: as OpenLane. Ownership: views of the lane's memory.
// Cost: nothing where there are no faults; with those of data-faults, and their lines, an event
// takes twice as long to make (CPU of `playload run data-faults --to null`, beside
// fraud-and-overload).

#pragma once

#include <cstddef>
#include <cstdint>

#include "generator/oracle/fraud_rule.h"
#include "generator/simulate/open_lane.h"

namespace playload {

class FaultLane {
 public:
  // What is kept of a lane beside its head, actors and places; all zero at first.
  static std::size_t Bytes(const Model& model) {
    return sizeof(Past) + model.lane_players() * sizeof(Buyer);
  }

  // `memory`: Bytes(), aligned to 8.
  FaultLane(const Model& model, std::uint64_t number, OpenLane* lane, std::byte* memory);

  // The lane's next `count` records.
  void Simulate(Record* out, std::uint32_t count);

 private:
  // The latest records as they were sent; index modulo.
  struct Past {
    Record records[kMostDistance];
    std::uint64_t repeats;  // bit i: records[i] was a repetition itself
  };
  // The purchases of the player at a place that arrived and were valid.
  struct Buyer {
    std::uint32_t life;  // of whom
    FraudState fraud;
  };

  void SimulatePlain(Record* out, std::uint32_t count);
  void SimulateMoved(Record* out);
  bool Repeat(std::uint64_t index, std::int64_t instant, Record* out);
  void Finish(Record* record, std::uint32_t lost);
  void Answer(Record* record, bool valid);
  void Remember(const Record& record, bool repeat);

  const Model& model_;
  const FaultRules& rules_;
  const std::uint64_t number_;
  OpenLane& lane_;
  Past& past_;
  Buyer* const buyers_;
  std::uint64_t index_;  // of the next record
};

}  // namespace playload
