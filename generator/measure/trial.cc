#include "generator/measure/trial.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "generator/base/system.h"
#include "generator/measure/curve.h"
#include "generator/measure/machine.h"
#include "generator/run/progress.h"
#include "transports/deliveries.h"

namespace playload {
namespace {

constexpr std::chrono::milliseconds kEvery{2};
// Nothing is read in the last moments of a run, in which it winds up.
constexpr std::int64_t kTailNs = 30'000'000;

std::uint64_t AckedIn(const Deliveries& deliveries) {
  std::uint64_t acked = 0;
  for (int k = 0; k < kKinds; ++k) acked += deliveries.fate(Fate::kAcked, static_cast<Kind>(k));
  return acked;
}

// Reads a run's counters between Begin() and End(), from a thread of its own.
class Sampler {
 public:
  // At most `most` points.
  Sampler(const SampleOptions& options, std::size_t most) : options_(options) {
    // The thread never waits for memory, nor fails for want of it.
    points_.reserve(most);
    thread_ = std::thread([this] { Work(); });
  }
  ~Sampler() { End(); }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // `deliveries` must stay until End().
  void Begin(const Deliveries& deliveries) {
    const std::lock_guard lock(mutex_);
    deliveries_ = &deliveries;
    changed_.notify_all();
  }

  // Idempotent.
  void End() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

  // After End().
  [[nodiscard]] const std::vector<CurvePoint>& points() const { return points_; }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return deliveries_ != nullptr || ended_; });
    if (ended_) return;
    const std::int64_t until = SteadyNow() + options_.settling_ns + options_.lasts_ns - kTailNs;
    std::int64_t warming_ns = -1;  // since when only time must pass
    while (!changed_.wait_for(lock, kEvery, [this] { return ended_; })) {
      CurvePoint point;
      point.at_ns = SteadyNow();
      if (point.at_ns > until || points_.size() == points_.capacity()) return;
      point.events = AckedIn(*deliveries_);
      if (point.events == 0 || point.events < options_.warm_events) continue;
      if (warming_ns < 0) warming_ns = point.at_ns;
      if (point.at_ns < warming_ns + options_.warm_ns) continue;
      point.cpu_ns = ProcessCpuNow();
      if (options_.pipe != nullptr) point.cpu_ns -= options_.pipe->ReaderCpuNow();
      points_.push_back(point);
    }
  }

  const SampleOptions options_;
  std::vector<CurvePoint> points_;  // the thread's until End()
  std::mutex mutex_;                // guards what follows
  std::condition_variable changed_;
  const Deliveries* deliveries_ = nullptr;
  bool ended_ = false;
  std::thread thread_;
};

// A signal ends a trial at once: nobody needs what is still under way.
Status Watched(RunOptions run, const std::atomic<bool>& stop) {
  Progress quiet(Progress::Style::kQuiet, STDERR_FILENO);
  return Execute(std::move(run), stop, stop, quiet).status;
}

}  // namespace

Status RunSampled(const RunOptions& run, const SampleOptions& options,
                  const std::atomic<bool>& stop, Figures* figures) {
  SampleOptions longer = options;
  for (int attempt = 1;; ++attempt) {
    Sampler sampler(
        longer,
        static_cast<std::size_t>((longer.settling_ns + longer.lasts_ns) / 1'000'000) + 1'000);
    RunOptions watched = run;
    watched.spec.run_ns = longer.settling_ns + longer.lasts_ns;
    watched.run_dir = run.run_dir + "-" + std::to_string(attempt);
    watched.opened = [&sampler](const std::string&, const std::vector<const Destination*>& open) {
      sampler.Begin(*open.front()->deliveries);
      return Status();
    };
    watched.finished = [&sampler](const RunSummary&) {
      sampler.End();
      return Status();
    };
    if (Status s = Watched(std::move(watched), stop); !s.ok()) return s;
    if (IsTelling(sampler.points(), longer.slices) ||
        longer.lasts_ns >= LongestNs(options.lasts_ns)) {
      return AddCurve(sampler.points(), longer.slices, figures);
    }
    longer.lasts_ns *= 2;
  }
}

Status RunWhole(RunOptions run, std::uint64_t warm_events, const std::atomic<bool>& stop,
                Figures* figures) {
  SampleOptions options;
  options.lasts_ns = INT64_MAX / 2;
  options.warm_events = warm_events;
  Sampler sampler(options, 1);  // where the counting begins
  CurvePoint begun;
  run.opened = [&](const std::string&, const std::vector<const Destination*>& open) {
    begun.cpu_ns = ProcessCpuNow();
    sampler.Begin(*open.front()->deliveries);
    return Status();
  };
  run.finished = [&](const RunSummary& summary) {
    const std::int64_t now = SteadyNow();
    const std::int64_t cpu = ProcessCpuNow();
    sampler.End();
    const DestinationSummary& destination = summary.destinations.front();
    begun.at_ns = destination.sender.begun_ns;
    if (!sampler.points().empty()) begun = sampler.points().front();
    if (summary.status.ok()) {
      figures->Add(destination.ledger.total(Fate::kAcked) - begun.events, now - begun.at_ns,
                   cpu - begun.cpu_ns);
    }
    return Status();
  };
  return Watched(std::move(run), stop);
}

}  // namespace playload
