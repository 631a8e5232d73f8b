#include "generator/run/run.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "generator/base/system.h"
#include "generator/base/text.h"
#include "generator/run/json_file.h"
#include "generator/run/manifest.h"
#include "generator/run/run_clock.h"
#include "generator/run/sender.h"
#include "generator/simulate/model.h"
#include "generator/stream/stream.h"

namespace playload {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
// How long before its first event is due a stream is started: its tables, threads and first batches
// take some 8 ms on an idle core, and the memory of its players some 2 ns each.
constexpr std::int64_t kLeadNs = 16'000'000;
constexpr std::int64_t kLeadNsPerPlayer = 4;
// What writing the manifest may take, between the choice of a start and that of the streams.
constexpr std::int64_t kManifestNs = 4'000'000;
// How often the flags of the signals are looked at.
constexpr std::chrono::milliseconds kPoll{20};
// How often a server that stays is asked whether it still can.
constexpr std::chrono::milliseconds kLookAfterServer{200};
// An interrupted stream is made again up to its end to know its digest and what it expects; at
// several million events a second that is not worth waiting for beyond this.
constexpr std::uint64_t kMostRegenerated = 20'000'000;

struct StreamFacts {
  Tally tally;
  std::uint64_t digest = 0;
};

enum class Go { kWait, kStart, kAbort };

// One destination's thread and what it has to say.
struct Worker {
  Destination destination;
  std::thread thread;
  SteadyClock clock;
  // Made when the clock is known; read by the main thread for the progress line.
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Sender> sender;
  LanesWatcher* watcher = nullptr;  // of the first destination's stream: the checkpoints

  // Guarded by Shared::mutex. `serves`: readers get answers; `stays`: all is sent, and the server
  // is up until Shared::leave.
  bool opened = false, serves = false, sent = false, stays = false, done = false;
  // The worker's until `done` (`status` until `opened`, too; `facts` until `stays`).
  Status status;   // of opening, sending and closing
  Status flushed;  // whether everything accepted was told in time
  std::optional<StreamFacts> facts;
};

// What main thread and workers share.
struct Shared {
  std::mutex mutex;
  std::condition_variable changed;
  Go go = Go::kWait;   // guarded by mutex
  bool leave = false;  // guarded by mutex: no destination stays any longer
  bool stay = false;   // constant

