#include "generator/judge/teller.h"

#include "generator/event/fault.h"
#include "generator/replay/facts.h"

namespace playload {

Status LineTeller::Tell(const StreamEvent& event, Arrival arrival, OutputMatcher* matcher) {
  if (arrival == Arrival::kNever || !event.valid()) return {};
  const bool certain = arrival == Arrival::kCertain;
  if (!certain && event.kind == Kind::kPurchase) {
    const std::optional<PurchaseLine> line = ReadPurchaseLine(event.value, expectation_.players());
    if (!line) return Unreadable(event);
    matcher->DoNotJudge(line->facts.user);
    return {};
  }
  const Result<Caused> caused = expectation_.Observe(event);
  if (!caused) return caused.error();
  switch (caused->what) {
    case Caused::What::kNothing:
      break;
    case Caused::What::kSummary:
      matcher->ExpectSummary(caused->player, certain);
      break;
    case Caused::What::kPurchase:
      matcher->ExpectPurchase(caused->facts, caused->outputs);
      break;
    case Caused::What::kServerAlert:
      matcher->ExpectServerAlert(Understood(event), certain);
      break;
  }
  return {};
}

void RecordTeller::Tell(const ReplayedRun& run, const Arrival* arrivals) {
  for (std::uint32_t i = 0; i < run.count; ++i) TellOne(run, i, arrivals[i]);
}

inline void RecordTeller::TellOne(const ReplayedRun& run, std::uint32_t i, Arrival arrival) {
  if (arrival == Arrival::kNever) return;
  const Record& record = run.records[i];
  if (record.action >= Action::kPurchase) [[unlikely]] {
    return TellRare(run, i, arrival);
  }
  ExpectSummary(run, i, arrival == Arrival::kCertain);
}

inline void RecordTeller::ExpectSummary(const ReplayedRun& run, std::uint32_t i, bool certain) {
  const std::uint64_t player = facts_.Player(run.records[i], run.lane);
  SeeArrival(player);
  matcher_->ExpectSummary(player, certain);
  if (triggers_ != nullptr) {
    triggers_->Expect(
        {.of = {IndexOf(OutputKind::kSummaries), player, 0}, .position = run.first + i});
  }
}

inline void RecordTeller::SeeArrival(std::uint64_t player) {
  std::uint64_t left = 0;
  if (!lives_.Arrived(player, &left)) return;
  if (left != 0) oracle_.Forget(left);
  matcher_->ExpectArrival(player);
}

void RecordTeller::TellRare(const ReplayedRun& run, std::uint32_t i, Arrival arrival) {
  const bool certain = arrival == Arrival::kCertain;
  const Record& record = run.records[i];
  if (!RecordFacts::Valid(record)) return;
  const Kind kind = KindOf(record.action);
  if (kind == Kind::kPlayer) {
    ExpectSummary(run, i, certain);
  } else if (kind == Kind::kPurchase) {
    const PurchaseFacts facts = facts_.Purchase(record, run.lane);
    SeeArrival(facts.user);
    if (!certain) return matcher_->DoNotJudge(facts.user);
    const PurchaseOutputs outputs = oracle_.Purchase(facts);
    matcher_->ExpectPurchase(facts, outputs);
    if (triggers_ == nullptr) return;
    triggers_->Expect(
        {.of = {IndexOf(OutputKind::kAggregates), facts.user, outputs.transaction_count},
         .position = run.first + i});
    if (outputs.alert != FraudAlert::kNone) {
      triggers_->Expect({.of = {IndexOf(OutputKind::kFraudAlerts), facts.user,
                                static_cast<std::uint64_t>(outputs.alert)},
                         .position = run.first + i,
                         .part = outputs.alert == FraudAlert::kMulti ? std::size_t{1} : 0});
    }
  } else if (oracle_.ServerMetric(RecordFacts::Server(record))) {
    const RecordFacts::Line line = facts_.Text(run, i);
    const OutputIdentity alert = matcher_->ExpectServerAlert(line.value, certain);
    if (triggers_ != nullptr) triggers_->Expect({.of = alert, .position = run.first + i});
  }
}

}  // namespace playload
