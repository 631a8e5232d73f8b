// Lanes: the players and servers of a scenario, simulated lane by lane into records.
//
// A lane holds a fixed slice of the players and the servers they play on; lane.h says what is in
// it. Its k-th record is a function of (model, seed, lane, k) alone. Lanes come to life when first
// touched.
//
// Threads: different lanes may be simulated by different threads at once, each by one at a time;
// copying and putting back is for one thread while nobody simulates.
// Memory: two or three anonymous mappings; BytesPerLane() for every lane that was touched, and a
// byte for every lane. With the built-in personas that is 13 to 14 bytes a player; where everybody
// is always online, 36. Data faults take 8 more.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "generator/event/record.h"
#include "generator/simulate/model.h"

namespace playload {

struct Lane;
struct Place;
class OpenLane;

// A copy of the lanes that had been touched. A value that can be moved; meaningful only for lanes
// of the same model.
class LanesCopy {
 public:
  // What stands last in a lane's bytes: one of these for every player.
  static constexpr std::size_t kPlaceBytes = 12;

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t places_bytes() const { return places_bytes_; }  // of a lane
  // The lanes in it, ascending, and what each consists of; for those who keep them elsewhere.
  [[nodiscard]] std::size_t lanes() const { return numbers_.size(); }
  [[nodiscard]] std::uint64_t number(std::size_t i) const { return numbers_[i]; }
  [[nodiscard]] std::span<const std::byte> lane(std::size_t i) const {
    const std::uint64_t end = i + 1 < begins_.size() ? begins_[i + 1] : bytes_;
    return {lanes_.get() + begins_[i], end - begins_[i]};
  }
  // The bytes of one lane; empty when it is not in it.
  [[nodiscard]] std::span<const std::byte> Find(std::uint64_t number) const;

 private:
  friend class Lanes;
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  std::vector<std::uint64_t> numbers_;        // of the lanes, ascending
  std::vector<std::uint64_t> begins_;         // where each begins
  std::unique_ptr<std::byte[], Free> lanes_;  // one after the other: head, actors, places, faults
  std::uint64_t bytes_ = 0;
  std::size_t places_bytes_ = 0;
};

class Lanes {
 public:
  // `only_lane` >= 0: room for that lane alone (one player's history).
  explicit Lanes(const Model& model, std::int64_t only_lane = -1);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // False when the address space or memory for the lanes could not be had.
  [[nodiscard]] bool ok() const {
    return places_ != nullptr && (faults_bytes_ == 0 || faults_ != nullptr);
  }

  // Writes the lane's next `count` records to `out`. count is a multiple of kRunLength.
  void Simulate(std::uint64_t lane, Record* out, std::uint32_t count);

  // The same for several lanes, which take turns event by event; not the same lane twice, but for
  // one of these and one of others. One lane alone is 27 ns an event, four together are 18.6: what
  // each waits for is hidden behind the others' work. REQUIRES: 1 to kTogether slices.
  static constexpr std::size_t kTogether = 4;
  struct Slice {
    std::uint64_t lane;
    Record* out;
    std::uint32_t count;
    Lanes* of = nullptr;  // of the same model, whose lane it is; null: these
  };
  void Simulate(const Slice* slices, std::size_t lanes);

  // What Copy() would take.
  [[nodiscard]] std::uint64_t CopyBytes() const;
  // Throws std::bad_alloc, as the copy is as large as the lanes.
  [[nodiscard]] LanesCopy Copy() const;
  // The lanes go on from where they were when the copy was made. REQUIRES: copied from lanes of the
  // same model, all of them or the same `only_lane`.
  void Restore(const LanesCopy& copy);
  // The same for one lane, from the bytes that a copy had for it; the others stay as they are.
  // False when they cannot be a lane of this model; the lane is as it was then. Whether they are
  // of the right place and undamaged is for the caller to know.
  [[nodiscard]] bool Put(std::uint64_t lane, std::span<const std::byte> bytes);
  // As new: every lane begins with its first record; the memory is given back.
  void Reset();

  // What a full lane is expected to take once it is alive, with as many players online as there are
  // on average.
  static std::size_t BytesPerLane(const Model& model);

 private:
  OpenLane Open(std::uint64_t lane);
  [[nodiscard]] Lane& At(std::uint64_t index) const;
  [[nodiscard]] Place* PlacesOf(std::uint64_t index) const;
  [[nodiscard]] std::size_t HeadBytes(std::uint64_t index) const;
  [[nodiscard]] std::byte* FaultsOf(std::uint64_t index) const {
    return faults_ + index * faults_bytes_;
  }

  const Model& model_;
  std::uint64_t first_lane_ = 0;
  std::uint64_t room_ = 0;  // lanes
  // Heads and actors: room for everybody to be online, of which the system gives only the pages
  // that are used; so no large pages here.
  std::size_t lane_stride_ = 0;
  std::byte* lanes_ = nullptr;
  std::size_t places_bytes_ = 0;  // of a lane
  std::byte* places_ = nullptr;
  std::size_t faults_bytes_ = 0;  // of a lane (fault_lane.h); 0 where there are none
  std::byte* faults_ = nullptr;
  // Which lanes came to life. Beside the mappings, since even a look into a page that was never
  // written maps it.
  std::unique_ptr<std::uint8_t[]> touched_;
};

}  // namespace playload
