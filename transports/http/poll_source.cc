#include "transports/http/poll_source.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "generator/base/system.h"

namespace playload {
namespace {

// Who pulls makes the plan: it goes on for as long as somebody does.
RunSpec Endless(RunSpec spec) {
  spec.end = RunSpec::kNoEnd;
  return spec;
}

}  // namespace

struct PollSource::Impl {
  // The events of a kind that are ready, in a ring.
  struct Queue {
    std::vector<PolledEvent> ring;
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    std::uint32_t wanted = 0;  // `ready` is to be called when there are so many; 0: nobody waits
    bool filling = false;
    bool dry = false;

    // The thread's.
    std::unique_ptr<Cursor> cursor;
    std::uint64_t batch = 0;   // the next to be read
    std::uint64_t barren = 0;  // events since the latest of the kind
  };

  Impl(const StreamTables& stream_tables, std::function<void()> when_ready)
      : tables(Endless(stream_tables.spec)), ready(std::move(when_ready)) {}

  void Wake();
  void Work();
  // Which is to be filled next, -1 for none; the mutex is held.
  [[nodiscard]] int Next() const;
  // Reads a batch and adds what it has of the kind; false when there is no memory.
  bool Fill(unsigned kind, std::unique_lock<std::mutex>& lock);

  const StreamTables tables;
  const std::function<void()> ready;
  std::atomic<bool> stop{false};
  std::atomic<bool> ok{true};

  std::mutex mutex;  // guards the queues
  std::condition_variable wake;
  std::array<Queue, kKinds> queues;

  // The reactor's.
  std::thread thread;
  std::array<std::uint64_t, kKinds> handed{};
  std::array<Position, kKinds> ends{};

  // The thread's.
  std::array<Record, kBatchEvents> records;
  std::vector<PolledEvent> found;
};

void PollSource::Impl::Wake() {
  if (thread.joinable()) {
    wake.notify_one();
    return;
  }
  try {
    thread = std::thread([this] { Work(); });
  } catch (const std::system_error&) {
    ok = false;
  }
}

void PollSource::Impl::Work() {
  NameThisThread("http-poll");
  try {
    found.reserve(kBatchEvents);
    std::unique_lock lock(mutex);
    while (ok && !stop) {
      const int kind = Next();
      if (kind < 0) {
        wake.wait(lock);
      } else if (!Fill(static_cast<unsigned>(kind), lock)) {
        ok = false;
      }
    }
  } catch (const std::bad_alloc&) {
    ok = false;
  }
  if (!ok) ready();
}

// Those that somebody waits for first; of these, the one with the least.
int PollSource::Impl::Next() const {
  int best = -1;
  for (int k = 0; k < kKinds; ++k) {
    const Queue& queue = queues[static_cast<unsigned>(k)];
    if (!queue.filling) continue;
    if (best >= 0) {
      const Queue& other = queues[static_cast<unsigned>(best)];
      const bool waited = queue.wanted > 0;
      const bool other_waited = other.wanted > 0;
      if (waited < other_waited || (waited == other_waited && queue.size >= other.size)) continue;
    }
    best = k;
  }
  return best;
}

bool PollSource::Impl::Fill(unsigned kind, std::unique_lock<std::mutex>& lock) {
  Queue& queue = queues[kind];
  lock.unlock();
  if (queue.cursor == nullptr) {
    queue.cursor = std::make_unique<Cursor>(tables, nullptr);
    if (!queue.cursor->ok()) {
      lock.lock();
      return false;
    }
  }
  const std::uint64_t number = queue.batch++;
  const std::uint32_t count = queue.cursor->Read(number, records.data(), &stop);
  found.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    ++queue.barren;
    if (KindOf(records[i].action) != static_cast<Kind>(kind)) continue;
    queue.barren = 0;
    const Layout::Run run = tables.layout.RunAt(number * kBatchRuns + i / kRunLength);
    found.push_back({records[i], run.lane, run.first + i % kRunLength});
  }
  lock.lock();
  if (queue.ring.empty()) queue.ring.resize(kMostAhead);
  for (const PolledEvent& event : found) {
    queue.ring[(queue.begin + queue.size++) % kMostAhead] = event;
  }
  queue.dry = count == 0 || queue.barren >= kMostBarren;
  queue.filling = !queue.dry && queue.size <= kMostAhead - kBatchEvents;
  if (queue.wanted > 0 && (queue.size >= queue.wanted || queue.dry)) {
    queue.wanted = 0;
    lock.unlock();
    ready();
    lock.lock();
  }
  return true;
}

PollSource::PollSource(const StreamTables& tables, std::function<void()> ready)
    : impl_(std::make_unique<Impl>(tables, std::move(ready))) {}

PollSource::~PollSource() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
    impl_->wake.notify_one();
  }
  if (impl_->thread.joinable()) impl_->thread.join();
}

bool PollSource::Take(Kind kind, std::uint32_t count, std::vector<PolledEvent>* out) {
  Impl& impl = *impl_;
  const auto k = static_cast<unsigned>(kind);
  const std::lock_guard lock(impl.mutex);
  Impl::Queue& queue = impl.queues[k];
  const bool enough = queue.size >= count;
  if (enough) {
    out->clear();
    const std::uint32_t first = std::min(count, kMostAhead - queue.begin);
    const auto begin = queue.ring.begin();
    out->insert(out->end(), begin + queue.begin, begin + queue.begin + first);
    out->insert(out->end(), begin, begin + (count - first));
    queue.begin = (queue.begin + count) % kMostAhead;
    queue.size -= count;
    impl.handed[k] += count;
    impl.ends[k] = out->back().position + 1;
  } else if (!queue.dry) {
    queue.wanted = queue.wanted == 0 ? count : std::min(queue.wanted, count);
  }
  if (queue.size < kMostAtOnce && !queue.filling && !queue.dry) {
    queue.filling = true;
    impl.Wake();
  }
  return enough;
}

bool PollSource::dry(Kind kind) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->queues[static_cast<unsigned>(kind)].dry;
}

std::array<std::uint64_t, kKinds> PollSource::handed() const { return impl_->handed; }
std::array<Position, kKinds> PollSource::ends() const { return impl_->ends; }
bool PollSource::ok() const { return impl_->ok; }

}  // namespace playload
