// Granule: the events of four runs (up to 64) in one form, ready to be sent, shared by all clients
// that are there. Counted by hand, for one thread: a fast client takes a hundred thousand a second.
//
// Threads: the reactor alone. Memory: one allocation of the granule and its bytes.

#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "transports/http/block.h"
#include "transports/http/form.h"

namespace playload {

inline constexpr std::uint32_t kGranuleRuns = 4;
inline constexpr std::uint32_t kGranuleEvents = kGranuleRuns * kRunLength;

struct Granule {
  std::uint32_t references = 0;
  std::uint32_t size = 0;  // bytes
  Ordinal first = 0;       // ordinal of the granule's first event, wanted or not
  std::uint8_t slots = 0;  // events of the stream in it, wanted or not: 64 but at the end
  std::uint8_t count = 0;  // of the kinds that the form wants
  std::uint8_t form = 0;   // Form::id()
  // For wanted event e: where its bytes end, its slot (ordinal - first), its kind.
  std::uint32_t ends[kGranuleEvents];
  std::uint8_t slot[kGranuleEvents];
  Kind kind[kGranuleEvents];
  Position positions[kGranuleRuns];  // of the first event of each run
  char bytes[1];                     // really `size` bytes

  [[nodiscard]] std::uint32_t begin_of(std::uint32_t e) const { return e == 0 ? 0 : ends[e - 1]; }
  [[nodiscard]] Position position_of(std::uint32_t e) const {
    return positions[slot[e] / kRunLength] + slot[e] % kRunLength;
  }
  // The first wanted event at or after ordinal `o`; `count` when there is none.
  [[nodiscard]] std::uint32_t EventAt(Ordinal o) const {
    std::uint32_t e = 0;
    while (e < count && first + slot[e] < o) ++e;
    return e;
  }
};

// Shares a granule; the last one frees it.
class GranuleRef {
 public:
  GranuleRef() = default;
  explicit GranuleRef(Granule* granule) : granule_(granule) {
    if (granule_ != nullptr) ++granule_->references;
  }
  GranuleRef(const GranuleRef& other) : GranuleRef(other.granule_) {}
  GranuleRef(GranuleRef&& other) noexcept : granule_(std::exchange(other.granule_, nullptr)) {}
  GranuleRef& operator=(GranuleRef other) noexcept {
    std::swap(granule_, other.granule_);
    return *this;
  }
  ~GranuleRef() {
    if (granule_ != nullptr && --granule_->references == 0) std::free(granule_);
  }
  [[nodiscard]] const Granule* get() const { return granule_; }
  const Granule* operator->() const { return granule_; }
  const Granule& operator*() const { return *granule_; }
  explicit operator bool() const { return granule_ != nullptr; }

 private:
  Granule* granule_ = nullptr;
};

}  // namespace playload
