#include "generator/encode/dataflow.h"

#include <doctest/doctest.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "generator/encode/number_text.h"
#include "generator/simulate/lanes.h"
#include "tests/support/world.h"

namespace playload {
namespace {

using Buffer = rapidjson::StringBuffer;
using Writer = rapidjson::Writer<Buffer>;

void Field(Writer& w, const char* name, const std::string& value) {
  w.Key(name);
  w.String(value.c_str(), static_cast<rapidjson::SizeType>(value.size()));
}

struct Naming {
  std::string prefix;
  bool extended = false;
  bool compat = false;
  std::vector<std::string> regions;
};

// The line as the contract (docs/profile-dataflow.md) reads, written with RapidJSON from the
// record's meaning; nothing of the encoder is used.
std::string Reference(const Model& model, const Naming& naming, const Record& r, std::uint64_t lane,
                      Position position, const std::string& time) {
  const std::string prefix = naming.prefix.empty() ? "" : naming.prefix + "_";
  const auto number = [&](std::uint32_t generation) {
    return std::to_string(generation * model.players() + lane * model.lane_players() + r.entity +
                          1);
  };
  const auto two = [](unsigned v) { return (v < 10 ? "0" : "") + std::to_string(v); };
  const std::string player = "player_" + prefix + number(r.life);
  Buffer buffer;
  Writer w(buffer);
  w.StartObject();
  if (r.action == Action::kServerMetric) {
    Field(w, "event_name", "server_metric");
    w.Key("parameters");
    w.StartObject();
    Field(w, "server_id",
          "server_" + std::to_string(lane * model.servers_per_lane() + r.entity + 1));
    w.Key("cpu_load");
    w.Uint(r.a);
    w.Key("memory_usage");
    w.Uint(r.b);
    w.Key("latency");
    w.Uint(r.c);
    w.EndObject();
    Field(w, "event_timestamp", time);
    w.Key("server_data");
    w.StartObject();
    Field(w, "region", naming.regions[r.session]);
    Field(w, "server_type", r.flags & 1 ? "virtual" : "dedicated");
    w.EndObject();
    w.EndObject();
    return buffer.GetString();
  }
  if (KindOf(r.action) == Kind::kPurchase) {
    Field(w, "event_name", "transaction");
    w.Key("parameters");
    w.StartObject();
    Field(w, "transaction_id", "trans_" + prefix + std::to_string(position + 1));
    Field(w, "transaction_type", r.action == Action::kRefund ? "refund" : "purchase");
    Field(w, "currency", std::string(kCurrencyTable[r.b].code));
    std::uint32_t minor = 0;
    std::string item;
    std::string type;
    if (naming.compat) {
      static const char* const kItemsOfOriginal[] = {"sword", "shield",      "potion",
                                                     "armor", "skin_dragon", "skin_phoenix"};
      minor = r.c;
      item = kItemsOfOriginal[r.a];
      type = "skin";
    } else {
      minor = kPrices[kCatalog[r.a].tier][r.b];
      item = kCatalog[r.a].id;
      type = kItemTypeNames[static_cast<unsigned>(kCatalog[r.a].type)];
    }
    double amount = minor;
    for (int i = 0; i < kCurrencyTable[r.b].decimals; ++i) amount /= 10;
    // RapidJSON's shortest form of the nearest double, without the ".0" of whole numbers.
    Buffer amount_text;
    Writer amount_writer(amount_text);
    amount_writer.Double(std::stod(std::to_string(amount)));
    std::string text = amount_text.GetString();
    if (text.size() > 2 && text.substr(text.size() - 2) == ".0") text.resize(text.size() - 2);
    w.Key("amount");
    w.RawValue(text.c_str(), text.size(), rapidjson::kNumberType);
    Field(w, "item_id", item);
    Field(w, "item_type", type);
    w.EndObject();
  } else {
    Field(w, "event_name", "player_action");
    w.Key("parameters");
    w.StartObject();
    Field(w, "player_id", player);
    Field(w, "session_id",
          "session_" + prefix + (naming.compat ? std::to_string(position + 1) : number(r.session)));
    static const char* const kNames[] = {"move",           "interaction",   "level_start",
                                         "level_complete", "session_start", "session_end"};
    const auto action = static_cast<unsigned>(r.action);
    const bool plain = action < 2 || action == 3;
    Field(w, "event_type", naming.extended || plain ? kNames[action] : "interaction");
    Field(w, "level_id", "level_" + two(r.a));
    Field(w, "map_id", "map_" + two(r.b));
    w.EndObject();
  }
  Field(w, "event_timestamp", time);
  w.Key("user_data");
  w.StartObject();
  Field(w, "user_id", player);
  Field(w, "platform", r.flags & 1 ? "Console" : "PC");
  w.EndObject();
  w.EndObject();
  return buffer.GetString();
}

struct Case {
  Scenario scenario;
  Naming naming;
  TimestampForm form = TimestampForm::kSeconds;
  std::uint32_t per_lane = 0;
  bool by_kind = false;
};

void CheckCase(Case c) {
  const Model model(c.scenario, 99);
  const Plan plan(c.scenario.plan);
  const std::int64_t start = 1'767'225'599'900'000'000;
  for (const Region& region : c.scenario.servers.regions) c.naming.regions.push_back(region.name);
  const DataflowEncoder encoder(model, {c.naming.extended, c.naming.prefix, c.naming.regions});
  Lanes lanes(model);
  TimestampCursor time(plan, start, c.form);
  std::vector<Record> records(kRunLength);
  std::vector<std::vector<char>> buffers(3, std::vector<char>(kRunLength * kMaxLine + kSlack));
  std::vector<EventRef> refs(kRunLength);
  std::uint64_t checked = 0;
  for (std::uint64_t lane = 0; lane < model.lanes(); ++lane) {
    for (std::uint32_t made = 0; made < c.per_lane; made += kRunLength) {
      lanes.Simulate(lane, records.data(), kRunLength);
      const Position first = (made / kRunLength * model.lanes() + lane) * kRunLength;
      DataflowEncoder::Output out{};
      for (unsigned k = 0; k < 3; ++k) out.begin[k] = out.end[k] = buffers[k].data();
      out.events = refs.data();
      encoder.EncodeRun(records.data(), kRunLength, lane, first, time, c.by_kind, &out);
      for (std::uint32_t n = 0; n < kRunLength; ++n) {
        char text[32];
        const int length = RenderTimestamp(start + plan.PlannedAt(first + n), c.form, text);
        const std::string expected = Reference(model, c.naming, records[n], lane, first + n,
                                               std::string(text, static_cast<std::size_t>(length)));
        const EventRef& ref = refs[n];
        REQUIRE(ref.kind == KindOf(records[n].action));
        const char* line =
            buffers[c.by_kind ? static_cast<unsigned>(ref.kind) : 0].data() + ref.begin;
        const std::string got(line, ref.length);
        REQUIRE(got == expected + "\n");
        REQUIRE(got.size() <= kMaxLine);
        const std::string key = got.substr(ref.key_begin, ref.key_length);
        const char* id = ref.kind == Kind::kServer                        ? "server_"
                         : ref.kind == Kind::kPurchase && c.naming.compat ? "trans_"
                                                                          : "player_";
        REQUIRE(key.rfind(id, 0) == 0);
        REQUIRE(got.find('"' + key + '"') == ref.key_begin - 1u);
        if (ref.kind == Kind::kPlayer) REQUIRE(got.find("\"user_id\":\"" + key + '"') != got.npos);
        ++checked;
      }
    }
  }
  CHECK(checked == model.lanes() * c.per_lane);
}

const std::vector<std::string> kOrdinary = {"newcomer", "casual", "regular", "grinder",
                                            "social",   "whale",  "bot",     "fraudster"};

Scenario EveryCurrency(std::uint64_t players) {
  Scenario world = test::World(players, kOrdinary);
  world.population.currencies.clear();
  for (int c = 0; c < kCurrencies; ++c) {
    world.population.currencies.push_back({c, kProbabilityOne / kCurrencies});
  }
  world.population.life_sessions = 6;
  return world;
}

TEST_CASE("DataflowEncoder: equal to RapidJSON's Writer over two million events") {
  CheckCase({EveryCurrency(2'000), {}, TimestampForm::kSeconds, 128'000});
}

TEST_CASE("DataflowEncoder: the same with prefix, extended types, finer timestamps, by kind") {
  CheckCase(
      {EveryCurrency(3'000), {"load-7", true, false, {}}, TimestampForm::kMillis, 16'000, true});
  CheckCase({EveryCurrency(300),
             {std::string(32, 'x'), false, false, {}},
             TimestampForm::kMicros,
             16'000});
  CheckCase({EveryCurrency(70), {}, TimestampForm::kNaiveMicros, 16'000, true});
}

TEST_CASE("DataflowEncoder: the same for large populations, whose numbers are long") {
  Scenario world = EveryCurrency(200'000);
  world.population.life_sessions = 1.5;
  CheckCase({world, {}, TimestampForm::kSeconds, 1'600});
}

TEST_CASE("DataflowEncoder: the same under compat") {
  Scenario compat = EveryCurrency(99);
  compat.compat = true;
  Naming naming;
  naming.compat = true;
  CheckCase({compat, naming, TimestampForm::kNaiveMicros, 160'000});
}

TEST_CASE("NumberText: every length, and what to_string says") {
  const auto text = [](std::uint64_t v) {
    char out[40];
    return std::string(out, static_cast<std::size_t>(NumberText(v).Write(out) - out));
  };
  std::uint64_t v = 1;
  for (int digits = 1; digits <= 19; ++digits, v *= 10) {
    for (const std::uint64_t n : {v - 1, v, v + 1, v * 5 + 7, v * 9}) {
      CHECK(text(n) == std::to_string(n));
    }
  }
  for (std::uint64_t n = 0; n < 100'000'000; n += 9'973) REQUIRE(text(n) == std::to_string(n));
}

TEST_CASE("EightDigitsOfTwo: what EightDigits says of each") {
  const auto check = [](std::uint32_t v, std::uint32_t w) {
    Digits of_v;
    Digits of_w;
    EightDigitsOfTwo(v, w, &of_v, &of_w);
    REQUIRE(of_v.values == EightDigits(v).values);
    REQUIRE(of_w.values == EightDigits(w).values);
  };
  // Every four digits in every place.
  for (std::uint32_t four = 0; four < 10'000; ++four) {
    check(four, 99'999'999 - four);
    check(four * 10'000 + 9'999 - four, four * 10'001);
  }
}

TEST_CASE("AmountText: shortest decimal of minor units") {
  CHECK(AmountText(499, 2) == "4.99");
  CHECK(AmountText(1920, 2) == "19.2");
  CHECK(AmountText(500, 2) == "5");
  CHECK(AmountText(5, 2) == "0.05");
  CHECK(AmountText(300, 3) == "0.3");
  CHECK(AmountText(1, 3) == "0.001");
  CHECK(AmountText(12000, 0) == "12000");
  CHECK(AmountText(0, 2) == "0");
}

}  // namespace
}  // namespace playload
