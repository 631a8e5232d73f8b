// AggregateMatcher: purchase-aggregates, what must come against what came. Per user, by
// transaction_count; totals compare as f64, folded in the order of the user's purchases. Where that
// order is not known only the last total is compared, within what another order may make of it.
// A part of OutputMatcher, which says what its functions mean.
//
// Memory: that of sequences.h, 16 bytes an item. Threads: a value type, one thread at a time.

#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/judge/lives.h"
#include "generator/judge/odd_records.h"
#include "generator/judge/produced.h"
#include "generator/judge/regular.h"
#include "generator/judge/sequences.h"
#include "generator/judge/verdict.h"
#include "generator/oracle/number_map.h"
#include "generator/oracle/oracle.h"

namespace playload {

struct AggregateItem {
  double total = 0;
  std::uint32_t count = 0;
  std::uint32_t odd : 30 = 0;  // OddTexts reference
  std::uint32_t unreadable : 1 = 0;
  std::uint32_t may : 1 = 0;  // never set: an uncertain user is not judged at all

  [[nodiscard]] bool Same(const AggregateItem& o) const {
    return count == o.count && total == o.total && odd == 0 && o.odd == 0;
  }
  [[nodiscard]] std::optional<std::uint64_t> Content() const {
    if (odd != 0) return std::nullopt;
    // 0 and -0 are the same.
    return std::bit_cast<std::uint64_t>(total + 0.0) * 0x9E3779B97F4A7C15u + count;
  }
  // No sum of amounts is that small.
  static AggregateItem StandIn(std::uint32_t i) { return {.total = -1e300, .count = i + 1}; }
};
static_assert(sizeof(AggregateItem) == 16);

class AggregateMatcher {
 public:
  using Sequences = SequenceMatcher<AggregateItem>;
  using Items = std::vector<AggregateItem>;

  // `lives`: with `user_order` only.
  AggregateMatcher(bool user_order, bool forget, const Lives* lives, Delivery delivery)
      : user_order_(user_order), sequences_(forget, lives, delivery == Delivery::kAtLeastOnce) {}

  [[nodiscard]] bool NeedsRecall() { return sequences_.NeedsRecall(); }
  void Recall(std::uint64_t user, const PurchaseOutputs& outputs) {
    sequences_.Recall(user, {.total = user_order_ ? outputs.total_amount : 0,
                             .count = outputs.transaction_count});
  }

  void Expect(std::uint64_t user, const PurchaseOutputs& outputs) {
    sequences_.AddExpected(
        user, Item(user, outputs.total_amount, outputs.transaction_count, &last_expected_));
  }

  void Add(const ProducedRecord& record, std::string_view value);

  void EndRecall() { sequences_.EndRecall(); }
  void Leave(std::uint64_t user) { sequences_.Leave(user); }

  void DoNotJudge(std::uint64_t user) { sequences_.DoNotJudge(user); }
  void Close() { sequences_.Close(); }
  void SetSettled(bool settled) { sequences_.SetSettled(settled); }
  [[nodiscard]] bool Full() const { return sequences_.Full(); }

  [[nodiscard]] std::uint64_t Outstanding() const;

  void Judge(const IdForm& ids, Comparison* out) const;

 private:
  // The aggregate with the highest count so far.
  struct Last {
    double total = 0;
    std::uint32_t count = 0;
  };

  // Without an order the totals on the way are not known, only the last one.
  AggregateItem Item(std::uint64_t user, double total, std::uint32_t count, NumberMap<Last>* last);

  // REQUIRES: the last expected count came. A sum of n amounts in another order differs by less
  // than n roundings.
  void JudgeLast(const IdForm& ids, std::uint64_t user, Comparison* out) const;

  [[nodiscard]] static std::string Text(double total, std::uint32_t count);

  [[nodiscard]] std::string Text(const AggregateItem& item) const;

  // `expected`: counts 1, 2, ... without a hole. Returns whether the last of them came right.
  bool Differ(const std::string& key, const Items& expected, const Items& produced,
              Comparison* out) const;

  const bool user_order_;
  Sequences sequences_;
  NumberMap<Last> last_expected_;  // without user_order only
  NumberMap<Last> last_produced_;
  OddTexts texts_;
};

}  // namespace playload
