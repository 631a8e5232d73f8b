// ledger.json: what became of every event, per destination: counts per topic and fate (and of the
// data faults of the scenario), and the
// positions of those that were not acknowledged, as intervals; an interval that speaks of some
// kinds only names their topics.
//
// Threads: pure functions and value types. Errors: kInvalid naming the file.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/oracle/tally.h"
#include "transports/deliveries.h"

namespace playload {

struct LedgerEntry {
  std::string to;
  std::array<std::string, kKinds> topics;
  Position end = 0;  // events before this position were handed to the destination
  std::array<std::uint64_t, kKinds> generated{};
  std::array<std::array<std::uint64_t, kKinds>, kFates> fates{};
  // Of failed, unknown and shed events; empty for acked ones, which are all the others.
  std::array<std::vector<PositionInterval>, kFates> intervals;
  // What data faults have touched, where the scenario has any; not known when the run ended early
  // and nobody wanted to wait. Counts by topic, also of events that were not acknowledged.
  bool has_faults = false;
  std::optional<FaultCounts> faults;
  // There were more gaps than are kept: intervals may hold acknowledged events too (counts are
  // exact).
  bool coarse = false;

  [[nodiscard]] std::uint64_t total_generated() const;
  [[nodiscard]] std::uint64_t total(Fate fate) const;
  // generated = acked + failed + unknown + shed, per kind.
  [[nodiscard]] bool adds_up() const;
};

inline constexpr std::array<const char*, kFates> kFateNames = {"acked", "failed", "unknown",
                                                               "shed"};

LedgerEntry MakeLedgerEntry(std::string to, const std::array<std::string, kKinds>& topics,
                            Position end, const Deliveries& deliveries);

std::string LedgerJson(const std::string& run_id, const std::vector<LedgerEntry>& entries);
Result<std::vector<LedgerEntry>> ParseLedger(const std::string& file, std::string_view json);

Status WriteLedger(const std::string& run_dir, const std::string& run_id,
                   const std::vector<LedgerEntry>& entries);
Result<std::vector<LedgerEntry>> ReadLedger(const std::string& run_dir);

}  // namespace playload
