// OutputsJudge: what a verification has to know of the rules that a pipeline follows. It is told
// the events of a run and what the pipeline put out, in any interleaving, and says what differs.
// reference_judge.h knows the four outputs of the reference pipeline, rules_judge.h any rule set.
//
// Use: Begin(replay), Tell() its events from the first to the last, End(); AddProduced() before,
// meanwhile and afterwards; then, where NeedsRecall(), the events once more between Recall(true)
// and Recall(false); Judge().
//
// Memory: see output_matcher.h and content_matcher.h. Threads: one thread at a time.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/collected.h"
#include "generator/judge/history.h"
#include "generator/judge/latency.h"
#include "generator/judge/verdict.h"
#include "generator/replay/arrivals.h"
#include "generator/replay/replay.h"
#include "generator/replay/walker.h"

namespace playload {

// What the histories of a verdict's examples are made of.
struct HistoryRequest {
  const Replay& replay;
  const Arrivals& arrivals;
  HistoryTopics topics;
  std::string command;  // what begins the command that shows a history whole
  LocateEvents locate;  // empty: offsets are not looked for
};

// For VerdictText() and WriteVerdict().
struct ExampleHistories {
  FlawHistory lines;
  FlawHistoryFields fields;
};

class OutputsJudge {
 public:
  virtual ~OutputsJudge() = default;

  // The outputs that are judged, as a verdict calls them; the rest speaks of them by their index.
  [[nodiscard]] virtual const std::vector<std::string>& outputs() const = 0;
  [[nodiscard]] virtual VerdictRules rules() const = 0;
  // Of the outputs; triggers go by their index into it. An output that is not judged has no name.
  [[nodiscard]] virtual std::vector<LatencyOutput> latency_outputs() const = 0;
  // Which of them are alerts.
  [[nodiscard]] virtual std::vector<std::string> alerts() const = 0;
  // From now on tells the meter, too. It outlives this.
  virtual void MeasureWith(LatencyMeter* meter) = 0;

  // The expected side: the events of a run, in plan order, `arrivals` one for each. `replay`
  // outlives the telling.
  virtual void Begin(const Replay& replay) = 0;
  virtual void Tell(const ReplayedRun& run, const Arrival* arrivals) = 0;
  // The same of one event by its line. REQUIRES: after Begin(), and no Tell().
  virtual Status TellLine(const StreamEvent& event, Arrival arrival) = 0;
  // There are no more.
  virtual void End() = 0;
  // Whether what was produced should wait until End(), as much being kept as may be of what nothing
  // has called for so far (uncalled.h).
  [[nodiscard]] virtual bool Full() const = 0;

  // Whether there are differences that can only be named with what was forgotten.
  [[nodiscard]] virtual bool NeedsRecall() = 0;
  virtual void Recall(bool begin) = 0;

  // The produced side: a record of `record.output`, as it was read. `seen_ns`: when; -1: not known.
  virtual void AddProduced(const CollectedRecord& record, std::int64_t seen_ns) = 0;

  // How many of them were of other runs or shards.
  [[nodiscard]] virtual std::uint64_t ForeignCount() const = 0;

  // Whether something expected has not come yet. Costs time when much is wrong.
  [[nodiscard]] virtual bool Outstanding() const = 0;
  // The judgement of what was told so far.
  [[nodiscard]] virtual Comparison Judge(std::size_t output) const = 0;
  // What a reader must know of it beside the numbers.
  virtual void AddNotes(std::vector<std::string>* notes) const = 0;

  // The histories of the keys in the examples of these comparisons, which are those of outputs().
  virtual Result<ExampleHistories> Histories(const std::vector<Comparison>& comparisons,
                                             const HistoryRequest& request) const = 0;
};

// What arrived of each event of a run; `room` is for those of which not all did.
inline const Arrival* ArrivalsOf(const Arrivals& arrivals, const ReplayedRun& run,
                                 std::array<Arrival, kRunLength>* room) {
  static constexpr std::array<Arrival, kRunLength> kAll{};
  static_assert(kAll.front() == Arrival::kCertain);
  if (arrivals.AllCertain(run.first, run.first + run.count - 1)) return kAll.data();
  for (std::uint32_t i = 0; i < run.count; ++i) {
    (*room)[i] = arrivals.Of(KindOf(run.records[i].action), run.first + i);
  }
  return room->data();
}

}  // namespace playload
