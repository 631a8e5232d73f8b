#include "generator/verify/verify.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "generator/base/system.h"
#include "generator/base/text.h"
#include "generator/causes/find_causes.h"
#include "generator/judge/history.h"
#include "generator/judge/input_matcher.h"
#include "generator/judge/judge_thresholds.h"
#include "generator/judge/latency.h"
#include "generator/judge/outputs_judge.h"
#include "generator/judge/reference_judge.h"
#include "generator/judge/rule_topics.h"
#include "generator/judge/rules_judge.h"
#include "generator/pace/plan.h"
#include "generator/replay/expectation.h"
#include "generator/rules/load.h"
#include "generator/run/manifest.h"
#include "generator/verify/collector.h"
#include "generator/verify/finished_run.h"
#include "generator/verify/live.h"
#include "generator/verify/locate.h"

namespace playload {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kPolled = "polled";
constexpr std::string_view kFile = "file:";
// Once everything expected is there: for what comes beyond it.
constexpr milliseconds kGrace{1'000};
// Where records keep coming: between two looks whether all that is expected has come.
constexpr milliseconds kBusyLook{10'000};
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
    Result<std::unique_ptr<OutputsJudge>> outputs = MakeOutputsJudge();
    if (!outputs) return outputs.error();
    outputs_ = std::move(*outputs);
    if (!options_.inputs) return {};
    inputs_options_.id_prefix = manifest_.spec.id_prefix;
    inputs_options_.own = OwnNumbersOf(manifest_.spec);
    inputs_options_.timestamps = KnowsTimestamps();
    return {};
  }

  // Polled events carry the instant of their request, but under the virtual clock.
  [[nodiscard]] bool KnowsTimestamps() const {
    return !fed_by_.polled || manifest_.spec.clock == Clock::kVirtual;
  }

  Result<std::unique_ptr<OutputsJudge>> MakeOutputsJudge() {
    const RunSpec& spec = manifest_.spec;
    const bool none = options_.inputs && options_.only.empty();
    if (options_.rules && !none) {
      if (Status s = CheckInstants(*options_.rules, spec, fed_by_.polled); !s.ok()) return s;
      return MakeRulesJudge({*options_.rules, options_.only, spec.id_prefix, spec.scenario.compat,
                             OwnNumbersOf(spec), PartitionedInputs(), options_.live != nullptr,
                             options_.delivery});
    }
    ReferenceJudgeOptions reference;
    for (int i = 0; i < kOutputKinds; ++i) {
      const std::vector<std::string>& only = options_.only;
      if (none ||
          (!only.empty() && std::find(only.begin(), only.end(), kOutputNames[i]) == only.end())) {
        continue;
      }
      reference.outputs.push_back(static_cast<OutputKind>(i));
    }
    reference.id_prefix = spec.id_prefix;
    reference.compat = spec.scenario.compat;
    reference.own = OwnNumbersOf(spec);
    reference.timestamps = KnowsTimestamps();
    reference.forget = options_.live != nullptr;
    if (reference.forget) reference.places = PlacesThatAreLeft();
    reference.delivery = options_.delivery;
    return MakeReferenceJudge(std::move(reference));
  }

  // How many places for players there are, if no event of a player comes once another one is there.
  [[nodiscard]] std::uint64_t PlacesThatAreLeft() const {
    const Scenario& scenario = manifest_.spec.scenario;
    const bool stragglers =
        std::any_of(scenario.faults.begin(), scenario.faults.end(), [](const FaultIncident& fault) {
          return fault.kind == FaultKind::kLate || fault.kind == FaultKind::kDuplicate;
        });
    if (stragglers || scenario.compat || fed_by_.polled) return 0;
    return Model(scenario, manifest_.spec.seed).players();
  }

  // Those that come to a pipeline through several partitions.
  [[nodiscard]] std::array<bool, kKinds> PartitionedInputs() const {
    std::array<bool, kKinds> partitioned{};
    const ManifestDestination& destination = manifest_.destinations[fed_by_.destination];
    if (fed_by_.polled || !destination.to.starts_with("kafka://")) return partitioned;
    for (std::size_t k = 0; k < kKinds; ++k) {
      const auto start = destination.start_offsets.find(destination.topics[k]);
      partitioned[k] = start == destination.start_offsets.end() || start->second.size() != 1;
    }
    return partitioned;
  }

  [[nodiscard]] std::string Renamed(const std::string& usual, const std::string& otherwise) const {
    const auto given = options_.topics.find(usual);
    return given == options_.topics.end() ? otherwise : given->second;
  }

  // Where these outputs are.
  [[nodiscard]] CollectorTopics TopicsOfOutputs(const std::vector<std::string>& names) const {
    CollectorTopics topics;
    topics.starts = manifest_.destinations[fed_by_.destination].start_offsets;
    if (options_.live != nullptr) {
      topics.outputs_from_starts = true;
      if (options_.live->output_starts) topics.starts = *options_.live->output_starts;
    }
    for (const std::string& name : names) topics.outputs.push_back(Renamed(name, name));
    return topics;
  }

  Status OpenCollector() {
    CollectorTopics topics = TopicsOfOutputs(outputs_->outputs());
    for (int k = 0; options_.inputs && k < kKinds; ++k) {
      const auto kind = static_cast<std::size_t>(k);
      topics.inputs[static_cast<Kind>(k)] =
          Renamed(kRuleInputs[kind], manifest_.destinations[fed_by_.destination].topics[kind]);
    }
    Result<std::unique_ptr<Collector>> collector = Collect(topics);
    if (!collector) return collector.error();
    collector_ = std::move(*collector);
    if (!options_.inputs) return {};
    for (std::size_t k = 0; k < kKinds; ++k) {
      inputs_options_.names[k] = kRuleInputs[k];
      if (const auto count = collector_->partitions(static_cast<Kind>(k))) {
        if (!inputs_options_.partitions) inputs_options_.partitions.emplace();
        (*inputs_options_.partitions)[k] = *count;
      }
    }
    inputs_matcher_ = std::make_unique<InputMatcher>(std::move(inputs_options_));
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
    } else if (live == nullptr && options_.from.starts_with(kFile)) {
      no_latency_ = "files do not say when an output came";
    }
    if (!no_latency_.empty()) return {};
    LatencyMeter::Options meter;
    meter.outputs = outputs_->latency_outputs();
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
    outputs_->MeasureWith(&*meter_);
    return {};
  }

