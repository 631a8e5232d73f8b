#include "generator/verify/verify.h"

#include <simdjson.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <utility>

#include "generator/base/text.h"
#include "generator/pace/plan.h"
#include "generator/run/json_file.h"
#include "generator/run/ledger.h"
#include "generator/run/manifest.h"
#include "generator/simulate/model.h"
#include "generator/verify/collector.h"
#include "generator/verify/expectation.h"
#include "generator/verify/expected.h"
#include "generator/verify/facts.h"
#include "generator/verify/input_matcher.h"
#include "generator/verify/output_matcher.h"

namespace playload {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kPolled = "polled";
constexpr const char* kInputNames[kKinds] = {"player-events", "purchase-events", "server-metrics"};
// Once everything expected is there: for what comes beyond it.
constexpr milliseconds kGrace{1'000};
// Between two looks at the manifest of a run that goes on.
constexpr milliseconds kLook{500};
// Between two lines about what is waited for.
constexpr milliseconds kSayEvery{10'000};
// What a run may take beyond its plan: to drain its queues, to write its files.
constexpr std::chrono::seconds kOverrun{60};
// So often what came meanwhile is read while the events are made again.
constexpr Position kPollEvery = 4'096;
// Lines of a user's history in the report: so many at each end.
constexpr std::size_t kHistoryEnds = 8;

constexpr std::size_t kMostSummaryBytes = std::size_t{64} << 20;

// A run that is over, as one of its destinations got it.
struct FinishedRun {
  RunSpec spec;
  StreamWalker walker;                   // its lines, for those who need all of them
  std::shared_ptr<const Replay> replay;  // the same as records
  Arrivals arrivals;
  LedgerEntry ledger;
};

// Where a pipeline had its events from.
struct FedBy {
  std::size_t destination = 0;
  bool polled = false;  // from the polled endpoints of it
};

// `name` as of VerifyOptions::fed_by, but for "".
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

// The destination that the outputs at `from` come from: the same address, else the first of the
// same kind, else the first.
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

// The players and servers of a shard: number -> lane as the encoder numbers them, lane -> shard as
// layout.h gives them out.
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

// The users' purchases, with what the oracle says of each, for the examples of a report.
class Histories {
 public:
  void Want(const Comparison& comparison) {
    for (const auto& examples : comparison.examples) {
      for (const FlawExample& example : examples) wanted_[comparison.name].insert(example.key);
    }
  }
  [[nodiscard]] bool empty() const { return wanted_.empty(); }

  Status Gather(const FinishedRun& run) {
    Expectation expectation(run.spec.id_prefix);
    std::set<std::string, std::less<>> users;
    std::set<std::string, std::less<>> players;
    for (const auto& [name, keys] : wanted_) {
      if (name == kOutputNames[static_cast<unsigned>(OutputKind::kSummaries)]) {
        players.insert(keys.begin(), keys.end());
      } else {
        users.insert(keys.begin(), keys.end());
      }
    }
    return run.walker([&](const StreamEvent& event) {
      if (event.kind == Kind::kPlayer) {
        if (players.find(event.key) != players.end()) AddPlayerEvent(event, run.arrivals);
      } else if (event.kind == Kind::kPurchase) {
        AddPurchase(event, run.arrivals.Of(event), users, &expectation);
      }
      return true;
    });
  }

  [[nodiscard]] std::vector<std::string> Lines(const std::string& name,
                                               const std::string& key) const {
    const bool summaries = name == kOutputNames[static_cast<unsigned>(OutputKind::kSummaries)];
    const auto& of_all = summaries ? players_ : purchases_;
    const auto wanted = wanted_.find(name);
    const auto found = of_all.find(key);
    if (wanted == wanted_.end() || wanted->second.count(key) == 0 || found == of_all.end()) {
      return {};
    }
    const History& history = found->second;
    std::vector<std::string> lines = history.first;
    const std::size_t shown = history.first.size() + history.last.size();
    if (history.count > shown) {
      lines.push_back("... " + FormatCount(history.count - shown) + " more");
    }
    lines.insert(lines.end(), history.last.begin(), history.last.end());
    return lines;
  }

 private:
  struct History {
    std::uint64_t count = 0;
    std::vector<std::string> first;
    std::deque<std::string> last;

    void Add(std::string line) {
      ++count;
      if (first.size() < kHistoryEnds) {
        first.push_back(std::move(line));
        return;
      }
      last.push_back(std::move(line));
      if (last.size() > kHistoryEnds) last.pop_front();
    }
  };

  static std::string Arrived(Arrival arrival) {
    return arrival == Arrival::kCertain ? ""
           : arrival == Arrival::kNever ? " (did not arrive)"
                                        : " (may not have arrived)";
  }

  void AddPlayerEvent(const StreamEvent& event, const Arrivals& arrivals) {
    players_[std::string(event.key)].Add("event " + std::to_string(event.position) + " " +
                                         std::string(event.value) + Arrived(arrivals.Of(event)));
  }

  void AddPurchase(const StreamEvent& event, Arrival arrival,
                   const std::set<std::string, std::less<>>& users, Expectation* expectation) {
    const std::optional<PurchaseLine> line = ReadPurchaseLine(event.value, expectation->players());
    if (!line) return;
    const std::string user = expectation->players().Text(line->facts.user);
    if (users.find(user) == users.end()) return;
    std::string text = "event " + std::to_string(event.position) + " " + std::string(line->time) +
                       " " + std::string(line->type) + " " + std::string(line->currency) + " " +
                       std::string(line->amount) + Arrived(arrival);
    if (arrival != Arrival::kNever) {
      const Result<Caused> caused = expectation->Observe(event);
      if (caused) text += Answer(caused->outputs);
    }
    purchases_[user].Add(std::move(text));
  }

  static std::string Answer(const PurchaseOutputs& outputs) {
    std::string text = " -> transaction " + std::to_string(outputs.transaction_count);
    if (outputs.alert == FraudAlert::kFrequent) text += std::string(", ") + kReasonFrequent;
    if (outputs.alert == FraudAlert::kMulti) text += std::string(", ") + kReasonMulti;
    return text;
  }

  std::map<std::string, std::set<std::string>> wanted_;  // by output name
  std::map<std::string, History> players_;
  std::map<std::string, History> purchases_;
};

class Verifier {
 public:
  Verifier(const VerifyOptions& options, const std::atomic<bool>& stop)
      : options_(options), stop_(stop) {}

  Result<Verification> Do() {
    for (const auto step : {&Verifier::Load, &Verifier::OpenCollector, &Verifier::WaitForRun,
                            &Verifier::TellExpected, &Verifier::WaitForRest}) {
      if (Status s = (this->*step)(); !s.ok()) return s;
    }
    return Judge();
  }

 private:
  Status Load() {
    Result<Manifest> manifest = ReadManifest(options_.run_dir);
    if (!manifest) return manifest.error();
    manifest_ = std::move(*manifest);
    if (manifest_.destinations.empty()) {
      return Invalid(options_.run_dir + "/manifest.json: the run had no destination");
    }
    if (manifest_.spec.shards > 1 && manifest_.spec.scenario.compat) {
      return Invalid(
          "the players of compat are in every shard at once: a shard alone cannot be "
          "verified");
    }
    if (options_.fed_by.empty()) {
      fed_by_.destination = DestinationFor(manifest_, options_.from);
    } else {
      const Result<FedBy> fed_by = FindFedBy(manifest_, options_.fed_by);
      if (!fed_by) return fed_by.error();
      fed_by_ = *fed_by;
    }
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
                               timestamps, options_.delivery});
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
    if (address->embedded) {
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
      } else {
        inputs_matcher_->AddRead(record.input, record.partition, record.offset,
                                 record.key.value_or(""), record.value);
      }
    });
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

