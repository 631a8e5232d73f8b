// OpenLane: a lane in the hands of the thread that simulates it. Private to generator/simulate.
//
// Threads: one owner, for as long as one call of Lanes::Simulate() takes. Ownership: views of the
// model and of the lane's memory.
//
// The parts: open_lane.cc the wheel and the turns of players, sessions.cc who comes and goes,
// purchases.cc, servers.cc, scripts.cc probes, compat.cc the original generator's world, past.cc
// lives again.
// fault_lane.h stands behind it where there are data faults.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "generator/event/record.h"
#include "generator/simulate/lane.h"
#include "generator/simulate/lane_clock.h"
#include "generator/simulate/model.h"

namespace playload {

class OpenLane {
 public:
  OpenLane() = default;
  OpenLane(const Model& model, std::uint64_t number, Lane* lane, Place* places)
      : model_(&model),
        number_(number),
        first_(number * model.lane_players()),
        lane_(lane),
        places_(places) {}

  // As new: nobody is there but the servers, and who comes first. Whatever the memory held before
  // does not matter.
  void Begin();
  void BeginCompat();
  // The next `count` records of each of `lanes` lanes, which belong to the same model. They take
  // turns event by event: what one lane waits for is hidden behind the others' work.
  // Returns how many were made of each: of one lane alone fewer, when somebody who waits for an
  // instant is next.
  static std::uint32_t Simulate(OpenLane* open, std::size_t lanes, Record* const* out,
                                std::uint32_t count);
  // The next `count` records of this lane, with those who wait for instants.
  void SimulateAlone(Record* out, std::uint32_t count);
  void SimulateCompat(Record* out, std::uint32_t count);
  // The purchases and refunds of the life at a place, from its first session up to now, appended;
  // `online`: the actor of who is there now, or null. That life is lived again alone: it is a
  // function of the place, the session in which it began and its persona, so no lane is needed
  // (it may be null), only room for its places. The place is as it was then.
  void Relive(std::uint32_t place, const Actor* online, std::vector<Record>* out);
  void Replay(const Actor& online, std::vector<Record>* out);
  // Which place had its first session as the k-th of the lane. `players`: of the lane.
  static std::uint32_t NewcomersPlace(std::uint64_t lane_draw, std::uint32_t k,
                                      std::uint32_t players) {
    // All over the lane: a prime above every size of a lane has no factor in common with it.
    constexpr std::uint64_t kStride = 10'007;
    return static_cast<std::uint32_t>((k * kStride + (lane_draw >> 32)) % players);
  }
  [[nodiscard]] std::uint64_t LaneDraw() const {
    return DrawAt(EntityKey(model_->seed_key, number_), 0, Purpose::kFirstSession);
  }

  // How many records there are before the next one: where in the plan, and so on the timeline of
  // the incidents, it stands. Set by whoever leaves records out or puts some in (fault_lane.h).
  [[nodiscard]] std::uint64_t made() const { return lane_->made; }
  void set_made(std::uint64_t made) { lane_->made = made; }
  // Whether somebody has waited for just the next record (scripts.cc): it must not be left out.
  [[nodiscard]] bool due() const { return lane_->due_made == lane_->made; }
  // Planned instant of the lane's `made`-th event, on the timeline of the incidents.
  [[nodiscard]] std::int64_t InstantOf(std::uint64_t made) const;

 private:
  [[nodiscard]] Actor& ActorOf(std::uint16_t number) const { return lane_->actors()[number - 1]; }

  // The wheel.
  [[gnu::noinline]] void EnterBlock();
  void FetchPlaces(unsigned block, unsigned behind) const;
  void OpenEra();
  void ToSlot(Actor* actor, std::uint16_t number) {
    const unsigned slot = actor->until >> kSlotShift & (kSlots - 1);
    actor->next = lane_->slots[slot];
    lane_->slots[slot] = number;
    lane_->occupied |= std::uint64_t{1} << slot;
  }
  // REQUIRES: ticks >= 1. The slot may be the one at hand.
  void Insert(Actor* actor, std::uint16_t number, std::uint32_t ticks) {
    actor->until += ticks;
    const auto slots_away =
        (actor->until >> kSlotShift) - static_cast<std::uint32_t>(lane_->slot & kSlotMask);
    if ((slots_away & kSlotMask) < kSlots) [[likely]] {
      ToSlot(actor, number);
    } else {
      InsertFar(actor, number);
    }
  }
  void InsertFar(Actor* actor, std::uint16_t number);
  void InsertPlace(std::uint32_t place, std::uint64_t at);
  std::uint16_t TakeActor();

  // Sessions.
  void Welcome();
  void Wake(std::uint32_t place, std::uint32_t at);
  void StartSession(Actor* actor, std::uint64_t made);
  void EndSession(Actor* actor, std::uint16_t number, std::uint32_t gap_ticks);
  [[nodiscard]] int FraudEpisode(std::uint64_t made);

  // Scripts.
  [[nodiscard]] int ScriptTurn(bool server, std::uint64_t made);
  void Play(Actor* actor, std::uint16_t number, std::uint64_t made, Record* record);
  void PlayDue(Record* record);
  void PlayStep(Actor* actor, const ScriptStep& step, Record* record);
  [[nodiscard]] std::uint64_t DueAfter(std::uint64_t made, const ScriptStep& next) const;
  [[nodiscard]] std::uint64_t DueOf(const Actor& actor) const;
  [[nodiscard]] bool Taken(std::uint64_t made) const;
  void Await(Actor* actor, std::uint16_t number, std::uint64_t made,
             const std::vector<ScriptStep>& steps, std::size_t step, std::uint32_t ticks);
  void PlayAtClock(Actor* actor, std::uint16_t number, std::uint64_t made, const ScriptStep& next);
  void PlayLater(Actor* actor, std::uint16_t number, std::uint64_t made, const ScriptStep& next);
  void PlayBefore(Actor* actor, std::uint16_t number, std::uint64_t made, const ScriptStep& later);
  void WaitFor(Actor* actor, std::uint16_t number, std::uint64_t due);
  [[nodiscard]] LaneClock Clock() const {
    return LaneClock(model_->timeline, model_->lanes(), number_);
  }
  [[nodiscard]] std::uint32_t UpToDue(std::uint32_t count) const {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(count, lane_->due_made - lane_->made));
  }
  void FollowScript(Actor* actor, std::uint64_t made, int* cpu, int* memory, int* latency);

  // Rare records.
  void Trade(const Actor& actor, Emit emit, Record* record);
  void Buy(const Actor& actor, bool foreign, Record* record);
  void Refund(const Actor& actor, bool again, Record* record);
  static void Put(Action action, unsigned item, unsigned currency, FraudAlert alert,
                  Record* record);
  void Measure(Actor* actor, std::uint16_t number, std::uint64_t made, Record* record);

  [[nodiscard]] std::uint64_t KeyOf(std::uint32_t place) const {
    return EntityKey(model_->seed_key, first_ + place);
  }
  [[nodiscard]] Actor& ServerOf(std::uint32_t place) const {
    return lane_->actors()[place / model_->players_per_server];
  }

  // `until` counts ticks modulo 2^32, so slots are counted modulo 2^30.
  static constexpr std::uint32_t kSlotMask = 0xFFFFFFFFu >> kSlotShift;

  const Model* model_ = nullptr;
  std::uint64_t number_ = 0;
  std::uint64_t first_ = 0;  // the first player's index in the population
  Lane* lane_ = nullptr;
  Place* places_ = nullptr;
};

}  // namespace playload
