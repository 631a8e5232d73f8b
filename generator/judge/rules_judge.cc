#include "generator/judge/rules_judge.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "generator/base/text.h"
#include "generator/judge/content_matcher.h"
#include "generator/judge/count_matcher.h"
#include "generator/judge/rule_histories.h"
#include "generator/judge/rule_topics.h"
#include "generator/replay/record_events.h"
#include "generator/rules/evaluator.h"
#include "generator/rules/parsed_events.h"

namespace playload {

namespace {

class RulesJudge final : public OutputsJudge {
 public:
  explicit RulesJudge(RulesJudgeOptions options)
      : options_(std::move(options)),
        symbols_(options_.id_prefix),
        compiled_(options_.rules, &symbols_),
        lines_(&symbols_) {
    std::vector<ContentMatcher::Topic> topics;
    const std::vector<std::string>& only = options_.only;
    for (OutputTopic& topic : OutputTopicsOf(options_.rules, options_.compat)) {
      if (!only.empty() && std::find(only.begin(), only.end(), topic.name) == only.end()) continue;
      names_.push_back(topic.name);
      topics.push_back(
          {topic.name, topic.sequence, std::move(topic.key_path), std::move(topic.fields)});
    }
    matcher_ = std::make_unique<ContentMatcher>(
        ContentMatcher::Options{std::move(topics), Foreign(), options_.delivery, options_.forget});
    const std::vector<LatencyOutput> measured = latency_outputs();
    for (const Rule& rule : options_.rules.rules) {
      Target target;
      const auto found = std::find(names_.begin(), names_.end(), rule.output);
      if (found != names_.end()) {
        target.topic = static_cast<std::size_t>(found - names_.begin());
        const auto& parts = measured[*target.topic].parts;
        const auto part = std::find(parts.begin(), parts.end(), rule.name);
        if (part != parts.end()) target.part = static_cast<std::size_t>(part - parts.begin());
      }
      targets_.push_back(target);
    }
    JudgeUnordered();
  }

  [[nodiscard]] const std::vector<std::string>& outputs() const override { return names_; }
  [[nodiscard]] VerdictRules rules() const override { return VerdictRulesOf(options_.rules); }
  [[nodiscard]] std::vector<LatencyOutput> latency_outputs() const override {
    std::vector<LatencyOutput> all = LatencyOutputsOf(options_.rules);
    std::erase_if(all, [this](const LatencyOutput& output) {
      return std::find(names_.begin(), names_.end(), output.name) == names_.end();
    });
    return all;
  }
  [[nodiscard]] std::vector<std::string> alerts() const override { return names_; }
  void MeasureWith(LatencyMeter* meter) override { meter_ = meter; }

  void Begin(const Replay& replay) override {
    tables_ = &replay.tables();
    records_.emplace(replay, &symbols_);
    evaluator_.emplace(compiled_);
    for (Counted& counted : counted_) counted.told = !recalls_;
  }

  void Tell(const ReplayedRun& run, const Arrival* arrivals) override {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const Kind kind = KindOf(run.records[i].action);
      if (compiled_.needs(kind) == 0) continue;  // every rule needs its key
      if (arrivals[i] == Arrival::kNever || !RecordFacts::Valid(run.records[i])) continue;
      records_->Read(run, i, compiled_.needs(kind), compiled_.needs_time(kind), &facts_);
      TellFacts(&*records_, arrivals[i], run.first + i);
    }
  }

  Status TellLine(const StreamEvent& event, Arrival arrival) override {
    const std::uint32_t needs = compiled_.needs(event.kind);
    if (needs == 0 || arrival == Arrival::kNever || !event.valid()) return {};
    if (!lines_.Read(event.kind, event.value, needs, compiled_.needs_time(event.kind), &facts_)) {
      return {Code::kInternal,
              "an event that is valid is none to the rules: " + std::string(event.value)};
    }
    TellFacts(&lines_, arrival, event.position);
    return {};
  }

  // Windows that are open may be answered or not.
  void End() override {
    Expect(evaluator_->Finish());
    matcher_->Close();
  }
  [[nodiscard]] bool Full() const override { return matcher_->Full(); }

  [[nodiscard]] bool NeedsRecall() override { return matcher_->NeedsRecall(); }
  void Recall(bool begin) override {
    recalls_ = begin;
    matcher_->Recall(begin);
  }

  void AddProduced(const CollectedRecord& record, std::int64_t seen_ns) override {
    const std::size_t output = *record.output;
    matcher_->SetSettled(record.settled);
    const auto produced =
        record.line ? matcher_->AddLine(output, record.partition, record.value)
                    : matcher_->AddProduced(output, record.partition, record.key, record.value);
    if (!produced) return;
    for (Counted& counted : counted_) {
      if (counted.topic != output) continue;
      const bool stranger = !produced->identity;
      counted.matcher->AddProduced(
          stranger ? symbols_.Find(produced->key) : symbols_.Of(produced->key), produced->key,
          stranger);
    }
    if (meter_ == nullptr || record.line || !produced->identity) return;
    meter_->Seen({output, produced->identity->key, produced->identity->content}, seen_ns);
  }

