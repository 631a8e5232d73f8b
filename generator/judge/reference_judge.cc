#include "generator/judge/reference_judge.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "generator/base/text.h"
#include "generator/judge/history.h"
#include "generator/judge/output_matcher.h"
#include "generator/judge/produced.h"
#include "generator/judge/rule_topics.h"
#include "generator/judge/teller.h"
#include "generator/pace/plan.h"
#include "generator/rules/load.h"

namespace playload {

namespace {

std::array<bool, kOutputKinds> JudgedOf(const std::vector<OutputKind>& outputs) {
  std::array<bool, kOutputKinds> judged{};
  for (const OutputKind output : outputs) judged[IndexOf(output)] = true;
  return judged;
}

class ReferenceJudge final : public OutputsJudge {
 public:
  ReferenceJudge(ReferenceJudgeOptions options, VerdictRules rules)
      : options_(std::move(options)),
        rules_(std::move(rules)),
        matcher_({options_.id_prefix, !options_.compat, options_.own, options_.timestamps,
                  options_.forget, options_.places, JudgedOf(options_.outputs), options_.delivery}),
        lines_(options_.id_prefix),
        parser_(options_.id_prefix, options_.timestamps) {
    for (const OutputKind output : options_.outputs) names_.emplace_back(NameOf(output));
  }

  [[nodiscard]] const std::vector<std::string>& outputs() const override { return names_; }
  [[nodiscard]] VerdictRules rules() const override { return rules_; }
  [[nodiscard]] std::vector<LatencyOutput> latency_outputs() const override {
    std::vector<LatencyOutput> all = ReferenceLatencyOutputs();
    for (LatencyOutput& output : all) {
      if (std::find(names_.begin(), names_.end(), output.name) == names_.end()) output = {};
    }
    return all;
  }
  [[nodiscard]] std::vector<std::string> alerts() const override {
    return {NameOf(OutputKind::kServerAlerts), NameOf(OutputKind::kFraudAlerts)};
  }
  void MeasureWith(LatencyMeter* meter) override { meter_ = meter; }

  void Begin(const Replay& replay) override {
    teller_.emplace(replay, &matcher_, recalls_ ? nullptr : meter_, options_.places);
    const RunSpec& spec = replay.tables().spec;
    const auto& faults = spec.scenario.faults;
    const bool skewed = std::any_of(faults.begin(), faults.end(), [](const FaultIncident& fault) {
      return fault.kind == FaultKind::kClockSkew;
    });
    start_ns_ = spec.start_ns;
    if (options_.timestamps && !spec.rate_max && !skewed) plan_ = replay.tables().plan;
  }
  void Tell(const ReplayedRun& run, const Arrival* arrivals) override {
    if (!first_) first_ = run.first;
    last_ = run.first + run.count - 1;
    teller_->Tell(run, arrivals);
  }
  Status TellLine(const StreamEvent& event, Arrival arrival) override {
    if (!first_) first_ = event.position;
    last_ = event.position;
    return lines_.Tell(event, arrival, &matcher_);
  }
  void End() override { matcher_.Close(); }
  [[nodiscard]] bool Full() const override { return matcher_.Full(); }

  [[nodiscard]] bool NeedsRecall() override { return matcher_.NeedsRecall(); }
  void Recall(bool begin) override {
    recalls_ = begin;
    matcher_.Recall(begin);
  }

  void AddProduced(const CollectedRecord& record, std::int64_t seen_ns) override {
    const OutputKind output = options_.outputs[*record.output];
    matcher_.SetSettled(record.settled);
    if (record.line) return matcher_.AddLine(output, record.partition, record.value);
    matcher_.AddProduced(output, record.partition, record.key, record.value);
    if (meter_ == nullptr) return;
    if (const auto identity = IdentityOf(output, record)) meter_->Seen(*identity, seen_ns);
  }

  [[nodiscard]] std::uint64_t ForeignCount() const override { return matcher_.foreign(); }

  [[nodiscard]] bool Outstanding() const override {
    return std::any_of(options_.outputs.begin(), options_.outputs.end(),
                       [this](OutputKind o) { return matcher_.Outstanding(o) > 0; });
  }
  [[nodiscard]] Comparison Judge(std::size_t output) const override {
    return matcher_.Judge(options_.outputs[output]);
  }
  void AddNotes(std::vector<std::string>* notes) const override {
    if (matcher_.not_judged() > 0) {
      notes->push_back(FormatCount(matcher_.not_judged()) +
                       " users' purchase-aggregates and fraud-alerts are not judged");
    }
    AddAlertsOutside(notes);
    if (options_.compat && !options_.outputs.empty()) {
      notes->emplace_back(
          "purchases are keyed by transaction: only what holds in every order of a user's "
          "purchases is judged");
    }
  }