  std::atomic<bool> stop{false};  // a signal, or another destination could not be opened
  std::atomic<bool> hurry{false};
  RunStart start;
  std::unique_ptr<StampLog> stamps;  // rate max
  RunSpec spec;                      // constant once go is kStart
  int threads = 1;
  Pacing pacing = Pacing::kSleep;
  std::int64_t drain_timeout_ns = 0;
};

StreamOptions OptionsFor(const Shared& shared, const Transport& transport) {
  StreamOptions options;
  options.threads = shared.threads;
  options.by_kind = transport.by_kind();
  options.index = transport.needs_index();
  options.records = transport.wants_records();
  options.stamps = shared.stamps.get();
  return options;
}

SenderOptions SenderOptionsFor(const Shared& shared, const Destination& destination) {
  SenderOptions options;
  options.zero_ns = shared.start.zero_ns.load();
  options.opened_ns = shared.start.opened_ns.load();
  options.end = shared.spec.end;
  options.kinds = destination.kinds;
  options.pacing = shared.pacing;
  if (IsPaced(shared.spec)) {
    options.schedule.emplace(Plan(shared.spec.scenario.plan), options.zero_ns);
  }
  if (shared.spec.rate_max && shared.spec.run_ns > 0) {
    options.stop_at_ns = options.zero_ns + shared.spec.run_ns;
  }
  return options;
}

// Whether the readers of an HTTP destination can be told of the run now.
bool Begin(Shared& shared, Worker& worker) {
  HttpTransport* const http = worker.destination.http;
  if (http == nullptr) return true;
  worker.status = http->Begin(shared.spec, shared.start.zero_ns.load(), shared.stamps.get());
  if (!worker.status.ok()) return false;
  const std::lock_guard lock(shared.mutex);
  worker.serves = true;
  shared.changed.notify_all();
  return true;
}

void Send(Shared& shared, Worker& worker) {
  Transport& transport = *worker.destination.transport;
  StreamOptions options = OptionsFor(shared, transport);
  if (worker.destination.http != nullptr) options.snapshots = worker.destination.http->snapshots();
  options.watcher = worker.watcher;
  {
    auto stream = std::make_unique<Stream>(shared.spec, options);
    auto sender =
        std::make_unique<Sender>(*stream, transport, *worker.destination.deliveries, worker.clock,
                                 SenderOptionsFor(shared, worker.destination));
    const std::lock_guard lock(shared.mutex);
    worker.stream = std::move(stream);
    worker.sender = std::move(sender);
  }
  worker.status = worker.stream->Start();
  if (worker.status.ok()) {
    WakeThisThreadPrecisely();
    worker.sender->Run(shared.stop, shared.hurry);
    if (worker.sender->report().complete) {
      worker.facts = StreamFacts{worker.stream->tally(), worker.stream->digest()};
    }
    worker.status = transport.failed();
  }
  worker.stream->Stop();
}

// Of an HTTP destination: serves on until it is told to leave, where that is wanted and everything
// was sent.
void Stay(Shared& shared, Worker& worker) {
  HttpTransport* const http = worker.destination.http;
  const bool complete = worker.sender->report().complete && worker.status.ok();
  if (http != nullptr) http->End(complete);
  std::unique_lock lock(shared.mutex);
  worker.sent = true;
  worker.stays = shared.stay && http != nullptr && complete;
  shared.changed.notify_all();
  while (worker.stays && !shared.leave) {
    shared.changed.wait_for(lock, kLookAfterServer);
    if (const Status failed = http->failed(); !failed.ok()) {
      worker.status = failed;
      break;
    }
  }
  worker.stays = false;
}

void Flush(Shared& shared, Worker& worker) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::nanoseconds(shared.drain_timeout_ns);
  worker.flushed = worker.destination.transport->Flush(deadline, shared.hurry);
}

// Opens, waits for the clock, sends, flushes, closes.
void Work(Shared& shared, Worker& worker) {
  Transport& transport = *worker.destination.transport;
  try {
    worker.status = transport.Open(shared.stop);
    Go go = Go::kAbort;
    {
      std::unique_lock lock(shared.mutex);
      worker.opened = true;
      shared.changed.notify_all();
      shared.changed.wait(lock, [&] { return shared.go != Go::kWait; });
      go = shared.go;
    }
    if (go == Go::kStart && Begin(shared, worker)) {
      Send(shared, worker);
      Stay(shared, worker);
      Flush(shared, worker);
    }
  } catch (const std::bad_alloc&) {
    worker.status = {Code::kInternal, "out of memory while sending to " + transport.name()};
  } catch (const std::exception& error) {
    worker.status = {Code::kInternal, "sending to " + transport.name() + ": " + error.what()};
  }
  // Closing repeats what flushing could not do; only what is new counts.
  const Status closed = transport.Close();
  if (worker.status.ok() && closed.message() != worker.flushed.message()) worker.status = closed;
  const std::lock_guard lock(shared.mutex);
  worker.opened = worker.sent = worker.done = true;
  worker.serves = worker.stays = false;
  shared.changed.notify_all();
}

// What has no fate yet may be anywhere among the events before the end.
void CallOpenUnknown(LedgerEntry* entry) {
  constexpr auto kUnknown = static_cast<std::size_t>(Fate::kUnknown);
  std::uint64_t open = 0;
  for (std::size_t k = 0; k < kKinds; ++k) {
    std::uint64_t rest = entry->generated[k];
    for (const auto& fate : entry->fates) rest -= fate[k];
    entry->fates[kUnknown][k] += rest;
    open += rest;
  }
  if (open == 0) return;
  entry->intervals[kUnknown] = {{0, entry->end - 1}};
  entry->coarse = true;
}

