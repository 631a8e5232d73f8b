#include "generator/judge/history.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "generator/base/text.h"
#include "generator/event/catalog.h"
#include "generator/event/fault.h"
#include "generator/replay/facts.h"
#include "transports/kafka/partition.h"

namespace playload {
namespace {

constexpr const char* kActionNames[] = {"move",           "interaction",   "level_start",
                                        "level_complete", "session_start", "session_end"};

std::string Number(double number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return {digits.data(), end.ptr};
}

std::vector<std::string> CurrenciesOf(const RuleState& state) {
  std::vector<std::string> codes;
  for (unsigned i = 0; i < kCurrencies; ++i) {
    if ((state.currencies >> i & 1) != 0) codes.emplace_back(kCurrencyTable[i].code);
  }
  return codes;
}

std::string StateText(const RuleState& state) {
  if (state.count == 0) return "0 events";
  std::string text = std::to_string(state.count) + (state.count == 1 ? " event, " : " events, ") +
                     Number(state.total) + ",";
  for (const std::string& code : CurrenciesOf(state)) text += " " + code;
  return text;
}

// {"output":"fraud-alerts","key":"player_7","value":{...}} -> the output's name.
std::string OutputName(std::string_view line) {
  constexpr std::string_view kHead = R"({"output":")";
  line.remove_prefix(kHead.size());
  return std::string(line.substr(0, line.find('"')));
}

// "velocity: purchases 3 -> 4, output".
std::string StepText(const HistoryStep& step) {
  std::string text = step.rule + ": ";
  for (const HistoryStep::Value& value : step.state) {
    text += value.name + " " + value.before + " -> " + value.after + ", ";
  }
  return text + step.answer;
}

void WriteStep(const HistoryStep& step, JsonText* json) {
  json->BeginObject();
  json->Field("rule", std::string_view(step.rule));
  for (const bool after : {false, true}) {
    json->Key(after ? "after" : "before");
    json->BeginObject();
    for (const HistoryStep::Value& value : step.state) {
      json->Field(value.name, std::string_view(after ? value.after : value.before));
    }
    json->EndObject();
  }
  json->Field("answer", std::string_view(step.answer));
  json->EndObject();
}

void WriteState(const char* name, const RuleState& state, JsonText* json) {
  json->Key(name);
  json->BeginObject();
  json->Field("count", std::uint64_t{state.count});
  // As text: JSON's readers and writers do not all keep the last bit of a number.
  json->Field("total", std::string_view(Number(state.total)));
  json->Key("currencies");
  json->BeginArrayOnOneLine();
  for (const std::string& code : CurrenciesOf(state)) json->Value(std::string_view(code));
  json->EndArray();
  json->EndObject();
}

}  // namespace

std::string ForShell(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:,=+@").find(c) != std::string_view::npos;
  });
  if (plain) return text;
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += R"('\'')";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string HistoryText(const HistoryEvent& event) {
  std::string text =
      "event " + std::to_string(event.position) + " " + event.instant + " " + event.topic;
  if (event.partition) text += "/" + std::to_string(*event.partition);
  if (event.offset) text += "@" + std::to_string(*event.offset);
  text += " " + event.brief;
  if (event.arrival == Arrival::kNever) return text + " (did not arrive)";
  if (event.arrival == Arrival::kUnknown) text += " (may not have arrived)";
  if (event.before && event.after) {
    text += ": " + StateText(*event.before) + " -> " + StateText(*event.after);
  }
  for (const HistoryStep& step : event.steps) text += "; " + StepText(step);
  if (!event.steps.empty()) return text;
  std::string causes;
  for (const std::string& line : event.outputs) {
    causes += (causes.empty() ? "" : ", ") + OutputName(line);
    for (const char* const reason : {kReasonFrequent, kReasonMulti}) {
      if (line.find(reason) != std::string::npos) causes += " '" + std::string(reason) + "'";
    }
  }
  return text + (causes.empty() ? "; causes nothing" : "; causes " + causes);
}

