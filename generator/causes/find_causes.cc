#include "generator/causes/find_causes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "generator/judge/outputs_judge.h"
#include "generator/judge/rule_topics.h"

namespace playload {

namespace {

// The one rule that writes an output, where what it does with a key follows from the key's events
// in the order of the plan; nothing: no cause can be looked for.
std::optional<std::size_t> RuleBehind(const CauseOptions& options, const std::string& output) {
  std::optional<std::size_t> found;
  const std::vector<Rule>& rules = options.rules.rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].output != output) continue;
    if (found) return std::nullopt;
    found = i;
  }
  if (!found) return std::nullopt;
  const Rule& rule = rules[*found];
  if (IsOrderUnknown(rule, options.partitioned, false) || !IsRuleKey(rule, rule.output_key)) {
    return std::nullopt;
  }
  return found;
}

}  // namespace

CauseFinder::CauseFinder(const CauseOptions& options, const std::vector<Comparison>& comparisons)
    : options_(options), symbols_(options.id_prefix) {
  for (OutputTopic& topic : OutputTopicsOf(options.rules, false)) {
    const auto comparison =
        std::find_if(comparisons.begin(), comparisons.end(),
                     [&topic](const Comparison& c) { return c.name == topic.name; });
    // Where nothing came at all, everything explains it.
    if (comparison == comparisons.end() || comparison->passed() || comparison->seen() == 0) {
      continue;
    }
    const std::optional<std::size_t> rule = RuleBehind(options, topic.name);
    if (!rule) continue;
    SuspectedOutput output{
        topic.name, OnlyRule(options.rules, *rule), std::move(topic.key_path), {}};
    output.partitions = options.partitions[static_cast<unsigned>(options.rules.rules[*rule].input)];
    for (const auto& examples : comparison->examples) {
      for (const FlawExample& example : examples) output.keys.push_back(example.key);
    }
    names_.push_back(output.name);
    outputs_.push_back(std::make_unique<Suspects>(std::move(output), options.delivery, &symbols_));
  }
}

template <typename Tell>
Status CauseFinder::Walk(const Replay& replay, const Arrivals& arrivals,
                         const std::atomic<bool>& stop, const std::array<Needs, kKinds>& needs,
                         const Tell& tell) {
  RecordEvents events(replay, &symbols_);
  EventFacts facts;
  std::array<Arrival, kRunLength> room;
  Status walked = replay.Walk([&](const ReplayedRun& run) {
    const Arrival* const arrived = ArrivalsOf(arrivals, run, &room);
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const Needs& its = needs[static_cast<unsigned>(KindOf(run.records[i].action))];
      if (its.fields == 0 || arrived[i] == Arrival::kNever || !RecordFacts::Valid(run.records[i])) {
        continue;
      }
      events.Read(run, i, its.fields, its.time, &facts);
      tell(facts, events, arrived[i], run.first + i);
    }
    return !stop.load(std::memory_order_relaxed);
  });
  if (walked.ok() && stop.load(std::memory_order_relaxed)) {
    return {Code::kInterrupted, "interrupted while causes were looked for"};
  }
  return walked;
}

Status CauseFinder::Find(const Replay& replay, const Arrivals& arrivals,
                         const std::atomic<bool>& stop, std::vector<Comparison>* comparisons) {
  if (Status s = TellSuspects(replay, arrivals, stop); !s.ok()) return s;
  std::vector<Suspects::Finding> findings;
  std::vector<std::unique_ptr<EventSearch>> searches;
  for (const auto& output : outputs_) {
    output->End();
    findings.push_back(output->Judge());
    const Suspects::Finding& finding = findings.back();
    const bool explained =
        !finding.found.empty() && finding.found.front().explains == finding.differing;
    searches.push_back(explained ? nullptr : SearchFor(*output));
  }
  if (Status s = TellSearches(replay, arrivals, stop, searches); !s.ok()) return s;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Explanations causes{findings[i].differing, findings[i].agreeing, std::move(findings[i].found)};
    if (searches[i]) {
      for (Explanation& found : searches[i]->Explain()) causes.found.push_back(std::move(found));
    }
    // The share of the keys that were tried says which is the best.
    std::stable_sort(causes.found.begin(), causes.found.end(),
                     [&causes](const Explanation& a, const Explanation& b) {
                       return a.explains * b.tried.value_or(causes.differing) >
                              b.explains * a.tried.value_or(causes.differing);
                     });
    // Of a rule that looks at each event alone, what was lost or came again is no news.
    const bool silent = causes.found.empty() && !EventSearch::Applies(outputs_[i]->rule());
    if (causes.differing == 0 || silent) continue;
    const auto comparison = std::find_if(comparisons->begin(), comparisons->end(),
                                         [&](const Comparison& c) { return c.name == names_[i]; });
    if (comparison != comparisons->end()) comparison->causes = std::move(causes);
  }
  return {};
}

Status CauseFinder::TellSuspects(const Replay& replay, const Arrivals& arrivals,
                                 const std::atomic<bool>& stop) {
  std::array<Needs, kKinds> needs{};
  for (const auto& output : outputs_) {
    needs[static_cast<unsigned>(output->rule().input)].Add(output->needs(), output->needs_time());
  }
  return Walk(replay, arrivals, stop, needs,
              [this](const EventFacts& facts, RecordEvents& texts, Arrival arrival, Position) {
                for (const auto& output : outputs_) {
                  if (output->rule().input == facts.kind) output->Tell(facts, texts, arrival);
                }
              });
}

std::unique_ptr<EventSearch> CauseFinder::SearchFor(const Suspects& output) {
  if (!EventSearch::Applies(output.rule())) return nullptr;
  auto search = std::make_unique<EventSearch>(output.output().rule, options_.delivery, &symbols_);
  for (const std::uint64_t key : output.Differing(EventSearch::kMostKeys)) {
    search->Want(key, output.Came(key));
  }
  return search;
}

Status CauseFinder::TellSearches(const Replay& replay, const Arrivals& arrivals,
                                 const std::atomic<bool>& stop,
                                 const std::vector<std::unique_ptr<EventSearch>>& searches) {
  std::array<Needs, kKinds> needs{};
  bool wanted = false;
  for (std::size_t i = 0; i < searches.size(); ++i) {
    if (!searches[i] || searches[i]->empty()) continue;
    wanted = true;
    needs[static_cast<unsigned>(outputs_[i]->rule().input)].Add(searches[i]->needs(),
                                                                searches[i]->needs_time());
  }
  if (!wanted) return {};
  return Walk(replay, arrivals, stop, needs,
              [&](const EventFacts& facts, RecordEvents& texts, Arrival, Position position) {
                for (std::size_t i = 0; i < searches.size(); ++i) {
                  if (searches[i] && outputs_[i]->rule().input == facts.kind) {
                    searches[i]->Add(facts, texts, position);
                  }
                }
              });
}

}  // namespace playload
