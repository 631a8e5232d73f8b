// What tests/instructions counts: one part of the generator at a time, for a given number of events
// of scenario steady with 10,000 players.
//
//   counted_job key              the build and the CPU that it sees, as figures.txt names them
//   counted_job simulate EVENTS  players and servers into records; the oracle's fraud rule with
//   them counted_job encode EVENTS    records into lines counted_job records EVENTS   a stream
//   without its encoder: simulate, digest, tally, hand-over
//
// EVENTS is a multiple of kUnit. What is prepared before the first event does not depend on it, so
// the difference of two lengths is what the events cost.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
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

constexpr std::uint64_t kPlayers = 10'000;
constexpr std::uint32_t kSlice = 4'096;  // of a lane at once, as the stream does it
constexpr std::uint64_t kUnit = 65'536;
constexpr std::int64_t kStart = 1'767'225'600'000'000'000;
constexpr char kUsage[] = "usage: counted_job key | simulate|encode|records EVENTS\n";

RunSpec Spec(std::uint64_t events) {
  Result<Scenario> scenario = LoadScenario("steady", {});
  if (!scenario) {
    std::fprintf(stderr, "%s\n", scenario.error().message().c_str());
    std::exit(1);
  }
  RunSpec spec;
  spec.scenario = *scenario;
  spec.scenario.population.players = kPlayers;
  spec.scenario.plan = {{1'000'000'000, 1'000'000'000, 0}};  // a million events a second
  spec.seed = 1;
  spec.start_ns = kStart;
  spec.clock = Clock::kVirtual;
  spec.end = events;
  return spec;
}

// A slice of each lane in turn, several lanes together, as a tile of the stream is made.
void Simulate(const Model& model, Lanes& lanes, std::uint64_t count, Record* records) {
  const std::uint64_t together = std::min<std::uint64_t>(Lanes::kTogether, model.lanes());
  for (std::uint64_t made = 0; made < count;) {
    Lanes::Slice slices[Lanes::kTogether];
    std::size_t n = 0;
    for (; n < together && made < count; ++n, ++made) {
      slices[n] = {made % model.lanes(), records + made * kSlice, kSlice};
    }
    lanes.Simulate(slices, n);
  }
}

int CountSimulate(std::uint64_t events) {
  const RunSpec spec = Spec(events);
  const Model model(spec.scenario, spec.seed);
  Lanes lanes(model);
  // Nobody reads them: each round of the lanes writes over the one before it.
  const std::uint64_t round = std::min<std::uint64_t>(model.lanes(), events / kSlice);
  std::vector<Record> records(round * kSlice);
  for (std::uint64_t slice = 0; slice < events / kSlice; slice += round) {
    Simulate(model, lanes, round, records.data());
  }
  return 0;
}

int CountEncode(std::uint64_t events) {
  const RunSpec spec = Spec(events);
  const Model model(spec.scenario, spec.seed);
  const Plan plan(spec.scenario.plan);
  const DataflowEncoder encoder(model, EncoderOptionsOf(spec));
  Lanes lanes(model);
  std::vector<Record> records(kUnit);
  Simulate(model, lanes, kUnit / kSlice, records.data());
  TimestampCursor time(plan, kStart, TimestampForm::kSeconds);
  std::vector<char> buffer(kBatchEvents * kMaxLine + kSlack);
  for (std::uint64_t n = 0; n < events; n += kBatchEvents) {
    DataflowEncoder::Output out{};
    out.begin[0] = out.end[0] = buffer.data();
    for (std::uint64_t run = n; run < n + kBatchEvents; run += kRunLength) {
      const std::uint64_t at = run % kUnit;
      encoder.EncodeRun(&records[at], kRunLength, at / kSlice % model.lanes(), run, time, false,
                        &out);
    }
  }
  return 0;
}

int CountRecords(std::uint64_t events) {
  StreamOptions options;
  options.records = true;
  options.index = false;
  Stream stream(Spec(events), options);
  if (!stream.Start().ok()) return 1;
  while (Batch* batch = stream.Next()) stream.Recycle(batch);
  return stream.tally().player_events < events ? 0 : 1;
}

int PrintKey() {
  const char* cpu = "";
#if defined(__x86_64__)
  cpu = __builtin_cpu_supports("avx2") != 0 ? ", with AVX2" : ", without AVX2";
#endif
  std::printf("%s%s\n", COUNTED_BUILD, cpu);
  return 0;
}

}  // namespace
}  // namespace playload

int main(int argc, char** argv) {
  using namespace playload;
  const std::string_view part = argc > 1 ? argv[1] : "";
  if (part == "key") return PrintKey();
  const std::uint64_t events = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (events > 0 && events % kUnit == 0) {
    if (part == "simulate") return CountSimulate(events);
    if (part == "encode") return CountEncode(events);
    if (part == "records") return CountRecords(events);
  }
  std::fputs(kUsage, stderr);
  return 2;
}
