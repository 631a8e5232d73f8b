// Expectation: runs the oracle over the events of a stream and says what each one causes, as facts
// for an OutputMatcher or as text for people and pipes (`playload expect`).
//
// Threads: value types, one thread at a time.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/oracle/oracle.h"
#include "generator/run/ledger.h"
#include "generator/verify/output_matcher.h"
#include "generator/verify/outputs.h"
#include "generator/verify/replay.h"
#include "generator/verify/trigger.h"
#include "generator/verify/walker.h"

namespace playload {

enum class Arrival : std::uint8_t { kCertain, kNever, kUnknown };

// Which events of a destination arrived, from its ledger. Failed and shed ones never did; where the
// ledger is coarse their intervals hold acknowledged events too, so that nothing is certain there.
// Nor did those of a kind that the destination was not sent at all (`run --type`).
class Arrivals {
 public:
  Arrivals() = default;  // everything arrived
  explicit Arrivals(const LedgerEntry& entry);

  [[nodiscard]] Arrival Of(Kind kind, Position position) const;
  [[nodiscard]] Arrival Of(const StreamEvent& event) const {
    return Of(event.kind, event.position);
  }
  // Whether all events at these positions arrived for certain, whatever their kind.
  [[nodiscard]] bool AllCertain(Position first, Position last) const;
  // Whether events of this kind before `position` never arrived, of a kind that was sent.
  [[nodiscard]] bool LostBefore(Kind kind, Position position) const;

 private:
  struct Interval {
    Position first;
    Position last;  // inclusive
    Arrival arrival;
  };
  std::array<bool, kKinds> sent_ = {true, true, true};
  // The last one that begins at or before `position`; null when there is none.
  static const Interval* At(const std::vector<Interval>& intervals, Position position);

  // By kind, ascending; where two overlap, kUnknown comes of it.
  std::array<std::vector<Interval>, kKinds> intervals_;
};

// What one event causes: exactly one of a summary, a purchase's outputs, a server alert, or
// nothing.
struct Caused {
  enum class What : std::uint8_t { kNothing, kSummary, kPurchase, kServerAlert };
  What what = What::kNothing;
  std::uint64_t player = 0;  // kSummary
  PurchaseFacts facts;       // kPurchase
  PurchaseOutputs outputs;   // kPurchase
};

class Expectation {
 public:
  explicit Expectation(std::string_view id_prefix) : players_("player", id_prefix) {}

  // An event that the pipeline got, in plan order; one that is not valid causes nothing. kInternal
  // when the line of a valid one is not what this program's encoder writes.
  Result<Caused> Observe(const StreamEvent& event);

  // The same, told to the matcher, for an event that arrived, did not, or may have.
  Status Tell(const StreamEvent& event, Arrival arrival, OutputMatcher* matcher);

  [[nodiscard]] const Tally& tally() const { return oracle_.tally(); }
  [[nodiscard]] const IdForm& players() const { return players_; }

 private:
  IdForm players_;
  Oracle oracle_;
};

// What the events of a run cause, told to the matcher: Expectation::Tell() for records.
class RecordTeller {
 public:
  // All outlive it. `triggers` may be null; it is told of outputs by their OutputKind.
  RecordTeller(const Replay& replay, OutputMatcher* matcher, TriggerSink* triggers = nullptr)
      : facts_(replay), matcher_(matcher), triggers_(triggers) {}

  // In plan order; `arrivals`: one for each event of the run.
  void Tell(const ReplayedRun& run, const Arrival* arrivals);

 private:
  void TellOne(const ReplayedRun& run, std::uint32_t i, Arrival arrival);
  void ExpectSummary(const ReplayedRun& run, std::uint32_t i, bool certain);
  void TellRare(const ReplayedRun& run, std::uint32_t i, Arrival arrival);

  RecordFacts facts_;
  OutputMatcher* const matcher_;
  TriggerSink* const triggers_;
  Oracle oracle_;
};

// Puts outputs into words, as lines {"output":...,"key":...,"value":{...}}; all of them or one.
class ExpectedLines {
 public:
  // Gets whole lines and says whether to go on.
  using Sink = std::function<bool(std::string_view lines)>;

  ExpectedLines(const IdForm& players, std::optional<OutputKind> only, const Sink& sink);

  [[nodiscard]] bool Wants(OutputKind output) const { return !only_ || *only_ == output; }

  // Each: false once the sink has enough.
  bool Summary(std::uint64_t player) {
    return !Wants(OutputKind::kSummaries) || WriteSummary(player);
  }
  bool Purchase(std::uint64_t user, const PurchaseOutputs& outputs);
  // `key` and `line`: the server's and its metric's.
  bool ServerAlert(std::string_view key, std::string_view line);
  // Gives the sink what it did not get yet.
  void Flush();

 private:
  bool WriteSummary(std::uint64_t player);
  bool MakeRoom(std::size_t bytes);

  const std::optional<OutputKind> only_;
  const Sink& sink_;
  // What stands around the numbers and texts.
  std::string summary_head_, summary_middle_, aggregate_head_, fraud_head_, fraud_middle_,
      alert_head_;
  std::vector<char> lines_;
  char* end_;
  bool going_ = true;
};

// All outputs of a stream, in the order of their cause. Events that did not arrive cause nothing;
// those that may have are taken as arrived. The two say the same of the same events; the first is
// the one that reads what was sent, the second is five times as fast.
Status WriteExpected(const StreamWalker& walker, const Arrivals& arrivals,
                     std::string_view id_prefix, std::optional<OutputKind> only,
                     const ExpectedLines::Sink& sink);
Status WriteExpected(const Replay& replay, const Arrivals& arrivals, std::string_view id_prefix,
                     std::optional<OutputKind> only, const ExpectedLines::Sink& sink);

}  // namespace playload
