#include "generator/replay/expectation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "generator/encode/damage.h"
#include "generator/event/fault.h"
#include "generator/replay/facts.h"

namespace playload {

namespace {

constexpr std::size_t kSinkBytes = std::size_t{64} << 10;
constexpr std::size_t kLongestNumber = 32;
// An output without its ids: texts, two numbers.
constexpr std::size_t kMostAround = 256;

// `text` must be no longer than what room was made for.
char* Put(char* o, std::string_view text) {
  std::memcpy(o, text.data(), text.size());
  return o + text.size();
}

template <typename Number>
char* PutNumber(char* o, Number number) {
  return std::to_chars(o, o + kLongestNumber, number).ptr;
}

std::string Head(OutputKind output, std::string_view key_head) {
  return R"({"output":")" + std::string(kOutputNames[static_cast<unsigned>(output)]) +
         R"(","key":")" + std::string(key_head);
}

}  // namespace

Status Unreadable(const StreamEvent& event) {
  return {Code::kInternal, "event " + std::to_string(event.position) +
                               " is not as documented: " + std::string(event.value)};
}

std::string Understood(const StreamEvent& event) {
  return (event.fault & FaultMark::kUnknownField) != 0 ? WithoutUnknownField(event.value)
                                                       : std::string(event.value);
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
