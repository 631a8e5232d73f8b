#include "transports/http/history.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "generator/base/system.h"

namespace playload {
namespace {

// A longer way is gone in steps of so many events, some 35 ms.
constexpr std::uint64_t kStepEvents = std::uint64_t{1} << 20;
// After a step, so many of those who wait are asked whether theirs is near at hand.
constexpr int kMostLooked = 64;
// Consecutive blocks made before others have their turn.
constexpr int kMostInARow = 64;

}  // namespace

struct History::Impl {
  struct Request {
    bool asked;  // else to be made ahead
    std::list<std::uint64_t>::iterator place;
  };
  struct Kept {
    BlockRef block;
    bool pinned;  // asked for, and not given out yet
    bool fresh;   // not given out yet
    std::list<std::uint64_t>::iterator place;
  };
  struct Follower {
    std::unique_ptr<Cursor> cursor;
    std::uint64_t used = 0;  // in the order of their use; 0: never
  };

  Impl(const StreamTables& stream_tables, StampLog* stamp_log, const Snapshots* snapshot_store,
       const Options& history_options, std::function<void()> when_ready)
      : tables(stream_tables),
        stamps(stamp_log),
        snapshots(snapshot_store),
        options(history_options),
        ready(std::move(when_ready)),
        end((tables.layout.runs() + kBatchRuns - 1) / kBatchRuns),
        most_blocks(std::max<std::uint64_t>(options.cache_bytes / sizeof(Block), 1)) {}

  // Reactor's; the mutex is held.
  void Ask(std::uint64_t number);
  bool AskAhead(std::uint64_t number, std::uint32_t ahead);
  [[nodiscard]] bool AtHand(std::uint64_t number) const {
    return kept.contains(number) || requests.contains(number);
  }
  void Wake();

  // The thread's.
  void Work();
  bool MakeFollowers();
  void Step(std::unique_lock<std::mutex>& lock);
  Follower* Cheapest(std::uint64_t number, const Follower* except);
  void Approach(Follower& follower, std::uint64_t number, std::unique_lock<std::mutex>& lock);
  void ServeNear(const Follower& except, std::unique_lock<std::mutex>& lock);
  void Serve(Follower& follower, std::uint64_t number, std::unique_lock<std::mutex>& lock);
  void Keep(std::uint64_t number, BlockRef block, bool asked);
  void Evict();
  void Drop(std::map<std::uint64_t, Request>::iterator request);

  const StreamTables& tables;
  StampLog* const stamps;
  const Snapshots* const snapshots;
  const Options options;
  const std::function<void()> ready;
  const std::uint64_t end;          // blocks of the stream
  const std::uint64_t most_blocks;  // in the cache

  std::atomic<bool> stop{false};
  std::atomic<bool> ok{true};
  std::atomic<std::uint64_t> made{0};

  std::mutex mutex;  // guards what follows
  std::condition_variable wake;
  std::map<std::uint64_t, Request> requests;
  std::list<std::uint64_t> asked, ahead;  // requests, oldest first
  std::unordered_map<std::uint64_t, Kept> kept;
  std::list<std::uint64_t> pinned, unpinned;  // kept; the longest unused first
  std::uint64_t fresh = 0;                    // kept that were not given out yet
  bool forgot = false;                        // `ready` is to be called

  std::thread thread;  // the reactor's

