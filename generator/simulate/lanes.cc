#include "generator/simulate/lanes.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <new>

#include "generator/oracle/fraud_rule.h"

namespace playload {
namespace {

constexpr std::uint32_t kSlots = 256;  // of each level of the wheel
constexpr std::size_t kLargePage = std::size_t{2} << 20;

// What a player carries beside its counters, 32 bits.
struct Traits {
  std::uint32_t state : 4;
  std::uint32_t persona : 5;
  std::uint32_t console : 1;
  std::uint32_t map : 2;         // which of the level's maps
  std::uint32_t bought : 1;      // made a purchase in this life
  std::uint32_t refundable : 1;  // the latest purchase is not refunded yet
  std::uint32_t item : 5;        // the latest purchase: catalog item
  std::uint32_t currency : 4;    // and currency
  std::uint32_t skins : 3;       // kept items owned, in the player's own order
  std::uint32_t weapons : 3;
  std::uint32_t leaves : 1;   // for good: a new player begins the next session
  std::uint32_t episode : 1;  // part of a fraud incident: leaves with this session
};
static_assert(sizeof(Traits) == 4);

// The first set bit at or above `from` in a 256-bit map (the fifth word is zero), or 256. The next
// turn is nearly always less than 64 ticks away, so one window of 64 bits decides without a loop:
// walking word by word cost a misprediction in every fourth event.
unsigned NextBit(const std::uint64_t (&bits)[5], unsigned from) {
  if (from >= kSlots) return kSlots;
  const unsigned word = from >> 6;
  const unsigned shift = from & 63;
  const std::uint64_t window = bits[word] >> shift | bits[word + 1] << 1 << (63 - shift);
  if (window != 0) [[likely]] {
    return from + static_cast<unsigned>(std::countr_zero(window));
  }
  for (unsigned i = word + 1; i < kSlots / 64; ++i) {
    if (bits[i] != 0) return (i << 6) + static_cast<unsigned>(std::countr_zero(bits[i]));
  }
  return kSlots;
}

void SetBit(std::uint64_t (&bits)[5], unsigned i) { bits[i >> 6] |= std::uint64_t{1} << (i & 63); }
void ClearBit(std::uint64_t (&bits)[5], unsigned i) {
  bits[i >> 6] &= ~(std::uint64_t{1} << (i & 63));
}

int Clamp(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

}  // namespace

// 16 bytes. Both kinds keep their place in the wheel at the same offsets.
union Lanes::Entity {
  struct {
    std::uint32_t session;  // sessions begun at this place, less one; 2^32 - 1 before the first
    Traits traits;
    std::uint16_t step;  // of the session
    std::uint16_t next;  // in the same slot of the wheel: index + 1, 0 at the end
    std::uint8_t level;  // from 1
    std::uint8_t age;    // sessions of this life before the present one
    std::uint8_t turns;  // of the coarse wheel still to wait
    std::uint8_t low;    // slot of the fine wheel inside the coarse one
  } player;
  struct {
    std::uint32_t step;
    std::uint16_t online;  // players on it now
    std::uint8_t cpu_drift;
    std::uint8_t memory_drift;
    std::uint16_t unused;
    std::uint16_t next;
    std::uint8_t unused2[2];
    std::uint8_t turns;
    std::uint8_t low;
  } server;
};

struct Lanes::Lane {
  std::uint64_t made;  // records so far
  std::uint64_t tick;  // simulated now
  std::uint16_t due;   // entities whose turn it is in this tick: index + 1
  bool alive;
  std::uint8_t fraud_turn[16];   // which of an incident's personas is next
  std::uint32_t fraud_sum[16];   // share of sessions taken, accumulated; an overflow takes one
  std::uint64_t fine_bits[5];    // slots with somebody in them; the fifth word stays zero
  std::uint16_t fine[kSlots];    // one tick each
  std::uint16_t coarse[kSlots];  // kSlots ticks each

