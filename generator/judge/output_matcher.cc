#include "generator/judge/output_matcher.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "generator/base/text.h"
#include "generator/event/catalog.h"
#include "generator/judge/sequences.h"
#include "generator/judge/uncalled.h"
#include "generator/oracle/number_map.h"

namespace playload {

namespace {

constexpr std::uint32_t kMostTransactions = 5;  // without an alert

// The text of records that are not as documented, as far as they are kept: examples show them. A
// reference is 0 for a regular record.
class OddTexts {
 public:
  std::uint32_t Keep(std::string_view value, const std::string& why) {
    if (texts_.size() == kMost) return kMost + 1;
    texts_.push_back(std::string(value.substr(0, kLength)) + (value.size() > kLength ? "..." : "") +
                     " (" + why + ")");
    return static_cast<std::uint32_t>(texts_.size());
  }
  [[nodiscard]] std::string Text(std::uint32_t reference) const {
    return reference <= texts_.size() ? texts_[reference - 1]
                                      : "(a record that is not as documented)";
  }

 private:
  static constexpr std::uint32_t kMost = 4'096;
  static constexpr std::size_t kLength = 400;
  std::vector<std::string> texts_;
};

// What came about a user that is not as documented: how much of it cannot even be read, and the
// first one of either sort.
class OddRecords {
 public:
  void Add(const ProducedRecord& record, std::string_view value, OddTexts* texts) {
    std::uint32_t& first = record.readable ? first_readable_ : first_unreadable_;
    if (first == 0) first = texts->Keep(value, record.why);
    unreadable_ += record.readable ? 0 : 1;
  }

  [[nodiscard]] std::uint32_t unreadable() const { return unreadable_; }
  // The first one of a sort; of the other one where there is none.
  [[nodiscard]] std::string Text(bool unreadable, const OddTexts& texts) const {
    const bool other = (unreadable ? first_unreadable_ : first_readable_) == 0;
    return texts.Text(unreadable != other ? first_unreadable_ : first_readable_);
  }

 private:
  std::uint32_t unreadable_ = 0;
  std::uint32_t first_readable_ = 0;    // OddTexts reference
  std::uint32_t first_unreadable_ = 0;  // OddTexts reference
};

// How many records came about strangers (uncalled.h), all of which are flaws, and of each of the
// two classes of flaws what examples need of its first users.
template <typename State>
class Strangers {
 public:
  // What came about a user, of one class.
  struct One {
    State state;
    OddRecords odd;
    std::uint64_t records = 0;
  };

  // What is kept of this user; null where that is nothing.
  One* Add(std::uint64_t user, bool readable) {
    OfClass& of_class = classes_[readable ? 0 : 1];
    ++of_class.records;
    One* const one = of_class.first.Of(user);
    if (one != nullptr) ++one->records;
    return one;
  }

  // Adds the users that something is kept of to `users`, which are sorted then.
  void AddUsers(std::vector<std::uint64_t>* users) const {
    for (const OfClass& of_class : classes_) {
      for (const auto& [user, one] : of_class.first.values()) users->push_back(user);
    }
    std::sort(users->begin(), users->end());
    users->erase(std::unique(users->begin(), users->end()), users->end());
  }
  // Visits what is kept of this user; whether there was something.
  template <typename Visit>
  bool Visited(std::uint64_t user, Visit visit) const {
    bool found = false;
    for (const OfClass& of_class : classes_) {
      const auto one = of_class.first.values().find(user);
      if (one == of_class.first.values().end()) continue;
      visit(one->second);
      found = true;
    }
    return found;
  }
  // Adds the records of all others.
  void AddRest(Comparison* out) const {
    for (const Flaw flaw : {Flaw::kUnexpected, Flaw::kUnreadable}) {
      const OfClass& of_class = classes_[flaw == Flaw::kUnexpected ? 0 : 1];
      std::uint64_t rest = of_class.records;
      for (const auto& [user, one] : of_class.first.values()) rest -= one.records;
      out->Add(flaw, rest, MoreThanAreKept);
    }
  }

