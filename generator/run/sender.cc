#include "generator/run/sender.h"

#include <algorithm>

namespace playload {
namespace {

// How long a full destination is left alone before it is offered the rest again.
constexpr std::int64_t kFullWaitNs = 1'000'000;
// What is buffered is pushed out when nothing is due for this long, and at least this often.
constexpr std::int64_t kIdleAfterNs = 1'000'000;
constexpr std::int64_t kIdleEveryNs = 100'000'000;
// Asking for the CPU time is a system call: of the offers, one in so many is measured.
constexpr std::uint64_t kMeasureOffers = 16;
// Working out what the plan still asked for reads on in the stream; more than this is not waited
// for.
constexpr std::uint64_t kMostStillPlanned = 20'000'000;

// Events of each kind in [from, to) of a batch.
void AddKinds(const Batch& batch, std::uint32_t from, std::uint32_t to,
              std::array<std::uint64_t, kKinds>* kinds) {
  if (from == 0 && to == batch.count) {
    for (std::size_t k = 0; k < kKinds; ++k) (*kinds)[k] += batch.kinds[k];
    return;
  }
  for (std::uint32_t i = from; i < to; ++i) {
    ++(*kinds)[static_cast<std::size_t>(batch.kind(i))];
  }
}

}  // namespace

void Sender::Run(const std::atomic<bool>& stop, const std::atomic<bool>& hurry) {
  const std::int64_t cpu_before = clock_.CpuNow();
  report_.begun_ns = clock_.Now();
  report_.planned.emplace();
  Batch* batch = nullptr;
  while ((batch = NextBatch(stop)) != nullptr) {
    at_ = 0;
    const Next next = SendBatch(*batch, stop);
    if (at_ > 0) report_.end = batch->position(at_ - 1) + 1;
    if (next == Next::kEnd) break;
    stream_.Recycle(batch);
  }
  report_.ended_ns = clock_.Now();
  const bool time_up = report_.ended_ns >= options_.stop_at_ns;
  report_.complete = (time_up || (batch == nullptr && stream_.ended())) && !stop.load() &&
                     transport_.failed().ok() && !transport_.reader_gone();
  if (report_.complete && !time_up && options_.end != RunSpec::kNoEnd) report_.end = options_.end;
  if (!report_.complete) CountStillPlanned(batch, hurry);
  if (batch != nullptr) stream_.Recycle(batch);
  report_.cpu_ns = clock_.CpuNow() - cpu_before;
  if (offers_ > 0) {
    const std::uint64_t measured = (offers_ + kMeasureOffers - 1) / kMeasureOffers;
    report_.offer_cpu_ns =
        static_cast<std::int64_t>(static_cast<double>(report_.offer_cpu_ns) *
                                  static_cast<double>(offers_) / static_cast<double>(measured));
  }
}

// The next batch, or null at the end. The time in which it should have been there already counts as
// starved: with a schedule from when its first event was due, without one from now.
Batch* Sender::NextBatch(const std::atomic<bool>& stop) {
  if (stop.load(std::memory_order_relaxed)) return nullptr;
  const std::int64_t asked = clock_.Now();
  if (asked >= options_.stop_at_ns) return nullptr;
  Batch* batch = stream_.TryNext();
  if (batch != nullptr || stream_.ended()) return batch;
  batch = stream_.Next();
  if (batch == nullptr) return nullptr;
  std::int64_t wanted = asked;
  if (options_.schedule) {
    wanted = std::max(asked, options_.schedule->PlannedAt(batch->position(0)));
  }
  report_.starved_ns += std::max<std::int64_t>(0, clock_.Now() - wanted);
  return batch;
}

Sender::Next Sender::SendBatch(const Batch& batch, const std::atomic<bool>& stop) {
  const double gap_ns = options_.schedule ? options_.schedule->GapNs(batch) : 0;
  while (at_ < batch.count) {
    if (stop.load(std::memory_order_relaxed)) return Next::kEnd;
    std::uint32_t to = batch.count;
    if (options_.schedule) {
      const std::int64_t now = clock_.Now();
      to = options_.schedule->DueIn(batch, at_, now);
      if (to == at_) {
        WaitForDue(batch.position(at_), now, gap_ns);
        continue;
      }
    }
    if (!OfferAll(batch, to, stop)) return Next::kEnd;
  }
  return Next::kGoOn;
}

void Sender::WaitForDue(Position position, std::int64_t now_ns, double gap_ns) {
  const std::int64_t due = options_.schedule->DueAt(position);
  const std::int64_t wake = waiter_.WakeAt(due, now_ns, gap_ns);
  if (wake - now_ns > kIdleAfterNs || now_ns - last_idle_ns_ > kIdleEveryNs) {
    transport_.Idle();
    last_idle_ns_ = now_ns;
  }
  behind_.store(0, std::memory_order_relaxed);
  waiter_.WaitUntil(wake, due, now_ns);
}

// Offers [at_, to) once; `before_ns`: when.
std::uint32_t Sender::Offer(const Batch& batch, std::uint32_t to, std::int64_t* before_ns) {
  const bool measured = offers_++ % kMeasureOffers == 0;
  const std::int64_t cpu_before = measured ? clock_.CpuNow() : 0;
  if (DeliveryWatch* const watch = deliveries_.watch()) watch->Offering(batch.position(to - 1) + 1);
  *before_ns = clock_.Now();
  const std::uint32_t taken = transport_.Offer(batch, at_, to);
  if (measured) report_.offer_cpu_ns += clock_.CpuNow() - cpu_before;
  return taken;
}

// Offers [at_, to) until all of it is taken; false when it never will be.
bool Sender::OfferAll(const Batch& batch, std::uint32_t to, const std::atomic<bool>& stop) {
  std::int64_t full_since = -1;
  bool alive = true;
  while (true) {
    std::int64_t before = 0;
    const std::uint32_t taken = Offer(batch, to, &before);
    const std::int64_t after = clock_.Now();
    report_.offer_ns += after - before;
    if (taken > 0) {
      CountAccepted(batch, at_, at_ + taken, before);
      at_ += taken;
    }
    if (at_ == to) {
      if (full_since >= 0) report_.full_ns += after - full_since;
      return !transport_.reader_gone();
    }
    alive = transport_.failed().ok() && !transport_.reader_gone() &&
            !stop.load(std::memory_order_relaxed) && after < options_.stop_at_ns;
    if (full_since < 0) {
      full_since = after;
      if (alive) ++report_.full_times;
    }
    if (!alive) {
      report_.full_ns += after - full_since;
      return false;
    }
    clock_.WaitUntil(after + kFullWaitNs);
  }
}

void Sender::CountAccepted(const Batch& batch, std::uint32_t from, std::uint32_t to,
                           std::int64_t now_ns) {
  std::array<std::uint64_t, kKinds> kinds{};
  AddKinds(batch, from, to, &kinds);
  std::uint64_t all = 0;
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (!options_.kinds[k] || kinds[k] == 0) continue;
    deliveries_.Generated(static_cast<Kind>(k), kinds[k]);
    (*report_.planned)[k] += kinds[k];
    all += kinds[k];
  }
  report_.rate.Add(now_ns - options_.zero_ns, all);
  released_.fetch_add(all, std::memory_order_relaxed);
  if (options_.schedule) MeasureLateness(batch, from, to, now_ns);
}