void WriteHistory(const HistoryEvent& event, JsonText* json) {
  json->BeginObject();
  json->Field("position", event.position);
  json->Field("instant", std::string_view(event.instant));
  json->Field("topic", std::string_view(event.topic));
  json->Key("partition");
  event.partition ? json->Value(std::int64_t{*event.partition}) : json->Null();
  json->Key("offset");
  event.offset ? json->Value(*event.offset) : json->Null();
  json->Field("key", std::string_view(event.key));
  json->Field("event", std::string_view(event.value));
  json->Field("arrived", event.arrival == Arrival::kCertain ? "yes"
                         : event.arrival == Arrival::kNever ? "no"
                                                            : "unknown");
  if (event.before && event.after) {
    WriteState("before", *event.before, json);
    WriteState("after", *event.after, json);
  }
  if (!event.steps.empty()) {
    json->Key("rules");
    json->BeginArray();
    for (const HistoryStep& step : event.steps) WriteStep(step, json);
    json->EndArray();
    json->EndObject();
    return;
  }
  json->Key("outputs");
  json->BeginArray();
  for (const std::string& line : event.outputs) json->Value(std::string_view(line));
  json->EndArray();
  json->EndObject();
}

HistoryMaker::HistoryMaker(const Replay& replay, const Arrivals& arrivals, SliceWalk* walk,
                           const HistoryTopics& topics, std::string_view id_prefix)
    : replay_(replay),
      arrivals_(arrivals),
      topics_(topics),
      players_("player", id_prefix),
      oracle_(replay, walk),
      facts_(replay),
      sink_([this](std::string_view lines) {
        caused_ += lines;
        return true;
      }),
      lines_(players_, std::nullopt, sink_) {}

std::optional<HistoryEvent> HistoryMaker::Add(const ReplayedRun& run, std::uint32_t i, bool kept) {
  const Record& record = run.records[i];
  const bool valid = RecordFacts::Valid(record);
  if (!kept) {
    const Kind kind = KindOf(record.action);
    if (kind == Kind::kPurchase && arrivals_.Of(kind, run.first + i) != Arrival::kNever && valid) {
      oracle_.Purchase(record, run.lane);
    }
    return std::nullopt;
  }
  HistoryEvent event = Describe(run, i);
  caused_.clear();
  if (valid) Tell(run, i, &event);
  lines_.Flush();
  for (std::size_t at = 0; at < caused_.size();) {
    const std::size_t end = caused_.find('\n', at);
    event.outputs.push_back(caused_.substr(at, end - at));
    at = end + 1;
  }
  return event;
}

HistoryEvent HistoryMaker::Describe(const ReplayedRun& run, std::uint32_t i) {
  const Record& record = run.records[i];
  HistoryEvent event;
  event.kind = KindOf(record.action);
  event.position = run.first + i;
  event.arrival = arrivals_.Of(event.kind, event.position);
  const auto kind = static_cast<std::size_t>(event.kind);
  const StreamTables& tables = replay_.tables();
  const RecordFacts::Line line = facts_.Text(run, i);
  event.key = line.key;
  event.value = line.value;
  const bool valid = RecordFacts::Valid(record);
  if (!valid) event.value = AsAscii(facts_.Sent(run, i));
  event.brief = valid ? Brief(record, event.value) : "not valid: " + event.value;
  event.topic = topics_.names[kind];
  if (topics_.partitions[kind] > 0) {
    event.partition = PartitionOf(event.key, topics_.partitions[kind]);
  }
  if (replay_.polled()) {
    constexpr std::string_view kTime = R"("event_timestamp":")";
    const std::size_t at = event.value.find(kTime) + kTime.size();
    event.instant = event.value.substr(at, event.value.find('"', at) - at);
  } else {
    event.instant = FormatInstant(tables.spec.rate_max ? run.stamp_ns
                                                       : tables.spec.start_ns +
                                                             tables.plan.PlannedAt(event.position));
  }
  if (event.arrival != Arrival::kNever) event.twins = twins_[event.key][event.value]++;
  return event;
}

