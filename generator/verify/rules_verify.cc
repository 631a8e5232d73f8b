#include "generator/verify/rules_verify.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "generator/base/text.h"
#include "generator/event/catalog.h"
#include "generator/rules/evaluator.h"
#include "generator/rules/json_text.h"
#include "generator/run/json_file.h"
#include "generator/verify/collector.h"
#include "generator/verify/content_matcher.h"
#include "generator/verify/finished_run.h"
#include "generator/verify/history_lines.h"
#include "generator/verify/record_events.h"

namespace playload {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Once everything expected is there: for what comes beyond it.
constexpr milliseconds kGrace{1'000};
constexpr milliseconds kSayEvery{10'000};
// So often what came meanwhile is read while the events are made again.
constexpr Position kPollEvery = 4'096;
constexpr std::size_t kSinkBytes = std::size_t{64} << 10;

// Whether the events of one key of this rule come to a pipeline in the order of the plan, from a
// topic of several partitions.
bool IsPartitionKey(const Rule& rule, bool compat) {
  switch (rule.input) {
    case Kind::kPlayer:
      return rule.key == "parameters.player_id" || rule.key == "user_data.user_id";
    case Kind::kPurchase:
      return !compat && rule.key == "user_data.user_id";
    case Kind::kServer:
      return rule.key == "parameters.server_id";
  }
  return false;
}

// Whether the output key is the rule's key, however it is written.
bool IsRuleKey(const Rule& rule, const Expr& expr) {
  return expr.op == Expr::Op::kKey || (expr.op == Expr::Op::kField && expr.name == rule.key);
}

bool SameValue(const Rule& rule, const Expr& a, const Expr& b) {
  return a == b || (IsRuleKey(rule, a) && IsRuleKey(rule, b));
}

void FindKeyPaths(const Rule& rule, const std::vector<RecordField>& record,
                  std::vector<std::string>* path, std::set<std::vector<std::string>>* paths) {
  for (const RecordField& field : record) {
    path->push_back(field.name);
    if (!field.value) {
      FindKeyPaths(rule, field.fields, path, paths);
    } else if (SameValue(rule, *field.value, rule.output_key)) {
      paths->insert(*path);
    }
    path->pop_back();
  }
}

// Every place of an alternative's record that has the output key.
std::set<std::vector<std::string>> KeyPaths(const Rule& rule, const Alternative& alternative) {
  std::set<std::vector<std::string>> paths;
  if (!alternative.event) {
    std::vector<std::string> path;
    FindKeyPaths(rule, alternative.record, &path, &paths);
    return paths;
  }
  const bool field = rule.output_key.op == Expr::Op::kField;
  if (!field && rule.output_key.op != Expr::Op::kKey) return paths;
  const std::string name = field ? rule.output_key.name : rule.key;
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) {
    paths.insert({name});
  } else {
    paths.insert({name.substr(0, dot), name.substr(dot + 1)});
  }
  return paths;
}

bool Mentions(const Expr& expr, std::string_view field) {
  return (expr.op == Expr::Op::kField && expr.name == field) ||
         std::any_of(expr.of.begin(), expr.of.end(),
                     [&](const Expr& e) { return Mentions(e, field); });
}

bool Mentions(const std::vector<RecordField>& record, std::string_view field) {
  return std::any_of(record.begin(), record.end(), [&](const RecordField& f) {
    return f.value ? Mentions(*f.value, field) : Mentions(f.fields, field);
  });
}

// Whether an event's instant has anything to do with what the rule puts out.
bool NeedsInstant(const Rule& rule) {
  if (rule.uses_time() || rule.key == kTimeField || Mentions(rule.output_key, kTimeField)) {
    return true;
  }
  for (const StateValue& value : rule.state) {
    if (value.field == kTimeField || (value.where && Mentions(*value.where, kTimeField)))
      return true;
  }
  return std::any_of(rule.alternatives.begin(), rule.alternatives.end(), [](const Alternative& a) {
    return a.event || (a.when && Mentions(*a.when, kTimeField)) || Mentions(a.record, kTimeField);
  });
}

// Polled events carry the instant of their request, but under the virtual clock.
Status CheckInstants(const RuleSet& rules, const RunSpec& spec, const FedBy& fed_by) {
  if (!fed_by.polled || spec.clock == Clock::kVirtual) return {};
  for (const Rule& rule : rules.rules) {
    if (!NeedsInstant(rule)) continue;
    return Invalid("rule " + Quoted(rule.name) +
                   " needs the instants of events, and polled events have those of their requests, "
                   "which nobody can make again");
  }
  return {};
}

// Runs the rules over a run's events.
class RulesOverRun {
 public:
  RulesOverRun(const RuleSet& rules, const FinishedRun& run)
      : run_(run),
        symbols_(run.spec.id_prefix),
        compiled_(rules, &symbols_),
        evaluator_(compiled_),
        events_(*run.replay, &symbols_) {}

  // Calls visit(position, kind, arrival, facts, outputs) for each event that arrived or may have
  // and that a rule looks at, in plan order; it says whether to go on. `steps(facts)`: where to put
  // the steps of this event, or null.
  template <typename Steps, typename Visit>
  Status Walk(Steps steps, Visit visit) {
    return run_.replay->Walk([&](const ReplayedRun& of_lane) {
      for (std::uint32_t i = 0; i < of_lane.count; ++i) {
        const Kind kind = KindOf(of_lane.records[i].action);
        if (compiled_.needs(kind) == 0) continue;  // every rule needs its key
        const Arrival arrival = run_.arrivals.Of(kind, of_lane.first + i);
        if (arrival == Arrival::kNever || !RecordFacts::Valid(of_lane.records[i])) continue;
        EventFacts facts;
        events_.Read(of_lane, i, compiled_.needs(kind), compiled_.needs_time(kind), &facts);
        const std::span<const RuleOutput> outputs =
            evaluator_.Process(facts, events_, steps(facts));
        if (!visit(of_lane.first + i, arrival, facts, outputs)) return false;
      }
      return true;
    });
  }

  [[nodiscard]] const CompiledRules& compiled() const { return compiled_; }
  [[nodiscard]] RecordSymbols& symbols() { return symbols_; }
  [[nodiscard]] RecordEvents& events() { return events_; }
  [[nodiscard]] std::string TextOf(std::uint64_t symbol) const {
    std::string text;
    symbols_.AppendText(symbol, &text);
    return text;
  }

 private:
  const FinishedRun& run_;
  RecordSymbols symbols_;
  const CompiledRules compiled_;
  Evaluator evaluator_;
  RecordEvents events_;
};

constexpr auto kNoSteps = [](const EventFacts&) {
  return static_cast<std::vector<RuleStep>*>(nullptr);
};

// Takes up a run that is over.
Result<FinishedRun> TakeUp(const std::string& run_dir, const Manifest& manifest,
                           const FedBy& fed_by, const RuleSet& rules, int threads) {
  if (!manifest.finished) {
    return Invalid(run_dir + ": the run is not over, so its events are not known yet");
  }
  if (Status s = CheckInstants(rules, manifest.spec, fed_by); !s.ok()) return s;
  return LoadRun(run_dir, fed_by, threads);
}

// One line about an event and what it did to the rules, for a history.
std::string StepText(const RuleSet& rules, Position position, std::string_view line,
                     Arrival arrival, const std::vector<RuleStep>& steps) {
  std::string text =
      "event " + std::to_string(position) + ArrivalText(arrival) + " " + std::string(line);
  for (const RuleStep& step : steps) {
    const Rule& rule = rules.rules[step.rule];
    text += " -> " + rule.name + ":";
    for (std::size_t i = 0; i < step.after.size(); ++i) {
      text += " " + rule.state[i].name + " " + step.before[i] + " to " + step.after[i] + ",";
    }
    switch (step.answer) {
      case RuleStep::Answer::kNotValid:
        text += " no instant";
        break;
      case RuleStep::Answer::kLate:
        text += " late, dropped";
        break;
      case RuleStep::Answer::kNothing:
        text += " nothing";
        break;
      case RuleStep::Answer::kCoolDown:
        text += " nothing before the cool-down is over";
        break;
      case RuleStep::Answer::kOutput:
        text += " output";
        if (rule.alternatives.size() > 1) {
          text += " by alternative " + std::to_string(step.alternative + 1);
        }
        break;
    }
  }
  return text;
}

class RulesVerifier {
 public:
  RulesVerifier(const VerifyOptions& options, const RuleSet& rules,
                const std::vector<std::string>& only, const std::atomic<bool>& stop)
      : options_(options), rules_(rules), only_(only), stop_(stop) {}

  Result<Verification> Do() {
    for (const auto step : {&RulesVerifier::Load, &RulesVerifier::Open, &RulesVerifier::Tell,
                            &RulesVerifier::WaitForRest}) {
      if (Status s = (this->*step)(); !s.ok()) return s;
    }
    return Judge();
  }

 private:
  Status Load() {
    Result<JudgedRun> judged = OpenJudgedRun(options_.run_dir, options_.from, options_.fed_by);
    if (!judged) return judged.error();
    manifest_ = std::move(judged->manifest);
    fed_by_ = judged->fed_by;
    Result<FinishedRun> run =
        TakeUp(options_.run_dir, manifest_, fed_by_, rules_, options_.threads);
    if (!run) return run.error();
    run_ = std::move(*run);

    for (const OutputTopic& topic : OutputTopicsOf(rules_, manifest_.spec.scenario.compat)) {
      if (!only_.empty() && std::find(only_.begin(), only_.end(), topic.name) == only_.end()) {
        continue;
      }
      topic_of_[topic.name] = topics_.size();
      topics_.push_back(topic);
    }
    return {};
  }

  Status Open() {
    CollectorTopics wanted;
    std::vector<ContentMatcher::Topic> matched;
    for (std::size_t i = 0; i < topics_.size(); ++i) {
      const auto renamed = options_.topics.find(topics_[i].name);
      // The collector hands on what it is given, whatever output that is; rules are at most 64.
      wanted.outputs[static_cast<OutputKind>(i)] =
          renamed == options_.topics.end() ? topics_[i].name : renamed->second;
      matched.push_back({topics_[i].name, topics_[i].sequence, topics_[i].key_path});
    }
    matcher_ = std::make_unique<ContentMatcher>(
        std::move(matched),
        [own = OwnNumbersOf(manifest_.spec), player = IdForm("player", manifest_.spec.id_prefix),
         server = IdForm("server", "")](std::string_view key) {
          if (player.Foreign(key)) return true;
          if (!own) return false;
          if (const auto number = player.Number(key)) return !own(false, *number);
          const auto number = server.Number(key);
          return number && !own(true, *number);
        });

    constexpr std::string_view kFile = "file:";
    Result<std::unique_ptr<Collector>> collector = [&]() -> Result<std::unique_ptr<Collector>> {
      if (options_.from.starts_with(kFile)) {
        return CollectFromFiles(options_.from.substr(kFile.size()), wanted);
      }
      if (options_.from.find("://") == std::string::npos) {
        return Invalid("'" + options_.from +
                       "' is neither kafka://HOST:PORT[,HOST:PORT] nor file:DIR");
      }
      const Result<KafkaAddress> address = ParseKafkaUrl(options_.from);
      if (!address) return address.error();
      if (address->embedded) {
        return Invalid(
            "the embedded Kafka lives only in its run, and --rules verifies runs that "
            "are over");
      }
      return CollectFromKafka(
          {address->brokers, options_.settings, options_.connect_timeout, options_.timeout}, wanted,
          options_.log, stop_);
    }();
    if (!collector) return collector.error();
    collector_ = std::move(*collector);
    return {};
  }

  Status Poll(milliseconds timeout) {
    return collector_->Poll(timeout, [this](const CollectedRecord& record) {
      ++collected_;
      const auto topic = static_cast<std::size_t>(*record.output);
      if (record.line) {
        matcher_->AddLine(topic, record.partition, record.value);
      } else {
        matcher_->AddProduced(topic, record.partition, record.key, record.value);
      }
    });
  }

  // What cannot be judged whatever comes: rules whose events have no order that is known.
  void ExcludeUnordered() {
    const ManifestDestination& destination = manifest_.destinations[fed_by_.destination];
    if (fed_by_.polled || !destination.to.starts_with("kafka://")) return;
    for (const Rule& rule : rules_.rules) {
      const auto topic = topic_of_.find(rule.output);
      if (topic == topic_of_.end() || !rule.has_memory() ||
          IsPartitionKey(rule, manifest_.spec.scenario.compat)) {
        continue;
      }
      const auto start =
          destination.start_offsets.find(destination.topics[static_cast<unsigned>(rule.input)]);
      if (start != destination.start_offsets.end() && start->second.size() == 1) continue;
      matcher_->DoNotJudge(topic->second);
      notes_.push_back(rule.output + " is not judged: rule " + rule.name + " has the key " +
                       rule.key +
                       ", its input is partitioned by another one, and so the order of "
                       "its events is not known");
    }
  }

  Status Tell() {
    ExcludeUnordered();
    RulesOverRun over(rules_, run_);
    Status failed;
    Position events = 0;
    Status walked = over.Walk(kNoSteps, [&](Position, Arrival arrival, const EventFacts& facts,
                                            std::span<const RuleOutput> outputs) {
      const bool certain = arrival == Arrival::kCertain;
      if (!certain) DoNotJudge(facts, over);
      for (const RuleOutput& output : outputs) {
        const auto topic = topic_of_.find(rules_.rules[output.rule].output);
        if (topic == topic_of_.end()) continue;
        matcher_->Expect(topic->second, output.key, output.value, certain);
      }
      if (++events % kPollEvery == 0) {
        failed = stop_.load(std::memory_order_relaxed)
                     ? Status(Code::kInterrupted, "interrupted while the events were made again")
                     : Poll(milliseconds(0));
      }
      return failed.ok();
    });
    return walked.ok() ? failed : walked;
  }

  // Nobody knows the state of these keys from here on.
  void DoNotJudge(const EventFacts& facts, const RulesOverRun& over) {
    for (const Rule& rule : rules_.rules) {
      const auto topic = topic_of_.find(rule.output);
      if (rule.input != facts.kind || topic == topic_of_.end() || !rule.has_memory()) continue;
      if (IsRuleKey(rule, rule.output_key)) {
        matcher_->DoNotJudge(topic->second,
                             over.TextOf(facts.values[*FindField(rule.input, rule.key)]));
      } else {
        matcher_->DoNotJudge(topic->second);
      }
    }
  }

  [[nodiscard]] bool Complete() const {
    for (std::size_t i = 0; i < topics_.size(); ++i) {
      if (matcher_->Outstanding(i) > 0) return false;
    }
    return true;
  }

  Status WaitForRest() {
    const bool files = options_.from.starts_with("file:");
    const milliseconds grace = std::min(kGrace, options_.timeout);
    const auto began = steady_clock::now();
    auto said = began;
    std::uint64_t judged_at = ~std::uint64_t{0};  // collected_ when it was last found incomplete
    while (true) {
      if (stop_.load(std::memory_order_relaxed)) {
        return {Code::kInterrupted, "interrupted while waiting for outputs"};
      }
      if (Status s = Poll(milliseconds(100)); !s.ok()) return s;
      if (files) {
        if (collector_->at_end()) return {};
        continue;
      }
      const auto waited = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began);
      const milliseconds quiet = std::min(collector_->quiet_for(), waited);
      if (quiet >= options_.timeout) return {};
      if (quiet >= grace && collector_->at_end() && judged_at != collected_) {
        judged_at = collected_;
        if (Complete()) return {};
      }
      if (options_.log && steady_clock::now() - said >= kSayEvery) {
        said = steady_clock::now();
        options_.log("waiting for outputs; " + FormatCount(collected_) + " records so far");
      }
    }
  }

  Result<Verification> Judge() {
    Verification result;
    Verdict& verdict = result.verdict;
    verdict.run_id = manifest_.run_id;
    verdict.from = options_.from;
    verdict.rules = VerdictRulesOf(rules_);
    bool wanted = false;
    for (std::size_t i = 0; i < topics_.size(); ++i) {
      verdict.outputs.push_back(matcher_->Judge(i));
      for (const auto& examples : verdict.outputs.back().examples)
        wanted = wanted || !examples.empty();
    }
    verdict.notes = notes_;
    AddRunNotes(options_.run_dir, fed_by_, run_, &verdict.notes);
    if (matcher_->not_judged() > 0) {
      verdict.notes.push_back(FormatCount(matcher_->not_judged()) + " keys are not judged");
    }
    if (!wanted) return result;
    const auto histories = std::make_shared<Histories>();
    if (Status s = GatherHistories(verdict, histories.get()); !s.ok()) return s;
    result.history = [histories](const std::string& name, const std::string& key) {
      const auto found = histories->find({name, key});
      return found == histories->end() ? std::vector<std::string>() : found->second.Lines();
    };
    return result;
  }

  using Histories = std::map<std::pair<std::string, std::string>, HistoryLines>;  // output, key

  // The events of the keys in the examples, with each rule's state before and after.
  Status GatherHistories(const Verdict& verdict, Histories* histories) {
    RulesOverRun over(rules_, run_);
    std::set<std::uint64_t> keys;
    for (const Comparison& comparison : verdict.outputs) {
      for (const auto& examples : comparison.examples) {
        for (const FlawExample& example : examples) {
          histories->emplace(std::pair(comparison.name, example.key), HistoryLines());
          keys.insert(over.symbols().Of(example.key));
        }
      }
    }
    std::vector<RuleStep> steps;
    const auto key_of = [&](const EventFacts& facts, const Rule& rule) {
      return facts.values[*FindField(rule.input, rule.key)];
    };
    const auto asked = [&](const EventFacts& facts) -> std::vector<RuleStep>* {
      steps.clear();
      const bool any = std::any_of(rules_.rules.begin(), rules_.rules.end(), [&](const Rule& r) {
        return r.input == facts.kind && keys.count(key_of(facts, r)) > 0;
      });
      return any ? &steps : nullptr;
    };
    return over.Walk(asked, [&](Position position, Arrival arrival, const EventFacts& facts,
                                std::span<const RuleOutput>) {
      std::map<std::pair<std::string, std::string>, std::vector<RuleStep>> of_output;
      for (RuleStep& step : steps) {
        const Rule& rule = rules_.rules[step.rule];
        of_output[{rule.output, over.TextOf(key_of(facts, rule))}].push_back(std::move(step));
      }
      for (const auto& [place, its_steps] : of_output) {
        const auto history = histories->find(place);
        if (history == histories->end()) continue;
        history->second.Add(StepText(rules_, position, over.events().Line(), arrival, its_steps));
      }
      return !stop_.load(std::memory_order_relaxed);
    });
  }

  const VerifyOptions& options_;
  const RuleSet& rules_;
  const std::vector<std::string>& only_;
  const std::atomic<bool>& stop_;
  Manifest manifest_;
  FedBy fed_by_;
  FinishedRun run_;
  std::vector<OutputTopic> topics_;
  std::map<std::string, std::size_t> topic_of_;  // index into topics_
  std::vector<std::string> notes_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<ContentMatcher> matcher_;
  std::uint64_t collected_ = 0;
};

}  // namespace

