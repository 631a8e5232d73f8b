// The generator's parts, beside RapidJSON's Writer as the yardstick, in one run:
//
//   build/release/bench/generate/generate_bench
//
// items_per_second is events per second. The encoder's bytes are checked against the yardstick's
// once, before anything is timed.

#include <benchmark/benchmark.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "generator/encode/dataflow.h"
#include "generator/simulate/lanes.h"
#include "generator/stream/stream.h"
#include "scenarios/load.h"

namespace playload {
namespace {

Scenario Steady(std::uint64_t players) {
  Result<Scenario> scenario = LoadScenario("steady", {});
  if (!scenario) {
    std::cerr << scenario.error().message() << "\n";
    std::exit(1);
  }
  scenario->population.players = players;
  return *scenario;
}

DataflowEncoder::Options EncoderOptions(const Scenario& scenario) {
  DataflowEncoder::Options options;
  for (const Region& region : scenario.servers.regions) options.regions.push_back(region.name);
  return options;
}

// Records only: what simulating costs, by population.
void BM_Simulate(benchmark::State& state) {
  const Scenario scenario = Steady(static_cast<std::uint64_t>(state.range(0)));
  const Model model(scenario, 1);
  Lanes lanes(model);
  std::vector<Record> records(4'096);
  std::uint64_t lane = 0;
  for (auto _ : state) {
    lanes.Simulate(lane, records.data(), 4'096);
    benchmark::DoNotOptimize(records.data());
    lane = (lane + 1) % model.lanes();
  }
  state.SetItemsProcessed(state.iterations() * 4'096);
}
BENCHMARK(BM_Simulate)->ArgName("players")->Arg(10'000)->Arg(1'000'000);

struct Made {
  Model model;
  Plan plan;
  DataflowEncoder encoder;
  std::vector<Record> records;
  explicit Made(const Scenario& scenario)
      : model(scenario, 1),
        plan(scenario.plan),
        encoder(model, EncoderOptions(scenario)),
        records(64 * 1'024) {
    Lanes lanes(model);
    for (int warm = 0; warm < 8; ++warm) {
      lanes.Simulate(0, records.data(), static_cast<std::uint32_t>(records.size()));
    }
  }
};

constexpr std::int64_t kStart = 1'767'225'600'000'000'000;

std::size_t EncodeOnce(const Made& made, std::vector<char>* buffer) {
  TimestampCursor time(made.plan, kStart, TimestampForm::kSeconds);
  DataflowEncoder::Output out{};
  out.begin[0] = out.end[0] = buffer->data();
  for (std::size_t n = 0; n < made.records.size(); n += kRunLength) {
    made.encoder.EncodeRun(&made.records[n], kRunLength, 0, n, time, false, &out);
  }
  return static_cast<std::size_t>(out.end[0] - out.begin[0]);
}

// One line by RapidJSON's Writer from strings that are ready: what a good ordinary generator does.
void WriteReady(rapidjson::Writer<rapidjson::StringBuffer>& w, const Made& made, const Record& r,
                Position n, const std::string& time) {
  const std::uint64_t player = made.encoder.PlayerNumber(r, 0);
  const std::string id = "player_" + std::to_string(player);
  w.StartObject();
  w.Key("event_name");
  if (KindOf(r.action) == Kind::kPlayer) {
    static const char* const kNames[] = {"move",           "interaction", "interaction",
                                         "level_complete", "interaction", "interaction"};
    const std::string session =
        "session_" + std::to_string(r.session * made.model.players() + r.entity + 1);
    const auto two = [](unsigned v) { return (v < 10 ? "0" : "") + std::to_string(v); };
    w.String("player_action");
    w.Key("parameters");
    w.StartObject();
    w.Key("player_id");
    w.String(id.c_str());
    w.Key("session_id");
    w.String(session.c_str());
    w.Key("event_type");
    w.String(kNames[static_cast<unsigned>(r.action)]);
    w.Key("level_id");
    w.String(("level_" + two(r.a)).c_str());
    w.Key("map_id");
    w.String(("map_" + two(r.b)).c_str());
    w.EndObject();
  } else if (KindOf(r.action) == Kind::kPurchase) {
    w.String("transaction");
    w.Key("parameters");
    w.StartObject();
    w.Key("transaction_id");
    w.String(("trans_" + std::to_string(n + 1)).c_str());
    w.Key("transaction_type");
    w.String(r.action == Action::kPurchase ? "purchase" : "refund");
    w.Key("currency");
    w.String(std::string(kCurrencyTable[r.b].code).c_str());
    w.Key("amount");
    const std::string amount =
        AmountText(kPrices[kCatalog[r.a].tier][r.b], kCurrencyTable[r.b].decimals);
    w.RawValue(amount.c_str(), amount.size(), rapidjson::kNumberType);
    w.Key("item_id");
    w.String(std::string(kCatalog[r.a].id).c_str());
    w.Key("item_type");
    w.String(std::string(kItemTypeNames[static_cast<unsigned>(kCatalog[r.a].type)]).c_str());
    w.EndObject();
  } else {
    w.String("server_metric");
    w.Key("parameters");
    w.StartObject();
    w.Key("server_id");
    w.String(("server_" + std::to_string(r.entity + 1)).c_str());
    w.Key("cpu_load");
    w.Uint(r.a);
    w.Key("memory_usage");
    w.Uint(r.b);
    w.Key("latency");
    w.Uint(r.c);
    w.EndObject();
    w.Key("event_timestamp");
    w.String(time.c_str());
    w.Key("server_data");
    w.StartObject();
    w.Key("region");
    w.String("r");
    w.Key("server_type");
    w.String((r.flags & Record::kVirtual) != 0 ? "virtual" : "dedicated");
    w.EndObject();
    w.EndObject();
    return;
  }
  w.Key("event_timestamp");
  w.String(time.c_str());
  w.Key("user_data");
  w.StartObject();
  w.Key("user_id");
  w.String(id.c_str());
  w.Key("platform");
  w.String((r.flags & Record::kConsole) != 0 ? "Console" : "PC");
  w.EndObject();
  w.EndObject();
}

Scenario OneRegion() {
  Scenario scenario = Steady(10'000);
  scenario.servers.regions = {{"r", kProbabilityOne}};
  return scenario;
}

std::size_t WriteAll(const Made& made, rapidjson::StringBuffer* buffer) {
  buffer->Clear();
  char text[32];
  for (std::size_t n = 0; n < made.records.size(); ++n) {
    // The timestamp is rendered once a second by both.
    static_cast<void>(
        RenderTimestamp(kStart + made.plan.PlannedAt(n), TimestampForm::kSeconds, text));
    rapidjson::Writer<rapidjson::StringBuffer> writer(*buffer);
    WriteReady(writer, made, made.records[n], n, std::string(text, 20));
    buffer->Put('\n');
  }
  return buffer->GetSize();
}

void CheckEqual(const Made& made) {
  std::vector<char> ours(made.records.size() * kMaxLine + kSlack);
  ours.resize(EncodeOnce(made, &ours));
  rapidjson::StringBuffer theirs;
  WriteAll(made, &theirs);
  if (std::string_view(ours.data(), ours.size()) !=
      std::string_view(theirs.GetString(), theirs.GetSize())) {
    std::cerr << "the encoder's bytes are not the yardstick's\n";
    std::exit(1);
  }
}

void BM_EncodeDataflow(benchmark::State& state) {
  const Made made(OneRegion());
  CheckEqual(made);
  std::vector<char> buffer(made.records.size() * kMaxLine + kSlack);
  std::size_t bytes = 0;
  for (auto _ : state) bytes += EncodeOnce(made, &buffer);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(made.records.size()));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(BM_EncodeDataflow);

void BM_RapidJsonWriter(benchmark::State& state) {
  const Made made(OneRegion());
  rapidjson::StringBuffer buffer;
  std::size_t bytes = 0;
  for (auto _ : state) bytes += WriteAll(made, &buffer);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(made.records.size()));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(BM_RapidJsonWriter);

// Simulating, oracle, digest and encoding together, as a destination sees it.
void BM_Stream(benchmark::State& state) {
  RunSpec spec;
  spec.scenario = Steady(static_cast<std::uint64_t>(state.range(0)));
  spec.seed = 1;
  spec.start_ns = kStart;
  spec.clock = Clock::kVirtual;
  StreamOptions options;
  options.threads = static_cast<int>(state.range(1));
  options.index = false;
  Stream stream(spec, options);
  if (!stream.Start().ok()) {
    state.SkipWithError("no memory");
    return;
  }
  std::int64_t events = 0;
  std::int64_t bytes = 0;
  for (auto _ : state) {
    Batch* batch = stream.Next();
    events += batch->count;
    bytes += batch->sizes[0];
    stream.Recycle(batch);
  }
  state.SetItemsProcessed(events);
  state.SetBytesProcessed(bytes);
}
BENCHMARK(BM_Stream)
    ->ArgNames({"players", "threads"})
    ->Args({10'000, 1})
    ->Args({1'000'000, 1})
    ->Args({1'000'000, 2})
    ->UseRealTime()
    ->MinTime(2);

}  // namespace
}  // namespace playload
