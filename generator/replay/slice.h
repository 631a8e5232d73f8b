// Slice: a part of a run, of one player or server, of a time, or both, made again without what is
// not needed for it (docs/slices.md says what is, and how long it takes).
//
// Threads: value types and one thread at a time; making a time slice takes the threads of the
// replay. Ownership: replay, checkpoints and arrivals outlive a SliceWalk. Errors: kInvalid for an
// id that the run cannot have, for a time slice of what was polled.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "generator/base/status.h"
#include "generator/oracle/oracle.h"
#include "generator/replay/expectation.h"
#include "generator/replay/replay.h"
#include "generator/run/checkpoints.h"
#include "generator/simulate/past.h"

namespace playload {

// An instant of a run: UTC, or from its start on.
struct RunInstant {
  bool from_start = false;
  std::int64_t ns = 0;
};
// "2026-01-01T00:00:05Z", "+90s".
Result<RunInstant> ParseRunInstant(std::string_view text);

struct Slice {
  std::string id;                      // "player_42", "server_3"; "": of all
  std::optional<RunInstant> from, to;  // from <= instant < to

  [[nodiscard]] bool whole() const { return id.empty() && !from && !to; }
};

// Who an id is about.
struct SliceEntity {
  bool server = false;
  std::uint64_t number = 0;  // as in the id
  std::uint64_t lane = 0;
  std::uint32_t index = 0;  // in the lane
  std::uint64_t life = 0;   // player: as Record::life
};
Result<SliceEntity> ParseSliceEntity(const StreamTables& tables, const std::string& id);

class SliceWalk {
 public:
  // `state`: whether the state of those who buy is wanted as it is after all events before. It is,
  // once Walk() has shown the purchases that it shows and Before() was asked for those it did not.
  // `checkpoints` may be null.
  SliceWalk(const Replay& replay, const Arrivals& arrivals, Slice slice, bool state,
            Checkpoints* checkpoints);

  // Events of the slice, and with inside = false some before it that belong to the state. Returns
  // whether to go on.
  using Visitor = std::function<bool(const ReplayedRun&, bool inside)>;
  Status Walk(const Visitor& visit);

  // What the buyer of this purchase bought before the first event that Walk() showed: all of it,
  // in order. For the visitor.
  [[nodiscard]] std::vector<Record> Before(const Record& purchase, std::uint64_t lane);

 private:
  Status FindRange();
  [[nodiscard]] std::uint64_t OrdinalOf(const RunInstant& instant) const;
  Status WalkTime(const Visitor& visit);
  Status WalkEntity(const SliceEntity& who, const Visitor& visit);
  Status WalkPolled(const SliceEntity& who, const Visitor& visit);
  [[nodiscard]] bool Is(const SliceEntity& who, const Record& record, std::uint64_t lane) const;
  [[nodiscard]] std::int64_t StampOf(std::uint64_t run) const;
  void KeepPast(const Lanes& lanes);

  const Replay& replay_;
  const StreamTables& tables_;
  const Arrivals& arrivals_;
  const Slice slice_;
  const bool state_;
  Checkpoints* const checkpoints_;
  // In the shard, counted from 0 without holes.
  std::uint64_t begin_ = 0, end_ = 0;
  // What came before cannot be told from the lanes: all of it must be made.
  bool from_start_ = false;
  LanesCopy copy_;  // of where Walk() began
  std::unique_ptr<Past> past_;
};

// What the rules know of a user.
struct RuleState {
  double total = 0;
  std::uint32_t count = 0;
  std::uint32_t currencies = 0;  // one bit each, as in the catalog
};

// The oracle over a slice: it is told of each user's earlier purchases when they buy first.
class SliceOracle {
 public:
  // `walk` null: from the first event on.
  SliceOracle(const Replay& replay, SliceWalk* walk) : facts_(replay), walk_(walk) {}

  struct Answer {
    PurchaseFacts facts;
    PurchaseOutputs outputs;
    RuleState before, after;
  };
  // A purchase that arrived, or may have.
  Answer Purchase(const Record& record, std::uint64_t lane);
  // The user's state as it is.
  RuleState StateOf(const Record& record, std::uint64_t lane);

 private:
  RuleState& Known(const Record& record, std::uint64_t lane);
  PurchaseOutputs Observe(const PurchaseFacts& facts, RuleState* state);

  RecordFacts facts_;
  SliceWalk* const walk_;
  Oracle oracle_;
  std::unordered_map<std::uint64_t, RuleState> users_;
};

// What the events of a slice cause: the lines of WriteExpected() that are theirs.
Status WriteSliceExpected(const Replay& replay, const Arrivals& arrivals, const Slice& slice,
                          Checkpoints* checkpoints, std::string_view id_prefix,
                          std::optional<OutputKind> only, const ExpectedLines::Sink& sink);

// The events themselves, as lines {"position":...,"topic":...,"key":...,"value":...}.
Status WriteSliceEvents(const Replay& replay, const Arrivals& arrivals, const Slice& slice,
                        Checkpoints* checkpoints, const std::array<std::string, kKinds>& topics,
                        const ExpectedLines::Sink& sink);

}  // namespace playload