  Status WaitForRun() {
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
    RecordTeller teller(*run_.replay, run_.arrivals, outputs_matcher_.get());
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
    if (options_.from.substr(0, 5) == "file:") {
      return PollUntil("the ends of the files", [this] { return collector_->at_end(); });
    }
    std::uint64_t judged_at = ~std::uint64_t{0};  // collected_ when it was last found incomplete
    const milliseconds grace = std::min(kGrace, options_.timeout);
    // Making the events again may have taken longer than the timeout.
    const auto began = steady_clock::now();
    return PollUntil("outputs", [&] {
      const milliseconds quiet =
          std::min(collector_->quiet_for(),
                   std::chrono::duration_cast<milliseconds>(steady_clock::now() - began));
      if (quiet >= options_.timeout) return true;
      if (quiet < grace || !collector_->at_end() || judged_at == collected_) return false;
      judged_at = collected_;
      return Complete();
    });
  }

  Result<Verification> Judge() {
    Verification result;
    Verdict& verdict = result.verdict;
    verdict.run_id = manifest_.run_id;
    verdict.from = options_.from;
    verdict.delivery = options_.delivery;
    if (options_.from.substr(0, 5) != "file:") {
      const std::string isolation = options_.settings.Get("isolation.level");
      verdict.isolation = isolation.empty() ? "read_committed" : isolation;  // librdkafka's default
    }
    auto histories = std::make_shared<Histories>();
    for (const OutputKind output : outputs_) {
      verdict.outputs.push_back(outputs_matcher_->Judge(output));
      if (output != OutputKind::kServerAlerts) histories->Want(verdict.outputs.back());
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
    if (!histories->empty()) {
      if (Status s = histories->Gather(run_); !s.ok()) return s;
      result.history = [histories](const std::string& name, const std::string& key) {
        return histories->Lines(name, key);
      };
    }
    return result;
  }

  void AddNotes(Verdict* verdict) const {
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

Status Expect(const std::string& run_dir, const std::string& fed_by, std::optional<OutputKind> only,
              int threads, const std::function<bool(std::string_view lines)>& sink) {
  const Result<Manifest> manifest = ReadManifest(run_dir);
  if (!manifest) return manifest.error();
  if (!manifest->finished) {
    return Invalid(run_dir + ": the run is not over, so its events are not known yet");
  }
  FedBy from;
  if (!fed_by.empty()) {
    const Result<FedBy> found = FindFedBy(*manifest, fed_by);
    if (!found) return found.error();
    from = *found;
  }
  const Result<FinishedRun> run = LoadRun(run_dir, from, threads);
  if (!run) return run.error();
  return WriteExpected(*run->replay, run->arrivals, run->spec.id_prefix, only, sink);
}

}  // namespace playload