std::vector<OutputTopic> OutputTopicsOf(const RuleSet& rules, bool compat) {
  std::vector<OutputTopic> topics;
  for (const std::string& name : rules.Outputs()) {
    OutputTopic topic;
    topic.name = name;
    std::optional<std::set<std::vector<std::string>>> paths;
    int writers = 0;
    bool ordered = true;
    for (const Rule& rule : rules.rules) {
      if (rule.output != name) continue;
      ++writers;
      ordered =
          rule.has_memory() && IsPartitionKey(rule, compat) && IsRuleKey(rule, rule.output_key);
      for (const Alternative& alternative : rule.alternatives) {
        std::set<std::vector<std::string>> found = KeyPaths(rule, alternative);
        if (paths) {
          std::set<std::vector<std::string>> both;
          std::set_intersection(paths->begin(), paths->end(), found.begin(), found.end(),
                                std::inserter(both, both.end()));
          paths = std::move(both);
        } else {
          paths = std::move(found);
        }
      }
    }
    topic.sequence = ordered && writers == 1;
    if (paths && !paths->empty()) topic.key_path = *paths->begin();
    topics.push_back(std::move(topic));
  }
  return topics;
}

Result<Verification> VerifyRules(const VerifyOptions& options, const RuleSet& rules,
                                 const std::vector<std::string>& only,
                                 const std::atomic<bool>& stop) {
  return RulesVerifier(options, rules, only, stop).Do();
}

