// FraudMatcher: fraud-alerts, what must come against what came. Per user: how many of each reason,
// those about currencies first. An alert has no number of its own, so whether one too many is a
// repeat or one too early is told by what the pipeline does for all users.
// A part of OutputMatcher, which says what its functions mean.
//
// Memory: some 100 bytes a user who buys. Threads: a value type, one thread at a time.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "generator/judge/lives.h"
#include "generator/judge/odd_records.h"
#include "generator/judge/produced.h"
#include "generator/judge/regular.h"
#include "generator/judge/strangers.h"
#include "generator/judge/uncalled.h"
#include "generator/judge/verdict.h"
#include "generator/oracle/fraud_rule.h"
#include "generator/oracle/number_map.h"
#include "generator/oracle/oracle.h"

namespace playload {

class FraudMatcher {
 public:
  // `lives`: who is let go of, with `user_order` only; outlives this.
  FraudMatcher(bool user_order, const Lives* lives, Delivery delivery)
      : user_order_(user_order), lives_(*lives), repeats_(delivery == Delivery::kAtLeastOnce) {}

  void Expect(const PurchaseFacts& facts, FraudAlert alert);

  void DoNotJudge(std::uint64_t user);

  // The user has left.
  void Leave(std::uint64_t user);
  [[nodiscard]] bool NeedsRecall() const { return !again_.empty(); }
  void Recall(const PurchaseFacts& facts, FraudAlert alert);
  void EndRecall();

  // All that is expected was told.
  void Close() { closed_ = true; }
  // As of SequenceMatcher.
  void SetSettled(bool settled) { settled_ = settled; }
  // As of SequenceMatcher.
  [[nodiscard]] bool Full() const { return !closed_ && uncalled_ >= kMostUncalled; }

  void Add(const ProducedRecord& record, std::int32_t source, std::string_view value);

  [[nodiscard]] std::uint64_t not_judged() const;
  [[nodiscard]] std::uint64_t outstanding() const;

  void Judge(const IdForm& ids, Comparison* out) const;

 private:
  static constexpr std::uint32_t kMostTransactions = 5;  // without an alert

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

  static void Add(const ProducedRecord& record, std::int32_t source, State* s);

  static std::uint32_t Frequent(const State& s);
  // Whether all that is expected has come, and nothing else.
  static bool Exact(const State& s);

  [[nodiscard]] bool IsStranger(std::uint64_t user) const {
    return (closed_ || (settled_ && uncalled_ >= kMostUncalled)) && users_.Find(user) == nullptr &&
           !lives_.Left(user);
  }
  // Lets go of a user who has left when all of theirs has come.
  void LetGo(std::uint64_t user, const State& s);

  // Certain alerts that nothing has come for, an odd one counting for any; and one with the other
  // reason too, unless it may be a repeat.
  [[nodiscard]] std::uint64_t Missing(const State& s) const;

  // A surplus alert carries no number, so that of a user with alerts it may be a repeat or one too
  // early. But users whom no alert is expected for cannot have repeats: one with n <= 5 events and
  // k alerts says that the pipeline alerts from event n - k + 1 on. What most of them say counts,
  // if most of those whom it would concern are alerted at all.
  [[nodiscard]] Habits FindHabits() const;

  // Alerts about currencies in the luckiest and in the unluckiest order of the user's events.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> MultiBounds(std::uint64_t user,
                                                                    const State& s) const;

  void Judge(const std::string& key, std::uint64_t user, const State& s, const OddRecords& odds,
             const Habits& habits, Comparison* out) const;

  // What there was of users who were let go of: as of State, each of them Exact().
  struct Gone {
    std::uint64_t expected = 0;
    std::array<std::uint64_t, kMostTransactions + 1> users{};  // by number of events, if so few
    std::uint64_t one_currency = 0;

    void Add(const State& s, std::uint64_t times);  // times: 1, or ~0 for -1
  };

  const bool user_order_;
  const Lives& lives_;
  const bool repeats_;  // allowed by the delivery
  NumberMap<State> users_;
  Gone gone_;
  // Users for whom something came when they had left, and may have been let go of; what is recalled
  // of them.
  std::map<std::uint64_t, State> again_;
  NumberMap<Count> by_currency_;   // without user_order only; key: user * 32 + currency
  std::uint64_t outstanding_ = 0;  // with user_order only
  std::uint64_t uncalled_ = 0;     // users that alerts came for, and no purchase
  bool closed_ = false;
  bool settled_ = false;
  Strangers<State> strangers_;
  OddTexts texts_;
  std::map<std::uint64_t, OddRecords> odd_;
};

}  // namespace playload
