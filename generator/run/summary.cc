#include "generator/run/summary.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "generator/base/text.h"
#include "generator/pace/plan.h"
#include "generator/run/json_file.h"
#include "generator/run/json_writer.h"
#include "generator/run/spec_text.h"
#include "generator/run/version.h"
#include "generator/stream/layout.h"

namespace playload {
namespace {

constexpr std::int64_t kSummaryVersion = 1;
constexpr double kNsPerMs = 1e6;
constexpr double kNsPerSecond = 1e9;
constexpr std::array<std::pair<const char*, double>, 5> kPercentiles = {
    {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}}};

double Seconds(std::int64_t ns) { return static_cast<double>(ns) / kNsPerSecond; }

std::int64_t SendingNs(const SenderReport& sender) { return sender.ended_ns - sender.begun_ns; }

template <typename Numbers>
std::uint64_t Sum(const Numbers& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

// Whether the plan says when each event is due.
bool Paced(const RunSpec& spec) { return spec.clock == Clock::kLive && !spec.rate_max; }

std::string Milliseconds(std::int64_t ns) {
  std::array<char, 32> text{};
  const double ms = static_cast<double>(ns) / kNsPerMs;
  std::snprintf(text.data(), text.size(), ms < 1 ? "%.3f ms" : ms < 10 ? "%.2f ms" : "%.0f ms", ms);
  return text.data();
}

std::string Percent(std::int64_t part, std::int64_t whole) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.0f %%",
                whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
  return text.data();
}

// How many of the stream's events before `end` are this shard's.
std::uint64_t OwnEvents(const RunSummary& summary, Position end) {
  if (summary.spec.shards <= 1 || end == 0) return end;
  const Layout layout(summary.lanes, summary.spec.shard, summary.spec.shards, end);
  if (layout.runs() == 0) return 0;
  const Position last = layout.RunAt(layout.runs() - 1).first;
  return (layout.runs() - 1) * kRunLength + std::min<Position>(kRunLength, end - last);
}

// How many of this shard's events the plan asks for in the first `elapsed_ns` of the run.
std::uint64_t PlannedBy(const RunSummary& summary, const Plan& plan, std::int64_t elapsed_ns) {
  return OwnEvents(summary, std::min(plan.DueBefore(elapsed_ns), summary.spec.end));
}

// Events per second as people read it.
std::string PerSecond(double rate) {
  if (rate >= 100) return FormatCount(static_cast<std::uint64_t>(std::llround(rate))) + "/s";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f/s", rate);
  return text.data();
}

// How long the plan gives the events that it has asked for by the end of the sending: up to the
// instant of the first event that is not one of them.
std::int64_t PlannedNs(const RunSummary& summary, const DestinationSummary& destination) {
  const Plan plan(summary.spec.scenario.plan);
  const std::int64_t elapsed = destination.sender.ended_ns - summary.zero_ns;
  const Position end = summary.spec.end;
  if (end == RunSpec::kNoEnd || plan.DueBefore(elapsed) < end) return elapsed;
  return plan.PlannedAt(end);
}

// The mean rate that the plan asked of this shard.
double PlannedRate(const RunSummary& summary, const DestinationSummary& destination) {
  const std::int64_t ns = PlannedNs(summary, destination);
  if (ns <= 0) return 0;
  return static_cast<double>(PlannedBy(summary, Plan(summary.spec.scenario.plan), ns)) /
         Seconds(ns);
}

// The mean rate that was held. A paced run is measured over the time of its plan or longer; one
// that had a backlog from its first moment on, or no plan, over the time of sending.
double AchievedRate(const RunSummary& summary, const DestinationSummary& destination) {
  const SenderReport& sender = destination.sender;
  std::int64_t ns = SendingNs(sender);
  if (Paced(summary.spec) && sender.backfilled == 0) {
    ns = sender.ended_ns - summary.zero_ns;
    if (sender.complete) ns = std::max(ns, PlannedNs(summary, destination));
  }
  return ns > 0 ? static_cast<double>(destination.ledger.total_generated()) / Seconds(ns) : 0;
}

void WriteHistogram(JsonText& json, std::string_view key, const Histogram& histogram) {
  json.Key(key);
  if (histogram.count() == 0) return json.Null();
  json.BeginObject();
  for (const auto& [name, percent] : kPercentiles) {
    json.Key(name);
    json.Decimal(static_cast<double>(histogram.Percentile(percent)) / kNsPerMs, 4);
  }
  json.Key("max");
  json.Decimal(static_cast<double>(histogram.max()) / kNsPerMs, 4);
  json.Field("count", histogram.count());
  json.EndObject();
}

void WriteTopics(JsonText& json, const DestinationSummary& destination) {
  const LedgerEntry& ledger = destination.ledger;
  json.Key("topics");
  json.BeginObject();
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (!destination.kinds[k]) continue;
    json.Key(ledger.topics[k]);
    json.BeginObject();
    json.Key("planned");
    destination.sender.planned ? json.Value((*destination.sender.planned)[k]) : json.Null();
    json.Field("generated", ledger.generated[k]);
    for (std::size_t f = 0; f < kFates; ++f) json.Field(kFateNames[f], ledger.fates[f][k]);
    json.EndObject();
  }
  json.EndObject();
}

