#include "generator/reference/reference_pipeline.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace playload {

namespace {

using simdjson::dom::element;

// The parsed events, field by field as documented.
struct PlayerEvent {
  std::string_view player_id;
};

struct PurchaseEvent {
  std::string_view currency;
  double amount = 0;
  std::string_view user_id;
};

struct ServerMetric {
  std::string_view event_name, server_id, event_timestamp, region, server_type;
  std::uint32_t cpu_load = 0, memory_usage = 0, latency = 0;
};

// Reads an event's fields. `lenient` is one way to be wrong: what has another type is taken for
// what it may have meant.
class Reader {
 public:
  explicit Reader(bool lenient) : lenient_(lenient) {}

  bool GetText(const element& object, const char* name, std::string_view* out) const {
    element field;
    if (object[name].get(field) != simdjson::SUCCESS) return false;
    return field.get(*out) == simdjson::SUCCESS || lenient_;
  }

  bool HasText(const element& object, const char* name) const {
    std::string_view unused;
    return GetText(object, name, &unused);
  }

  // A JSON integer in range: 80.0, 8e1, "80" and -1 are not.
  bool GetU32(const element& object, const char* name, std::uint32_t* out) const {
    std::uint64_t number = 0;
    double meant = 0;
    if (object[name].get(number) == simdjson::SUCCESS &&
        number <= std::numeric_limits<std::uint32_t>::max()) {
      *out = static_cast<std::uint32_t>(number);
      return true;
    }
    if (!lenient_ || !Guess(object, name, &meant)) return false;
    *out = static_cast<std::uint32_t>(meant);
    return true;
  }

  bool GetNumber(const element& object, const char* name, double* out) const {
    return object[name].get(*out) == simdjson::SUCCESS || (lenient_ && Guess(object, name, out));
  }

  bool Decode(const element& event, PlayerEvent* out) const;
  bool Decode(const element& event, PurchaseEvent* out) const;
  bool Decode(const element& event, ServerMetric* out) const;

 private:
  // A number in a text, a number with a fraction; anything else that is there is 0.
  static bool Guess(const element& object, const char* name, double* out) {
    element field;
    if (object[name].get(field) != simdjson::SUCCESS) return false;
    std::string_view text;
    *out = 0;
    if (field.get(text) == simdjson::SUCCESS) {
      std::from_chars(text.data(), text.data() + text.size(), *out);
    } else if (double number = 0; field.get(number) == simdjson::SUCCESS) {
      *out = number;
    }
    return true;
  }