  Result<ExampleHistories> Histories(const std::vector<Comparison>& comparisons,
                                     const HistoryRequest& request) const override {
    auto histories = std::make_shared<PlayerHistories>();
    for (std::size_t i = 0; i < comparisons.size(); ++i) {
      histories->Want(options_.outputs[i], comparisons[i]);
    }
    if (histories->empty()) return ExampleHistories();
    Status s = histories->Gather(request.replay, request.arrivals, request.topics,
                                 options_.id_prefix, request.command);
    if (s.ok() && request.locate) s = request.locate(histories->Events());
    if (!s.ok()) return s;
    return ExampleHistories{[histories](const std::string& name, const std::string& key) {
                              return histories->Lines(name, key);
                            },
                            [histories](const std::string& name, const std::string& key,
                                        JsonText* json) { histories->Write(name, key, json); }};
  }

 private:
  static const char* NameOf(OutputKind output) { return kOutputNames[IndexOf(output)]; }

  // Servers have no prefix that tells whose they are, but their metrics have the run's time.
  void AddAlertsOutside(std::vector<std::string>* notes) const {
    const std::string name = NameOf(OutputKind::kServerAlerts);
    if (!plan_ || !first_ || std::find(names_.begin(), names_.end(), name) == names_.end()) return;
    const std::int64_t first_ns = start_ns_ + plan_->PlannedAt(*first_);
    const std::int64_t last_ns = start_ns_ + plan_->PlannedAt(last_);
    // Timestamps may be cut off at whole seconds.
    constexpr std::int64_t kCutOff = 1'000'000'000;
    if (!matcher_.AlertsOutside(first_ns - kCutOff, last_ns + kCutOff)) return;
    notes->push_back("unexpected " + name + " have timestamps from outside of this run (" +
                     FormatInstant(first_ns) + " to " + FormatInstant(last_ns) +
                     "): they may be another run's. Servers have no prefix, so each run needs a "
                     "topic of its own for them, which --topic " +
                     name + "=OTHER names");
  }

  // nullopt for what is none of this run's outputs.
  std::optional<OutputIdentity> IdentityOf(OutputKind output, const CollectedRecord& read) {
    ProducedRecord record;
    if (!parser_.regular().Read(output, read.key, read.value, &record)) {
      record = parser_.ParseAny(output, read.key, read.value);
      if (record.form != ProducedRecord::Form::kRegular) return std::nullopt;
    }
    if (options_.own && !options_.own(output == OutputKind::kServerAlerts, record.number)) {
      return std::nullopt;
    }
    const std::uint64_t detail = output == OutputKind::kAggregates     ? record.transaction_count
                                 : output == OutputKind::kServerAlerts ? record.content
                                 : output == OutputKind::kFraudAlerts
                                     ? static_cast<std::uint64_t>(record.reason)
                                     : 0;
    return OutputIdentity{IndexOf(output), record.number, detail};
  }

  const ReferenceJudgeOptions options_;
  const VerdictRules rules_;
  std::vector<std::string> names_;
  OutputMatcher matcher_;
  std::optional<RecordTeller> teller_;
  LineTeller lines_;
  ProducedParser parser_;
  LatencyMeter* meter_ = nullptr;
  bool recalls_ = false;
  // When the events that were told were due; no plan where that is not what their timestamps say.
  std::optional<Plan> plan_;
  std::int64_t start_ns_ = 0;
  std::optional<Position> first_;
  Position last_ = 0;
};

}  // namespace

Result<std::unique_ptr<OutputsJudge>> MakeReferenceJudge(ReferenceJudgeOptions options) {
  const Result<RuleSet> rules = LoadRuleSet(std::string(kReferenceRules));
  if (!rules) return rules.error();
  return std::unique_ptr<OutputsJudge>(
      std::make_unique<ReferenceJudge>(std::move(options), VerdictRulesOf(*rules)));
}

std::vector<LatencyOutput> ReferenceLatencyOutputs() {
  std::vector<LatencyOutput> outputs;
  for (const char* name : kOutputNames) outputs.push_back({name, {}});
  outputs[IndexOf(OutputKind::kFraudAlerts)].parts = {"frequent", "multi-currency"};
  return outputs;
}

}  // namespace playload
