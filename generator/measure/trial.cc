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
// A run that was over before enough had come is made again, each time twice as long.
constexpr int kAttempts = 4;

std::uint64_t AckedIn(const Deliveries& deliveries) {
  std::uint64_t acked = 0;
  for (int k = 0; k < kKinds; ++k) acked += deliveries.fate(Fate::kAcked, static_cast<Kind>(k));
  return acked;
}

// Reads a run's counters between Begin() and End(), from a thread of its own.
class Sampler {
 public:
  explicit Sampler(const SampleOptions& options) : options_(options) {
    // The thread never waits for memory, nor fails for want of it.
    points_.reserve(static_cast<std::size_t>(options.lasts_ns / 1'000'000) + 1'000);
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
    const std::int64_t until = SteadyNow() + options_.lasts_ns - kTailNs;
    std::int64_t first_ns = -1;
    while (!changed_.wait_for(lock, kEvery, [this] { return ended_; })) {
      CurvePoint point;
      point.at_ns = SteadyNow();
      if (point.at_ns > until || points_.size() == points_.capacity()) return;
      point.events = AckedIn(*deliveries_);
      if (point.events == 0) continue;
      if (first_ns < 0) first_ns = point.at_ns;
      if (point.at_ns < first_ns + options_.warm_ns) continue;
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
  Status status;
  SampleOptions longer = options;
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    Sampler sampler(longer);
    RunOptions watched = run;
    watched.spec.run_ns = longer.lasts_ns;
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
    status = AddCurve(sampler.points(), longer.slices, figures);
    if (status.ok()) return status;
    longer.lasts_ns *= 2;
  }
  return status;
}

Status RunWhole(RunOptions run, const std::atomic<bool>& stop, Figures* figures) {
  std::int64_t cpu_begun = 0;
  run.opened = [&cpu_begun](const std::string&, const std::vector<const Destination*>&) {
    cpu_begun = ProcessCpuNow();
    return Status();
  };
  run.finished = [&](const RunSummary& summary) {
    const DestinationSummary& destination = summary.destinations.front();
    if (summary.status.ok()) {
      figures->Add(destination.ledger.total(Fate::kAcked),
                   SteadyNow() - destination.sender.begun_ns, ProcessCpuNow() - cpu_begun);
    }
    return Status();
  };
  return Watched(std::move(run), stop);
}

}  // namespace playload