 private:
  struct OfClass {
    SmallestKeys<std::uint64_t, One> first;
    std::uint64_t records = 0;
  };
  std::array<OfClass, 2> classes_;  // unexpected, unreadable
};

// Odd records that stand for nothing expected. Those that can be read stand for it first.
struct OddSurplus {
  std::uint32_t unexpected = 0;
  std::uint32_t unreadable = 0;
};
OddSurplus SurplusOf(std::uint32_t odd, std::uint32_t unreadable, std::uint32_t standing) {
  const std::uint32_t readable = odd - unreadable;
  const std::uint32_t of_readable = std::min(standing, readable);
  return {readable - of_readable, unreadable - (standing - of_readable)};
}

std::string Shortest(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

std::string Times(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " x " + what;
}

// ---- player-session-summaries

class SummaryMatcher {
 public:
  void Expect(std::uint64_t player, bool certain) {
    if (certain) {
      Later({player, true, false});
    } else {
      ++rare_[player].may;
      players_[player];  // is no stranger
    }
  }

  // All that is expected was told.
  void Close() {
    CatchUp();
    closed_ = true;
  }
  // As of SequenceMatcher.
  void SetSettled(bool settled) { settled_ = settled; }
  // As of SequenceMatcher.
  [[nodiscard]] bool Full() const { return !closed_ && uncalled_ >= kMostUncalled; }

  void Add(std::uint64_t player) { Later({player, false, settled_}); }

  void AddOdd(const ProducedRecord& record, std::string_view value) {
    if (CountsStrangers(settled_) && players_.Find(record.number) == nullptr) {
      Stranger* const stranger = strangers_.Add(record.number, record.readable);
      if (stranger != nullptr) {
        ++stranger->state.came;
        ++stranger->state.odd;
        stranger->odd.Add(record, value, &texts_);
      }
      return;
    }
    Add(record.number);
    ++rare_[record.number].odd;
    odd_[record.number].Add(record, value, &texts_);
  }

  [[nodiscard]] std::uint64_t outstanding() {
    CatchUp();
    return outstanding_;
  }

  void Judge(const IdForm& ids, Comparison* out) {
    CatchUp();
    std::vector<std::uint64_t> differ;
    players_.ForEach([&](std::uint64_t player, const State& s) {
      out->expected += s.expected;
      if (s.came == s.expected && RareOf(player).odd == 0) {
        out->matched += s.expected;
      } else {
        differ.push_back(player);
      }
    });
    strangers_.AddUsers(&differ);
    for (const std::uint64_t player : differ) {
      if (strangers_.Visited(player, [&](const Stranger& stranger) {
            const StrangerState& s = stranger.state;
            Judge(ids.Text(player), {.came = s.came}, {.odd = s.odd}, stranger.odd, out);
          })) {
        continue;
      }
      const auto odd = odd_.find(player);
      Judge(ids.Text(player), *players_.Find(player), RareOf(player),
            odd == odd_.end() ? OddRecords() : odd->second, out);
    }
    strangers_.AddRest(out);
  }

 private:
  struct State {
    std::uint32_t expected = 0;  // for certain
    std::uint32_t came = 0;      // odd ones too
  };
  struct Rare {
    std::uint32_t may = 0, odd = 0;
  };
  struct StrangerState {
    std::uint32_t came = 0, odd = 0;
  };
  using Stranger = Strangers<StrangerState>::One;
  struct Told {
    std::uint64_t player;
    bool expected;
    bool settled;
  };

  [[nodiscard]] bool CountsStrangers(bool settled) const {
    return closed_ || (settled && uncalled_ >= kMostUncalled);
  }

  // Players come in any order, so their states are in no cache when there are many of them. What is
  // told waits until kBehind others were told, while the memory comes: 9 ns instead of 55 for each
  // of a million players.
  void Later(Told told) {
    Told& oldest = waiting_[told_ % kBehind];
    if (told_ >= kBehind) Apply(oldest);
    players_.Prefetch(told.player);
    oldest = told;
    ++told_;
  }

  void CatchUp() {
    const std::uint64_t some = std::min(told_, kBehind);
    for (std::uint64_t i = told_ - some; i < told_; ++i) Apply(waiting_[i % kBehind]);
    told_ = 0;
  }

  void Apply(const Told& told) {
    if (!told.expected && CountsStrangers(told.settled) && players_.Find(told.player) == nullptr) {
      if (Stranger* const stranger = strangers_.Add(told.player, true)) ++stranger->state.came;
      return;
    }
    State& s = players_[told.player];
    if (told.expected) {
      if (s.expected == 0 && s.came > 0) --uncalled_;
      ++s.expected;
      if (s.expected > s.came) ++outstanding_;
    } else {
      if (s.expected > s.came) --outstanding_;
      if (s.expected == 0 && s.came == 0) ++uncalled_;
      ++s.came;
    }
  }

  [[nodiscard]] Rare RareOf(std::uint64_t player) const {
    const Rare* const rare = rare_.size() == 0 ? nullptr : rare_.Find(player);
    return rare == nullptr ? Rare{} : *rare;
  }

  void Judge(const std::string& key, const State& s, const Rare& rare, const OddRecords& odds,
             Comparison* out) const {
    const std::uint32_t right = s.came - rare.odd;
    const std::uint32_t matched = std::min(s.expected, right);
    const std::uint32_t wrong = std::min(s.expected - matched, rare.odd);
    const std::uint32_t allowed = std::min(right - matched, rare.may);
    const std::uint32_t surplus = right - matched - allowed;
    out->matched += matched;
    out->may += allowed;
    const auto expected = [&] {
      return Times(s.expected, R"({"player_id":")" + key + R"(","event_count":1})");
    };
    const auto example = [&](const std::string& got) {
      return [&, got] { return FlawExample{key, expected(), got}; };
    };
    out->Add(Flaw::kMissing, s.expected - matched - wrong,
             example(std::to_string(right) + " came"));
    // A player who has summaries gets the same one again; one who has none gets a wrong one.
    out->Add(s.expected + rare.may > 0 ? Flaw::kDuplicate : Flaw::kUnexpected, surplus,
             example(std::to_string(right) + " came"));
    if (rare.odd == 0) return;
    const auto odd = [&](bool of_unreadable) {
      return [&, of_unreadable] { return example(odds.Text(of_unreadable, texts_))(); };
    };
    const OddSurplus odd_surplus = SurplusOf(rare.odd, odds.unreadable(), wrong);
    out->Add(Flaw::kWrong, wrong, odd(false));
    out->Add(Flaw::kUnexpected, odd_surplus.unexpected, odd(false));
    out->Add(Flaw::kUnreadable, odd_surplus.unreadable, odd(true));
  }

  static constexpr std::uint64_t kBehind = 16;  // a core has 10 to 16 misses under way at a time

  NumberMap<State> players_;
  NumberMap<Rare> rare_;  // players with something else than certain and regular
  std::array<Told, kBehind> waiting_{};
  std::uint64_t told_ = 0;  // since all were applied
  std::uint64_t outstanding_ = 0;
  std::uint64_t uncalled_ = 0;  // players that only came
  bool closed_ = false;
  bool settled_ = false;
  Strangers<StrangerState> strangers_;
  OddTexts texts_;
  std::map<std::uint64_t, OddRecords> odd_;
};

// ---- purchase-aggregates

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

  AggregateMatcher(bool user_order, bool forget) : user_order_(user_order), sequences_(forget) {}

  [[nodiscard]] bool NeedsRecall() { return sequences_.NeedsRecall(); }
  void Recall(std::uint64_t user, const PurchaseOutputs& outputs) {
    sequences_.Recall(user, {.total = user_order_ ? outputs.total_amount : 0,
                             .count = outputs.transaction_count});
  }

  void Expect(std::uint64_t user, const PurchaseOutputs& outputs) {
    sequences_.AddExpected(
        user, Item(user, outputs.total_amount, outputs.transaction_count, &last_expected_));
  }

  void Add(const ProducedRecord& record, std::string_view value) {
    // Of strangers nothing is kept.
    NumberMap<Last>* const last = sequences_.Stranger(record.number) ? nullptr : &last_produced_;
    AggregateItem item = Item(record.number, record.total_amount, record.transaction_count, last);
    if (record.form == ProducedRecord::Form::kOdd) {
      item.odd = texts_.Keep(value, record.why) & 0x3FFFFFFF;
      item.unreadable = record.readable ? 0 : 1;
    }
    sequences_.AddProduced(record.number, item);
  }

  void DoNotJudge(std::uint64_t user) { sequences_.DoNotJudge(user); }
  void Close() { sequences_.Close(); }
  void SetSettled(bool settled) { sequences_.SetSettled(settled); }
  [[nodiscard]] bool Full() const { return sequences_.Full(); }

  [[nodiscard]] std::uint64_t Outstanding() const {
    return sequences_.Outstanding(
        [&](std::uint64_t /*user*/, const Items& expected, const Items& produced) {
          Comparison scratch;
          Differ("", expected, produced, &scratch);
          return scratch.flaw(Flaw::kMissing);
        });
  }

  void Judge(const IdForm& ids, Comparison* out) const {
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

 private:
  // The aggregate with the highest count so far.
  struct Last {
    double total = 0;
    std::uint32_t count = 0;
  };

  // Without an order the totals on the way are not known, only the last one.
  AggregateItem Item(std::uint64_t user, double total, std::uint32_t count, NumberMap<Last>* last) {
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

  // REQUIRES: the last expected count came. A sum of n amounts in another order differs by less
  // than n roundings.
  void JudgeLast(const IdForm& ids, std::uint64_t user, Comparison* out) const {
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

  [[nodiscard]] static std::string Text(double total, std::uint32_t count) {
    return "{\"total_amount\":" + Shortest(total) +
           ",\"transaction_count\":" + std::to_string(count) + "}";
  }

  [[nodiscard]] std::string Text(const AggregateItem& item) const {
    if (item.odd != 0) return texts_.Text(item.odd);
    if (!user_order_) return "transaction_count " + std::to_string(item.count);
    return Text(item.total, item.count);
  }

  // `expected`: counts 1, 2, ... without a hole. Returns whether the last of them came right.
  bool Differ(const std::string& key, const Items& expected, const Items& produced,
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

  const bool user_order_;
  Sequences sequences_;
  NumberMap<Last> last_expected_;  // without user_order only
  NumberMap<Last> last_produced_;
  OddTexts texts_;
};

// ---- server-alerts

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

  void Add(const ProducedRecord& record, std::string_view value) {
    AlertItem item = Item(record);
    if (record.form == ProducedRecord::Form::kOdd) item.odd = texts_.Keep(value, record.why);
    item.unreadable = !record.readable;
    sequences_.AddProduced(record.number, item);
  }

  [[nodiscard]] std::uint64_t Outstanding() const {
    return sequences_.Outstanding(
        [&](std::uint64_t /*server*/, const Items& expected, const Items& produced) {
          Comparison scratch;
          Differ("", expected, produced, &scratch);
          return scratch.flaw(Flaw::kMissing);
        });
  }

  void Judge(const IdForm& ids, Comparison* out) const {
    sequences_.Judge(
        [&](std::uint64_t /*server*/, const Items& items, std::uint32_t forgotten) {
          out->matched += forgotten;
          out->expected += forgotten;
          for (const AlertItem& item : items) {
            ++(item.may ? out->may : out->matched);
            out->expected += item.may ? 0 : 1;
          }
        },
        [&](std::uint64_t server, const Items& expected, const Items& produced) {
          for (const AlertItem& item : expected) out->expected += item.may ? 0 : 1;
          Differ(ids.Text(server), expected, produced, out);
        },
        [](std::uint64_t /*came*/) {},
        [&](Flaw flaw, std::uint64_t count, const Sequences::Examples& examples) {
          AddCounted(
              flaw, count, examples,
              [&](std::uint64_t server, const AlertItem& item) {
                return FlawExample{ids.Text(server), "", Text(item)};
              },
              out);
        });
  }

  void Close() { sequences_.Close(); }
  void SetSettled(bool settled) { sequences_.SetSettled(settled); }
  [[nodiscard]] bool Full() const { return sequences_.Full(); }

  [[nodiscard]] bool UnexpectedOutside(std::int64_t begin_ns, std::int64_t end_ns) const {
    bool found = false;
    sequences_.Judge(
        [](std::uint64_t /*server*/, const Items& /*items*/, std::uint32_t /*forgotten*/) {},
        [&](std::uint64_t /*server*/, const Items& expected, const Items& produced) {
          Comparison scratch;
          for (const AlertItem* item : Differ("", expected, produced, &scratch)) {
            const bool outside = item->time_ns < begin_ns || item->time_ns > end_ns;
            found = found || (!item->unreadable && item->time_ns >= 0 && outside);
          }
        },
        [](std::uint64_t /*came*/) {},
        [](Flaw /*flaw*/, std::uint64_t /*count*/, const Sequences::Examples& /*examples*/) {});
    return found;
  }

 private:
  using Pointers = std::vector<const AlertItem*>;

  AlertItem Item(const ProducedRecord& record) {
    AlertItem item;
    item.content = record.content;
    item.time_ns = record.time_ns;
    item.latency = record.latency;
    item.cpu_load = record.cpu_load;
    item.memory_usage = record.memory_usage;
    const std::pair place(record.region.substr(0, kLongestPlace),
                          record.server_type.substr(0, kLongestPlace));
    while (item.place < places_.size() && (places_[item.place].first != place.first ||
                                           places_[item.place].second != place.second)) {
      ++item.place;
    }
    if (item.place == places_.size() && places_.size() < kMostPlaces) places_.emplace_back(place);
    return item;
  }

  [[nodiscard]] std::string Text(const AlertItem& item) const {
    if (item.odd != 0) return texts_.Text(item.odd);
    const auto place = item.place < places_.size() ? places_[item.place]
                                                   : std::pair<std::string, std::string>("?", "?");
    return "cpu_load " + std::to_string(item.cpu_load) + ", memory_usage " +
           std::to_string(item.memory_usage) + ", latency " + std::to_string(item.latency) +
           " at " + (item.time_ns < 0 ? "?" : FormatInstant(item.time_ns)) + ", " + place.first +
           ", " + place.second;
  }

  // Returns those of `produced` that stand for nothing expected.
  Pointers Differ(const std::string& key, const Items& expected, const Items& produced,
                  Comparison* out) const {
    const auto example = [&](const AlertItem* e, const AlertItem* p) {
      return [this, &key, e, p] {
        return FlawExample{key, e == nullptr ? "" : Text(*e), p == nullptr ? "" : Text(*p)};
      };
    };
    // By content, each as often as expected: both sides sorted, then walked together.
    const auto sorted = [](const Items& items) {
      Pointers pointers;
      for (const AlertItem& item : items) pointers.push_back(&item);
      std::stable_sort(
          pointers.begin(), pointers.end(), [](const AlertItem* a, const AlertItem* b) {
            return std::pair(a->odd != 0, a->content) < std::pair(b->odd != 0, b->content);
          });
      return pointers;
    };
    Pointers open;     // expected, nothing came
    Pointers surplus;  // came, nothing expected
    const Pointers es = sorted(expected);
    const Pointers ps = sorted(produced);
    std::size_t p = 0;
    for (std::size_t e = 0; e < es.size();) {
      const AlertItem& first = *es[e];
      while (p < ps.size() && ps[p]->odd == 0 && ps[p]->content < first.content) {
        surplus.push_back(ps[p++]);
      }
      std::size_t came = 0;
      while (p + came < ps.size() && ps[p + came]->Same(first)) ++came;
      p += came;
      // Equal contents differ in `may` alone: what came goes to the certain ones first.
      const std::size_t group = e;
      while (e < es.size() && es[e]->Same(first)) ++e;
      for (const bool may : {false, true}) {
        for (std::size_t i = group; i < e; ++i) {
          if (es[i]->may != may) continue;
          if (came > 0) {
            --came;
            ++(may ? out->may : out->matched);
          } else if (!may) {
            open.push_back(es[i]);
          }
        }
      }
      out->Add(Flaw::kDuplicate, came, example(&first, &first));
    }
    for (; p < ps.size(); ++p) surplus.push_back(ps[p]);

    // What came instead of an expected one: of the same instant, or with the same measurements, or
    // too odd to say.
    const auto pair_off = [&](auto key_of) {
      const auto less = [&](const AlertItem* a, const AlertItem* b) {
        return key_of(*a) < key_of(*b);
      };
      std::stable_sort(open.begin(), open.end(), less);
      std::stable_sort(surplus.begin(), surplus.end(), less);
      Pointers still_open;
      Pointers still_surplus;
      std::size_t next = 0;
      for (const AlertItem* e : open) {
        while (next < surplus.size() && less(surplus[next], e)) {
          still_surplus.push_back(surplus[next++]);
        }
        if (next < surplus.size() && !less(e, surplus[next])) {
          out->Add(Flaw::kWrong, 1, example(e, surplus[next++]));
        } else {
          still_open.push_back(e);
        }
      }
      still_surplus.insert(still_surplus.end(), surplus.begin() + static_cast<std::ptrdiff_t>(next),
                           surplus.end());
      open.swap(still_open);
      surplus.swap(still_surplus);
    };
    if (timestamps_) pair_off([](const AlertItem& item) { return item.time_ns; });
    pair_off([](const AlertItem& item) {
      return std::tuple(item.cpu_load, item.memory_usage, item.latency);
    });
    Pointers still_surplus;
    for (const AlertItem* item : surplus) {
      if (item->odd == 0 || open.empty()) {
        still_surplus.push_back(item);
      } else {
        out->Add(Flaw::kWrong, 1, example(open.back(), item));
        open.pop_back();
      }
    }
    surplus.swap(still_surplus);
    const auto by_time = [](const AlertItem* a, const AlertItem* b) {
      return std::tuple(a->time_ns, a->content) < std::tuple(b->time_ns, b->content);
    };
    std::stable_sort(open.begin(), open.end(), by_time);
    std::stable_sort(surplus.begin(), surplus.end(), by_time);
    for (const AlertItem* e : open) out->Add(Flaw::kMissing, 1, example(e, nullptr));
    for (const AlertItem* s : surplus) {
      out->Add(s->unreadable ? Flaw::kUnreadable : Flaw::kUnexpected, 1, example(nullptr, s));
    }
    return surplus;
  }

  // Of what a pipeline may write there, for the examples.
  static constexpr std::size_t kMostPlaces = 1'000;
  static constexpr std::size_t kLongestPlace = 100;

  const bool timestamps_;
  Sequences sequences_;
  std::vector<std::pair<std::string, std::string>> places_;
  OddTexts texts_;
};

// ---- fraud-alerts

class FraudMatcher {
 public:
  FraudMatcher(bool user_order, Delivery delivery)
      : user_order_(user_order), repeats_(delivery == Delivery::kAtLeastOnce) {}

  void Expect(const PurchaseFacts& facts, FraudAlert alert) {
    State& s = users_[facts.user];
    const std::uint64_t before = Missing(s);
    if (s.count == 0 && Came(s) > 0) --uncalled_;
    s.count += 1;
    s.currencies |= std::uint32_t{1} << facts.currency;
    if (user_order_) {
      if (alert == FraudAlert::kMulti) ++s.multi;
    } else {
      ++by_currency_[facts.user * 32 + facts.currency].count;
    }
    outstanding_ += Missing(s) - before;
  }

  void DoNotJudge(std::uint64_t user) {
    State& s = users_[user];
    outstanding_ -= Missing(s);
    s.not_judged = true;
  }

  // All that is expected was told.
  void Close() { closed_ = true; }
  // As of SequenceMatcher.
  void SetSettled(bool settled) { settled_ = settled; }
  // As of SequenceMatcher.
  [[nodiscard]] bool Full() const { return !closed_ && uncalled_ >= kMostUncalled; }

  void Add(const ProducedRecord& record, std::int32_t source, std::string_view value) {
    const bool is_odd = record.form == ProducedRecord::Form::kOdd;
    const bool counts = closed_ || (settled_ && uncalled_ >= kMostUncalled);
    if (counts && users_.Find(record.number) == nullptr) {
      Stranger* const stranger = strangers_.Add(record.number, record.readable);
      if (stranger == nullptr) return;
      Add(record, source, &stranger->state);
      if (is_odd) stranger->odd.Add(record, value, &texts_);
      return;
    }
    State& s = users_[record.number];
    const std::uint64_t before = Missing(s);
    if (s.count == 0 && Came(s) == 0) ++uncalled_;
    Add(record, source, &s);
    if (is_odd) odd_[record.number].Add(record, value, &texts_);
    outstanding_ += Missing(s) - before;
  }

  [[nodiscard]] std::uint64_t not_judged() const {
    std::uint64_t count = 0;
    users_.ForEach([&](std::uint64_t, const State& s) { count += s.not_judged ? 1 : 0; });
    return count;
  }
  [[nodiscard]] std::uint64_t outstanding() const {
    if (user_order_) return outstanding_;
    std::uint64_t count = 0;
    users_.ForEach([&](std::uint64_t user, State s) {
      s.multi = static_cast<std::uint8_t>(MultiBounds(user, s).first);
      count += Missing(s);
    });
    return count;
  }

  void Judge(const IdForm& ids, Comparison* out) const {
    const Habits habits = FindHabits();
    std::vector<std::uint64_t> differ;
    users_.ForEach([&](std::uint64_t user, const State& s) {
      if (s.not_judged) {
        out->may += Came(s);
        return;
      }
      if (user_order_ && s.came_multi == s.multi && s.came_frequent == Frequent(s) && s.odd == 0 &&
          s.late_multi == 0) {
        out->expected += std::uint64_t{s.multi} + Frequent(s);
        out->matched += std::uint64_t{s.multi} + Frequent(s);
      } else {
        differ.push_back(user);
      }
    });
    strangers_.AddUsers(&differ);
    for (const std::uint64_t user : differ) {
      if (strangers_.Visited(user, [&](const Stranger& stranger) {
            Judge(ids.Text(user), user, stranger.state, stranger.odd, habits, out);
          })) {
        continue;
      }
      const auto odd = odd_.find(user);
      Judge(ids.Text(user), user, *users_.Find(user),
            odd == odd_.end() ? OddRecords() : odd->second, habits, out);
    }
    strangers_.AddRest(out);
  }

 private:
  struct State {
    std::uint32_t count = 0;       // events that arrived
    std::uint32_t currencies = 0;  // of them, one bit each
    std::uint32_t came_multi = 0;
    std::uint32_t came_frequent = 0;
    std::uint32_t odd = 0;         // came, and is not as documented
    std::uint32_t late_multi = 0;  // of came_multi: after a frequent one
    std::int32_t source = 0;       // of the first one
    std::uint8_t multi = 0;        // expected, at most 4
    bool sources = false;          // more than one: their order is not known
    bool not_judged = false;
  };
  struct Count {
    std::uint32_t count = 0;
  };
  // What a whole pipeline does, seen from the users for whom it cannot be a repeat.
  struct Habits {
    std::uint32_t early = 0;   // so many alerts too early (a threshold below 5)
    bool stray_multi = false;  // alerts about currencies for users of one currency
  };

  using Stranger = Strangers<State>::One;

  static std::uint64_t Came(const State& s) {
    return std::uint64_t{s.came_multi} + s.came_frequent + s.odd;
  }

  static void Add(const ProducedRecord& record, std::int32_t source, State* s) {
    if (Came(*s) == 0) s->source = source;
    if (s->source != source) s->sources = true;
    if (record.form == ProducedRecord::Form::kOdd) {
      ++s->odd;
    } else if (record.reason == FraudAlert::kMulti) {
      ++s->came_multi;
      if (s->came_frequent > 0) ++s->late_multi;
    } else {
      ++s->came_frequent;
    }
  }

  static std::uint32_t Frequent(const State& s) {
    return s.count > kMostTransactions ? s.count - kMostTransactions : 0;
  }

  // Certain alerts that nothing has come for, an odd one counting for any; and one with the other
  // reason too, unless it may be a repeat.
  [[nodiscard]] std::uint64_t Missing(const State& s) const {
    if (s.not_judged) return 0;
    const std::uint32_t frequent = Frequent(s);
    const std::uint64_t expected = std::uint64_t{s.multi} + frequent;
    if (repeats_) {
      const std::uint64_t matched = std::uint64_t{std::min<std::uint32_t>(s.multi, s.came_multi)} +
                                    std::min(frequent, s.came_frequent);
      const std::uint64_t others = std::uint64_t{s.odd} + (s.multi == 0 ? s.came_multi : 0) +
                                   (frequent == 0 ? s.came_frequent : 0);
      return expected - matched > others ? expected - matched - others : 0;
    }
    const std::uint64_t came = Came(s);
    return expected > came ? expected - came : 0;
  }

  // A surplus alert carries no number, so that of a user with alerts it may be a repeat or one too
  // early. But users whom no alert is expected for cannot have repeats: one with n <= 5 events and
  // k alerts says that the pipeline alerts from event n - k + 1 on. What most of them say counts,
  // if most of those whom it would concern are alerted at all.
  [[nodiscard]] Habits FindHabits() const {
    std::array<std::uint64_t, kMostTransactions + 1> users{};    // by number of events
    std::array<std::uint64_t, kMostTransactions + 1> alerted{};  // of them
    std::array<std::uint64_t, kMostTransactions + 1> votes{};    // for so many alerts too early
    std::uint64_t one_currency = 0;
    std::uint64_t stray = 0;
    users_.ForEach([&](std::uint64_t, const State& s) {
      if (s.not_judged || s.count == 0) return;
      if (s.count <= kMostTransactions) {
        ++users[s.count];
        if (s.came_frequent > 0) {
          ++alerted[s.count];
          ++votes[kMostTransactions - s.count + std::min(s.came_frequent, s.count)];
        }
      }
      if ((s.currencies & (s.currencies - 1)) == 0) {
        ++one_currency;
        stray += s.came_multi > 0 ? 1 : 0;
      }
    });
    Habits habits;
    const auto most = std::max_element(votes.begin(), votes.end());
    const auto early = static_cast<std::uint32_t>(most - votes.begin());
    std::uint64_t concerned = 0;
    std::uint64_t concerned_alerted = 0;
    for (std::uint32_t n = kMostTransactions + 1 - early; n <= kMostTransactions; ++n) {
      concerned += users[n];
      concerned_alerted += alerted[n];
    }
    if (concerned_alerted * 2 > concerned) habits.early = early;
    habits.stray_multi = stray * 2 > one_currency;
    return habits;
  }

  // Alerts about currencies in the luckiest and in the unluckiest order of the user's events.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> MultiBounds(std::uint64_t user,
                                                                    const State& s) const {
    if (user_order_) return {s.multi, s.multi};
    if ((s.currencies & (s.currencies - 1)) == 0) return {0, 0};
    std::uint32_t most = 0;  // events in the user's most used currency
    for (std::uint64_t c = 0; c < 32; ++c) {
      const Count* count = by_currency_.Find(user * 32 + c);
      if (count != nullptr) most = std::max(most, count->count);
    }
    const std::uint32_t before_frequent = std::min(s.count, kMostTransactions);
    return {before_frequent > most ? before_frequent - most : 0, before_frequent - 1};
  }

  void Judge(const std::string& key, std::uint64_t user, const State& s, const OddRecords& odds,
             const Habits& habits, Comparison* out) const {
    const std::pair<std::uint32_t, std::uint32_t> bounds = MultiBounds(user, s);
    const std::uint32_t multi = bounds.first;
    const std::uint32_t most_multi = bounds.second;
    const std::uint32_t frequent = Frequent(s);
    const std::uint32_t unreadable = odds.unreadable();
    const auto text = [](std::uint64_t multis, std::uint64_t frequents) {
      std::string list;
      if (multis > 0) list = Times(multis, kReasonMulti);
      if (frequents > 0) {
        list += (list.empty() ? "" : ", then ") + Times(frequents, kReasonFrequent);
      }
      return list.empty() ? std::string("no alert") : list;
    };
    const auto example = [&] {
      std::string got;
      if (s.came_multi + s.came_frequent > 0 || s.odd == 0) {
        got = text(s.came_multi, s.came_frequent);
      }
      for (const bool of_unreadable : {false, true}) {
        const std::uint32_t times = of_unreadable ? unreadable : s.odd - unreadable;
        if (times == 0) continue;
        got += (got.empty() ? "" : ", and ") + Times(times, odds.Text(of_unreadable, texts_));
      }
      if (s.late_multi > 0) got += " (not in this order)";
      return FlawExample{key, text(multi, frequent), got};
    };
    out->expected += std::uint64_t{multi} + frequent;

    const std::uint32_t matched_multi = std::min(multi, s.came_multi);
    std::uint32_t matched = matched_multi + std::min(frequent, s.came_frequent);
    std::uint32_t missing = multi + frequent - matched;
    const std::uint32_t allowed = std::min(s.came_multi - matched_multi, most_multi - multi);
    out->may += allowed;
    std::uint32_t surplus_multi = s.came_multi - matched_multi - allowed;
    std::uint32_t surplus_frequent = s.came_frequent - std::min(frequent, s.came_frequent);

    // One after a frequent one that no repeat explains came in the wrong order.
    std::uint32_t wrong = 0;
    if (user_order_ && !s.sources && s.late_multi > surplus_multi) {
      wrong = std::min(s.late_multi - surplus_multi, matched_multi);
      matched -= wrong;
    }
    // An alert with another reason stands for the missing one, unless it may be a repeat: the user
    // may have alerts for this reason, and repeats are allowed.
    const auto stand_in = [&](std::uint32_t available, bool repeat = false) {
      const std::uint32_t taken = repeat ? 0 : std::min(missing, available);
      missing -= taken;
      wrong += taken;
      return available - taken;
    };
    const OddSurplus odd = SurplusOf(s.odd, unreadable, s.odd - stand_in(s.odd));
    surplus_multi = stand_in(surplus_multi, repeats_ && most_multi > 0);
    const std::uint32_t all_frequent = surplus_frequent;
    surplus_frequent = stand_in(surplus_frequent, repeats_ && frequent > 0);
    const std::uint32_t stood_in = all_frequent - surplus_frequent;
    const std::uint32_t early = habits.early > stood_in ? habits.early - stood_in : 0;

    // Who may have an alert may have it again where that is allowed; who must have none has no
    // repeats.
    const std::uint32_t repeatable = repeats_ ? most_multi : multi;
    std::uint32_t unexpected = odd.unexpected;
    unexpected += repeatable == 0 || habits.stray_multi ? surplus_multi : 0;
    unexpected += frequent == 0 ? surplus_frequent : std::min(surplus_frequent, early);
    const std::uint32_t surplus = odd.unexpected + surplus_multi + surplus_frequent;

    out->matched += matched;
    out->Add(Flaw::kMissing, missing, example);
    out->Add(Flaw::kUnexpected, unexpected, example);
    out->Add(Flaw::kDuplicate, surplus - unexpected, example);
    out->Add(Flaw::kWrong, wrong, example);
    out->Add(Flaw::kUnreadable, odd.unreadable, example);
  }

  const bool user_order_;
  const bool repeats_;  // allowed by the delivery
  NumberMap<State> users_;
  NumberMap<Count> by_currency_;   // without user_order only; key: user * 32 + currency
  std::uint64_t outstanding_ = 0;  // with user_order only
  std::uint64_t uncalled_ = 0;     // users that alerts came for, and no purchase
  bool closed_ = false;
  bool settled_ = false;
  Strangers<State> strangers_;
  OddTexts texts_;
  std::map<std::uint64_t, OddRecords> odd_;
};

}  // namespace

struct OutputMatcher::Impl {
  explicit Impl(const Options& options)
      : own(options.own),
        parser(options.id_prefix, options.timestamps),
        aggregates(options.user_order, options.forget),
        alerts(options.timestamps, options.forget),
        fraud(options.user_order, options.delivery) {
    for (int i = 0; i < kOutputKinds; ++i) {
      Comparison& comparison = found[static_cast<unsigned>(i)];
      comparison.name = kOutputNames[i];
      comparison.delivery = options.delivery;
    }
  }

  // A regular summary.
  void AddSummary(std::uint64_t player);
  // `key` and `value`: for the examples of what is not regular.
  void Add(OutputKind output, std::int32_t source, std::optional<std::string_view> key,
           std::string_view value, const ProducedRecord& record);

  const OwnNumber own;
  ProducedParser parser;
  SummaryMatcher summaries;
  AggregateMatcher aggregates;
  ServerAlertMatcher alerts;
  FraudMatcher fraud;
  bool recalls = false;  // what is expected was told before
  // What is foreign or about nobody, which is judged when it comes.
  std::array<Comparison, kOutputKinds> found;
};

OutputMatcher::OutputMatcher(const Options& options) : impl_(std::make_unique<Impl>(options)) {}
OutputMatcher::~OutputMatcher() = default;

bool OutputMatcher::NeedsRecall() {
  const bool aggregates = impl_->aggregates.NeedsRecall();
  return impl_->alerts.NeedsRecall() || aggregates;
}

void OutputMatcher::Recall(bool begin) { impl_->recalls = begin; }

std::uint64_t OutputMatcher::foreign() const {
  std::uint64_t foreign = 0;
  for (const Comparison& of_output : impl_->found) foreign += of_output.foreign;
  return foreign;
}

void OutputMatcher::ExpectSummary(std::uint64_t player, bool certain) {
  if (impl_->recalls) return;
  impl_->summaries.Expect(player, certain);
}

void OutputMatcher::ExpectPurchase(const PurchaseFacts& facts, const PurchaseOutputs& outputs) {
  if (impl_->recalls) return impl_->aggregates.Recall(facts.user, outputs);
  impl_->aggregates.Expect(facts.user, outputs);
  impl_->fraud.Expect(facts, outputs.alert);
}

OutputIdentity OutputMatcher::ExpectServerAlert(std::string_view alert, bool certain) {
  ProducedRecord record;
  if (!impl_->parser.regular().Read(OutputKind::kServerAlerts, std::nullopt, alert, &record)) {
    record = impl_->parser.ParseAny(OutputKind::kServerAlerts, std::nullopt, alert);
  }
  if (impl_->recalls) {
    impl_->alerts.Recall(record);
  } else {
    impl_->alerts.Expect(record, certain);
  }
  return {IndexOf(OutputKind::kServerAlerts), record.number, record.content};
}

void OutputMatcher::DoNotJudge(std::uint64_t user) {
  if (impl_->recalls) return;
  impl_->aggregates.DoNotJudge(user);
  impl_->fraud.DoNotJudge(user);
}

void OutputMatcher::AddProduced(OutputKind output, std::int32_t source,
                                std::optional<std::string_view> key, std::string_view value) {
  RegularReader& regular = impl_->parser.regular();
  if (output == OutputKind::kSummaries) {
    if (const auto player = regular.Summary(key, value)) return impl_->AddSummary(*player);
  }
  ProducedRecord record;
  if (!regular.Read(output, key, value, &record)) {
    record = impl_->parser.ParseAny(output, key, value);
  }
  impl_->Add(output, source, key, value, record);
}

void OutputMatcher::AddLine(OutputKind output, std::int32_t source, std::string_view line) {
  RegularReader& regular = impl_->parser.regular();
  if (output == OutputKind::kSummaries) {
    if (const auto player = regular.SummaryLine(line)) return impl_->AddSummary(*player);
  }
  ProducedRecord record;
  if (regular.ReadLine(output, line, &record)) {
    return impl_->Add(output, source, std::nullopt, line, record);
  }
  const OutputLine parts = impl_->parser.Unwrap(output, line);
  record = impl_->parser.ParseAny(output, parts.key, parts.value);
  impl_->Add(output, source, parts.key, parts.value, record);
}

void OutputMatcher::Impl::AddSummary(std::uint64_t player) {
  if (own && !own(false, player)) {
    ++found[static_cast<unsigned>(OutputKind::kSummaries)].foreign;
  } else {
    summaries.Add(player);
  }
}

void OutputMatcher::Impl::Add(OutputKind output, std::int32_t source,
                              std::optional<std::string_view> key, std::string_view value,
                              const ProducedRecord& record) {
  Comparison& of_output = found[static_cast<unsigned>(output)];
  if (record.form == ProducedRecord::Form::kForeign) {
    ++of_output.foreign;
    return;
  }
  if (record.form == ProducedRecord::Form::kNobody) {
    of_output.Add(record.readable ? Flaw::kUnexpected : Flaw::kUnreadable, 1, [&] {
      return FlawExample{std::string(key.value_or("").substr(0, 100)), "",
                         std::string(value.substr(0, 400)) + " (" + record.why + ")"};
    });
    return;
  }
  if (own && !own(output == OutputKind::kServerAlerts, record.number)) {
    ++of_output.foreign;
    return;
  }
  switch (output) {
    case OutputKind::kSummaries:
      if (record.form == ProducedRecord::Form::kRegular) return summaries.Add(record.number);
      return summaries.AddOdd(record, value);
    case OutputKind::kAggregates:
      return aggregates.Add(record, value);
    case OutputKind::kServerAlerts:
      return alerts.Add(record, value);
    case OutputKind::kFraudAlerts:
      return fraud.Add(record, source, value);
  }
}

std::uint64_t OutputMatcher::Outstanding(OutputKind output) const {
  switch (output) {
    case OutputKind::kSummaries:
      return impl_->summaries.outstanding();
    case OutputKind::kAggregates:
      return impl_->aggregates.Outstanding();
    case OutputKind::kServerAlerts:
      return impl_->alerts.Outstanding();
    case OutputKind::kFraudAlerts:
      return impl_->fraud.outstanding();
  }
  return 0;
}

Comparison OutputMatcher::Judge(OutputKind output) const {
  Comparison result = impl_->found[static_cast<unsigned>(output)];
  const IdForm& ids = impl_->parser.ids(output);
  switch (output) {
    case OutputKind::kSummaries:
      impl_->summaries.Judge(ids, &result);
      break;
    case OutputKind::kAggregates:
      impl_->aggregates.Judge(ids, &result);
      break;
    case OutputKind::kServerAlerts:
      impl_->alerts.Judge(ids, &result);
      break;
    case OutputKind::kFraudAlerts:
      impl_->fraud.Judge(ids, &result);
      break;
  }
  return result;
}

std::uint64_t OutputMatcher::not_judged() const { return impl_->fraud.not_judged(); }

void OutputMatcher::Close() {
  impl_->summaries.Close();
  impl_->aggregates.Close();
  impl_->alerts.Close();
  impl_->fraud.Close();
}

void OutputMatcher::SetSettled(bool settled) {
  impl_->summaries.SetSettled(settled);
  impl_->aggregates.SetSettled(settled);
  impl_->alerts.SetSettled(settled);
  impl_->fraud.SetSettled(settled);
}

bool OutputMatcher::Full() const {
  return impl_->summaries.Full() || impl_->aggregates.Full() || impl_->alerts.Full() ||
         impl_->fraud.Full();
}

bool OutputMatcher::AlertsOutside(std::int64_t begin_ns, std::int64_t end_ns) const {
  return impl_->alerts.UnexpectedOutside(begin_ns, end_ns);
}

}  // namespace playload
