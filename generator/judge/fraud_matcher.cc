#include "generator/judge/fraud_matcher.h"

#include <algorithm>
#include <array>
#include <vector>

#include "generator/event/catalog.h"

namespace playload {

void FraudMatcher::Expect(const PurchaseFacts& facts, FraudAlert alert) {
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

void FraudMatcher::DoNotJudge(std::uint64_t user) {
  State& s = users_[user];
  outstanding_ -= Missing(s);
  s.not_judged = true;
}

void FraudMatcher::Add(const ProducedRecord& record, std::int32_t source, std::string_view value) {
  const bool is_odd = record.form == ProducedRecord::Form::kOdd;
  if (IsStranger(record.number)) {
    Stranger* const stranger = strangers_.Add(record.number, record.readable);
    if (stranger == nullptr) return;
    Add(record, source, &stranger->state);
    if (is_odd) stranger->odd.Add(record, value, &texts_);
    return;
  }
  if (lives_.Left(record.number) && users_.Find(record.number) == nullptr) {
    again_[record.number] = State();
  }
  State& s = users_[record.number];
  const std::uint64_t before = Missing(s);
  if (s.count == 0 && Came(s) == 0) ++uncalled_;
  Add(record, source, &s);
  if (is_odd) odd_[record.number].Add(record, value, &texts_);
  outstanding_ += Missing(s) - before;
  LetGo(record.number, s);
}

void FraudMatcher::Leave(std::uint64_t user) {
  if (const State* const s = users_.Find(user)) LetGo(user, *s);
}

void FraudMatcher::LetGo(std::uint64_t user, const State& s) {
  if (s.count == 0 || s.not_judged || !Exact(s) || !lives_.Left(user)) return;
  gone_.Add(s, 1);
  users_.Erase(user);
}

void FraudMatcher::Gone::Add(const State& s, std::uint64_t times) {
  expected += times * (std::uint64_t{s.multi} + Frequent(s));
  if (s.count <= kMostTransactions) users[s.count] += times;
  if ((s.currencies & (s.currencies - 1)) == 0) one_currency += times;
}

void FraudMatcher::Recall(const PurchaseFacts& facts, FraudAlert alert) {
  const auto found = again_.find(facts.user);
  if (found == again_.end()) return;
  State& s = found->second;
  s.count += 1;
  s.currencies |= std::uint32_t{1} << facts.currency;
  if (alert == FraudAlert::kMulti) ++s.multi;
}

// What was let go of had come in order, so that each alert about currencies that came after it is
// late where there was a frequent one.
void FraudMatcher::EndRecall() {
  for (const auto& [user, gone] : again_) {
    if (gone.count == 0) continue;  // there was no such user
    gone_.Add(gone, ~std::uint64_t{0});
    State& s = users_[user];
    --uncalled_;
    if (Frequent(gone) > 0) s.late_multi = s.came_multi;
    s.count = gone.count;
    s.currencies = gone.currencies;
    s.multi = gone.multi;
    s.came_multi += gone.multi;
    s.came_frequent += Frequent(gone);
  }
  again_.clear();
}

std::uint64_t FraudMatcher::not_judged() const {
  std::uint64_t count = 0;
  users_.ForEach([&](std::uint64_t, const State& s) { count += s.not_judged ? 1 : 0; });
  return count;
}

std::uint64_t FraudMatcher::outstanding() const {
  if (user_order_) return outstanding_;
  std::uint64_t count = 0;
  users_.ForEach([&](std::uint64_t user, State s) {
    s.multi = static_cast<std::uint8_t>(MultiBounds(user, s).first);
    count += Missing(s);
  });
  return count;
}

void FraudMatcher::Judge(const IdForm& ids, Comparison* out) const {
  const Habits habits = FindHabits();
  out->expected += gone_.expected;
  out->matched += gone_.expected;
  std::vector<std::uint64_t> differ;
  users_.ForEach([&](std::uint64_t user, const State& s) {
    if (s.not_judged || (repeats_ && again_.count(user) > 0)) {
      out->may += Came(s);
      return;
    }
    if (user_order_ && Exact(s)) {
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
    Judge(ids.Text(user), user, *users_.Find(user), odd == odd_.end() ? OddRecords() : odd->second,
          habits, out);
  }
  strangers_.AddRest(out);
}

void FraudMatcher::Add(const ProducedRecord& record, std::int32_t source, State* s) {
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

std::uint32_t FraudMatcher::Frequent(const State& s) {
  return s.count > kMostTransactions ? s.count - kMostTransactions : 0;
}

bool FraudMatcher::Exact(const State& s) {
  return s.came_multi == s.multi && s.came_frequent == Frequent(s) && s.odd == 0 &&
         s.late_multi == 0;
}

std::uint64_t FraudMatcher::Missing(const State& s) const {
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

FraudMatcher::Habits FraudMatcher::FindHabits() const {
  // By number of events.
  std::array<std::uint64_t, kMostTransactions + 1> users = gone_.users;
  std::array<std::uint64_t, kMostTransactions + 1> alerted{};  // of them
  std::array<std::uint64_t, kMostTransactions + 1> votes{};    // for so many alerts too early
  std::uint64_t one_currency = gone_.one_currency;
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

std::pair<std::uint32_t, std::uint32_t> FraudMatcher::MultiBounds(std::uint64_t user,
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

void FraudMatcher::Judge(const std::string& key, std::uint64_t user, const State& s,
                         const OddRecords& odds, const Habits& habits, Comparison* out) const {
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

}  // namespace playload
