#include "generator/stream/stream.h"

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "generator/encode/dataflow.h"
#include "generator/event/fault.h"
#include "generator/oracle/fraud_rule.h"
#include "generator/pace/plan.h"
#include "generator/simulate/lanes.h"
#include "generator/stream/layout.h"
#include "generator/stream/tile.h"

namespace playload {
namespace {

// Records of a tile: 64 MiB at most, and 4,096 per lane: longer slices gain nothing.
constexpr std::uint64_t kMaxTileRuns = 262'144;
constexpr std::uint64_t kMaxSliceRuns = 512;
// A paced stream works this far ahead: a tile must be made while the queue lasts.
constexpr std::int64_t kTileNs = 20'000'000;

std::uint64_t RoundUp(std::uint64_t n, std::uint64_t unit) { return (n + unit - 1) / unit * unit; }

std::uint64_t LargestTile(const Layout& layout) {
  std::uint64_t runs = std::min(layout.lanes() * kMaxSliceRuns, kMaxTileRuns);
  runs = std::max(runs, layout.lanes() * 4);  // populations of tens of millions
  return RoundUp(std::max<std::uint64_t>(runs, kBatchRuns), kBatchRuns);
}

std::int64_t LargestMilliRate(const RunSpec& spec) {
  std::int64_t rate = 0;
  for (const Stage& stage : spec.scenario.plan) {
    rate = std::max({rate, stage.from_milli_rate, stage.to_milli_rate});
  }
  return rate;
}

std::uint64_t TileRunsAt(std::int64_t milli_rate, std::uint32_t shards) {
  const auto events = static_cast<std::uint64_t>(static_cast<Wide>(milli_rate) * kTileNs /
                                                 1'000'000'000'000u / shards);
  return RoundUp(events / kRunLength + 1, kBatchRuns);
}

std::size_t Slots(const RunSpec& spec, int threads) {
  std::uint64_t slots = static_cast<std::uint64_t>(threads) * 3 + 2;
  if (spec.paced()) {
    // Half as much again as a tile, so that the next one is simulated while this one is sent.
    slots += TileRunsAt(LargestMilliRate(spec), spec.shards) / kBatchRuns * 3 / 2;
  }
  return std::min<std::uint64_t>(slots, 64);
}

}  // namespace

struct Stream::Impl {
  struct Slot : Batch {
    Tally tally;
    std::uint64_t digest = 0;
    bool ready = false;
    std::size_t maker = 0;  // who filled it last
  };
  // What a maker (a worker, or the reader where it helps) turns to first: the caches of its core
  // hold it. When there is none left it takes of another's.
  struct Maker {
    std::uint64_t next_lane = 0;  // of this tile, to be simulated
    std::uint64_t end_lane = 0;
    std::vector<Slot*> free;  // the last one that came back is the next one to go
  };
  enum class Phase { kSimulate, kEncode };

  Impl(const RunSpec& run_spec, const StreamOptions& stream_options)
      : spec(run_spec),
        options(stream_options),
        model(run_spec.scenario, run_spec.seed, run_spec.start_ns),
        plan(run_spec.scenario.plan),
        layout(model.lanes(), run_spec.shard, run_spec.shards, run_spec.end),
        encoder(model, EncoderOptionsOf(run_spec)),
        lanes(model),
        slots(Slots(run_spec, stream_options.threads)),
        order(slots.size()),
        makers(static_cast<std::size_t>(stream_options.threads)),
        reader_helps(!run_spec.paced()),
        reader_time(plan, run_spec.start_ns, run_spec.timestamp_form) {}

  Status Start();
  void Work(std::size_t self);
  // `self`: index of the maker that calls. Mutex held.
  bool DoPiece(std::unique_lock<std::mutex>& lock, std::size_t self, TimestampCursor& time);
  bool Simulate(std::unique_lock<std::mutex>& lock, std::size_t self);
  bool EncodeNext(std::unique_lock<std::mutex>& lock, std::size_t self, TimestampCursor& time);
  Slot* TakeFree(std::size_t self);
  void Encode(std::uint64_t number, Slot* slot, TimestampCursor& time);
  void ShowLanes(std::unique_lock<std::mutex>& lock, LanesWatcher* watcher);
  void NextTile();  // mutex held
  Batch* Take();    // mutex held
  // Nothing is left to come. A batch that was claimed before Stop() still comes: its maker is at
  // work on it. Mutex held.
  [[nodiscard]] bool Over() const { return (stop || ended) && given == next_batch; }

