#include "generator/run/ledger.h"

#include <algorithm>
#include <numeric>

#include "generator/run/json_file.h"
#include "generator/run/json_reader.h"
#include "generator/run/json_writer.h"

namespace playload {
namespace {

namespace dom = simdjson::dom;

constexpr std::int64_t kLedgerVersion = 1;
// 4 x kMaxIntervals intervals of two 20-digit numbers, per destination, fit many times over.
constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

template <typename Numbers>
std::uint64_t Sum(const Numbers& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

using Topics = std::array<std::string, kKinds>;

// The kinds that the topics from the third item of an interval on name; 0 when they name none, one
// twice, or another one.
std::uint8_t ReadKinds(const dom::array& interval, const Topics& topics) {
  if (interval.size() == 2) return kAllKinds;
  std::uint8_t kinds = 0;
  for (std::size_t i = 2; i < interval.size(); ++i) {
    std::string_view name;
    if (interval.at(i).get(name) != simdjson::SUCCESS) return 0;
    const auto kind = std::find(topics.begin(), topics.end(), name) - topics.begin();
    const unsigned bit = 1u << kind;
    if (kind == kKinds || (kinds & bit) != 0) return 0;
    kinds = static_cast<std::uint8_t>(kinds | bit);
  }
  return kinds;
}

std::vector<PositionInterval> ReadIntervals(JsonReader& reader, dom::object object,
                                            const std::string& where, const char* key,
                                            const Topics& topics) {
  std::vector<PositionInterval> intervals;
  for (const dom::element element : reader.Array(object, where, key)) {
    dom::array array;
    PositionInterval interval{};
    if (element.get(array) != simdjson::SUCCESS || array.size() < 2 ||
        array.at(0).get(interval.first) != simdjson::SUCCESS ||
        array.at(1).get(interval.last) != simdjson::SUCCESS || interval.first > interval.last ||
        (!intervals.empty() && interval.first <= intervals.back().last)) {
      reader.Fail("field '" + where + key + "' is not a list of ascending [first, last] positions");
      break;
    }
    interval.kinds = ReadKinds(array, topics);
    if (interval.kinds == 0) {
      reader.Fail("field '" + where + key + "' names other topics than this destination's");
      break;
    }
    intervals.push_back(interval);
  }
  return intervals;
}

void WriteInterval(JsonText& json, const PositionInterval& interval, const Topics& topics) {
  json.BeginArray();
  json.Value(interval.first);
  json.Value(interval.last);
  for (std::size_t k = 0; k < kKinds && interval.kinds != kAllKinds; ++k) {
    if ((interval.kinds >> k & 1) != 0) json.Value(topics[k]);
  }
  json.EndArray();
}

void ReadTopic(JsonReader& reader, dom::object topic, const std::string& where, std::size_t kind,
               LedgerEntry* entry) {
  entry->topics[kind] = reader.Text(topic, where, "topic");
  entry->generated[kind] = reader.Unsigned(topic, where, "generated");
  for (std::size_t f = 0; f < kFates; ++f) {
    entry->fates[f][kind] = reader.Unsigned(topic, where, kFateNames[f]);
  }
}

// Absent where the scenario has no faults, null where they were not counted.
void ReadFaults(JsonReader& reader, dom::object topic, const std::string& where, std::size_t kind,
                LedgerEntry* entry) {
  dom::element unused;
  if (topic["faults"].get(unused) != simdjson::SUCCESS) return;
  entry->has_faults = true;
  if (!reader.Has(topic, "faults")) return;
  if (!entry->faults) entry->faults.emplace();
  const dom::object faults = reader.Object(topic, where, "faults");
  for (std::size_t l = 0; l < kFaultLabels; ++l) {
    if (reader.Has(faults, kFaultLabelNames[l])) {
      (*entry->faults)[kind][l] = reader.Unsigned(faults, where + "faults.", kFaultLabelNames[l]);
    }
  }
}

void WriteFaults(JsonText& json, const LedgerEntry& entry, std::size_t kind) {
  if (!entry.has_faults) return;
  json.Key("faults");
  if (!entry.faults) return json.Null();
  json.BeginObject();
  for (std::size_t l = 0; l < kFaultLabels; ++l) {
    const std::uint64_t count = (*entry.faults)[kind][l];
    if (count > 0) json.Field(kFaultLabelNames[l], count);
  }
  json.EndObject();
}

LedgerEntry ReadEntry(JsonReader& reader, dom::object object, const std::string& where) {
  LedgerEntry entry;
  entry.to = reader.Text(object, where, "to");
  entry.end = reader.Unsigned(object, where, "end");
  entry.coarse = reader.Boolean(object, where, "coarse");
  const dom::array topics = reader.Array(object, where, "topics");
  if (topics.size() != kKinds) {
    reader.Fail("field '" + where + "topics' is not three topics");
    return entry;
  }
  for (std::size_t k = 0; k < kKinds; ++k) {
    const std::string topic_where = where + "topics[" + std::to_string(k) + "]";
    dom::object topic;
    if (topics.at(k).get(topic) != simdjson::SUCCESS) {
      reader.Fail("field '" + topic_where + "' is not an object");
      return entry;
    }
    ReadTopic(reader, topic, topic_where + ".", k, &entry);
    ReadFaults(reader, topic, topic_where + ".", k, &entry);
  }
  const dom::object positions = reader.Object(object, where, "positions");
  for (std::size_t f = 1; f < kFates; ++f) {
    entry.intervals[f] =
        ReadIntervals(reader, positions, where + "positions.", kFateNames[f], entry.topics);
  }
  return entry;
}

}  // namespace

std::uint64_t LedgerEntry::total_generated() const { return Sum(generated); }

std::uint64_t LedgerEntry::total(Fate fate) const {
  return Sum(fates[static_cast<std::size_t>(fate)]);
}

bool LedgerEntry::adds_up() const {
  for (std::size_t k = 0; k < kKinds; ++k) {
    std::uint64_t sum = 0;
    for (const auto& fate : fates) sum += fate[k];
    if (sum != generated[k]) return false;
  }
  return true;
}

LedgerEntry MakeLedgerEntry(std::string to, const std::array<std::string, kKinds>& topics,
                            Position end, const Deliveries& deliveries) {
  LedgerEntry entry;
  entry.to = std::move(to);
  entry.topics = topics;
  entry.end = end;
  for (std::size_t k = 0; k < kKinds; ++k) {
    entry.generated[k] = deliveries.generated(static_cast<Kind>(k));
    for (std::size_t f = 0; f < kFates; ++f) {
      entry.fates[f][k] = deliveries.fate(static_cast<Fate>(f), static_cast<Kind>(k));
    }
  }
  for (std::size_t f = 1; f < kFates; ++f) {
    entry.intervals[f] = deliveries.intervals(static_cast<Fate>(f));
  }
  entry.coarse = deliveries.coarse();
  return entry;
}

std::string LedgerJson(const std::string& run_id, const std::vector<LedgerEntry>& entries) {
  JsonText json;
  json.BeginObject();
  json.Field("version", kLedgerVersion);
  json.Field("run", run_id);
  json.Key("destinations");
  json.BeginArray();
  for (const LedgerEntry& entry : entries) {
    json.BeginObject();
    json.Field("to", entry.to);
    json.Field("end", entry.end);
    json.Key("topics");
    json.BeginArray();
    for (std::size_t k = 0; k < kKinds; ++k) {
      json.BeginObject();
      json.Field("topic", entry.topics[k]);
      json.Field("generated", entry.generated[k]);
      for (std::size_t f = 0; f < kFates; ++f) json.Field(kFateNames[f], entry.fates[f][k]);
      WriteFaults(json, entry, k);
      json.EndObject();
    }
    json.EndArray();
    json.Field("coarse", entry.coarse);
    json.Key("positions");
    json.BeginObject();
    for (std::size_t f = 1; f < kFates; ++f) {
      json.Key(kFateNames[f]);
      json.BeginArrayOnOneLine();
      for (const PositionInterval& interval : entry.intervals[f]) {
        WriteInterval(json, interval, entry.topics);
      }
      json.EndArray();
    }
    json.EndObject();
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Text();
}

Result<std::vector<LedgerEntry>> ParseLedger(const std::string& file, std::string_view text) {
  JsonReader reader(file);
  const dom::object root = reader.Parse(text);
  const std::uint64_t version = reader.Unsigned(root, "", "version");
  if (reader.ok() && version != static_cast<std::uint64_t>(kLedgerVersion)) {
    reader.Fail("is a ledger of version " + std::to_string(version) + ", this playload reads 1");
  }
  std::vector<LedgerEntry> entries;
  for (const dom::element element : reader.Array(root, "", "destinations")) {
    const std::string where = "destinations[" + std::to_string(entries.size()) + "]";
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) {
      reader.Fail("field '" + where + "' is not an object");
      break;
    }
    entries.push_back(ReadEntry(reader, object, where + "."));
    if (reader.ok() && !entries.back().adds_up()) {
      reader.Fail("the counts of '" + entries.back().to + "' do not add up; the file was changed");
    }
    if (!reader.ok()) break;
  }
  if (!reader.ok()) return reader.status();
  return entries;
}

Status WriteLedger(const std::string& run_dir, const std::string& run_id,
                   const std::vector<LedgerEntry>& entries) {
  return WriteFileAtomically(run_dir + "/ledger.json", LedgerJson(run_id, entries));
}

Result<std::vector<LedgerEntry>> ReadLedger(const std::string& run_dir) {
  const std::string file = run_dir + "/ledger.json";
  const Result<std::string> text = ReadWholeFile(file, kMaxBytes);
  if (!text) return text.error();
  return ParseLedger(file, *text);
}

}  // namespace playload
