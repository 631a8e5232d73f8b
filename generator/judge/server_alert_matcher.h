// ServerAlertMatcher: server-alerts, what must come against what came. Per server, by whole
// content; as often as expected, in any order.
// A part of OutputMatcher, which says what its functions mean.
//
// Memory: that of sequences.h, 32 bytes an item. Threads: a value type, one thread at a time.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/judge/odd_records.h"
#include "generator/judge/produced.h"
#include "generator/judge/regular.h"
#include "generator/judge/sequences.h"
#include "generator/judge/verdict.h"

namespace playload {

struct AlertItem {
  std::uint64_t content = 0;  // 0 for odd ones
  std::int64_t time_ns = -1;
  std::uint32_t latency = 0;
  std::uint32_t odd = 0;  // OddTexts reference
  std::uint16_t cpu_load = 0;
  std::uint16_t memory_usage = 0;
  std::uint16_t place = 0;  // index of region and server type
  bool may = false;
  bool unreadable = false;

  [[nodiscard]] bool Same(const AlertItem& o) const {
    return content == o.content && odd == 0 && o.odd == 0;
  }
  [[nodiscard]] std::optional<std::uint64_t> Content() const {
    return odd == 0 ? std::optional(content) : std::nullopt;
  }
  // Contents are hashes: one more value among 2^64.
  static AlertItem StandIn(std::uint32_t /*i*/) { return {.content = 1}; }
};
static_assert(sizeof(AlertItem) == 32);

class ServerAlertMatcher {
 public:
  using Sequences = SequenceMatcher<AlertItem>;
  using Items = std::vector<AlertItem>;

  ServerAlertMatcher(bool timestamps, bool forget) : timestamps_(timestamps), sequences_(forget) {}

  [[nodiscard]] bool NeedsRecall() { return sequences_.NeedsRecall(); }
  void Recall(const ProducedRecord& record) { sequences_.Recall(record.number, Item(record)); }

  void Expect(const ProducedRecord& record, bool certain) {
    AlertItem item = Item(record);
    item.may = !certain;
    sequences_.AddExpected(record.number, item);
  }

  void Add(const ProducedRecord& record, std::string_view value);

  [[nodiscard]] std::uint64_t Outstanding() const;

  void Judge(const IdForm& ids, Comparison* out) const;

  void Close() { sequences_.Close(); }
  void SetSettled(bool settled) { sequences_.SetSettled(settled); }
  [[nodiscard]] bool Full() const { return sequences_.Full(); }

  [[nodiscard]] bool UnexpectedOutside(std::int64_t begin_ns, std::int64_t end_ns) const;

 private:
  using Pointers = std::vector<const AlertItem*>;

  AlertItem Item(const ProducedRecord& record);

  [[nodiscard]] std::string Text(const AlertItem& item) const;

  // Returns those of `produced` that stand for nothing expected.
  Pointers Differ(const std::string& key, const Items& expected, const Items& produced,
                  Comparison* out) const;

  // Of what a pipeline may write there, for the examples.
  static constexpr std::size_t kMostPlaces = 1'000;
  static constexpr std::size_t kLongestPlace = 100;

  const bool timestamps_;
  Sequences sequences_;
  std::vector<std::pair<std::string, std::string>> places_;
  OddTexts texts_;
};

}  // namespace playload
