#include "generator/simulate/lanes.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <new>

#include "generator/simulate/fault_lane.h"
#include "generator/simulate/open_lane.h"

namespace playload {
namespace {

constexpr std::size_t kLargePage = std::size_t{2} << 20;
constexpr std::size_t kPage = 4'096;

std::byte* Map(std::size_t bytes, int advice) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  madvise(memory, bytes, advice);
  return static_cast<std::byte*>(memory);
}

// In small populations actors are as dense as places; in others every lane's begin a page.
std::size_t LaneStride(const Model& model) {
  const std::size_t bytes =
      sizeof(Lane) + (model.servers_per_lane() + model.lane_players()) * sizeof(Actor);
  const std::size_t unit = bytes > 2 * kPage ? kPage : 64;
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

static_assert(LanesCopy::kPlaceBytes == sizeof(Place));

std::span<const std::byte> LanesCopy::Find(std::uint64_t number) const {
  const auto found = std::lower_bound(numbers_.begin(), numbers_.end(), number);
  if (found == numbers_.end() || *found != number) return {};
  return lane(static_cast<std::size_t>(found - numbers_.begin()));
}

Lanes::Lanes(const Model& model, std::int64_t only_lane)
    : model_(model),
      first_lane_(only_lane < 0 ? 0 : static_cast<std::uint64_t>(only_lane)),
      room_(only_lane < 0 ? model.lanes() : 1),
      lane_stride_(LaneStride(model)),
      places_bytes_(model.lane_players() * sizeof(Place)),
      faults_bytes_(model.faults.empty() ? 0 : FaultLane::Bytes(model)),
      touched_(new (std::nothrow) std::uint8_t[room_]()) {
  if (touched_ == nullptr) return;
  lanes_ = Map(room_ * lane_stride_, MADV_NOHUGEPAGE);
  if (lanes_ == nullptr) return;
  // Each lane's places are filled at once: large pages save most of the page faults.
  places_ = Map(room_ * places_bytes_, MADV_HUGEPAGE);
  if (faults_bytes_ > 0) faults_ = Map(room_ * faults_bytes_, MADV_NOHUGEPAGE);
}

Lanes::~Lanes() {
  if (lanes_ != nullptr) munmap(lanes_, room_ * lane_stride_);
  if (places_ != nullptr) munmap(places_, room_ * places_bytes_);
  if (faults_ != nullptr) munmap(faults_, room_ * faults_bytes_);
}

Lane& Lanes::At(std::uint64_t index) const {
  return *reinterpret_cast<Lane*>(lanes_ + index * lane_stride_);
}

Place* Lanes::PlacesOf(std::uint64_t index) const {
  return reinterpret_cast<Place*>(places_ + index * places_bytes_);
}

// Of a lane that came to life.
std::size_t Lanes::HeadBytes(std::uint64_t index) const {
  return sizeof(Lane) + At(index).high * sizeof(Actor);
}

OpenLane Lanes::Open(std::uint64_t lane) {
  const std::uint64_t index = lane - first_lane_;
  OpenLane open(model_, lane, &At(index), PlacesOf(index));
  if (touched_[index] == 0) {
    touched_[index] = 1;
    model_.compat ? open.BeginCompat() : open.Begin();
    if (faults_bytes_ > 0) std::memset(FaultsOf(index), 0, faults_bytes_);
  }
  return open;
}

void Lanes::Simulate(std::uint64_t lane, Record* out, std::uint32_t count) {
  OpenLane open = Open(lane);
  if (model_.compat) {
    open.SimulateCompat(out, count);
  } else if (faults_bytes_ > 0) {
    FaultLane(model_, lane, &open, FaultsOf(lane - first_lane_)).Simulate(out, count);
  } else {
    open.SimulateAlone(out, count);
  }
}

void Lanes::Simulate(const Slice* slices, std::size_t lanes) {
  assert(lanes > 0 && lanes <= kTogether);
  const auto of = [this](const Slice& slice) -> Lanes& {
    return slice.of == nullptr ? *this : *slice.of;
  };
  if (model_.compat || model_.timed_scripts || faults_bytes_ > 0) {
    for (std::size_t i = 0; i < lanes; ++i) {
      of(slices[i]).Simulate(slices[i].lane, slices[i].out, slices[i].count);
    }
    return;
  }
  OpenLane open[kTogether];
  Record* out[kTogether] = {};
  std::uint32_t together = slices[0].count;
  for (std::size_t i = 0; i < lanes; ++i) {
    open[i] = of(slices[i]).Open(slices[i].lane);
    out[i] = slices[i].out;
    together = std::min(together, slices[i].count);
  }
  OpenLane::Simulate(open, lanes, out, together);
  for (std::size_t i = 0; i < lanes; ++i) {
    if (slices[i].count == together) continue;
    open[i].SimulateAlone(out[i] + together, slices[i].count - together);
  }
}

std::uint64_t Lanes::CopyBytes() const {
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < room_; ++i) {
    if (touched_[i] != 0) bytes += HeadBytes(i) + places_bytes_ + faults_bytes_;
  }
  return bytes;
}

LanesCopy Lanes::Copy() const {
  LanesCopy copy;
  copy.bytes_ = CopyBytes();
  copy.places_bytes_ = places_bytes_;
  void* memory = nullptr;
  if (posix_memalign(&memory, kLargePage, std::max<std::size_t>(copy.bytes_, 1)) != 0) {
    throw std::bad_alloc();
  }
  copy.lanes_.reset(static_cast<std::byte*>(memory));
  // Most of a copy's time goes into its first touch: 11 ms for 18 MB in small pages, 4 in large.
  if (copy.bytes_ >= kLargePage) {
    madvise(memory, copy.bytes_ / kLargePage * kLargePage, MADV_HUGEPAGE);
  }
  std::byte* to = copy.lanes_.get();
  for (std::uint64_t i = 0; i < room_; ++i) {
    if (touched_[i] == 0) continue;
    copy.numbers_.push_back(first_lane_ + i);
    copy.begins_.push_back(static_cast<std::uint64_t>(to - copy.lanes_.get()));
    std::memcpy(to, &At(i), HeadBytes(i));
    to += HeadBytes(i);
    std::memcpy(to, PlacesOf(i), places_bytes_);
    to += places_bytes_;
    if (faults_bytes_ > 0) std::memcpy(to, FaultsOf(i), faults_bytes_);
    to += faults_bytes_;
  }
  return copy;
}

void Lanes::Restore(const LanesCopy& copy) {
  std::fill_n(touched_.get(), room_, std::uint8_t{0});
  const std::byte* from = copy.lanes_.get();
  for (const std::uint64_t number : copy.numbers_) {
    const std::uint64_t i = number - first_lane_;
    Lane head;
    std::memcpy(&head, from, sizeof(head));
    const std::size_t bytes = sizeof(Lane) + head.high * sizeof(Actor);
    std::memcpy(static_cast<void*>(&At(i)), from, bytes);
    from += bytes;
    std::memcpy(static_cast<void*>(PlacesOf(i)), from, places_bytes_);
    from += places_bytes_;
    if (faults_bytes_ > 0) std::memcpy(FaultsOf(i), from, faults_bytes_);
    from += faults_bytes_;
    touched_[i] = 1;
  }
}

bool Lanes::Put(std::uint64_t lane, std::span<const std::byte> bytes) {
  if (lane < first_lane_ || lane - first_lane_ >= room_) return false;
  if (bytes.size() < sizeof(Lane) + places_bytes_) return false;
  Lane head;
  std::memcpy(&head, bytes.data(), sizeof(head));
  const std::uint64_t most = model_.servers_per_lane() + std::uint64_t{model_.lane_players()};
  if (head.high > most) return false;
  const std::size_t head_bytes = sizeof(Lane) + head.high * sizeof(Actor);
  if (bytes.size() != head_bytes + places_bytes_) return false;
  const std::uint64_t i = lane - first_lane_;
  std::memcpy(static_cast<void*>(&At(i)), bytes.data(), head_bytes);
  std::memcpy(static_cast<void*>(PlacesOf(i)), bytes.data() + head_bytes, places_bytes_);
  touched_[i] = 1;
  return true;
}

void Lanes::Reset() {
  // What is locked in memory stays; a lane's beginning does not depend on what was there.
  madvise(lanes_, room_ * lane_stride_, MADV_DONTNEED);
  madvise(places_, room_ * places_bytes_, MADV_DONTNEED);
  if (faults_bytes_ > 0) madvise(faults_, room_ * faults_bytes_, MADV_DONTNEED);
  std::fill_n(touched_.get(), room_, std::uint8_t{0});
}

std::size_t Lanes::BytesPerLane(const Model& model) {
  // The most that were online at once are used up to then: four standard deviations above the mean.
  const double online = model.online_per_lane();
  const auto actors = std::min<std::size_t>(
      model.lane_players(), static_cast<std::size_t>(online + 4 * std::sqrt(online) + 4));
  const std::size_t stride = LaneStride(model);
  std::size_t head = sizeof(Lane) + (model.servers_per_lane() + actors) * sizeof(Actor);
  if (stride % kPage == 0) head = (head + kPage - 1) / kPage * kPage;
  return std::min(head, stride) + model.lane_players() * sizeof(Place) +
         (model.faults.empty() ? 0 : FaultLane::Bytes(model));
}

}  // namespace playload