  Result<std::unique_ptr<Collector>> Collect(const CollectorTopics& topics) {
    if (options_.from.starts_with(kFile)) {
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
    KafkaSource source{
        address->brokers, options_.settings, options_.connect_timeout, options_.timeout, {}};
    // A pipeline may make its topics when it has something to say.
    if (LiveFeed* const live = options_.live) source.still_made = [live] { return !live->over; };
    return CollectFromKafka(source, topics, options_.log, stop_);
  }

  Status Poll(milliseconds timeout) {
    return collector_->Poll(timeout, [this](const CollectedRecord& record) {
      ++collected_;
      if (record.output) {
        outputs_->AddProduced(record, meter_ ? SeenAt(record) : -1);
      } else {
        inputs_matcher_->AddRead(record.input, record.partition, record.offset,
                                 record.key.value_or(""), record.value);
      }
    });
  }

  // Whether to read on only when all that is expected is told. Not beside a run: what its pipeline
  // puts out may be kept nowhere else for long.
  [[nodiscard]] bool Waits() const { return options_.live == nullptr && outputs_->Full(); }

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
      if (Waits()) {
        std::this_thread::sleep_for(milliseconds(100));
      } else if (Status s = Poll(milliseconds(100)); !s.ok()) {
        return s;
      }
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
    if (!running_) running_.emplace(*options_.live, *outputs_);
    running_->Look(SteadyNow());
  }