// Of the kinds of events that were sent there.
void AddFaults(const Tally& tally, const std::array<bool, kKinds>& kinds, LedgerEntry* entry) {
  entry->faults = tally.faults;
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (!kinds[k]) (*entry->faults)[k] = {};
  }
}

class Run {
 public:
  Run(RunOptions options, const std::atomic<bool>& stop, const std::atomic<bool>& hurry,
      Progress& progress)
      : options_(std::move(options)), stop_(stop), hurry_(hurry), progress_(progress) {}

  RunResult Do();

 private:
  Status Prepare();
  Status OpenAll();
  [[nodiscard]] std::int64_t LeadNs() const;
  Status Announce();
  void ChooseStart(std::int64_t lead_ns);
  Status WriteFirstManifest();
  void PrepareCheckpoints();
  void FinishCheckpoints();
  void SendAll();
  void Abort();
  void TellServing();
  void StayUp();
  void RecordSoFar();
  void Leave();
  [[nodiscard]] bool All(bool Worker::*flag) const;
  void PassSignalsOn();
  void ShowProgress();
  template <typename Done>
  void WaitUntil(Done done);
  std::optional<StreamFacts> Regenerate(Position end) const;
  void Judge(const Status& begun);
  Status WriteFiles();

  RunOptions options_;
  const std::atomic<bool>& stop_;
  const std::atomic<bool>& hurry_;
  Progress& progress_;
  Shared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<CheckpointWriter> checkpoints_;  // null: none are left
  bool staying_ = false;                           // nothing is left to be interrupted
  Manifest manifest_;
  RunSummary summary_;
};

Status Run::Prepare() {
  const std::string id = MakeRunId(UtcNow(), options_.spec);
  summary_.run_dir = options_.run_dir;
  summary_.run_id = id;
  if (summary_.run_dir.empty()) {
    // Two runs of the same second and seed each get a folder of their own.
    for (int n = 1;; ++n) {
      summary_.run_id = n == 1 ? id : id + "-" + std::to_string(n);
      summary_.run_dir = "playload-runs/" + summary_.run_id;
      std::error_code ignored;
      if (!std::filesystem::exists(summary_.run_dir, ignored)) break;
    }
  }
  return MakeRunDirectory(summary_.run_dir);
}

void Run::PassSignalsOn() {
  if (stop_.load(std::memory_order_relaxed)) {
    summary_.signalled = true;
    if (!summary_.interrupted && !staying_) {
      summary_.interrupted = true;
      progress_.Note("interrupted: flushing what was sent; once more to leave at once");
      Leave();
    }
    shared_.stop.store(true);
  }
  if (hurry_.load(std::memory_order_relaxed)) shared_.hurry.store(true);
}

// Waits for workers, passing the signals on. `done` is asked with the mutex held.
template <typename Done>
void Run::WaitUntil(Done done) {
  while (true) {
    {
      std::unique_lock lock(shared_.mutex);
      if (shared_.changed.wait_for(lock, kPoll, done)) return;
    }
    PassSignalsOn();
    if (shared_.go == Go::kStart) ShowProgress();
  }
}

Status Run::OpenAll() {
  for (const Address& address : options_.to) {
    auto worker = std::make_unique<Worker>();
    worker->destination =
        MakeDestination(address, options_.spec, options_.destinations, shared_.start);
    workers_.push_back(std::move(worker));
  }
  for (const auto& worker : workers_) {
    worker->thread = std::thread([this, &worker = *worker] { Work(shared_, worker); });
  }
  // The first that fails calls the others off.
  Status status;
  WaitUntil([&] {
    bool all = true;
    for (const auto& worker : workers_) {
      all = all && worker->opened;
      if (worker->opened && !worker->status.ok() && status.ok()) {
        status = worker->status;
        shared_.stop.store(true);
      }
    }
    return all;
  });
  PassSignalsOn();
  if (summary_.interrupted) return {Code::kInterrupted, "interrupted before the start"};
  return status;
}

