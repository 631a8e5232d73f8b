#include "generator/measure/curve.h"

#include <algorithm>
#include <cstddef>

namespace playload {
namespace {

// A curve that stands still for less than this part of a slice changes a slice by as little.
constexpr std::int64_t kStillPart = 50;
// Bursts that can be told from a thread that had to wait now and then: two whole periods.
constexpr std::size_t kFewestRisings = 3;

std::int64_t LengthOfSlice(const std::vector<CurvePoint>& points, int slices) {
  return (points.back().at_ns - points.front().at_ns) / slices;
}

// The longest time without an event.
std::int64_t LongestStill(const std::vector<CurvePoint>& points) {
  std::int64_t since = points.front().at_ns;
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (points[i].events != points[i - 1].events) since = points[i].at_ns;
    longest = std::max(longest, points[i].at_ns - since);
  }
  return longest;
}

// Where the curve is about to rise after it has stood still for long: half as long as it ever did,
// for between two tiles a thread may have to wait for a core now and then.
std::vector<std::size_t> Risings(const std::vector<CurvePoint>& points, int slices) {
  const std::int64_t still_ns =
      std::max(LengthOfSlice(points, slices) / kStillPart, LongestStill(points) / 2);
  std::vector<std::size_t> risings;
  std::size_t level = 0;  // since when it has been as high as now
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (points[i].events == points[level].events) continue;
    if (points[i - 1].at_ns - points[level].at_ns >= still_ns) risings.push_back(i - 1);
    level = i;
  }
  return risings;
}

}  // namespace

std::vector<CurvePoint> CutCurve(const std::vector<CurvePoint>& points, int slices) {
  if (points.size() < 2) return points;
  const std::int64_t begin = points.front().at_ns;
  const std::int64_t length = LengthOfSlice(points, slices);
  const std::vector<std::size_t> risings = Risings(points, slices);
  const bool in_bursts = risings.size() >= kFewestRisings;
  std::vector<CurvePoint> cuts;
  std::size_t last = 0;
  for (int k = 0; k <= slices; ++k) {
    const std::int64_t wanted = k == slices ? points.back().at_ns : begin + k * length;
    std::size_t cut = static_cast<std::size_t>(
        std::lower_bound(points.begin(), points.end(), wanted,
                         [](const CurvePoint& p, std::int64_t at) { return p.at_ns < at; }) -
        points.begin());
    if (in_bursts) {
      const auto next = std::lower_bound(risings.begin(), risings.end(), cut);
      cut = next == risings.end() ? risings.back() : *next;
    }
    if (!cuts.empty() && cut <= last) continue;
    cuts.push_back(points[cut]);
    last = cut;
  }
  return cuts;
}

bool IsTelling(const std::vector<CurvePoint>& points, int slices) {
  if (points.size() < 2 || points.back().events == points.front().events) return false;
  return LongestStill(points) < LengthOfSlice(points, slices) / 2 ||
         Risings(points, slices).size() >= kFewestRisings;
}

std::int64_t LongestNs(std::int64_t asked_ns) {
  constexpr std::int64_t kTimes = 4;
  constexpr std::int64_t kEnoughNs = 2'000'000'000;
  return std::max(kTimes * asked_ns, kEnoughNs);
}

Status AddCurve(const std::vector<CurvePoint>& points, int slices, Figures* figures) {
  const std::vector<CurvePoint> cuts = CutCurve(points, slices);
  Figures all;
  for (std::size_t i = 1; i < cuts.size(); ++i) {
    all.Add(cuts[i].events - cuts[i - 1].events, cuts[i].at_ns - cuts[i - 1].at_ns,
            cuts[i].cpu_ns - cuts[i - 1].cpu_ns);
  }
  // A curve that stands still half of the time has been watched for too short a time.
  if (all.events_per_second().median == 0) {
    return Invalid("too few events came in that time; --seconds gives it more");
  }
  figures->slices.insert(figures->slices.end(), all.slices.begin(), all.slices.end());
  figures->events += all.events;
  figures->wall_ns += all.wall_ns;
  figures->cpu_ns += all.cpu_ns;
  return {};
}

}  // namespace playload
