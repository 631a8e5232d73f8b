#include "generator/judge/output_matcher.h"

#include <array>
#include <string>

#include "generator/judge/aggregate_matcher.h"
#include "generator/judge/fraud_matcher.h"
#include "generator/judge/lives.h"
#include "generator/judge/server_alert_matcher.h"
#include "generator/judge/summary_matcher.h"

namespace playload {

struct OutputMatcher::Impl {
  explicit Impl(const Options& options)
      : own(options.own),
        judged(options.judged),
        parser(options.id_prefix, options.timestamps),
        lives(options.places),
        summaries(&lives),
        aggregates(options.user_order, options.forget, &lives, options.delivery),
        alerts(options.timestamps, options.forget),
        fraud(options.user_order, &lives, options.delivery) {
    for (int i = 0; i < kOutputKinds; ++i) {
      Comparison& comparison = found[static_cast<unsigned>(i)];
      comparison.name = kOutputNames[i];
      comparison.delivery = options.delivery;
    }
  }

  // A regular summary.
  void AddSummary(std::uint64_t player);
  // `key` and `value`: for the examples of what is not regular.
  void Add(OutputKind output, std::int32_t source, std::optional<std::string_view> key,
           std::string_view value, const ProducedRecord& record);

  [[nodiscard]] bool Judges(OutputKind output) const {
    return judged[static_cast<unsigned>(output)];
  }