// Per interval: what was released, and what the plan asked for.
void WriteRate(JsonText& json, const RunSummary& summary, const DestinationSummary& destination) {
  const RateLog& rate = destination.sender.rate;
  const std::int64_t seconds = rate.interval_seconds();
  json.Key("rate");
  json.BeginObject();
  json.Field("interval_seconds", seconds);
  json.Key("achieved");
  json.BeginArrayOnOneLine();
  for (const std::uint64_t count : rate.counts()) json.Value(count);
  json.EndArray();
  json.Key("planned");
  if (Paced(summary.spec)) {
    const Plan plan(summary.spec.scenario.plan);
    std::uint64_t before = 0;
    json.BeginArrayOnOneLine();
    for (std::size_t i = 1; i <= rate.counts().size(); ++i) {
      const std::int64_t until = std::min(static_cast<std::int64_t>(i) * seconds * 1'000'000'000,
                                          destination.sender.ended_ns - summary.zero_ns);
      const std::uint64_t due = PlannedBy(summary, plan, until);
      json.Value(due - before);
      before = due;
    }
    json.EndArray();
  } else {
    json.Null();
  }
  json.EndObject();
}

void WriteCounts(JsonText& json, std::string_view key,
                 const std::map<std::string, std::uint64_t>& counts) {
  json.Key(key);
  json.BeginObject();
  for (const auto& [name, count] : counts) json.Field(name, count);
  json.EndObject();
}

void WriteLatency(JsonText& json, const DestinationSummary& destination) {
  json.Key("latency_ms");
  json.BeginObject();
  WriteHistogram(json, "from_plan", destination.latency_from_plan);
  WriteHistogram(json, "from_send", destination.latency_from_send);
  json.EndObject();
  WriteHistogram(json, "lateness_ms", destination.sender.lateness);
}

// What the top of the file says of the first destination, and each destination of itself.
void WriteMeasurements(JsonText& json, const RunSummary& summary,
                       const DestinationSummary& destination) {
  WriteTopics(json, destination);
  json.Key("planned_per_second");
  Paced(summary.spec) ? json.Decimal(PlannedRate(summary, destination)) : json.Null();
  json.Key("achieved_per_second");
  json.Decimal(AchievedRate(summary, destination));
  WriteRate(json, summary, destination);
  WriteLatency(json, destination);
  WriteCounts(json, "counters", destination.counters);
  WriteCounts(json, "reasons", destination.reasons);
  json.Key("bottleneck");
  if (!summary.begun) return json.Null();
  const Bottleneck bottleneck = FindBottleneck(summary.spec, destination);
  json.BeginObject();
  json.Field("playload", bottleneck.who == Bottleneck::Who::kPlayload);
  json.Field("destination", bottleneck.who == Bottleneck::Who::kDestination);
  json.Field("why", bottleneck.why);
  json.EndObject();
}

