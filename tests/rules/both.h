// Both evaluators over the same lines, in one form, for tests that hold them against each other.

#pragma once

#include <string>
#include <vector>

#include "generator/rules/evaluator.h"
#include "generator/rules/naive.h"
#include "generator/rules/parsed_events.h"

namespace playload::testing {

// What the incremental evaluator makes of a recorded stream. With `steps`: of every event and rule.
inline std::vector<NaiveOutput> IncrementalOutputs(const RuleSet& rules,
                                                   const std::vector<RecordedEvent>& stream,
                                                   std::vector<RuleStep>* steps = nullptr) {
  InternedSymbols symbols;
  const CompiledRules compiled(rules, &symbols);
  Evaluator evaluator(compiled);
  ParsedEvents events(&symbols);
  std::vector<NaiveOutput> outputs;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const Kind kind = stream[i].kind;
    EventFacts facts;
    if (!events.Read(kind, stream[i].line, compiled.needs(kind), compiled.needs_time(kind),
                     &facts)) {
      continue;
    }
    for (const RuleOutput& output : evaluator.Process(facts, events, steps)) {
      outputs.push_back({i, output.rule, output.alternative, output.key, output.value});
    }
  }
  return outputs;
}

inline std::string Text(const NaiveOutput& output) {
  return "event " + std::to_string(output.event) + ", rule " + std::to_string(output.rule) + ", " +
         std::to_string(output.alternative) + ": " + output.key + " " + output.value;
}

}  // namespace playload::testing
