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

  [[nodiscard]] Arrival Of(const StreamEvent& event) const;

 private:
  struct Interval {
    Position first;
    Position last;  // inclusive
    Arrival arrival;
  };
  std::array<bool, kKinds> sent_ = {true, true, true};
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

  // An event that the pipeline got, in plan order. kInternal when the line is not what this
  // program's encoder writes.
  Result<Caused> Observe(const StreamEvent& event);

  // The same, told to the matcher, for an event that arrived, did not, or may have.
  Status Tell(const StreamEvent& event, Arrival arrival, OutputMatcher* matcher);

  [[nodiscard]] const Tally& tally() const { return oracle_.tally(); }
  [[nodiscard]] const IdForm& players() const { return players_; }

 private:
  IdForm players_;
  Oracle oracle_;
};

// What an event causes, as lines {"output":...,"key":...,"value":{...}}, appended to `lines`; of
// all outputs or of one.
void AppendExpectedLines(const StreamEvent& event, const Caused& caused, const IdForm& players,
                         std::optional<OutputKind> only, std::string* lines);

// All outputs of a stream, in the order of their cause. Events that did not arrive cause nothing;
// those that may have are taken as arrived. `sink` gets whole lines and says whether to go on.
Status WriteExpected(const StreamWalker& walker, const Arrivals& arrivals,
                     std::string_view id_prefix, std::optional<OutputKind> only,
                     const std::function<bool(std::string_view lines)>& sink);

}  // namespace playload
