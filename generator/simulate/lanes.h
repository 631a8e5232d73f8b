// Lanes: the players and servers of a scenario, simulated lane by lane into records.
//
// A lane holds a fixed slice of the players and the servers they play on, a two-level timing wheel
// of intrusive lists, and one byte of fraud-rule state per player. Its k-th record is a function of
// (model, seed, lane, k) alone. Lanes come to life when first touched.
//
// Threads: different lanes may be simulated by different threads at once, each by one at a time;
// copying and putting back is for one thread while nobody simulates.
// Memory: one anonymous mapping; BytesPerLane() for every lane that was touched, and a byte for
// every lane.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "generator/event/record.h"
#include "generator/simulate/model.h"

namespace playload {

// A copy of the lanes that had been touched. A value that can be moved; meaningful only for lanes
// of the same model.
class LanesCopy {
 public:
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  friend class Lanes;
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  std::vector<std::uint64_t> numbers_;        // of the lanes, ascending
  std::unique_ptr<std::byte[], Free> lanes_;  // one after the other
  std::uint64_t bytes_ = 0;
};

class Lanes {
 public:
  // `only_lane` >= 0: room for that lane alone (one player's history).
  explicit Lanes(const Model& model, std::int64_t only_lane = -1);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // False when the address space or memory for the lanes could not be had.
  [[nodiscard]] bool ok() const { return arena_ != nullptr; }

  // Writes the lane's next `count` records to `out`. count is a multiple of kRunLength.
  void Simulate(std::uint64_t lane, Record* out, std::uint32_t count);

  // What Copy() would take.
  [[nodiscard]] std::uint64_t CopyBytes() const;
  // Throws std::bad_alloc, as the copy is as large as the lanes.
  [[nodiscard]] LanesCopy Copy() const;
  // The lanes go on from where they were when the copy was made. REQUIRES: copied from lanes of the
  // same model, all of them (no `only_lane`).
  void Restore(const LanesCopy& copy);
  // As new: every lane begins with its first record; the memory is given back.
  void Reset();

  static std::size_t BytesPerLane(const Model& model);

 private:
  struct Lane;
  union Entity;

  Lane& At(std::uint64_t lane) const;
  static Entity* Entities(Lane& lane);
  std::uint8_t* FraudStates(Lane& lane) const;

  void Begin(Lane& lane, std::uint64_t number);
  void SimulateCompat(Lane& lane, std::uint64_t number, Record* out, std::uint32_t count) const;
  void StartSession(Lane& lane, std::uint64_t number, std::uint32_t i, Entity& e,
                    std::uint64_t made) const;
  void Rare(Lane& lane, std::uint64_t number, std::uint32_t i, Entity& e, Emit emit,
            Record* record) const;
  void Buy(Lane& lane, std::uint64_t number, std::uint32_t i, Entity& e, bool foreign,
           Record* record) const;
  void Refund(Lane& lane, std::uint32_t i, Entity& e, bool again, Record* record) const;
  void Measure(Lane& lane, std::uint64_t number, std::uint32_t i, Entity& e, std::uint64_t made,
               Record* record) const;
  // Planned instant of the lane's `made`-th event, on the timeline of the incidents.
  [[nodiscard]] std::int64_t InstantOf(std::uint64_t lane, std::uint64_t made) const;

  const Model& model_;
  std::size_t stride_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t first_lane_ = 0;
  std::byte* arena_ = nullptr;
  // Which lanes came to life. Beside the arena, since even a look into a page that was never
  // written maps it, and may cost it its place in a large page.
  std::unique_ptr<std::uint8_t[]> touched_;
  std::uint64_t room_ = 0;  // lanes
};

}  // namespace playload
