#include "generator/measure/curve.h"

#include <algorithm>
#include <cstddef>

namespace playload {
namespace {

// A curve that stands still for less than this part of a slice changes a slice by as little.
constexpr std::int64_t kStillPart = 50;

// Where the curve is about to rise after it has stood still for `still_ns`.
std::vector<std::size_t> Risings(const std::vector<CurvePoint>& points, std::int64_t still_ns) {
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
  const std::int64_t length = (points.back().at_ns - begin) / slices;
  const std::vector<std::size_t> risings = Risings(points, length / kStillPart);
  const bool in_bursts = risings.size() >= 2;
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

Status AddCurve(const std::vector<CurvePoint>& points, int slices, Figures* figures) {
  const std::vector<CurvePoint> cuts = CutCurve(points, slices);
  if (cuts.size() < 2 || cuts.back().events == cuts.front().events) {
    return Invalid("too few events came in that time; --seconds gives it more");
  }
  for (std::size_t i = 1; i < cuts.size(); ++i) {
    figures->Add(cuts[i].events - cuts[i - 1].events, cuts[i].at_ns - cuts[i - 1].at_ns,
                 cuts[i].cpu_ns - cuts[i - 1].cpu_ns);
  }
  return {};
}

}  // namespace playload
