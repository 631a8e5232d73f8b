#include "generator/encode/dataflow.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string_view>
#include <utility>

#include "generator/encode/damage.h"
#include "generator/encode/number_text.h"
#include "generator/event/fault.h"

namespace playload {
namespace {

// The original's shop (compat): six items, all of type skin, whatever they are called.
constexpr std::string_view kCompatItems[] = {"sword", "shield",      "potion",
                                             "armor", "skin_dragon", "skin_phoenix"};

template <std::size_t N>
char* Put(char* o, const char (&text)[N]) {
  std::memcpy(o, text, N - 1);
  return o + (N - 1);
}

char* Put(char* o, std::string_view text) {
  std::memcpy(o, text.data(), text.size());
  return o + text.size();
}

// 32 bytes: one move each way where the function that this is inlined into may use AVX2, else two.
using Move32 [[gnu::vector_size(32), gnu::aligned(1), gnu::may_alias]] = char;

template <std::size_t kBytes>
[[gnu::always_inline]] inline void Copy(char* to, const char* from) {
  if constexpr (kBytes >= 32) {
    for (std::size_t i = 0; i < kBytes; i += 32) {
      *reinterpret_cast<Move32*>(to + i) = *reinterpret_cast<const Move32*>(from + i);
    }
  } else {
    std::memcpy(to, from, kBytes);
  }
}

template <typename Fragment>
[[gnu::always_inline]] inline char* PutFragment(char* o, const Fragment& fragment) {
  Copy<sizeof(Fragment)>(o, fragment.text);
  return o + fragment.length;
}

char* PutTime(char* o, const TimestampCursor& time) {
  std::memcpy(o, time.text(), 32);
  return o + time.length();
}

template <typename Fragment>
void SetFragment(Fragment& fragment, std::string_view text) {
  assert(text.size() <= sizeof(fragment.text));
  std::memcpy(fragment.text, text.data(), text.size());
  fragment.length = static_cast<std::uint32_t>(text.size());
}

// Parts of a player event's line whose length is known; each is copied with what follows it here.
constexpr char kPlayerHead[65] =
    "{\"event_name\":\"player_action\",\"parameters\":{\"player_id\":\"player_";
constexpr std::uint32_t kPlayerHeadLength =
    sizeof("{\"event_name\":\"player_action\",\"parameters\":{\"player_id\":\"player_") - 1;
constexpr std::uint32_t kPlayerKeyBegin = kPlayerHeadLength - 7;
constexpr char kSession[33] = "\",\"session_id\":\"session_";
constexpr std::uint32_t kSessionLength = sizeof("\",\"session_id\":\"session_") - 1;
constexpr char kUser[] = "\",\"user_data\":{\"user_id\":\"player_";
constexpr std::string_view kPlatformTexts[] = {"\",\"platform\":\"PC\"}}\n",
                                               "\",\"platform\":\"Console\"}}\n"};

}  // namespace

std::string AmountText(std::uint32_t minor_units, unsigned decimals) {
  std::uint32_t unit = 1;
  for (unsigned i = 0; i < decimals; ++i) unit *= 10;
  std::string text = std::to_string(minor_units / unit);
  std::string fraction = std::to_string(minor_units % unit);
  fraction.insert(0, decimals - std::min<std::size_t>(decimals, fraction.size()), '0');
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  if (decimals > 0 && !fraction.empty()) text += "." + fraction;
  return text;
}

DataflowEncoder::DataflowEncoder(const Model& model, Options options)
    : players_(model.players()),
      lane_players_(model.lane_players()),
      servers_per_lane_(model.servers_per_lane()),
      compat_(model.compat),
      regions_(std::move(options.regions)),
      faults_(model.faults) {
  // In the strict form the actions that the document does not name are interactions: the same
  // events at the same positions, under the nearest of the three names.
  const bool extended = options.extended_types;
  const std::string_view actions[] = {"move",
                                      "interaction",
                                      extended ? "level_start" : "interaction",
                                      "level_complete",
                                      extended ? "session_start" : "interaction",
                                      extended ? "session_end" : "interaction"};
  for (unsigned i = 0; i < actions_.size(); ++i) {
    SetFragment(actions_[i],
                "\",\"event_type\":\"" + std::string(actions[i]) + "\",\"level_id\":\"level_");
  }
  for (unsigned i = 0; i < levels_.size(); ++i) {
    const std::string digits = (i < 10 ? "0" : "") + std::to_string(i);  // at least two
    SetFragment(levels_[i], digits + "\",\"map_id\":\"map_");
    SetFragment(maps_[i], digits + "\"},\"event_timestamp\":\"");
  }
  for (unsigned i = 0; i < platforms_.size(); ++i) SetFragment(platforms_[i], kPlatformTexts[i]);
  for (unsigned item = 0; item < kItems; ++item) {
    for (unsigned c = 0; c < kCurrencies; ++c) {
      SetFragment(amounts_[item][c],
                  AmountText(kPrices[kCatalog[item].tier][c], kCurrencyTable[c].decimals));
    }
  }
  assert(options.id_prefix.size() <= 32);
  if (!options.id_prefix.empty()) {
    const std::string prefix = options.id_prefix + "_";
    std::memcpy(prefix_, prefix.data(), prefix.size());
    prefix_length_ = static_cast<std::uint32_t>(prefix.size());
  }
  prefix_length_ == 0 ? Choose<false>() : Choose<true>();
}

template <bool kPrefixed>
void DataflowEncoder::Choose() {
  encode_[0][0] = &DataflowEncoder::Run<false, false, kPrefixed>;
  encode_[0][1] = &DataflowEncoder::Run<false, true, kPrefixed>;
  encode_[1][0] = &DataflowEncoder::Run<true, false, kPrefixed>;
  encode_[1][1] = &DataflowEncoder::Run<true, true, kPrefixed>;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) {
    encode_[0][0] = &DataflowEncoder::RunWide<false, false, kPrefixed>;
    encode_[0][1] = &DataflowEncoder::RunWide<false, true, kPrefixed>;
    encode_[1][0] = &DataflowEncoder::RunWide<true, false, kPrefixed>;
    encode_[1][1] = &DataflowEncoder::RunWide<true, true, kPrefixed>;
  }
#endif
}

