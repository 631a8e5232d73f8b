#include "generator/judge/verdict.h"

#include <algorithm>
#include <cstdio>

#include "generator/base/text.h"
#include "generator/run/json_file.h"
#include "generator/run/json_writer.h"

namespace playload {

namespace {

constexpr int kVersion = 1;

void WriteComparisons(const char* name, const std::vector<Comparison>& comparisons,
                      const FlawHistoryFields& fields, JsonText* json) {
  json->Key(name);
  json->BeginObject();
  for (const Comparison& c : comparisons) {
    json->Key(c.name);
    json->BeginObject();
    json->Field("passed", c.passed());
    json->Field("expected", c.expected);
    json->Field("matched", c.matched);
    for (unsigned f = 0; f < kFlaws; ++f) json->Field(kFlawNames[f], c.flaws[f]);
    json->Field("may", c.may);
    json->Field("repeats", c.repeats);
    json->Field("foreign", c.foreign);
    json->Key("examples");
    json->BeginArray();
    for (unsigned f = 0; f < kFlaws; ++f) {
      for (const FlawExample& example : c.examples[f]) {
        json->BeginObject();
        json->Field("flaw", kFlawNames[f]);
        json->Field("key", std::string_view(example.key));
        json->Field("expected", std::string_view(example.expected));
        json->Field("got", std::string_view(example.got));
        if (fields) fields(c.name, example.key, json);
        json->EndObject();
      }
    }
    json->EndArray();
    if (c.causes) {
      json->Key("causes");
      WriteExplanations(*c.causes, json);
    }
    json->EndObject();
  }
  json->EndObject();
}

// Rows of cells as columns: the first one to the left, numbers to the right.
std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string room(widths[i] - row[i].size(), ' ');
      text += i == 0 ? row[i] + room : "  " + room + row[i];
    }
    text += '\n';
  }
  return text;
}

// Which columns there are beside those that a table always has: those of which there is one.
struct Columns {
  bool unreadable = false;
  bool uncertain = false;
  bool foreign = false;
};

void AddRows(const std::vector<Comparison>& comparisons, const Columns& columns,
             std::vector<std::vector<std::string>>* rows) {
  for (const Comparison& c : comparisons) {
    std::vector<std::string> row = {c.name, FormatCount(c.expected), FormatCount(c.seen()),
                                    FormatCount(c.matched)};
    for (unsigned f = 0; f < kFlaws; ++f) {
      if (static_cast<Flaw>(f) == Flaw::kUnreadable && !columns.unreadable) continue;
      row.push_back(FormatCount(c.flaws[f]));
    }
    if (columns.uncertain) row.push_back(FormatCount(c.may));
    if (columns.foreign) row.push_back(FormatCount(c.foreign));
    rows->push_back(std::move(row));
  }
}

// What each flaw of an output says about the pipeline; in the order of enum Flaw, of which the last
// one means the same everywhere.
constexpr int kMeant = kFlaws - 1;
static_assert(static_cast<int>(Flaw::kUnreadable) == kMeant);
struct Meanings {
  const char* output;
  const char* of[kMeant];
};
constexpr const char* kUnreadableMeaning =
    "no JSON object, without one of its fields or with one of another type, or about nobody: "
    "something else writes here too, or records are cut off or written in another format";
constexpr Meanings kMeanings[] = {
    {"player-session-summaries",
     {"a player has fewer summaries than events: events or summaries were lost",
      "a summary for a player without events, or one with other contents beside the right ones",
      "a player has more summaries than events: events were read again after a restart",
      "a summary came with other contents"}},
    {"purchase-aggregates",
     {"no aggregate of this count: an update was swallowed, an event lost, or state began anew",
      "a count beyond the user's last, or another total for a count that came right: events were "
      "counted twice, or state began anew or is older than the run",
      "the same total and count again: outputs were repeated after a restart",
      "another total for this count: before it an event was lost, counted twice or out of order"}},
    {"server-alerts",
     {"a metric beyond the threshold has no alert: it was lost, or the condition is too narrow",
      "no metric calls for this alert: the condition is too wide",
      "the same alert more often than its metric: metrics were read again after a restart",
      "the alert of this metric came with other contents"}},
    {"fraud-alerts",
     {"a purchase calls for an alert: it was lost, state began anew, or the threshold is too high",
      "no purchase of this user calls for it: events were counted twice, state is older than the "
      "run, or the threshold is too low",
      "more alerts than purchases that call for one: outputs were repeated after a restart",
      "an alert with another reason than its purchase calls for, or out of order"}},
};
// Of what any other rules put out.
constexpr const char* kRulesMeanings[kMeant] = {
    "an event calls for it: it was lost, state began anew, or a condition is too narrow",
    "nothing calls for it: a condition is too wide, events were counted twice, or state is older "
    "than the run",
    "the same record more often than events call for it: outputs were repeated after a restart",
    "another record, or this one out of order, came where one was called for"};
// Of the inputs.
constexpr const char* kInputMeanings[kMeant] = {"the event is not there", "no such event was sent",
                                                "the event is there again",
                                                "the event comes after a later one of its key"};

const char* Meaning(const std::string& name, bool input, unsigned flaw) {
  if (flaw == kMeant) return kUnreadableMeaning;
  if (input) return kInputMeanings[flaw];
  for (const Meanings& meanings : kMeanings) {
    if (name == meanings.output) return meanings.of[flaw];
  }
  return kRulesMeanings[flaw];
}