  const RunSpec spec;
  const StreamOptions options;
  const Model model;
  const Plan plan;
  const Layout layout;
  const DataflowEncoder encoder;
  Lanes lanes;
  std::vector<Record> tile;  // lane after lane, `stride` records each

  // Set between two tiles only.
  std::uint64_t tile_begin = 0;  // runs of the shard
  std::uint64_t tile_end = 0;
  std::uint64_t tile_lanes = 0;
  std::uint64_t stride = 0;
  std::uint64_t claim = 1;  // lanes claimed at once
  std::uint64_t grown = 4 * kBatchRuns;

  std::mutex mutex;               // guards what follows
  std::condition_variable work;   // for workers: a claim is possible, or stop
  std::condition_variable ready;  // for the reader
  Phase phase = Phase::kSimulate;
  std::uint64_t lanes_left = 0;  // of the tile, not claimed yet
  std::uint64_t next_batch = 0;
  std::uint64_t given = 0;  // batches handed out
  int active = 0;           // makers inside a claim
  bool stop = false;
  bool ended = false;  // every batch of the stream was claimed and made
  std::vector<Slot> slots;
  std::vector<Slot*> order;  // by number of the batch, modulo: those claimed and not handed out
  std::vector<Maker> makers;
  std::vector<std::thread> threads;

