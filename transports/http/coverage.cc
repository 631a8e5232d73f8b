#include "transports/http/coverage.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <iterator>
#include <map>
#include <utility>

#include "transports/intervals.h"

namespace playload {
namespace {

using Hole = Coverage::Hole;

// The holes of one kind. The last of them has no end: it begins where nobody has been yet.
class HolesOfKind {
 public:
  // Takes [from, to) out of the holes and calls `open(begin, end)` for each part that was in one.
  template <typename Open>
  void Take(Ordinal from, Ordinal to, std::size_t max_holes, const Open& open) {
    if (from < end_of_last_ && (from < known_begin_ || to > known_end_)) [[unlikely]] {
      TakeOutOfHoles(from, to, open);
    }
    if (to > front_) {
      open(std::max(from, front_), to);
      if (from > front_) {
        holes_.emplace_hint(holes_.end(), from, front_);
        end_of_last_ = from;
      }
      front_ = to;
    }
    if (holes_.size() > max_holes) [[unlikely]] {
      GiveUpNarrowest(max_holes);
    }
  }

  [[nodiscard]] bool coarse() const { return coarse_; }

  // Appends all holes before `end`, in any order; they may overlap.
  void Copy(Ordinal end, std::uint8_t kinds, std::vector<Hole>* out) const {
    const auto add = [&](Ordinal begin, Ordinal hole_end) {
      hole_end = std::min(hole_end, end);
      if (begin < hole_end) out->push_back({begin, hole_end - 1, kinds});
    };
    for (const auto& [hole_end, begin] : holes_) add(begin, hole_end);
    for (const Hole& hole : given_up_) add(hole.first, hole.last + 1);
    add(front_, end);
  }

 private:
  template <typename Open>
  void TakeOutOfHoles(Ordinal from, Ordinal to, const Open& open) {
    auto hole = holes_.upper_bound(from);  // the first that ends behind `from`
    while (hole != holes_.end() && hole->second < to) {
      const Ordinal begin = std::max(hole->second, from);
      const Ordinal end = std::min(hole->first, to);
      open(begin, end);
      if (hole->second < begin) holes_.emplace_hint(hole, begin, hole->second);
      if (end < hole->first) {
        hole->second = end;
        break;
      }
      hole = holes_.erase(hole);
    }
    // Nothing becomes a hole again, so what is known to be none stays so.
    known_begin_ = hole == holes_.begin() ? 0 : std::prev(hole)->first;
    known_end_ = hole == holes_.end() ? front_ : hole->second;
    end_of_last_ = holes_.empty() ? 0 : std::prev(holes_.end())->first;
  }

  void GiveUpNarrowest(std::size_t max_holes) {
    std::vector<Ordinal> widths;
    widths.reserve(holes_.size());
    for (const auto& [end, begin] : holes_) widths.push_back(end - begin);
    const std::size_t half = widths.size() / 2;
    const auto last = widths.begin() + static_cast<std::ptrdiff_t>(half - 1);
    std::nth_element(widths.begin(), last, widths.end());
    const Ordinal widest = *last;
    // Of those that are as wide as the widest of the half, the older go.
    auto ties = 1 + std::count(widths.begin(), last, widest);
    for (auto hole = holes_.begin(); hole != holes_.end();) {
      const Ordinal width = hole->first - hole->second;
      if (width > widest || (width == widest && ties-- <= 0)) {
        ++hole;
        continue;
      }
      given_up_.push_back({hole->second, hole->first - 1, kAllKinds});
      hole = holes_.erase(hole);
    }
    end_of_last_ = holes_.empty() ? 0 : std::prev(holes_.end())->first;
    if (given_up_.size() > max_holes) {
      given_up_ = Flatten(given_up_);
      JoinNearest(given_up_);
      coarse_ = true;
    }
  }

