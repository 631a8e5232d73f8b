#include "generator/judge/alignment.h"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <unordered_set>

namespace playload {

namespace {

// A table of all pairs has at most so many entries.
constexpr std::size_t kMostSteps = 4'000'000;
// Beyond that, so many records that are not matched are looked for: 16 MB.
constexpr std::int32_t kMostEdits = 2'000;

using Contents = std::vector<std::uint64_t>;
// Ascending on both sides.
using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

// By a table of the longest one of what begins at each pair.
Pairs ByTable(const Contents& a, const Contents& b) {
  const std::size_t columns = b.size() + 1;
  std::vector<std::uint32_t> best((a.size() + 1) * columns, 0);
  const auto at = [&](std::size_t r, std::size_t c) -> std::uint32_t& {
    return best[r * columns + c];
  };
  for (std::size_t r = a.size(); r-- > 0;) {
    for (std::size_t c = b.size(); c-- > 0;) {
      at(r, c) = a[r] == b[c] ? at(r + 1, c + 1) + 1 : std::max(at(r + 1, c), at(r, c + 1));
    }
  }
  Pairs pairs;
  std::size_t r = 0;
  std::size_t c = 0;
  while (r < a.size() && c < b.size()) {
    if (a[r] == b[c]) {
      pairs.emplace_back(r++, c++);
    } else if (at(r + 1, c) >= at(r, c + 1)) {
      ++r;
    } else {
      ++c;
    }
  }
  return pairs;
}

// Myers' greedy algorithm: on each diagonal k (place in `a` less place in `b`), how far d records
// that are not matched lead. nullopt where more than kMostEdits are not.
std::optional<Pairs> ByFewEdits(const Contents& a, const Contents& b) {
  const auto rows = static_cast<std::int32_t>(a.size());
  const auto columns = static_cast<std::int32_t>(b.size());
  std::vector<std::int32_t> furthest(2 * static_cast<std::size_t>(kMostEdits) + 3, 0);
  const auto on = [&](std::int32_t k) -> std::int32_t& {
    return furthest[static_cast<std::size_t>(k + kMostEdits + 1)];
  };
  // Whether one comes to diagonal k with d edits by a record of `b`, from the one above.
  const auto by_b = [](std::int32_t k, std::int32_t d, std::int32_t below, std::int32_t above) {
    return k == -d || (k != d && below < above);
  };
  std::vector<std::vector<std::int32_t>> steps;  // by d: before them, diagonals -d - 1 to d + 1
  for (std::int32_t d = 0; d <= kMostEdits; ++d) {
    steps.emplace_back(&on(-d - 1), &on(d + 1) + 1);
    for (std::int32_t k = -d; k <= d; k += 2) {
      std::int32_t x = by_b(k, d, on(k - 1), on(k + 1)) ? on(k + 1) : on(k - 1) + 1;
      while (x < rows && x - k < columns &&
             a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(x - k)]) {
        ++x;
      }
      on(k) = x;
      if (x < rows || x - k < columns) continue;

      // Back from the end.
      Pairs pairs;
      std::int32_t diagonal = k;
      for (std::int32_t e = d; e >= 0; --e) {
        const auto before = [&](std::int32_t of) {
          return steps[static_cast<std::size_t>(e)][static_cast<std::size_t>(of + e + 1)];
        };
        const bool from_b = e > 0 && by_b(diagonal, e, before(diagonal - 1), before(diagonal + 1));
        const std::int32_t start =
            e == 0 ? 0 : (from_b ? before(diagonal + 1) : before(diagonal - 1) + 1);
        while (x > start) {
          --x;
          pairs.emplace_back(x, x - diagonal);
        }
        diagonal += from_b ? 1 : -1;
        x = from_b ? start : start - 1;
      }
      std::reverse(pairs.begin(), pairs.end());
      return pairs;
    }
  }
  return std::nullopt;
}

// The longest one among the pairs of the n-th record of a content here and the n-th there.
Pairs ByOccurrence(const Contents& a, const Contents& b) {
  std::unordered_map<std::uint64_t, std::deque<std::size_t>> places;
  for (std::size_t r = 0; r < a.size(); ++r) places[a[r]].push_back(r);
  struct Link {
    std::size_t r;
    std::size_t c;
    std::optional<std::size_t> before;  // the link before it in the longest that ends with it
  };
  std::vector<Link> links;
  std::vector<std::size_t> ends;  // by length - 1: the link that ends one and has the least r
  for (std::size_t c = 0; c < b.size(); ++c) {
    const auto found = places.find(b[c]);
    if (found == places.end() || found->second.empty()) continue;
    const std::size_t r = found->second.front();
    found->second.pop_front();
    const auto end =
        std::lower_bound(ends.begin(), ends.end(), r,
                         [&](std::size_t l, std::size_t of) { return links[l].r < of; });
    const bool first = end == ends.begin();
    links.push_back({r, c, first ? std::nullopt : std::optional(*(end - 1))});
    if (end == ends.end()) {
      ends.push_back(links.size() - 1);
    } else {
      *end = links.size() - 1;
    }
  }
  Pairs pairs;
  std::optional<std::size_t> link = ends.empty() ? std::nullopt : std::optional(ends.back());
  for (; link; link = links[*link].before) pairs.emplace_back(links[*link].r, links[*link].c);
  std::reverse(pairs.begin(), pairs.end());
  return pairs;
}

Pairs CommonSubsequence(Contents a, Contents b) {
  Pairs pairs;
  const auto shorter = std::min(a.size(), b.size());
  std::size_t same = 0;
  while (same < shorter && a[same] == b[same]) {
    pairs.emplace_back(same, same);
    ++same;
  }
  std::size_t tail = 0;
  while (tail < shorter - same && a[a.size() - tail - 1] == b[b.size() - tail - 1]) ++tail;
  const std::size_t a_end = a.size() - tail;
  const std::size_t b_end = b.size() - tail;
  const auto middle = [&](Contents* of, std::size_t end) {
    of->resize(end);
    of->erase(of->begin(), of->begin() + static_cast<std::ptrdiff_t>(same));
  };
  middle(&a, a_end);
  middle(&b, b_end);

  std::optional<Pairs> between;
  if ((a.size() + 1) * (b.size() + 1) <= kMostSteps) {
    between = ByTable(a, b);
  } else {
    between = ByFewEdits(a, b);
  }
  if (!between) between = ByOccurrence(a, b);
  for (const auto& [r, c] : *between) pairs.emplace_back(same + r, same + c);
  for (std::size_t i = 0; i < tail; ++i) pairs.emplace_back(a_end + i, b_end + i);
  return pairs;
}

}  // namespace

