// Data faults: what was done to an event on its way, as its record says it. docs/faults.md says
// what they are; generator/simulate/fault_lane.h makes them.
//
// A record that a fault has touched has one of the three faulty actions. Sixteen bits of it hold
// the fault:
//   0-1    what became of the event: nothing, a repetition, late, corrupt (What)
//   2-5    repeated: how many events of the lane ago, less one; late: index of the incident;
//          corrupt: Corruption
//   6-15   a repetition: the same six bits of the event that it repeats; else the kinds, plus one,
//          of up to five events that were lost just before it, two bits each, the latest lowest
// and of a server's record sixteen more: a bit for each incident that shifts its clock.
//
// Threads, ownership: value types, pure functions.

#pragma once

#include <array>
#include <cstdint>

#include "generator/event/record.h"

namespace playload {

// What a scenario can ask for.
enum class FaultKind : std::uint8_t { kDuplicate, kLate, kDrop, kCorrupt, kClockSkew };
inline constexpr int kFaultKinds = 5;
inline constexpr std::array<const char*, kFaultKinds> kFaultKindNames = {
    "duplicate", "late", "drop", "corrupt", "clock-skew"};

// What a timeline calls the kinds of events, by Kind.
inline constexpr std::array<const char*, kKinds> kFaultedEvents = {"player", "purchase", "server"};

enum class Corruption : std::uint8_t {
  kCutOff,
  kWrongType,
  kMissingField,
  kUnknownField,
  kBadUtf8,
  kSchemaVersion
};
inline constexpr int kCorruptions = 6;
inline constexpr std::array<const char*, kCorruptions> kCorruptionNames = {
    "cut-off", "wrong-type", "missing-field", "unknown-field", "bad-utf8", "schema-version"};

// What is counted and told of each event: the kinds, with each corruption by its own name.
inline constexpr int kFaultLabels = 4 + kCorruptions;
enum class FaultLabel : std::uint8_t { kDuplicate, kLate, kDrop, kClockSkew, kFirstCorruption };
inline constexpr std::array<const char*, kFaultLabels> kFaultLabelNames = {
    "duplicate",  "late",          "drop",          "clock-skew", "cut-off",
    "wrong-type", "missing-field", "unknown-field", "bad-utf8",   "schema-version"};
constexpr FaultLabel LabelOf(Corruption how) {
  return static_cast<FaultLabel>(static_cast<unsigned>(FaultLabel::kFirstCorruption) +
                                 static_cast<unsigned>(how));
}

// A repetition is of one of so many events of its lane.
inline constexpr unsigned kMostDistance = 16;
// Events lost in a row, in one lane.
inline constexpr unsigned kMostDrops = 5;

struct Fault {
  enum class What : std::uint8_t { kNothing, kDuplicate, kLate, kCorrupt };

  unsigned distance = 0;       // 0: no repetition; else of which event, in events of the lane
  What what = What::kNothing;  // of the event, or of the one that it repeats: late, corrupt or not
  unsigned detail = 0;         // late: incident; corrupt: Corruption
  std::array<std::uint32_t, 3> lost{};  // events lost just before it, by Kind
  std::uint32_t skews = 0;              // bit i: incident i shifts the server's clock

  [[nodiscard]] bool duplicate() const { return distance > 0; }
  [[nodiscard]] bool late() const { return what == What::kLate; }
  [[nodiscard]] bool corrupt() const { return what == What::kCorrupt; }
  [[nodiscard]] Corruption how() const { return static_cast<Corruption>(detail); }
  // Whether the event is valid input by the contract: fields too many are dropped.
  [[nodiscard]] bool valid() const { return !corrupt() || how() == Corruption::kUnknownField; }
};

constexpr bool IsFaulty(const Record& record) { return record.action > Action::kServerMetric; }

constexpr std::uint32_t FaultBits(const Record& record) {
  return record.action == Action::kFaultyServer ? record.life : record.c;
}

// REQUIRES: IsFaulty(record).
inline Fault FaultOf(const Record& record) {
  const std::uint32_t bits = FaultBits(record);
  Fault fault;
  fault.what = static_cast<Fault::What>(bits & 3);
  fault.detail = bits >> 2 & 15;
  if (fault.what == Fault::What::kDuplicate) {
    fault.distance = fault.detail + 1;
    fault.what = static_cast<Fault::What>(bits >> 6 & 3);
    fault.detail = bits >> 8 & 15;
  } else {
    for (std::uint32_t lost = bits >> 6 & 0x3FF; lost != 0; lost >>= 2) {
      ++fault.lost[(lost & 3) - 1];
    }
  }
  if (record.action == Action::kFaultyServer) fault.skews = bits >> 16;
  return fault;
}

// The event as it was before the fault.
inline Record PlainOf(Record record) {
  if (!IsFaulty(record)) return record;
  if (record.action == Action::kFaultyServer) {
    record.action = Action::kServerMetric;
    record.life = 0;
    return record;
  }
  record.action = static_cast<Action>(record.flags >> Record::kActionShift & 7);
  record.flags = static_cast<std::uint8_t>(record.flags & ((1u << Record::kActionShift) - 1));
  record.c = 0;
  return record;
}

// `plain` with a fault of these bits; the upper sixteen are those of the skews. REQUIRES: plain.
inline Record WithFault(Record plain, std::uint32_t bits) {
  if (plain.action == Action::kServerMetric) {
    plain.action = Action::kFaultyServer;
    plain.life = bits;
    return plain;
  }
  plain.flags = static_cast<std::uint8_t>(plain.flags | static_cast<unsigned>(plain.action)
                                                            << Record::kActionShift);
  plain.action =
      KindOf(plain.action) == Kind::kPlayer ? Action::kFaultyPlayer : Action::kFaultyPurchase;
  plain.c = static_cast<std::uint16_t>(bits);
  return plain;
}

// The record of the event that a pipeline makes of a valid one: a field too many is gone.
inline Record WithoutCorruption(const Record& record) {
  if (!IsFaulty(record)) return record;
  std::uint32_t bits = FaultBits(record);
  const auto corrupt = static_cast<std::uint32_t>(Fault::What::kCorrupt);
  if ((bits & 3) == corrupt) bits &= ~std::uint32_t{0x3F};
  if ((bits & 3) == static_cast<std::uint32_t>(Fault::What::kDuplicate) &&
      (bits >> 6 & 3) == corrupt) {
    bits &= ~std::uint32_t{0xFC0};
  }
  return WithFault(PlainOf(record), bits);
}

// The fault in sixteen bits, for the index of a batch: bit 0 a repetition, 1 late, 2 skewed,
// 3 something was lost before it, 4 whether it is invalid, 5 a field too many.
struct FaultMark {
  static constexpr unsigned kDuplicate = 1, kLate = 2, kSkewed = 4, kAfterLoss = 8, kInvalid = 16,
                            kUnknownField = 32;
};

inline std::uint16_t MarkOf(const Fault& fault) {
  unsigned mark = 0;
  if (fault.duplicate()) mark |= FaultMark::kDuplicate;
  if (fault.late()) mark |= FaultMark::kLate;
  if (fault.skews != 0) mark |= FaultMark::kSkewed;
  if (fault.lost[0] + fault.lost[1] + fault.lost[2] > 0) mark |= FaultMark::kAfterLoss;
  if (!fault.valid()) mark |= FaultMark::kInvalid;
  if (fault.corrupt() && fault.valid()) mark |= FaultMark::kUnknownField;
  return static_cast<std::uint16_t>(mark);
}

}  // namespace playload
