// Record: one simulated action in 16 bytes, all that an encoder needs beside the scenario. The
// simulation writes records, oracle and encoders read them; neither knows the other.
//
// Threads, ownership: a value type.

#pragma once

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

  static constexpr std::uint8_t kConsole = 1;  // player on Console, else PC
  static constexpr std::uint8_t kVirtual = 1;  // server of type virtual, else dedicated
  static constexpr unsigned kAlertShift = 1;   // two bits: what the fraud rule answers (FraudAlert)
};
static_assert(sizeof(Record) == 16);

constexpr Kind KindOf(Action action) {
  return action < Action::kPurchase        ? Kind::kPlayer
         : action != Action::kServerMetric ? Kind::kPurchase
                                           : Kind::kServer;
}

}  // namespace playload
