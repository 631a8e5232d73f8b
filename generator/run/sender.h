// Sender: brings the events of one stream to one destination, each when it is due. Open loop: a
// late event is sent late and counted, and moves no other.
//
// Threads: Run() and the report belong to one thread; released() and behind_ns() may be read by
// any. Ownership: stream, transport, deliveries, clock and flags outlive it.
//
// How late an event is goes from its planned instant to the moment before it is handed over, and is
// taken of every event.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "generator/base/histogram.h"
#include "generator/run/rate_log.h"
#include "generator/run/run_clock.h"
#include "generator/run/schedule.h"
#include "generator/run/waiter.h"
#include "generator/stream/stream.h"
#include "transports/deliveries.h"
#include "transports/transport.h"

namespace playload {

struct SenderOptions {
  // The plan against the steady clock; none when nothing is waited for (virtual clock, rate max).
  std::optional<Schedule> schedule;
  Pacing pacing = Pacing::kSleep;
  std::int64_t zero_ns = 0;  // the run's start on the clock, for the counts per second
  // Events planned before this instant were due before anybody could send them (`--start` in the
  // past): their lateness is not measured.
  std::int64_t opened_ns = 0;
  std::int64_t stop_at_ns = Plan::kNever;               // rate max with a duration
  Position end = 0;                                     // of the spec
  std::array<bool, kKinds> kinds = {true, true, true};  // those that the destination takes
};

struct SenderReport {
  bool complete = false;  // everything up to the spec's end was handed over
  Position end = 0;       // events before this position were
  // Events of each kind that the plan asked for by the time the sending ended; none when working it
  // out would take longer than anybody waits.
  std::optional<std::array<std::uint64_t, kKinds>> planned;
  Histogram lateness;  // ns after the planned instant
  RateLog rate;
  std::int64_t begun_ns = 0, ended_ns = 0;  // on the clock: sending
  std::int64_t starved_ns = 0;              // events were due and the stream had none ready
  std::int64_t full_ns = 0;                 // events were due and the destination took none
  std::int64_t offer_ns = 0;                // inside Transport::Offer()
  std::int64_t offer_cpu_ns = 0;            // of that, as CPU; judged by one offer in 16
  std::int64_t cpu_ns = 0;                  // of the sender's thread, which may make events, too
  std::uint64_t full_times = 0;
  std::uint64_t backfilled = 0;  // events planned before `opened_ns`
};

class Sender {
 public:
  Sender(Stream& stream, Transport& transport, Deliveries& deliveries, RunClock& clock,
         SenderOptions options)
      : stream_(stream),
        transport_(transport),
        deliveries_(deliveries),
        clock_(clock),
        options_(std::move(options)),
        waiter_(clock, options_.pacing, options_.zero_ns) {}

  // Sends until the stream ends, `stop` is set, the time is up or the destination is lost. Does not
  // flush. `hurry`: leave at once, without working out what the plan still asked for.
  void Run(const std::atomic<bool>& stop, const std::atomic<bool>& hurry);

  [[nodiscard]] const SenderReport& report() const { return report_; }
  [[nodiscard]] std::uint64_t released() const { return released_.load(std::memory_order_relaxed); }
  // How late the latest release was.
  [[nodiscard]] std::int64_t behind_ns() const { return behind_.load(std::memory_order_relaxed); }

 private:
  enum class Next { kGoOn, kEnd };

  Batch* NextBatch(const std::atomic<bool>& stop);
  Next SendBatch(const Batch& batch, const std::atomic<bool>& stop);
  std::uint32_t Offer(const Batch& batch, std::uint32_t to, std::int64_t* before_ns);
  void WaitForDue(Position position, std::int64_t now_ns, double gap_ns);
  bool OfferAll(const Batch& batch, std::uint32_t to, const std::atomic<bool>& stop);
  void CountAccepted(const Batch& batch, std::uint32_t from, std::uint32_t to, std::int64_t now_ns);
  void MeasureLateness(const Batch& batch, std::uint32_t from, std::uint32_t to,
                       std::int64_t now_ns);
  void CountStillPlanned(Batch* batch, const std::atomic<bool>& hurry);

  Stream& stream_;
  Transport& transport_;
  Deliveries& deliveries_;
  RunClock& clock_;
  const SenderOptions options_;
  Waiter waiter_;
  SenderReport report_;
  std::uint32_t at_ = 0;  // the first event of the batch that was not accepted yet
  std::int64_t last_idle_ns_ = 0;
  std::uint64_t offers_ = 0;
  std::atomic<std::uint64_t> released_{0};
  std::atomic<std::int64_t> behind_{0};
};

}  // namespace playload
