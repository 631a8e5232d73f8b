#include "generator/judge/latency.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <utility>

#include "generator/base/text.h"

namespace playload {

namespace {

constexpr double kNsPerMs = 1e6;
constexpr std::array<std::pair<const char*, double>, 5> kPercentiles = {
    {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}}};

// Mixes all bits of both, so that a sample by its first bits is one of the identities. From one on:
// 0 stays 0 and would be in every sample.
std::uint64_t KeyOf(const OutputIdentity& of) {
  std::uint64_t key = (of.number + 1) * 0x9E3779B97F4A7C15u + std::rotl(of.detail, 32);
  key = (key ^ key >> 32) * 0xD6E8FEB86659FD93u;
  key = (key ^ key >> 32) * 0xD6E8FEB86659FD93u;
  return key ^ key >> 32;
}

bool InSample(std::uint64_t key, unsigned halvings) {
  return halvings == 0 || key >> (64 - halvings) == 0;
}

void WriteHistogram(std::string_view key, const Histogram& histogram, JsonText* json) {
  json->Key(key);
  if (histogram.count() == 0) return json->Null();
  json->BeginObject();
  for (const auto& [name, percent] : kPercentiles) {
    json->Key(name);
    json->Decimal(static_cast<double>(histogram.Percentile(percent)) / kNsPerMs, 4);
  }
  json->Key("max");
  json->Decimal(static_cast<double>(histogram.max()) / kNsPerMs, 4);
  json->Key("mean");
  json->Decimal(histogram.Mean() / kNsPerMs, 4);
  json->Field("count", histogram.count());
  json->EndObject();
}

std::string Milliseconds(std::uint64_t ns) {
  std::array<char, 32> text{};
  const double ms = static_cast<double>(ns) / kNsPerMs;
  std::snprintf(text.data(), text.size(), ms < 10 ? "%.2f ms" : "%.0f ms", ms);
  return text.data();
}

}  // namespace

LatencyMeter::LatencyMeter(Options options) : options_(std::move(options)) {
  for (const LatencyOutput& output : options_.outputs) {
    tables_.emplace_back();
    tables_.back().parts.resize(output.parts.size());
  }
}

void LatencyMeter::Expect(const Trigger& trigger) {
  if (options_.outputs[trigger.of.output].name.empty()) return;
  Table& table = tables_[trigger.of.output];
  const std::uint64_t key = KeyOf(trigger.of);
  if (!InSample(key, table.halvings)) return;
  Cause cause{options_.instants(trigger.position), trigger.part};
  if (cause.at.planned_ns < 0) return;
  // As if all of it had happened that much later.
  for (std::int64_t* instant : {&cause.at.planned_ns, &cause.at.sent_ns, &cause.at.acked_ns}) {
    if (*instant >= 0) *instant += trigger.wait_ns;
  }
  // One that was seen before its event was due is not what this one calls for.
  while (const std::optional<Cause> seen = Take(&table, key, true)) {
    if (seen->at.planned_ns >= cause.at.planned_ns) {
      return Measure(&table, cause, seen->at.planned_ns);
    }
  }
  Wait(&table, key, cause, false);
}

void LatencyMeter::Seen(const OutputIdentity& of, std::int64_t seen_ns) {
  if (options_.outputs[of.output].name.empty()) return;
  Table& table = tables_[of.output];
  ++table.seen;
  if (seen_ns < 0) {
    ++table.untimed;
    return;
  }
  const std::uint64_t identity = KeyOf(of);
  if (!InSample(identity, table.halvings)) return;
  const auto waiting = table.waiting.find(identity);
  if (waiting != table.waiting.end() && !waiting->second.seen) {
    // What was seen before the event was due is none of its outputs.
    if (table.nodes[waiting->second.first].cause.at.planned_ns > seen_ns) return;
    Measure(&table, *Take(&table, identity, false), seen_ns);
  } else if (options_.ahead) {
    Wait(&table, identity, {{.planned_ns = seen_ns}, Trigger::kNoPart}, true);
  }
}

void LatencyMeter::Wait(Table* table, std::uint64_t key, const Cause& cause, bool seen) {
  std::uint32_t node = table->free;
  if (node == kNone) {
    node = static_cast<std::uint32_t>(table->nodes.size());
    table->nodes.emplace_back();
  } else {
    table->free = table->nodes[node].next;
  }
  table->nodes[node] = {cause, kNone};
  ++table->used;
  const auto [waiting, added] = table->waiting.try_emplace(key, Waiting{node, node, seen});
  if (!added) {
    table->nodes[waiting->second.last].next = node;
    waiting->second.last = node;
  }
  while (table->used > options_.most_pending) Halve(table);
}

std::optional<LatencyMeter::Cause> LatencyMeter::Take(Table* table, std::uint64_t key, bool seen) {
  const auto waiting = table->waiting.find(key);
  if (waiting == table->waiting.end() || waiting->second.seen != seen) return std::nullopt;
  const std::uint32_t taken = waiting->second.first;
  Node& node = table->nodes[taken];
  if (node.next == kNone) {
    table->waiting.erase(waiting);
  } else {
    waiting->second.first = node.next;
  }
  node.next = std::exchange(table->free, taken);
  --table->used;
  return node.cause;
}