void Sender::MeasureLateness(const Batch& batch, std::uint32_t from, std::uint32_t to,
                             std::int64_t now_ns) {
  std::array<std::int64_t, kRunLength> planned{};
  behind_.store(now_ns - options_.schedule->PlannedAt(batch.position(from)),
                std::memory_order_relaxed);
  // Positions follow each other within a run.
  for (std::uint32_t i = from; i < to;) {
    const std::uint32_t n = std::min<std::uint32_t>(to - i, kRunLength - i % kRunLength);
    options_.schedule->PlannedAt(batch.position(i), n, planned.data());
    for (std::uint32_t k = 0; k < n; ++k) {
      if (planned[k] < options_.opened_ns) {
        ++report_.backfilled;
      } else {
        report_.lateness.Record(now_ns - planned[k]);
      }
    }
    i += n;
  }
}

// After an early end of a paced run: which events were due by then and did not go out, by kind.
// Only the stream knows, so it is read on up to that position.
void Sender::CountStillPlanned(Batch* batch, const std::atomic<bool>& hurry) {
  if (!options_.schedule) return;  // nothing was planned beyond what was sent
  const Position due = options_.schedule->DueBefore(report_.ended_ns);
  std::array<std::uint64_t, kKinds> kinds{};
  std::uint64_t read = 0;
  std::uint32_t from = at_;
  Batch* own = nullptr;
  if (batch == nullptr) {
    batch = own = due > report_.end ? stream_.Next() : nullptr;
    from = 0;
  }
  while (batch != nullptr) {
    const std::uint32_t to =
        from < batch->count ? options_.schedule->DueIn(*batch, from, report_.ended_ns) : from;
    AddKinds(*batch, from, to, &kinds);
    read += to - from;
    const bool all_due = to == batch->count;
    if (own != nullptr) stream_.Recycle(own);
    if (!all_due) break;
    if (read > kMostStillPlanned || hurry.load()) break;
    batch = own = stream_.Next();
    from = 0;
  }
  if (read > kMostStillPlanned || hurry.load()) {
    report_.planned.reset();
    return;
  }
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (options_.kinds[k]) (*report_.planned)[k] += kinds[k];
  }
}

}  // namespace playload
