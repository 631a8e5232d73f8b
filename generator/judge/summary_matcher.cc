#include "generator/judge/summary_matcher.h"

#include <string>
#include <vector>

namespace playload {

void SummaryMatcher::AddOdd(const ProducedRecord& record, std::string_view value) {
  if (IsStranger(record.number, settled_)) {
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

void SummaryMatcher::Leave(std::uint64_t player) {
  if (const State* const s = players_.Find(player)) LetGo(player, *s);
}

bool SummaryMatcher::NeedsRecall() {
  CatchUp();
  bool needs = false;
  players_.ForEach(
      [&](std::uint64_t player, const State& s) { needs = needs || MayBeKnown(player, s); });
  return needs;
}

void SummaryMatcher::BeginRecall() {
  CatchUp();
  recalling_ = {};
  players_.ForEach([&](std::uint64_t player, const State& s) {
    if (MayBeKnown(player, s)) recalling_[player] = 0;
  });
}

void SummaryMatcher::Recall(std::uint64_t player, bool certain) {
  if (certain && recalling_.Find(player) != nullptr) ++recalling_[player];
}

void SummaryMatcher::EndRecall() {
  recalling_.ForEach([&](std::uint64_t player, std::uint32_t expected) {
    State& s = players_[player];
    const std::uint32_t let_go = expected - s.expected;
    if (s.expected == 0 && let_go > 0) --uncalled_;
    s.expected += let_go;
    s.came += let_go;
    gone_ -= let_go;
    recalled_[player] = expected;
  });
  recalling_ = {};
}

void SummaryMatcher::Judge(const IdForm& ids, Comparison* out) {
  CatchUp();
  out->expected += gone_;
  out->matched += gone_;
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
          Judge(ids.Text(player), {.came = s.came}, {.odd = s.odd}, stranger.odd, false, out);
        })) {
      continue;
    }
    const auto odd = odd_.find(player);
    const State& s = *players_.Find(player);
    const Rare rare = RareOf(player);
    Judge(ids.Text(player), s, rare, odd == odd_.end() ? OddRecords() : odd->second,
          s.expected + rare.may > 0 || MayBeKnown(player, s), out);
  }
  strangers_.AddRest(out);
}

void SummaryMatcher::Judge(const std::string& key, const State& s, const Rare& rare,
                           const OddRecords& odds, bool known, Comparison* out) const {
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
  out->Add(Flaw::kMissing, s.expected - matched - wrong, example(std::to_string(right) + " came"));
  // A player who has summaries gets the same one again; one who has none gets a wrong one.
  out->Add(known ? Flaw::kDuplicate : Flaw::kUnexpected, surplus,
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

}  // namespace playload