// The streams of a run's destinations start together, on the same cores.
std::int64_t Run::LeadNs() const {
  const std::uint64_t players = options_.spec.scenario.population.players;
  return (kLeadNs + kLeadNsPerPlayer * static_cast<std::int64_t>(players)) *
         static_cast<std::int64_t>(workers_.size());
}

// Chooses the start and writes it down. Where that takes so long, on a slow disk, that the streams
// would not be ready, once more for a later start.
Status Run::Announce() {
  SteadyClock clock;
  const std::int64_t before = clock.Now();
  ChooseStart(LeadNs() + kManifestNs);
  if (shared_.stamps) {
    Status spooled = shared_.stamps->SpoolTo(StampsFile(summary_.run_dir));
    if (!spooled.ok()) return spooled;
  }
  Status status = WriteFirstManifest();
  const std::int64_t took = clock.Now() - before;
  if (!status.ok() || took <= kManifestNs || options_.start_given || !IsPaced(options_.spec)) {
    return status;
  }
  ChooseStart(LeadNs() + 2 * took);
  return WriteFirstManifest();
}

void Run::ChooseStart(std::int64_t lead_ns) {
  SteadyClock clock;
  RunSpec& spec = options_.spec;
  const std::int64_t steady = clock.Now();
  const std::int64_t wall = UtcNow();
  if (!options_.start_given) {
    spec.start_ns = wall;
    if (IsPaced(spec)) {
      // A whole millisecond, so that it can be typed again.
      spec.start_ns = (wall + lead_ns) / 1'000'000 * 1'000'000;
    }
  }
  const std::int64_t zero = IsPaced(spec) ? steady + (spec.start_ns - wall) : steady;
  shared_.start.start_ns.store(spec.start_ns);
  // Of a start in the past: what was due before the senders could begin is not called late.
  shared_.start.opened_ns.store(options_.start_given ? std::max(zero, steady + lead_ns) : zero);
  shared_.start.zero_ns.store(zero, std::memory_order_release);
  if (spec.rate_max) shared_.stamps = std::make_unique<StampLog>(UtcNow);
  shared_.spec = spec;
  shared_.threads = options_.threads;
  shared_.pacing = options_.pacing;
  shared_.drain_timeout_ns = options_.drain_timeout_ns;
  shared_.stay =
      options_.stay_ns > 0 && std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) {
        return worker->destination.http != nullptr;
      });
  summary_.spec = spec;
  summary_.zero_ns = zero;
  summary_.pacing = options_.pacing;
}

Status Run::WriteFirstManifest() {
  manifest_.run_id = summary_.run_id;
  manifest_.spec = shared_.spec;
  manifest_.destinations.clear();
  for (const auto& worker : workers_) {
    ManifestDestination entry;
    entry.to = worker->destination.transport->name();
    entry.topics = worker->destination.topics;
    if (worker->destination.kafka != nullptr) {
      entry.start_offsets = worker->destination.kafka->start_offsets();
    }
    manifest_.destinations.push_back(std::move(entry));
  }
  return WriteManifest(summary_.run_dir, manifest_);
}

void Run::PrepareCheckpoints() {
  const CheckpointPlan plan = PlanCheckpoints(options_.spec, options_.checkpoints);
  manifest_.checkpoints = plan.on ? "on" : "none: " + plan.why_not;
  if (!plan.on || workers_.empty()) return;
  checkpoints_ = std::make_unique<CheckpointWriter>(summary_.run_dir, options_.spec, plan);
  workers_.front()->watcher = checkpoints_.get();
}

void Run::FinishCheckpoints() {
  if (!checkpoints_) return;
  if (const Status s = checkpoints_->Finish(); !s.ok()) {
    progress_.Note("no more checkpoints were left: " + s.message());
  }
}

// With the mutex held.
bool Run::All(bool Worker::*flag) const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [flag](const auto& worker) { return (*worker).*flag; });
}

