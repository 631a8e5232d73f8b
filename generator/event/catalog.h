// The shop: item types, items, currencies and price lists; and the world's fixed names. Constant
// data, part of the stream's definition.
//
// Units: prices are integers of the currency's minor unit.

#pragma once

#include <cstdint>
#include <string_view>

namespace playload {

// Skins and weapons are kept: a player buys each at most once (while it is not refunded). The
// others are used up and may be bought again.
enum class ItemType : std::uint8_t { kSkin, kWeapon, kPotion, kBoost, kBundle };
inline constexpr int kItemTypes = 5;
inline constexpr int kKeptTypes = 2;     // the first two of ItemType
inline constexpr int kItemsPerType = 7;  // of each kept type; counted in 3 bits of a player

struct Item {
  std::string_view id;
  ItemType type;
  std::uint8_t tier;  // row of the price list
};

struct Currency {
  std::string_view code;  // ISO 4217
  std::uint8_t decimals;
};

inline constexpr int kItems = 23;
inline constexpr int kCurrencies = 10;
inline constexpr int kTiers = 7;

extern const Item kCatalog[kItems];  // ordered by type
extern const Currency kCurrencyTable[kCurrencies];
extern const std::uint32_t kPrices[kTiers][kCurrencies];  // minor units
extern const std::string_view kItemTypeNames[kItemTypes];
extern const std::uint8_t kFirstItem[kItemTypes + 1];  // kCatalog index of each type's first item

}  // namespace playload
