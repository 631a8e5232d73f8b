#include "generator/verify/verify.h"

#include <simdjson.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "generator/base/system.h"
#include "generator/base/text.h"
#include "generator/pace/plan.h"
#include "generator/rules/load.h"
#include "generator/run/json_file.h"
#include "generator/run/ledger.h"
#include "generator/run/manifest.h"
#include "generator/simulate/model.h"
#include "generator/verify/collector.h"
#include "generator/verify/expectation.h"
#include "generator/verify/expected.h"
#include "generator/verify/fault_lines.h"
#include "generator/verify/finished_run.h"
#include "generator/verify/history.h"
#include "generator/verify/input_matcher.h"
#include "generator/verify/judge_thresholds.h"
#include "generator/verify/latency.h"
#include "generator/verify/live.h"
#include "generator/verify/locate.h"
#include "generator/verify/output_matcher.h"
#include "generator/verify/rules_verify.h"

namespace playload {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kPolled = "polled";
constexpr const char* kInputNames[kKinds] = {"player-events", "purchase-events", "server-metrics"};
// Once everything expected is there: for what comes beyond it.
constexpr milliseconds kGrace{1'000};
// The timeout of a run that was interrupted.
constexpr milliseconds kInterruptedTimeout{3'000};
constexpr const char* kNotMeasured = "not measured; --latency does that";
// Between two looks at the manifest of a run that goes on.
constexpr milliseconds kLook{500};
// Between two lines about what is waited for.
constexpr milliseconds kSayEvery{10'000};
// What a run may take beyond its plan: to drain its queues, to write its files.
constexpr std::chrono::seconds kOverrun{60};
// So often what came meanwhile is read while the events are made again.
constexpr Position kPollEvery = 4'096;

constexpr std::size_t kMostSummaryBytes = std::size_t{64} << 20;

}  // namespace

Result<FedBy> FindFedBy(const Manifest& manifest, const std::string& name) {
  const auto& all = manifest.destinations;
  std::vector<FedBy> found;
  std::string names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool http = all[i].to.starts_with("http://");
    if (name == kPolled ? http : all[i].to == name) found.push_back({i, name == kPolled});
    names += (names.empty() ? "" : ", ") + all[i].to;
    if (http && names.find(kPolled) == std::string::npos) names += std::string(", ") + kPolled;
  }
  if (found.size() == 1) return found.front();
  if (!found.empty()) {
    return Invalid("--fed-by " + name + ": the run had several such destinations");
  }
  return Invalid("--fed-by " + Quoted(name) + " is no destination of this run; it had: " + names);
}

namespace {

// The events that were handed out by the polled endpoints, none of which were lost to our
// knowledge.
Result<FinishedRun> LoadPolled(const std::string& run_dir, const Manifest& manifest,
                               std::size_t destination, int threads) {
  const ManifestDestination& server = manifest.destinations[destination];
  if (!server.polled) {
    return Invalid(run_dir + ": it is not known what was polled, for the run did not end in order");
  }
  FinishedRun run;
  run.spec = manifest.spec;
  run.walker = WalkPolled(manifest.spec, *server.polled, threads);
  run.replay = std::make_shared<const Replay>(manifest.spec, std::vector<std::int64_t>(),
                                              server.polled, threads);
  run.ledger.to = server.to;
  run.ledger.topics = server.topics;
  run.ledger.generated = run.ledger.fates[0] = *server.polled;
  return run;
}

}  // namespace

Result<FinishedRun> LoadRun(const std::string& run_dir, const FedBy& fed_by, int threads) {
  const std::size_t destination = fed_by.destination;
  if (fed_by.polled) {
    const Result<Manifest> manifest = ReadManifest(run_dir);
    if (!manifest) return manifest.error();
    return LoadPolled(run_dir, *manifest, destination, threads);
  }
  Result<RunSpec> spec = SpecFromManifest(run_dir, destination);
  if (!spec) return spec.error();
  Result<std::vector<LedgerEntry>> ledger = ReadLedger(run_dir);
  if (!ledger) return ledger.error();
  if (destination >= ledger->size()) {
    return Invalid(run_dir + "/ledger.json: fewer destinations than in manifest.json");
  }
  std::vector<std::int64_t> stamps;
  if (spec->rate_max) {
    Result<std::vector<std::int64_t>> recorded = ReadStamps(run_dir);
    if (!recorded) return recorded.error();
    stamps = std::move(*recorded);
  }
  FinishedRun run;
  run.spec = *spec;
  run.replay = std::make_shared<const Replay>(*spec, stamps, std::nullopt, threads);
  run.walker = WalkRun(std::move(*spec), std::move(stamps), threads);
  run.ledger = std::move((*ledger)[destination]);
  run.arrivals = Arrivals(run.ledger);
  return run;
}

namespace {

// From summary.json, what the ledger does not hold; for notes only, so nothing where it is not
// there.
struct SummaryFacts {
  std::uint64_t possible_duplicates = 0;
  std::string plan_held_back;  // why the plan was not offered as planned; "" when it was
};

SummaryFacts ReadSummaryFacts(const std::string& run_dir, std::size_t destination) {
  SummaryFacts facts;
  const std::string file = run_dir + "/summary.json";
  const Result<std::string> text = ReadWholeFile(file, kMostSummaryBytes);
  if (!text) return facts;
  simdjson::dom::parser parser;
  simdjson::dom::element summary;
  if (parser.parse(*text).get(summary) != simdjson::SUCCESS) return facts;
  const std::string at = "/destinations/" + std::to_string(destination);
  std::uint64_t twice = 0;
  if (summary.at_pointer(at + "/counters/possible_duplicates").get(twice) == simdjson::SUCCESS) {
    facts.possible_duplicates = twice;
  }
  double planned = 0;
  bool playload = false;
  bool there = false;
  std::string_view why;
  if (summary.at_pointer(at + "/planned_per_second").get(planned) == simdjson::SUCCESS &&
      summary.at_pointer(at + "/bottleneck/playload").get(playload) == simdjson::SUCCESS &&
      summary.at_pointer(at + "/bottleneck/destination").get(there) == simdjson::SUCCESS &&
      summary.at_pointer(at + "/bottleneck/why").get(why) == simdjson::SUCCESS &&
      (playload || there)) {
    facts.plan_held_back = why;
  }
  return facts;
}

}  // namespace

std::size_t DestinationFor(const Manifest& manifest, const std::string& from) {
  const auto& all = manifest.destinations;
  const auto index_of = [&](auto good) {
    return static_cast<std::size_t>(std::find_if(all.begin(), all.end(), good) - all.begin());
  };
  std::size_t index = index_of([&](const ManifestDestination& d) { return d.to == from; });
  if (index == all.size()) {
    const std::string scheme = from.substr(0, from.find(':') + 1);
    index = index_of(
        [&](const ManifestDestination& d) { return d.to.substr(0, scheme.size()) == scheme; });
  }
  return index == all.size() ? 0 : index;
}

// Number -> lane as the encoder numbers them, lane -> shard as layout.h gives them out.
OwnNumber OwnNumbersOf(const RunSpec& spec) {
  if (spec.shards <= 1) return {};
  const Model model(spec.scenario, spec.seed);
  return [players = spec.scenario.population.players, lane_players = model.lane_players(),
          servers_per_lane = model.servers_per_lane(), shard = spec.shard,
          shards = spec.shards](bool server, std::uint64_t number) {
    if (number == 0) return false;
    const std::uint64_t lane =
        server ? (number - 1) / servers_per_lane : (number - 1) % players / lane_players;
    return lane % shards == shard;
  };
}

Result<JudgedRun> OpenJudgedRun(const std::string& run_dir, const std::string& from,
                                const std::string& fed_by) {
  Result<Manifest> manifest = ReadManifest(run_dir);
  if (!manifest) return manifest.error();
  JudgedRun run{std::move(*manifest), {}};
  if (run.manifest.destinations.empty()) {
    return Invalid(run_dir + "/manifest.json: the run had no destination");
  }
  if (run.manifest.spec.shards > 1 && run.manifest.spec.scenario.compat) {
    return Invalid(
        "the players of compat are in every shard at once: a shard alone cannot be verified");
  }
  if (fed_by.empty()) {
    run.fed_by.destination = DestinationFor(run.manifest, from);
    return run;
  }
  const Result<FedBy> found = FindFedBy(run.manifest, fed_by);
  if (!found) return found.error();
  run.fed_by = *found;
  return run;
}

void AddRunNotes(const std::string& run_dir, const FedBy& fed_by, const FinishedRun& run,
                 std::vector<std::string>* notes) {
  const auto count = [&run](Fate fate) { return run.ledger.total(fate); };
  const std::uint64_t lost = count(Fate::kFailed) + count(Fate::kShed);
  if (lost > 0) {
    notes->push_back(FormatCount(lost) +
                     " events failed or were shed: what they would cause is not expected");
  }
  if (count(Fate::kUnknown) > 0) {
    notes->push_back("of " + FormatCount(count(Fate::kUnknown)) +
                     " events it is not known whether they arrived: what comes of them is "
                     "counted as may");
  }
  if (fed_by.polled) {
    notes->push_back(
        FormatCount(run.ledger.total_generated()) +
        " polled events, taken as arrived: an answer that its client did not read to the end "
        "counts too");
    return;
  }
  const SummaryFacts summary = ReadSummaryFacts(run_dir, fed_by.destination);
  if (!summary.plan_held_back.empty()) {
    notes->push_back("the run did not offer its plan (" + summary.plan_held_back +
                     "): this says what the pipeline answered, not that it did so under "
                     "the planned load");
  }
  if (summary.possible_duplicates > 0) {
    notes->push_back(
        "playload itself may have written up to " + FormatCount(summary.possible_duplicates) +
        " events twice after its Kafka producer failed; a pipeline that counts them twice is not "
        "to blame, and --inputs shows which they are");
  }
  if (run.ledger.coarse) {
    notes->emplace_back(
        "the ledger is coarse: near what failed, acknowledged events are not judged either");
  }
}

namespace {

HistoryTopics TopicsOf(const ManifestDestination& destination) {
  HistoryTopics topics;
  topics.names = destination.topics;
  for (std::size_t k = 0; k < kKinds; ++k) {
    const auto offsets = destination.start_offsets.find(topics.names[k]);
    if (offsets == destination.start_offsets.end()) continue;
    topics.partitions[k] = static_cast<std::uint32_t>(offsets->second.size());
  }
  return topics;
}

// Where the input topics of a run are to be read.
LocateSource LocateSourceFor(const ManifestDestination& destination, std::string brokers,
                             const KafkaSettings& settings, milliseconds connect_timeout,
                             const std::map<std::string, std::string>& renamed) {
  LocateSource source{{std::move(brokers), settings, connect_timeout, connect_timeout},
                      destination.topics,
                      destination.start_offsets};
  for (std::size_t k = 0; k < kKinds; ++k) {
    const auto other = renamed.find(kInputNames[k]);
    if (other != renamed.end()) source.topics[k] = other->second;
  }
  return source;
}

class Verifier {
 public:
  Verifier(const VerifyOptions& options, const std::atomic<bool>& stop)
      : options_(options), stop_(stop) {}

  Result<Verification> Do() {
    for (const auto step :
         {&Verifier::Load, &Verifier::OpenCollector, &Verifier::MakeMeter, &Verifier::WaitForRun,
          &Verifier::TellExpected, &Verifier::WaitForRest, &Verifier::RecallForgotten}) {
      if (Status s = (this->*step)(); !s.ok()) return s;
    }
    return Judge();
  }

 private:
  Status Load() {
    Result<JudgedRun> judged = OpenJudgedRun(options_.run_dir, options_.from, options_.fed_by);
    if (!judged) return judged.error();
    manifest_ = std::move(judged->manifest);
    fed_by_ = judged->fed_by;
    outputs_ = options_.only;
    if (outputs_.empty() && !options_.inputs) {
      for (int i = 0; i < kOutputKinds; ++i) outputs_.push_back(static_cast<OutputKind>(i));
    }
    std::sort(outputs_.begin(), outputs_.end());
    outputs_.erase(std::unique(outputs_.begin(), outputs_.end()), outputs_.end());
    return {};
  }

  Status OpenCollector() {
    const ManifestDestination& destination = manifest_.destinations[fed_by_.destination];
    const auto renamed = [&](const std::string& usual, const std::string& otherwise) {
      const auto given = options_.topics.find(usual);
      return given == options_.topics.end() ? otherwise : given->second;
    };
    CollectorTopics topics;
    topics.starts = destination.start_offsets;
    if (options_.live != nullptr) {
      topics.outputs_from_starts = true;
      if (options_.live->output_starts) topics.starts = *options_.live->output_starts;
    }
    for (const OutputKind output : outputs_) {
      const char* const name = kOutputNames[static_cast<unsigned>(output)];
      topics.outputs[output] = renamed(name, name);
    }
    for (int k = 0; options_.inputs && k < kKinds; ++k) {
      const auto kind = static_cast<std::size_t>(k);
      topics.inputs[static_cast<Kind>(k)] = renamed(kInputNames[kind], destination.topics[kind]);
    }
    Result<std::unique_ptr<Collector>> collector = Collect(topics);
    if (!collector) return collector.error();
    collector_ = std::move(*collector);

    const OwnNumber own = OwnNumbersOf(manifest_.spec);
    // Polled events carry the instant of their request, but under the virtual clock.
    const bool timestamps = !fed_by_.polled || manifest_.spec.clock == Clock::kVirtual;
    outputs_matcher_ = std::make_unique<OutputMatcher>(
        OutputMatcher::Options{manifest_.spec.id_prefix, !manifest_.spec.scenario.compat, own,
                               timestamps, options_.live != nullptr, options_.delivery});
    if (options_.inputs) {
      InputMatcher::Options inputs{{}, manifest_.spec.id_prefix, std::nullopt, own, timestamps};
      for (std::size_t k = 0; k < kKinds; ++k) {
        inputs.names[k] = kInputNames[k];
        if (const auto count = collector_->partitions(static_cast<Kind>(k))) {
          if (!inputs.partitions) inputs.partitions.emplace();
          (*inputs.partitions)[k] = *count;
        }
      }
      inputs_matcher_ = std::make_unique<InputMatcher>(std::move(inputs));
    }
    return {};
  }

  // Latency is measured where the plan has instants and something tells when an output was seen.
  Status MakeMeter() {
    const RunSpec& spec = manifest_.spec;
    const LiveFeed* const live = options_.live;
    if (live == nullptr && !options_.latency) return {};
    if (!spec.paced()) {
      no_latency_ = std::string("the run's plan has no instants of the clock (") +
                    (spec.rate_max ? "--rate max" : "--clock virtual") + ")";
    } else if (fed_by_.polled) {
      no_latency_ = "polled events have no planned instants";
    } else if (live == nullptr && options_.from.starts_with("file:")) {
      no_latency_ = "files do not say when an output came";
    }
    if (!no_latency_.empty()) return {};
    LatencyMeter::Options meter;
    meter.id_prefix = spec.id_prefix;
    meter.own = OwnNumbersOf(spec);
    meter.ahead = live == nullptr;
    if (live != nullptr) {
      meter.instants = InstantsFrom(*live, spec);
    } else {
      meter.instants = [start_ns = spec.start_ns, plan = Plan(spec.scenario.plan)](Position p) {
        const std::int64_t planned = plan.PlannedAt(p);
        return LatencyMeter::Instants{planned == Plan::kNever ? -1 : start_ns + planned, -1, -1};
      };
    }
    meter_.emplace(std::move(meter));
    return {};
  }

  Result<std::unique_ptr<Collector>> Collect(const CollectorTopics& topics) {
    constexpr std::string_view kFile = "file:";
    if (options_.from.substr(0, kFile.size()) == kFile) {
      if (!manifest_.finished) {
        return Invalid(options_.run_dir +
                       ": the run is not over; its files cannot be verified yet");
      }
      return CollectFromFiles(options_.from.substr(kFile.size()), topics);
    }
    if (options_.from.find("://") == std::string::npos) {
      return Invalid("'" + options_.from +
                     "' is neither kafka://HOST:PORT[,HOST:PORT] nor file:DIR");
    }
    const Result<KafkaAddress> address = ParseKafkaUrl(options_.from);
    if (!address) return address.error();
    if (address->embedded && options_.live == nullptr) {
      return Invalid("the embedded Kafka lives only in its run: use `playload run --verify`");
    }
    return CollectFromKafka(
        {address->brokers, options_.settings, options_.connect_timeout, options_.timeout}, topics,
        options_.log, stop_);
  }

  Status Poll(milliseconds timeout) {
    return collector_->Poll(timeout, [this](const CollectedRecord& record) {
      ++collected_;
      if (record.line) {
        outputs_matcher_->AddLine(*record.output, record.partition, record.value);
      } else if (record.output) {
        outputs_matcher_->AddProduced(*record.output, record.partition, record.key, record.value);
        if (meter_) {
          meter_->Seen(*record.output, record.key, record.value, SeenAt(record));
        }
      } else {
        inputs_matcher_->AddRead(record.input, record.partition, record.offset,
                                 record.key.value_or(""), record.value);
      }
    });
  }

  // Beside a run it is its own clock that counts.
  [[nodiscard]] std::int64_t SeenAt(const CollectedRecord& record) const {
    return options_.live == nullptr ? record.appended_ns : SteadyNow();
  }

  // Polls until `done()` says so, with a line about what is waited for every now and then.
  template <typename Done>
  Status PollUntil(const std::string& waiting_for, Done done) {
    auto said = steady_clock::now();
    while (!done()) {
      if (stop_.load(std::memory_order_relaxed)) {
        return {Code::kInterrupted, "interrupted while waiting for " + waiting_for};
      }
      if (Status s = Poll(milliseconds(100)); !s.ok()) return s;
      if (options_.live != nullptr) ShowSoFar();
      if (options_.log && steady_clock::now() - said >= kSayEvery) {
        said = steady_clock::now();
        options_.log("waiting for " + waiting_for + "; " + FormatCount(collected_) +
                     " records so far");
      }
    }
    return {};
  }

  // When the run must be over by its plan, UTC; nullopt when nothing says so.
  [[nodiscard]] std::optional<std::int64_t> PlannedEnd() const {
    const RunSpec& spec = manifest_.spec;
    if (spec.clock != Clock::kLive) return std::nullopt;
    if (spec.rate_max) {
      return spec.run_ns > 0 ? std::optional(spec.start_ns + spec.run_ns) : std::nullopt;
    }
    if (spec.end == RunSpec::kNoEnd || spec.end == 0) return std::nullopt;
    const std::int64_t last = Plan(spec.scenario.plan).PlannedAt(spec.end - 1);
    return last == Plan::kNever ? std::nullopt : std::optional(spec.start_ns + last);
  }

  void ShowSoFar() {
    if (run_.replay == nullptr) return options_.live->verdict.SetSeen(collected_);
    if (!judge_) judge_.emplace(*options_.live, *outputs_matcher_, outputs_);
    judge_->Look(SteadyNow());
  }

  // Compares while the run goes on, and what is left when it is over.
  Status FollowRun() {
    judge_.emplace(*options_.live, *outputs_matcher_, outputs_);
    LiveFollower follower(
        *options_.live,
        {manifest_.spec, collector_.get(), outputs_matcher_.get(), meter_ ? &*meter_ : nullptr,
         &*judge_, [this]() -> Result<LiveFollower::Ended> {
           Result<Manifest> manifest = ReadManifest(options_.run_dir);
           if (!manifest) return manifest.error();
           manifest_ = std::move(*manifest);
           Result<FinishedRun> run = LoadRun(options_.run_dir, fed_by_, options_.threads);
           if (!run) return run.error();
           run_ = std::move(*run);
           return LiveFollower::Ended{run_.ledger.end, &run_.arrivals};
         }});
    if (Status s = follower.Follow(stop_); !s.ok()) return s;
    if (run_.replay == nullptr) return {Code::kInterrupted, "interrupted while the run went on"};
    followed_ = true;
    told_late_ = follower.told_late();
    if (follower.told() < run_.ledger.end && stop_.load(std::memory_order_relaxed)) {
      CutShort("what comes of the events from " + FormatCount(follower.told()) +
               " on was not compared");
    }
    return {};
  }

  void CutShort(const std::string& what) {
    if (cut_short_.empty()) cut_short_ = "interrupted: this is the verdict so far; " + what;
  }

  Status WaitForRun() {
    if (options_.live != nullptr && !manifest_.spec.rate_max) return FollowRun();
    if (manifest_.finished) return {};
    const std::optional<std::int64_t> planned_end = PlannedEnd();
    const bool endless = !planned_end && manifest_.spec.end == RunSpec::kNoEnd;
    Status failed;
    auto looked = steady_clock::now();
    Status polled = PollUntil("the run's end", [&] {
      if (steady_clock::now() - looked < kLook) return false;
      looked = steady_clock::now();
      Result<Manifest> manifest = ReadManifest(options_.run_dir);
      if (!manifest) {
        failed = manifest.error();
        return true;
      }
      if (manifest->finished) {
        manifest_ = std::move(*manifest);
        return true;
      }
      const std::int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count();
      const std::int64_t overrun = std::chrono::nanoseconds(kOverrun).count();
      if (!endless && (!planned_end || now > *planned_end + overrun) &&
          collector_->quiet_for() >= std::max(options_.timeout, milliseconds(kOverrun))) {
        failed = Invalid(options_.run_dir +
                         ": the run is not over by its manifest.json, but nothing comes any more; "
                         "a run that was killed cannot be verified");
        return true;
      }
      return false;
    });
    return polled.ok() ? failed : polled;
  }

  // Makes the events again and tells both matchers what must be there.
  Status TellExpected() {
    if (followed_) return {};
    Result<FinishedRun> run = LoadRun(options_.run_dir, fed_by_, options_.threads);
    if (!run) return run.error();
    run_ = std::move(*run);
    return inputs_matcher_ ? TellLines() : TellRecords();
  }

  // The inputs are compared line by line.
  Status TellLines() {
    Expectation expectation(run_.spec.id_prefix);
    Status failed;
    Position events = 0;
    Status walked = run_.walker([&](const StreamEvent& event) {
      const Arrival arrival = run_.arrivals.Of(event);
      if (!outputs_.empty()) {
        Status told = expectation.Tell(event, arrival, outputs_matcher_.get());
        if (!told.ok()) failed = std::move(told);
      }
      inputs_matcher_->Expect(event, arrival);
      if (failed.ok() && ++events % kPollEvery == 0) failed = PollBetween();
      return failed.ok();
    });
    return walked.ok() ? failed : walked;
  }

  // For the outputs alone no line is needed.
  Status TellRecords() {
    RecordTeller teller(*run_.replay, run_.arrivals, outputs_matcher_.get(),
                        meter_ ? &*meter_ : nullptr);
    Status failed;
    Position events = 0;
    Position polled = 0;
    Status walked = run_.replay->Walk([&](const ReplayedRun& events_of_lane) {
      teller.Tell(events_of_lane);
      events += events_of_lane.count;
      if (events - polled >= kPollEvery) {
        polled = events;
        failed = PollBetween();
      }
      return failed.ok();
    });
    return walked.ok() ? failed : walked;
  }

  Status PollBetween() {
    if (stop_.load(std::memory_order_relaxed)) {
      return {Code::kInterrupted, "interrupted while the events were made again"};
    }
    return Poll(milliseconds(0));
  }

  [[nodiscard]] bool Complete() const {
    return std::all_of(outputs_.begin(), outputs_.end(),
                       [this](OutputKind o) { return outputs_matcher_->Outstanding(o) == 0; }) &&
           (!inputs_matcher_ || inputs_matcher_->Outstanding() == 0);
  }

  Status WaitForRest() {
    Status status = WaitForRestOrTimeout();
    if (options_.live == nullptr || status.code() != Code::kInterrupted) return status;
    CutShort("what had not come yet is called missing");
    return {};
  }

  Status WaitForRestOrTimeout() {
    if (!cut_short_.empty()) return {};
    if (options_.from.substr(0, 5) == "file:") {
      return PollUntil("the ends of the files", [this] { return collector_->at_end(); });
    }
    std::uint64_t judged_at = ~std::uint64_t{0};  // collected_ when it was last found incomplete
    const milliseconds timeout = options_.live != nullptr && options_.live->interrupted
                                     ? std::min(options_.timeout, kInterruptedTimeout)
                                     : options_.timeout;
    const milliseconds grace = std::min(kGrace, timeout);
    // Making the events again may have taken longer than the timeout.
    const auto began = steady_clock::now();
    return PollUntil("outputs", [&] {
      const milliseconds quiet =
          std::min(collector_->quiet_for(),
                   std::chrono::duration_cast<milliseconds>(steady_clock::now() - began));
      if (quiet >= timeout) return true;
      if (quiet < grace || !collector_->at_end() || judged_at == collected_) return false;
      judged_at = collected_;
      return Complete();
    });
  }

  // Of a live run what matched was forgotten, and a difference is named by all that went before it.
  Status RecallForgotten() {
    if (options_.live == nullptr || !cut_short_.empty()) return {};
    if (!outputs_matcher_->NeedsRecall()) return {};
    // A coarse ledger would not tell again what was told.
    not_recalled_ = followed_ && run_.ledger.coarse;
    if (not_recalled_) return {};
    outputs_matcher_->Recall(true);
    RecordTeller teller(*run_.replay, run_.arrivals, outputs_matcher_.get());
    Status walked = run_.replay->Walk([&](const ReplayedRun& events_of_lane) {
      teller.Tell(events_of_lane);
      return !stop_.load(std::memory_order_relaxed);
    });
    outputs_matcher_->Recall(false);
    if (stop_.load(std::memory_order_relaxed)) {
      CutShort("repeats may be called unexpected");
    }
    return walked;
  }

  Result<Verification> Judge() {
    Verification result;
    Verdict& verdict = result.verdict;
    verdict.run_id = manifest_.run_id;
    verdict.from = options_.from;
    if (!outputs_.empty()) {
      const Result<RuleSet> rules = LoadRuleSet(std::string(kReferenceRules));
      if (!rules) return rules.error();
      verdict.rules = VerdictRulesOf(*rules);
    }
    verdict.delivery = options_.delivery;
    if (options_.from.substr(0, 5) != "file:") {
      const std::string isolation = options_.settings.Get("isolation.level");
      verdict.isolation = isolation.empty() ? "read_committed" : isolation;  // librdkafka's default
    }
    auto histories = std::make_shared<Histories>();
    for (const OutputKind output : outputs_) {
      verdict.outputs.push_back(outputs_matcher_->Judge(output));
      histories->Want(output, verdict.outputs.back());
    }
    if (inputs_matcher_) {
      std::vector<InputMatcher::Wanted> wanted;
      std::array<Comparison, kKinds> inputs = inputs_matcher_->Judge(&wanted);
      if (Status s = inputs_matcher_->FillTexts(run_.walker, run_.arrivals, wanted, &inputs);
          !s.ok()) {
        return s;
      }
      verdict.inputs.assign(inputs.begin(), inputs.end());
    }
    AddNotes(&verdict);
    if (meter_) {
      verdict.latency = meter_->Report(outputs_);
    } else {
      verdict.latency = UnknownLatency(outputs_, no_latency_.empty() ? kNotMeasured : no_latency_);
    }
    verdict.thresholds = JudgeThresholds(options_.thresholds, verdict);
    if (!histories->empty() && cut_short_.empty()) {
      if (Status s = GatherHistories(histories.get()); !s.ok()) return s;
      result.history = [histories](const std::string& name, const std::string& key) {
        return histories->Lines(name, key);
      };
      result.history_fields = [histories](const std::string& name, const std::string& key,
                                          JsonText* json) { histories->Write(name, key, json); };
    }
    return result;
  }

  Status GatherHistories(Histories* histories) const {
    const ManifestDestination& destination = manifest_.destinations[fed_by_.destination];
    const std::string fed_by = fed_by_.polled             ? kPolled
                               : fed_by_.destination == 0 ? ""
                                                          : destination.to;
    const HistoryTopics topics = TopicsOf(destination);
    if (Status s = histories->Gather(*run_.replay, run_.arrivals, topics, manifest_.spec.id_prefix,
                                     ExpectCommandFor(options_.run_dir, fed_by));
        !s.ok() || !options_.locate) {
      return s;
    }
    const Result<KafkaAddress> address = ParseKafkaUrl(options_.from);
    if (!address) return address.error();
    return Locate(LocateSourceFor(destination, address->brokers, options_.settings,
                                  options_.connect_timeout, options_.topics),
                  histories->Events(), options_.log, stop_);
  }

  void AddNotes(Verdict* verdict) const {
    if (!cut_short_.empty()) {
      verdict->notes.push_back(cut_short_);
    } else if (options_.live != nullptr && options_.live->interrupted) {
      verdict->notes.emplace_back(
          "the run was interrupted: what had not come when nothing had for 3 s is called missing");
    }
    if (not_recalled_) {
      verdict->notes.emplace_back(
          "too many events were lost to tell again what matched: a repeat may be called "
          "unexpected");
    }
    if (told_late_ > 0 && options_.live->watch.overflowed()) {
      verdict->notes.push_back(FormatCount(told_late_) +
                               " events could only be compared when the run was over: some before "
                               "them were neither acknowledged nor lost for too long");
    }
    const auto count = [this](Fate fate) { return run_.ledger.total(fate); };
    const std::uint64_t lost = count(Fate::kFailed) + count(Fate::kShed);
    if (lost > 0) {
      verdict->notes.push_back(
          FormatCount(lost) + " events failed or were shed: what they would cause is not expected");
    }
    if (count(Fate::kUnknown) > 0) {
      verdict->notes.push_back(
          "of " + FormatCount(count(Fate::kUnknown)) +
          " events it is not known whether they arrived: what comes of them is "
          "counted as may");
    }
    if (fed_by_.polled) {
      verdict->notes.push_back(
          FormatCount(run_.ledger.total_generated()) +
          " polled events, taken as arrived: an answer that its client did not read to the end "
          "counts too");
      return AddNotJudged(verdict);
    }
    const SummaryFacts summary = ReadSummaryFacts(options_.run_dir, fed_by_.destination);
    if (!summary.plan_held_back.empty()) {
      verdict->notes.push_back("the run did not offer its plan (" + summary.plan_held_back +
                               "): this says what the pipeline answered, not that it did so under "
                               "the planned load");
    }
    if (summary.possible_duplicates > 0) {
      verdict->notes.push_back(
          "playload itself may have written up to " + FormatCount(summary.possible_duplicates) +
          " events twice after its Kafka producer failed; a pipeline that counts them twice is not "
          "to blame, and --inputs shows which they are");
    }
    if (run_.ledger.coarse) {
      verdict->notes.emplace_back(
          "the ledger is coarse: near what failed, acknowledged events are not judged either");
    }
    AddNotJudged(verdict);
  }

  void AddNotJudged(Verdict* verdict) const {
    if (outputs_matcher_->not_judged() > 0) {
      verdict->notes.push_back(FormatCount(outputs_matcher_->not_judged()) +
                               " users' purchase-aggregates and fraud-alerts are not judged");
    }
    if (manifest_.spec.scenario.compat && !outputs_.empty()) {
      verdict->notes.emplace_back(
          "purchases are keyed by transaction: only what holds in every order of a user's "
          "purchases "
          "is judged");
    }
  }

  const VerifyOptions& options_;
  const std::atomic<bool>& stop_;
  Manifest manifest_;
  FedBy fed_by_;
  std::vector<OutputKind> outputs_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<OutputMatcher> outputs_matcher_;
  std::unique_ptr<InputMatcher> inputs_matcher_;  // null without `inputs`
  std::uint64_t collected_ = 0;
  FinishedRun run_;
  std::optional<LatencyMeter> meter_;
  std::string no_latency_;  // why it is not measured
  // Of a live run:
  std::optional<RunningJudge> judge_;
  bool followed_ = false;        // its events were told while it went on
  std::uint64_t told_late_ = 0;  // but for these
  std::string cut_short_;        // why not all that may come was waited for
  bool not_recalled_ = false;    // what was forgotten is not known where sides differ
};

}  // namespace

Result<Verification> Verify(const VerifyOptions& options, const std::atomic<bool>& stop) {
  return Verifier(options, stop).Do();
}

Result<OutputKind> ParseOutputKind(std::string_view name) {
  for (int i = 0; i < kOutputKinds; ++i) {
    if (name == kOutputNames[i]) return static_cast<OutputKind>(i);
  }
  const std::vector<std::string> names(kOutputNames, kOutputNames + kOutputKinds);
  return Invalid("'" + std::string(name) + "' is no output" + DidYouMean(name, names));
}

Result<Delivery> ParseDelivery(std::string_view name) {
  for (int i = 0; i < kDeliveries; ++i) {
    if (name == kDeliveryNames[i]) return static_cast<Delivery>(i);
  }
  return Invalid(Quoted(name) + " is neither exactly-once nor at-least-once");
}

namespace {

// A run that must be over; fed by its first destination where nothing is said.
Result<JudgedRun> OpenFinished(const std::string& run_dir, const std::string& fed_by) {
  Result<Manifest> manifest = ReadManifest(run_dir);
  if (!manifest) return manifest.error();
  if (!manifest->finished) {
    return Invalid(run_dir + ": the run is not over, so its events are not known yet");
  }
  JudgedRun run{std::move(*manifest), {}};
  if (!fed_by.empty()) {
    const Result<FedBy> found = FindFedBy(run.manifest, fed_by);
    if (!found) return found.error();
    run.fed_by = *found;
  }
  return run;
}

}  // namespace

Status Expect(const std::string& run_dir, const std::string& fed_by, std::optional<OutputKind> only,
              int threads, const std::function<bool(std::string_view lines)>& sink) {
  ExpectOptions options;
  options.run_dir = run_dir;
  options.fed_by = fed_by;
  options.only = only;
  options.threads = threads;
  return Expect(options, std::atomic<bool>(false), sink);
}

Status Expect(const ExpectOptions& options, const std::atomic<bool>& stop,
              const std::function<bool(std::string_view lines)>& sink) {
  const Result<JudgedRun> judged = OpenFinished(options.run_dir, options.fed_by);
  if (!judged) return judged.error();
  const FedBy& from = judged->fed_by;
  const Result<FinishedRun> run = LoadRun(options.run_dir, from, options.threads);
  if (!run) return run.error();
  const Replay& replay = *run->replay;
  const std::string& prefix = run->spec.id_prefix;
  if (options.slice.whole() && options.what == ExpectOptions::What::kOutputs) {
    return WriteExpected(replay, run->arrivals, prefix, options.only, sink);
  }
  std::optional<Checkpoints> checkpoints;
  if (!from.polled && run->spec.scenario.faults.empty()) {
    checkpoints.emplace(options.run_dir, run->spec, replay.tables().model);
  }
  Checkpoints* const usable = checkpoints ? &*checkpoints : nullptr;
  const ManifestDestination& destination = judged->manifest.destinations[from.destination];
  Status made;
  switch (options.what) {
    case ExpectOptions::What::kOutputs:
      made = WriteSliceExpected(replay, run->arrivals, options.slice, usable, prefix, options.only,
                                sink);
      break;
    case ExpectOptions::What::kEvents:
      made =
          WriteSliceEvents(replay, run->arrivals, options.slice, usable, destination.topics, sink);
      break;
    case ExpectOptions::What::kHistory: {
      LocateEvents locate;
      if (!options.locate.empty()) {
        const Result<KafkaAddress> address = ParseKafkaUrl(options.locate);
        if (!address) return address.error();
        locate = [&, brokers = address->brokers](const std::vector<HistoryEvent*>& events) {
          return Locate(LocateSourceFor(destination, brokers, options.settings,
                                        options.connect_timeout, options.topics),
                        events, options.log, stop);
        };
      }
      made = WriteSliceHistory(replay, run->arrivals, options.slice, usable, TopicsOf(destination),
                               prefix, options.only, locate, sink);
      break;
    }
  }
  for (std::size_t i = 0; options.log && checkpoints && i < checkpoints->notes().size(); ++i) {
    options.log(checkpoints->notes()[i]);
  }
  return made;
}

Status ExpectFaults(const std::string& run_dir, const std::string& fed_by, int threads,
                    const std::function<bool(std::string_view lines)>& sink) {
  const Result<JudgedRun> judged = OpenFinished(run_dir, fed_by);
  if (!judged) return judged.error();
  const Result<FinishedRun> run = LoadRun(run_dir, judged->fed_by, threads);
  if (!run) return run.error();
  return WriteFaults(*run->replay, run->arrivals, run->ledger.topics, sink);
}

}  // namespace playload
