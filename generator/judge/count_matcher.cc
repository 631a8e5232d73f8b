#include "generator/judge/count_matcher.h"

#include <algorithm>
#include <map>

#include "generator/base/text.h"

namespace playload {

namespace {

std::string Outputs(std::uint64_t count) {
  return FormatCount(count) + (count == 1 ? " output" : " outputs");
}

std::string Expected(const CountInterval& bounds) {
  return (bounds.fewest == bounds.most ? "" : FormatCount(bounds.fewest) + " to ") +
         Outputs(bounds.most) + ", whatever the order of its events";
}

}  // namespace

void CountMatcher::AddProduced(std::optional<std::uint64_t> key, std::string_view text,
                               bool stranger) {
  if (key && (!stranger || bounds_.Has(*key) || produced_.count(*key) > 0)) {
    ++produced_[*key];
    return;
  }
  ++of_strangers_;
  constexpr std::size_t kMostShown = 1'000;
  if (auto* const times = strangers_.Of(std::string(text.substr(0, kMostShown)))) ++*times;
}

bool CountMatcher::Outstanding() const {
  bool outstanding = false;
  bounds_.ForEach([&](std::uint64_t key, const CountInterval& bounds) {
    if (outstanding || bounds.fewest == 0) return;
    const auto produced = produced_.find(key);
    outstanding = produced == produced_.end() || produced->second < bounds.fewest;
  });
  return outstanding;
}

void CountMatcher::Judge(Comparison* comparison) const {
  // In the order of their names, so that the same examples are shown every time.
  struct Difference {
    CountInterval bounds;
    std::uint64_t produced;
  };
  std::map<std::string, Difference> differences;
  const auto judge = [&](std::uint64_t key, const CountInterval& bounds, std::uint64_t produced) {
    comparison->expected += bounds.fewest;
    const std::uint64_t matched = std::min(produced, bounds.fewest);
    comparison->matched += matched;
    comparison->may -= matched;
    if (produced < bounds.fewest || produced > bounds.most) {
      differences.emplace(text_of_(key), Difference{bounds, produced});
    }
  };
  std::uint64_t known = 0;
  bounds_.ForEach([&](std::uint64_t key, const CountInterval& bounds) {
    const auto produced = produced_.find(key);
    known += produced == produced_.end() ? 0 : 1;
    judge(key, bounds, produced == produced_.end() ? 0 : produced->second);
  });
  for (auto produced = produced_.begin(); known < produced_.size() && produced != produced_.end();
       ++produced) {
    if (bounds_.Has(produced->first)) continue;
    ++known;
    judge(produced->first, {}, produced->second);
  }
  std::uint64_t others = of_strangers_;
  for (const auto& [key, times] : strangers_.values()) {
    others -= times;
    differences.emplace(key, Difference{{}, times});
  }
  for (const auto& [key, difference] : differences) {
    const auto& [bounds, produced] = difference;
    const auto example = [&, key = key, bounds = bounds, produced = produced] {
      return FlawExample{key, Expected(bounds), Outputs(produced)};
    };
    if (produced < bounds.fewest) {
      comparison->Add(Flaw::kMissing, bounds.fewest - produced, example);
      continue;
    }
    // One too many may be a repeat, but of nothing.
    const bool repeat = comparison->delivery == Delivery::kAtLeastOnce && bounds.most > 0;
    comparison->may -= produced - bounds.most;
    comparison->Add(repeat ? Flaw::kDuplicate : Flaw::kUnexpected, produced - bounds.most, example);
  }
  comparison->may -= others;
  comparison->Add(Flaw::kUnexpected, others, MoreThanAreKept);
}

}  // namespace playload
