#include "generator/judge/aggregate_matcher.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <tuple>

namespace playload {

namespace {

std::string Shortest(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

}  // namespace

void AggregateMatcher::Add(const ProducedRecord& record, std::string_view value) {
  // Of strangers nothing is kept.
  NumberMap<Last>* const last = sequences_.Stranger(record.number) ? nullptr : &last_produced_;
  AggregateItem item = Item(record.number, record.total_amount, record.transaction_count, last);
  if (record.form == ProducedRecord::Form::kOdd) {
    item.odd = texts_.Keep(value, record.why) & 0x3FFFFFFF;
    item.unreadable = record.readable ? 0 : 1;
  }
  sequences_.AddProduced(record.number, item);
}

std::uint64_t AggregateMatcher::Outstanding() const {
  return sequences_.Outstanding(
      [&](std::uint64_t /*user*/, const Items& expected, const Items& produced) {
        Comparison scratch;
        Differ("", expected, produced, &scratch);
        return scratch.flaw(Flaw::kMissing);
      });
}

void AggregateMatcher::Judge(const IdForm& ids, Comparison* out) const {
  out->expected += sequences_.gone();
  out->matched += sequences_.gone();
  sequences_.Judge(
      [&](std::uint64_t user, const Items& items, std::uint32_t forgotten) {
        const std::size_t count = items.size() + forgotten;
        out->expected += count;
        out->matched += count;
        if (!user_order_) JudgeLast(ids, user, out);
      },
      [&](std::uint64_t user, const Items& expected, const Items& produced) {
        out->expected += expected.size();
        const bool last = Differ(ids.Text(user), expected, produced, out);
        if (!user_order_ && last) JudgeLast(ids, user, out);
      },
      [&](std::uint64_t came) { out->may += came; },
      [&](Flaw flaw, std::uint64_t count, const Sequences::Examples& examples) {
        AddCounted(
            flaw, count, examples,
            [&](std::uint64_t user, const AggregateItem& item) {
              return FlawExample{ids.Text(user), "", Text(item)};
            },
            out);
      });
}

AggregateItem AggregateMatcher::Item(std::uint64_t user, double total, std::uint32_t count,
                                     NumberMap<Last>* last) {
  AggregateItem item;
  item.count = count;
  if (user_order_) {
    item.total = total;
    return item;
  }
  if (last == nullptr) return item;
  Last& l = (*last)[user];
  if (count >= l.count) l = {total, count};
  return item;
}

void AggregateMatcher::JudgeLast(const IdForm& ids, std::uint64_t user, Comparison* out) const {
  const Last& expected = *last_expected_.Find(user);
  const Last& got = *last_produced_.Find(user);
  if (got.count != expected.count) return;  // one beyond the last came too: unexpected
  const double error = std::abs(expected.total) * 2.3e-16 * (expected.count + 1.0);
  if (std::abs(expected.total - got.total) <= error) return;
  --out->matched;
  out->Add(Flaw::kWrong, 1, [&] {
    return FlawExample{ids.Text(user), Text(expected.total, expected.count) + " or near",
                       Text(got.total, got.count)};
  });
}

std::string AggregateMatcher::Text(double total, std::uint32_t count) {
  return "{\"total_amount\":" + Shortest(total) +
         ",\"transaction_count\":" + std::to_string(count) + "}";
}

std::string AggregateMatcher::Text(const AggregateItem& item) const {
  if (item.odd != 0) return texts_.Text(item.odd);
  if (!user_order_) return "transaction_count " + std::to_string(item.count);
  return Text(item.total, item.count);
}

bool AggregateMatcher::Differ(const std::string& key, const Items& expected, const Items& produced,
                              Comparison* out) const {
  enum : std::uint8_t { kOpen, kSeen, kFilled };
  std::vector<std::uint8_t> state(expected.size(), kOpen);
  const auto place = [&](const AggregateItem& item) -> std::size_t {
    return item.count >= 1 && item.count <= expected.size() ? item.count - 1 : expected.size();
  };
  const auto example = [&](const AggregateItem* e, const AggregateItem* p) {
    return [this, &key, e, p] {
      return FlawExample{key, e == nullptr ? "" : Text(*e), p == nullptr ? "" : Text(*p)};
    };
  };
  // The right ones first, so that a wrong one never takes their place.
  std::vector<const AggregateItem*> rest;
  for (const AggregateItem& item : produced) {
    const std::size_t i = place(item);
    if (i == expected.size() || !item.Same(expected[i])) {
      rest.push_back(&item);
    } else if (state[i] == kSeen) {
      out->Add(Flaw::kDuplicate, 1, example(&expected[i], &item));
    } else {
      state[i] = kSeen;
      ++out->matched;
    }
  }
  // Others stand for the expected one of their count; what is left of the odd ones for any.
  std::vector<const AggregateItem*> odd;
  std::vector<const AggregateItem*> surplus;
  std::vector<const AggregateItem*> wrong(expected.size(), nullptr);
  for (const AggregateItem* item : rest) {
    const std::size_t i = place(*item);
    if (i < expected.size() && state[i] == kOpen) {
      state[i] = kFilled;
      wrong[i] = item;
    } else if (i < expected.size() && wrong[i] != nullptr && wrong[i]->Same(*item)) {
      out->Add(Flaw::kDuplicate, 1, example(&expected[i], item));
    } else {
      (item->odd != 0 && i == expected.size() ? odd : surplus).push_back(item);
    }
  }
  std::size_t open = 0;
  for (const AggregateItem* item : odd) {
    while (open < expected.size() && state[open] != kOpen) ++open;
    if (open == expected.size()) {
      surplus.push_back(item);
    } else {
      state[open] = kFilled;
      wrong[open] = item;
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (wrong[i] != nullptr) out->Add(Flaw::kWrong, 1, example(&expected[i], wrong[i]));
    if (state[i] == kOpen) out->Add(Flaw::kMissing, 1, example(&expected[i], nullptr));
  }
  // Beyond what is expected: the first of its kind is unexpected, an exact repeat a duplicate. Of
  // a user without purchases there is nothing to repeat.
  std::sort(surplus.begin(), surplus.end(), [](const AggregateItem* a, const AggregateItem* b) {
    return std::tuple(a->count, a->total, +a->odd) < std::tuple(b->count, b->total, +b->odd);
  });
  for (std::size_t i = 0; i < surplus.size(); ++i) {
    const bool repeat = !expected.empty() && i > 0 && surplus[i]->Same(*surplus[i - 1]);
    const Flaw flaw = surplus[i]->unreadable != 0 ? Flaw::kUnreadable
                      : repeat                    ? Flaw::kDuplicate
                                                  : Flaw::kUnexpected;
    out->Add(flaw, 1, example(nullptr, surplus[i]));
  }
  return !expected.empty() && state.back() == kSeen;
}

}  // namespace playload
