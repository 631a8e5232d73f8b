#include "generator/causes/find_causes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "generator/causes/shares.h"
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

// The outermost fields that an output's records have.
OutputForm FormOf(const OutputTopic& topic) {
  OutputForm form{topic.name, {}};
  for (const ContentMatcher::Field& field : topic.fields) {
    const std::string& name = field.path.front();
    if (std::find(form.fields.begin(), form.fields.end(), name) == form.fields.end()) {
      form.fields.push_back(name);
    }
  }
  return form;
}

// How many keys it explains, of those for which it was tried.
double Share(const Explanation& explanation, const Explanations& of) {
  const std::uint64_t tried = explanation.tried.value_or(of.differing);
  return tried == 0 ? 0 : static_cast<double>(explanation.explains) / static_cast<double>(tried);
}

// What one thing explains for all keys is not also explained by another thing for each key that
// explains no more; and what explains far fewer keys than the best of its sort is no rival of it.
void KeepTheBest(Explanations* causes) {
  constexpr double kRival = 0.9;
  constexpr std::size_t kMostFound = 4;
  std::vector<Explanation>& found = causes->found;
  double best_of_all = 0;  // of those that are one thing for all keys
  double best_of_each = 0;
  bool one_thing = false;
  for (const Explanation& e : found) {
    one_thing =
        one_thing || (e.agrees && IsNearlyAll(e.explains, e.tried.value_or(causes->differing)));
    double& best = e.agrees ? best_of_all : best_of_each;
    best = std::max(best, Share(e, *causes));
  }
  const double best = one_thing ? best_of_all : std::max(best_of_all, best_of_each);
  // Beside what explains all there is no second best.
  const double least = one_thing && best == 1 ? best : kRival * best;
  std::erase_if(found, [&](const Explanation& e) {
    const double share = Share(e, *causes);
    return one_thing && !e.agrees ? share <= best_of_all : share < least;
  });
  // One thing for all keys comes first: it says more.
  std::stable_sort(found.begin(), found.end(), [&](const Explanation& a, const Explanation& b) {
    if (one_thing && a.agrees.has_value() != b.agrees.has_value()) return a.agrees.has_value();
    return Share(a, *causes) > Share(b, *causes);
  });
  if (found.size() > kMostFound) found.resize(kMostFound);
  if (one_thing) causes->records.clear();
}

}  // namespace

CauseFinder::CauseFinder(const CauseOptions& options, const std::vector<Comparison>& comparisons)
    : options_(options), symbols_(options.id_prefix) {
  std::vector<OutputTopic> topics = OutputTopicsOf(options.rules, false);
  std::vector<OutputForm> forms;
  for (const OutputTopic& topic : topics) forms.push_back(FormOf(topic));
  for (std::size_t own = 0; own < topics.size(); ++own) {
    OutputTopic& topic = topics[own];
    const auto comparison =
        std::find_if(comparisons.begin(), comparisons.end(),
                     [&topic](const Comparison& c) { return c.name == topic.name; });
    // Where nothing came at all, everything explains it.
    if (comparison == comparisons.end() || comparison->passed() || comparison->seen() == 0) {
      continue;
    }
    const std::optional<std::size_t> rule = RuleBehind(options, topic.name);
    if (!rule) continue;
    SuspectedOutput output;
    output.name = topic.name;
    output.rule = OnlyRule(options.rules, *rule);
    output.key_path = std::move(topic.key_path);
    output.partitions = options.partitions[static_cast<unsigned>(options.rules.rules[*rule].input)];
    output.by_partition = IsPartitionKey(options.rules.rules[*rule], false);
    output.forms = forms;
    output.own_form = own;
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
    const bool known = !output->forms().Misplaced();
    searches.push_back(explained || !known ? nullptr : SearchFor(*output, finding));
  }
  if (Status s = TellSearches(replay, arrivals, stop, searches); !s.ok()) return s;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Suspects::Finding& finding = findings[i];
    Explanations causes;
    causes.differing = finding.differing;
    causes.agreeing = finding.agreeing;
    RecordForms::Found forms = outputs_[i]->forms().Explain();
    causes.records = std::move(forms.telling);
    // Which events the records are about is not known.
    if (!outputs_[i]->forms().Misplaced()) {
      causes.partitions = std::move(finding.partitions);
      causes.found = std::move(finding.found);
      if (searches[i]) {
        for (Explanation& found : searches[i]->Explain()) causes.found.push_back(std::move(found));
      }
      KeepTheBest(&causes);
      if (causes.found.empty() && causes.records.empty()) causes.records = std::move(forms.vague);
    }
    const bool nothing = causes.found.empty() && causes.records.empty() && !causes.partitions;
    // Of a rule that looks at each event alone, what was lost or came again is no news.
    const bool silent = nothing && !outputs_[i]->rule().has_memory();
    if ((causes.differing == 0 && nothing) || silent) continue;
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

std::unique_ptr<EventSearch> CauseFinder::SearchFor(const Suspects& output,
                                                    const Suspects::Finding& finding) {
  if (!EventSearch::Applies(output.rule())) return nullptr;
  // Of partitions whose keys all differ it is known what happened.
  if (finding.partitions && finding.partitions->agreeing == 0 && finding.silent) return nullptr;
  auto search = std::make_unique<EventSearch>(output.output().rule, options_.delivery, &symbols_);
  const std::size_t most = EventSearch::MostKeys(output.rule());
  for (const std::uint64_t key : output.Keys(true, most)) {
    search->Want(key, output.Came(key), true);
  }
  if (search->empty()) return search;
  // Elsewhere nothing happened, so that what did is not denied there.
  std::vector<bool> there(output.output().partitions, !finding.partitions);
  if (finding.partitions) {
    for (const std::uint32_t partition : finding.partitions->differing) there[partition] = true;
  }
  for (const std::uint64_t key : output.Keys(false, Suspects::kMostKeys)) {
    if (search->agreeing() >= most) break;
    if (!there.empty() && !there[output.PartitionOfKey(key)]) continue;
    search->Want(key, output.Came(key), false);
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
