// A curve: how many events had been made, or delivered, at which instant; and how it is cut into
// slices.
//
// A stream works in tiles: it simulates for a while, up to some 200 ms with a million players, and
// hands nothing out; then it encodes and hands out much. A slice that held two such bursts beside
// one that held three would tell nothing of the speed. So where a curve stands still for long, its
// slices end where it is about to rise again, and each holds whole tiles.
//
// Threads: pure functions. Units: ns.

#pragma once

#include <cstdint>
#include <vector>

#include "generator/measure/figures.h"

namespace playload {

struct CurvePoint {
  std::int64_t at_ns = 0;
  std::uint64_t events = 0;
  std::int64_t cpu_ns = 0;
};

// The points where slices begin and end: up to `slices` + 1, ascending. Two at least, unless there
// are fewer points. `points`: ascending, the events of the first one need not be 0.
std::vector<CurvePoint> CutCurve(const std::vector<CurvePoint>& points, int slices);

// Whether a curve says enough to be cut into so many slices: one that comes in bursts as long as a
// slice must have some of them.
bool IsTelling(const std::vector<CurvePoint>& points, int slices);

// A curve that is not telling is taken again, each time twice as long, while it is shorter than
// this: for one that was to last `asked_ns` four times that, or two seconds, as on a crowded
// machine whoever makes events, or drains them, may not run at all for 100 ms.
std::int64_t LongestNs(std::int64_t asked_ns);

// Adds the slices of a curve to the figures. kInvalid, and nothing is added, when too little
// happens in it.
Status AddCurve(const std::vector<CurvePoint>& points, int slices, Figures* figures);

}  // namespace playload