void LatencyMeter::Drop(Table* table, const Waiting& waiting) {
  std::uint32_t count = 1;
  for (std::uint32_t n = waiting.first; n != waiting.last; n = table->nodes[n].next) ++count;
  table->nodes[waiting.last].next = std::exchange(table->free, waiting.first);
  table->used -= count;
}

// From now on half of the identities that were measured so far are.
void LatencyMeter::Halve(Table* table) {
  ++table->halvings;
  std::erase_if(table->waiting, [&](const auto& entry) {
    if (InSample(entry.first, table->halvings)) return false;
    Drop(table, entry.second);
    return true;
  });
}

void LatencyMeter::Measure(Table* table, const Cause& cause, std::int64_t seen_ns) {
  Count(&table->all, cause.at, seen_ns, table->halvings);
  if (cause.part != Trigger::kNoPart) {
    Count(&table->parts[cause.part], cause.at, seen_ns, table->halvings);
  }
}

void LatencyMeter::Count(Measured* measured, const Instants& trigger, std::int64_t seen_ns,
                         unsigned halvings) {
  const std::uint64_t times = std::uint64_t{1} << std::min(halvings, 63u);
  measured->total.Record(seen_ns - trigger.planned_ns, times);
  if (trigger.sent_ns < 0) return;
  measured->playload.Record(trigger.sent_ns - trigger.planned_ns, times);
  if (trigger.acked_ns < 0) return;
  // It may be seen before the acknowledgement is.
  const std::int64_t acked_ns = std::min(trigger.acked_ns, std::max(seen_ns, trigger.sent_ns));
  measured->broker.Record(acked_ns - trigger.sent_ns, times);
  measured->pipeline.Record(seen_ns - acked_ns, times);
}

OutputLatency LatencyMeter::Of(const std::string& name, const Table& table,
                               const Measured& measured) {
  OutputLatency latency{name, {}, {}, {}, {}, 1, {}};
  if (table.untimed > 0) {
    latency.unknown = FormatCount(table.untimed) + " of " + FormatCount(table.seen) +
                      " records have no timestamp of the broker's; give the topic "
                      "message.timestamp.type=LogAppendTime, or use run --verify";
  } else if (measured.total.count() == 0) {
    latency.unknown = table.seen == 0 ? "none was seen" : "none was seen that an event calls for";
  } else {
    latency.total = measured.total;
    latency.playload = measured.playload;
    latency.broker = measured.broker;
    latency.pipeline = measured.pipeline;
    latency.one_in = std::uint64_t{1} << std::min(table.halvings, 63u);
  }
  return latency;
}

std::vector<OutputLatency> LatencyMeter::Report() const {
  std::vector<OutputLatency> report;
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    const LatencyOutput& output = options_.outputs[i];
    if (output.name.empty()) continue;
    report.push_back(Of(output.name, tables_[i], tables_[i].all));
    for (std::size_t part = 0; part < output.parts.size(); ++part) {
      report.push_back(
          Of(output.name + "/" + output.parts[part], tables_[i], tables_[i].parts[part]));
    }
  }
  return report;
}

std::vector<OutputLatency> UnknownLatency(const std::vector<LatencyOutput>& outputs,
                                          const std::string& why) {
  std::vector<OutputLatency> report;
  for (const LatencyOutput& output : outputs) {
    if (output.name.empty()) continue;
    report.push_back({output.name, {}, {}, {}, {}, 1, why});
    for (const std::string& part : output.parts) {
      report.push_back({output.name + "/" + part, {}, {}, {}, {}, 1, why});
    }
  }
  return report;
}

void WriteLatencyJson(const std::vector<OutputLatency>& latencies, JsonText* json) {
  json->Key("latency_ms");
  json->BeginObject();
  for (const OutputLatency& latency : latencies) {
    json->Key(latency.name);
    json->BeginObject();
    WriteHistogram("total", latency.total, json);
    WriteHistogram("playload", latency.playload, json);
    WriteHistogram("broker", latency.broker, json);
    WriteHistogram("pipeline", latency.pipeline, json);
    json->Field("one_in", latency.one_in);
    json->Key("unknown");
    latency.unknown.empty() ? json->Null() : json->Value(std::string_view(latency.unknown));
    json->EndObject();
  }
  json->EndObject();
}

std::string LatencyText(const std::vector<OutputLatency>& latencies) {
  std::string text;
  for (const OutputLatency& latency : latencies) {
    if (latency.total.count() == 0) continue;
    const auto add = [&](const char* name, const Histogram& part) {
      if (part.count() == 0) return;
      text += std::string(name) + Milliseconds(part.Percentile(50)) + " / " +
              Milliseconds(part.Percentile(99));
    };
    text += latency.name;
    add(": p50 / p99 ", latency.total);
    text += ", max " + Milliseconds(latency.total.max());
    add("; playload ", latency.playload);
    add(", broker ", latency.broker);
    add(", pipeline ", latency.pipeline);
    if (latency.one_in > 1) text += " (one key in " + FormatCount(latency.one_in) + ")";
    text += '\n';
  }
  return text.empty() ? text : "\nlatency, from the planned instant of the event\n" + text;
}

}  // namespace playload