Alignment AlignMultisets(const AlignedItems& expected, const AlignedItems& produced) {
  Alignment result;
  std::unordered_map<std::uint64_t, std::deque<std::size_t>> waiting;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    auto& of_content = waiting[expected[i].content];
    // Certain ones are served first.
    expected[i].may ? of_content.push_back(i) : of_content.push_front(i);
  }
  std::unordered_set<std::uint64_t> known;
  for (const AlignedItem& item : expected) known.insert(item.content);
  std::vector<bool> met(expected.size());
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < produced.size(); ++i) {
    const auto found = waiting.find(produced[i].content);
    if (found != waiting.end() && !found->second.empty()) {
      result.matched.push_back(found->second.front());
      met[found->second.front()] = true;
      found->second.pop_front();
    } else {
      others.push_back(i);
    }
  }
  // One of a content that nobody expects stands for one that is missing, what can be read first.
  std::stable_partition(others.begin(), others.end(),
                        [&](std::size_t i) { return !produced[i].unreadable; });
  std::size_t next = 0;
  for (const std::size_t i : others) {
    while (next < expected.size() && (met[next] || expected[next].may)) ++next;
    if (next < expected.size() && known.count(produced[i].content) == 0) {
      result.instead.emplace_back(next++, i);
    } else {
      result.surplus.push_back(i);
    }
  }
  for (; next < expected.size(); ++next) {
    if (!met[next] && !expected[next].may) result.missing.push_back(next);
  }
  return result;
}

Alignment AlignSequences(const AlignedItems& expected, const AlignedItems& produced) {
  Alignment result;
  std::vector<std::size_t> certain;
  Contents wanted;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].may) continue;
    certain.push_back(i);
    wanted.push_back(expected[i].content);
  }
  Contents came;
  for (const AlignedItem& item : produced) came.push_back(item.content);

  // What no match was found for, with the gap between two matches that it stands in.
  struct Left {
    std::size_t gap;
    std::size_t at;
    bool met = false;
  };
  std::vector<Left> skipped;
  std::vector<Left> extra;
  {
    std::size_t r = 0;
    std::size_t c = 0;
    std::size_t gap = 0;
    Pairs pairs = CommonSubsequence(std::move(wanted), std::move(came));
    pairs.emplace_back(certain.size(), produced.size());
    for (const auto& [row, column] : pairs) {
      for (; r < row; ++r) skipped.push_back({gap, certain[r]});
      for (; c < column; ++c) extra.push_back({gap, c});
      if (r < certain.size()) result.matched.push_back(certain[r]);
      ++r;
      ++c;
      ++gap;
    }
  }
  // What is missing here and came elsewhere is out of order.
  std::unordered_map<std::uint64_t, std::deque<Left*>> elsewhere;
  for (Left& p : extra) elsewhere[produced[p.at].content].push_back(&p);
  const auto take = [&](std::uint64_t content) -> Left* {
    const auto found = elsewhere.find(content);
    if (found == elsewhere.end() || found->second.empty()) return nullptr;
    Left* const p = found->second.front();
    found->second.pop_front();
    p->met = true;
    return p;
  };
  for (Left& e : skipped) {
    const Left* const p = take(expected[e.at].content);
    if (p == nullptr) continue;
    e.met = true;
    result.instead.emplace_back(e.at, p->at);
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].may && take(expected[i].content) != nullptr) result.matched.push_back(i);
  }
  // Then whatever came at the same place stands for what is missing there.
  auto p = extra.begin();
  for (const Left& e : skipped) {
    if (e.met) continue;
    while (p != extra.end() && (p->met || p->gap < e.gap)) ++p;
    if (p != extra.end() && p->gap == e.gap) {
      p->met = true;
      result.instead.emplace_back(e.at, p->at);
    } else {
      result.missing.push_back(e.at);
    }
  }
  for (const Left& left : extra) {
    if (!left.met) result.surplus.push_back(left.at);
  }
  return result;
}

}  // namespace playload
