// Lists of intervals of the stream, each of which speaks of some kinds of events only: a type with
// the members `first`, `last` (inclusive, below 2^64 - 1) and `kinds` (bit k: kind k).
//
// Threads: pure functions.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "generator/event/record.h"

namespace playload {

// The same places and kinds, ascending, in as few intervals as do not overlap.
template <typename Interval>
std::vector<Interval> Flatten(const std::vector<Interval>& intervals) {
  struct Edge {
    std::uint64_t at;
    std::uint8_t kinds;
    int step;  // how many more intervals there are from here on
  };
  std::vector<Edge> edges;
  edges.reserve(2 * intervals.size());
  for (const Interval& i : intervals) {
    edges.push_back({i.first, i.kinds, 1});
    edges.push_back({i.last + 1, i.kinds, -1});
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  std::vector<Interval> out;
  std::array<int, kKinds> depth{};
  for (std::size_t e = 0; e < edges.size();) {
    const std::uint64_t first = edges[e].at;
    for (; e < edges.size() && edges[e].at == first; ++e) {
      for (unsigned k = 0; k < kKinds; ++k) {
        if ((edges[e].kinds >> k & 1) != 0) depth[k] += edges[e].step;
      }
    }
    std::uint8_t kinds = 0;
    for (unsigned k = 0; k < kKinds; ++k) {
      if (depth[k] > 0) kinds = static_cast<std::uint8_t>(kinds | 1u << k);
    }
    if (kinds == 0) continue;
    const std::uint64_t last = edges[e].at - 1;  // there is an edge where it ends
    if (!out.empty() && out.back().kinds == kinds && out.back().last + 1 == first) {
      out.back().last = last;
    } else {
      out.push_back({first, last, kinds});
    }
  }
  return out;
}

// Joins neighbours, those with the smallest gaps first, until about half of the intervals are left;
// then they hold more places and kinds than before. REQUIRES: as Flatten() gives them, two at
// least.
template <typename Interval>
void JoinNearest(std::vector<Interval>& intervals) {
  std::vector<std::uint64_t> gaps;
  gaps.reserve(intervals.size());
  for (std::size_t i = 1; i < intervals.size(); ++i) {
    gaps.push_back(intervals[i].first - intervals[i - 1].last);
  }
  const auto middle = gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2);
  std::nth_element(gaps.begin(), middle, gaps.end());
  const std::uint64_t widest = *middle;
  std::size_t last = 0;
  for (std::size_t i = 1; i < intervals.size(); ++i) {
    if (intervals[i].first - intervals[last].last <= widest) {
      intervals[last].last = intervals[i].last;
      intervals[last].kinds |= intervals[i].kinds;
    } else {
      intervals[++last] = intervals[i];
    }
  }
  intervals.resize(last + 1);
}

}  // namespace playload