  // Reader's.
  const bool reader_helps;
  TimestampCursor reader_time;
  Tally tally;
  std::uint64_t digest = 0;
};

// What a correct pipeline must put out for an event that a data fault has touched, but for the
// outputs that every valid event causes: those are counted for all alike, so what is not valid is
// taken off.
[[gnu::noinline]] void ObserveFaulty(const Record& record, Tally* tally) {
  const Fault fault = FaultOf(record);
  const Kind kind = KindOf(record.action);
  tally->AddFault(kind, fault);
  if (!fault.valid()) {
    --(kind == Kind::kPlayer     ? tally->player_events
       : kind == Kind::kPurchase ? tally->purchase_events
                                 : tally->server_metrics);
  } else if (kind == Kind::kPurchase) {
    const auto alert = static_cast<FraudAlert>(record.flags >> Record::kAlertShift & 3);
    tally->fraud_frequent += alert == FraudAlert::kFrequent ? 1 : 0;
    tally->fraud_multi += alert == FraudAlert::kMulti ? 1 : 0;
  } else if (kind == Kind::kServer) {
    tally->server_alerts += ServerAlert(record.a, record.b) ? 1 : 0;
  }
}

// What a correct pipeline must put out for a run, and the digest over its records.
std::uint64_t Observe(const Record* records, std::uint32_t count, Position first, Tally* tally) {
  std::uint64_t sum = 0;
  std::uint32_t rare = 0;  // bit n: record n is no player event
  for (std::uint32_t n = 0; n < count; ++n) {
    std::uint64_t words[2];
    std::memcpy(words, &records[n], sizeof(words));
    sum += Fold(words[0] ^ ((first + n) * 0x9E3779B97F4A7C15u),
                words[1] ^ 0xD6E8FEB86659FD93u ^ (first + n));
    rare |= std::uint32_t{records[n].action >= Action::kPurchase} << n;
  }
  for (; rare != 0; rare &= rare - 1) {
    const Record& record = records[std::countr_zero(rare)];
    if (record.action == Action::kServerMetric) {
      tally->server_alerts += ServerAlert(record.a, record.b) ? 1 : 0;
      continue;
    }
    if (record.action > Action::kServerMetric) [[unlikely]] {
      ObserveFaulty(record, tally);
      continue;
    }
    const auto alert = static_cast<FraudAlert>(record.flags >> Record::kAlertShift & 3);
    tally->fraud_frequent += alert == FraudAlert::kFrequent ? 1 : 0;
    tally->fraud_multi += alert == FraudAlert::kMulti ? 1 : 0;
  }
  return sum;
}

DataflowEncoder::Options EncoderOptionsOf(const RunSpec& spec) {
  DataflowEncoder::Options options;
  options.extended_types = spec.event_types == EventTypes::kExtended;
  options.id_prefix = spec.id_prefix;
  for (const Region& region : spec.scenario.servers.regions) options.regions.push_back(region.name);
  return options;
}

Status Stream::Impl::Start() {
  if (!lanes.ok()) {
    return {Code::kInternal, "out of memory: " + std::to_string(model.players()) +
                                 " players need " +
                                 std::to_string(model.lanes() * Lanes::BytesPerLane(model)) +
                                 " bytes; use fewer --players"};
  }
  std::uint64_t largest = LargestTile(layout);
  if (spec.paced()) {
    largest = std::min(largest, TileRunsAt(LargestMilliRate(spec), spec.shards));
  }
  // A tile's lanes get whole runs, so its store is a little larger than the tile.
  const std::uint64_t per_lane =
      (largest + layout.lanes() - 1) / std::max<std::uint64_t>(layout.lanes(), 1);
  tile.resize(std::max<std::uint64_t>(per_lane * std::min(layout.lanes(), largest), 1) *
              kRunLength);
  for (Batch& batch : slots) {
    batch.by_kind = options.by_kind;
    batch.runs.resize(kBatchRuns);
    if (options.records) {
      batch.records.resize(kBatchEvents);
      continue;
    }
    for (int k = 0; k < (options.by_kind ? kKinds : 1); ++k) {
      batch.buffers[static_cast<unsigned>(k)].resize(kBatchEvents * kMaxLine + kSlack);
    }
    if (options.index) batch.events.resize(kBatchEvents);
  }
  if (options.begin) {
    tile_end = std::min(options.begin(&lanes), layout.runs());
    next_batch = given = (tile_end + kBatchRuns - 1) / kBatchRuns;
  }
  NextTile();
  for (std::size_t n = 0; n < slots.size(); ++n) {
    makers[n % makers.size()].free.reserve(slots.size());
    makers[n % makers.size()].free.push_back(&slots[n]);
  }
  // The first maker is the reader, where it helps.
  threads.reserve(makers.size());
  for (std::size_t i = reader_helps ? 1 : 0; i < makers.size(); ++i) {
    threads.emplace_back([this, i] { Work(i); });
  }
  return {};
}

void Stream::Impl::NextTile() {
  tile_begin = tile_end;
  if (tile_begin == layout.runs()) {
    ended = true;
    ready.notify_all();
    work.notify_all();
    return;
  }
  std::uint64_t runs = LargestTile(layout);
  if (spec.paced()) {
    const std::int64_t at = plan.PlannedAt(layout.RunAt(tile_begin).first);
    runs = std::min(runs, TileRunsAt(plan.MilliRateAt(at), spec.shards));
    runs = std::min(runs, tile.size() / kRunLength / kBatchRuns * kBatchRuns);
  } else {
    // Small at first, so that the first event comes soon.
    grown = std::min(grown, runs);
    runs = grown;
    grown *= 4;
  }
  runs = std::min(std::max(runs, kBatchRuns), layout.runs() - tile_begin);
  tile_end = tile_begin + runs;
  tile_lanes = std::min(layout.lanes(), runs);
  stride = (runs + layout.lanes() - 1) / layout.lanes() * kRunLength;
  claim = RoundUp(std::max<std::uint64_t>(1, 2'048 / stride), Lanes::kTogether);
  phase = Phase::kSimulate;
  lanes_left = tile_lanes;
  const std::uint64_t share = RoundUp((tile_lanes + makers.size() - 1) / makers.size(), claim);
  for (std::size_t i = 0; i < makers.size(); ++i) {
    makers[i].next_lane = std::min(tile_lanes, i * share);
    makers[i].end_lane = std::min(tile_lanes, (i + 1) * share);
  }
  work.notify_all();
  ready.notify_one();  // a reader who helps
}

void Stream::Impl::Work(std::size_t self) {
  TimestampCursor time(plan, spec.start_ns, spec.timestamp_form);
  std::unique_lock lock(mutex);
  while (!stop && !ended) {
    if (!DoPiece(lock, self, time)) work.wait(lock);
  }
}

// Claims a piece of work and does it, without the mutex meanwhile. False: there is none to claim.
bool Stream::Impl::DoPiece(std::unique_lock<std::mutex>& lock, std::size_t self,
                           TimestampCursor& time) {
  return phase == Phase::kSimulate ? Simulate(lock, self) : EncodeNext(lock, self, time);
}

bool Stream::Impl::Simulate(std::unique_lock<std::mutex>& lock, std::size_t self) {
  // A maker has the same lanes in every tile, and helps out with another's at the end of one.
  Maker* from = &makers[self];
  if (from->next_lane == from->end_lane) {
    from = &*std::max_element(makers.begin(), makers.end(), [](const Maker& a, const Maker& b) {
      return a.end_lane - a.next_lane < b.end_lane - b.next_lane;
    });
    if (from->next_lane == from->end_lane) return false;
  }
  const std::uint64_t begin = from->next_lane;
  const std::uint64_t end = from->next_lane = std::min(from->end_lane, begin + claim);
  lanes_left -= end - begin;
  ++active;
  lock.unlock();
  SimulateRuns(layout, tile_begin, tile_end, begin, end, stride, tile.data(), &lanes);
  lock.lock();
  --active;
  if (lanes_left == 0 && active == 0) {
    phase = Phase::kEncode;
    work.notify_all();
    ready.notify_one();
  }
  return true;
}

bool Stream::Impl::EncodeNext(std::unique_lock<std::mutex>& lock, std::size_t self,
                              TimestampCursor& time) {
  if (next_batch * kBatchRuns >= tile_end) return false;
  Slot* const slot = TakeFree(self);
  if (slot == nullptr) return false;
  const std::uint64_t number = next_batch++;
  order[number % order.size()] = slot;
  // Stamps are taken in the order of the batches, so they never go backwards.
  if (options.stamps != nullptr) slot->stamp_ns = options.stamps->At(number);
  ++active;
  lock.unlock();
  Encode(number, slot, time);
  lock.lock();
  --active;
  slot->ready = true;
  ready.notify_one();
  if (next_batch * kBatchRuns >= tile_end && active == 0) {
    ShowLanes(lock, options.snapshots);
    ShowLanes(lock, options.watcher);
    NextTile();
  }
  return true;
}

Stream::Impl::Slot* Stream::Impl::TakeFree(std::size_t self) {
  std::vector<Slot*>* free = &makers[self].free;
  for (std::size_t i = 0; free->empty() && i < makers.size(); ++i) free = &makers[i].free;
  if (free->empty()) return nullptr;
  Slot* const slot = free->back();
  free->pop_back();
  slot->maker = self;
  return slot;
}

// Between two tiles: nothing can be claimed until the next one is there, so the lanes stand still
// without the mutex, and the reader does not wait for the copy.
void Stream::Impl::ShowLanes(std::unique_lock<std::mutex>& lock, LanesWatcher* watcher) {
  if (watcher == nullptr || tile_end == layout.runs() || watcher->wanted() > tile_end) return;
  lock.unlock();
  watcher->Take(tile_end, lanes);
  lock.lock();
}

void Stream::Impl::Encode(std::uint64_t number, Slot* slot, TimestampCursor& time) {
  Batch& batch = *slot;
  const std::uint64_t from = number * kBatchRuns;
  const std::uint64_t to = std::min(from + kBatchRuns, tile_end);
  batch.number = number;
  batch.runs.resize(to - from);
  if (options.stamps != nullptr) time.Fix(batch.stamp_ns);

  DataflowEncoder::Output out{};
  for (unsigned k = 0; k < kKinds; ++k) out.begin[k] = out.end[k] = batch.buffers[k].data();
  out.events = options.index ? batch.events.data() : nullptr;
  Record* copy = batch.records.data();
  Tally tally_now;
  std::uint64_t sum = 0;
  std::uint32_t total = 0;
  std::uint64_t rel = (from - tile_begin) % layout.lanes();
  std::uint64_t turn = (from - tile_begin) / layout.lanes();
  for (std::uint64_t q = from; q < to; ++q) {
    const Record* const records = &tile[rel * stride + turn * kRunLength];
    if (++rel == tile_lanes || rel == layout.lanes()) {
      rel = 0;
      ++turn;
    }
    // The next run is in another lane's slice: ask for it now.
    __builtin_prefetch(&tile[rel * stride + turn * kRunLength]);
    __builtin_prefetch(&tile[rel * stride + turn * kRunLength + 4]);
    __builtin_prefetch(&tile[rel * stride + turn * kRunLength + 8]);
    __builtin_prefetch(&tile[rel * stride + turn * kRunLength + 12]);
    const Layout::Run run = layout.RunAt(q);
    const auto count =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(kRunLength, layout.end() - run.first));
    batch.runs[q - from] = run.first;
    if (options.records) {
      std::memcpy(copy, records, count * sizeof(Record));
      copy += count;
      for (std::uint32_t n = 0; n < count; ++n) {
        ++out.kinds[static_cast<unsigned>(KindOf(records[n].action))];
      }
    } else {
      encoder.EncodeRun(records, count, run.lane, run.first, time, options.by_kind, &out);
    }
    sum += Observe(records, count, run.first, &tally_now);
    total += count;
  }
  batch.count = total;
  for (unsigned k = 0; k < kKinds; ++k) {
    batch.sizes[k] = static_cast<std::uint32_t>(out.end[k] - out.begin[k]);
  }
  batch.kinds = out.kinds;
  tally_now.player_events += out.kinds[0];
  tally_now.purchase_events += out.kinds[1];
  tally_now.server_metrics += out.kinds[2];
  slot->tally = tally_now;
  slot->digest = sum;
}

Batch* Stream::Impl::Take() {
  Slot*& next = order[given % order.size()];
  if (next == nullptr || !next->ready) return nullptr;
  Slot* const slot = std::exchange(next, nullptr);
  slot->ready = false;
  ++given;
  tally.Add(slot->tally);
  digest += slot->digest;
  return slot;
}

Stream::Stream(const RunSpec& spec, const StreamOptions& options)
    : impl_(std::make_unique<Impl>(spec, options)) {}

Stream::~Stream() {
  Stop();
  for (std::thread& thread : impl_->threads) thread.join();
}

Status Stream::Start() { return impl_->Start(); }

Batch* Stream::Next() {
  std::unique_lock lock(impl_->mutex);
  for (;;) {
    if (Batch* batch = impl_->Take()) return batch;
    if (impl_->Over()) return nullptr;
    const bool may_help = impl_->reader_helps && !impl_->stop;
    if (!may_help || !impl_->DoPiece(lock, 0, impl_->reader_time)) impl_->ready.wait(lock);
  }
}

Batch* Stream::TryNext() {
  const std::lock_guard lock(impl_->mutex);
  return impl_->Take();
}

bool Stream::ended() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->Over();
}

void Stream::Recycle(Batch* batch) {
  auto* const slot = static_cast<Impl::Slot*>(batch);
  const std::lock_guard lock(impl_->mutex);
  impl_->makers[slot->maker].free.push_back(slot);
  impl_->work.notify_one();
}

void Stream::Stop() {
  const std::lock_guard lock(impl_->mutex);
  impl_->stop = true;
  impl_->work.notify_all();
  impl_->ready.notify_all();
}

const Tally& Stream::tally() const { return impl_->tally; }
std::uint64_t Stream::digest() const { return impl_->digest; }

std::uint64_t Stream::MemoryBytes(const RunSpec& spec, const StreamOptions& options) {
  const Model model(spec.scenario, spec.seed);
  const Layout layout(model.lanes(), spec.shard, spec.shards, spec.end);
  std::uint64_t tile_runs = LargestTile(layout);
  if (spec.paced()) {
    tile_runs = std::min(tile_runs, TileRunsAt(LargestMilliRate(spec), spec.shards));
  }
  std::uint64_t batch = std::uint64_t{kBatchEvents} * kMaxLine * (options.by_kind ? kKinds : 1);
  if (options.index) batch += kBatchEvents * sizeof(EventRef);
  if (options.records) batch = kBatchEvents * sizeof(Record);
  const std::uint64_t lanes = std::min(layout.lanes(), layout.runs()) * Lanes::BytesPerLane(model);
  return lanes + tile_runs * kRunLength * sizeof(Record) + Slots(spec, options.threads) * batch +
         (options.snapshots == nullptr ? 0 : options.snapshots->MemoryBytes(lanes));
}

}  // namespace playload