  // The thread's.
  std::vector<Follower> followers;
  std::uint64_t uses = 0;
  std::array<Record, kBatchEvents> passed;
};

void History::Impl::Ask(std::uint64_t number) {
  const auto [request, added] = requests.try_emplace(number);
  if (added) {
    request->second = {true, asked.insert(asked.end(), number)};
  } else if (!request->second.asked) {
    request->second.asked = true;
    asked.splice(asked.end(), ahead, request->second.place);
  }
}

// Whether there is something new to do.
bool History::Impl::AskAhead(std::uint64_t number, std::uint32_t count) {
  // Batches that the run has not reached must not be stamped by looking ahead.
  const std::uint64_t limit = stamps == nullptr ? end : std::min(end, stamps->size());
  bool any = false;
  for (std::uint64_t n = number + 1; n <= number + count && n < limit; ++n) {
    if (AtHand(n)) continue;
    if (requests.size() + fresh >= most_blocks / 2) break;
    requests.emplace(n, Request{false, ahead.insert(ahead.end(), n)});
    any = true;
  }
  return any;
}

void History::Impl::Wake() {
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

void History::Impl::Work() {
  NameThisThread("http-history");
  try {
    ok = MakeFollowers();
    std::unique_lock lock(mutex);
    while (ok && !stop) {
      if (std::exchange(forgot, false)) {
        lock.unlock();
        ready();
        lock.lock();
      } else if (!requests.empty()) {
        Step(lock);
      } else {
        wake.wait(lock);
      }
    }
  } catch (const std::bad_alloc&) {
    ok = false;
  }
  if (!ok) ready();
}

// All that the budget allows: one that is never used takes address space only.
bool History::Impl::MakeFollowers() {
  const std::uint64_t most =
      std::clamp<std::uint64_t>(options.cursor_bytes / Cursor::MemoryBytes(tables), 1,
                                static_cast<std::uint64_t>(std::max(options.max_cursors, 1)));
  while (followers.size() < most) {
    auto cursor = std::make_unique<Cursor>(tables, snapshots);
    if (!cursor->ok()) break;
    followers.push_back({std::move(cursor)});
  }
  return !followers.empty();
}

History::Impl::Follower* History::Impl::Cheapest(std::uint64_t number, const Follower* except) {
  Follower* best = nullptr;
  std::uint64_t least = 0;
  for (Follower& follower : followers) {
    if (&follower == except) continue;
    const std::uint64_t cost = follower.cursor->CostTo(number);
    // Of equal ones, which begin again at the same snapshot, the one that nobody has needed
    // longest.
    if (best == nullptr || cost < least || (cost == least && follower.used < best->used)) {
      best = &follower;
      least = cost;
    }
  }
  return best;
}

void History::Impl::Step(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t target = asked.empty() ? ahead.front() : asked.front();
  Follower& follower = *Cheapest(target, nullptr);
  // The first one on the way; the target itself at the latest.
  const std::uint64_t way = follower.cursor->CostTo(target);
  auto next = requests.lower_bound(target - std::min(target, way / kBatchEvents));
  while (next->first < target && follower.cursor->CostTo(next->first) > way) ++next;
  const std::uint64_t number = next->first;
  if (follower.cursor->CostTo(number) <= kStepEvents) {
    Serve(follower, number, lock);
  } else {
    Approach(follower, number, lock);
    ServeNear(follower, lock);
  }
}

// One step of the way to a block.
void History::Impl::Approach(Follower& follower, std::uint64_t number,
                             std::unique_lock<std::mutex>& lock) {
  const std::uint64_t cost = follower.cursor->CostTo(number);
  const std::uint64_t blocks = std::min(number, (cost - kStepEvents) / kBatchEvents + 1);
  follower.used = ++uses;
  lock.unlock();
  follower.cursor->Read(number - blocks, passed.data(), &stop);
  lock.lock();
}

// The first of those who wait that is near at hand for another cursor.
void History::Impl::ServeNear(const Follower& except, std::unique_lock<std::mutex>& lock) {
  int looked = 0;
  for (const std::uint64_t number : asked) {
    if (stop || looked++ == kMostLooked) return;
    Follower* const follower = Cheapest(number, &except);
    if (follower == nullptr) return;
    if (follower->cursor->CostTo(number) > kStepEvents) continue;
    Serve(*follower, number, lock);
    return;
  }
}

// Makes the block, and those right behind it that are wanted too.
void History::Impl::Serve(Follower& follower, std::uint64_t number,
                          std::unique_lock<std::mutex>& lock) {
  follower.used = ++uses;
  for (int n = 0; n < kMostInARow && requests.contains(number); ++n, ++number) {
    lock.unlock();
    auto block = std::make_shared_for_overwrite<Block>();
    block->number = number;
    block->count = follower.cursor->Read(number, block->records.data(), &stop);
    if (stamps != nullptr) block->stamp_ns = stamps->At(number);
    lock.lock();
    if (stop) return;
    // It may have been forgotten meanwhile, or asked for where it was to be made ahead.
    const auto request = requests.find(number);
    const bool wanted = request != requests.end() && request->second.asked;
    if (request != requests.end()) Drop(request);
    Keep(number, std::move(block), wanted);
    if (wanted) {
      lock.unlock();
      ready();
      lock.lock();
    }
  }
}

void History::Impl::Keep(std::uint64_t number, BlockRef block, bool was_asked) {
  made.fetch_add(1, std::memory_order_relaxed);
  while (kept.size() >= most_blocks) Evict();
  std::list<std::uint64_t>& places = was_asked ? pinned : unpinned;
  kept[number] = {std::move(block), was_asked, true, places.insert(places.end(), number)};
  ++fresh;
}

void History::Impl::Evict() {
  std::list<std::uint64_t>& places = unpinned.empty() ? pinned : unpinned;
  const auto old = kept.find(places.front());
  fresh -= old->second.fresh ? 1 : 0;
  kept.erase(old);
  places.pop_front();
}

void History::Impl::Drop(std::map<std::uint64_t, Request>::iterator request) {
  (request->second.asked ? asked : ahead).erase(request->second.place);
  requests.erase(request);
}

History::History(const StreamTables& tables, StampLog* stamps, const Snapshots* snapshots,
                 const Options& options, std::function<void()> ready)
    : impl_(std::make_unique<Impl>(tables, stamps, snapshots, options, std::move(ready))) {}

History::~History() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
    impl_->wake.notify_one();
  }
  if (impl_->thread.joinable()) impl_->thread.join();
}