std::string HistoryMaker::Brief(const Record& record, std::string_view line) const {
  switch (KindOf(record.action)) {
    case Kind::kPlayer: {
      const auto action = static_cast<std::size_t>(PlainOf(record).action);
      return action < std::size(kActionNames) ? kActionNames[action] : "";
    }
    case Kind::kPurchase:
      if (const auto purchase = ReadPurchaseLine(line, players_)) {
        return std::string(purchase->type) + " " + std::string(purchase->currency) + " " +
               std::string(purchase->amount);
      }
      break;
    case Kind::kServer: {
      const ServerFacts facts = RecordFacts::Server(record);
      return "cpu " + std::to_string(facts.cpu_load) + ", memory " +
             std::to_string(facts.memory_usage);
    }
  }
  return {};
}

// Its state, and what it causes.
void HistoryMaker::Tell(const ReplayedRun& run, std::uint32_t i, HistoryEvent* event) {
  const Record& record = run.records[i];
  const bool arrived = event->arrival != Arrival::kNever;
  switch (event->kind) {
    case Kind::kPlayer:
      if (arrived) lines_.Summary(facts_.Player(record, run.lane));
      break;
    case Kind::kPurchase: {
      if (!arrived) {
        event->before = event->after = oracle_.StateOf(record, run.lane);
        break;
      }
      const SliceOracle::Answer answer = oracle_.Purchase(record, run.lane);
      event->before = answer.before;
      event->after = answer.after;
      lines_.Purchase(answer.facts.user, answer.outputs);
      break;
    }
    case Kind::kServer: {
      const ServerFacts facts = RecordFacts::Server(record);
      if (arrived && ServerAlert(facts.cpu_load, facts.memory_usage)) {
        lines_.ServerAlert(event->key, event->value);
      }
      break;
    }
  }
}

Kind KindBehind(OutputKind output) {
  switch (output) {
    case OutputKind::kSummaries:
      return Kind::kPlayer;
    case OutputKind::kServerAlerts:
      return Kind::kServer;
    case OutputKind::kAggregates:
    case OutputKind::kFraudAlerts:
      break;
  }
  return Kind::kPurchase;
}

Status WriteSliceHistory(const Replay& replay, const Arrivals& arrivals, const Slice& slice,
                         Checkpoints* checkpoints, const HistoryTopics& topics,
                         std::string_view id_prefix, std::optional<OutputKind> only,
                         const LocateEvents& locate, const ExpectedLines::Sink& sink) {
  const bool purchases = !only || KindBehind(*only) == Kind::kPurchase;
  SliceWalk walk(replay, arrivals, slice, purchases, checkpoints);
  HistoryMaker maker(replay, arrivals, &walk, topics, id_prefix);
  std::vector<HistoryEvent> events;  // where they are to be found in Kafka: all at once
  bool going = true;
  Status walked = walk.Walk([&](const ReplayedRun& run, bool inside) {
    for (std::uint32_t i = 0; i < run.count && going; ++i) {
      if (only && KindOf(run.records[i].action) != KindBehind(*only)) continue;
      std::optional<HistoryEvent> event = maker.Add(run, i, inside);
      if (!event) continue;
      if (locate) {
        events.push_back(std::move(*event));
      } else {
        going = sink(HistoryText(*event) + "\n");
      }
    }
    return going;
  });
  if (!walked.ok() || !locate) return walked;
  std::vector<HistoryEvent*> all;
  all.reserve(events.size());
  for (HistoryEvent& event : events) all.push_back(&event);
  if (Status s = locate(std::move(all)); !s.ok()) return s;
  for (const HistoryEvent& event : events) {
    if (!sink(HistoryText(event) + "\n")) break;
  }
  return {};
}

void PlayerHistories::Want(OutputKind output, const Comparison& comparison) {
  kinds_[comparison.name] = KindBehind(output);
  for (const auto& examples : comparison.examples) {
    for (const FlawExample& example : examples) {
      wanted_[{KindBehind(output), example.key}];
    }
  }
}

void KeyHistory::Add(HistoryEvent event) {
  ++count_;
  if (first_.size() < kEnds) {
    first_.push_back(std::move(event));
    return;
  }
  last_.push_back(std::move(event));
  if (last_.size() > kEnds) last_.pop_front();
}

void KeyHistory::AddEvents(std::vector<HistoryEvent*>* events) {
  for (HistoryEvent& event : first_) events->push_back(&event);
  for (HistoryEvent& event : last_) events->push_back(&event);
}

