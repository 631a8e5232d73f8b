#include "generator/verify/expectation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "generator/encode/damage.h"
#include "generator/event/fault.h"
#include "generator/verify/facts.h"

namespace playload {

namespace {

constexpr std::size_t kSinkBytes = std::size_t{64} << 10;
constexpr std::size_t kLongestNumber = 32;
// An output without its ids: texts, two numbers.
constexpr std::size_t kMostAround = 256;

Status Unreadable(const StreamEvent& event) {
  return {Code::kInternal, "event " + std::to_string(event.position) +
                               " is not as documented: " + std::string(event.value)};
}

// `text` must be no longer than what room was made for.
char* Put(char* o, std::string_view text) {
  std::memcpy(o, text.data(), text.size());
  return o + text.size();
}

template <typename Number>
char* PutNumber(char* o, Number number) {
  return std::to_chars(o, o + kLongestNumber, number).ptr;
}

// What a pipeline makes of a valid event's line: a field too many is dropped.
std::string Understood(const StreamEvent& event) {
  return (event.fault & FaultMark::kUnknownField) != 0 ? WithoutUnknownField(event.value)
                                                       : std::string(event.value);
}

std::string Head(OutputKind output, std::string_view key_head) {
  return R"({"output":")" + std::string(kOutputNames[static_cast<unsigned>(output)]) +
         R"(","key":")" + std::string(key_head);
}

}  // namespace

Arrivals::Arrivals(const LedgerEntry& entry) {
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    sent_[kind] = entry.generated[kind] > 0;
    std::vector<Interval> all;
    for (const Fate fate : {Fate::kFailed, Fate::kShed, Fate::kUnknown}) {
      const Arrival arrival =
          fate == Fate::kUnknown || entry.coarse ? Arrival::kUnknown : Arrival::kNever;
      for (const PositionInterval& i : entry.intervals[static_cast<unsigned>(fate)]) {
        if ((i.kinds >> kind & 1) != 0) all.push_back({i.first, i.last, arrival});
      }
    }
    std::sort(all.begin(), all.end(),
              [](const Interval& a, const Interval& b) { return a.first < b.first; });
    // Intervals of a coarse ledger may overlap: they become one.
    std::vector<Interval>& merged = intervals_[kind];
    for (const Interval& i : all) {
      if (!merged.empty() && i.first <= merged.back().last) {
        merged.back().last = std::max(merged.back().last, i.last);
        merged.back().arrival = Arrival::kUnknown;
      } else {
        merged.push_back(i);
      }
    }
  }
}

const Arrivals::Interval* Arrivals::At(const std::vector<Interval>& intervals, Position position) {
  const auto after = std::upper_bound(intervals.begin(), intervals.end(), position,
                                      [](Position p, const Interval& i) { return p < i.first; });
  return after == intervals.begin() ? nullptr : &*std::prev(after);
}

Arrival Arrivals::Of(Kind kind, Position position) const {
  const auto k = static_cast<std::size_t>(kind);
  if (!sent_[k]) return Arrival::kNever;
  const Interval* const interval = At(intervals_[k], position);
  return interval == nullptr || interval->last < position ? Arrival::kCertain : interval->arrival;
}

bool Arrivals::AllCertain(Position first, Position last) const {
  for (std::size_t k = 0; k < kKinds; ++k) {
    const Interval* const interval = At(intervals_[k], last);
    if (!sent_[k] || (interval != nullptr && interval->last >= first)) return false;
  }
  return true;
}

bool Arrivals::LostBefore(Kind kind, Position position) const {
  const auto k = static_cast<std::size_t>(kind);
  return sent_[k] &&
         std::any_of(intervals_[k].begin(), intervals_[k].end(), [position](const Interval& i) {
           return i.first < position && i.arrival == Arrival::kNever;
         });
}