BlockRef History::Get(std::uint64_t number, std::uint32_t ahead) {
  Impl& impl = *impl_;
  const std::lock_guard lock(impl.mutex);
  const auto found = impl.kept.find(number);
  if (found == impl.kept.end()) {
    if (!impl.ok) return nullptr;
    impl.Ask(number);
    impl.AskAhead(number, ahead);
    impl.Wake();
    return nullptr;
  }
  Impl::Kept& kept = found->second;
  impl.unpinned.splice(impl.unpinned.end(), kept.pinned ? impl.pinned : impl.unpinned, kept.place);
  if (kept.fresh) --impl.fresh;
  kept.pinned = kept.fresh = false;
  // Not before half of what was made ahead is used up, so that the thread has something to do when
  // it wakes.
  if (ahead > 0 && impl.ok && !impl.AtHand(number + (ahead + 1) / 2) &&
      impl.AskAhead(number, ahead)) {
    impl.Wake();
  }
  return kept.block;
}

void History::Forget(std::uint64_t number) {
  Impl& impl = *impl_;
  const std::lock_guard lock(impl.mutex);
  const auto request = impl.requests.find(number);
  if (request != impl.requests.end() && request->second.asked) {
    impl.Drop(request);
    // Nor what was to be made ahead of it.
    for (std::uint64_t n = number + 1;; ++n) {
      const auto next = impl.requests.find(n);
      if (next == impl.requests.end() || next->second.asked) break;
      impl.Drop(next);
    }
    impl.forgot = true;
    impl.wake.notify_one();
  }
  const auto found = impl.kept.find(number);
  if (found != impl.kept.end() && found->second.pinned) {
    // The first to go, unless somebody takes it before.
    found->second.pinned = false;
    impl.unpinned.splice(impl.unpinned.begin(), impl.pinned, found->second.place);
  }
}

std::uint64_t History::made() const { return impl_->made.load(std::memory_order_relaxed); }

bool History::ok() const { return impl_->ok; }

}  // namespace playload