void WriteDestination(JsonText& json, const RunSummary& summary,
                      const DestinationSummary& destination) {
  const SenderReport& sender = destination.sender;
  json.BeginObject();
  json.Field("to", destination.ledger.to);
  json.Field("exit_code", static_cast<int>(destination.status.code()));
  json.Key("error");
  destination.status.ok() ? json.Null() : json.Value(destination.status.message());
  json.Field("reader_gone", destination.reader_gone);
  json.Field("complete", sender.complete);
  json.Field("end", sender.end);
  WriteMeasurements(json, summary, destination);
  json.Field("backfilled", sender.backfilled);
  json.Field("full_times", sender.full_times);
  json.Key("seconds");
  json.BeginObject();
  const std::array<std::pair<const char*, std::int64_t>, 6> times = {
      {{"sending", SendingNs(sender)},
       {"waiting_for_generator", sender.starved_ns},
       {"waiting_for_destination", sender.full_ns},
       {"handing_over", sender.offer_ns},
       {"handing_over_cpu", std::min(sender.offer_ns, sender.offer_cpu_ns)},
       {"sender_cpu", sender.cpu_ns}}};
  for (const auto& [name, ns] : times) {
    json.Key(name);
    json.Decimal(Seconds(ns), 6);
  }
  json.EndObject();
  if (destination.http) {
    json.Key("http");
    WriteHttpSummary(json, *destination.http);
  }
  json.EndObject();
}

void WriteExpected(JsonText& json, const std::optional<Tally>& expected) {
  json.Key("expected");
  if (!expected) return json.Null();
  json.BeginObject();
  json.Field("player-session-summaries", expected->player_events);
  json.Field("purchase-aggregates", expected->purchase_events);
  json.Field("server-alerts", expected->server_alerts);
  json.Field("fraud-alerts", expected->fraud_frequent + expected->fraud_multi);
  json.Key("fraud-alerts-by-reason");
  json.BeginObject();
  json.Field("Too frequent transactions", expected->fraud_frequent);
  json.Field("Multiple currency transactions", expected->fraud_multi);
  json.EndObject();
  json.EndObject();
}

// What data faults have touched among the first destination's events, of all kinds.
void WriteFaults(JsonText& json, const RunSummary& summary) {
  if (summary.spec.scenario.faults.empty()) return;
  json.Key("faults");
  if (!summary.expected) return json.Null();
  json.BeginObject();
  for (std::size_t l = 0; l < kFaultLabels; ++l) {
    json.Field(kFaultLabelNames[l], TotalOf(summary.expected->faults, l));
  }
  json.EndObject();
}

// "p50 0.03 ms, p90 0.06 ms, p99 0.07 ms, p99.9 0.12 ms, p99.99 0.88 ms, max 0.93 ms".
std::string Lateness(const SenderReport& sender) {
  std::string text;
  for (const auto& [name, percent] : kPercentiles) {
    const std::uint64_t ns = sender.lateness.Percentile(percent);
    text += std::string(name) + " " + Milliseconds(static_cast<std::int64_t>(ns)) + ", ";
  }
  return text + "max " + Milliseconds(static_cast<std::int64_t>(sender.lateness.max()));
}

