// Replay: the events of a run made again as records of 16 bytes, and what the oracle needs to know
// of them. Making their lines and reading them back would cost four times as much; walker.h has
// the lines, for those who need all of them.
//
// Threads: constant after construction. Walk() makes `threads` workers each time; the visitor runs
// in the caller's thread. Ownership: runs live until the visitor returns.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/event/fault.h"
#include "generator/oracle/oracle.h"
#include "generator/pace/timestamps.h"
#include "generator/stream/spec.h"
#include "generator/stream/tables.h"

namespace playload {

class Lanes;

// Consecutive events of one lane.
struct ReplayedRun {
  const Record* records;
  std::uint32_t count;
  std::uint64_t lane;
  Position first;
  std::int64_t stamp_ns;  // as of Batch
};

class Replay {
 public:
  // Returns whether to go on.
  using Visitor = std::function<bool(const ReplayedRun&)>;

  // As WalkRun(): what a run sent. With `polled`, as WalkPolled(): the first so many of each kind.
  Replay(RunSpec spec, std::vector<std::int64_t> stamps,
         const std::optional<std::array<std::uint64_t, kKinds>>& polled, int threads);

  // From the first event; every time the same ones.
  Status Walk(const Visitor& visit) const;
  // From the batch on that `begin` brings the lanes to, as of StreamOptions. REQUIRES: !polled().
  Status WalkFrom(const std::function<std::uint64_t(Lanes*)>& begin, const Visitor& visit) const;

  [[nodiscard]] const StreamTables& tables() const { return *tables_; }
  [[nodiscard]] const std::vector<std::int64_t>& stamps() const { return stamps_; }
  [[nodiscard]] bool polled() const { return polled_.has_value(); }
  [[nodiscard]] int threads() const { return threads_; }

 private:
  std::unique_ptr<const StreamTables> tables_;
  const std::vector<std::int64_t> stamps_;
  const std::optional<std::array<std::uint64_t, kKinds>> polled_;
  const int threads_;
};

// What the encoder says of a record, as numbers; facts.h reads the same from the line. Of events
// that are valid; those that are not say nothing.
class RecordFacts {
 public:
  explicit RecordFacts(const Replay& replay);

  // Whether a pipeline can make anything of the event.
  [[nodiscard]] static bool Valid(const Record& record) {
    return !IsFaulty(record) || FaultOf(record).valid();
  }

  // The numbers of a lane's entities are this plus what PlayerNumber() says.
  [[nodiscard]] std::uint64_t Player(const Record& record, std::uint64_t lane) const {
    return tables_.encoder.PlayerNumber(record, lane);
  }
  [[nodiscard]] PurchaseFacts Purchase(const Record& record, std::uint64_t lane) const;
  [[nodiscard]] static ServerFacts Server(const Record& record) {
    return {.cpu_load = record.a, .memory_usage = record.b};
  }

  struct Line {
    std::string_view key;
    std::string_view value;
  };
  // Event `i` of a run in full, as it is where nothing has damaged it; lives until the next call.
  // For the few that it is needed of.
  [[nodiscard]] Line Text(const ReplayedRun& run, std::uint32_t i);
  // The value as it was sent; lives until the next call.
  [[nodiscard]] std::string_view Sent(const ReplayedRun& run, std::uint32_t i);

 private:
  Line Encode(const ReplayedRun& run, std::uint32_t i, const Record& record);

  const StreamTables& tables_;
  TimestampCursor time_;
  std::vector<char> line_;
};

}  // namespace playload
