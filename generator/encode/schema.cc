#include "generator/encode/schema.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cstdint>
#include <functional>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/encode/dataflow.h"
#include "generator/event/catalog.h"

namespace playload {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;
using Names = std::vector<std::string>;

// The original's shop, as the encoder and the simulation of `compat` have it. tests/schema holds
// these to real output.
constexpr std::string_view kCompatItems[] = {"sword", "shield",      "potion",
                                             "armor", "skin_dragon", "skin_phoenix"};
constexpr std::string_view kCompatItemType = "skin";
constexpr std::string_view kCompatCurrency = "USD";
constexpr std::uint32_t kCompatLowestAmount = 99;  // minor units
constexpr std::uint32_t kCompatHighestAmount = 2'999;

// A property of an object, and how its schema is written.
struct Field {
  std::string name;
  std::function<void(Writer&)> write;
};

void Put(Writer& w, std::string_view text) {
  w.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}
void Put(Writer& w, std::string_view key, std::string_view text) {
  Put(w, key);
  Put(w, text);
}
void PutRaw(Writer& w, const std::string& json, rapidjson::Type type) {
  w.RawValue(json.data(), json.size(), type);
}
// An array on one line: the schema stays readable.
void PutArray(Writer& w, std::string_view key, const std::function<void()>& elements) {
  Put(w, key);
  w.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  w.StartArray();
  elements();
  w.EndArray();
  w.SetFormatOptions(rapidjson::kFormatDefault);
}
void PutNames(Writer& w, std::string_view key, const Names& names) {
  PutArray(w, key, [&] {
    for (const std::string& name : names) Put(w, name);
  });
}

// The keywords of an object that has these fields, in this order, and no others.
void PutObject(Writer& w, const std::vector<Field>& fields) {
  Put(w, "type", "object");
  Names names;
  for (const Field& field : fields) names.push_back(field.name);
  PutNames(w, "required", names);
  Put(w, "properties");
  w.StartObject();
  for (const Field& field : fields) {
    Put(w, field.name);
    w.StartObject();
    field.write(w);
    w.EndObject();
  }
  w.EndObject();
  Put(w, "additionalProperties");
  w.Bool(false);
}

Field Object(std::string name, std::vector<Field> fields) {
  return {std::move(name), [fields = std::move(fields)](Writer& w) { PutObject(w, fields); }};
}

Field Constant(std::string name, std::string value) {
  return {std::move(name), [value = std::move(value)](Writer& w) { Put(w, "const", value); }};
}

Field OneOf(std::string name, Names values) {
  return {std::move(name),
          [values = std::move(values)](Writer& w) { PutNames(w, "enum", values); }};
}

Field Text(std::string name, std::string about, std::string pattern) {
  return {std::move(name), [about = std::move(about), pattern = std::move(pattern)](Writer& w) {
            Put(w, "description", about);
            Put(w, "type", "string");
            Put(w, "pattern", pattern);
          }};
}

Field Integer(std::string name, std::string about, std::uint32_t maximum) {
  return {std::move(name), [about = std::move(about), maximum](Writer& w) {
            Put(w, "description", about);
            Put(w, "type", "integer");
            Put(w, "minimum");
            w.Uint(0);
            Put(w, "maximum");
            w.Uint(maximum);
          }};
}

constexpr char kNumberPattern[] = "[1-9][0-9]{0,18}$";
constexpr char kTwoDigitsPattern[] = "(0[1-9]|[1-9][0-9]{1,2})$";

std::string IdPattern(const std::string& what, const SchemaOptions& options) {
  const std::string prefix = options.id_prefix.empty() ? "" : options.id_prefix + "_";
  return "^" + what + "_" + prefix + kNumberPattern;
}

Field Timestamp(const SchemaOptions& options) {
  return {"event_timestamp", [form = options.timestamp_form](Writer& w) {
            std::string fraction;
            if (form == TimestampForm::kMillis) fraction = "\\.[0-9]{3}";
            if (form == TimestampForm::kMicros) fraction = "\\.[0-9]{6}";
            if (form == TimestampForm::kNaiveMicros) fraction = "(\\.[0-9]{6})?";
            const bool naive = form == TimestampForm::kNaiveMicros;
            Put(w, "description",
                naive
                    ? "The planned instant, UTC, without a sign of it; no fraction when it is zero"
                    : "The planned instant, UTC");
            Put(w, "type", "string");
            if (!naive) Put(w, "format", "date-time");
            Put(w, "pattern",
                "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
                "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]" +
                    fraction + (naive ? "$" : "Z$"));
          }};
}

Field UserData(const SchemaOptions& options) {
  return Object("user_data", {Text("user_id", "The player's id", IdPattern("player", options)),
                              OneOf("platform", {"PC", "Console"})});
}

std::vector<Field> PlayerFields(const SchemaOptions& options) {
  Names types = {"move", "interaction", "level_complete"};
  if (options.extended_types) {
    types.insert(types.end(), {"session_start", "session_end", "level_start"});
  }
  return {
      Constant("event_name", "player_action"),
      Object("parameters",
             {Text("player_id", "The record's key; the same as user_data.user_id",
                   IdPattern("player", options)),
              Text("session_id", "The same for all events of a session, never used again",
                   IdPattern("session", options)),
              OneOf("event_type", types),
              Text("level_id", "Two digits at least", std::string("^level_") + kTwoDigitsPattern),
              Text("map_id", "A map of the level", std::string("^map_") + kTwoDigitsPattern)}),
      Timestamp(options), UserData(options)};
}

Names ItemNames(const SchemaOptions& options) {
  Names names;
  if (options.compat) {
    names.assign(std::begin(kCompatItems), std::end(kCompatItems));
  } else {
    for (const Item& item : kCatalog) names.emplace_back(item.id);
  }
  return names;
}

// "if `field` is `value` then `other` is ...". Without `required` an absent field would do as well.
void PutCondition(Writer& w, std::string_view field, std::string_view value, std::string_view other,
                  const std::function<void(Writer&)>& allowed) {
  w.StartObject();
  Put(w, "if");
  w.StartObject();
  Put(w, "properties");
  w.StartObject();
  Put(w, field);
  w.StartObject();
  Put(w, "const", value);
  w.EndObject();
  w.EndObject();
  PutNames(w, "required", {std::string(field)});
  w.EndObject();
  Put(w, "then");
  w.StartObject();
  Put(w, "properties");
  w.StartObject();
  Put(w, other);
  w.StartObject();
  allowed(w);
  w.EndObject();
  w.EndObject();
  w.EndObject();
  w.EndObject();
}

void PutPrices(Writer& w, unsigned currency) {
  // Lists may have a price twice; an enum should not.
  std::set<std::uint32_t> prices;
  for (const auto& tier : kPrices) prices.insert(tier[currency]);
  PutArray(w, "enum", [&] {
    for (const std::uint32_t price : prices) {
      PutRaw(w, AmountText(price, kCurrencyTable[currency].decimals), rapidjson::kNumberType);
    }
  });
}

// What belongs together in the shop: an item has one type, a currency has a price list.
void PutShop(Writer& w) {
  Put(w, "allOf");
  w.StartArray();
  for (unsigned type = 0; type < kItemTypes; ++type) {
    PutCondition(w, "item_type", kItemTypeNames[type], "item_id", [type](Writer& then) {
      Names items;
      for (unsigned i = kFirstItem[type]; i < kFirstItem[type + 1]; ++i) {
        items.emplace_back(kCatalog[i].id);
      }
      PutNames(then, "enum", items);
    });
  }
  for (unsigned currency = 0; currency < kCurrencies; ++currency) {
    PutCondition(w, "currency", kCurrencyTable[currency].code, "amount",
                 [currency](Writer& then) { PutPrices(then, currency); });
  }
  w.EndArray();
}

std::vector<Field> PurchaseFields(const SchemaOptions& options) {
  Names types, currencies;
  if (options.compat) {
    types.emplace_back(kCompatItemType);
    currencies.emplace_back(kCompatCurrency);
  } else {
    types.assign(std::begin(kItemTypeNames), std::end(kItemTypeNames));
    for (const Currency& currency : kCurrencyTable) currencies.emplace_back(currency.code);
  }
  std::vector<Field> fields = {
      Text("transaction_id", "Unique in the run", IdPattern("trans", options)),
      OneOf("transaction_type", {"purchase", "refund"}),
      OneOf("currency", currencies),
      {"amount",
       [compat = options.compat](Writer& w) {
         Put(w, "description",
             "In units of the currency, shortest decimal form; a refund's is not negative");
         Put(w, "type", "number");
         if (!compat) return;
         Put(w, "minimum");
         PutRaw(w, AmountText(kCompatLowestAmount, 2), rapidjson::kNumberType);
         Put(w, "maximum");
         PutRaw(w, AmountText(kCompatHighestAmount, 2), rapidjson::kNumberType);
       }},
      OneOf("item_id", ItemNames(options)),
      OneOf("item_type", types)};
  Field parameters = {"parameters",
                      [fields = std::move(fields), compat = options.compat](Writer& w) {
                        PutObject(w, fields);
                        if (!compat) PutShop(w);
                      }};
  return {Constant("event_name", "transaction"), std::move(parameters), Timestamp(options),
          UserData(options)};
}

std::vector<Field> ServerFields(const SchemaOptions& options) {
  return {Constant("event_name", "server_metric"),
          Object("parameters",
                 {Text("server_id", "The record's key", std::string("^server_") + kNumberPattern),
                  Integer("cpu_load", "Percent", 100), Integer("memory_usage", "Percent", 100),
                  Integer("latency", "Milliseconds", 0xFFFFFFFF)}),
          Timestamp(options),
          Object("server_data", {Text("region", "The same for all events of a server",
                                      "^[a-z0-9][a-z0-9-]{0,63}$"),
                                 OneOf("server_type", {"dedicated", "virtual"})})};
}

struct KindOfEvent {
  std::string_view name;
  std::string_view title;
  std::string_view about;
  std::vector<Field> (*fields)(const SchemaOptions& options);
};

constexpr KindOfEvent kKindsOfEvents[] = {
    {"player", "Player event", "A player's action; topic player-events, key parameters.player_id",
     PlayerFields},
    {"purchase", "Purchase event",
     "A purchase or refund; topic purchase-events, key user_data.user_id (under the scenario "
     "compat: parameters.transaction_id)",
     PurchaseFields},
    {"server", "Server metric", "A server's load; topic server-metrics, key parameters.server_id",
     ServerFields},
};

}  // namespace

Result<std::string> EventSchema(std::string_view kind, const SchemaOptions& options) {
  Names known;
  for (const KindOfEvent& event : kKindsOfEvents) {
    known.emplace_back(event.name);
    if (event.name != kind) continue;
    rapidjson::StringBuffer buffer;
    Writer w(buffer);
    w.SetIndent(' ', 2);
    w.StartObject();
    Put(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    Put(w, "title", event.title);
    Put(w, "description", std::string(event.about) + ". Fields come in the order of `required`.");
    PutObject(w, event.fields(options));
    w.EndObject();
    return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
  }
  return Invalid("no kind of event is called " + Quoted(kind) + DidYouMean(kind, known));
}

}  // namespace playload
