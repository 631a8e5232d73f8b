#include "generator/event/catalog.h"

namespace playload {

// Within a type the cheapest comes first: a player buys kept items in this order, so a first skin
// is a cheap one.
const Item kCatalog[kItems] = {
    {"skin_recruit", ItemType::kSkin, 0},      {"skin_wolf", ItemType::kSkin, 1},
    {"skin_frost", ItemType::kSkin, 2},        {"skin_shadow", ItemType::kSkin, 3},
    {"skin_samurai", ItemType::kSkin, 4},      {"skin_phoenix", ItemType::kSkin, 5},
    {"skin_dragon", ItemType::kSkin, 6},       {"weapon_dagger", ItemType::kWeapon, 0},
    {"weapon_bow", ItemType::kWeapon, 1},      {"weapon_axe", ItemType::kWeapon, 1},
    {"weapon_sword", ItemType::kWeapon, 2},    {"weapon_spear", ItemType::kWeapon, 3},
    {"weapon_crossbow", ItemType::kWeapon, 3}, {"weapon_scythe", ItemType::kWeapon, 4},
    {"potion_health", ItemType::kPotion, 0},   {"potion_mana", ItemType::kPotion, 0},
    {"potion_speed", ItemType::kPotion, 1},    {"boost_coins", ItemType::kBoost, 1},
    {"boost_xp", ItemType::kBoost, 2},         {"boost_luck", ItemType::kBoost, 2},
    {"bundle_starter", ItemType::kBundle, 2},  {"bundle_hero", ItemType::kBundle, 4},
    {"bundle_legend", ItemType::kBundle, 6},
};

const Currency kCurrencyTable[kCurrencies] = {
    {"USD", 2}, {"EUR", 2}, {"GBP", 2}, {"JPY", 0}, {"KRW", 0},
    {"KWD", 3}, {"BRL", 2}, {"INR", 2}, {"CAD", 2}, {"AUD", 2},
};

// A list of its own for each currency, as shops have, rather than an exchange rate. Some prices end
// in zeros (19.20, 5.00, 0.300), so that an amount's shortest form (19.2, 5, 0.3) comes up in every
// run.
const std::uint32_t kPrices[kTiers][kCurrencies] = {
    // USD    EUR    GBP    JPY     KRW    KWD    BRL     INR    CAD    AUD
    {99, 99, 79, 160, 1'500, 300, 490, 8'900, 129, 149},
    {199, 249, 179, 320, 3'000, 615, 990, 17'900, 279, 300},
    {499, 500, 450, 800, 7'500, 1'500, 2'490, 44'900, 699, 799},
    {999, 999, 899, 1'600, 15'000, 3'050, 4'990, 89'900, 1'399, 1'499},
    {1'999, 1'920, 1'799, 3'200, 30'000, 6'120, 9'990, 179'900, 2'799, 3'099},
    {4'999, 4'999, 4'499, 8'000, 75'000, 15'250, 24'990, 449'900, 6'999, 7'999},
    {9'999, 9'999, 8'999, 16'000, 149'000, 30'500, 49'990, 899'900, 13'999, 15'999},
};

const std::string_view kItemTypeNames[kItemTypes] = {"skin", "weapon", "potion", "boost", "bundle"};

const std::uint8_t kFirstItem[kItemTypes + 1] = {0, 7, 14, 17, 20, 23};

}  // namespace playload
