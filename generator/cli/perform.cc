#include "generator/cli/perform.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "generator/base/system.h"
#include "generator/base/text.h"
#include "generator/cli/background.h"
#include "generator/cli/http_flags.h"
#include "generator/cli/output.h"
#include "generator/cli/verify_flags.h"
#include "generator/reference/run_pipeline.h"
#include "generator/run/progress.h"
#include "generator/run/run.h"
#include "generator/run/run_clock.h"
#include "generator/run/signals.h"
#include "generator/verify/live.h"
#include "generator/verify/verify.h"

namespace playload {
namespace {

// Descriptors of a run that are no client's: files, Kafka's connections, epoll and its kin.
constexpr std::uint64_t kOtherDescriptors = 64;
// How often the verdict so far is worked out, for a line that is rewritten and for lines of a log.
constexpr std::int64_t kJudgeLiveNs = 250'000'000;
constexpr std::int64_t kJudgeLinesNs = 2'000'000'000;

// What runs beside a run: the reference pipeline and the live verification, on its Kafka.
class Company {
 public:
  Company(const RunSetup& setup, const Signals& signals, Progress& progress)
      : setup_(setup), signals_(signals), progress_(progress) {}

  Status Opened(const std::string& run_dir, const std::vector<const Destination*>& destinations);
  Status Finished(const RunSummary& summary);
  // For the progress line; "" where there is nothing to say.
  [[nodiscard]] std::string Says() const;

 private:
  Status StartPipeline(const KafkaTransport& kafka);
  Status StartVerification(const std::string& run_dir, const Destination& destination);
  Status FinishPipeline(const std::atomic<bool>& enough);
  Status FinishVerification(const RunSummary& summary, const std::atomic<bool>& enough);
  void Hold() const;

