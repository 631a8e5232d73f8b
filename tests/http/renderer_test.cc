#include "transports/http/renderer.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/stream/cursor.h"
#include "generator/stream/stream.h"
#include "tests/support/world.h"
#include "transports/deliveries.h"

namespace playload {
namespace {

constexpr const char* kNames[] = {"player", "purchase", "server"};

// An event as the stream has it.
struct Event {
  Kind kind;
  Position position;
  std::string line;  // without its '\n'
  std::string key;
};

// A run, as records for the renderer and as lines of the stream for the test.
struct World {
  explicit World(const RunSpec& spec, std::vector<std::int64_t> recorded = {})
      : tables(spec), stamps(std::move(recorded)) {
    StreamOptions options;
    options.stamps = spec.rate_max ? &stamps : nullptr;
    Stream stream(spec, options);
    REQUIRE(stream.Start().ok());
    Cursor cursor(tables, nullptr);
    while (Batch* batch = stream.Next()) {
      auto block = std::make_unique<Block>();
      block->number = batch->number;
      block->count = cursor.Read(batch->number, block->records.data(), nullptr);
      if (spec.rate_max) block->stamp_ns = stamps.At(batch->number);
      REQUIRE(block->count == batch->count);
      blocks.push_back(std::move(block));
      for (std::uint32_t i = 0; i < batch->count; ++i) {
        events.push_back({batch->kind(i), batch->position(i), std::string(batch->value(i)),
                          std::string(batch->key(i))});
      }
      stream.Recycle(batch);
    }
  }