template <bool kPrefixed>
char* DataflowEncoder::PutPrefix(char* o) const {
  if constexpr (kPrefixed) {
    std::memcpy(o, prefix_, 48);
    o += prefix_length_;
  }
  return o;
}

// The same code twice: for any processor, and in moves of 32 bytes for those that have them (x86-64
// with AVX2). The bytes are the same.
template <bool kByKind, bool kIndex, bool kPrefixed>
void DataflowEncoder::Run(const Record* records, std::uint32_t count, std::uint64_t lane,
                          Position first, TimestampCursor& time, Output* out) const {
  Lines<kByKind, kIndex, kPrefixed>(records, count, lane, first, time, out);
}

#if defined(__x86_64__)
template <bool kByKind, bool kIndex, bool kPrefixed>
[[gnu::target("avx2")]] void DataflowEncoder::RunWide(const Record* records, std::uint32_t count,
                                                      std::uint64_t lane, Position first,
                                                      TimestampCursor& time, Output* out) const {
  Lines<kByKind, kIndex, kPrefixed>(records, count, lane, first, time, out);
}
#endif

template <bool kByKind, bool kIndex, bool kPrefixed>
[[gnu::always_inline]] inline void DataflowEncoder::Lines(const Record* records,
                                                          std::uint32_t count, std::uint64_t lane,
                                                          Position first, TimestampCursor& time,
                                                          Output* out) const {
  constexpr unsigned kServerBuffer = kByKind ? static_cast<unsigned>(Kind::kServer) : 0;
  constexpr unsigned kPurchaseBuffer = kByKind ? static_cast<unsigned>(Kind::kPurchase) : 0;
  // The write pointer lives in a register; those of the rare kinds stay in memory.
  char* o = out->end[0];
  EventRef* refs = out->events;
  const std::uint64_t place = lane * lane_players_ + 1;
  std::uint32_t rare = 0;
  Position held = first;  // the timestamp's text is right up to here
  Fragment<64> user;      // the timestamp, to the player's number
  for (std::uint32_t n = 0; n < count; ++n) {
    const Record& e = records[n];
    if (first + n >= held) [[unlikely]] {
      time.MoveTo(first + n);
      held = time.holds_until();
      std::memcpy(user.text, time.text(), 32);
      std::memcpy(user.text + time.length(), kUser, sizeof(kUser) - 1);
      user.length = static_cast<std::uint32_t>(time.length()) + sizeof(kUser) - 1;
    }
    if (e.action >= Action::kPurchase) [[unlikely]] {
      ++rare;
      EventRef ref{};
      if constexpr (!kByKind) out->end[0] = o;
      if (e.action > Action::kServerMetric) [[unlikely]] {
        if constexpr (kByKind) out->end[0] = o;
        const Kind kind = KindOf(e.action);
        const unsigned buffer = kByKind ? static_cast<unsigned>(kind) : 0;
        char* const line = out->end[buffer];
        out->end[buffer] = Faulty(line, e, lane, first + n, time, &ref);
        if constexpr (kIndex) {
          ref.begin = static_cast<std::uint32_t>(line - out->begin[buffer]);
          *refs++ = ref;
        }
        ++out->kinds[static_cast<unsigned>(kind)];
        o = out->end[0];
        continue;
      }
      const bool server = e.action == Action::kServerMetric;
      char*& end = out->end[server ? kServerBuffer : kPurchaseBuffer];
      char* const line = end;
      end = server ? Server(line, e, lane, time, &ref)
                   : Purchase<kPrefixed>(line, e, e.life * players_ + place + e.entity, first + n,
                                         time, &ref);
      if constexpr (kIndex) {
        ref.begin =
            static_cast<std::uint32_t>(line - out->begin[server ? kServerBuffer : kPurchaseBuffer]);
        ref.length = static_cast<std::uint16_t>(end - line);
        *refs++ = ref;
      }
      ++out->kinds[static_cast<unsigned>(server ? Kind::kServer : Kind::kPurchase)];
      if constexpr (!kByKind) o = out->end[0];
      continue;
    }
    const std::uint64_t player = e.life * players_ + place + e.entity;
    const std::uint64_t session = compat_ ? first + n + 1 : e.session * players_ + place + e.entity;
    char* const line = o;
    char* key_end = nullptr;
    if (std::max(player, session) < kEightDigits) [[likely]] {
      Digits of_player;
      Digits of_session;
      EightDigitsOfTwo(static_cast<std::uint32_t>(player), static_cast<std::uint32_t>(session),
                       &of_player, &of_session);
      o = Player<kPrefixed>(o, e, ShortNumber(of_player), ShortNumber(of_session), user, &key_end);
    } else {
      o = Player<kPrefixed>(o, e, NumberText(player), NumberText(session), user, &key_end);
    }
    if constexpr (kIndex) {
      refs->begin = static_cast<std::uint32_t>(line - out->begin[0]);
      refs->key_begin = kPlayerKeyBegin;
      refs->key_length = static_cast<std::uint8_t>(key_end - line - kPlayerKeyBegin);
      refs->kind = Kind::kPlayer;
      refs->fault = 0;
      refs->length = static_cast<std::uint16_t>(o - line);
      ++refs;
    }
  }
  out->end[0] = o;
  out->kinds[static_cast<unsigned>(Kind::kPlayer)] += count - rare;
  if constexpr (kIndex) out->events = refs;
}

