#include "transports/delivery_watch.h"

#include <doctest/doctest.h>

#include "transports/deliveries.h"

namespace playload {

TEST_CASE("DeliveryWatch: fates one by one, with the instants of the acknowledged") {
  constexpr std::int64_t kNow = 9'000'000'000'000'000;  // more than 2^32 us
  DeliveryWatch watch;
  Deliveries deliveries([](Position) { return std::int64_t{-1}; });
  deliveries.WatchWith(&watch);
  CHECK(!watch.Of(0, kNow));
  deliveries.Acked(Kind::kPlayer, 0, kNow - 1'000'000, kNow - 4'000'000);
  deliveries.Lost(Fate::kFailed, Kind::kPlayer, 1, "why");
  deliveries.Lost(Fate::kUnknown, Kind::kPlayer, 2, "why");
  deliveries.Lost(Fate::kShed, Kind::kPlayer, 3, "why");
  const auto acked = watch.Of(0, kNow + 60'000'000'000);
  REQUIRE(acked.has_value());
  CHECK(acked->fate == Fate::kAcked);
  CHECK(acked->sent_ns == kNow - 4'000'000);
  CHECK(acked->acked_ns == kNow - 1'000'000);
  CHECK(watch.Of(1, kNow)->fate == Fate::kFailed);
  CHECK(watch.Of(2, kNow)->fate == Fate::kUnknown);
  CHECK(watch.Of(3, kNow)->fate == Fate::kShed);
  CHECK(!watch.Of(4, kNow));
  watch.Forget(0, 4);
  CHECK(!watch.Of(0, kNow));
  CHECK(!watch.overflowed());
  CHECK(watch.offered() == 0);
  watch.Offering(17);
  CHECK(watch.offered() == 17);
}

TEST_CASE("DeliveryWatch: what finds no place takes nobody else's") {
  constexpr Position kWindow = DeliveryWatch::kWindow;
  DeliveryWatch watch;
  watch.Acked(kWindow - 1, 1'000, 2'000);
  CHECK(!watch.overflowed());
  watch.Lost(0, Fate::kShed);
  watch.Forget(0, 1);
  watch.Acked(0, 1'000, 2'000);  // told again, of an event that is through
  CHECK(!watch.overflowed());
  CHECK(!watch.Of(kWindow, 5'000));
  watch.Acked(kWindow, 1'000, 2'000);
  CHECK(watch.Of(kWindow, 5'000)->fate == Fate::kAcked);
  CHECK(!watch.overflowed());
  watch.Acked(kWindow + 1, 1'000, 2'000);
  CHECK(watch.overflowed());
  CHECK(!watch.Of(1, 5'000));
}

}  // namespace playload
