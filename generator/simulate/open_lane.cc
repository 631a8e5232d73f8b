#include "generator/simulate/open_lane.h"

#include <bit>
#include <cstring>

namespace playload {
namespace {

static_assert(std::endian::native == std::endian::little);
static_assert(offsetof(Actor, entity) == 16 && offsetof(Record, entity) == 8 &&
              offsetof(Record, action) == 10 && offsetof(Record, flags) == 11 &&
              offsetof(Record, a) == 12 && offsetof(Record, b) == 13 && offsetof(Record, c) == 14);

// The record of a player's turn, in two words.
inline void PutRecord(const Actor& a, std::uint32_t action, std::uint32_t level,
                      std::uint32_t map_number, Record* record) {
  std::uint64_t words[2];
  std::memcpy(&words[0], &a.player.life, 8);
  std::uint32_t tag = 0;
  std::memcpy(&tag, &a.entity, 4);
  words[1] = (tag | action << 16) | std::uint64_t{level | map_number << 8} << 32;
  std::memcpy(record, words, sizeof(words));
}

}  // namespace

void OpenLane::InsertFar(Actor* actor, std::uint16_t number) {
  std::uint16_t& list = lane_->far[actor->until >> kBlockShift & (kBlocks - 1)];
  actor->next = list;
  list = static_cast<std::uint16_t>(model_->lane_players() + number);
}

// A place whose next session begins at tick `at`, in a later block.
void OpenLane::InsertPlace(std::uint32_t place, std::uint64_t at) {
  const std::uint64_t blocks = (at >> kBlockShift) - (lane_->slot >> 6);
  const std::uint64_t near = at >> kBlockShift & (kBlocks - 1);
  const std::uint64_t later = kBlocks + (at >> kEraShift & (kEras - 1));
  std::uint16_t& list = lane_->far[blocks < kBlocks ? near : later];
  places_[place].next = list;
  list = static_cast<std::uint16_t>(place + 1);
}

std::uint16_t OpenLane::TakeActor() {
  const std::uint16_t number = lane_->free;
  if (number == 0) return static_cast<std::uint16_t>(++lane_->high);
  lane_->free = ActorOf(number).next;
  return number;
}

// Moves the clock to the beginning of the next block. Those who wait for it go to its slots.
void OpenLane::EnterBlock() {
  lane_->slot = (lane_->slot | (kSlots - 1)) + 1;
  const unsigned block = lane_->slot >> 6 & (kBlocks - 1);
  if (block == 0) OpenEra();
  const auto now = static_cast<std::uint32_t>(lane_->slot << kSlotShift);
  std::uint16_t waiting = lane_->far[block];
  lane_->far[block] = 0;
  while (waiting != 0) {
    if (waiting <= model_->lane_players()) {
      const std::uint32_t place = waiting - 1u;
      waiting = places_[place].next;
      const std::uint64_t r = DrawAt(KeyOf(place), places_[place].session, Purpose::kWake);
      Wake(place, now + static_cast<std::uint32_t>(r & ((1u << kBlockShift) - 1)));
      continue;
    }
    const auto number = static_cast<std::uint16_t>(waiting - model_->lane_players());
    Actor& actor = ActorOf(number);
    const std::uint16_t after = actor.next;
    if (actor.until >> kBlockShift == now >> kBlockShift) {
      ToSlot(&actor, number);
    } else {  // its block comes round once more
      actor.next = lane_->far[block];
      lane_->far[block] = waiting;
    }
    waiting = after;
  }
  if (lane_->newcomers < model_->PlayersIn(number_)) Welcome();
  FetchPlaces((block + 2) & (kBlocks - 1), 0);
  FetchPlaces((block + 1) & (kBlocks - 1), 1);
}

// Asks for the memory of one of the places that wait for a block, the one after the first `behind`
// ones, which have been asked for before: a place is touched but twice in a session, so it is in no
// cache (that was 340 ns a session).
void OpenLane::FetchPlaces(unsigned block, unsigned behind) const {
  std::uint16_t waiting = lane_->far[block];
  while (waiting != 0) {
    if (waiting > model_->lane_players()) {
      waiting = ActorOf(static_cast<std::uint16_t>(waiting - model_->lane_players())).next;
      continue;
    }
    const Place* const place = &places_[waiting - 1];
    if (behind-- == 0) {
      __builtin_prefetch(place, 1);
      return;
    }
    waiting = place->next;
  }
}

// Those who wait for the era that begins go to its blocks.
void OpenLane::OpenEra() {
  std::uint16_t& era = lane_->far[kBlocks + (lane_->slot >> 14 & (kEras - 1))];
  std::uint16_t waiting = era;
  era = 0;
  while (waiting != 0) {
    Place& place = places_[waiting - 1];
    const std::uint16_t after = place.next;
    const std::uint64_t r = DrawAt(KeyOf(waiting - 1u), place.session, Purpose::kWake);
    std::uint16_t& list = lane_->far[r >> kBlockShift & (kBlocks - 1)];
    place.next = list;
    list = waiting;
    waiting = after;
  }
}

std::uint32_t OpenLane::Simulate(OpenLane* open, std::size_t lanes, Record* const* out,
                                 std::uint32_t count) {
  const Model& model = *open[0].model_;
  const AliasRow* const rows = model.rows;
  const DwellTable* const dwells = model.dwells;
  const std::uint32_t maps = model.maps_per_level;
  const std::uint32_t levels = model.levels;

  for (std::uint32_t n = 0; n < count; ++n) {
    for (std::size_t g = 0; g < lanes; ++g) {
      OpenLane& self = open[g];
      Lane& lane = *self.lane_;
      Record& record = out[g][n];
      // Whose turn it is. Without a branch on whether the slot at hand has more of them: that was
      // mispredicted in every third event.
      std::uint64_t slot = 0;
      for (;;) {
        const std::uint64_t ahead = std::rotr(lane.occupied, static_cast<int>(lane.slot & 63));
        slot = lane.slot + static_cast<unsigned>(std::countr_zero(ahead));
        if ((slot ^ lane.slot) < kSlots) [[likely]] {
          break;
        }
        self.EnterBlock();
      }
      lane.slot = slot;
      std::uint16_t& list = lane.slots[slot & 63];
      const std::uint16_t number = list;
      Actor& a = lane.actors()[number - 1];
      const std::uint16_t next = a.next;
      list = next;
      lane.occupied &= ~(std::uint64_t{next == 0} << (slot & 63));

      if ((a.row & kRareTurn) != 0) [[unlikely]] {
        if ((a.row & kServerActor) != 0) {
          self.Measure(&a, number, lane.made + n, &record);
          if (lanes == 1) count = self.UpToDue(count);
          continue;
        }
        if ((a.row & kBegins) != 0) self.StartSession(&a, lane.made + n);
        if ((a.row & kScripted) != 0) {
          self.Play(&a, number, lane.made + n, &record);
          if (lanes == 1) count = self.UpToDue(count);
          continue;
        }
      }
      const std::uint64_t r = DrawFrom(a.player.draw);
      a.player.draw += kDrawStep;
      const std::uint32_t row = a.row & kRowMask;
      const AliasCell& cell = rows[row].cells[r & (kCells - 1)];
      const bool second = (r >> 4 & 0xFFFFFFu) >= cell.threshold;
      const std::uint32_t to = cell.to[second];
      const std::uint32_t emit = cell.emit[second];
      const std::uint32_t next_row = (row & ~std::uint32_t{kStateMask}) + to;
      const std::uint32_t ticks = dwells[next_row].Ticks(static_cast<std::uint32_t>(r >> 28));

      // Levels begin and are completed in every eighth event: by arithmetic, not by branches.
      const std::uint32_t level = a.level;
      const std::uint32_t drawn = static_cast<std::uint32_t>(r >> 52) * maps >> 12;
      const std::uint32_t begun =
          0u - std::uint32_t{emit == static_cast<std::uint32_t>(Emit::kLevelStart)};
      const std::uint32_t map = a.map ^ ((a.map ^ drawn) & begun);
      const std::uint32_t up =
          std::uint32_t{emit == static_cast<std::uint32_t>(Emit::kLevelComplete)} &
          std::uint32_t{level < levels};
      a.level = static_cast<std::uint8_t>(level + up);
      a.map = static_cast<std::uint8_t>(map);
      a.row = static_cast<std::uint16_t>(next_row);

      // Right for the first six of Emit.
      PutRecord(a, emit, level, (level - 1) * maps + map + 1, &record);
      if (emit > static_cast<std::uint32_t>(Emit::kSessionStart)) [[unlikely]] {
        if (emit == static_cast<std::uint32_t>(Emit::kSessionEnd)) {
          self.EndSession(&a, number, ticks);
          continue;
        }
        self.Trade(a, static_cast<Emit>(emit), &record);
      }
      self.Insert(&a, number, ticks);
    }
  }
  for (std::size_t g = 0; g < lanes; ++g) open[g].lane_->made += count;
  return count;
}

void OpenLane::SimulateAlone(Record* out, std::uint32_t count) {
  while (count > 0) {
    std::uint32_t made = UpToDue(count);
    if (made > 0) {
      made = Simulate(this, 1, &out, made);
    } else {
      PlayDue(out);
      made = 1;
    }
    out += made;
    count -= made;
  }
}

std::int64_t OpenLane::InstantOf(std::uint64_t made) const { return Clock().InstantOf(made); }

}  // namespace playload