  void Insert(Entity* entities, std::uint32_t i, std::uint32_t ticks) {
    Entity& e = entities[i];
    const std::uint64_t at = tick + ticks;
    if (ticks < kSlots) [[likely]] {
      const unsigned slot = at & (kSlots - 1);
      e.player.next = fine[slot];
      fine[slot] = static_cast<std::uint16_t>(i + 1);
      SetBit(fine_bits, slot);
      return;
    }
    const std::uint64_t blocks = (at >> 8) - (tick >> 8);
    const unsigned slot = at >> 8 & (kSlots - 1);
    e.player.turns = static_cast<std::uint8_t>((blocks - 1) >> 8);
    e.player.low = static_cast<std::uint8_t>(at);
    e.player.next = coarse[slot];
    coarse[slot] = static_cast<std::uint16_t>(i + 1);
  }

  // Moves the clock to the next tick that has somebody's turn in it.
  void Advance(Entity* entities) {
    unsigned from = (tick & (kSlots - 1)) + 1;
    for (;;) {
      const unsigned slot = NextBit(fine_bits, from);
      if (slot < kSlots) {
        tick = (tick & ~std::uint64_t{kSlots - 1}) | slot;
        due = fine[slot];
        fine[slot] = 0;
        ClearBit(fine_bits, slot);
        return;
      }
      tick = (tick | (kSlots - 1)) + 1;
      Cascade(entities);
      from = 0;
    }
  }