void Run::Abort() {
  shared_.stop.store(true);
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.go = Go::kAbort;
  }
  shared_.changed.notify_all();
  WaitUntil([&] { return All(&Worker::done); });
}

void Run::SendAll() {
  summary_.begun = true;
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.go = Go::kStart;
  }
  shared_.changed.notify_all();
  TellServing();
  if (shared_.stay) StayUp();
  WaitUntil([&] { return All(&Worker::done); });
  progress_.Finish();
}

void Run::TellServing() {
  if (!options_.serving) return;
  std::vector<const Destination*> serving;
  WaitUntil([&] {
    serving.clear();
    for (const auto& worker : workers_) {
      if (worker->destination.http == nullptr || worker->done) continue;
      if (!worker->serves) return false;
      serving.push_back(&worker->destination);
    }
    return true;
  });
  if (!serving.empty()) options_.serving(serving);
}

// Waits for the run's end, then for the end of the time that servers stay up, or for a signal.
void Run::StayUp() {
  const auto through = [&] {
    return std::all_of(workers_.begin(), workers_.end(),
                       [](const auto& worker) { return worker->done || worker->stays; });
  };
  WaitUntil([&] { return shared_.leave || through(); });
  {
    const std::lock_guard lock(shared_.mutex);
    staying_ = !shared_.leave && !All(&Worker::done);
  }
  if (!staying_) return;
  RecordSoFar();
  const bool endless = options_.stay_ns == RunOptions::kUntilSignal;
  progress_.Note(
      "every event is released; the server stays " +
      (endless ? "until Ctrl-C" : "for " + FormatDuration(options_.stay_ns) + "; Ctrl-C ends it"));
  SteadyClock clock;
  const std::int64_t until = endless ? INT64_MAX : clock.Now() + options_.stay_ns;
  WaitUntil([&] { return summary_.signalled || clock.Now() >= until || All(&Worker::done); });
  Leave();
}

void Run::RecordSoFar() {
  std::vector<LedgerEntry> ledger;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const Worker& worker = *workers_[i];
    const Destination& destination = worker.destination;
    const Position end = worker.sender ? worker.sender->report().end : 0;
    manifest_.destinations[i].end = end;
    if (worker.facts) manifest_.destinations[i].digest = worker.facts->digest;
    ledger.push_back(MakeLedgerEntry(destination.transport->name(), destination.topics, end,
                                     *destination.deliveries));
    if (worker.facts) AddFaults(worker.facts->tally, destination.kinds, &ledger.back());
    ledger.back().has_faults = !shared_.spec.scenario.faults.empty();
    CallOpenUnknown(&ledger.back());
  }
  Status status = WriteManifest(summary_.run_dir, manifest_);
  if (status.ok()) status = WriteLedger(summary_.run_dir, summary_.run_id, ledger);
  // It is written once more at the end; what stands in the way then is the run's error.
  if (!status.ok()) progress_.Say("playload: " + status.message());
}

void Run::Leave() {
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.leave = true;
  }
  shared_.changed.notify_all();
}

void Run::ShowProgress() {
  if (progress_.style() == Progress::Style::kQuiet) return;
  SteadyClock clock;
  const RunSpec& spec = shared_.spec;
  const std::int64_t now = clock.Now();
  ProgressSample sample;
  sample.elapsed_ns = now - summary_.zero_ns;
  sample.draining = true;
  if (spec.shards == 1 && spec.end != RunSpec::kNoEnd) sample.events = spec.end;
  if (IsPaced(spec) && spec.end != RunSpec::kNoEnd && spec.end > 0) {
    sample.length_ns = Plan(spec.scenario.plan).PlannedAt(spec.end);
  } else if (spec.rate_max) {
    sample.length_ns = spec.run_ns;
  }
  const std::lock_guard lock(shared_.mutex);
  for (const auto& worker : workers_) {
    ProgressSample::Destination row;
    row.to = worker->destination.transport->name();
    const Deliveries& deliveries = *worker->destination.deliveries;
    for (int k = 0; k < kKinds; ++k) {
      const Kind kind = static_cast<Kind>(k);
      row.acked += deliveries.fate(Fate::kAcked, kind);
      for (const Fate fate : {Fate::kFailed, Fate::kUnknown, Fate::kShed}) {
        row.lost += deliveries.fate(fate, kind);
      }
    }
    if (worker->sender) {
      row.released = std::max(worker->sender->released(), row.acked + row.lost);
      row.behind_ns = worker->sender->behind_ns();
    }
    if (const HttpTransport* const http = worker->destination.http; worker->serves) {
      const HttpTransport::Activity activity = http->activity();
      row.readers = ProgressSample::Readers{activity.streams, activity.handed};
    }
    sample.draining = sample.draining && worker->sent && !worker->stays;
    sample.staying = sample.staying || (staying_ && worker->stays);
    sample.destinations.push_back(std::move(row));
  }
  if (options_.beside) sample.beside = options_.beside();
  progress_.Show(sample, now);
}