  const OwnNumber own;
  const std::array<bool, kOutputKinds> judged;
  ProducedParser parser;
  Lives lives;
  SummaryMatcher summaries;
  AggregateMatcher aggregates;
  ServerAlertMatcher alerts;
  FraudMatcher fraud;
  bool recalls = false;  // what is expected was told before
  // What is foreign or about nobody, which is judged when it comes.
  std::array<Comparison, kOutputKinds> found;
};

OutputMatcher::OutputMatcher(const Options& options) : impl_(std::make_unique<Impl>(options)) {}
OutputMatcher::~OutputMatcher() = default;

bool OutputMatcher::NeedsRecall() {
  const bool aggregates = impl_->aggregates.NeedsRecall();
  const bool alerts = impl_->alerts.NeedsRecall();
  return impl_->summaries.NeedsRecall() || impl_->fraud.NeedsRecall() || aggregates || alerts;
}

void OutputMatcher::Recall(bool begin) {
  impl_->recalls = begin;
  if (begin) return impl_->summaries.BeginRecall();
  impl_->summaries.EndRecall();
  impl_->aggregates.EndRecall();
  impl_->fraud.EndRecall();
}

std::uint64_t OutputMatcher::foreign() const {
  std::uint64_t foreign = 0;
  for (const Comparison& of_output : impl_->found) foreign += of_output.foreign;
  return foreign;
}

void OutputMatcher::ExpectSummary(std::uint64_t player, bool certain) {
  if (!impl_->Judges(OutputKind::kSummaries)) return;
  if (impl_->recalls) return impl_->summaries.Recall(player, certain);
  impl_->summaries.Expect(player, certain);
}

void OutputMatcher::ExpectPurchase(const PurchaseFacts& facts, const PurchaseOutputs& outputs) {
  if (impl_->recalls) {
    impl_->aggregates.Recall(facts.user, outputs);
    return impl_->fraud.Recall(facts, outputs.alert);
  }
  if (impl_->Judges(OutputKind::kAggregates)) impl_->aggregates.Expect(facts.user, outputs);
  if (impl_->Judges(OutputKind::kFraudAlerts)) impl_->fraud.Expect(facts, outputs.alert);
}

OutputIdentity OutputMatcher::ExpectServerAlert(std::string_view alert, bool certain) {
  ProducedRecord record;
  if (!impl_->parser.regular().Read(OutputKind::kServerAlerts, std::nullopt, alert, &record)) {
    record = impl_->parser.ParseAny(OutputKind::kServerAlerts, std::nullopt, alert);
  }
  if (impl_->recalls) {
    impl_->alerts.Recall(record);
  } else if (impl_->Judges(OutputKind::kServerAlerts)) {
    impl_->alerts.Expect(record, certain);
  }
  return {IndexOf(OutputKind::kServerAlerts), record.number, record.content};
}

void OutputMatcher::ExpectArrival(std::uint64_t player) {
  if (impl_->recalls) return;
  impl_->summaries.CatchUp();
  std::uint64_t left = 0;
  if (!impl_->lives.Arrived(player, &left) || left == 0) return;
  impl_->summaries.Leave(left);
  impl_->aggregates.Leave(left);
  impl_->fraud.Leave(left);
}

void OutputMatcher::DoNotJudge(std::uint64_t user) {
  if (impl_->recalls) return;
  impl_->aggregates.DoNotJudge(user);
  impl_->fraud.DoNotJudge(user);
}

void OutputMatcher::AddProduced(OutputKind output, std::int32_t source,
                                std::optional<std::string_view> key, std::string_view value) {
  RegularReader& regular = impl_->parser.regular();
  if (output == OutputKind::kSummaries) {
    if (const auto player = regular.Summary(key, value)) return impl_->AddSummary(*player);
  }
  ProducedRecord record;
  if (!regular.Read(output, key, value, &record)) {
    record = impl_->parser.ParseAny(output, key, value);
  }
  impl_->Add(output, source, key, value, record);
}

void OutputMatcher::AddLine(OutputKind output, std::int32_t source, std::string_view line) {
  RegularReader& regular = impl_->parser.regular();
  if (output == OutputKind::kSummaries) {
    if (const auto player = regular.SummaryLine(line)) return impl_->AddSummary(*player);
  }
  ProducedRecord record;
  if (regular.ReadLine(output, line, &record)) {
    return impl_->Add(output, source, std::nullopt, line, record);
  }
  const OutputLine parts = impl_->parser.Unwrap(output, line);
  record = impl_->parser.ParseAny(output, parts.key, parts.value);
  impl_->Add(output, source, parts.key, parts.value, record);
}

void OutputMatcher::Impl::AddSummary(std::uint64_t player) {
  if (own && !own(false, player)) {
    ++found[static_cast<unsigned>(OutputKind::kSummaries)].foreign;
  } else {
    summaries.Add(player);
  }
}

void OutputMatcher::Impl::Add(OutputKind output, std::int32_t source,
                              std::optional<std::string_view> key, std::string_view value,
                              const ProducedRecord& record) {
  Comparison& of_output = found[static_cast<unsigned>(output)];
  if (record.form == ProducedRecord::Form::kForeign) {
    ++of_output.foreign;
    return;
  }
  if (record.form == ProducedRecord::Form::kNobody) {
    of_output.Add(record.readable ? Flaw::kUnexpected : Flaw::kUnreadable, 1, [&] {
      return FlawExample{std::string(key.value_or("").substr(0, 100)), "",
                         std::string(value.substr(0, 400)) + " (" + record.why + ")"};
    });
    return;
  }
  if (own && !own(output == OutputKind::kServerAlerts, record.number)) {
    ++of_output.foreign;
    return;
  }
  switch (output) {
    case OutputKind::kSummaries:
      if (record.form == ProducedRecord::Form::kRegular) return summaries.Add(record.number);
      return summaries.AddOdd(record, value);
    case OutputKind::kAggregates:
      return aggregates.Add(record, value);
    case OutputKind::kServerAlerts:
      return alerts.Add(record, value);
    case OutputKind::kFraudAlerts:
      return fraud.Add(record, source, value);
  }
}

std::uint64_t OutputMatcher::Outstanding(OutputKind output) const {
  switch (output) {
    case OutputKind::kSummaries:
      return impl_->summaries.outstanding();
    case OutputKind::kAggregates:
      return impl_->aggregates.Outstanding();
    case OutputKind::kServerAlerts:
      return impl_->alerts.Outstanding();
    case OutputKind::kFraudAlerts:
      return impl_->fraud.outstanding();
  }
  return 0;
}

Comparison OutputMatcher::Judge(OutputKind output) const {
  Comparison result = impl_->found[static_cast<unsigned>(output)];
  const IdForm& ids = impl_->parser.ids(output);
  switch (output) {
    case OutputKind::kSummaries:
      impl_->summaries.Judge(ids, &result);
      break;
    case OutputKind::kAggregates:
      impl_->aggregates.Judge(ids, &result);
      break;
    case OutputKind::kServerAlerts:
      impl_->alerts.Judge(ids, &result);
      break;
    case OutputKind::kFraudAlerts:
      impl_->fraud.Judge(ids, &result);
      break;
  }
  return result;
}

std::uint64_t OutputMatcher::not_judged() const { return impl_->fraud.not_judged(); }

void OutputMatcher::Close() {
  impl_->summaries.Close();
  impl_->aggregates.Close();
  impl_->alerts.Close();
  impl_->fraud.Close();
}

void OutputMatcher::SetSettled(bool settled) {
  impl_->summaries.SetSettled(settled);
  impl_->aggregates.SetSettled(settled);
  impl_->alerts.SetSettled(settled);
  impl_->fraud.SetSettled(settled);
}

bool OutputMatcher::Full() const {
  return impl_->summaries.Full() || impl_->aggregates.Full() || impl_->alerts.Full() ||
         impl_->fraud.Full();
}

bool OutputMatcher::AlertsOutside(std::int64_t begin_ns, std::int64_t end_ns) const {
  return impl_->alerts.UnexpectedOutside(begin_ns, end_ns);
}

}  // namespace playload
