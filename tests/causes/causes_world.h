// A run, a pipeline of one rule over its lines, in which something may go wrong, and what is said
// to explain it.
//
// Threads: one.

#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "generator/causes/find_causes.h"
#include "generator/replay/walker.h"
#include "generator/rules/load.h"
#include "generator/rules/parsed_events.h"
#include "scenarios/load.h"

namespace playload {

inline RunSpec SpecOf(const std::string& scenario, Position events) {
  const Result<Scenario> loaded = LoadScenario(scenario, {});
  REQUIRE(loaded.has_value());
  RunSpec spec;
  spec.scenario = *loaded;
  spec.seed = 3;
  spec.start_ns = 1'767'225'600'000'000'000;
  spec.clock = Clock::kVirtual;
  spec.end = events;
  spec.timestamp_form = TimestampForm::kMillis;
  return spec;
}

inline RuleSet Load(const std::string& name) {
  const Result<RuleSet> rules = LoadRuleSet(name);
  REQUIRE_MESSAGE(rules.has_value(), rules.error().message());
  return *rules;
}

struct Output {
  std::string key;
  std::string value;
};

struct Line {
  Position position;
  std::string text;
};

// The valid lines of a rule's input, in order.
inline std::vector<Line> LinesFor(const RunSpec& spec, const RuleSet& rule) {
  std::vector<Line> lines;
  REQUIRE(WalkRun(spec, {}, 1)([&](const StreamEvent& e) {
            if (e.kind == rule.rules.front().input && e.valid()) {
              lines.push_back({e.position, std::string(e.value)});
            }
            return true;
          }).ok());
  return lines;
}

// A pipeline of one rule.
class Pipeline {
 public:
  explicit Pipeline(const RuleSet& rule, const WindowReading& reading = {})
      : symbols_(""),
        compiled_(rule, &symbols_, reading),
        evaluator_(compiled_),
        lines_(&symbols_),
        input_(rule.rules.front().input) {}

  void Process(const Line& line) {
    EventFacts facts;
    if (!lines_.Read(input_, line.text, ~0u, true, &facts)) FAIL(line.text);
    Take(evaluator_.Process(facts, lines_));
  }
  void Forget() { evaluator_ = Evaluator(compiled_); }
  // Without what windows would answer that are open.
  [[nodiscard]] const std::vector<Output>& outputs() const { return outputs_; }

 private:
  void Take(std::span<const RuleOutput> made) {
    for (const RuleOutput& output : made) outputs_.push_back({output.key, output.value});
  }

  RecordSymbols symbols_;
  const CompiledRules compiled_;
  Evaluator evaluator_;
  ParsedEvents lines_;
  const Kind input_;
  std::vector<Output> outputs_;
};

inline std::vector<Output> OutputsOf(const RuleSet& rule, const std::vector<Line>& lines,
                                     const WindowReading& reading = {}) {
  Pipeline pipeline(rule, reading);
  for (const Line& line : lines) pipeline.Process(line);
  return pipeline.outputs();
}

// A comparison that says that this output differs, with these keys as examples.
inline std::vector<Comparison> Differs(const std::string& output,
                                       const std::set<std::string>& keys) {
  Comparison comparison;
  comparison.name = output;
  comparison.matched = 1;
  for (const std::string& key : keys) {
    comparison.Add(Flaw::kMissing, 1, [&key] { return FlawExample{key, "x", ""}; });
  }
  return {comparison};
}

inline std::optional<Explanations> CausesOf(const Replay& replay, const RuleSet& rules,
                                            const std::string& output,
                                            const std::vector<Output>& came,
                                            const std::set<std::string>& examples,
                                            Delivery delivery = Delivery::kExactlyOnce) {
  std::vector<Comparison> comparisons = Differs(output, examples);
  CauseFinder finder({rules, "", delivery, {}, {6, 6, 6}}, comparisons);
  if (finder.outputs().empty()) return std::nullopt;
  for (const Output& record : came) {
    CollectedRecord read;
    read.output = 0;
    read.key = record.key;
    read.value = record.value;
    finder.AddProduced(read);
  }
  const std::atomic<bool> stop{false};
  REQUIRE(finder.Find(replay, Arrivals(), stop, &comparisons).ok());
  return comparisons.front().causes;
}

// Keys of which one side has what the other has not.
inline std::set<std::string> DifferingKeys(const std::vector<Output>& a,
                                           const std::vector<Output>& b) {
  std::map<std::string, std::pair<std::multiset<std::string>, std::multiset<std::string>>> by_key;
  for (const Output& o : a) by_key[o.key].first.insert(o.value);
  for (const Output& o : b) by_key[o.key].second.insert(o.value);
  std::set<std::string> keys;
  for (const auto& [key, sides] : by_key) {
    if (sides.first != sides.second) keys.insert(key);
  }
  return keys;
}

inline bool Has(const Explanations& causes, const std::string& what) {
  for (const Explanation& found : causes.found) {
    if (found.what == what) return true;
  }
  return false;
}

inline RuleSet OnlyRuleNamed(const RuleSet& rules, const std::string& name) {
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    if (rules.rules[i].name == name) return OnlyRule(rules, i);
  }
  FAIL(name);
  return {};
}

// The reference rules with state, and what a pipeline made of them in which something happened to
// events from `first` to `last`.
struct Incident {
  RunSpec spec = SpecOf("fraud-ring", 40'000);
  RuleSet rules = Load("dataflow");
  RuleSet rule = OnlyRuleNamed(rules, "purchase-aggregator");
  std::vector<Line> lines = LinesFor(spec, rule);
  std::vector<Output> right = OutputsOf(rule, lines);
  Position first = 20'000;
  Position last = 21'000;

  [[nodiscard]] bool Within(const Line& line) const {
    return line.position >= first && line.position <= last;
  }
  [[nodiscard]] Explanations Causes(const std::vector<Output>& came,
                                    Delivery delivery = Delivery::kExactlyOnce) const {
    const Replay replay(spec, {}, std::nullopt, 2);
    const std::set<std::string> differing = DifferingKeys(right, came);
    REQUIRE(differing.size() > 2);
    const auto causes =
        CausesOf(replay, rules, rule.rules.front().output, came, differing, delivery);
    REQUIRE(causes.has_value());
    REQUIRE((!causes->found.empty() || causes->partitions.has_value()));
    return *causes;
  }
};

}  // namespace playload
