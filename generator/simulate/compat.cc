// The original generator's world: every field uniform and afresh (reference/dataflow.md section 1).

#include <algorithm>
#include <cstring>

#include "generator/simulate/open_lane.h"

namespace playload {

void OpenLane::BeginCompat() {
  std::memset(lane_, 0, sizeof(Lane));
  std::fill_n(places_, model_->lane_players(), Place{});
}

void OpenLane::SimulateCompat(Record* out, std::uint32_t count) {
  for (std::uint32_t n = 0; n < count; ++n) {
    const std::uint64_t k = lane_->made + n;
    const std::uint64_t key = EntityKey(model_->seed_key, number_);
    const std::uint64_t r = DrawAt(key, 3 * k, Purpose::kCompat);
    const std::uint64_t r2 = DrawAt(key, 3 * k + 1, Purpose::kCompat);
    const auto part = [&](unsigned shift, std::uint32_t bound) {
      return Below(static_cast<std::uint32_t>(r2 >> shift << 16), bound);
    };
    Record& record = out[n];
    record = Record{};
    const std::uint32_t kind = Below(static_cast<std::uint32_t>(r), 3);
    if (kind == 2) {
      record.entity = static_cast<std::uint16_t>(part(0, 3));
      record.action = Action::kServerMetric;
      record.a = static_cast<std::uint8_t>(20 + part(16, 81));
      record.b = static_cast<std::uint8_t>(30 + part(32, 61));
      record.c = static_cast<std::uint16_t>(50 + part(48, 251));
      continue;
    }
    const auto player =
        Below(static_cast<std::uint32_t>(r >> 32), static_cast<std::uint32_t>(model_->players()));
    record.entity = static_cast<std::uint16_t>(player);
    record.flags = static_cast<std::uint8_t>(part(0, 2));
    if (kind == 0) {
      constexpr Action kActions[] = {Action::kMove, Action::kInteraction, Action::kLevelComplete};
      record.action = kActions[part(16, 3)];
      record.a = static_cast<std::uint8_t>(1 + part(32, 3));
      record.b = static_cast<std::uint8_t>(1 + part(48, 3));
    } else {
      record.action = Action::kPurchase;
      record.a = static_cast<std::uint8_t>(part(16, 6));
      record.b = 0;  // USD
      const std::uint64_t r3 = DrawAt(key, 3 * k + 2, Purpose::kCompat);
      record.c = static_cast<std::uint16_t>(99 + Below(static_cast<std::uint32_t>(r3), 2'901));
      // There is one lane, so all of a player's purchases come by here in order.
      const FraudAlert alert = places_[player].fraud.Observe(0);
      record.flags = static_cast<std::uint8_t>(record.flags | static_cast<unsigned>(alert)
                                                                  << Record::kAlertShift);
    }
  }
  lane_->made += count;
}

}  // namespace playload