  const StreamTables tables;
  StampLog stamps;
  std::vector<std::unique_ptr<Block>> blocks;
  std::vector<Event> events;  // by ordinal
};

RunSpec SmallSpec(Position end) {
  return test::SpecOf(test::World(3'000, {"regular", "whale", "fraudster"}), 11, end);
}

// What docs/http.md says of an event in a form.
std::string Framed(const Event& event, const Form& form) {
  const std::string json =
      form.envelope ? R"({"key":")" + event.key + R"(","event":)" + event.line + "}" : event.line;
  switch (form.format) {
    case StreamFormat::kNdjson:
      return json + "\n";
    case StreamFormat::kJson:
      return json + "\n\n";
    case StreamFormat::kSse:
      break;
  }
  std::string text;
  if (form.named) {
    text = std::string("event: ") + kNames[static_cast<unsigned>(event.kind)] + "\n";
  }
  return text + "data: " + json + "\nid: " + std::to_string(event.position + 1) + "\n\n";
}

std::vector<Form> AllForms() {
  std::vector<Form> forms;
  for (const StreamFormat format :
       {StreamFormat::kSse, StreamFormat::kNdjson, StreamFormat::kJson}) {
    for (const bool named : {false, true}) {
      for (const bool envelope : {false, true}) {
        for (std::uint8_t kinds = 1; kinds <= kAllKinds; ++kinds) {
          forms.push_back({format, named, envelope, kinds});
        }
      }
    }
  }
  return forms;
}

std::string_view Bytes(const Granule& granule, std::uint32_t e) {
  return {granule.bytes + granule.begin_of(e), granule.ends[e] - granule.begin_of(e)};
}

// The granule has exactly the wanted ones of its events, in order, each framed; everything that it
// says of them is so.
void CheckGranule(const World& world, const Granule& granule, const Form& form) {
  REQUIRE(granule.form == form.id());
  REQUIRE(granule.slots ==
          std::min<std::uint64_t>(kGranuleEvents, world.events.size() - granule.first));
  std::uint32_t e = 0;
  for (std::uint32_t slot = 0; slot < granule.slots; ++slot) {
    const Ordinal ordinal = granule.first + slot;
    const Event& event = world.events[ordinal];
    REQUIRE(granule.EventAt(ordinal) == e);
    if (!Wants(form.kinds, event.kind)) continue;
    REQUIRE(e < granule.count);
    REQUIRE(granule.slot[e] == slot);
    REQUIRE(granule.kind[e] == event.kind);
    REQUIRE(granule.position_of(e) == event.position);
    REQUIRE(Bytes(granule, e) == Framed(event, form));
    ++e;
  }
  REQUIRE(e == granule.count);
  REQUIRE(granule.EventAt(granule.first + granule.slots) == granule.count);
  REQUIRE(granule.size == (e == 0 ? 0 : granule.ends[e - 1]));
}

void CheckAllForms(const World& world) {
  Renderer renderer(world.tables);
  const std::vector<Form> forms = AllForms();
  CHECK(forms.size() == 84);
  for (const Form& form : forms) {
    CAPTURE(form.id());
    Ordinal next = 0;
    for (const auto& block : world.blocks) {
      for (std::uint32_t index = 0; index * kGranuleEvents < block->count; ++index) {
        const GranuleRef granule = renderer.Render(*block, index, form);
        REQUIRE(granule->first == next);
        CheckGranule(world, *granule, form);
        next += granule->slots;
      }
    }
    CHECK(next == world.events.size());
  }
}

}  // namespace

TEST_CASE("Renderer: in every form exactly the stream's lines, with their ids") {
  CheckAllForms(World(SmallSpec(3 * kBatchEvents)));
}

TEST_CASE("Renderer: the last block, granule and run may be short") {
  for (const Position end : {1, 15, 16, 17, 64, 65, 1'024 + 64 + 16 + 5}) {
    CAPTURE(end);
    const World world(SmallSpec(end));
    REQUIRE(world.events.size() == end);
    CheckAllForms(world);
  }
}

TEST_CASE("Renderer: with a prefix, all event types, other instants") {
  RunSpec spec = SmallSpec(2'000);
  spec.id_prefix = std::string(32, 'x');
  spec.event_types = EventTypes::kExtended;
  spec.timestamp_form = TimestampForm::kMicros;
  CheckAllForms(World(spec));
}

TEST_CASE("Renderer: compat, whose purchases have another key") {
  RunSpec spec = SmallSpec(2'000);
  spec.scenario.compat = true;
  spec.scenario.population.players = 99;
  spec.timestamp_form = TimestampForm::kNaiveMicros;
  const World world(spec);
  const auto purchase = std::find_if(world.events.begin(), world.events.end(),
                                     [](const Event& e) { return e.kind == Kind::kPurchase; });
  REQUIRE(purchase != world.events.end());
  CHECK(purchase->key.starts_with("trans_"));
  CheckAllForms(world);
}

// The same bytes as the stream, whatever a fault has made of them; the key of an envelope is that
// of the event.
TEST_CASE("Renderer: events that data faults have touched") {
  RunSpec spec = SmallSpec(3'000);
  spec.scenario = test::WithFaults(spec.scenario);
  spec.id_prefix = "ab";
  CheckAllForms(World(spec));
  spec.clock = Clock::kLive;
  spec.rate_max = true;
  const std::int64_t stamp = 1'767'225'600'123'000'000;
  CheckAllForms(World(spec, {stamp, stamp + 5'000'000'000, stamp + 6'000'000'000}));
}

// Ordinals go on without holes, positions and ids leave out what other shards have.
TEST_CASE("Renderer: a shard, of a run whose end cuts a run of positions") {
  std::uint64_t events = 0;
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    CAPTURE(shard);
    RunSpec spec = SmallSpec(5'000 + 7);
    spec.shard = shard;
    spec.shards = 3;
    const World world(spec);
    events += world.events.size();
    CheckAllForms(world);
  }
  CHECK(events == 5'007);
}

TEST_CASE("Renderer: under rate max all events of a block have its stamp") {
  RunSpec spec = SmallSpec(4 * kBatchEvents);
  spec.clock = Clock::kLive;
  spec.rate_max = true;
  spec.timestamp_form = TimestampForm::kMillis;
  const std::int64_t stamp = 1'767'225'600'123'000'000;
  // Two blocks of the same instant, and one far off.
  const World world(spec,
                    {stamp, stamp + 5'000'000, stamp + 5'000'000, stamp + 86'400'000'000'000});
  REQUIRE(world.events.front().line.find("2026-01-01T00:00:00.123Z") != std::string::npos);
  REQUIRE(world.events.back().line.find("2026-01-02T00:00:00.123Z") != std::string::npos);
  CheckAllForms(world);

  // Whatever was rendered before: blocks in another order, polled answers in between.
  Renderer renderer(world.tables);
  std::string lines;
  std::vector<std::uint32_t> ends;
  for (const std::size_t number : {3u, 0u, 2u, 1u, 1u, 3u}) {
    CheckGranule(world, *renderer.Render(*world.blocks[number], 2, {}), {});
    renderer.RenderLines({}, stamp + 1, &lines, &ends);
    CHECK(lines.empty());
  }
}

// The framing, looked at by a JSON parser: what comes out of it, written again, is the line.
TEST_CASE("Renderer: what RapidJSON makes of it") {
  const World world(SmallSpec(2 * kBatchEvents));
  Renderer renderer(world.tables);
  const Form form{.format = StreamFormat::kSse, .named = true, .envelope = true};
  for (const auto& block : world.blocks) {
    for (std::uint32_t index = 0; index < kBatchEvents / kGranuleEvents; ++index) {
      const GranuleRef granule = renderer.Render(*block, index, form);
      for (std::uint32_t e = 0; e < granule->count; ++e) {
        const Event& event = world.events[granule->first + granule->slot[e]];
        std::string text(Bytes(*granule, e));
        const std::size_t data = text.find("\ndata: ") + 7;
        const std::size_t data_end = text.find('\n', data);
        rapidjson::Document json;
        json.Parse<rapidjson::kParseFullPrecisionFlag>(text.substr(data, data_end - data).c_str());
        REQUIRE_FALSE(json.HasParseError());
        REQUIRE(json.IsObject());
        REQUIRE(json.MemberCount() == 2);
        REQUIRE(json["key"].GetString() == event.key);
        rapidjson::StringBuffer buffer;
        rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
        json["event"].Accept(writer);
        REQUIRE(buffer.GetString() == event.line);
        const rapidjson::Value& what = json["event"];
        const char* key = event.kind == Kind::kPlayer   ? "player_id"
                          : event.kind == Kind::kServer ? "server_id"
                                                        : "user_id";
        const char* in = event.kind == Kind::kPurchase ? "user_data" : "parameters";
        REQUIRE(what[in][key].GetString() == event.key);
      }
    }
  }
}

// Where a run that lasts for years gets to. Under rate max, where no plan is asked.
TEST_CASE("Renderer: ids of every length") {
  RunSpec spec = SmallSpec(kBatchEvents);
  spec.clock = Clock::kLive;
  spec.rate_max = true;
  const World world(spec, {spec.start_ns});
  Renderer renderer(world.tables);
  auto block = std::make_unique<Block>(*world.blocks[0]);
  Position power = 1;
  for (int digits = 1; digits <= 18; ++digits, power *= 10) {
    CAPTURE(digits);
    // The granules in which ids become longer.
    const Ordinal first = world.tables.layout.OrdinalAt(power) / kGranuleEvents * kGranuleEvents;
    block->number = first / kBatchEvents;
    const auto index = static_cast<std::uint32_t>(first % kBatchEvents / kGranuleEvents);
    const GranuleRef granule = renderer.Render(*block, index, {});
    REQUIRE(granule->count == kGranuleEvents);
    for (std::uint32_t e = 0; e < granule->count; ++e) {
      const Position position = world.tables.layout.PositionOf(first + e);
      REQUIRE(granule->position_of(e) == position);
      REQUIRE(Bytes(*granule, e).ends_with("\nid: " + std::to_string(position + 1) + "\n\n"));
    }
  }
}

// For the sanitizers: nothing is as long as this.
TEST_CASE("Renderer: a granule of the longest events there can be") {
  RunSpec spec = SmallSpec(kBatchEvents);
  spec.clock = Clock::kLive;
  spec.rate_max = true;
  spec.id_prefix = std::string(32, 'y');
  spec.event_types = EventTypes::kExtended;
  spec.timestamp_form = TimestampForm::kMicros;
  spec.scenario.population.players = 100'000'000;
  spec.scenario.servers.regions = {{std::string(32, 'r'), kProbabilityOne}};
  const StreamTables tables(spec);
  Renderer renderer(tables);
  auto block = std::make_unique<Block>();
  block->number = (std::uint64_t{1} << 59) / kBatchEvents - 1;
  block->count = kBatchEvents;
  block->stamp_ns = spec.start_ns;
  const std::uint32_t most = ~std::uint32_t{0};
  const Record purchase{most, most, 0, Action::kPurchase, 1, kItems - 1, 0, 0};
  const Record player{most, most, 0, Action::kLevelComplete, 1, 255, 255, 0};
  const Record server{0, 0, 0, Action::kServerMetric, 0, 255, 255, 65'535};
  for (const Record& record : {purchase, player, server}) {
    block->records.fill(record);
    for (const Form& form : AllForms()) {
      if (form.kinds != kAllKinds) continue;
      const GranuleRef granule = renderer.Render(*block, kBatchEvents / kGranuleEvents - 1, form);
      REQUIRE(granule->count == kGranuleEvents);
      REQUIRE(granule->size == granule->ends[kGranuleEvents - 1]);
      REQUIRE(Bytes(*granule, 0).ends_with("\n"));
      REQUIRE(granule->size < kGranuleEvents * kMaxLine);
    }
  }
}

TEST_CASE("Renderer: a granule is kept as long as somebody holds it") {
  const World world(SmallSpec(kBatchEvents));
  Renderer renderer(world.tables);
  GranuleRef one = renderer.Render(*world.blocks[0], 0, {});
  CHECK(one->references == 1);
  GranuleRef two = one;
  CHECK(one->references == 2);
  const GranuleRef three = std::move(one);
  CHECK_FALSE(one);  // NOLINT(bugprone-use-after-move): empty is what is promised
  CHECK(two->references == 2);
  two = renderer.Render(*world.blocks[0], 1, {});
  CHECK(three->references == 1);
  CheckGranule(world, *three, {});
  CheckGranule(world, *two, {});
}

TEST_CASE("Renderer: polled events have the instant they are given, or their own") {
  const World world(SmallSpec(8 * kBatchEvents));
  Renderer renderer(world.tables);
  std::vector<PolledEvent> polled;
  std::vector<const Event*> events;
  for (Ordinal o = 3; o < world.events.size(); o += 7) {
    const std::uint64_t number = o / kBatchEvents;
    polled.push_back({world.blocks[number]->records[o % kBatchEvents],
                      world.tables.layout.LaneOf(o / kRunLength), world.events[o].position});
    events.push_back(&world.events[o]);
  }
  const auto check = [&](std::int64_t utc_ns) {
    std::string lines = "what was there before";
    std::vector<std::uint32_t> ends = {1, 2, 3};
    renderer.RenderLines(polled, utc_ns, &lines, &ends);
    REQUIRE(ends.size() == polled.size());
    std::uint32_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      std::string expected = events[i]->line;
      if (utc_ns >= 0) {
        char text[kTimestampMax];
        const int length = RenderTimestamp(utc_ns, TimestampForm::kSeconds, text);
        const std::size_t at = expected.find(R"("event_timestamp":")") + 19;
        expected.replace(at, expected.find('"', at) - at, text, static_cast<std::size_t>(length));
      }
      REQUIRE(lines.substr(begin, ends[i] - begin) == expected + "\n");
      begin = ends[i];
    }
    CHECK(begin == lines.size());
  };
  check(-1);
  check(1'800'000'000'000'000'000);
  check(0);
  check(-1);
  CheckGranule(world, *renderer.Render(*world.blocks[3], 3, {}), {});
  check(1'800'000'000'999'999'999);
  CheckGranule(world, *renderer.Render(*world.blocks[1], 9, {}), {});
}

TEST_CASE("GapEvent: a whole event without an id") {
  CHECK(GapEvent(1'204, 88'211, "slow") ==
        "event: gap\ndata: {\"missed\":1204,\"next\":88211,\"reason\":\"slow\"}\n\n");
  CHECK(GapEvent(-1, 1, "ahead") ==
        "event: gap\ndata: {\"missed\":null,\"next\":1,\"reason\":\"ahead\"}\n\n");
  CHECK(GapEvent(0, 7, "window") ==
        "event: gap\ndata: {\"missed\":0,\"next\":7,\"reason\":\"window\"}\n\n");
}

}  // namespace playload