Result<Caused> Expectation::Observe(const StreamEvent& event) {
  Caused caused;
  if (!event.valid()) return caused;
  switch (event.kind) {
    case Kind::kPlayer: {
      const std::optional<std::uint64_t> player = players_.Number(event.key);
      if (!player) return Unreadable(event);
      oracle_.PlayerEvent();
      caused.what = Caused::What::kSummary;
      caused.player = *player;
      return caused;
    }
    case Kind::kPurchase: {
      const std::optional<PurchaseLine> line = ReadPurchaseLine(event.value, players_);
      if (!line) return Unreadable(event);
      caused.what = Caused::What::kPurchase;
      caused.facts = line->facts;
      caused.outputs = oracle_.Purchase(line->facts);
      return caused;
    }
    case Kind::kServer: {
      const std::optional<ServerFacts> facts = ReadServerLine(event.value);
      if (!facts) return Unreadable(event);
      if (oracle_.ServerMetric(*facts)) caused.what = Caused::What::kServerAlert;
      return caused;
    }
  }
  return caused;
}

Status Expectation::Tell(const StreamEvent& event, Arrival arrival, OutputMatcher* matcher) {
  if (arrival == Arrival::kNever || !event.valid()) return {};
  const bool certain = arrival == Arrival::kCertain;
  if (event.kind == Kind::kPlayer) [[likely]] {
    const std::optional<std::uint64_t> player = players_.Number(event.key);
    if (!player) return Unreadable(event);
    oracle_.PlayerEvent();
    matcher->ExpectSummary(*player, certain);
    return {};
  }
  if (!certain && event.kind == Kind::kPurchase) {
    const std::optional<PurchaseLine> line = ReadPurchaseLine(event.value, players_);
    if (!line) return Unreadable(event);
    matcher->DoNotJudge(line->facts.user);
    return {};
  }
  const Result<Caused> caused = Observe(event);
  if (!caused) return caused.error();
  switch (caused->what) {
    case Caused::What::kNothing:
    case Caused::What::kSummary:
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
  matcher_->ExpectSummary(player, certain);
  if (triggers_ != nullptr) {
    triggers_->Expect(
        {.of = {IndexOf(OutputKind::kSummaries), player, 0}, .position = run.first + i});
  }
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

ExpectedLines::ExpectedLines(const IdForm& players, std::optional<OutputKind> only,
                             const Sink& sink)
    : only_(only),
      sink_(sink),
      summary_head_(Head(OutputKind::kSummaries, players.head())),
      summary_middle_(R"(","value":{"player_id":")" + players.head()),
      aggregate_head_(Head(OutputKind::kAggregates, players.head())),
      fraud_head_(Head(OutputKind::kFraudAlerts, players.head())),
      fraud_middle_(R"(","value":{"user_id":")" + players.head()),
      alert_head_(Head(OutputKind::kServerAlerts, "")),
      lines_(kSinkBytes + 2 * (kMostAround + 2 * players.head().size())),
      end_(lines_.data()) {}

// Room for so many bytes and, whatever they are, for a summary.
bool ExpectedLines::MakeRoom(std::size_t bytes) {
  const auto used = static_cast<std::size_t>(end_ - lines_.data());
  if (used < kSinkBytes && lines_.size() - used >= bytes) return going_;
  Flush();
  if (lines_.size() < bytes) {
    lines_.resize(bytes);
    end_ = lines_.data();
  }
  return going_;
}

void ExpectedLines::Flush() {
  const auto used = static_cast<std::size_t>(end_ - lines_.data());
  if (going_ && used > 0) going_ = sink_({lines_.data(), used});
  end_ = lines_.data();
}

bool ExpectedLines::WriteSummary(std::uint64_t player) {
  std::array<char, kLongestNumber> digits{};
  const std::string_view number(
      digits.data(), static_cast<std::size_t>(PutNumber(digits.data(), player) - digits.data()));
  char* o = Put(end_, summary_head_);
  o = Put(o, number);
  o = Put(o, summary_middle_);
  o = Put(o, number);
  end_ = Put(o, "\",\"event_count\":1}}\n");
  return MakeRoom(0);
}

bool ExpectedLines::Purchase(std::uint64_t user, const PurchaseOutputs& outputs) {
  if (Wants(OutputKind::kAggregates)) {
    char* o = Put(end_, aggregate_head_);
    o = PutNumber(o, user);
    o = Put(o, R"(","value":{"total_amount":)");
    o = PutNumber(o, outputs.total_amount);
    o = Put(o, R"(,"transaction_count":)");
    o = PutNumber(o, outputs.transaction_count);
    end_ = Put(o, "}}\n");
    if (!MakeRoom(0)) return false;
  }
  if (Wants(OutputKind::kFraudAlerts) && outputs.alert != FraudAlert::kNone) {
    char* o = Put(end_, fraud_head_);
    o = PutNumber(o, user);
    o = Put(o, fraud_middle_);
    o = PutNumber(o, user);
    o = Put(o, R"(","reason":")");
    o = Put(o, outputs.alert == FraudAlert::kFrequent ? kReasonFrequent : kReasonMulti);
    end_ = Put(o, "\"}}\n");
  }
  return MakeRoom(0);
}

bool ExpectedLines::ServerAlert(std::string_view key, std::string_view line) {
  if (!Wants(OutputKind::kServerAlerts)) return true;
  if (!MakeRoom(kMostAround + key.size() + line.size())) return false;
  char* o = Put(end_, alert_head_);
  o = Put(o, key);
  o = Put(o, R"(","value":)");
  o = Put(o, line);
  end_ = Put(o, "}\n");
  return MakeRoom(0);
}

Status WriteExpected(const StreamWalker& walker, const Arrivals& arrivals,
                     std::string_view id_prefix, std::optional<OutputKind> only,
                     const ExpectedLines::Sink& sink) {
  Expectation expectation(id_prefix);
  ExpectedLines lines(expectation.players(), only, sink);
  Status failed;
  Status walked = walker([&](const StreamEvent& event) {
    if (arrivals.Of(event) == Arrival::kNever) return true;
    const Result<Caused> caused = expectation.Observe(event);
    if (!caused) {
      failed = caused.error();
      return false;
    }
    switch (caused->what) {
      case Caused::What::kNothing:
        break;
      case Caused::What::kSummary:
        return lines.Summary(caused->player);
      case Caused::What::kPurchase:
        return lines.Purchase(caused->facts.user, caused->outputs);
      case Caused::What::kServerAlert:
        return lines.ServerAlert(event.key, Understood(event));
    }
    return true;
  });
  if (!walked.ok()) return walked;
  if (!failed.ok()) return failed;
  lines.Flush();
  return {};
}

Status WriteExpected(const Replay& replay, const Arrivals& arrivals, std::string_view id_prefix,
                     std::optional<OutputKind> only, const ExpectedLines::Sink& sink) {
  RecordFacts facts(replay);
  Oracle oracle;
  ExpectedLines lines(IdForm("player", id_prefix), only, sink);
  const auto rare = [&](const ReplayedRun& run, std::uint32_t i) {
    const Record& record = run.records[i];
    if (!RecordFacts::Valid(record)) return true;
    const Kind kind = KindOf(record.action);
    if (kind == Kind::kPlayer) return lines.Summary(facts.Player(record, run.lane));
    if (kind == Kind::kPurchase) {
      const PurchaseFacts purchase = facts.Purchase(record, run.lane);
      return lines.Purchase(purchase.user, oracle.Purchase(purchase));
    }
    if (!oracle.ServerMetric(RecordFacts::Server(record))) return true;
    const RecordFacts::Line line = facts.Text(run, i);
    return lines.ServerAlert(line.key, line.value);
  };
  Status walked = replay.Walk([&](const ReplayedRun& run) {
    const bool certain = arrivals.AllCertain(run.first, run.first + run.count - 1);
    bool going = true;
    for (std::uint32_t i = 0; i < run.count && going; ++i) {
      const Record& record = run.records[i];
      if (!certain && arrivals.Of(KindOf(record.action), run.first + i) == Arrival::kNever) {
        continue;
      }
      going = record.action < Action::kPurchase ? lines.Summary(facts.Player(record, run.lane))
                                                : rare(run, i);
    }
    return going;
  });
  if (!walked.ok()) return walked;
  lines.Flush();
  return {};
}

}  // namespace playload
