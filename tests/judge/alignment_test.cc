#include "generator/judge/alignment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace playload {
namespace {

AlignedItems Distinct(std::uint64_t from, std::uint64_t to) {
  AlignedItems items;
  for (std::uint64_t i = from; i < to; ++i) items.push_back({i});
  return items;
}

struct Counts {
  std::size_t matched, wrong, missing, surplus;
  bool operator==(const Counts&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Counts& c) {
  return out << c.matched << " matched, " << c.wrong << " wrong, " << c.missing << " missing, "
             << c.surplus << " surplus";
}

// In order; every record is accounted for once.
Counts Align(const AlignedItems& expected, const AlignedItems& produced) {
  const Alignment found = AlignSequences(expected, produced);
  std::vector<std::size_t> e = found.matched;
  std::vector<std::size_t> p = found.surplus;
  for (const auto& [of_expected, of_produced] : found.instead) {
    e.push_back(of_expected);
    p.push_back(of_produced);
  }
  e.insert(e.end(), found.missing.begin(), found.missing.end());
  std::sort(e.begin(), e.end());
  std::sort(p.begin(), p.end());
  CHECK(std::adjacent_find(e.begin(), e.end()) == e.end());
  CHECK(std::adjacent_find(p.begin(), p.end()) == p.end());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!expected[i].may) CHECK(std::binary_search(e.begin(), e.end(), i));
  }
  CHECK(found.matched.size() + p.size() == produced.size());
  return {found.matched.size(), found.instead.size(), found.missing.size(), found.surplus.size()};
}

// The longest common subsequence of a few records, by its definition.
std::size_t Longest(const AlignedItems& a, const AlignedItems& b, std::size_t r = 0,
                    std::size_t c = 0) {
  if (r == a.size() || c == b.size()) return 0;
  if (a[r].Same(b[c])) return 1 + Longest(a, b, r + 1, c + 1);
  return std::max(Longest(a, b, r + 1, c), Longest(a, b, r, c + 1));
}

TEST_CASE("Alignment: of few records the longest common subsequence is matched") {
  std::mt19937 random(3);
  for (int i = 0; i < 3'000; ++i) {
    AlignedItems expected;
    AlignedItems produced;
    for (AlignedItems* items : {&expected, &produced}) {
      for (auto n = random() % 8; n > 0; --n) items->push_back({random() % 3});
    }
    CHECK(Align(expected, produced).matched == Longest(expected, produced));
  }
}

// A pair of each with each would be 10^10 of them. Order is looked at all the same.
TEST_CASE("Alignment: a long sequence in another order is wrong") {
  constexpr std::size_t kLong = 100'000;
  const AlignedItems expected = Distinct(0, kLong);
  CHECK(Align(expected, expected) == Counts{kLong, 0, 0, 0});

  AlignedItems produced = expected;
  std::swap(produced.front(), produced.back());
  CHECK(Align(expected, produced) == Counts{kLong - 2, 2, 0, 0});

  produced = expected;
  std::rotate(produced.begin(), produced.begin() + 10, produced.end());
  CHECK(Align(expected, produced) == Counts{kLong - 10, 10, 0, 0});

  std::reverse(produced.begin(), produced.end());
  const Counts reversed = Align(expected, produced);
  CHECK(reversed.wrong >= kLong - 2);
  CHECK(reversed.matched + reversed.wrong == kLong);
}

TEST_CASE("Alignment: some records of a long sequence are missing, others new") {
  constexpr std::size_t kLong = 50'000;
  std::mt19937 random(4);
  for (const std::uint64_t kinds : {2, 3, 1'000, 1'000'000}) {
    CAPTURE(kinds);
    AlignedItems expected;
    for (std::size_t i = 0; i < kLong; ++i) expected.push_back({random() % kinds});
    AlignedItems produced = expected;
    // From the back, so that the places stay those of `expected`; at both ends, so that nothing is
    // the same before or behind them.
    produced.pop_back();
    for (std::size_t at = 45'000; at > 0; at -= 5'000) {
      produced.erase(produced.begin() + static_cast<std::ptrdiff_t>(at));
    }
    produced.erase(produced.begin());
    CHECK(Align(expected, produced) == Counts{kLong - 11, 0, 11, 0});
    produced.insert(produced.begin() + 20'000, {kinds});
    const Counts one_more = Align(expected, produced);
    CHECK(one_more.matched == kLong - 11);
    CHECK(one_more.missing + one_more.wrong == 11);
    CHECK(one_more.surplus + one_more.wrong == 1);
  }
}

TEST_CASE("Alignment: nearly all of a long sequence differs") {
  constexpr std::size_t kLong = 20'000;
  const AlignedItems expected = Distinct(0, kLong);
  AlignedItems produced = Distinct(kLong, 2 * kLong);
  CHECK(Align(expected, produced) == Counts{0, kLong, 0, 0});
  // Every second one came.
  produced.clear();
  for (std::size_t i = 0; i < kLong; i += 2) produced.push_back({i});
  CHECK(Align(expected, produced) == Counts{kLong / 2, 0, kLong / 2, 0});
}

TEST_CASE("Alignment: what need not come may come anywhere, after what must") {
  const auto items = [](const std::string& text) {
    AlignedItems of;
    for (const char c : text) {
      const bool may = c >= 'A' && c <= 'Z';
      of.push_back({static_cast<std::uint64_t>(may ? c - 'A' + 'a' : c), may});
    }
    return of;
  };
  const auto align = [&](const char* expected, const char* produced) {
    return Align(items(expected), items(produced));
  };
  CHECK(align("abCD", "ab") == Counts{2, 0, 0, 0});
  CHECK(align("abCD", "abdc") == Counts{4, 0, 0, 0});
  CHECK(align("abCD", "cabd") == Counts{4, 0, 0, 0});
  CHECK(align("abCD", "abcc") == Counts{3, 0, 0, 1});
  // The last one is the certain one, and not the one that may come.
  CHECK(align("abB", "b") == Counts{1, 0, 1, 0});
  CHECK(align("abA", "ba") == Counts{1, 1, 0, 0});
  CHECK(align("aB", "b") == Counts{1, 0, 1, 0});
}

}  // namespace
}  // namespace playload