  [[nodiscard]] std::uint64_t ForeignCount() const override { return matcher_->foreign(); }

  [[nodiscard]] bool Outstanding() const override {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (matcher_->Outstanding(i) > 0) return true;
    }
    return std::any_of(counted_.begin(), counted_.end(),
                       [](const Counted& counted) { return counted.matcher->Outstanding(); });
  }
  [[nodiscard]] Comparison Judge(std::size_t output) const override {
    Comparison comparison = matcher_->Judge(output);
    for (const Counted& counted : counted_) {
      if (counted.topic == output) counted.matcher->Judge(&comparison);
    }
    return comparison;
  }
  void AddNotes(std::vector<std::string>* notes) const override {
    notes->insert(notes->end(), notes_.begin(), notes_.end());
    if (at_the_edge_ > 0) {
      notes->push_back(FormatCount(at_the_edge_) +
                       (at_the_edge_ == 1 ? " event was" : " events were") +
                       " at the edge of being late, where pipelines may differ: their keys are not "
                       "judged");
    }
    if (matcher_->not_judged() > 0) {
      notes->push_back(FormatCount(matcher_->not_judged()) + " keys are not judged");
    }
  }

  Result<ExampleHistories> Histories(const std::vector<Comparison>& comparisons,
                                     const HistoryRequest& request) const override {
    std::set<RuleKey> wanted;
    for (const Comparison& comparison : comparisons) {
      for (const auto& examples : comparison.examples) {
        for (const FlawExample& example : examples) wanted.insert({comparison.name, example.key});
      }
    }
    if (wanted.empty()) return ExampleHistories();
    auto histories = std::make_shared<std::map<RuleKey, KeyHistory>>();
    Status s =
        WalkRuleHistories(options_.rules, options_.id_prefix, request.replay, request.arrivals,
                          request.topics, wanted, [&](const RuleKey& of, HistoryEvent event) {
                            (*histories)[of].Add(std::move(event));
                            return true;
                          });
    if (s.ok() && request.locate) {
      std::vector<HistoryEvent*> events;
      for (auto& [key, history] : *histories) history.AddEvents(&events);
      s = request.locate(std::move(events));
    }
    if (!s.ok()) return s;
    const auto command = [begin = request.command + " --rules " + ForShell(RulesArgument())](
                             const std::string& name, const std::string& key) {
      return begin + " --user " + ForShell(key) + " --output " + name + " --explain";
    };
    return ExampleHistories{
        [histories, command](const std::string& name, const std::string& key) {
          const auto found = histories->find({name, key});
          if (found == histories->end()) return std::vector<std::string>();
          std::vector<std::string> lines = found->second.Lines();
          lines.push_back("all of it: " + command(name, key));
          return lines;
        },
        [histories, command](const std::string& name, const std::string& key, JsonText* json) {
          const auto found = histories->find({name, key});
          if (found == histories->end()) return;
          json->Field("explain", std::string_view(command(name, key)));
          found->second.Write(json);
        }};
  }

 private:
  // Where the outputs of a rule go.
  struct Target {
    std::optional<std::size_t> topic;  // absent: they are not judged
    std::size_t part = Trigger::kNoPart;
  };

  // A rule of which only the number of its outputs is judged.
  struct Counted {
    Counted(std::size_t of, std::size_t to, const Rule& bounded, RecordSymbols* symbols)
        : rule(of),
          topic(to),
          bounds(bounded, symbols),
          matcher(std::make_unique<CountMatcher>(bounds, [symbols](std::uint64_t key) {
            std::string text;
            symbols->AppendText(key, &text);
            return text;
          })) {}

    std::size_t rule;
    std::size_t topic;
    OrderFreeCounts bounds;
    std::unique_ptr<CountMatcher> matcher;
    bool told = true;  // the events are: not when they are told once more
  };

  // Whether a key is of a run with another prefix, or of another shard.
  [[nodiscard]] ContentMatcher::Foreign Foreign() const {
    return [own = options_.own, player = IdForm("player", options_.id_prefix),
            server = IdForm("server", "")](std::string_view key) {
      if (player.Foreign(key)) return true;
      if (!own) return false;
      if (const auto number = player.Number(key)) return !own(false, *number);
      const auto number = server.Number(key);
      return number && !own(true, *number);
    };
  }

