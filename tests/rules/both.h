// Both evaluators over the same lines, in one form, for tests that hold them against each other.

#pragma once

#include <string>
#include <vector>

#include "generator/rules/evaluator.h"
#include "generator/rules/naive.h"
#include "generator/rules/parsed_events.h"

namespace playload::testing {

// `event`: with which one it comes. What is put out while events come is of no open window.
inline NaiveOutput InOneForm(const RuleOutput& output, std::size_t event) {
  return {event,          output.rule,  output.alternative,
          output.key,     output.value, static_cast<std::size_t>(output.cause),
          output.wait_ns, output.open};
}

// What the incremental evaluator makes of a recorded stream. With `steps`: of every event and rule;
// with `edges`: those that it finds.
inline std::vector<NaiveOutput> IncrementalOutputs(const RuleSet& rules,
                                                   const std::vector<RecordedEvent>& stream,
                                                   std::vector<RuleStep>* steps = nullptr,
                                                   std::vector<NaiveEdge>* edges = nullptr) {
  InternedSymbols symbols;
  const CompiledRules compiled(rules, &symbols);
  Evaluator evaluator(compiled);
  ParsedEvents events(&symbols);
  std::vector<NaiveOutput> outputs;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const Kind kind = stream[i].kind;
    EventFacts facts;
    facts.id = i;
    if (!events.Read(kind, stream[i].line, compiled.needs(kind), compiled.needs_time(kind),
                     &facts)) {
      continue;
    }
    for (const RuleOutput& output : evaluator.Process(facts, events, steps)) {
      outputs.push_back(InOneForm(output, i));
    }
    for (const std::uint32_t rule : evaluator.edges()) {
      if (edges != nullptr) edges->push_back({i, rule});
    }
  }
  for (const RuleOutput& output : evaluator.Finish()) {
    outputs.push_back(InOneForm(output, stream.size()));
  }
  return outputs;
}

inline std::string Text(const NaiveOutput& output) {
  return "event " + std::to_string(output.event) + ", rule " + std::to_string(output.rule) + ", " +
         std::to_string(output.alternative) + ": " + output.key + " " + output.value + ", cause " +
         std::to_string(output.cause) + ", wait " + std::to_string(output.wait_ns) +
         (output.open ? ", open" : "");
}

}  // namespace playload::testing