void AppendDestination(const RunSummary& summary, const DestinationSummary& destination,
                       std::string* text) {
  const LedgerEntry& ledger = destination.ledger;
  const SenderReport& sender = destination.sender;
  *text += "  " + ledger.to + "\n";
  if (Paced(summary.spec)) {
    *text += "    rate       planned " + PerSecond(PlannedRate(summary, destination));
    *text += ", held " + PerSecond(AchievedRate(summary, destination));
    *text += "\n";
    if (sender.lateness.count() > 0) *text += "    lateness   " + Lateness(sender) + "\n";
  } else {
    *text +=
        "    rate       " + PerSecond(AchievedRate(summary, destination)) + " (nothing paced)\n";
  }
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (!destination.kinds[k]) continue;
    std::array<char, 64> name{};
    std::snprintf(name.data(), name.size(), "    %-18s ", ledger.topics[k].c_str());
    *text += name.data() + FormatCount(ledger.generated[k]) + " events";
    for (std::size_t f = 0; f < kFates; ++f) {
      const std::uint64_t count = ledger.fates[f][k];
      if (f > 0 && count == 0) continue;
      *text += std::string(", ") + FormatCount(count) + " " + kFateNames[f];
    }
    if (sender.planned && (*sender.planned)[k] != ledger.generated[k]) {
      *text += ", of " + FormatCount((*sender.planned)[k]) + " planned by then";
    }
    *text += "\n";
  }
  if (destination.latency_from_plan.count() > 0) {
    *text += "    latency    from the planned instant p50 " +
             Milliseconds(static_cast<std::int64_t>(destination.latency_from_plan.Percentile(50))) +
             ", p99 " +
             Milliseconds(static_cast<std::int64_t>(destination.latency_from_plan.Percentile(99))) +
             "\n";
  }
  if (sender.backfilled > 0) {
    *text += "    backfill   " + FormatCount(sender.backfilled) +
             " events whose instants had passed when the run began\n";
  }
  if (destination.http) *text += HttpSummaryText(*destination.http);
  if (destination.reader_gone) *text += "    the reader of stdout went away before the end\n";
  for (const auto& [reason, count] : destination.reasons) {
    *text += "    " + FormatCount(count) + " x " + reason + "\n";
  }
  const Bottleneck bottleneck = FindBottleneck(summary.spec, destination);
  if (Paced(summary.spec) && bottleneck.who != Bottleneck::Who::kNobody) {
    *text +=
        std::string("    warning: ") +
        (bottleneck.who == Bottleneck::Who::kPlayload ? "playload itself" : "the destination") +
        " held the plan back: " + bottleneck.why + "\n";
  }
}

}  // namespace

Bottleneck FindBottleneck(const RunSpec& spec, const DestinationSummary& destination) {
  const SenderReport& sender = destination.sender;
  const std::int64_t sending = SendingNs(sender);
  const std::string generator = "the generator had no events ready in " +
                                Percent(sender.starved_ns, sending) + " of the time";
  const std::string full =
      "the destination took no more events in " + Percent(sender.full_ns, sending) + " of the time";
  // Time inside Offer() is the destination's when the thread slept there, and ours when it worked.
  const std::int64_t working = std::min(sender.offer_ns, sender.offer_cpu_ns);
  const std::string handing = "handing events over took " + Percent(sender.offer_ns, sending) +
                              " of the time, " + Percent(working, sending) +
                              " as CPU of this process";
  if (Paced(spec)) {
    const auto late = static_cast<std::int64_t>(sender.lateness.Percentile(99));
    if (late <= kHeldWithinNs) {
      return {Bottleneck::Who::kNobody, sender.lateness.count() == 0
                                            ? "nothing was due"
                                            : "99 % of the events were released within " +
                                                  Milliseconds(late) + " of their planned instant"};
    }
  }
  // What took the most time held it back.
  const std::int64_t blocked = sender.offer_ns - working;
  const std::int64_t most =
      std::max({sender.starved_ns, sender.full_ns, blocked, working, std::int64_t{1}});
  if (most == sender.full_ns) return {Bottleneck::Who::kDestination, full};
  if (most == blocked) return {Bottleneck::Who::kDestination, handing};
  if (most == sender.starved_ns) return {Bottleneck::Who::kPlayload, generator};
  if (most == working) return {Bottleneck::Who::kPlayload, handing};
  return {Bottleneck::Who::kPlayload, "the sender got too little CPU"};
}