  // Rules whose events have no order that is known: of some it is known how many outputs a key has,
  // the others cannot be judged whatever comes.
  void JudgeUnordered() {
    for (std::size_t r = 0; r < targets_.size(); ++r) {
      const Rule& rule = options_.rules.rules[r];
      if (!targets_[r].topic || !IsOrderUnknown(rule, options_.partitioned, options_.compat)) {
        continue;
      }
      const std::size_t topic = *targets_[r].topic;
      matcher_->DoNotJudge(topic);
      const bool counted = OrderFreeCounts::Applies(rule) && IsRuleKey(rule, rule.output_key) &&
                           std::count_if(targets_.begin(), targets_.end(),
                                         [&](const Target& t) { return t.topic == topic; }) == 1;
      if (counted) counted_.emplace_back(r, topic, rule, &symbols_);
      notes_.push_back((counted ? "of " + rule.output + " only how many each key has is judged"
                                : rule.output + " is not judged") +
                       ": rule " + rule.name + " has the key " + rule.key +
                       ", its input is partitioned by another one, and so the order of "
                       "its events is not known");
    }
  }

  void TellFacts(EventTexts* texts, Arrival arrival, Position position) {
    facts_.id = position;
    unknown_ = arrival == Arrival::kUnknown ? std::optional(position) : std::nullopt;
    for (std::size_t r = 0; unknown_ && r < targets_.size(); ++r) {
      const Rule& rule = options_.rules.rules[r];
      if (rule.input == facts_.kind && rule.has_memory()) DoNotJudge(r);
    }
    for (Counted& counted : counted_) {
      if (counted.told && options_.rules.rules[counted.rule].input == facts_.kind) {
        counted.bounds.Add(facts_, arrival == Arrival::kCertain);
      }
    }
    const std::span<const RuleOutput> outputs = evaluator_->Process(facts_, *texts);
    for (const std::uint32_t rule : evaluator_->edges()) {
      DoNotJudge(rule);
      at_the_edge_ += recalls_ ? 0 : 1;
    }
    Expect(outputs);
  }

  void Expect(std::span<const RuleOutput> outputs) {
    for (const RuleOutput& output : outputs) {
      const Target& target = targets_[output.rule];
      if (!target.topic) continue;
      const bool certain = !output.open && output.cause != unknown_;
      const auto identity = matcher_->Expect(*target.topic, output.key, output.value, certain);
      if (meter_ == nullptr || recalls_) continue;
      meter_->Expect({.of = {*target.topic, identity.key, identity.content},
                      .position = output.cause,
                      .part = target.part,
                      .wait_ns = output.wait_ns > 0 ? WaitOf(output) : 0});
    }
  }

  // Timestamps may be cut off at whole seconds, and latency counts from the planned instant.
  [[nodiscard]] std::int64_t WaitOf(const RuleOutput& output) const {
    const std::int64_t planned = tables_->spec.start_ns + tables_->plan.PlannedAt(output.cause);
    return std::max<std::int64_t>(output.due_ns - planned, 0);
  }

  // Nobody knows what the rule knows of this event's key from here on.
  void DoNotJudge(std::size_t r) {
    const Rule& rule = options_.rules.rules[r];
    if (!targets_[r].topic) return;
    if (!IsRuleKey(rule, rule.output_key)) return matcher_->DoNotJudge(*targets_[r].topic);
    std::string key;
    symbols_.AppendText(facts_.values[*FindField(rule.input, rule.key)], &key);
    matcher_->DoNotJudge(*targets_[r].topic, key);
  }

  // What --rules was given: a built-in's name, or its file.
  [[nodiscard]] std::string RulesArgument() const {
    constexpr std::string_view kBuiltIn = " (built-in)";
    return options_.rules.file.ends_with(kBuiltIn) ? options_.rules.name : options_.rules.file;
  }

  const RulesJudgeOptions options_;
  std::vector<std::string> names_;
  std::vector<Target> targets_;  // by rule
  RecordSymbols symbols_;
  const CompiledRules compiled_;
  ParsedEvents lines_;
  std::deque<Counted> counted_;
  const StreamTables* tables_ = nullptr;
  std::optional<RecordEvents> records_;
  std::optional<Evaluator> evaluator_;
  EventFacts facts_;                 // of the latest event
  std::optional<Position> unknown_;  // it, where it is not known whether it arrived
  std::uint64_t at_the_edge_ = 0;    // events, counted for each rule
  std::unique_ptr<ContentMatcher> matcher_;
  LatencyMeter* meter_ = nullptr;
  bool recalls_ = false;
  std::vector<std::string> notes_;
};

}  // namespace

std::unique_ptr<OutputsJudge> MakeRulesJudge(RulesJudgeOptions options) {
  return std::make_unique<RulesJudge>(std::move(options));
}

}  // namespace playload
