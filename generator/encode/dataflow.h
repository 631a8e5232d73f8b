// DataflowEncoder: records -> the lines of profile dataflow (docs/profile-dataflow.md), one event a
// line, compact JSON. Proven equal to RapidJSON's Writer, field by field, in tests/encode.
//
// Events that a data fault has touched get the line that the fault makes of them (docs/faults.md).
//
// Threads: constant after construction, shared by all workers; the Output belongs to one of them.
// Memory: none. The caller gives room for kMaxLine bytes per event in every buffer, plus kSlack.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "generator/event/catalog.h"
#include "generator/event/record.h"
#include "generator/pace/timestamps.h"
#include "generator/simulate/model.h"
#include "transports/batch.h"

namespace playload {

// Longest line: 330 bytes of fixed text and names (a scenario limits region names to 32), four ids
// of 19 digits, two to three prefixes of up to 32; a fault may add 24 (damage.h).
inline constexpr std::uint32_t kMaxLine = 576;
inline constexpr std::uint32_t kSlack = 64;  // written past the end of a line, then overwritten

class DataflowEncoder {
 public:
  struct Options {
    bool extended_types = false;
    std::string id_prefix;
    std::vector<std::string> regions;
  };

  // Where a batch's bytes go. With by_kind each kind has its own buffer, else all write to [0].
  struct Output {
    std::array<char*, kKinds> begin;
    std::array<char*, kKinds> end;
    EventRef* events;  // next index entry, or null
    std::array<std::uint32_t, kKinds> kinds;
  };

  DataflowEncoder(const Model& model, Options options);

  // Appends one run: `count` records of `lane` at positions first, first + 1, ...
  void EncodeRun(const Record* records, std::uint32_t count, std::uint64_t lane, Position first,
                 TimestampCursor& time, bool by_kind, Output* out) const {
    // In one step with the call g++ 12 with -fsanitize=bounds takes an index that was never set.
    const auto encode = encode_[by_kind ? 1 : 0][out->events != nullptr ? 1 : 0];
    (this->*encode)(records, count, lane, first, time, out);
  }

  // The numbers in the ids of an entity, as in the lines.
  [[nodiscard]] std::uint64_t PlayerNumber(const Record& record, std::uint64_t lane) const {
    return record.life * players_ + lane * lane_players_ + record.entity + 1;
  }
  [[nodiscard]] std::uint64_t ServerNumber(const Record& record, std::uint64_t lane) const {
    return lane * servers_per_lane_ + record.entity + 1;
  }

 private:
  using RunFunction = void (DataflowEncoder::*)(const Record*, std::uint32_t, std::uint64_t,
                                                Position, TimestampCursor&, Output*) const;
  // Text that is copied whole, so that its length, known at run time only, costs no call.
  template <std::size_t kWidth>
  struct Fragment {
    char text[kWidth - 4];
    std::uint32_t length;
  };

  template <bool kByKind, bool kIndex, bool kPrefixed>
  void Run(const Record* records, std::uint32_t count, std::uint64_t lane, Position first,
           TimestampCursor& time, Output* out) const;
  template <bool kByKind, bool kIndex, bool kPrefixed>
  void RunWide(const Record* records, std::uint32_t count, std::uint64_t lane, Position first,
               TimestampCursor& time, Output* out) const;
  template <bool kByKind, bool kIndex, bool kPrefixed>
  void Lines(const Record* records, std::uint32_t count, std::uint64_t lane, Position first,
             TimestampCursor& time, Output* out) const;
  template <bool kPrefixed>
  void Choose();
  template <bool kPrefixed>
  char* PutPrefix(char* o) const;
  template <bool kPrefixed, typename Number>
  char* Player(char* o, const Record& e, const Number& player, const Number& session,
               const Fragment<64>& user, char** key_end) const;
  template <bool kPrefixed>
  char* Purchase(char* o, const Record& e, std::uint64_t player, Position position,
                 const TimestampCursor& time, EventRef* ref) const;
  char* Server(char* o, const Record& e, std::uint64_t lane, const TimestampCursor& time,
               EventRef* ref) const;
  // The line of a record that a fault has touched.
  [[gnu::noinline]] char* Faulty(char* o, const Record& e, std::uint64_t lane, Position position,
                                 const TimestampCursor& time, EventRef* ref) const;

  std::uint64_t players_;
  std::uint64_t lane_players_;
  std::uint64_t servers_per_lane_;
  bool compat_;
  std::array<Fragment<64>, 6> actions_{};    // from behind the session's number to the level's
  std::array<Fragment<32>, 256> levels_{};   // the level's number, to the map's
  std::array<Fragment<32>, 256> maps_{};     // the map's number, to the timestamp
  std::array<Fragment<32>, 2> platforms_{};  // from behind the player's number to the end
  std::array<std::array<Fragment<16>, kCurrencies>, kItems> amounts_{};
  char prefix_[48] = {};  // with its '_'
  std::uint32_t prefix_length_ = 0;
  std::vector<std::string> regions_;
  FaultRules faults_;
  RunFunction encode_[2][2];
};

// The decimal of an amount of minor units in shortest form: 499 with 2 decimals -> "4.99", 500 ->
// "5".
std::string AmountText(std::uint32_t minor_units, unsigned decimals);

}  // namespace playload
