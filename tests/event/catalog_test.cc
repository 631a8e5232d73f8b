#include "generator/event/catalog.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

namespace playload {
namespace {

// Ids are written between quotes without escaping, so they must need none.
bool IsPlain(std::string_view id) {
  return !id.empty() && std::all_of(id.begin(), id.end(),
                                    [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

TEST_CASE("Catalog: item ids are plain, unlike, and begin with the name of their type") {
  std::set<std::string_view> seen;
  for (const Item& item : kCatalog) {
    CAPTURE(item.id);
    CHECK(IsPlain(item.id));
    CHECK(seen.insert(item.id).second);
    const std::string type(kItemTypeNames[static_cast<int>(item.type)]);
    CHECK(item.id.substr(0, type.size() + 1) == type + "_");
    CHECK(item.tier < kTiers);
  }
}

// kFirstItem[t] <= i < kFirstItem[t + 1] exactly when kCatalog[i] is of type t.
TEST_CASE("Catalog: items are ordered by type and kFirstItem says where each type begins") {
  CHECK(kFirstItem[0] == 0);
  CHECK(kFirstItem[kItemTypes] == kItems);
  for (int type = 0; type < kItemTypes; ++type) {
    CHECK(kFirstItem[type] < kFirstItem[type + 1]);
    for (int i = kFirstItem[type]; i < kFirstItem[type + 1]; ++i) {
      CAPTURE(i);
      CHECK(static_cast<int>(kCatalog[i].type) == type);
    }
  }
}

TEST_CASE("Catalog: each kept type has as many items as a player can count") {
  for (int type = 0; type < kKeptTypes; ++type) {
    CHECK(kFirstItem[type + 1] - kFirstItem[type] == kItemsPerType);
  }
}

TEST_CASE("Catalog: within a type, no item is cheaper than the one before it") {
  for (int i = 1; i < kItems; ++i) {
    if (kCatalog[i].type == kCatalog[i - 1].type) CHECK(kCatalog[i].tier >= kCatalog[i - 1].tier);
  }
}

TEST_CASE("Catalog: currency codes are three capitals and unlike, decimals those of ISO 4217") {
  std::set<std::string_view> seen;
  for (const Currency& currency : kCurrencyTable) {
    CAPTURE(currency.code);
    CHECK(currency.code.size() == 3);
    CHECK(std::all_of(currency.code.begin(), currency.code.end(),
                      [](char c) { return c >= 'A' && c <= 'Z'; }));
    CHECK(seen.insert(currency.code).second);
    const bool whole = currency.code == "JPY" || currency.code == "KRW";
    CHECK(currency.decimals == (whole ? 0 : currency.code == "KWD" ? 3 : 2));
  }
}

TEST_CASE("Catalog: prices are positive and rise with the tier, in every currency") {
  for (int currency = 0; currency < kCurrencies; ++currency) {
    CAPTURE(kCurrencyTable[currency].code);
    CHECK(kPrices[0][currency] > 0);
    for (int tier = 1; tier < kTiers; ++tier) {
      CHECK(kPrices[tier][currency] > kPrices[tier - 1][currency]);
    }
  }
}

// A price list is believable when its steps are those of the dollar, within a quarter.
TEST_CASE("Catalog: every currency's list follows the dollar's") {
  for (int currency = 0; currency < kCurrencies; ++currency) {
    const double unit = static_cast<double>(kPrices[3][currency]) / kPrices[3][0];
    for (int tier = 0; tier < kTiers; ++tier) {
      CAPTURE(kCurrencyTable[currency].code);
      CAPTURE(tier);
      const double ratio = static_cast<double>(kPrices[tier][currency]) / kPrices[tier][0] / unit;
      CHECK(ratio > 0.75);
      CHECK(ratio < 1.4);
    }
  }
}

TEST_CASE("Catalog: amounts with trailing zeros and without are for sale") {
  std::set<int> dropped;  // trailing zeros that the shortest form leaves out
  for (int currency = 0; currency < kCurrencies; ++currency) {
    for (const auto& row : kPrices) {
      std::uint32_t minor = row[currency];
      int zeros = 0;
      for (; zeros < kCurrencyTable[currency].decimals && minor % 10 == 0; ++zeros) minor /= 10;
      dropped.insert(zeros);
    }
  }
  CHECK(dropped == std::set<int>{0, 1, 2});
}

}  // namespace
}  // namespace playload