// `user`: the timestamp, to the player's number. `key_end`: of the player's id.
template <bool kPrefixed, typename Number>
[[gnu::always_inline]] inline char* DataflowEncoder::Player(char* o, const Record& e,
                                                            const Number& player,
                                                            const Number& session,
                                                            const Fragment<64>& user,
                                                            char** key_end) const {
  Copy<64>(o, kPlayerHead);
  o += kPlayerHeadLength;
  o = PutPrefix<kPrefixed>(o);
  o = player.Write(o);
  *key_end = o;
  Copy<32>(o, kSession);
  o += kSessionLength;
  o = PutPrefix<kPrefixed>(o);
  o = session.Write(o);
  o = PutFragment(o, actions_[static_cast<unsigned>(e.action)]);
  o = PutFragment(o, levels_[e.a]);
  o = PutFragment(o, maps_[e.b]);
  o = PutFragment(o, user);
  o = PutPrefix<kPrefixed>(o);
  o = player.Write(o);
  return PutFragment(o, platforms_[e.flags & Record::kConsole]);
}

template <bool kPrefixed>
char* DataflowEncoder::Purchase(char* o, const Record& e, std::uint64_t player, Position position,
                                const TimestampCursor& time, EventRef* ref) const {
  char* const line = o;
  ref->kind = Kind::kPurchase;
  const auto key = [&](const char* begin, const char* end) {
    ref->key_begin = static_cast<std::uint16_t>(begin - line);
    ref->key_length = static_cast<std::uint8_t>(end - begin);
  };
  o = Put(o, "{\"event_name\":\"transaction\",\"parameters\":{\"transaction_id\":\"");
  const char* transaction = o;
  o = Put(o, "trans_");
  o = PutPrefix<kPrefixed>(o);
  o = NumberText(position + 1).Write(o);  // a position occurs once in a run
  if (compat_) key(transaction, o);
  o = Put(o, "\",\"transaction_type\":\"");
  o = e.action == Action::kPurchase ? Put(o, "purchase") : Put(o, "refund");
  o = Put(o, "\",\"currency\":\"");
  o = Put(o, kCurrencyTable[e.b].code);
  o = Put(o, "\",\"amount\":");
  if (compat_) {
    o = Put(o, AmountText(e.c, 2));
    o = Put(o, ",\"item_id\":\"");
    o = Put(o, kCompatItems[e.a]);
    o = Put(o, "\",\"item_type\":\"skin");
  } else {
    o = PutFragment(o, amounts_[e.a][e.b]);
    o = Put(o, ",\"item_id\":\"");
    o = Put(o, kCatalog[e.a].id);
    o = Put(o, "\",\"item_type\":\"");
    o = Put(o, kItemTypeNames[static_cast<unsigned>(kCatalog[e.a].type)]);
  }
  o = Put(o, "\"},\"event_timestamp\":\"");
  o = PutTime(o, time);
  o = Put(o, "\",\"user_data\":{\"user_id\":\"");
  const char* user = o;
  o = Put(o, "player_");
  o = PutPrefix<kPrefixed>(o);
  o = NumberText(player).Write(o);
  if (!compat_) key(user, o);
  return PutFragment(o, platforms_[e.flags & Record::kConsole]);
}

