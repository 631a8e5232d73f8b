// Evaluator: runs a rule set over events as they come, one step for each: the incremental one of
// the two evaluators (docs/rules.md; naive.h is the other one, and shares no code with it).
//
// An event comes as facts, one word for each field, so that it does not matter where it is from: a
// record of the simulation, or a line that was parsed. Texts are symbols, numbers whose meaning the
// giver of facts knows.
//
// Use:
//   CompiledRules compiled(rules, &symbols);
//   Evaluator evaluator(compiled);
//   for each event: facts for compiled.needs(kind); for (output : evaluator.Process(facts, texts))
//   and after the last one: for (output : evaluator.Finish())
//
// Memory: docs/rules.md, "Two evaluators". Threads: CompiledRules is constant after construction
// and shared; an Evaluator belongs to one thread, takes no lock, and those of several lanes are
// right together where no key is in two lanes. Rules whose windows answer when they close are the
// exception: the time of all events of an input closes them, so one evaluator must see all of these
// (CompiledRules::whole_input()). Symbols that threads share must know all their texts beforehand:
// Of() may add one. Ownership: see each class.

#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/rules/rule_set.h"
#include "generator/rules/window_reading.h"

namespace playload {

// What texts are as symbols. The same text is the same symbol, and other texts are others.
class Symbols {
 public:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};  // no text's symbol

  virtual ~Symbols() = default;
  virtual std::uint64_t Of(std::string_view text) = 0;
  virtual void AppendText(std::uint64_t symbol, std::string* out) const = 0;
};

// One valid event.
struct EventFacts {
  static constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

  Kind kind = Kind::kPlayer;
  std::int64_t time_ns = kNoTime;  // of event_timestamp; kNoTime when that is no instant
  std::uint64_t id = 0;            // for RuleOutput::cause; means nothing to the evaluator
  // By field, as FieldsOf(kind) has them: a text's symbol, or a number's double as bits.
  std::array<std::uint64_t, kMostFields> values{};

  void SetNumber(std::size_t field, double number) {
    values[field] = std::bit_cast<std::uint64_t>(number);
  }
};

// The texts of the same event; asked for when there is an output, and not often then.
class EventTexts {
 public:
  virtual ~EventTexts() = default;
  virtual void AppendText(std::size_t field, std::string* out) = 0;
  // The documented fields as compact JSON, in their order.
  virtual void AppendEvent(std::string* out) = 0;
};

// A rule set ready to run.
class CompiledRules {
 public:
  // REQUIRES: CheckRules() is content. `symbols` outlives it; only the constructor asks it for
  // symbols, everyone who reads outputs for texts. `reading`: how the windows are taken.
  CompiledRules(RuleSet rules, Symbols* symbols, const WindowReading& reading = {});
  ~CompiledRules();
  CompiledRules(const CompiledRules&) = delete;
  CompiledRules& operator=(const CompiledRules&) = delete;

  // Which values an event's facts must have: bit i stands for FieldsOf(kind)[i].
  [[nodiscard]] std::uint32_t needs(Kind kind) const { return needs_[static_cast<unsigned>(kind)]; }
  [[nodiscard]] bool needs_time(Kind kind) const { return time_[static_cast<unsigned>(kind)]; }
  // Whether all events of this kind must come to one evaluator, in their order.
  [[nodiscard]] bool whole_input(Kind kind) const { return whole_[static_cast<unsigned>(kind)]; }
  [[nodiscard]] const RuleSet& rules() const { return rules_; }

 private:
  friend class Evaluator;
  struct OneRule;

  const RuleSet rules_;
  const Symbols& symbols_;
  const WindowReading reading_;
  std::array<std::uint32_t, kKinds> needs_{};
  std::array<bool, kKinds> time_{};
  std::array<bool, kKinds> whole_{};
  std::vector<std::unique_ptr<const OneRule>> compiled_;
};

struct RuleOutput {
  std::uint32_t rule = 0;         // index into RuleSet::rules
  std::uint32_t alternative = 0;  // index into its alternatives
  std::string key;
  std::string value;  // compact JSON
  // The event that it needs: the one it was put out for; of a window that answers when it closes
  // the one that arrived last in it.
  std::uint64_t cause = 0;
  // How long the rule itself makes it wait from that event's time on: until the window is closed.
  std::int64_t wait_ns = 0;
  std::int64_t due_ns = 0;  // where it waits: until then, by the time of events
  bool open = false;        // of a window that only later events would close: it may come or not
};

// What one event did to one rule, for people.
struct RuleStep {
  enum class Answer : std::uint8_t {
    kNotValid,  // no instant in event_timestamp
    kLate,
    kNothing,   // no alternative holds
    kCoolDown,  // one holds, but not yet again
    kOutput,
    kCounted,  // the window answers when it closes
  };
  std::uint32_t rule = 0;
  Answer answer = Answer::kNothing;
  std::uint32_t alternative = 0;    // of kCoolDown and kOutput
  std::vector<std::string> before;  // by state, as JSON: over the event's window without the event
  std::vector<std::string> after;   // and with it; both empty when the event was dropped
  std::int64_t window_end_ns = 0;   // of kCounted: as far as is known by now
};

class Evaluator {
 public:
  // `rules` outlives it.
  explicit Evaluator(const CompiledRules& rules);
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;

  // The next event in order of arrival: what it causes, in the order of the rules; lives until the
  // next call. With `steps`: appends one step for each rule of the event's kind.
  std::span<const RuleOutput> Process(const EventFacts& facts, EventTexts& texts,
                                      std::vector<RuleStep>* steps = nullptr);
  // The rules, by index, for which the latest event is at the edge of being late (docs/rules.md,
  // "The edge of lateness"): what they put out for its key is one reading of two, and of a window
  // that answered when it closed was so before.
  [[nodiscard]] std::span<const std::uint32_t> edges() const { return edges_; }
  // After the last event: what the windows would answer that are open, rule by rule in the order in
  // which they are due; lives until the next call. No event may come after it.
  std::span<const RuleOutput> Finish();

 private:
  struct OneState;
  struct ClosedWindow;

  RuleOutput& NextOutput(std::size_t rule);
  void Answer(std::size_t rule, const ClosedWindow& closed, bool open);

  const CompiledRules* rules_;
  std::vector<std::unique_ptr<OneState>> states_;
  std::vector<RuleOutput> outputs_;  // the first `made_`; the others keep their room
  std::size_t made_ = 0;
  std::vector<std::uint32_t> edges_;
};

}  // namespace playload
