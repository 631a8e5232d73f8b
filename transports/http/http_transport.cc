#include "transports/http/http_transport.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>
#include <utility>

#include "generator/base/system.h"
#include "transports/http/reactor.h"
#include "transports/http/source.h"

namespace playload {
namespace {

// Where nothing is planned: how far the run may be ahead of its fastest reader.
constexpr Ordinal kMostAhead = Ordinal{96} * kBatchEvents;
// How long clients have for the event in hand, and answers for their rest, when the server ends.
constexpr std::int64_t kGraceNs = 1'000'000'000;
constexpr std::chrono::milliseconds kPoll{5};
// A release that comes so late makes up for the past.
constexpr std::int64_t kRacingNs = 1'000'000'000;

}  // namespace

struct HttpTransport::Impl {
  HttpSettings settings;
  Deliveries* deliveries;
  // The reactor uses the source, and is gone before it.
  std::unique_ptr<Source> source;
  std::unique_ptr<Reactor> reactor;
  bool complete = false;
  bool told = false;
  Status failed;
};

HttpTransport::HttpTransport(HttpSettings settings, Deliveries* deliveries)
    : impl_(std::make_unique<Impl>()) {
  impl_->settings = std::move(settings);
  impl_->deliveries = deliveries;
}

HttpTransport::~HttpTransport() { static_cast<void>(Close()); }

std::string HttpTransport::name() const {
  const ListenAddress& address =
      impl_->reactor ? impl_->reactor->address() : impl_->settings.listen;
  return "http://" + address.text();
}

Status HttpTransport::Open(const std::atomic<bool>& /*stop*/) {
  Result<Listener> listener = Listener::Open(impl_->settings.listen);
  if (!listener) return listener.error();
  impl_->reactor =
      std::make_unique<Reactor>(impl_->settings, std::move(*listener), impl_->deliveries);
  return impl_->reactor->Start();
}

Status HttpTransport::Begin(const RunSpec& spec, std::int64_t zero_ns, StampLog* stamps) {
  Reactor* const reactor = impl_->reactor.get();
  try {
    impl_->source = std::make_unique<Source>(
        spec, zero_ns, stamps, [reactor] { reactor->HistoryReady(); },
        [reactor] { reactor->PollsReady(); });
  } catch (const std::bad_alloc&) {
    return {Code::kInternal, "out of memory for serving HTTP"};
  }
  reactor->Begin(impl_->source.get());
  return {};
}

Snapshots* HttpTransport::snapshots() { return &impl_->source->snapshots; }

std::uint32_t HttpTransport::Offer(const Batch& batch, std::uint32_t from, std::uint32_t to) {
  Source& source = *impl_->source;
  if (!source.paced) {
    const Ordinal fastest = impl_->reactor->fastest();
    if (fastest == FanOut::kNobody || source.window.head() > fastest + kMostAhead) return 0;
  }
  if (from == 0) {
    auto block = std::make_shared<Block>();
    block->number = batch.number;
    block->count = batch.count;
    block->stamp_ns = batch.stamp_ns;
    std::copy_n(batch.records.begin(), batch.count, block->records.begin());
    source.window.Add(std::move(block));
  }
  const Ordinal first = batch.number * kBatchEvents;
  std::array<std::uint64_t, kKinds> kinds{};
  std::array<Ordinal, kKinds> latest{};
  for (std::uint32_t i = from; i < to; ++i) {
    const auto kind = static_cast<unsigned>(KindOf(batch.records[i].action));
    ++kinds[kind];
    latest[kind] = first + i + 1;
  }
  for (unsigned k = 0; k < kKinds; ++k) {
    if (kinds[k] == 0) continue;
    source.released[k].fetch_add(kinds[k], std::memory_order_relaxed);
    source.latest[k].store(latest[k], std::memory_order_relaxed);
  }
  if (source.paced) {
    const std::int64_t now = SteadyNow();
    const std::int64_t behind =
        now - source.zero_ns - source.tables.plan.PlannedAt(batch.position(from));
    source.behind_ns.store(behind, std::memory_order_relaxed);
    if (behind > kRacingNs) source.raced.store(true, std::memory_order_relaxed);
  }
  source.window.Release(first + to);
  impl_->reactor->HeadMoved();
  return to - from;
}

Status HttpTransport::failed() const { return impl_->failed; }

void HttpTransport::End(bool complete) {
  impl_->complete = complete;
  if (!impl_->source) return;
  impl_->source->window.End();
  impl_->reactor->HeadMoved();
}

Status HttpTransport::Flush(std::chrono::steady_clock::time_point deadline,
                            const std::atomic<bool>& hurry) {
  Impl& impl = *impl_;
  if (!impl.reactor || impl.told) return {};
  if (impl.complete) {
    impl.reactor->Drain();
    while (!impl.reactor->drained() && !hurry.load() &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kPoll);
    }
  }
  impl.reactor->Stop(hurry.load() ? 0 : kGraceNs);
  if (impl.source) {
    impl.told = true;
    TellShed(impl.reactor->coverage(), impl.source->tables.layout, impl.source->window.head(),
             impl.deliveries);
  }
  return {};
}

Status HttpTransport::Close() {
  if (impl_->reactor) impl_->reactor->Stop(0);
  return {};
}

HttpTransport::Activity HttpTransport::activity() const {
  if (!impl_->reactor) return {};
  return {impl_->reactor->streams(), impl_->reactor->handed()};
}

ClientSessions HttpTransport::clients() const {
  return impl_->reactor ? impl_->reactor->sessions() : ClientSessions{};
}

ServerStatus HttpTransport::status() const {
  return impl_->reactor ? impl_->reactor->status() : ServerStatus{};
}

std::uint64_t HttpTransport::MemoryBytes(const RunSpec& spec, const HttpSettings& settings) {
  const StreamTables tables(spec);
  const History::Options history;
  const std::uint64_t lanes = Cursor::MemoryBytes(tables);
  // The live window, the cache, one cursor of history and three of the polled endpoints, snapshots.
  return LiveWindow::kBlocks * sizeof(Block) + history.cache_bytes +
         std::max(lanes, std::min(history.cursor_bytes,
                                  lanes * static_cast<std::uint64_t>(history.max_cursors))) +
         kKinds * (lanes + PollSource::kMostAhead * sizeof(PolledEvent)) + Source::kSnapshotBytes +
         settings.max_connections * std::uint64_t{1'024};
}

}  // namespace playload
