#include "generator/measure/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "generator/base/text.h"
#include "generator/run/json_writer.h"
#include "generator/run/spec_text.h"
#include "generator/run/version.h"

namespace playload {
namespace {

// What others take below this is what an idle system does.
constexpr double kWorthSaying = 0.05;

std::string Printed(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string Printed(const char* format, ...) {
  std::array<char, 256> text{};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  return text.data();
}

// Three digits: more would not come again in a second measurement. Of whole things: "13,600,000".
std::string Rounded(double number) {
  double unit = 1;
  while (number / unit >= 1'000) unit *= 10;
  return FormatCount(static_cast<std::uint64_t>(std::llround(number / unit)) *
                     static_cast<std::uint64_t>(unit));
}

// "0.84", "2.41", "24.1", "1,240".
std::string ThreeDigits(double number) {
  if (number < 9.995) return Printed("%.2f", number);
  if (number < 99.95) return Printed("%.1f", number);
  return Rounded(number);
}

std::string Percent(double share) { return Printed("%.0f %%", share * 100); }

double YardstickRate(const BenchReport& report) {
  return report.rows.front().events_per_second().median;
}

const Figures* Find(const BenchReport& report, BenchStage stage, int threads) {
  for (const Figures& row : report.rows) {
    if (row.stage == stage && row.threads == threads && !row.slices.empty()) return &row;
  }
  return nullptr;
}

// The most workers that generating was measured with.
int MostThreads(const BenchReport& report) {
  int threads = 1;
  for (const Figures& row : report.rows) threads = std::max(threads, row.threads);
  return threads;
}

// How many times as fast all workers are together as one alone.
std::optional<double> Scaling(const BenchReport& report) {
  const int threads = MostThreads(report);
  const Figures* const one = Find(report, BenchStage::kGenerate, 1);
  const Figures* const all = Find(report, BenchStage::kGenerate, threads);
  if (threads == 1 || one == nullptr || all == nullptr) return std::nullopt;
  return all->events_per_second().median / one->events_per_second().median;
}

// The stage's bytes beside those of its plain loop.
double TimesPlain(const Figures& row) {
  return row.events_per_second().median * row.bytes_per_event / row.plain->bytes_per_second.median;
}

std::string Machine(const MachineFacts& machine) {
  std::string text = machine.cpu.empty() ? "" : machine.cpu + ", ";
  text += std::to_string(machine.cores) + (machine.cores == 1 ? " core" : " cores");
  if (machine.cpu_quota) text += Printed(" (%.1f of them allowed)", *machine.cpu_quota);
  text += ", " + FormatBytes(machine.memory_bytes);
  if (!machine.kernel.empty()) text += ", " + machine.kernel;
  return text;
}

// Of the first column: as wide as the longest name, which may be a cluster's.
std::size_t LabelWidth(const BenchReport& report) {
  std::size_t width = 0;
  for (const Figures& row : report.rows) width = std::max(width, row.label.size());
  return width;
}

std::string TableRow(const Figures& row, double yardstick, std::size_t width) {
  std::string label = row.label;
  label.resize(width, ' ');
  if (row.slices.empty()) return label + "  failed: " + row.status.message() + "\n";
  const Spread spread = row.events_per_second();
  const std::string bytes =
      row.bytes_per_event == 0 ? "-" : ThreeDigits(spread.median * row.bytes_per_event / 1e6);
  return label + Printed("  %12s %12s %12s %8s %9.3f %8s\n", Rounded(spread.median).c_str(),
                         Rounded(spread.least).c_str(), Rounded(spread.most).c_str(), bytes.c_str(),
                         row.cpu_us_per_event(), ThreeDigits(spread.median / yardstick).c_str());
}

std::string PlainNote(const Figures& row, const char* what) {
  if (!row.plain || row.slices.empty()) return "";
  return row.label + ": " + ThreeDigits(TimesPlain(row)) +
         "x of a plain loop of write() into the same " + what + ", which makes " +
         Rounded(row.plain->bytes_per_second.median / 1e6) + " MB/s\n";
}

std::string Notes(const BenchOptions& options, const BenchReport& report) {
  std::string text;
  if (const std::optional<double> scaling = Scaling(report)) {
    text += std::to_string(MostThreads(report)) + " threads make " + ThreeDigits(*scaling) +
            "x of what one makes\n";
  }
  for (const Figures& row : report.rows) {
    if (row.stage == BenchStage::kPipe) text += PlainNote(row, "pipe");
    if (row.stage == BenchStage::kFile) text += PlainNote(row, "file system, disk included");
    if (row.stage == BenchStage::kKafka && !row.slices.empty()) {
      std::string topics;
      for (int k = 0; k < kKinds; ++k) {
        topics += (k == 0 ? "" : ", ") +
                  TopicFor(options.run.destinations.topics, TopicName(static_cast<Kind>(k)));
      }
      text += row.label + ": its events stay in " + topics + "; playload deletes nothing\n";
    }
  }
  return text + BusyNote(report);
}

std::string LimitLine(const Limit& limit, std::size_t width) {
  std::string line = "  " + limit.label;
  line.resize(width + 2, ' ');
  if (limit.fit == Fit::kUnknown) return line + "  not known\n";
  line += Printed("  %12s", (ThreeDigits(limit.times) + "x").c_str());
  if (limit.fit == Fit::kBarely) line += "  barely: its slowest slice was slower than the plan";
  if (limit.fit == Fit::kLimits) {
    line += "  limits the run: it would send at most " + Rounded(limit.at_most) + "/s";
  }
  return line + "\n";
}

std::string LimitsText(const Limits& limits, double bytes_per_event, std::size_t width) {
  std::string text = "\nplanned: " + Rounded(limits.planned) + " events/s, " +
                     ThreeDigits(limits.planned * bytes_per_event / 1e6) + " MB/s; it fits into\n";
  for (const Limit& limit : limits.each) text += LimitLine(limit, width);
  if (!limits.slowest) return text;
  const Limit& slowest = limits.each[*limits.slowest];
  if (slowest.fit == Fit::kFits) {
    text += "none of them limits this plan; the first that would, " + slowest.label + ", does at " +
            Rounded(slowest.times * limits.planned) + "/s\n";
  }
  return text;
}

void PutSpread(JsonText* json, std::string_view key, const Spread& spread) {
  json->Key(key);
  json->BeginObject();
  json->Key("median");
  json->Decimal(spread.median, 1);
  json->Key("least");
  json->Decimal(spread.least, 1);
  json->Key("most");
  json->Decimal(spread.most, 1);
  json->EndObject();
}

void PutOptional(JsonText* json, std::string_view key, const std::optional<double>& value,
                 int places) {
  json->Key(key);
  value ? json->Decimal(*value, places) : json->Null();
}

void PutText(JsonText* json, std::string_view key, const std::string& text) {
  json->Key(key);
  text.empty() ? json->Null() : json->Value(std::string_view(text));
}

void PutMachine(JsonText* json, const MachineFacts& machine) {
  json->Key("machine");
  json->BeginObject();
  PutText(json, "cpu", machine.cpu);
  json->Field("cores", machine.cores);
  PutOptional(json, "cpu_quota", machine.cpu_quota, 2);
  json->Field("memory_bytes", machine.memory_bytes);
  PutText(json, "kernel", machine.kernel);
  PutOptional(json, "load_average", machine.load_average, 2);
  json->EndObject();
}

void PutLoad(JsonText* json, const MachineLoad& load) {
  PutOptional(json, "others_share", load.others(), 3);
  PutOptional(json, "stolen_share", load.stolen(), 3);
}

void PutStage(JsonText* json, const Figures& row, double yardstick) {
  json->BeginObject();
  json->Field("stage", StageName(row.stage));
  json->Field("label", std::string_view(row.label));
  json->Field("threads", row.threads);
  PutText(json, "error", row.status.message());
  if (row.slices.empty()) {
    for (const char* key : {"events_per_second", "bytes_per_second", "cpu_us_per_event",
                            "times_yardstick", "plain_loop"}) {
      json->Key(key);
      json->Null();
    }
    json->Key("slices");
    json->BeginArray();
    json->EndArray();
  } else {
    const Spread events = row.events_per_second();
    PutSpread(json, "events_per_second", events);
    if (row.bytes_per_event > 0) {
      const double bytes = row.bytes_per_event;
      PutSpread(json, "bytes_per_second",
                {events.median * bytes, events.least * bytes, events.most * bytes});
    } else {
      json->Key("bytes_per_second");
      json->Null();
    }
    json->Key("cpu_us_per_event");
    json->Decimal(row.cpu_us_per_event(), 4);
    json->Key("times_yardstick");
    json->Decimal(events.median / yardstick, 3);
    json->Key("plain_loop");
    if (row.plain) {
      json->BeginObject();
      PutSpread(json, "bytes_per_second", row.plain->bytes_per_second);
      json->Key("times");
      json->Decimal(TimesPlain(row), 3);
      json->EndObject();
    } else {
      json->Null();
    }
    json->Key("slices");
    json->BeginArrayOnOneLine();
    for (const double slice : row.slices) json->Decimal(slice, 1);
    json->EndArray();
  }
  PutLoad(json, row.load);
  PutOptional(json, "waited_share", row.waited, 3);
  json->EndObject();
}

const char* FitName(Fit fit) {
  switch (fit) {
    case Fit::kFits:
      return "fits";
    case Fit::kBarely:
      return "barely";
    case Fit::kLimits:
      return "limits";
    case Fit::kUnknown:
      return "unknown";
  }
  return "";
}

void PutLimits(JsonText* json, const std::optional<Limits>& limits) {
  json->Key("plan");
  if (!limits) return json->Null();
  json->BeginObject();
  json->Key("events_per_second");
  json->Decimal(limits->planned, 3);
  json->Key("stages");
  json->BeginArray();
  for (const Limit& limit : limits->each) {
    json->BeginObject();
    json->Field("label", std::string_view(limit.label));
    json->Field("fit", FitName(limit.fit));
    const bool known = limit.fit != Fit::kUnknown;
    json->Key("times");
    known ? json->Decimal(limit.times, 4) : json->Null();
    json->Key("at_most_events_per_second");
    known ? json->Decimal(limit.at_most, 1) : json->Null();
    json->EndObject();
  }
  json->EndArray();
  PutText(json, "slowest", limits->slowest ? limits->each[*limits->slowest].label : "");
  json->EndObject();
}

}  // namespace

std::string RowLine(const Figures& row) {
  if (row.slices.empty()) return row.label + ": " + row.status.message();
  return row.label + ": " + Rounded(row.events_per_second().median) + " events/s";
}

MachineLoad LoadBeside(const std::vector<Figures>& rows) {
  MachineLoad load;
  for (const Figures& row : rows) {
    // A disk and a broker on this machine are others, too, and at work for us.
    if (row.stage <= BenchStage::kGenerate) load.Add(row.load);
  }
  return load;
}

std::string BusyNote(const BenchReport& report) {
  const MachineLoad load = LoadBeside(report.rows);
  double waited = 0;
  for (const Figures& row : report.rows) waited = std::max(waited, row.waited.value_or(0));
  std::string what;
  if (load.others().value_or(0) >= kWorthSaying) {
    what += ", " + Percent(*load.others()) + " of its CPU time was taken by others";
  }
  if (load.stolen().value_or(0) >= kWorthSaying) {
    what += ", " + Percent(*load.stolen()) + " by other virtual machines";
  }
  if (waited >= kWorthSaying) {
    what += ", a thread with work to do had no core for up to " + Percent(waited) + " of the time";
  }
  if (what.empty()) return "";
  if (report.machine.load_average) {
    what += Printed("; its load average was %.2f before", *report.machine.load_average);
  }
  return "the machine was busy: " + what.substr(2) + ". Idle, it is faster than this\n";
}

std::string BenchText(const BenchOptions& options, const BenchReport& report,
                      const std::optional<Limits>& limits) {
  const RunSpec& spec = options.run.spec;
  std::string text = spec.scenario.name + ", " + FormatCount(spec.scenario.population.players) +
                     " players, seed " + std::to_string(spec.seed) + "; " +
                     FormatDuration(options.stage_ns) + " a stage\n";
  text += Machine(report.machine) + "; playload " + std::string(Version()) + "\n\n";
  const std::size_t width = LabelWidth(report);
  std::string head = "stage";
  head.resize(width, ' ');
  text += head + Printed("  %12s %12s %12s %8s %9s %8s\n", "events/s", "slowest", "fastest", "MB/s",
                         "CPU us/ev", "x Writer");
  const double yardstick = YardstickRate(report);
  for (const Figures& row : report.rows) text += TableRow(row, yardstick, width);
  if (const std::string notes = Notes(options, report); !notes.empty()) text += "\n" + notes;
  if (limits) text += LimitsText(*limits, report.rows.front().bytes_per_event, width);
  return text;
}

std::string BenchJson(const BenchOptions& options, const BenchReport& report,
                      const std::optional<Limits>& limits) {
  const RunSpec& spec = options.run.spec;
  JsonText json;
  json.BeginObject();
  json.Field("version", 1);
  json.Field("playload", Version());
  PutMachine(&json, report.machine);
  json.Field("scenario", std::string_view(spec.scenario.name));
  json.Field("players", spec.scenario.population.players);
  json.Field("seed", spec.seed);
  json.Key("stage_seconds");
  json.Decimal(static_cast<double>(options.stage_ns) / 1e9, 9);
  json.Field("threads", options.run.threads);
  json.Key("bytes_per_event");
  json.Decimal(report.rows.front().bytes_per_event, 1);
  json.Key("stages");
  json.BeginArray();
  for (const Figures& row : report.rows) PutStage(&json, row, YardstickRate(report));
  json.EndArray();
  json.Key("scaling");
  if (const std::optional<double> scaling = Scaling(report)) {
    json.BeginObject();
    json.Field("threads", MostThreads(report));
    json.Key("times");
    json.Decimal(*scaling, 3);
    json.EndObject();
  } else {
    json.Null();
  }
  PutLoad(&json, LoadBeside(report.rows));
  PutLimits(&json, limits);
  json.EndObject();
  return json.Text();
}

}  // namespace playload