char* DataflowEncoder::Server(char* o, const Record& e, std::uint64_t lane,
                              const TimestampCursor& time, EventRef* ref) const {
  char* const line = o;
  ref->kind = Kind::kServer;
  o = Put(o, "{\"event_name\":\"server_metric\",\"parameters\":{\"server_id\":\"");
  const char* server = o;
  o = Put(o, "server_");
  o = NumberText(ServerNumber(e, lane)).Write(o);
  ref->key_begin = static_cast<std::uint16_t>(server - line);
  ref->key_length = static_cast<std::uint8_t>(o - server);
  o = Put(o, "\",\"cpu_load\":");
  o = NumberText(e.a).Write(o);
  o = Put(o, ",\"memory_usage\":");
  o = NumberText(e.b).Write(o);
  o = Put(o, ",\"latency\":");
  o = NumberText(e.c).Write(o);
  o = Put(o, "},\"event_timestamp\":\"");
  o = PutTime(o, time);
  o = Put(o, "\",\"server_data\":{\"region\":\"");
  o = Put(o, regions_[e.session]);
  o = Put(o, "\",\"server_type\":\"");
  o = (e.flags & Record::kVirtual) != 0 ? Put(o, "virtual") : Put(o, "dedicated");
  return Put(o, "\"}}\n");
}

// Slow, and only here: none of this costs an ordinary event anything.
char* DataflowEncoder::Faulty(char* o, const Record& e, std::uint64_t lane, Position position,
                              const TimestampCursor& time, EventRef* ref) const {
  const Fault fault = FaultOf(e);
  const Record plain = PlainOf(e);
  // A repetition is what it repeats, to the last byte.
  const Position original = faults_.Before(position, fault.distance);
  const std::uint64_t index = faults_.IndexOf(original);
  std::int64_t instant = time.InstantOf(original);
  if (fault.late()) instant -= faults_.Delay(lane, index, fault.detail);
  if (fault.skews != 0) instant += faults_.Skew(ServerNumber(plain, lane) - 1, fault.skews);
  TimestampCursor own = time;
  own.Fix(std::max<std::int64_t>(instant, 0));

  char* const line = o;
  const std::uint64_t place = lane * lane_players_ + 1 + plain.entity;
  const std::uint64_t player = plain.life * players_ + place;
  switch (KindOf(plain.action)) {
    case Kind::kPlayer: {
      Fragment<64> user;  // as in Lines()
      std::memcpy(user.text, own.text(), 32);
      std::memcpy(user.text + own.length(), kUser, sizeof(kUser) - 1);
      user.length = static_cast<std::uint32_t>(own.length()) + sizeof(kUser) - 1;
      char* key_end = nullptr;
      o = Player<true>(o, plain, NumberText(player), NumberText(plain.session * players_ + place),
                       user, &key_end);
      ref->key_begin = kPlayerKeyBegin;
      ref->key_length = static_cast<std::uint8_t>(key_end - line - kPlayerKeyBegin);
      ref->kind = Kind::kPlayer;
      break;
    }
    case Kind::kPurchase:
      o = Purchase<true>(o, plain, player, original, own, ref);
      break;
    case Kind::kServer:
      o = Server(o, plain, lane, own, ref);
      break;
  }
  ref->length = static_cast<std::uint16_t>(o - line);
  ref->fault = MarkOf(fault);
  if (fault.corrupt()) DamageLine(fault.how(), faults_.DamageDraw(lane, index), line, ref);
  return line + ref->length;
}

}  // namespace playload
