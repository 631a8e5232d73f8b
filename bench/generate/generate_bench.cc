// The generator's parts, and as the yardstick RapidJSON's Writer alone, with every string prepared:
//
//   build/release/bench/generate/generate_bench
//
// items_per_second is events per second. The yardstick's strings are taken out of the encoder's
// lines before anything is timed, and what it writes must be those lines again, byte by byte. The
// whole program beside yardsticks: compare.py.

#include <benchmark/benchmark.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "generator/encode/dataflow.h"
#include "generator/simulate/lanes.h"
#include "generator/stream/layout.h"
#include "generator/stream/stream.h"
#include "scenarios/load.h"

namespace playload {
namespace {

constexpr std::uint32_t kSlice = 4'096;   // of a lane at once
constexpr std::size_t kEvents = 16'384;   // prepared: what is read stays in the second-level cache
constexpr std::size_t kTogether = 1'024;  // written before the buffer is used again, as in a stream
constexpr std::int64_t kStart = 1'767'225'600'000'000'000;

[[noreturn]] void Fail(const std::string& why) {
  std::cerr << why << "\n";
  std::exit(1);
}

RunSpec Steady(std::uint64_t players) {
  Result<Scenario> scenario = LoadScenario("steady", {});
  if (!scenario) Fail(scenario.error().message());
  RunSpec spec;
  spec.scenario = *scenario;
  spec.scenario.population.players = players;
  spec.seed = 1;
  spec.start_ns = kStart;
  spec.clock = Clock::kVirtual;
  return spec;
}

// Records only: what simulating costs, by population.
void BM_Simulate(benchmark::State& state) {
  const RunSpec spec = Steady(static_cast<std::uint64_t>(state.range(0)));
  const Model model(spec.scenario, spec.seed);
  Lanes lanes(model);
  // As many lanes together as the stream takes.
  const std::uint64_t together = std::min<std::uint64_t>(Lanes::kTogether, model.lanes());
  std::vector<Record> records(together * kSlice);
  std::uint64_t lane = 0;
  for (auto _ : state) {
    Lanes::Slice slices[Lanes::kTogether];
    for (std::uint64_t n = 0; n < together; ++n) {
      slices[n] = {(lane + n) % model.lanes(), &records[n * kSlice], kSlice};
    }
    lanes.Simulate(slices, together);
    benchmark::DoNotOptimize(records.data());
    lane = (lane + together) % model.lanes();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(together * kSlice));
}
BENCHMARK(BM_Simulate)->ArgName("players")->Arg(10'000)->Arg(1'000'000);

// Records of a lane that is past its beginning, and what encodes them.
struct Ours {
  const RunSpec spec = Steady(10'000);
  const Model model{spec.scenario, spec.seed};
  const Plan plan{spec.scenario.plan};
  const DataflowEncoder encoder{model, EncoderOptionsOf(spec)};
  std::vector<Record> records = std::vector<Record>(kEvents);

  Ours() {
    Lanes lanes(model);
    for (int warm = 0; warm < 8; ++warm) {
      lanes.Simulate(0, records.data(), static_cast<std::uint32_t>(kEvents));
    }
  }

  // Encodes the kTogether records from `first` on; returns the bytes written.
  std::size_t Write(std::size_t first, TimestampCursor& time, char* to) const {
    DataflowEncoder::Output out{};
    out.begin[0] = out.end[0] = to;
    for (std::size_t n = first; n < first + kTogether; n += kRunLength) {
      encoder.EncodeRun(&records[n], kRunLength, 0, n, time, false, &out);
    }
    return static_cast<std::size_t>(out.end[0] - out.begin[0]);
  }
};

// The yardstick: the same events, their strings ready, as any careful program would have them. In
// its best form: one buffer and one Writer used again, lengths given. RAPIDJSON_SSE2 would make it
// slower (2.2 against 2.5 M events/s): the strings are short.
class Theirs {
 public:
  explicit Theirs(std::string lines) : text_(std::move(lines)) {
    events_.reserve(kEvents);
    for (char* line = text_.data(); line != text_.data() + text_.size();) {
      char* const end = line + std::string_view(line).find('\n');
      *end = '\0';
      Prepare(line);
      line = end + 1;
    }
    if (events_.size() != kEvents) Fail("a line for every event was expected");
    buffer_.Reserve(kTogether * kMaxLine);
  }

  // The kTogether events from `first` on.
  std::string_view Write(std::size_t first) {
    buffer_.Clear();
    for (std::size_t n = first; n < first + kTogether; ++n) {
      writer_.Reset(buffer_);
      switch (events_[n].kind) {
        case Kind::kPlayer:
          WritePlayer(events_[n]);
          break;
        case Kind::kPurchase:
          WritePurchase(events_[n]);
          break;
        case Kind::kServer:
          WriteServer(events_[n]);
          break;
      }
      buffer_.Put('\n');
    }
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  struct Event {
    Kind kind;
    std::string_view parameters[6];  // those that are strings, in their order
    std::string_view amount;         // the text of the number
    unsigned numbers[3];             // cpu_load, memory_usage, latency
    std::string_view time;
    std::string_view data[2];  // user_data or server_data
  };

  static std::string_view View(const rapidjson::Value& value) {
    return {value.GetString(), value.GetStringLength()};
  }

  // In place, so that the strings stand one after the other as they will be written.
  void Prepare(char* line) {
    rapidjson::Document document;
    document.ParseInsitu<rapidjson::kParseNumbersAsStringsFlag>(line);
    if (document.HasParseError()) Fail("a line is no JSON");
    const std::string_view name = View(document["event_name"]);
    Event event{};
    event.kind = name == "player_action" ? Kind::kPlayer
                 : name == "transaction" ? Kind::kPurchase
                                         : Kind::kServer;
    unsigned strings = 0;
    unsigned numbers = 0;
    for (const auto& member : document["parameters"].GetObject()) {
      if (View(member.name) == "amount") {
        event.amount = View(member.value);
      } else if (event.kind == Kind::kServer && View(member.name) != "server_id") {
        event.numbers[numbers++] = static_cast<unsigned>(std::stoul(member.value.GetString()));
      } else {
        event.parameters[strings++] = View(member.value);
      }
    }
    event.time = View(document["event_timestamp"]);
    unsigned data = 0;
    for (const auto& member :
         document[event.kind == Kind::kServer ? "server_data" : "user_data"].GetObject()) {
      event.data[data++] = View(member.value);
    }
    events_.push_back(event);
  }

  template <std::size_t kSize>
  void Key(const char (&key)[kSize]) {
    writer_.Key(key, kSize - 1);
  }
  template <std::size_t kSize>
  void Text(const char (&text)[kSize]) {
    writer_.String(text, kSize - 1);
  }
  void Text(std::string_view text) {
    writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }

  void WritePlayer(const Event& event) {
    writer_.StartObject();
    Key("event_name");
    Text("player_action");
    Key("parameters");
    writer_.StartObject();
    Key("player_id");
    Text(event.parameters[0]);
    Key("session_id");
    Text(event.parameters[1]);
    Key("event_type");
    Text(event.parameters[2]);
    Key("level_id");
    Text(event.parameters[3]);
    Key("map_id");
    Text(event.parameters[4]);
    writer_.EndObject();
    WriteUser(event);
  }

  void WritePurchase(const Event& event) {
    writer_.StartObject();
    Key("event_name");
    Text("transaction");
    Key("parameters");
    writer_.StartObject();
    Key("transaction_id");
    Text(event.parameters[0]);
    Key("transaction_type");
    Text(event.parameters[1]);
    Key("currency");
    Text(event.parameters[2]);
    Key("amount");
    writer_.RawValue(event.amount.data(), event.amount.size(), rapidjson::kNumberType);
    Key("item_id");
    Text(event.parameters[3]);
    Key("item_type");
    Text(event.parameters[4]);
    writer_.EndObject();
    WriteUser(event);
  }

  void WriteUser(const Event& event) {
    Key("event_timestamp");
    Text(event.time);
    Key("user_data");
    writer_.StartObject();
    Key("user_id");
    Text(event.data[0]);
    Key("platform");
    Text(event.data[1]);
    writer_.EndObject();
    writer_.EndObject();
  }

  void WriteServer(const Event& event) {
    writer_.StartObject();
    Key("event_name");
    Text("server_metric");
    Key("parameters");
    writer_.StartObject();
    Key("server_id");
    Text(event.parameters[0]);
    Key("cpu_load");
    writer_.Uint(event.numbers[0]);
    Key("memory_usage");
    writer_.Uint(event.numbers[1]);
    Key("latency");
    writer_.Uint(event.numbers[2]);
    writer_.EndObject();
    Key("event_timestamp");
    Text(event.time);
    Key("server_data");
    writer_.StartObject();
    Key("region");
    Text(event.data[0]);
    Key("server_type");
    Text(event.data[1]);
    writer_.EndObject();
    writer_.EndObject();
  }

  std::string text_;  // what the events point into
  std::vector<Event> events_;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

std::string LinesOf(const Ours& ours) {
  TimestampCursor time(ours.plan, kStart, TimestampForm::kSeconds);
  std::vector<char> buffer(kTogether * kMaxLine + kSlack);
  std::string lines;
  for (std::size_t n = 0; n < kEvents; n += kTogether) {
    lines.append(buffer.data(), ours.Write(n, time, buffer.data()));
  }
  return lines;
}

void BM_EncodeDataflow(benchmark::State& state) {
  const Ours ours;
  std::vector<char> buffer(kTogether * kMaxLine + kSlack);
  std::size_t bytes = 0;
  for (auto _ : state) {
    TimestampCursor time(ours.plan, kStart, TimestampForm::kSeconds);
    for (std::size_t n = 0; n < kEvents; n += kTogether) {
      bytes += ours.Write(n, time, buffer.data());
      benchmark::DoNotOptimize(buffer.data());
      benchmark::ClobberMemory();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(BM_EncodeDataflow);

void BM_RapidJsonWriter(benchmark::State& state) {
  const std::string lines = LinesOf(Ours());
  Theirs theirs(lines);
  std::string again;
  for (std::size_t n = 0; n < kEvents; n += kTogether) again += theirs.Write(n);
  if (again != lines) Fail("the yardstick's bytes are not the encoder's");
  std::size_t bytes = 0;
  for (auto _ : state) {
    for (std::size_t n = 0; n < kEvents; n += kTogether) {
      bytes += theirs.Write(n).size();
      benchmark::ClobberMemory();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(BM_RapidJsonWriter);

// Simulating, oracle, digest and encoding together, as a destination sees it.
void BM_Stream(benchmark::State& state) {
  const RunSpec spec = Steady(static_cast<std::uint64_t>(state.range(0)));
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