  // Compares while the run goes on, and what is left when it is over.
  Status FollowRun() {
    running_.emplace(*options_.live, *outputs_);
    LiveFollower follower(*options_.live,
                          {manifest_.spec, collector_.get(), outputs_.get(), &*running_,
                           [this]() -> Result<LiveFollower::Ended> {
                             Result<Manifest> manifest = ReadManifest(options_.run_dir);
                             if (!manifest) return manifest.error();
                             manifest_ = std::move(*manifest);
                             Result<FinishedRun> run =
                                 LoadRun(options_.run_dir, fed_by_, options_.threads);
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
      if (!endless && (!planned_end || now > *planned_end + overrun) && !Waits() &&
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
    if (!inputs_matcher_) return TellRecords();
    // Lines say what causes an output, but not to those who measure latency.
    const bool outputs = !outputs_->outputs().empty();
    if (outputs && meter_) {
      if (Status s = TellRecords(); !s.ok()) return s;
    }
    return TellLines(outputs && !meter_);
  }

  // The inputs are compared line by line, and with `outputs` both go in one.
  Status TellLines(bool outputs) {
    if (outputs) outputs_->Begin(*run_.replay);
    Status failed;
    Position events = 0;
    Status walked = run_.walker([&](const StreamEvent& event) {
      const Arrival arrival = run_.arrivals.Of(event);
      if (outputs) failed = outputs_->TellLine(event, arrival);
      inputs_matcher_->Expect(event, arrival);
      if (failed.ok() && ++events % kPollEvery == 0) failed = PollBetween();
      return failed.ok();
    });
    if (outputs) outputs_->End();
    return walked.ok() ? failed : walked;
  }

  // For the outputs alone no line is needed.
  Status TellRecords() {
    Status failed;
    Position events = 0;
    Position polled = 0;
    Status walked = TellAll([&](const ReplayedRun& run) {
      events += run.count;
      if (events - polled >= kPollEvery) {
        polled = events;
        failed = PollBetween();
      }
      return failed.ok();
    });
    return walked.ok() ? failed : walked;
  }

  // Tells the outputs' judge all events; `after` each run says whether to go on.
  Status TellAll(const Replay::Visitor& after) {
    outputs_->Begin(*run_.replay);
    std::array<Arrival, kRunLength> room;
    Status walked = run_.replay->Walk([&](const ReplayedRun& run) {
      outputs_->Tell(run, ArrivalsOf(run_.arrivals, run, &room));
      return after(run);
    });
    outputs_->End();
    return walked;
  }

  Status PollBetween() {
    if (stop_.load(std::memory_order_relaxed)) {
      return {Code::kInterrupted, "interrupted while the events were made again"};
    }
    return Waits() ? Status() : Poll(milliseconds(0));
  }

  [[nodiscard]] bool Complete() const {
    return !outputs_->Outstanding() && (!inputs_matcher_ || inputs_matcher_->Outstanding() == 0);
  }

  Status WaitForRest() {
    Status status = WaitForRestOrTimeout();
    not_all_read_ = status.ok() && cut_short_.empty() && !collector_->at_end();
    if (options_.live == nullptr || status.code() != Code::kInterrupted) return status;
    CutShort("what had not come yet is called missing");
    return {};
  }

  Status WaitForRestOrTimeout() {
    if (!cut_short_.empty()) return {};
    if (options_.from.starts_with(kFile)) {
      return PollUntil("the ends of the files", [this] { return collector_->at_end(); });
    }
    // Other runs may go on in the same topics: only what is of this one says that it is not over.
    std::uint64_t own = Own();
    std::uint64_t judged_at = ~std::uint64_t{0};  // `own` when it was last found incomplete
    const milliseconds timeout = options_.live != nullptr && options_.live->interrupted
                                     ? std::min(options_.timeout, kInterruptedTimeout)
                                     : options_.timeout;
    const milliseconds grace = std::min(kGrace, timeout);
    // Making the events again may have taken longer than the timeout.
    auto came_at = steady_clock::now();
    auto judged = came_at;
    return PollUntil("outputs", [&] {
      const auto now = steady_clock::now();
      if (Own() != own) {
        own = Own();
        came_at = now;
      }
      if (now - came_at >= timeout) return true;
      // Where it never gets quiet, for what nothing calls for, a look now and then has to do.
      const bool look = now - came_at >= grace || now - judged >= kBusyLook;
      if (!look || !collector_->at_end() || judged_at == own) return false;
      judged_at = own;
      judged = now;
      return Complete();
    });
  }

  // Records that came and are of this run, as far as can be told.
  [[nodiscard]] std::uint64_t Own() const { return collected_ - outputs_->ForeignCount(); }

  // Of a live run what matched was forgotten, and a difference is named by all that went before it.
  Status RecallForgotten() {
    if (options_.live == nullptr || !cut_short_.empty()) return {};
    if (!outputs_->NeedsRecall()) return {};
    // A coarse ledger would not tell again what was told.
    not_recalled_ = followed_ && run_.ledger.coarse;
    if (not_recalled_) return {};
    outputs_->Recall(true);
    Status walked =
        TellAll([this](const ReplayedRun&) { return !stop_.load(std::memory_order_relaxed); });
    outputs_->Recall(false);
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
    if (!outputs_->outputs().empty()) verdict.rules = outputs_->rules();
    verdict.delivery = options_.delivery;
    if (!options_.from.starts_with(kFile)) {
      const std::string isolation = options_.settings.Get("isolation.level");
      verdict.isolation = isolation.empty() ? "read_committed" : isolation;  // librdkafka's default
    }
    bool examples = false;
    for (std::size_t i = 0; i < outputs_->outputs().size(); ++i) {
      verdict.outputs.push_back(outputs_->Judge(i));
      examples = examples || !verdict.outputs.back().passed();
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
      verdict.latency = meter_->Report();
    } else {
      verdict.latency = UnknownLatency(outputs_->latency_outputs(),
                                       no_latency_.empty() ? kNotMeasured : no_latency_);
    }
    verdict.thresholds = JudgeThresholds(options_.thresholds, verdict, outputs_->alerts());
    if (!examples || !cut_short_.empty()) return result;
    if (options_.causes) {
      if (Status s = FindCauses(&verdict); !s.ok()) {
        if (s.code() == Code::kInternal) return s;
        verdict.notes.push_back("what explains the differences was not found out: " + s.message());
      }
    }
    const Result<HistoryRequest> request = RequestHistories();
    if (!request) return request.error();
    Result<ExampleHistories> histories = outputs_->Histories(verdict.outputs, *request);
    if (!histories) return histories.error();
    if (!located_.ok()) {
      verdict.notes.push_back("where the examples' events are in Kafka is not known: " +
                              located_.message());
    }
    result.history = std::move(histories->lines);
    result.history_fields = std::move(histories->fields);
    return result;
  }

  // Reads the outputs that differ once more.
  Status FindCauses(Verdict* verdict) {
    if (manifest_.spec.scenario.compat || IsEmbedded(options_.from)) return {};
    Result<RuleSet> reference = options_.rules ? Result<RuleSet>(*options_.rules)
                                               : LoadRuleSet(std::string(kReferenceRules));
    if (!reference) return reference.error();
    CauseFinder finder(
        {std::move(*reference), manifest_.spec.id_prefix, options_.delivery, PartitionedInputs(),
         TopicsOf(manifest_.destinations[fed_by_.destination]).partitions},
        verdict->outputs);
    if (finder.outputs().empty()) return {};
    if (options_.log) options_.log("looking for what explains the differences");
    Result<std::unique_ptr<Collector>> again = Collect(TopicsOfOutputs(finder.outputs()));
    if (!again) return again.error();
    std::uint64_t read = 0;
    // What has come since is not judged, and may never end.
    while (!(*again)->at_end() && read < collected_) {
      if (stop_.load(std::memory_order_relaxed)) return {Code::kInterrupted, "interrupted"};
      if (Status s = (*again)->Poll(milliseconds(100),
                                    [&](const CollectedRecord& record) {
                                      ++read;
                                      finder.AddProduced(record);
                                    });
          !s.ok()) {
        return s;
      }
      if ((*again)->quiet_for() >= std::max(options_.timeout, kGrace)) {
        return {Code::kUnreachable, "the outputs cannot be read again"};
      }
    }
    return finder.Find(*run_.replay, run_.arrivals, stop_, &verdict->outputs);
  }

  [[nodiscard]] static bool IsEmbedded(const std::string& from) {
    const Result<KafkaAddress> address = ParseKafkaUrl(from);
    return address && address->embedded;
  }

  Result<HistoryRequest> RequestHistories() {
    const ManifestDestination& destination = manifest_.destinations[fed_by_.destination];
    const std::string fed_by = fed_by_.polled             ? kPolled
                               : fed_by_.destination == 0 ? ""
                                                          : destination.to;
    HistoryRequest request{*run_.replay,
                           run_.arrivals,
                           TopicsOf(destination),
                           ExpectCommandFor(options_.run_dir, fed_by),
                           {}};
    if (!options_.locate) return request;
    const Result<KafkaAddress> address = ParseKafkaUrl(options_.from);
    if (!address) return address.error();
    request.locate = [this,
                      source = LocateSourceFor(destination, address->brokers, options_.settings,
                                               options_.connect_timeout, options_.topics)](
                         const std::vector<HistoryEvent*>& events) -> Status {
      // The verdict stands without it, and took longer.
      located_ = Locate(source, events, options_.log, stop_);
      const bool lost =
          located_.code() == Code::kUnreachable || located_.code() == Code::kDestination;
      return lost ? Status() : located_;
    };
    return request;
  }

  void AddNotes(Verdict* verdict) const {
    if (!cut_short_.empty()) {
      verdict->notes.push_back(cut_short_);
    } else if (options_.live != nullptr && options_.live->interrupted) {
      verdict->notes.emplace_back(
          "the run was interrupted: what had not come when nothing had for 3 s is called missing");
    }
    if (not_all_read_) {
      verdict->notes.push_back(options_.from +
                               " gave no records any more before the topics' ends: what is called "
                               "missing may be there");
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
    AddRunNotes(options_.run_dir, fed_by_, run_, &verdict->notes);
    outputs_->AddNotes(&verdict->notes);
  }

  const VerifyOptions& options_;
  const std::atomic<bool>& stop_;
  Manifest manifest_;
  FedBy fed_by_;
  std::unique_ptr<OutputsJudge> outputs_;
  std::unique_ptr<Collector> collector_;
  InputMatcher::Options inputs_options_;
  std::unique_ptr<InputMatcher> inputs_matcher_;  // null without `inputs`
  std::uint64_t collected_ = 0;
  FinishedRun run_;
  std::optional<LatencyMeter> meter_;
  std::string no_latency_;     // why it is not measured
  bool not_all_read_ = false;  // of what is there
  Status located_;             // whether events could be looked for
  // Of a live run:
  std::optional<RunningJudge> running_;
  bool followed_ = false;        // its events were told while it went on
  std::uint64_t told_late_ = 0;  // but for these
  std::string cut_short_;        // why not all that may come was waited for
  bool not_recalled_ = false;    // what was forgotten is not known where sides differ
};

}  // namespace

Result<Verification> Verify(const VerifyOptions& options, const std::atomic<bool>& stop) {
  return Verifier(options, stop).Do();
}

Result<Delivery> ParseDelivery(std::string_view name) {
  for (int i = 0; i < kDeliveries; ++i) {
    if (name == kDeliveryNames[i]) return static_cast<Delivery>(i);
  }
  return Invalid(Quoted(name) + " is neither exactly-once nor at-least-once");
}

}  // namespace playload