// The facts of a stream that was cut off in the middle of a batch.
std::optional<StreamFacts> Run::Regenerate(Position end) const {
  RunSpec spec = shared_.spec;
  spec.end = end;
  if (end / spec.shards > kMostRegenerated) return std::nullopt;
  StreamOptions options;
  options.threads = options_.threads;
  options.index = false;
  options.stamps = shared_.stamps.get();
  Stream stream(spec, options);
  if (!stream.Start().ok()) return std::nullopt;
  while (Batch* batch = stream.Next()) {
    stream.Recycle(batch);
    if (hurry_.load(std::memory_order_relaxed)) return std::nullopt;
  }
  return StreamFacts{stream.tally(), stream.digest()};
}

// Gathers what the workers have to say, and what it means for the run.
void Run::Judge(const Status& begun) {
  const RunSpec& spec = summary_.spec;
  // Making the tables for it takes milliseconds, which nobody waits for now.
  if (spec.shards > 1) summary_.lanes = Model(spec.scenario, spec.seed).lanes();
  Status lost;
  for (const auto& worker : workers_) {
    const Destination& destination = worker->destination;
    DestinationSummary row;
    row.sender = worker->sender ? worker->sender->report() : SenderReport{};
    if (!worker->sender) row.sender.planned.emplace();  // it was not asked for anything
    row.ledger = MakeLedgerEntry(destination.transport->name(), destination.topics, row.sender.end,
                                 *destination.deliveries);
    row.ledger.has_faults = !spec.scenario.faults.empty();
    row.status = worker->status;
    row.reader_gone = destination.transport->reader_gone();
    row.kinds = destination.kinds;
    row.counters = destination.deliveries->counters();
    row.reasons = destination.deliveries->reasons();
    row.latency_from_plan = destination.deliveries->latency_from_plan();
    row.latency_from_send = destination.deliveries->latency_from_send();
    if (destination.http != nullptr && summary_.begun) {
      row.http = HttpSummary{destination.http->clients(), destination.http->status()};
    }
    const std::uint64_t gone = row.ledger.total(Fate::kFailed) + row.ledger.total(Fate::kUnknown);
    // Who interrupts a run does not wait for everything: that is no failure of the destination.
    if (row.status.ok() && !summary_.interrupted) row.status = worker->flushed;
    if (gone > 0 && row.status.ok() && !summary_.interrupted) {
      row.status = {Code::kDestination,
                    FormatCount(gone) + " events failed or unknown at " + row.ledger.to};
    }
    if (!row.ledger.adds_up()) {
      row.status = {Code::kInternal,
                    "the events of " + row.ledger.to + " do not add up; this is a bug in playload"};
    }
    if (lost.ok()) lost = row.status;
    summary_.destinations.push_back(std::move(row));
  }
  summary_.status = !begun.ok() ? begun : lost;
  if (summary_.status.ok() && summary_.interrupted) {
    summary_.status = {Code::kInterrupted, "interrupted; what was sent is in " + summary_.run_dir};
  }
  if (!summary_.begun) return;

  manifest_.finished = true;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    std::optional<StreamFacts> facts = workers_[i]->facts;
    const Position end = summary_.destinations[i].sender.end;
    for (std::size_t j = 0; j < i && !facts; ++j) {
      if (summary_.destinations[j].sender.end == end) facts = workers_[j]->facts;
    }
    if (!facts) facts = workers_[i]->facts = Regenerate(end);
    manifest_.destinations[i].end = end;
    if (facts) {
      manifest_.destinations[i].digest = facts->digest;
      AddFaults(facts->tally, summary_.destinations[i].kinds, &summary_.destinations[i].ledger);
    }
    if (const std::optional<HttpSummary>& http = summary_.destinations[i].http) {
      manifest_.destinations[i].polled = http->server.polled_events;
    }
    if (facts && i == 0) {
      summary_.expected = facts->tally;
      summary_.digest = facts->digest;
    }
  }
}

