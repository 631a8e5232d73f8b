// What a player buys and gives back.

#include "generator/simulate/open_lane.h"

namespace playload {

void OpenLane::Trade(const Actor& actor, Emit emit, Record* record) {
  if (emit == Emit::kPurchase || emit == Emit::kPurchaseForeign) {
    Buy(actor, emit == Emit::kPurchaseForeign, record);
  } else {
    Refund(actor, emit == Emit::kRefundAgain, record);
  }
}

void OpenLane::Buy(const Actor& actor, bool foreign, Record* record) {
  Place& p = places_[actor.entity];
  const std::uint64_t key = KeyOf(actor.entity);
  const std::uint64_t identity = DrawAt(key, actor.player.life, Purpose::kIdentity);
  const std::uint64_t r = DrawAt(actor.player.draw, 0, Purpose::kPurchase);

  unsigned currency =
      model_->currency_of[model_->currencies.Pick(static_cast<std::uint32_t>(identity))];
  if (foreign) {
    // Another one of the table: never the player's own.
    currency = (currency + 1 + Below(static_cast<std::uint32_t>(r), kCurrencies - 1)) % kCurrencies;
  }

  auto type = static_cast<unsigned>(
      model_->personas[p.traits.persona].item_types.Pick(static_cast<std::uint32_t>(r >> 32)));
  constexpr unsigned kSkin = static_cast<unsigned>(ItemType::kSkin);
  constexpr unsigned kWeapon = static_cast<unsigned>(ItemType::kWeapon);
  unsigned item = 0;
  // Kept items are bought in an order of the player's own, so that a count says which it has.
  if (type == kSkin && p.traits.skins < kItemsPerType) {
    item = kFirstItem[kSkin] +
           static_cast<unsigned>((identity >> 32) + p.traits.skins) % kItemsPerType;
    p.traits.skins = (p.traits.skins + 1u) & 7;
  } else if (type == kWeapon && p.traits.weapons < kItemsPerType) {
    item = kFirstItem[kWeapon] +
           static_cast<unsigned>((identity >> 40) + p.traits.weapons) % kItemsPerType;
    p.traits.weapons = (p.traits.weapons + 1u) & 7;
  } else {
    if (type < kKeptTypes) type = kKeptTypes;  // has them all: something that is used up
    const unsigned from = kFirstItem[type];
    item = from + Below(static_cast<std::uint32_t>(r >> 8), kFirstItem[type + 1] - from);
  }

  const FraudAlert alert = p.fraud.Observe(currency);
  p.traits.refundable = 1;
  p.traits.item = item & 31;
  p.traits.currency = currency & 15;
  Put(Action::kPurchase, item, currency, alert, record);
}

void OpenLane::Refund(const Actor& actor, bool again, Record* record) {
  Place& p = places_[actor.entity];
  if (!p.fraud.any() || (!p.traits.refundable && !again)) {
    record->action = Action::kInteraction;
    return;
  }
  if (p.traits.refundable) {
    // A kept item goes back: it is the latest one, so the count still says which are left.
    const auto type = static_cast<unsigned>(kCatalog[p.traits.item].type);
    if (type == static_cast<unsigned>(ItemType::kSkin)) p.traits.skins = (p.traits.skins - 1u) & 7;
    if (type == static_cast<unsigned>(ItemType::kWeapon)) {
      p.traits.weapons = (p.traits.weapons - 1u) & 7;
    }
    p.traits.refundable = 0;
  }
  const FraudAlert alert = p.fraud.Observe(p.traits.currency);
  Put(Action::kRefund, p.traits.item, p.traits.currency, alert, record);
}

void OpenLane::Put(Action action, unsigned item, unsigned currency, FraudAlert alert,
                   Record* record) {
  record->action = action;
  record->a = static_cast<std::uint8_t>(item);
  record->b = static_cast<std::uint8_t>(currency);
  record->flags = static_cast<std::uint8_t>(record->flags | static_cast<unsigned>(alert)
                                                                << Record::kAlertShift);
}

}  // namespace playload