std::vector<std::string> KeyHistory::Lines() const {
  std::vector<std::string> lines;
  for (const HistoryEvent& event : first_) lines.push_back(HistoryText(event));
  if (omitted() > 0) lines.push_back("... " + FormatCount(omitted()) + " more");
  for (const HistoryEvent& event : last_) lines.push_back(HistoryText(event));
  return lines;
}

void KeyHistory::Write(JsonText* json) const {
  json->Field("omitted", omitted());
  json->Key("history");
  json->BeginArray();
  for (const HistoryEvent& event : first_) WriteHistory(event, json);
  for (const HistoryEvent& event : last_) WriteHistory(event, json);
  json->EndArray();
}

Status PlayerHistories::Gather(const Replay& replay, const Arrivals& arrivals,
                               const HistoryTopics& topics, std::string_view id_prefix,
                               std::string command) {
  command_ = std::move(command);
  const StreamTables& tables = replay.tables();
  // Who is looked for, by lane; ids that the run cannot have, have no history.
  std::unordered_map<std::uint64_t,
                     std::vector<std::pair<SliceEntity, std::map<Kind, KeyHistory*>>>>
      by_lane;
  for (auto& [kind_and_key, history] : wanted_) {
    const auto& [kind, key] = kind_and_key;
    const Result<SliceEntity> who = ParseSliceEntity(tables, key);
    if (!who) continue;
    auto& in_lane = by_lane[who->lane];
    auto found = std::find_if(in_lane.begin(), in_lane.end(), [&](const auto& other) {
      return other.first.server == who->server && other.first.number == who->number;
    });
    if (found == in_lane.end()) found = in_lane.insert(in_lane.end(), {*who, {}});
    found->second[kind] = &history;
  }
  if (by_lane.empty()) return {};
  HistoryMaker maker(replay, arrivals, nullptr, topics, id_prefix);
  return replay.Walk([&](const ReplayedRun& run) {
    const auto in_lane = by_lane.find(run.lane);
    if (in_lane == by_lane.end()) return true;
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const Record& record = run.records[i];
      const Kind kind = KindOf(record.action);
      for (auto& [who, histories] : in_lane->second) {
        if (who.index != record.entity || who.server != (kind == Kind::kServer)) continue;
        if (!who.server && tables.encoder.PlayerNumber(record, run.lane) != who.number) continue;
        const auto history = histories.find(kind);
        if (history == histories.end()) continue;
        if (std::optional<HistoryEvent> event = maker.Add(run, i, true)) {
          history->second->Add(std::move(*event));
        }
      }
    }
    return true;
  });
}

std::vector<HistoryEvent*> PlayerHistories::Events() {
  std::vector<HistoryEvent*> events;
  for (auto& [key, history] : wanted_) history.AddEvents(&events);
  return events;
}

const KeyHistory* PlayerHistories::Find(const std::string& name, const std::string& key) const {
  const auto kind = kinds_.find(name);
  if (kind == kinds_.end()) return nullptr;
  const auto found = wanted_.find({kind->second, key});
  return found == wanted_.end() || found->second.empty() ? nullptr : &found->second;
}

std::string PlayerHistories::Command(const std::string& name, const std::string& key) const {
  return command_ + " --user " + ForShell(key) + " --output " + name + " --explain";
}

std::vector<std::string> PlayerHistories::Lines(const std::string& name,
                                                const std::string& key) const {
  const KeyHistory* const history = Find(name, key);
  if (history == nullptr) return {};
  std::vector<std::string> lines = history->Lines();
  lines.push_back("all of it: " + Command(name, key));
  return lines;
}

void PlayerHistories::Write(const std::string& name, const std::string& key, JsonText* json) const {
  const KeyHistory* const history = Find(name, key);
  if (history == nullptr) return;
  json->Field("explain", std::string_view(Command(name, key)));
  history->Write(json);
}

std::string ExpectCommandFor(const std::string& run_dir, const std::string& fed_by) {
  return "playload expect " + ForShell(run_dir) +
         (fed_by.empty() ? "" : " --fed-by " + ForShell(fed_by));
}

}  // namespace playload