Status Run::WriteFiles() {
  Status status;
  const auto keep_first = [&](const Status& next) {
    if (status.ok()) status = next;
  };
  if (summary_.begun) {
    if (shared_.stamps) keep_first(shared_.stamps->Finish());
    std::vector<LedgerEntry> ledger;
    for (const DestinationSummary& row : summary_.destinations) ledger.push_back(row.ledger);
    keep_first(WriteLedger(summary_.run_dir, summary_.run_id, ledger));
    // Last: who waits for the run's end looks here for it, and then reads the others.
    keep_first(WriteManifest(summary_.run_dir, manifest_));
  }
  if (summary_.status.ok()) summary_.status = status;
  keep_first(WriteSummary(summary_));
  return status;
}

RunResult Run::Do() {
  summary_.spec = options_.spec;
  if (const Status made = Prepare(); !made.ok()) return {made, {}, {}};
  Status begun = OpenAll();
  if (begun.ok()) {
    PrepareCheckpoints();
    begun = Announce();
  }
  if (begun.ok() && options_.opened) {
    std::vector<const Destination*> open;
    for (const auto& worker : workers_) open.push_back(&worker->destination);
    begun = options_.opened(summary_.run_dir, open);
  }
  begun.ok() ? SendAll() : Abort();
  for (const auto& worker : workers_) worker->thread.join();
  FinishCheckpoints();
  Judge(begun);
  for (const auto& worker : workers_) {  // what comes after may need the memory
    worker->sender.reset();
    worker->stream.reset();
  }
  std::vector<Status> wrong = {summary_.status};
  // Who was called off because of another has nothing to say.
  for (const DestinationSummary& row : summary_.destinations) {
    if (row.status.code() != Code::kInterrupted) wrong.push_back(row.status);
  }
  wrong.push_back(WriteFiles());
  if (options_.finished && summary_.begun) wrong.push_back(options_.finished(summary_));

  RunResult result;
  for (Status& status : wrong) {
    if (status.ok()) continue;
    if (result.status.ok()) {
      result.status = std::move(status);
    } else if (status.message() != result.status.message()) {
      result.others.push_back(std::move(status));
    }
  }
  result.summary = std::move(summary_);
  return result;
}

}  // namespace

std::string MakeRunId(std::int64_t now_ns, const RunSpec& spec) {
  std::string id;
  for (const char c : FormatInstant(now_ns / kNsPerSecond * kNsPerSecond)) {
    if (c != '-' && c != ':') id += c;
  }
  id += '-';
  for (const char c : spec.scenario.name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    id += plain || c == '_' ? c : '-';
  }
  id += "-" + std::to_string(spec.seed);
  if (spec.shards > 1) {
    id += "-shard-" + std::to_string(spec.shard) + "-of-" + std::to_string(spec.shards);
  }
  return id;
}

RunResult Execute(RunOptions options, const std::atomic<bool>& stop, const std::atomic<bool>& hurry,
                  Progress& progress) {
  return Run(std::move(options), stop, hurry, progress).Do();
}

}  // namespace playload