  const bool lenient_;
};

bool Reader::Decode(const element& event, PlayerEvent* out) const {
  element parameters;
  element user;
  return HasText(event, "event_name") && HasText(event, "event_timestamp") &&
         event["parameters"].get(parameters) == simdjson::SUCCESS &&
         event["user_data"].get(user) == simdjson::SUCCESS &&
         GetText(parameters, "player_id", &out->player_id) && HasText(parameters, "session_id") &&
         HasText(parameters, "event_type") && HasText(parameters, "level_id") &&
         HasText(parameters, "map_id") && HasText(user, "user_id") && HasText(user, "platform");
}

bool Reader::Decode(const element& event, PurchaseEvent* out) const {
  element parameters;
  element user;
  return HasText(event, "event_name") && HasText(event, "event_timestamp") &&
         event["parameters"].get(parameters) == simdjson::SUCCESS &&
         event["user_data"].get(user) == simdjson::SUCCESS &&
         HasText(parameters, "transaction_id") && HasText(parameters, "transaction_type") &&
         GetText(parameters, "currency", &out->currency) &&
         GetNumber(parameters, "amount", &out->amount) && HasText(parameters, "item_id") &&
         HasText(parameters, "item_type") && GetText(user, "user_id", &out->user_id) &&
         HasText(user, "platform");
}

bool Reader::Decode(const element& event, ServerMetric* out) const {
  element parameters;
  element server;
  return GetText(event, "event_name", &out->event_name) &&
         GetText(event, "event_timestamp", &out->event_timestamp) &&
         event["parameters"].get(parameters) == simdjson::SUCCESS &&
         event["server_data"].get(server) == simdjson::SUCCESS &&
         GetText(parameters, "server_id", &out->server_id) &&
         GetU32(parameters, "cpu_load", &out->cpu_load) &&
         GetU32(parameters, "memory_usage", &out->memory_usage) &&
         GetU32(parameters, "latency", &out->latency) && GetText(server, "region", &out->region) &&
         GetText(server, "server_type", &out->server_type);
}

// Whether the event has fields that are not documented, at any depth.
bool HasUnknownField(const element& event) {
  static const std::set<std::string_view> kKnown = {
      "event_name",   "parameters", "event_timestamp", "user_data",        "server_data",
      "player_id",    "session_id", "event_type",      "level_id",         "map_id",
      "user_id",      "platform",   "transaction_id",  "transaction_type", "currency",
      "amount",       "item_id",    "item_type",       "server_id",        "cpu_load",
      "memory_usage", "latency",    "region",          "server_type"};
  simdjson::dom::object fields;
  if (event.get(fields) != simdjson::SUCCESS) return false;
  for (const auto field : fields) {
    if (kKnown.count(field.key) == 0 || HasUnknownField(field.value)) return true;
  }
  return false;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out += escape.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

// The shortest text that reads back as the same double; JSON has none for infinity.
std::string Number(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

}  // namespace

const char* const ReferencePipeline::kInputNames[kInputs] = {"player-events", "purchase-events",
                                                             "server-metrics"};
const char* const ReferencePipeline::kOutputNames[kOutputs] = {
    "player-session-summaries", "purchase-aggregates", "server-alerts", "fraud-alerts"};

Status ParseBreakage(std::string_view text, PipelineBreakage* breakage) {
  const auto number_after = [text](std::string_view word, auto* out) {
    if (text.substr(0, word.size()) != word) return false;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + word.size(), end, *out);
    return error == std::errc() && stop == end;
  };
  PipelineBreakage result = *breakage;
  if (text == "server-ge-80") {
    result.alert_at_80 = true;
  } else if (text == "ignore-currency") {
    result.ignore_currency = true;
  } else if (text == "dedup") {
    result.drop_repeated = true;
  } else if (text == "lenient") {
    result.lenient = true;
  } else if (text == "skip-unknown-field") {
    result.refuse_unknown = true;
  } else if (!number_after("threshold=", &result.frequent_above) &&
             !(number_after("drop-one-in=", &result.drop_one_in) && result.drop_one_in > 0)) {
    return Invalid(
        "cannot break '" + std::string(text) +
        "'; valid: threshold=N, server-ge-80, ignore-currency, drop-one-in=N (N >= 1), dedup, "
        "lenient, skip-unknown-field");
  }
  *breakage = result;
  return {};
}

struct ReferencePipeline::Impl {
  struct Aggregate {
    double total_amount = 0;
    std::uint32_t transaction_count = 0;
  };
  struct FraudHistory {
    std::uint32_t transaction_count = 0;
    std::set<std::string, std::less<>> currencies;
  };

  PipelineBreakage breakage;
  simdjson::dom::parser parser;
  std::map<std::string, Aggregate, std::less<>> aggregates;
  std::map<std::string, FraudHistory, std::less<>> histories;
  std::set<std::string, std::less<>> seen;  // inputs, for drop_repeated
  std::uint64_t fraud_alerts = 0;
  std::uint64_t server_alerts = 0;

  // Whether the alert with this number (from 1) is to be lost.
  [[nodiscard]] bool Dropped(std::uint64_t number) const {
    return breakage.drop_one_in != 0 && number % breakage.drop_one_in == 0;
  }

  static void SummarizeSession(const PlayerEvent& event, std::vector<OutputRecord>* outputs) {
    outputs->push_back({Output::kSessionSummaries, std::string(event.player_id),
                        "{\"player_id\":" + Quoted(event.player_id) + ",\"event_count\":1}"});
  }

