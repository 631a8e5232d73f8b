#include "generator/encode/dataflow.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string_view>
#include <utility>

#include "generator/encode/number_text.h"

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

// Copies 16 bytes and keeps `length` of them: a length known only at run time costs a call, this
// not.
template <typename Name>
char* PutName(char* o, const Name& name) {
  std::memcpy(o, name.text, 16);
  return o + name.length;
}

char* PutTime(char* o, const TimestampCursor& time) {
  std::memcpy(o, time.text(), 32);
  return o + time.length();
}

template <typename Name>
void SetName(Name& name, std::string_view text) {
  assert(text.size() <= 16);
  std::memcpy(name.text, text.data(), text.size());
  name.length = static_cast<std::uint32_t>(text.size());
}

char* PutPlatform(char* o, bool console) {
  return console ? Put(o, "\",\"platform\":\"Console\"}}\n") : Put(o, "\",\"platform\":\"PC\"}}\n");
}

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
      regions_(std::move(options.regions)) {
  // In the strict form the actions that the document does not name are interactions: the same
  // events at the same positions, under the nearest of the three names.
  const bool extended = options.extended_types;
  SetName(actions_[0], "move");
  SetName(actions_[1], "interaction");
  SetName(actions_[2], extended ? "level_start" : "interaction");
  SetName(actions_[3], "level_complete");
  SetName(actions_[4], extended ? "session_start" : "interaction");
  SetName(actions_[5], extended ? "session_end" : "interaction");
  for (unsigned i = 0; i < two_digits_.size(); ++i) {
    SetName(two_digits_[i], (i < 10 ? "0" : "") + std::to_string(i));
  }
  for (unsigned item = 0; item < kItems; ++item) {
    for (unsigned c = 0; c < kCurrencies; ++c) {
      SetName(amounts_[item][c],
              AmountText(kPrices[kCatalog[item].tier][c], kCurrencyTable[c].decimals));
    }
  }
  assert(options.id_prefix.size() <= 32);
  if (!options.id_prefix.empty()) {
    const std::string prefix = options.id_prefix + "_";
    std::memcpy(prefix_, prefix.data(), prefix.size());
    prefix_length_ = static_cast<std::uint32_t>(prefix.size());
  }
  if (prefix_length_ == 0) {
    encode_[0][0] = &DataflowEncoder::Run<false, false, false>;
    encode_[0][1] = &DataflowEncoder::Run<false, true, false>;
    encode_[1][0] = &DataflowEncoder::Run<true, false, false>;
    encode_[1][1] = &DataflowEncoder::Run<true, true, false>;
  } else {
    encode_[0][0] = &DataflowEncoder::Run<false, false, true>;
    encode_[0][1] = &DataflowEncoder::Run<false, true, true>;
    encode_[1][0] = &DataflowEncoder::Run<true, false, true>;
    encode_[1][1] = &DataflowEncoder::Run<true, true, true>;
  }
}

template <bool kPrefixed>
char* DataflowEncoder::PutPrefix(char* o) const {
  if constexpr (kPrefixed) {
    std::memcpy(o, prefix_, 48);
    o += prefix_length_;
  }
  return o;
}

template <bool kByKind, bool kIndex, bool kPrefixed>
void DataflowEncoder::Run(const Record* records, std::uint32_t count, std::uint64_t lane,
                          Position first, TimestampCursor& time, Output* out) const {
  constexpr unsigned kServerBuffer = kByKind ? static_cast<unsigned>(Kind::kServer) : 0;
  constexpr unsigned kPurchaseBuffer = kByKind ? static_cast<unsigned>(Kind::kPurchase) : 0;
  // The write pointer lives in a register; those of the rare kinds stay in memory.
  char* o = out->end[0];
  EventRef* refs = out->events;
  const std::uint64_t place = lane * lane_players_ + 1;
  std::uint32_t rare = 0;
  for (std::uint32_t n = 0; n < count; ++n) {
    const Record& e = records[n];
    time.MoveTo(first + n);
    if (e.action >= Action::kPurchase) [[unlikely]] {
      ++rare;
      EventRef ref{};
      if constexpr (!kByKind) out->end[0] = o;
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
    char* const line = o;
    o = Put(o, "{\"event_name\":\"player_action\",\"parameters\":{\"player_id\":\"player_");
    const NumberText player(e.life * players_ + place + e.entity);
    o = PutPrefix<kPrefixed>(o);
    o = player.Write(o);
    if constexpr (kIndex) {
      constexpr std::uint16_t kKeyBegin =
          sizeof("{\"event_name\":\"player_action\",\"parameters\":{\"player_id\":\"") - 1;
      refs->begin = static_cast<std::uint32_t>(line - out->begin[0]);
      refs->key_begin = kKeyBegin;
      refs->key_length = static_cast<std::uint8_t>(o - line - kKeyBegin);
      refs->kind = Kind::kPlayer;
      refs->unused = 0;
    }
    o = Put(o, "\",\"session_id\":\"session_");
    o = PutPrefix<kPrefixed>(o);
    o = NumberText(compat_ ? first + n + 1 : e.session * players_ + place + e.entity).Write(o);
    o = Put(o, "\",\"event_type\":\"");
    o = PutName(o, actions_[static_cast<unsigned>(e.action)]);
    o = Put(o, "\",\"level_id\":\"level_");
    o = PutName(o, two_digits_[e.a]);
    o = Put(o, "\",\"map_id\":\"map_");
    o = PutName(o, two_digits_[e.b]);
    o = Put(o, "\"},\"event_timestamp\":\"");
    o = PutTime(o, time);
    o = Put(o, "\",\"user_data\":{\"user_id\":\"player_");
    o = PutPrefix<kPrefixed>(o);
    o = player.Write(o);
    o = PutPlatform(o, (e.flags & Record::kConsole) != 0);
    if constexpr (kIndex) {
      refs->length = static_cast<std::uint16_t>(o - line);
      ++refs;
    }
  }
  out->end[0] = o;
  out->kinds[static_cast<unsigned>(Kind::kPlayer)] += count - rare;
  if constexpr (kIndex) out->events = refs;
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
    o = PutName(o, amounts_[e.a][e.b]);
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
  return PutPlatform(o, (e.flags & Record::kConsole) != 0);
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

}  // namespace playload
