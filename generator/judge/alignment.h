// Alignment: what became of each record of a key, of those that were expected and of those that
// were produced. Contents are numbers; two records are the same when their contents are.
//
// Time and memory: some n log n of the records, and of a sequence what kMostSteps and kMostEdits in
// alignment.cc say. Threads: functions without state.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace playload {

struct AlignedItem {
  std::uint64_t content = 0;
  bool may = false;         // expected, and need not come
  bool unreadable = false;  // produced, and without one of its topic's fields

  // As SequenceMatcher (sequences.h) wants them.
  [[nodiscard]] bool Same(const AlignedItem& other) const { return content == other.content; }
  [[nodiscard]] std::optional<std::uint64_t> Content() const { return content; }
  // Of what was forgotten: no content's hash but by chance, and each another one.
  static AlignedItem StandIn(std::uint32_t number) { return {~std::uint64_t{number}}; }
};
using AlignedItems = std::vector<AlignedItem>;

// Indices into the two.
struct Alignment {
  std::vector<std::size_t> matched;                          // expected
  std::vector<std::pair<std::size_t, std::size_t>> instead;  // expected, produced in its place
  std::vector<std::size_t> missing;                          // expected
  std::vector<std::size_t> surplus;                          // produced
};

// In any order. Those that must come are matched first.
Alignment AlignMultisets(const AlignedItems& expected, const AlignedItems& produced);

// In order, but for those that need not come: they may come anywhere. The longest common
// subsequence is matched; where that takes too long, because much differs in a long sequence, a
// common one that is shorter may be.
Alignment AlignSequences(const AlignedItems& expected, const AlignedItems& produced);

}  // namespace playload
