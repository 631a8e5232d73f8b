#include "generator/verify/expectation.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "generator/verify/facts.h"

namespace playload {

namespace {

constexpr std::size_t kSinkBytes = std::size_t{64} << 10;

Status Unreadable(const StreamEvent& event) {
  return {Code::kInternal, "event " + std::to_string(event.position) +
                               " is not as documented: " + std::string(event.value)};
}

void AppendHead(OutputKind output, std::string_view key, std::string* lines) {
  lines->append(R"({"output":")").append(kOutputNames[static_cast<unsigned>(output)]);
  lines->append(R"(","key":")").append(key).append(R"(","value":)");
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

Arrival Arrivals::Of(const StreamEvent& event) const {
  const auto kind = static_cast<std::size_t>(event.kind);
  if (!sent_[kind]) return Arrival::kNever;
  const std::vector<Interval>& intervals = intervals_[kind];
  const auto after = std::upper_bound(intervals.begin(), intervals.end(), event.position,
                                      [](Position p, const Interval& i) { return p < i.first; });
  if (after == intervals.begin() || std::prev(after)->last < event.position) {
    return Arrival::kCertain;
  }
  return std::prev(after)->arrival;
}

Result<Caused> Expectation::Observe(const StreamEvent& event) {
  Caused caused;
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
  if (arrival == Arrival::kNever) return {};
  const bool certain = arrival == Arrival::kCertain;
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
      break;
    case Caused::What::kSummary:
      matcher->ExpectSummary(caused->player, certain);
      break;
    case Caused::What::kPurchase:
      matcher->ExpectPurchase(caused->facts, caused->outputs);
      break;
    case Caused::What::kServerAlert:
      matcher->ExpectServerAlert(event.value, certain);
      break;
  }
  return {};
}

void AppendExpectedLines(const StreamEvent& event, const Caused& caused, const IdForm& players,
                         std::optional<OutputKind> only, std::string* lines) {
  const auto wanted = [only](OutputKind output) { return !only || *only == output; };
  switch (caused.what) {
    case Caused::What::kNothing:
      break;
    case Caused::What::kSummary:
      if (!wanted(OutputKind::kSummaries)) break;
      AppendHead(OutputKind::kSummaries, event.key, lines);
      lines->append(R"({"player_id":")").append(event.key).append("\",\"event_count\":1}}\n");
      break;
    case Caused::What::kPurchase: {
      const std::string user = players.Text(caused.facts.user);
      if (wanted(OutputKind::kAggregates)) {
        std::array<char, 32> total{};
        const char* const end =
            std::to_chars(total.data(), total.data() + total.size(), caused.outputs.total_amount)
                .ptr;
        AppendHead(OutputKind::kAggregates, user, lines);
        lines->append(R"({"total_amount":)")
            .append(total.data(), static_cast<std::size_t>(end - total.data()));
        lines->append(R"(,"transaction_count":)");
        lines->append(std::to_string(caused.outputs.transaction_count)).append("}}\n");
      }
      if (wanted(OutputKind::kFraudAlerts) && caused.outputs.alert != FraudAlert::kNone) {
        AppendHead(OutputKind::kFraudAlerts, user, lines);
        lines->append(R"({"user_id":")").append(user).append(R"(","reason":")");
        lines->append(caused.outputs.alert == FraudAlert::kFrequent ? kReasonFrequent
                                                                    : kReasonMulti);
        lines->append("\"}}\n");
      }
      break;
    }
    case Caused::What::kServerAlert:
      if (!wanted(OutputKind::kServerAlerts)) break;
      AppendHead(OutputKind::kServerAlerts, event.key, lines);
      lines->append(event.value).append("}\n");
      break;
  }
}

Status WriteExpected(const StreamWalker& walker, const Arrivals& arrivals,
                     std::string_view id_prefix, std::optional<OutputKind> only,
                     const std::function<bool(std::string_view lines)>& sink) {
  Expectation expectation(id_prefix);
  std::string lines;
  Status failed;
  bool going = true;
  Status walked = walker([&](const StreamEvent& event) {
    if (arrivals.Of(event) == Arrival::kNever) return true;
    const Result<Caused> caused = expectation.Observe(event);
    if (!caused) {
      failed = caused.error();
      return false;
    }
    AppendExpectedLines(event, *caused, expectation.players(), only, &lines);
    if (lines.size() >= kSinkBytes) {
      going = sink(lines);
      lines.clear();
    }
    return going;
  });
  if (!walked.ok()) return walked;
  if (!failed.ok()) return failed;
  if (going && !lines.empty()) sink(lines);
  return {};
}

}  // namespace playload
