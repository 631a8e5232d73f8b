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
             Comparison* out) const;

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

}  // namespace playload
