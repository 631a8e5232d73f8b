// What an event costs on its way out of the HTTP server: rendering granules in each form, and the
// bookkeeping of what was handed to somebody.
//
//   build/bench/bench/http/renderer_bench
//
// items_per_second is events per second. The renderer's lines are checked against the stream's
// once, before anything is timed.

#include "transports/http/renderer.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <string_view>
#include <vector>

#include "generator/stream/cursor.h"
#include "generator/stream/stream.h"
#include "scenarios/load.h"
#include "transports/http/coverage.h"

namespace playload {
namespace {

// As many blocks as lie between two readers that are close to each other: 1 MiB of records.
constexpr std::uint64_t kBlocks = 64;
constexpr std::uint32_t kGranules = kBatchEvents / kGranuleEvents;

RunSpec Spec() {
  Result<Scenario> scenario = LoadScenario("steady", {});
  if (!scenario) {
    std::cerr << scenario.error().message() << "\n";
    std::exit(1);
  }
  RunSpec spec;
  spec.scenario = *scenario;
  spec.seed = 1;
  spec.start_ns = 1'767'225'600'000'000'000;
  spec.clock = Clock::kVirtual;
  spec.end = kBlocks * kBatchEvents;
  return spec;
}

struct World {
  World() : tables(Spec()), renderer(tables) {
    Cursor cursor(tables, nullptr);
    for (std::uint64_t number = 0; number < kBlocks; ++number) {
      auto block = std::make_unique<Block>();
      block->number = number;
      block->count = cursor.Read(number, block->records.data(), nullptr);
      blocks.push_back(std::move(block));
    }
    Check();
  }

  void Check() {
    Stream stream(tables.spec, {});
    bool same = stream.Start().ok();
    while (Batch* batch = stream.Next()) {
      for (std::uint32_t g = 0; g < kGranules; ++g) {
        const GranuleRef granule = renderer.Render(*blocks[batch->number], g, {});
        for (std::uint32_t e = 0; e < kGranuleEvents; ++e) {
          const std::string_view event(granule->bytes + granule->begin_of(e),
                                       granule->ends[e] - granule->begin_of(e));
          same = same && event.substr(6).starts_with(batch->line(g * kGranuleEvents + e));
        }
      }
      stream.Recycle(batch);
    }
    if (!same) {
      std::cerr << "the renderer's lines are not the stream's\n";
      std::exit(1);
    }
  }

  const StreamTables tables;
  Renderer renderer;
  std::vector<std::unique_ptr<Block>> blocks;
};

World& TheWorld() {
  static World world;
  return world;
}

void Render(benchmark::State& state, const Form& form, std::size_t kept) {
  World& world = TheWorld();
  std::deque<GranuleRef> last;
  std::uint64_t g = 0;
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    GranuleRef granule =
        world.renderer.Render(*world.blocks[g / kGranules % kBlocks], g % kGranules, form);
    benchmark::DoNotOptimize(granule.get());
    bytes += granule->size;
    last.push_back(std::move(granule));
    if (last.size() > kept) last.pop_front();
    ++g;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(g * kGranuleEvents));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

constexpr Form kSse{};
constexpr Form kNamed{.named = true};
constexpr Form kEnveloped{.envelope = true};
constexpr Form kNdjson{.format = StreamFormat::kNdjson};
constexpr Form kJson{.format = StreamFormat::kJson};
constexpr Form kPlayers{.format = StreamFormat::kNdjson, .kinds = 1};
constexpr Form kPurchases{.kinds = 2};

// The last argument: granules that are held meanwhile.
BENCHMARK_CAPTURE(Render, ndjson, kNdjson, 16);
BENCHMARK_CAPTURE(Render, ndjson_held_by_2000_clients, kNdjson, 2'000);
BENCHMARK_CAPTURE(Render, ndjson_players, kPlayers, 16);
BENCHMARK_CAPTURE(Render, json, kJson, 16);
BENCHMARK_CAPTURE(Render, sse, kSse, 16);
BENCHMARK_CAPTURE(Render, sse_held_by_2000_clients, kSse, 2'000);
BENCHMARK_CAPTURE(Render, sse_named, kNamed, 16);
BENCHMARK_CAPTURE(Render, sse_enveloped, kEnveloped, 16);
BENCHMARK_CAPTURE(Render, sse_purchases, kPurchases, 16);

// One client at the front of the run, granule after granule.
void CoverageAtFront(benchmark::State& state) {
  World& world = TheWorld();
  Deliveries deliveries([](Position) { return std::int64_t{0}; });
  Coverage coverage(&deliveries);
  const GranuleRef rendered = world.renderer.Render(*world.blocks[0], 0, kSse);
  Granule granule = *rendered;
  for (auto _ : state) {
    coverage.Handed(granule, 0, kGranuleEvents, kAllKinds, granule.first, 1'000);
    granule.first += kGranuleEvents;
  }
  state.SetItemsProcessed(state.iterations() * kGranuleEvents);
}
BENCHMARK(CoverageAtFront);

// What the other 9,999 clients cost: an event that somebody had before.
void CoverageOfOneEventAgain(benchmark::State& state) {
  World& world = TheWorld();
  Deliveries deliveries(nullptr);
  Coverage coverage(&deliveries);
  const GranuleRef granule = world.renderer.Render(*world.blocks[0], 0, kSse);
  coverage.Handed(*granule, 0, kGranuleEvents, kAllKinds, granule->first, 1'000);
  std::uint32_t e = 0;
  for (auto _ : state) {
    coverage.Handed(*granule, e, e + 1, kAllKinds, granule->first + e, 1'000);
    e = (e + 1) % kGranuleEvents;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(CoverageOfOneEventAgain);

// 10,000 clients far behind, each with an interval of its own that nobody else gets.
void CoverageApart(benchmark::State& state) {
  World& world = TheWorld();
  Deliveries deliveries([](Position) { return std::int64_t{0}; });
  Coverage coverage(&deliveries);
  const GranuleRef rendered = world.renderer.Render(*world.blocks[0], 0, kSse);
  Granule granule = *rendered;
  constexpr std::uint64_t kClients = 10'000;
  constexpr Ordinal kApart = Ordinal{1} << 40;
  std::uint64_t turn = 0;
  for (auto _ : state) {
    granule.first = turn % kClients * kApart + turn / kClients * kGranuleEvents;
    coverage.Handed(granule, 0, kGranuleEvents, kAllKinds, granule.first, 1'000);
    ++turn;
  }
  state.SetItemsProcessed(state.iterations() * kGranuleEvents);
}
BENCHMARK(CoverageApart);

}  // namespace
}  // namespace playload