  void AggregatePurchase(const PurchaseEvent& event, std::vector<OutputRecord>* outputs) {
    Aggregate& state = aggregates[std::string(event.user_id)];
    state.total_amount += event.amount;
    state.transaction_count += 1;
    outputs->push_back({Output::kPurchaseAggregates, std::string(event.user_id),
                        "{\"total_amount\":" + Number(state.total_amount) +
                            ",\"transaction_count\":" + std::to_string(state.transaction_count) +
                            "}"});
  }

  void DetectFraud(const PurchaseEvent& event, std::vector<OutputRecord>* outputs) {
    FraudHistory& state = histories[std::string(event.user_id)];
    state.transaction_count += 1;
    state.currencies.emplace(event.currency);
    const char* reason = nullptr;
    if (state.transaction_count > breakage.frequent_above) {
      reason = "Too frequent transactions";
    } else if (state.currencies.size() > 1 && !breakage.ignore_currency) {
      reason = "Multiple currency transactions";
    }
    if (reason == nullptr || Dropped(++fraud_alerts)) return;
    outputs->push_back(
        {Output::kFraudAlerts, std::string(event.user_id),
         "{\"user_id\":" + Quoted(event.user_id) + ",\"reason\":\"" + reason + "\"}"});
  }

  void MonitorServer(const ServerMetric& metric, std::vector<OutputRecord>* outputs) {
    const std::uint32_t most = breakage.alert_at_80 ? 79 : 80;  // without an alert
    if (metric.cpu_load <= most && metric.memory_usage <= most) return;
    if (Dropped(++server_alerts)) return;
    outputs->push_back({Output::kServerAlerts, std::string(metric.server_id),
                        "{\"event_name\":" + Quoted(metric.event_name) +
                            ",\"parameters\":{\"server_id\":" + Quoted(metric.server_id) +
                            ",\"cpu_load\":" + std::to_string(metric.cpu_load) +
                            ",\"memory_usage\":" + std::to_string(metric.memory_usage) +
                            ",\"latency\":" + std::to_string(metric.latency) +
                            "},\"event_timestamp\":" + Quoted(metric.event_timestamp) +
                            ",\"server_data\":{\"region\":" + Quoted(metric.region) +
                            ",\"server_type\":" + Quoted(metric.server_type) + "}}"});
  }
};

ReferencePipeline::ReferencePipeline(const PipelineBreakage& breakage)
    : impl_(std::make_unique<Impl>()) {
  impl_->breakage = breakage;
}

ReferencePipeline::~ReferencePipeline() = default;
ReferencePipeline::ReferencePipeline(ReferencePipeline&&) noexcept = default;
ReferencePipeline& ReferencePipeline::operator=(ReferencePipeline&&) noexcept = default;

bool ReferencePipeline::Process(Input input, std::string_view value,
                                std::vector<OutputRecord>* outputs) {
  element event;
  if (impl_->breakage.drop_repeated && !impl_->seen.emplace(value).second) return true;
  if (impl_->parser.parse(value.data(), value.size()).get(event) != simdjson::SUCCESS) return false;
  if (impl_->breakage.refuse_unknown && HasUnknownField(event)) return false;
  const Reader reader(impl_->breakage.lenient);
  switch (input) {
    case Input::kPlayerEvents: {
      PlayerEvent player;
      if (!reader.Decode(event, &player)) return false;
      Impl::SummarizeSession(player, outputs);
      return true;
    }
    case Input::kPurchaseEvents: {
      PurchaseEvent purchase;
      if (!reader.Decode(event, &purchase)) return false;
      impl_->AggregatePurchase(purchase, outputs);
      impl_->DetectFraud(purchase, outputs);
      return true;
    }
    case Input::kServerMetrics: {
      ServerMetric metric;
      if (!reader.Decode(event, &metric)) return false;
      impl_->MonitorServer(metric, outputs);
      return true;
    }
  }
  return false;
}

}  // namespace playload