  Ordinal front_ = 0;        // where the last hole begins
  Ordinal end_of_last_ = 0;  // end of the last but that one; 0: there is no other
  // No hole reaches into [known_begin_, known_end_): where somebody catches up just now.
  Ordinal known_begin_ = 0, known_end_ = 0;
  // End -> begin: a client that reads its way through a hole moves the begin, in place.
  std::map<Ordinal, Ordinal> holes_;
  std::vector<Hole> given_up_;
  bool coarse_ = false;
};

// Bit e: wanted event e of the granule is of that kind. Eight kinds at a time: a byte each, 0, 1 or
// 2; the multiplication moves the lowest bit of every byte into the highest byte.
std::array<std::uint64_t, kKinds> EventsByKind(const Granule& granule) {
  static_assert(sizeof(granule.kind) == 64 && sizeof(Kind) == 1);
  constexpr std::uint64_t kLowest = 0x0101010101010101u;
  constexpr std::uint64_t kGather = 0x0102040810204080u;
  std::array<std::uint64_t, kKinds> events{};
  for (unsigned i = 0; i < 64; i += 8) {
    std::uint64_t kinds = 0;
    std::memcpy(&kinds, granule.kind + i, 8);
    events[1] |= ((kinds & kLowest) * kGather >> 56) << i;
    events[2] |= ((kinds >> 1 & kLowest) * kGather >> 56) << i;
  }
  events[0] = ~(events[1] | events[2]);
  return events;
}

// Bits [from, to).
std::uint64_t Bits(std::uint32_t from, std::uint32_t to) {
  if (from >= to) return 0;
  return (~std::uint64_t{0} >> (64 - (to - from))) << from;
}

}  // namespace

struct Coverage::Impl {
  Deliveries* deliveries;
  std::size_t max_holes;
  std::array<HolesOfKind, kKinds> holes;
  std::array<std::uint64_t, kKinds> acked{};
};

Coverage::Coverage(Deliveries* deliveries, std::size_t max_holes)
    : impl_(std::make_unique<Impl>()) {
  impl_->deliveries = deliveries;
  impl_->max_holes = max_holes;
}

Coverage::~Coverage() = default;

void Coverage::Handed(const Granule& granule, std::uint32_t from, std::uint32_t to,
                      std::uint8_t kinds, Ordinal since, std::int64_t now_ns) {
  assert(from < to && to <= granule.count && since <= granule.first + granule.slot[from]);
  // Nothing wanted lies between the last of the events and the next one.
  const Ordinal end = granule.first + (to < granule.count ? granule.slot[to] : granule.slots);
  std::array<std::uint64_t, kKinds> first_handed{};  // bit e: event e, of any kind
  const Ordinal first_of_them = granule.first + granule.slot[from];
  const Ordinal last_of_them = granule.first + granule.slot[to - 1];
  for (unsigned k = 0; k < kKinds; ++k) {
    if (!Wants(kinds, static_cast<Kind>(k))) continue;
    impl_->holes[k].Take(since, end, impl_->max_holes, [&](Ordinal open, Ordinal open_end) {
      const std::uint32_t e = open <= first_of_them ? from : granule.EventAt(open);
      first_handed[k] |= Bits(e, open_end > last_of_them ? to : granule.EventAt(open_end));
    });
  }
  if ((first_handed[0] | first_handed[1] | first_handed[2]) == 0) return;

  const std::array<std::uint64_t, kKinds> by_kind = EventsByKind(granule);
  std::uint64_t fresh = 0;
  for (unsigned k = 0; k < kKinds; ++k) {
    first_handed[k] &= by_kind[k];
    fresh |= first_handed[k];
  }
  if (fresh == 0) return;
  const auto first = static_cast<std::uint32_t>(std::countr_zero(fresh));
  const auto last = static_cast<std::uint32_t>(63 - std::countl_zero(fresh));
  std::array<std::uint64_t, kKinds> uncounted{};
  for (unsigned k = 0; k < kKinds; ++k) {
    uncounted[k] = static_cast<std::uint64_t>(std::popcount(first_handed[k]));
    impl_->acked[k] += uncounted[k];
  }
  const auto with_latency = [&](std::uint32_t e) {
    impl_->deliveries->Acked(granule.kind[e], granule.position_of(e), now_ns, -1);
    --uncounted[static_cast<unsigned>(granule.kind[e])];
  };
  with_latency(first);
  if (last != first) with_latency(last);
  for (unsigned k = 0; k < kKinds; ++k) {
    if (uncounted[k] > 0) impl_->deliveries->AckedMany(static_cast<Kind>(k), uncounted[k]);
  }
}

std::uint64_t Coverage::acked(Kind kind) const { return impl_->acked[static_cast<unsigned>(kind)]; }

bool Coverage::coarse() const {
  return std::any_of(impl_->holes.begin(), impl_->holes.end(),
                     [](const HolesOfKind& holes) { return holes.coarse(); });
}

std::vector<Hole> Coverage::Holes(Ordinal end) const {
  std::vector<Hole> holes;
  for (unsigned k = 0; k < kKinds; ++k) {
    impl_->holes[k].Copy(end, static_cast<std::uint8_t>(1u << k), &holes);
  }
  return Flatten(holes);
}

void TellShed(const Coverage& coverage, const Layout& layout, Ordinal end, Deliveries* deliveries) {
  std::array<std::uint64_t, kKinds> counts{};
  std::uint8_t kinds = 0;
  for (unsigned k = 0; k < kKinds; ++k) {
    const auto kind = static_cast<Kind>(k);
    counts[k] = deliveries->generated(kind);
    for (unsigned f = 0; f < kFates; ++f) counts[k] -= deliveries->fate(static_cast<Fate>(f), kind);
    if (counts[k] > 0) kinds = static_cast<std::uint8_t>(kinds | 1u << k);
  }
  if (kinds == 0) return;
  std::vector<PositionInterval> intervals;
  for (const Hole& hole : coverage.Holes(end)) {
    const auto of_kinds = static_cast<std::uint8_t>(hole.kinds & kinds);
    if (of_kinds == 0) continue;
    intervals.push_back({layout.PositionOf(hole.first), layout.PositionOf(hole.last), of_kinds});
  }
  deliveries->LostRange(Fate::kShed, counts, intervals, "handed to no client", coverage.coarse());
}

}  // namespace playload
