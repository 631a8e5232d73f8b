// Expectation: runs the oracle over the events of a stream and says what each one causes, as facts
// or as text for people and pipes (`playload expect`).
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
#include "generator/replay/arrivals.h"
#include "generator/replay/outputs.h"
#include "generator/replay/replay.h"
#include "generator/replay/walker.h"

namespace playload {

// What one event causes: exactly one of a summary, a purchase's outputs, a server alert, or
// nothing.
struct Caused {
  enum class What : std::uint8_t { kNothing, kSummary, kPurchase, kServerAlert };
  What what = What::kNothing;
  std::uint64_t player = 0;  // kSummary
  PurchaseFacts facts;       // kPurchase
  PurchaseOutputs outputs;   // kPurchase
};

// The error for a valid event whose line is not what this program's encoder writes.
Status Unreadable(const StreamEvent& event);
// What a pipeline makes of a valid event's line: a field too many is dropped.
std::string Understood(const StreamEvent& event);

class Expectation {
 public:
  explicit Expectation(std::string_view id_prefix) : players_("player", id_prefix) {}

  // An event that the pipeline got, in plan order; one that is not valid causes nothing. kInternal
  // when the line of a valid one is not what this program's encoder writes.
  Result<Caused> Observe(const StreamEvent& event);

  [[nodiscard]] const Tally& tally() const { return oracle_.tally(); }
  [[nodiscard]] const IdForm& players() const { return players_; }

 private:
  IdForm players_;
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
