#include "generator/judge/summary_matcher.h"

#include <string>
#include <vector>

namespace playload {

void SummaryMatcher::AddOdd(const ProducedRecord& record, std::string_view value) {
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

void SummaryMatcher::Judge(const IdForm& ids, Comparison* out) {
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

void SummaryMatcher::Judge(const std::string& key, const State& s, const Rare& rare,
                           const OddRecords& odds, Comparison* out) const {
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

}  // namespace playload