std::string FaultsText(const FaultCounts& faults) {
  std::string text;
  for (std::size_t l = 0; l < kFaultLabels; ++l) {
    const std::uint64_t count = TotalOf(faults, l);
    if (count == 0) continue;
    text += (text.empty() ? "" : ", ") + FormatCount(count) + " " + kFaultLabelNames[l];
  }
  return text.empty() ? "none" : text;
}

std::string SummaryJson(const RunSummary& summary) {
  const RunSpec& spec = summary.spec;
  JsonText json;
  json.BeginObject();
  json.Field("version", kSummaryVersion);
  json.Field("playload", Version());
  json.Field("run", summary.run_id);
  json.Field("status", summary.status.ok()   ? "done"
                       : summary.interrupted ? "interrupted"
                                             : "failed");
  json.Field("exit_code", static_cast<int>(summary.status.code()));
  json.Key("error");
  summary.status.ok() ? json.Null() : json.Value(summary.status.message());
  json.Field("scenario", spec.scenario.name);
  json.Field("seed", spec.seed);
  json.Field("start", FormatInstant(spec.start_ns));
  json.Field("clock", ClockName(spec.clock));
  json.Key("pacing");
  Paced(spec) ? json.Value(PacingName(summary.pacing)) : json.Null();
  json.Field("shard", std::to_string(spec.shard) + "/" + std::to_string(spec.shards));
  json.Key("digest");
  if (summary.digest) {
    std::array<char, 24> hex{};
    std::snprintf(hex.data(), hex.size(), "%016llx",
                  static_cast<unsigned long long>(*summary.digest));
    json.Value(hex.data());
  } else {
    json.Null();
  }
  WriteExpected(json, summary.expected);
  WriteFaults(json, summary);
  if (!summary.destinations.empty()) WriteMeasurements(json, summary, summary.destinations.front());
  json.Key("destinations");
  json.BeginArray();
  for (const DestinationSummary& destination : summary.destinations) {
    WriteDestination(json, summary, destination);
  }
  json.EndArray();
  if (!summary.thresholds.empty()) WriteThresholdsJson(summary.thresholds, &json);
  json.EndObject();
  return json.Text();
}

std::string SummaryText(const RunSummary& summary) {
  std::string text = summary.spec.scenario.name + ", seed " + std::to_string(summary.spec.seed) +
                     (summary.status.ok()   ? ": done"
                      : summary.interrupted ? ": interrupted"
                                            : ": failed") +
                     "\n";
  if (summary.begun) {
    for (const DestinationSummary& destination : summary.destinations) {
      AppendDestination(summary, destination, &text);
    }
    text += "  expected   ";
    if (summary.expected) {
      const Tally& t = *summary.expected;
      text += FormatCount(t.fraud_frequent + t.fraud_multi) + " fraud alerts (" +
              FormatCount(t.fraud_frequent) + " too frequent, " + FormatCount(t.fraud_multi) +
              " multiple currency), " + FormatCount(t.server_alerts) + " server alerts, " +
              FormatCount(t.player_events) + " session summaries, " +
              FormatCount(t.purchase_events) + " purchase aggregates\n";
      if (!summary.spec.scenario.faults.empty()) {
        text += "  faults     " + FaultsText(t.faults) + "\n";
      }
    } else {
      text +=
          "unknown: the run ended early; playload expect " + summary.run_dir + " works it out\n";
    }
  }
  text += "  files      " + summary.run_dir + "\n";
  return text;
}

Status WriteSummary(const RunSummary& summary) {
  return WriteFileAtomically(summary.run_dir + "/summary.json", SummaryJson(summary));
}

}  // namespace playload
