#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "generator/base/system.h"
#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/memory.h"
#include "generator/cli/output.h"
#include "generator/cli/run_setup.h"
#include "generator/mutants/edges.h"
#include "generator/pace/plan.h"
#include "generator/run/checkpoints.h"
#include "generator/run/json_writer.h"
#include "generator/run/spec_text.h"
#include "generator/run/version.h"
#include "generator/simulate/model.h"
#include "generator/stream/stream.h"

namespace playload {
namespace {

// A run of up to this many events is made whole to say exactly what is in it; of a longer one the
// beginning, which the rest is taken to be like.
constexpr std::uint64_t kMostSimulated = 20'000'000;
// A run without an end is described by its first hour.
constexpr std::int64_t kHourNs = 3'600'000'000'000;

struct Contents {
  std::array<double, kKinds> events{};
  std::array<double, kKinds> bytes{};
  // What a correct pipeline makes of them.
  double summaries = 0, aggregates = 0, server_alerts = 0, fraud_frequent = 0, fraud_multi = 0;
  std::array<double, kFaultLabels> faults{};

  [[nodiscard]] double all() const { return events[0] + events[1] + events[2]; }
};

struct Forecast {
  Contents contents;
  bool exact = false;
  std::string of;  // what the contents are those of, where the run has no end
  Memory memory;
};

// Makes the events before `end`, with one worker per core.
Result<Contents> Simulate(RunSpec spec, Position end, int threads) {
  spec.end = end;
  // Without a plan to wait for, the stream works in its largest tiles.
  spec.clock = Clock::kVirtual;
  StampLog stamps(std::vector<std::int64_t>{UtcNow()});
  StreamOptions options;
  options.threads = threads;
  options.by_kind = true;
  options.index = false;
  options.stamps = spec.rate_max ? &stamps : nullptr;
  Stream stream(spec, options);
  if (Status s = stream.Start(); !s.ok()) return s;
  Contents contents;
  while (Batch* batch = stream.Next()) {
    for (std::size_t k = 0; k < kKinds; ++k) {
      contents.events[k] += batch->kinds[k];
      contents.bytes[k] += batch->sizes[k];
    }
    stream.Recycle(batch);
  }
  const Tally& tally = stream.tally();
  contents.summaries = static_cast<double>(tally.player_events);
  contents.aggregates = static_cast<double>(tally.purchase_events);
  contents.server_alerts = static_cast<double>(tally.server_alerts);
  contents.fraud_frequent = static_cast<double>(tally.fraud_frequent);
  contents.fraud_multi = static_cast<double>(tally.fraud_multi);
  for (std::size_t l = 0; l < kFaultLabels; ++l) {
    contents.faults[l] = static_cast<double>(TotalOf(tally.faults, l));
  }
  return contents;
}

Result<Forecast> MakeForecast(const RunSetup& setup) {
  const RunSpec& spec = setup.run.spec;
  Forecast forecast;
  forecast.memory = MemoryOf(setup);
  Position end = spec.end;
  if (end == RunSpec::kNoEnd) {
    end = spec.rate_max ? 1'000'000 : Plan(spec.scenario.plan).DueBefore(kHourNs);
    forecast.of = spec.rate_max ? "the first 1,000,000 events" : "the first hour";
  }
  // A shard is a part of that, and only that part is made.
  const Position most = kMostSimulated * spec.shards;
  const Position simulated = std::min(end, most);
  Result<Contents> contents = Simulate(spec, simulated, setup.run.threads);
  if (!contents) return contents.error();
  forecast.exact = simulated == end;
  forecast.contents = *contents;
  const double times = static_cast<double>(end) / static_cast<double>(simulated);
  for (std::size_t k = 0; k < kKinds; ++k) {
    forecast.contents.events[k] *= times;
    forecast.contents.bytes[k] *= times;
  }
  for (double& count : forecast.contents.faults) count *= times;
  forecast.contents.summaries *= times;
  forecast.contents.aggregates *= times;
  forecast.contents.server_alerts *= times;
  forecast.contents.fraud_frequent *= times;
  forecast.contents.fraud_multi *= times;
  return forecast;
}

std::uint64_t Whole(double number) { return static_cast<std::uint64_t>(std::llround(number)); }

// "about 1,230,000" when it is not exact: more digits would not be true.
std::string Number(const Forecast& forecast, double number) {
  if (forecast.exact) return FormatCount(Whole(number));
  double unit = 1;
  while (number / unit >= 1'000) unit *= 10;
  return "about " + FormatCount(Whole(number / unit) * Whole(unit));
}

std::string RateText(const RunSpec& spec) {
  if (spec.rate_max) return "as fast as it goes";
  std::string text;
  for (const Stage& stage : spec.scenario.plan) {
    if (!text.empty()) text += ", then ";
    text += FormatRate(stage.from_milli_rate);
    if (stage.to_milli_rate != stage.from_milli_rate) {
      text += " to " + FormatRate(stage.to_milli_rate);
    }
    text += " events/s";
    if (stage.lasts_ns > 0) text += " for " + FormatDuration(stage.lasts_ns);
  }
  return text;
}

std::string LengthText(const RunSpec& spec) {
  if (spec.rate_max && spec.run_ns > 0) return FormatDuration(spec.run_ns);
  if (spec.end == RunSpec::kNoEnd) return "until Ctrl-C";
  if (spec.rate_max) return FormatCount(spec.end) + " events";
  const std::int64_t last = Plan(spec.scenario.plan).PlannedAt(spec.end - 1);
  std::string text = FormatCount(spec.end) + (spec.end == 1 ? " event" : " events");
  if (last != Plan::kNever) text += ", the last one at " + FormatDuration(last);
  if (spec.shards > 1) {
    text += ", of which this is shard " + std::to_string(spec.shard) + " of " +
            std::to_string(spec.shards);
  }
  return text;
}

std::string Line(const std::string& left, const std::string& right) {
  std::string line = "  " + left;
  line.resize(std::max<std::size_t>(line.size() + 1, 28), ' ');
  return line + right + "\n";
}

std::string MemoryText(const Memory& memory) {
  const std::string expected = FormatBytes(memory.expected);
  const std::string at_most = FormatBytes(memory.at_most);
  return expected + (at_most == expected ? "" : ", at most " + at_most) + ", whatever the length";
}

std::string CheckpointsText(const RunSetup& setup) {
  const CheckpointPlan plan = PlanCheckpoints(setup.run.spec, setup.run.checkpoints);
  if (!plan.on) return "none: " + plan.why_not;
  return "about " + FormatBytes(plan.disk_bytes) + " in the run directory, at most " +
         FormatBytes(plan.most_bytes);
}

// How often a probe's scripts begin, and how many there are.
std::string ProbeText(const ProbeIncident& probe) {
  const bool server = probe.scripts.front().server;
  const std::string scripts =
      FormatCount(probe.scripts.size()) + (probe.scripts.size() == 1 ? " script, " : " scripts, ");
  if (probe.milli_rate > 0) return scripts + FormatRate(probe.milli_rate) + " begun per second";
  std::array<char, 32> percent{};
  std::snprintf(
      percent.data(), percent.size(), "%.10g %%",
      static_cast<double>(probe.share_parts) / static_cast<double>(kProbabilityOne) * 100);
  return scripts + percent.data() + (server ? " of the metrics begin one" : " of the sessions");
}

// The edges that probes wait for, and how near they come to them.
struct Edges {
  std::vector<EdgeReach> reach;
  std::optional<std::int64_t> better_rate;  // where some are missed: at which none is
};

Edges FindEdges(const RunSpec& spec) {
  Edges edges;
  if (spec.rate_max) return edges;  // nothing is planned
  const std::uint64_t lanes = Model(spec.scenario, spec.seed).lanes();
  const Plan plan(spec.scenario.plan);
  const std::int64_t run = spec.end == RunSpec::kNoEnd ? 0 : plan.PlannedAt(spec.end);
  edges.reach = EdgesOf(spec.scenario, lanes, spec.start_ns, run);
  if (std::any_of(edges.reach.begin(), edges.reach.end(),
                  [](const EdgeReach& edge) { return edge.miss_ms > 0; })) {
    edges.better_rate = RateForEdges(spec.scenario, lanes, spec.start_ns);
  }
  return edges;
}

std::string EdgeText(const EdgeReach& edge, const Edges& edges) {
  if (edge.longer_than_run) return "not met: the run is not longer";
  if (edge.miss_ms == 0) return "met to the millisecond";
  std::string text = "missed by " + FormatDuration(edge.miss_ms * 1'000'000);
  if (edges.better_rate) {
    text += "; at --rate " + FormatRate(*edges.better_rate) + " met to the millisecond";
  }
  return text;
}

std::string Text(const RunSetup& setup, const Forecast& forecast) {
  const RunSpec& spec = setup.run.spec;
  const Contents& contents = forecast.contents;
  std::string text = spec.scenario.name + ", seed " + std::to_string(spec.seed) +
                     (setup.seed_drawn ? " (drawn)" : "") + "\n";
  text += Line("players", FormatCount(spec.scenario.population.players));
  text += Line("rate", RateText(spec));
  text += Line("length", LengthText(spec));
  if (!forecast.of.empty()) text += "  in " + forecast.of + ":\n";
  if (!forecast.exact) {
    text += "  (from the first " + FormatCount(kMostSimulated) + " events)\n";
  }
  for (std::size_t k = 0; k < kKinds; ++k) {
    const std::string topic =
        TopicFor(setup.run.destinations.topics, TopicName(static_cast<Kind>(k)));
    std::string right = Number(forecast, contents.events[k]) + " events, " +
                        (forecast.exact ? "" : "about ") + FormatBytes(Whole(contents.bytes[k]));
    if (contents.events[k] > 0) {
      std::array<char, 48> mean{};
      std::snprintf(mean.data(), mean.size(), ", %.0f bytes each",
                    contents.bytes[k] / contents.events[k]);
      right += mean.data();
    }
    text += Line(topic, right);
  }
  text += Line("expected fraud-alerts",
               Number(forecast, contents.fraud_frequent + contents.fraud_multi) + " (" +
                   Number(forecast, contents.fraud_frequent) + " too frequent, " +
                   Number(forecast, contents.fraud_multi) + " multiple currency)");
  text += Line("expected server-alerts", Number(forecast, contents.server_alerts));
  text += Line("expected summaries", Number(forecast, contents.summaries));
  text += Line("expected aggregates", Number(forecast, contents.aggregates));
  for (std::size_t l = 0; l < kFaultLabels && !spec.scenario.faults.empty(); ++l) {
    if (contents.faults[l] == 0) continue;
    text += Line(std::string("fault ") + kFaultLabelNames[l], Number(forecast, contents.faults[l]));
  }
  for (const ProbeIncident& probe : spec.scenario.probes) {
    text += Line("probe " + probe.name, ProbeText(probe));
  }
  const Edges edges = FindEdges(spec);
  for (const EdgeReach& edge : edges.reach) {
    text += Line((edge.of_clock ? "edge of each " : "edge ") + FormatDuration(edge.wait_ns),
                 EdgeText(edge, edges));
  }
  text += Line("memory", MemoryText(forecast.memory));
  text += Line("checkpoints", CheckpointsText(setup));
  return text;
}

std::string Json(const RunSetup& setup, const Forecast& forecast) {
  const RunSpec& spec = setup.run.spec;
  const Contents& contents = forecast.contents;
  JsonText json;
  json.BeginObject();
  json.Field("version", 1);
  json.Field("playload", Version());
  json.Field("scenario", spec.scenario.name);
  json.Field("seed", spec.seed);
  json.Field("players", spec.scenario.population.players);
  json.Field("clock", ClockName(spec.clock));
  json.Field("rate", RateText(spec));
  json.Key("events");
  spec.end != RunSpec::kNoEnd ? json.Value(spec.end) : json.Null();
  json.Key("seconds");
  if (spec.rate_max) {
    spec.run_ns > 0 ? json.Decimal(static_cast<double>(spec.run_ns) / 1e9, 9) : json.Null();
  } else if (spec.end != RunSpec::kNoEnd) {
    const std::int64_t last = Plan(spec.scenario.plan).PlannedAt(spec.end - 1);
    json.Decimal(static_cast<double>(last) / 1e9, 9);
  } else {
    json.Null();
  }
  json.Field("exact", forecast.exact);
  json.Key("of");
  forecast.of.empty() ? json.Value("the run") : json.Value(forecast.of);
  json.Key("topics");
  json.BeginObject();
  for (std::size_t k = 0; k < kKinds; ++k) {
    json.Key(TopicFor(setup.run.destinations.topics, TopicName(static_cast<Kind>(k))));
    json.BeginObject();
    json.Field("events", Whole(contents.events[k]));
    json.Field("bytes", Whole(contents.bytes[k]));
    json.EndObject();
  }
  json.EndObject();
  json.Key("expected");
  json.BeginObject();
  json.Field("player-session-summaries", Whole(contents.summaries));
  json.Field("purchase-aggregates", Whole(contents.aggregates));
  json.Field("server-alerts", Whole(contents.server_alerts));
  json.Field("fraud-alerts", Whole(contents.fraud_frequent + contents.fraud_multi));
  json.EndObject();
  if (!spec.scenario.faults.empty()) {
    json.Key("faults");
    json.BeginObject();
    for (std::size_t l = 0; l < kFaultLabels; ++l) {
      json.Field(kFaultLabelNames[l], Whole(contents.faults[l]));
    }
    json.EndObject();
  }
  json.Key("probes");
  json.BeginArray();
  for (const ProbeIncident& probe : spec.scenario.probes) {
    json.BeginObject();
    json.Field("name", probe.name);
    json.Field("scripts", probe.scripts.size());
    json.Key("per_second");
    probe.milli_rate > 0 ? json.Decimal(static_cast<double>(probe.milli_rate) / 1e3, 3)
                         : json.Null();
    json.Key("share");
    probe.milli_rate > 0
        ? json.Null()
        : json.Decimal(
              static_cast<double>(probe.share_parts) / static_cast<double>(kProbabilityOne), 9);
    json.EndObject();
  }
  json.EndArray();
  json.Key("edges");
  json.BeginArray();
  for (const EdgeReach& edge : FindEdges(spec).reach) {
    json.BeginObject();
    json.Field("edge", FormatDuration(edge.wait_ns));
    json.Field("of_clock", edge.of_clock);
    json.Key("missed_by_ms");
    edge.longer_than_run ? json.Null() : json.Value(static_cast<std::uint64_t>(edge.miss_ms));
    json.EndObject();
  }
  json.EndArray();
  json.Field("memory_bytes", forecast.memory.expected);
  json.Field("memory_at_most_bytes", forecast.memory.at_most);
  const CheckpointPlan checkpoints = PlanCheckpoints(setup.run.spec, setup.run.checkpoints);
  json.Key("checkpoints");
  json.BeginObject();
  json.Field("disk_bytes", checkpoints.disk_bytes);
  json.Field("at_most_bytes", checkpoints.most_bytes);
  json.Field("why_not", std::string_view(checkpoints.why_not));
  json.EndObject();
  json.EndObject();
  return json.Text();
}

}  // namespace

Status PlanCommand(const Flags& flags, const Invocation& invocation) {
  const Result<RunSetup> setup = ReadRunSetup(flags, invocation.environment, SetupOf::kPlan);
  if (!setup) return setup.error();
  if (Status s = CheckMemory(*setup); !s.ok()) return s;
  const Result<Forecast> forecast = MakeForecast(*setup);
  if (!forecast) return forecast.error();
  return Print(flags.On("json") ? Json(*setup, *forecast) : Text(*setup, *forecast));
}

}  // namespace playload