std::string Examples(const Comparison& c, bool input, const FlawHistory& history) {
  std::string text;
  if (c.causes) text += "\n" + ExplanationsText(c.name, *c.causes);
  for (unsigned f = 0; f < kFlaws; ++f) {
    if (c.examples[f].empty()) continue;
    text += "\n" + c.name + ", " + kFlawNames[f] + ": " + FormatCount(c.flaws[f]);
    text += c.examples[f].size() == kExamples ? "; the first examples\n" : "\n";
    text += std::string("  (") + Meaning(c.name, input, f) + ")\n";
    for (const FlawExample& example : c.examples[f]) {
      text += "  " + (example.key.empty() ? std::string("(no key)") : example.key) + "\n";
      if (!example.expected.empty()) text += "    expected: " + example.expected + "\n";
      if (!example.got.empty()) text += "    got:      " + example.got + "\n";
      if (!history) continue;
      for (const std::string& line : history(c.name, example.key)) text += "      " + line + "\n";
    }
  }
  return text;
}

}  // namespace

bool Verdict::passed() const {
  const auto good = [](const Comparison& c) { return c.passed(); };
  return std::all_of(outputs.begin(), outputs.end(), good) &&
         std::all_of(inputs.begin(), inputs.end(), good) &&
         std::all_of(thresholds.begin(), thresholds.end(),
                     [](const ThresholdResult& t) { return t.passed; });
}

std::string VerdictJson(const Verdict& verdict, const FlawHistoryFields& fields) {
  JsonText json;
  json.BeginObject();
  json.Field("version", kVersion);
  json.Field("run_id", std::string_view(verdict.run_id));
  json.Field("from", std::string_view(verdict.from));
  if (!verdict.isolation.empty()) json.Field("isolation", std::string_view(verdict.isolation));
  json.Field("delivery", kDeliveryNames[static_cast<unsigned>(verdict.delivery)]);
  json.Field("passed", verdict.passed());
  if (verdict.rules) {
    json.Key("rules");
    json.BeginObject();
    json.Field("name", std::string_view(verdict.rules->name));
    json.Field("file", std::string_view(verdict.rules->file));
    json.Field("sha256", std::string_view(verdict.rules->sha256));
    json.Field("text", std::string_view(verdict.rules->text));
    json.EndObject();
  }
  WriteComparisons("outputs", verdict.outputs, fields, &json);
  WriteComparisons("inputs", verdict.inputs, {}, &json);
  json.Key("notes");
  json.BeginArray();
  for (const std::string& note : verdict.notes) json.Value(std::string_view(note));
  json.EndArray();
  WriteLatencyJson(verdict.latency, &json);
  WriteThresholdsJson(verdict.thresholds, &json);
  json.EndObject();
  return json.Text();
}

std::string VerdictText(const Verdict& verdict, const FlawHistory& history) {
  Columns columns;
  std::uint64_t flaws = 0;
  std::uint64_t repeats = 0;
  for (const auto* comparisons : {&verdict.outputs, &verdict.inputs}) {
    for (const Comparison& c : *comparisons) {
      columns.unreadable = columns.unreadable || c.flaw(Flaw::kUnreadable) > 0;
      columns.uncertain = columns.uncertain || c.may > 0;
      columns.foreign = columns.foreign || c.foreign > 0;
      repeats += c.repeats;
      for (const std::uint64_t count : c.flaws) flaws += count;
    }
  }
  std::vector<std::vector<std::string>> rows = {
      {"", "expected", "seen", "matched", "missing", "unexpected", "duplicate", "wrong"}};
  if (columns.unreadable) rows[0].emplace_back("unreadable");
  if (columns.uncertain) rows[0].emplace_back("may");
  if (columns.foreign) rows[0].emplace_back("foreign");
  AddRows(verdict.outputs, columns, &rows);
  AddRows(verdict.inputs, columns, &rows);
  std::string text = Table(rows);
  if (columns.uncertain) text += "may: free to come or not, so none of it is a difference\n";
  if (columns.foreign) text += "foreign: about ids of another run or shard, and not judged\n";
  if (verdict.delivery == Delivery::kAtLeastOnce) {
    text += "at-least-once: " + FormatCount(repeats) + " outputs came again, which it allows\n";
  }
  for (const std::string& note : verdict.notes) text += "note: " + note + "\n";
  for (const Comparison& c : verdict.outputs) text += Examples(c, false, history);
  for (const Comparison& c : verdict.inputs) text += Examples(c, true, history);
  text += LatencyText(verdict.latency);
  if (!verdict.thresholds.empty()) text += "\n" + ThresholdsText(verdict.thresholds);
  if (verdict.passed()) return text + "\npassed\n";
  const auto failed = std::count_if(verdict.thresholds.begin(), verdict.thresholds.end(),
                                    [](const ThresholdResult& t) { return !t.passed; });
  text += "\nFAILED: " + FormatCount(flaws) + " differences";
  if (failed > 0) {
    text += ", " + FormatCount(static_cast<std::uint64_t>(failed)) +
            (failed == 1 ? " threshold" : " thresholds");
  }
  return text + "\n";
}

Status WriteVerdict(const std::string& run_dir, const Verdict& verdict,
                    const FlawHistoryFields& fields) {
  return WriteFileAtomically(run_dir + "/verdict.json", VerdictJson(verdict, fields));
}

}  // namespace playload
