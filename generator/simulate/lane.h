// What a lane consists of in memory; private to generator/simulate.
//
// Of 1,000 players some three are online at a time. What stays of a player between sessions is a
// Place of 12 bytes; who is online, about to be, or a server, is an Actor of 32 bytes. Actors stand
// densely behind the lane's head, so that what a lane needs at full speed is some 3 KiB of 8,192
// players, however large the population.
//
// The wheel has three levels. `slots`: 64 of 4 ticks each (half a second), holding actors; who has
// their turn in the same slot takes it last in, first out. `far[0..255]`: blocks of 64 slots,
// holding actors whose turn is far away, and places. `far[256..511]`: eras of 256 blocks, holding
// places only. An actor knows its instant to the tick. A place knows none: in which slot of its
// block, and in which block of its era, its next session begins, is drawn when the time for that
// comes. Lists are intrusive.
//
// Threads: plain data, owned by whoever simulates the lane.

#pragma once

#include <cstddef>
#include <cstdint>

#include "generator/oracle/fraud_rule.h"

namespace playload {

inline constexpr unsigned kSlotShift = 2;  // ticks to slots
inline constexpr std::uint32_t kSlots = 64;
inline constexpr unsigned kBlockShift = kSlotShift + 6;  // ticks to blocks
inline constexpr std::uint32_t kBlocks = 256;
inline constexpr unsigned kEraShift = kBlockShift + 8;  // ticks to eras
inline constexpr std::uint32_t kEras = 256;

// What is kept of a player, 32 bits.
struct Traits {
  std::uint32_t persona : 5;
  std::uint32_t console : 1;
  std::uint32_t refundable : 1;  // the latest purchase is not refunded yet
  std::uint32_t item : 5;        // the latest purchase: catalog item
  std::uint32_t currency : 4;    // and currency
  std::uint32_t skins : 3;       // kept items owned, in the player's own order
  std::uint32_t weapons : 3;
  std::uint32_t leaves : 1;   // for good: a new player begins the next session
  std::uint32_t episode : 1;  // part of a fraud incident: leaves with this session
  std::uint32_t age : 8;      // sessions of this life before the present one
};

struct Place {
  std::uint32_t session;  // sessions begun here, less one; 2^32 - 1 before the first
  Traits traits;
  std::uint8_t level : 6;  // from 1; while somebody is online the actor's counts
  std::uint8_t map : 2;    // which of the level's maps
  FraudState fraud;
  std::uint16_t next;  // in the same list: number, 0 at the end
};
static_assert(sizeof(Place) == 12);

// Flags of Actor::row, beside persona * 16 + state.
inline constexpr std::uint16_t kRowMask = 0x01FF;
inline constexpr std::uint16_t kStateMask = 0x000F;
inline constexpr std::uint16_t kServerActor = 0x1000;
inline constexpr std::uint16_t kBegins = 0x2000;    // a session with the next turn
inline constexpr std::uint16_t kScripted = 0x4000;  // follows a probe's script
inline constexpr std::uint16_t kRareTurn = kServerActor | kBegins | kScripted;

struct Actor {
  union {
    struct {
      std::uint32_t life;  // as in Record
      std::uint32_t session;
      std::uint64_t draw;  // state of the draws: DrawAt()'s sum for this session and step
    } player;
    struct {
      std::uint32_t life;
      std::uint32_t session;
      std::uint64_t step : 16;  // that is next: 0 the session's beginning, then the script's
      std::uint64_t due : 48;   // the lane's record that it will be, while it waits for its instant
    } scripted;
    struct {
      std::uint32_t step;
      std::uint32_t region;
      std::uint16_t online;  // players on it now
      std::uint8_t cpu_drift;
      std::uint8_t memory_drift;
      std::uint32_t script_step;  // that is next
    } server;
  };
  std::uint16_t entity;  // the place's or the server's index in the lane
  std::uint8_t zero;     // these four are a record's bytes 8 to 11, but for the action
  std::uint8_t flags;
  std::uint32_t until;  // low half of the tick of its turn
  std::uint16_t row;
  std::uint16_t next;  // in the same list: number, 0 at the end
  std::uint8_t level;
  std::uint8_t map;
  std::uint16_t script;  // index into Model::scripts; servers: index + 1, 0 while they follow none
};
static_assert(sizeof(Actor) == 32);

// The head of a lane; its actors follow it in memory: first the servers, then whoever is online.
// Numbers, in lists of `slots`: index of the actor + 1. In lists of `far`: index of the place + 1,
// or lane_players + 1 + index of the actor.
struct alignas(64) Lane {
  std::uint64_t made;           // records so far
  std::uint64_t slot;           // simulated now, in slots
  std::uint64_t occupied;       // bit i: slots[i] is not empty
  std::uint32_t high;           // actors in use or free, the first ones
  std::uint16_t free;           // actors to be used again: number
  std::uint16_t newcomers;      // places whose first session was begun or is in the wheel
  std::uint8_t fraud_turn[16];  // which of an incident's personas is next
  std::uint32_t fraud_sum[16];  // share of sessions taken, accumulated; an overflow takes one
  std::uint32_t probe_sum[4];   // the same of probes; of one with a rate: scripts begun
  std::uint16_t probe_turn[4];  // which of a probe's scripts is next; not of one with a rate
  std::uint64_t due_made;       // record that the first of `due` is; kNoneDue
  std::uint16_t due;            // scripted actors that wait for an instant, by Actor::scripted.due
  std::uint16_t slots[kSlots];
  std::uint16_t far[kBlocks + kEras];

  static constexpr std::uint64_t kNoneDue = ~std::uint64_t{0};

  [[nodiscard]] Actor* actors() { return reinterpret_cast<Actor*>(this + 1); }
};

}  // namespace playload
