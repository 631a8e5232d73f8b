// SummaryMatcher: player-session-summaries, what must come against what came. Per player: how many;
// the content is always the same.
// A part of OutputMatcher, which says what its functions mean.
//
// Memory: 21 to 43 bytes a player, half as much again while their table grows; more for what is odd
// or uncertain. Threads: a value type, one thread at a time.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "generator/judge/lives.h"
#include "generator/judge/odd_records.h"
#include "generator/judge/produced.h"
#include "generator/judge/regular.h"
#include "generator/judge/strangers.h"
#include "generator/judge/uncalled.h"
#include "generator/judge/verdict.h"
#include "generator/oracle/number_map.h"

namespace playload {

class SummaryMatcher {
 public:
  // `lives`: who is let go of; outlives this.
  explicit SummaryMatcher(const Lives* lives) : lives_(*lives) {}

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

  void AddOdd(const ProducedRecord& record, std::string_view value);

  // What was told counts from here on. Before a player leaves: theirs is all told then.
  void CatchUp() {
    const std::uint64_t some = std::min(told_, kBehind);
    for (std::uint64_t i = told_ - some; i < told_; ++i) Apply(waiting_[i % kBehind]);
    told_ = 0;
  }

  // The player has left. REQUIRES: CatchUp() before it was known that they would.
  void Leave(std::uint64_t player);
  [[nodiscard]] bool NeedsRecall();
  void BeginRecall();
  void Recall(std::uint64_t player, bool certain);
  void EndRecall();

  [[nodiscard]] std::uint64_t outstanding() {
    CatchUp();
    return outstanding_;
  }

  void Judge(const IdForm& ids, Comparison* out);

 private:
  struct State {
    std::uint32_t expected = 0;  // for certain
    std::uint32_t came = 0;      // odd ones too
  };
  struct Rare {
    std::uint32_t may = 0, odd = 0;
    [[nodiscard]] bool any() const { return may > 0 || odd > 0; }
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

  [[nodiscard]] bool IsStranger(std::uint64_t player, bool settled) const {
    return (closed_ || (settled && uncalled_ >= kMostUncalled)) &&
           players_.Find(player) == nullptr && !lives_.Left(player);
  }
  // Lets go of a player who has left when all of theirs has come.
  void LetGo(std::uint64_t player, const State& s) {
    if (s.expected != s.came || !lives_.Left(player) || RareOf(player).any()) return;
    gone_ += s.expected;
    players_.Erase(player);
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

  void Apply(const Told& told) {
    if (!told.expected && IsStranger(told.player, told.settled)) {
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
      LetGo(told.player, s);
    }
  }

  [[nodiscard]] Rare RareOf(std::uint64_t player) const {
    const Rare* const rare = rare_.size() == 0 ? nullptr : rare_.Find(player);
    return rare == nullptr ? Rare{} : *rare;
  }

  // Whether some of them may be let go of, so that they are not known to be no repeats.
  [[nodiscard]] bool MayBeKnown(std::uint64_t player, const State& s) const {
    return s.came > s.expected && lives_.Left(player) && recalled_.Find(player) == nullptr;
  }

  // `known`: whether there may have been summaries of this player.
  void Judge(const std::string& key, const State& s, const Rare& rare, const OddRecords& odds,
             bool known, Comparison* out) const;

  static constexpr std::uint64_t kBehind = 16;  // a core has 10 to 16 misses under way at a time

  const Lives& lives_;
  NumberMap<State> players_;
  std::uint64_t gone_ = 0;  // summaries of players who were let go of
  // Of players who left and have too many: what they have in all.
  NumberMap<std::uint32_t> recalling_;
  NumberMap<std::uint32_t> recalled_;
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

}  // namespace playload
