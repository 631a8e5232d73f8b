// History: what a player's or server's events were, what the rules knew before and after each, what
// it caused and where it is: from a failure of a pipeline to its cause.
//
// Threads: value types and one thread at a time.

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/verdict.h"
#include "generator/replay/slice.h"
#include "generator/run/json_writer.h"

namespace playload {

// What an event did to one rule of a rule set.
struct HistoryStep {
  struct Value {
    std::string name;
    std::string before, after;  // as JSON
  };
  std::string rule;
  std::vector<Value> state;
  std::string answer;  // "output", "late, dropped"
};

struct HistoryEvent {
  Position position = 0;
  Kind kind = Kind::kPlayer;
  std::string instant;  // its own, to the nanosecond; of a polled event what its line says
  std::string topic;    // as the run called it
  std::string key;
  std::string value;  // the line that was sent
  std::string brief;  // "purchase USD 4.99", "move", "cpu 91, memory 40"
  Arrival arrival = Arrival::kCertain;
  std::optional<RuleState> before, after;  // of purchases; equal where it did not arrive
  std::vector<HistoryStep> steps;          // instead of these, of a rule set
  std::vector<std::string> outputs;        // what it causes, as lines of `expect`
  std::optional<std::int32_t> partition;
  std::optional<std::int64_t> offset;
  // How many equal lines of this key came before it, of those that arrived.
  std::uint32_t twins = 0;
};

// One line: "event 4711 2026-01-01T00:00:00.4711Z purchase-events/3 purchase USD 4.99: 0 events ->
// 1 event, 4.99, USD; causes purchase-aggregates 4.99, 1".
std::string HistoryText(const HistoryEvent& event);
// As an object.
void WriteHistory(const HistoryEvent& event, JsonText* json);

// What a run's topics are called, and how many partitions each had (0: not known).
struct HistoryTopics {
  std::array<std::string, kKinds> names;
  std::array<std::uint32_t, kKinds> partitions{};
};

// Makes HistoryEvents of records, in the order in which they are shown.
class HistoryMaker {
 public:
  // `walk`: for the purchases before the first event that is shown; may be null. All outlive it.
  HistoryMaker(const Replay& replay, const Arrivals& arrivals, SliceWalk* walk,
               const HistoryTopics& topics, std::string_view id_prefix);

  // `kept`: without it only the state goes on, and nothing is returned.
  std::optional<HistoryEvent> Add(const ReplayedRun& run, std::uint32_t i, bool kept);
  // The event alone, without what the reference pipeline makes of it.
  HistoryEvent Describe(const ReplayedRun& run, std::uint32_t i);

 private:
  [[nodiscard]] std::string Brief(const Record& record, std::string_view line) const;
  void Tell(const ReplayedRun& run, std::uint32_t i, HistoryEvent* event);

  const Replay& replay_;
  const Arrivals& arrivals_;
  const HistoryTopics& topics_;
  const IdForm players_;
  SliceOracle oracle_;
  RecordFacts facts_;
  std::string caused_;  // what `lines_` wrote
  const ExpectedLines::Sink sink_;
  ExpectedLines lines_;
  std::map<std::string, std::unordered_map<std::string, std::uint32_t>> twins_;  // by key
};

// The kinds of events that decide an output: those of the history of its examples.
Kind KindBehind(OutputKind output);

// `expect --explain`: the history of a slice's player or server, a line an event. `locate` may fill
// in the offsets of a batch of events.
using LocateEvents = std::function<Status(std::vector<HistoryEvent*>)>;
Status WriteSliceHistory(const Replay& replay, const Arrivals& arrivals, const Slice& slice,
                         Checkpoints* checkpoints, const HistoryTopics& topics,
                         std::string_view id_prefix, std::optional<OutputKind> only,
                         const LocateEvents& locate, const ExpectedLines::Sink& sink);

// "playload expect RUN_DIR", as a shell takes it.
std::string ExpectCommandFor(const std::string& run_dir, const std::string& fed_by);

// A text as a shell takes it: in single quotes where it has to be.
std::string ForShell(const std::string& text);

// The history of one key as a report shows it: so many events at each end.
class KeyHistory {
 public:
  static constexpr std::size_t kEnds = 8;

  void Add(HistoryEvent event);
  [[nodiscard]] bool empty() const { return count_ == 0; }
  // All that is kept.
  void AddEvents(std::vector<HistoryEvent*>* events);

  [[nodiscard]] std::vector<std::string> Lines() const;
  // "omitted": ..., "history": [...].
  void Write(JsonText* json) const;

 private:
  [[nodiscard]] std::uint64_t omitted() const { return count_ - first_.size() - last_.size(); }

  std::uint64_t count_ = 0;
  std::vector<HistoryEvent> first_;
  std::deque<HistoryEvent> last_;
};

// The histories of the players and servers in the examples of the reference pipeline's outputs.
class PlayerHistories {
 public:
  void Want(OutputKind output, const Comparison& comparison);
  [[nodiscard]] bool empty() const { return wanted_.empty(); }

  // Makes the run's events again. `command`: what begins the command that shows a history whole.
  Status Gather(const Replay& replay, const Arrivals& arrivals, const HistoryTopics& topics,
                std::string_view id_prefix, std::string command);
  // All that is kept.
  [[nodiscard]] std::vector<HistoryEvent*> Events();

  // For a report: lines, and the command.
  [[nodiscard]] std::vector<std::string> Lines(const std::string& name,
                                               const std::string& key) const;
  // For verdict.json: the fields of an example.
  void Write(const std::string& name, const std::string& key, JsonText* json) const;

 private:
  [[nodiscard]] const KeyHistory* Find(const std::string& name, const std::string& key) const;
  [[nodiscard]] std::string Command(const std::string& name, const std::string& key) const;

  std::map<std::pair<Kind, std::string>, KeyHistory> wanted_;
  std::map<std::string, Kind> kinds_;  // by the output's name
  std::string command_;
};

}  // namespace playload