  // At the beginning of a block: those who wait for it go to the fine wheel.
  void Cascade(Entity* entities) {
    const unsigned block = tick >> 8 & (kSlots - 1);
    std::uint16_t waiting = coarse[block];
    if (waiting == 0) return;
    coarse[block] = 0;
    while (waiting != 0) {
      Entity& e = entities[waiting - 1];
      const std::uint16_t after = e.player.next;
      if (e.player.turns != 0) {
        --e.player.turns;
        e.player.next = coarse[block];
        coarse[block] = waiting;
      } else {
        e.player.next = fine[e.player.low];
        fine[e.player.low] = waiting;
        SetBit(fine_bits, e.player.low);
      }
      waiting = after;
    }
  }
};

Lanes::Lanes(const Model& model, std::int64_t only_lane) : model_(model) {
  static_assert(sizeof(Entity) == 16);
  stride_ = BytesPerLane(model);
  first_lane_ = only_lane < 0 ? 0 : static_cast<std::uint64_t>(only_lane);
  room_ = only_lane < 0 ? model.lanes() : 1;
  bytes_ = stride_ * room_;
  touched_.reset(new (std::nothrow) std::uint8_t[room_]());
  if (touched_ == nullptr) return;
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  // Lanes are visited one after the other, each wholly: large pages save most of the TLB misses.
  madvise(memory, bytes_, MADV_HUGEPAGE);
  arena_ = static_cast<std::byte*>(memory);
}

Lanes::~Lanes() {
  if (arena_ != nullptr) munmap(arena_, bytes_);
}

std::uint64_t Lanes::CopyBytes() const {
  std::uint64_t lanes = 0;
  for (std::uint64_t i = 0; i < room_; ++i) lanes += touched_[i];
  return lanes * stride_;
}

LanesCopy Lanes::Copy() const {
  LanesCopy copy;
  copy.bytes_ = CopyBytes();
  copy.numbers_.reserve(copy.bytes_ / stride_);
  void* memory = nullptr;
  if (posix_memalign(&memory, kLargePage, std::max<std::size_t>(copy.bytes_, 1)) != 0) {
    throw std::bad_alloc();
  }
  copy.lanes_.reset(static_cast<std::byte*>(memory));
  // Most of a copy's time goes into its first touch: 11 ms for 18 MB in small pages, 4 in large.
  if (copy.bytes_ >= kLargePage) {
    madvise(memory, copy.bytes_ / kLargePage * kLargePage, MADV_HUGEPAGE);
  }
  std::byte* to = copy.lanes_.get();
  for (std::uint64_t i = 0; i < room_; ++i) {
    if (touched_[i] == 0) continue;
    copy.numbers_.push_back(first_lane_ + i);
    std::memcpy(to, arena_ + i * stride_, stride_);
    to += stride_;
  }
  return copy;
}

void Lanes::Restore(const LanesCopy& copy) {
  auto next = copy.numbers_.begin();
  const std::byte* from = copy.lanes_.get();
  for (std::uint64_t i = 0; i < room_; ++i) {
    if (next != copy.numbers_.end() && *next == first_lane_ + i) {
      ++next;
      std::memcpy(arena_ + i * stride_, from, stride_);
      from += stride_;
      touched_[i] = 1;
    } else if (touched_[i] != 0) {
      std::memset(arena_ + i * stride_, 0, stride_);
      touched_[i] = 0;
    }
  }
}

void Lanes::Reset() {
  if (madvise(arena_, bytes_, MADV_DONTNEED) != 0) {
    // Locked in memory: it stays, as zeros.
    for (std::uint64_t i = 0; i < room_; ++i) {
      if (touched_[i] != 0) std::memset(arena_ + i * stride_, 0, stride_);
    }
  }
  std::memset(touched_.get(), 0, room_);
}

std::size_t Lanes::BytesPerLane(const Model& model) {
  const std::size_t bytes = sizeof(Lane) +
                            (model.lane_players() + model.servers_per_lane()) * sizeof(Entity) +
                            model.lane_players();
  return (bytes + 63) / 64 * 64;
}

Lanes::Lane& Lanes::At(std::uint64_t lane) const {
  return *reinterpret_cast<Lane*>(arena_ + (lane - first_lane_) * stride_);
}

Lanes::Entity* Lanes::Entities(Lane& lane) { return reinterpret_cast<Entity*>(&lane + 1); }

std::uint8_t* Lanes::FraudStates(Lane& lane) const {
  return reinterpret_cast<std::uint8_t*>(Entities(lane) + model_.lane_players() +
                                         model_.servers_per_lane());
}

std::int64_t Lanes::InstantOf(std::uint64_t lane, std::uint64_t made) const {
  const std::uint64_t run = made / kRunLength * model_.lanes() + lane;
  return model_.timeline.PlannedAt(run * kRunLength + made % kRunLength);
}

void Lanes::Begin(Lane& lane, std::uint64_t number) {
  lane.alive = true;
  touched_[number - first_lane_] = 1;
  Entity* const entities = Entities(lane);
  const std::uint64_t first = number * model_.lane_players();
  for (std::size_t k = 0; k < model_.fraud.size(); ++k) {
    const std::uint64_t r = DrawAt(EntityKey(model_.seed_key, number), k, Purpose::kLane);
    lane.fraud_sum[k] = static_cast<std::uint32_t>(r);
    lane.fraud_turn[k] = static_cast<std::uint8_t>(
        Below(static_cast<std::uint32_t>(r >> 32),
              static_cast<std::uint32_t>(model_.fraud[k].personas.size())));
  }
  for (std::uint32_t i = 0; i < model_.PlayersIn(number); ++i) {
    auto& p = entities[i].player;
    const std::uint64_t r =
        DrawAt(EntityKey(model_.seed_key, first + i), 0, Purpose::kFirstSession);
    const unsigned persona = model_.mix_persona[model_.mix.Pick(static_cast<std::uint32_t>(
        DrawAt(EntityKey(model_.seed_key, first + i), 0, Purpose::kPersona) >> 32))];
    const PersonaTables& tables = model_.personas[persona];
    p.session = ~std::uint32_t{0};
    p.traits.state = kOffline;
    p.traits.persona = persona & 31;
    p.traits.leaves = 1;  // the first session begins a life
    // Those who would be online now come within a minute, the others somewhere in their cycle: the
    // load is about right from the start.
    const bool soon = static_cast<std::uint32_t>(r) < tables.online_below;
    const std::uint32_t within = soon ? 60'000 / kTickMs : tables.cycle_ticks;
    lane.Insert(entities, i, 1 + Below(static_cast<std::uint32_t>(r >> 32), within));
  }
  for (std::uint32_t s = 0; s < model_.ServersIn(number); ++s) {
    const std::uint32_t i = model_.lane_players() + s;
    const std::uint64_t r = DrawAt(
        EntityKey(model_.seed_key, number * model_.servers_per_lane() + s), 0, Purpose::kServer);
    entities[i].server.cpu_drift = entities[i].server.memory_drift = 6;
    lane.Insert(entities, i, 1 + Below(static_cast<std::uint32_t>(r >> 32), model_.report_ticks));
  }
}

void Lanes::Simulate(std::uint64_t number, Record* out, std::uint32_t count) {
  Lane& lane = At(number);
  if (model_.compat) {
    touched_[number - first_lane_] = 1;
    SimulateCompat(lane, number, out, count);
    return;
  }
  if (!lane.alive) [[unlikely]] {
    Begin(lane, number);
  }
  Entity* const entities = Entities(lane);
  const std::uint32_t players = model_.lane_players();
  const std::uint64_t first = number * players;
  const std::uint64_t made = lane.made;
  const AliasRow* const rows = model_.rows;
  const DwellTable* const dwells = model_.dwells;
  const std::uint32_t maps = model_.maps_per_level;
  const std::uint32_t levels = model_.levels;
  const std::uint64_t seed_key = model_.seed_key;

  for (std::uint32_t n = 0; n < count; ++n) {
    if (lane.due == 0) lane.Advance(entities);
    const std::uint32_t i = lane.due - 1u;
    Entity& e = entities[i];
    lane.due = e.player.next;
    if (i >= players) [[unlikely]] {
      Measure(lane, number, i, e, made + n, &out[n]);
      continue;
    }
    auto& p = e.player;
    if (p.traits.state == kOffline) [[unlikely]] {
      StartSession(lane, number, i, e, made + n);
    }
    // The key of a draw: the place and, inside it, session and step; unlike for every step ever.
    const std::uint64_t step = std::uint64_t{p.session} << 16 | p.step++;
    const std::uint64_t r = DrawAt(EntityKey(seed_key, first + i), step);
    const std::uint32_t base = p.traits.persona * kRowStates;
    const AliasCell& cell = rows[base + p.traits.state].cells[r & (kCells - 1)];
    const bool second = (r >> 4 & 0xFFFFFFu) >= cell.threshold;
    const unsigned to = cell.to[second];
    const auto emit = static_cast<Emit>(cell.emit[second]);

    // Levels begin and are completed in every eighth event: by arithmetic, not by branches.
    const std::uint32_t level = p.level;
    const std::uint32_t new_map = static_cast<std::uint32_t>(r >> 52) * maps >> 12;
    const std::uint32_t map = emit == Emit::kLevelStart ? new_map : p.traits.map;
    const bool up = emit == Emit::kLevelComplete && level < levels;
    p.level = static_cast<std::uint8_t>(level + (up ? 1 : 0));
    p.traits.map = map & 3;

    Record& record = out[n];
    record.life = p.session - p.age;
    record.session = p.session;
    record.entity = static_cast<std::uint16_t>(i);
    record.action = static_cast<Action>(emit);  // right for the first six of Emit
    record.flags = static_cast<std::uint8_t>(p.traits.console);
    record.a = static_cast<std::uint8_t>(level);
    record.b = static_cast<std::uint8_t>((level - 1) * maps + map + 1);
    record.c = 0;
    p.traits.state = to & 15;
    if (emit > Emit::kSessionStart) [[unlikely]] {
      Rare(lane, number, i, e, emit, &record);
    }
    lane.Insert(entities, i, dwells[base + to].Ticks(static_cast<std::uint32_t>(r >> 28)));
  }
  lane.made = made + count;
}

// Begins a session at a place: of the player who is there, of a new one when the former left for
// good, or of a new player of a fraud incident that is active and whose turn it is.
void Lanes::StartSession(Lane& lane, std::uint64_t number, std::uint32_t i, Entity& e,
                         std::uint64_t made) const {
  auto& p = e.player;
  ++p.session;
  p.step = 0;
  int episode = -1;
  if (!model_.fraud.empty()) {
    const std::int64_t now = InstantOf(number, made);
    for (std::size_t k = 0; k < model_.fraud.size() && episode < 0; ++k) {
      std::int64_t into = 0;
      if (!Active(model_.fraud[k].window, now, &into)) continue;
      // Every 1/share-th session, not a draw: a share of 5 % is met over any 20 sessions.
      const std::uint32_t before = lane.fraud_sum[k];
      lane.fraud_sum[k] += model_.fraud_share[k];
      if (lane.fraud_sum[k] >= before) continue;
      const std::vector<int>& personas = model_.fraud[k].personas;
      episode = personas[lane.fraud_turn[k]];
      lane.fraud_turn[k] = static_cast<std::uint8_t>((lane.fraud_turn[k] + 1u) % personas.size());
    }
  }
  if (p.traits.leaves || episode >= 0) {
    const std::uint64_t key = EntityKey(model_.seed_key, number * model_.lane_players() + i);
    const std::uint64_t r = DrawAt(key, p.session, Purpose::kPersona);
    p.traits = Traits{};
    // The first life's persona was drawn in Begin() with the same key, so that its timing fits.
    p.traits.persona =
        episode >= 0
            ? static_cast<unsigned>(episode) & 31
            : model_.mix_persona[model_.mix.Pick(static_cast<std::uint32_t>(r >> 32))] & 31u;
    p.traits.console = static_cast<std::uint32_t>(r) < model_.console_below;
    p.traits.episode = episode >= 0;
    p.level = 1;
    p.age = 0;
  } else {
    ++p.age;
  }
  ++Entities(lane)[model_.lane_players() + i / model_.players_per_server].server.online;
}

void Lanes::Rare(Lane& lane, std::uint64_t number, std::uint32_t i, Entity& e, Emit emit,
                 Record* record) const {
  auto& p = e.player;
  if (emit == Emit::kSessionEnd) {
    --Entities(lane)[model_.lane_players() + i / model_.players_per_server].server.online;
    const PersonaTables& tables = model_.personas[p.traits.persona];
    const std::uint64_t key = EntityKey(model_.seed_key, number * model_.lane_players() + i);
    const auto draw = static_cast<std::uint32_t>(DrawAt(key, p.session, Purpose::kLife) >> 32);
    p.traits.leaves =
        p.traits.episode || tables.one_session || p.age == 254 || draw < tables.leave_below;
  } else if (emit == Emit::kPurchase || emit == Emit::kPurchaseForeign) {
    Buy(lane, number, i, e, emit == Emit::kPurchaseForeign, record);
  } else {
    Refund(lane, i, e, emit == Emit::kRefundAgain, record);
  }
}

void Lanes::Buy(Lane& lane, std::uint64_t number, std::uint32_t i, Entity& e, bool foreign,
                Record* record) const {
  auto& p = e.player;
  const std::uint64_t key = EntityKey(model_.seed_key, number * model_.lane_players() + i);
  const std::uint64_t identity = DrawAt(key, p.session - p.age, Purpose::kIdentity);
  const std::uint64_t r = DrawAt(key, std::uint64_t{p.session} << 16 | p.step, Purpose::kPurchase);

  unsigned currency =
      model_.currency_of[model_.currencies.Pick(static_cast<std::uint32_t>(identity))];
  if (foreign) {
    // Another one of the table: never the player's own.
    currency = (currency + 1 + Below(static_cast<std::uint32_t>(r), kCurrencies - 1)) % kCurrencies;
  }

  auto type = static_cast<unsigned>(
      model_.personas[p.traits.persona].item_types.Pick(static_cast<std::uint32_t>(r >> 32)));
  constexpr unsigned kSkin = static_cast<unsigned>(ItemType::kSkin);
  constexpr unsigned kWeapon = static_cast<unsigned>(ItemType::kWeapon);
  unsigned item = 0;
  // Kept items are bought in an order of the player's own, so that a count says which it has.
  if (type == kSkin && p.traits.skins < kItemsPerType) {
    item = kFirstItem[kSkin] +
           static_cast<unsigned>((identity >> 32) + p.traits.skins) % kItemsPerType;
    p.traits.skins = (p.traits.skins + 1u) & 7;
  } else if (type == kWeapon && p.traits.weapons < kItemsPerType) {
    item = kFirstItem[kWeapon] +
           static_cast<unsigned>((identity >> 40) + p.traits.weapons) % kItemsPerType;
    p.traits.weapons = (p.traits.weapons + 1u) & 7;
  } else {
    if (type < kKeptTypes) type = kKeptTypes;  // has them all: something that is used up
    const unsigned from = kFirstItem[type];
    item = from + Below(static_cast<std::uint32_t>(r >> 8), kFirstItem[type + 1] - from);
  }

  FraudState state{FraudStates(lane)[i]};
  const FraudAlert alert = state.Observe(currency, p.traits.bought == 0);
  FraudStates(lane)[i] = state.bits;
  p.traits.bought = 1;
  p.traits.refundable = 1;
  p.traits.item = item & 31;
  p.traits.currency = currency & 15;
  record->action = Action::kPurchase;
  record->a = static_cast<std::uint8_t>(item);
  record->b = static_cast<std::uint8_t>(currency);
  record->flags = static_cast<std::uint8_t>(record->flags | static_cast<unsigned>(alert)
                                                                << Record::kAlertShift);
}

void Lanes::Refund(Lane& lane, std::uint32_t i, Entity& e, bool again, Record* record) const {
  auto& p = e.player;
  if (!p.traits.bought || (!p.traits.refundable && !again)) {
    record->action = Action::kInteraction;
    return;
  }
  if (p.traits.refundable) {
    // A kept item goes back: it is the latest one, so the count still says which are left.
    const auto type = static_cast<unsigned>(kCatalog[p.traits.item].type);
    if (type == static_cast<unsigned>(ItemType::kSkin)) p.traits.skins = (p.traits.skins - 1u) & 7;
    if (type == static_cast<unsigned>(ItemType::kWeapon)) {
      p.traits.weapons = (p.traits.weapons - 1u) & 7;
    }
    p.traits.refundable = 0;
  }
  FraudState state{FraudStates(lane)[i]};
  const FraudAlert alert = state.Observe(p.traits.currency, false);
  FraudStates(lane)[i] = state.bits;
  record->action = Action::kRefund;
  record->a = static_cast<std::uint8_t>(p.traits.item);
  record->b = static_cast<std::uint8_t>(p.traits.currency);
  record->flags = static_cast<std::uint8_t>(record->flags | static_cast<unsigned>(alert)
                                                                << Record::kAlertShift);
}

// One metric of a server: what its players cost, drift, noise, and the incidents of its region.
void Lanes::Measure(Lane& lane, std::uint64_t number, std::uint32_t i, Entity& e,
                    std::uint64_t made, Record* record) const {
  auto& s = e.server;
  const std::uint64_t server = number * model_.servers_per_lane() + (i - model_.lane_players());
  const unsigned region = model_.RegionOf(server);
  const std::uint64_t r = DrawAt(EntityKey(model_.seed_key, server), ++s.step, Purpose::kServer);

  const int busy = Clamp(s.online * 100 / model_.full_online, 0, 100);
  const auto wander = [](std::uint8_t& drift, unsigned bits) {
    drift = static_cast<std::uint8_t>(Clamp(drift + static_cast<int>(bits % 3) - 1, 0, 12));
  };
  wander(s.cpu_drift, r & 255);
  wander(s.memory_drift, r >> 8 & 255);
  // Without incidents: at most 12 + 45 + 12 + 8 = 77 and 30 + 25 + 12 + 4 = 71 percent.
  int cpu = 12 + busy * 45 / 100 + s.cpu_drift + static_cast<int>((r >> 16 & 255) % 9);
  int memory = 30 + busy * 25 / 100 + s.memory_drift + static_cast<int>((r >> 24 & 255) % 5);
  int latency =
      20 + static_cast<int>(region) * 7 + busy / 2 + static_cast<int>((r >> 32 & 255) % 21);

  if (!model_.overload.empty()) {
    const std::int64_t now = InstantOf(number, made);
    for (const OverloadIncident& incident : model_.overload) {
      std::int64_t into = 0;
      if (incident.region >= 0 && static_cast<unsigned>(incident.region) != region) continue;
      if (!Active(incident.window, now, &into)) continue;
      // Height in 1/1024: up over the ramp, down over the ramp before the end.
      std::int64_t height = 1024;
      if (into < incident.ramp_ns) height = into * 1024 / incident.ramp_ns;
      if (incident.window.lasts_ns > 0) {
        const std::int64_t left = incident.window.lasts_ns - into;
        if (left < incident.ramp_ns) height = std::min(height, left * 1024 / incident.ramp_ns);
      }
      const int h = static_cast<int>(height);
      cpu = std::min(cpu + incident.cpu * h / 1024, std::max(cpu, incident.cap));
      memory = std::min(memory + incident.memory * h / 1024, std::max(memory, incident.cap));
      latency += incident.latency * h / 1024;
    }
  }

  record->life = 0;
  record->session = region;
  record->entity = static_cast<std::uint16_t>(i - model_.lane_players());
  record->action = Action::kServerMetric;
  record->flags = model_.VirtualServer(server) ? Record::kVirtual : 0;
  record->a = static_cast<std::uint8_t>(Clamp(cpu, 0, 100));
  record->b = static_cast<std::uint8_t>(Clamp(memory, 0, 100));
  record->c = static_cast<std::uint16_t>(Clamp(latency, 0, 60'000));
  lane.Insert(Entities(lane), i, model_.report_ticks);
}

// The original generator's world: every field uniform and afresh (reference/dataflow.md section 1).
void Lanes::SimulateCompat(Lane& lane, std::uint64_t number, Record* out,
                           std::uint32_t count) const {
  for (std::uint32_t n = 0; n < count; ++n) {
    const std::uint64_t k = lane.made + n;
    const std::uint64_t key = EntityKey(model_.seed_key, number);
    const std::uint64_t r = DrawAt(key, 3 * k, Purpose::kCompat);
    const std::uint64_t r2 = DrawAt(key, 3 * k + 1, Purpose::kCompat);
    const auto part = [&](unsigned shift, std::uint32_t bound) {
      return Below(static_cast<std::uint32_t>(r2 >> shift << 16), bound);
    };
    Record& record = out[n];
    record = Record{};
    const std::uint32_t kind = Below(static_cast<std::uint32_t>(r), 3);
    if (kind == 2) {
      record.entity = static_cast<std::uint16_t>(part(0, 3));
      record.action = Action::kServerMetric;
      record.a = static_cast<std::uint8_t>(20 + part(16, 81));
      record.b = static_cast<std::uint8_t>(30 + part(32, 61));
      record.c = static_cast<std::uint16_t>(50 + part(48, 251));
      continue;
    }
    const auto player =
        Below(static_cast<std::uint32_t>(r >> 32), static_cast<std::uint32_t>(model_.players()));
    record.entity = static_cast<std::uint16_t>(player);
    record.flags = static_cast<std::uint8_t>(part(0, 2));
    if (kind == 0) {
      constexpr Action kActions[] = {Action::kMove, Action::kInteraction, Action::kLevelComplete};
      record.action = kActions[part(16, 3)];
      record.a = static_cast<std::uint8_t>(1 + part(32, 3));
      record.b = static_cast<std::uint8_t>(1 + part(48, 3));
    } else {
      record.action = Action::kPurchase;
      record.a = static_cast<std::uint8_t>(part(16, 6));
      record.b = 0;  // USD
      const std::uint64_t r3 = DrawAt(key, 3 * k + 2, Purpose::kCompat);
      record.c = static_cast<std::uint16_t>(99 + Below(static_cast<std::uint32_t>(r3), 2'901));
      // There is one lane, so all of a player's purchases come by here in order.
      FraudState state{FraudStates(lane)[player]};
      const FraudAlert alert = state.Observe(0, (state.bits & 7) == 0);
      FraudStates(lane)[player] = state.bits;
      record.flags = static_cast<std::uint8_t>(record.flags | static_cast<unsigned>(alert)
                                                                  << Record::kAlertShift);
    }
  }
  lane.made += count;
}

}  // namespace playload