Status ExpectRules(const std::string& run_dir, const std::string& fed_by, const RuleSet& rules,
                   const std::string& only, int threads,
                   const std::function<bool(std::string_view lines)>& sink) {
  const Result<Manifest> manifest = ReadManifest(run_dir);
  if (!manifest) return manifest.error();
  FedBy from;
  if (!fed_by.empty()) {
    const Result<FedBy> found = FindFedBy(*manifest, fed_by);
    if (!found) return found.error();
    from = *found;
  }
  const Result<FinishedRun> run = TakeUp(run_dir, *manifest, from, rules, threads);
  if (!run) return run.error();

  RulesOverRun over(rules, *run);
  std::string lines;
  bool going = true;
  Status walked = over.Walk(
      kNoSteps, [&](Position, Arrival, const EventFacts&, std::span<const RuleOutput> outputs) {
        for (const RuleOutput& output : outputs) {
          const std::string& topic = rules.rules[output.rule].output;
          if (!only.empty() && topic != only) continue;
          lines += R"({"output":")" + topic + R"(","key":)";
          AppendJsonText(output.key, &lines);
          lines += R"(,"value":)" + output.value + "}\n";
        }
        if (lines.size() < kSinkBytes) return true;
        going = sink(lines);
        lines.clear();
        return going;
      });
  if (!walked.ok()) return walked;
  if (going && !lines.empty()) sink(lines);
  return {};
}

VerdictRules VerdictRulesOf(const RuleSet& rules) {
  return {rules.name, rules.file, Sha256Hex(rules.text), rules.text};
}

}  // namespace playload