  const RunSetup& setup_;
  const Signals& signals_;
  Progress& progress_;
  std::string embedded_;  // where the embedded Kafka is
  std::atomic<bool> all_sent_{false};
  // 16 MiB, so only where it is wanted.
  const std::unique_ptr<LiveFeed> feed_ = setup_.verify ? std::make_unique<LiveFeed>() : nullptr;
  Background<PipelineReport> pipeline_;
  Background<Verification> verification_;
};

Status Company::Opened(const std::string& run_dir,
                       const std::vector<const Destination*>& destinations) {
  const auto found = std::find_if(destinations.begin(), destinations.end(),
                                  [](const Destination* d) { return d->kafka != nullptr; });
  if (found == destinations.end()) return {};
  const Destination& destination = **found;
  for (const Destination* each : destinations) {
    if (!each->address.kafka.embedded) continue;
    embedded_ = each->kafka->bootstrap();
    progress_.Note("kafka://embedded is at " + embedded_ + " as long as this runs: kcat -b " +
                   embedded_ + " -C -t " + each->topics[0]);
  }
  if (setup_.pipeline) {
    if (Status s = StartPipeline(*destination.kafka); !s.ok()) return s;
  }
  if (setup_.verify) return StartVerification(run_dir, destination);
  return {};
}

std::string Company::Says() const {
  return verification_.started() ? feed_->verdict.Text() : std::string();
}

Status Company::StartPipeline(const KafkaTransport& kafka) {
  const DestinationOptions& run = setup_.run.destinations;
  PipelineOptions options;
  options.brokers = kafka.bootstrap();
  options.settings = run.kafka;
  options.topics = run.topics;
  options.finish = &all_sent_;
  options.create_topics = run.create_topics;
  options.connect_timeout = run.connect_timeout;
  options.log = run.log;
  // The pipeline begins at the beginning of its topics; what is in there already it would count
  // too.
  for (const char* const usual : ReferencePipeline::kInputNames) {
    const auto offsets = kafka.start_offsets().find(TopicFor(run.topics, usual));
    if (offsets == kafka.start_offsets().end()) continue;
    if (std::any_of(offsets->second.begin(), offsets->second.end(),
                    [](std::int64_t offset) { return offset > 0; })) {
      return Invalid("--pipeline: topic " + offsets->first +
                     " holds events of before, which the pipeline would count too; give the run "
                     "topics of its own with --topic");
    }
  }
  pipeline_.Start([options](const std::atomic<bool>& stop) { return RunPipeline(options, stop); });
  return {};
}

Status Company::StartVerification(const std::string& run_dir, const Destination& destination) {
  const DestinationOptions& run = setup_.run.destinations;
  VerifyOptions options = setup_.verification;
  options.run_dir = run_dir;
  options.from = "kafka://" + destination.kafka->bootstrap();
  options.fed_by = destination.transport->name();
  options.topics = run.topics;
  options.threads = setup_.run.threads;
  options.log = [this](const std::string& line) { progress_.Note(line); };
  if (setup_.verify_at) {
    options.from = "kafka://" + setup_.verify_at->brokers;
    std::vector<std::string> topics;
    for (const std::string& usual : OutputsOf(options.rules)) {
      topics.push_back(TopicFor(run.topics, usual));
    }
    auto ends = TopicEnds({.brokers = setup_.verify_at->brokers,
                           .settings = run.kafka,
                           .connect_timeout = run.connect_timeout},
                          topics, signals_.stop());
    if (!ends) return {ends.error().code(), "--verify: " + ends.error().message()};
    feed_->output_starts = std::move(*ends);
  }

  if (IsPaced(setup_.run.spec)) {
    feed_->zero_ns = destination.start->zero_ns.load(std::memory_order_acquire);
    feed_->opened_ns = destination.start->opened_ns.load();
  }
  feed_->judge_every_ns = progress_.style() == Progress::Style::kLive    ? kJudgeLiveNs
                          : progress_.style() == Progress::Style::kLines ? kJudgeLinesNs
                                                                         : 0;
  destination.deliveries->WatchWith(&feed_->watch);
  options.live = feed_.get();
  verification_.Start([options](const std::atomic<bool>& stop) {
    NameThisThread("verify");
    return Verify(options, stop);
  });
  return {};
}

Status Company::Finished(const RunSummary& summary) {
  // Who has ended the run with a signal must send one more to leave this out, too.
  const std::atomic<bool>& enough = summary.signalled ? signals_.hurry() : signals_.stop();
  if (feed_ != nullptr) {
    feed_->interrupted.store(summary.interrupted);
    feed_->over.store(true);
  }
  Status status = FinishPipeline(enough);
  if (const Status verified = FinishVerification(summary, enough); status.ok()) {
    status = verified;
  }
  Hold();
  return status;
}

Status Company::FinishPipeline(const std::atomic<bool>& enough) {
  if (!pipeline_.started()) return {};
  all_sent_.store(true);
  const Result<PipelineReport> report = pipeline_.Wait(enough);
  if (!report) return {report.error().code(), "--pipeline: " + report.error().message()};
  progress_.Note("pipeline: " + report->Line());
  return {};
}

Status Company::FinishVerification(const RunSummary& summary, const std::atomic<bool>& enough) {
  if (!verification_.started()) return {};
  SteadyClock clock;
  Result<Verification> verification =
      verification_.Wait(enough, [&] { progress_.Show(Says(), clock.Now()); });
  if (!verification) {
    return {verification.error().code(), "--verify: " + verification.error().message()};
  }
  Verdict& verdict = verification->verdict;
  NoteSilence(setup_.run.destinations.topics, &verdict);
  if (Status s = WriteVerdict(summary.run_dir, verdict, verification->history_fields); !s.ok()) {
    return s;
  }
  if (!verdict.thresholds.empty()) {
    RunSummary judged = summary;
    judged.thresholds = verdict.thresholds;
    if (Status s = WriteSummary(judged); !s.ok()) return s;
  }
  // It shows records as they came, whatever is in them.
  const std::string text = Printable(VerdictText(verdict, verification->history));
  progress_.Finish();
  // The verdict is this command's result, unless its result is the events.
  const std::vector<Address>& to = setup_.run.to;
  if (std::any_of(to.begin(), to.end(), [](const Address& address) {
        return address.scheme == Address::Scheme::kStdout;
      })) {
    progress_.Say(text);
  } else if (Status s = Print(text); !s.ok()) {
    return s;
  }
  // Who cuts it short learns of it by the exit code.
  if (enough.load()) {
    return {Code::kInterrupted, "--verify: interrupted; the verdict is that so far"};
  }
  return StatusOf(verdict);
}

void Company::Hold() const {
  // Beside a server that was held, the embedded Kafka has been up as long.
  if (setup_.hold_ns == 0 || embedded_.empty() || setup_.run.stay_ns > 0) return;
  progress_.Note("holding kafka://embedded at " + embedded_ + " for " +
                 FormatDuration(setup_.hold_ns) + "; Ctrl-C ends it");
  SteadyClock clock;
  const std::int64_t until = clock.Now() + setup_.hold_ns;
  while (clock.Now() < until && !signals_.stop().load()) {
    clock.WaitUntil(std::min(until, clock.Now() + 50'000'000));
  }
}

// Every client is a descriptor, and the usual soft limit is there for programs that use select().
// Says so where even the hard one does not allow what was asked for.
void MakeRoomForClients(const RunSetup& setup, Progress& progress) {
  const auto servers = static_cast<std::uint64_t>(std::count_if(
      setup.run.to.begin(), setup.run.to.end(),
      [](const Address& address) { return address.scheme == Address::Scheme::kHttp; }));
  rlimit limit{};
  if (servers == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  const std::uint64_t most = setup.run.destinations.http.max_connections;
  const std::uint64_t room =
      limit.rlim_cur > kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors : 0;
  if (limit.rlim_cur == RLIM_INFINITY || room >= servers * most) return;
  const std::string line = "this process may have " + FormatCount(limit.rlim_cur) +
                           " descriptors open (ulimit -Hn): some " + FormatCount(room) +
                           " clients find room, the others of --max-connections " +
                           FormatCount(most) + " have to wait";
  // Who did not ask for that many need not be told so loudly.
  most == HttpSettings{}.max_connections ? progress.Note(line) : progress.Say(line);
}

}  // namespace

std::string Headline(const RunSetup& setup) {
  const RunSpec& spec = setup.run.spec;
  std::string line = spec.scenario.name + ", seed " + std::to_string(spec.seed);
  if (setup.seed_drawn) {
    line += " (drawn; --seed " + std::to_string(spec.seed) + " makes the same events again)";
  }
  if (setup.player) return line + ", " + *setup.player + " alone";
  if (spec.shards > 1) {
    line += ", shard " + std::to_string(spec.shard) + " of " + std::to_string(spec.shards);
  }
  if (spec.end != RunSpec::kNoEnd) line += ", " + FormatCount(spec.end) + " events";
  line += " to";
  for (const Address& address : setup.run.to) line += " " + address.text;
  return line;
}

Status Perform(const RunSetup& setup) {
  Progress progress(Progress::StyleFor(setup.quiet, STDERR_FILENO, std::getenv("TERM")),
                    STDERR_FILENO);
  const Signals signals;
  for (const std::string& warning : setup.warnings) progress.Say(warning);
  progress.Note(Headline(setup));
  MakeRoomForClients(setup, progress);

  Company company(setup, signals, progress);
  RunOptions options = setup.run;
  options.destinations.log = [&progress](const std::string& line) { progress.Say(line); };
  options.serving = [&](const std::vector<const Destination*>& destinations) {
    for (const Destination* each : destinations) {
      progress.Say(
          WhoMayRead(each->transport->name(), each->address.http, setup.run.destinations.http));
    }
  };
  options.opened = [&company](const std::string& run_dir,
                              const std::vector<const Destination*>& destinations) {
    return company.Opened(run_dir, destinations);
  };
  options.beside = [&company] { return company.Says(); };
  options.finished = [&](const RunSummary& summary) {
    std::string text = SummaryText(summary);
    text.pop_back();  // Note() ends the line
    progress.Note(text);
    return company.Finished(summary);
  };
  const RunResult result = Execute(std::move(options), signals.stop(), signals.hurry(), progress);
  for (const Status& other : result.others) progress.Say("playload: " + other.message());
  return result.status;
}

}  // namespace playload
