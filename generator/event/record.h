// Record: one simulated action in 16 bytes, all that an encoder needs beside the scenario. The
// simulation writes records, oracle and encoders read them; neither knows the other.
//
// Threads, ownership: a value type.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace playload {

// A place in the plan, from 0, over the three kinds of events of the whole (unsharded) stream.
using Position = std::uint64_t;

// Consecutive positions that one lane fills before the next lane's turn: position n belongs to lane
// (n / kRunLength) % lanes. Part of the stream's definition: changing it changes every fingerprint.
inline constexpr std::uint32_t kRunLength = 16;

enum class Kind : std::uint8_t { kPlayer = 0, kPurchase = 1, kServer = 2 };
inline constexpr int kKinds = 3;

// What an action was. The first six are player events.
enum class Action : std::uint8_t {
  kMove = 0,
  kInteraction = 1,
  kLevelStart = 2,
  kLevelComplete = 3,
  kSessionStart = 4,
  kSessionEnd = 5,
  kPurchase = 6,
  kRefund = 7,
  kServerMetric = 8,
  // Those that a data fault has touched, by kind; fault.h says which, and what the action was.
  kFaultyPlayer = 9,
  kFaultyPurchase = 10,
  kFaultyServer = 11,
};

struct Record {
  // Player number = life * players + entity + 1, session number = session * players + entity + 1.
  // `life` is the session count of the place when its present player came: unlike for every player.
  std::uint32_t life;
  std::uint32_t session;  // server: its region
  std::uint16_t entity;   // the player's or server's index inside its lane
  Action action;
  std::uint8_t flags;  // kConsole or, for a server, kVirtual; purchases: also the fraud alert
  std::uint8_t a;      // player: level, from 1; purchase: catalog item; server: cpu_load, percent
  std::uint8_t b;      // player: map, from 1; purchase: currency; server: memory_usage, percent
  std::uint16_t c;     // server: latency, ms; purchase under `compat`: amount in minor units
  // Of a faulty one also: `c` of a player event or purchase, or `life` of a server's, holds the
  // fault, and `flags` the action of the former two.

  static constexpr std::uint8_t kConsole = 1;  // player on Console, else PC
  static constexpr std::uint8_t kVirtual = 1;  // server of type virtual, else dedicated
  static constexpr unsigned kAlertShift = 1;   // two bits: what the fraud rule answers (FraudAlert)
  static constexpr unsigned kActionShift = 3;  // three bits: the action of a faulty record
};
static_assert(sizeof(Record) == 16);

// By Action.
inline constexpr std::array<Kind, 12> kKindOfAction = {
    Kind::kPlayer,   Kind::kPlayer,   Kind::kPlayer, Kind::kPlayer, Kind::kPlayer,   Kind::kPlayer,
    Kind::kPurchase, Kind::kPurchase, Kind::kServer, Kind::kPlayer, Kind::kPurchase, Kind::kServer};

constexpr Kind KindOf(Action action) { return kKindOfAction[static_cast<std::size_t>(action)]; }

}  // namespace playload
