// Rules over whole runs: what they expect against the existing fast path, against the naive
// evaluator over the lines that were sent, and what the verification says of damaged outputs.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "generator/base/text.h"
#include "generator/judge/rule_topics.h"
#include "generator/judge/rules_judge.h"
#include "generator/reference/run_pipeline.h"
#include "generator/replay/record_events.h"
#include "generator/replay/walker.h"
#include "generator/rules/load.h"
#include "generator/rules/naive.h"
#include "generator/run/ledger.h"
#include "generator/run/manifest.h"
#include "generator/verify/expect.h"
#include "tests/judge/pipeline_world.h"
#include "tests/verify/rules_world.h"
#include "transports/kafka/embedded.h"

namespace playload {
namespace {

using testing::RulesRun;
using testing::RulesSpec;
using testing::SplitLines;

RuleSet Load(const std::string& name) {
  const Result<RuleSet> rules = LoadRuleSet(name);
  REQUIRE_MESSAGE(rules.has_value(), rules.error().message());
  return *rules;
}

std::vector<RecordedEvent> LinesOf(const RunSpec& spec,
                                   const std::vector<std::int64_t>& stamps = {}) {
  std::vector<RecordedEvent> lines;
  REQUIRE(WalkRun(spec, stamps, 1)([&](const StreamEvent& e) {
            lines.push_back({e.kind, std::string(e.value)});
            return true;
          }).ok());
  return lines;
}

// Every value of every field, in every form that a run may have.
TEST_CASE("Facts of a record are the facts of its line") {
  std::vector<RunSpec> specs;
  for (const std::string& name : BuiltInScenarios()) specs.push_back(RulesSpec(name, 20'000));
  specs.push_back(RulesSpec("fraud-and-overload", 20'000));
  specs.back().id_prefix = "ab-1";
  specs.back().event_types = EventTypes::kExtended;
  for (const TimestampForm form :
       {TimestampForm::kMillis, TimestampForm::kMicros, TimestampForm::kNaiveMicros}) {
    specs.push_back(RulesSpec("fraud-ring", 5'000));
    specs.back().timestamp_form = form;
    specs.back().scenario.plan = {{1'234'567, 9'876'543, 1'000'000'000}, {7'654'321, 7'654'321, 0}};
  }
  specs.push_back(RulesSpec("fraud-and-overload", 20 * kBatchEvents));
  specs.back().clock = Clock::kLive;
  specs.back().rate_max = true;  // the instants are those of the batches
  for (const RunSpec& spec : specs) {
    CAPTURE(spec.scenario.name);
    std::vector<std::int64_t> stamps;
    for (std::int64_t i = 0; spec.rate_max && i < 20; ++i) {
      stamps.push_back(spec.start_ns + i * 1'700'000'000);
    }
    const std::vector<RecordedEvent> lines = LinesOf(spec, stamps);
    const Replay replay(spec, stamps, std::nullopt, 2);
    RecordSymbols symbols(spec.id_prefix);
    RecordEvents records(replay, &symbols);
    ParsedEvents parsed(&symbols);
    std::size_t at = 0;
    std::size_t wrong = 0;
    REQUIRE(replay
                .Walk([&](const ReplayedRun& run) {
                  for (std::uint32_t i = 0; i < run.count; ++i, ++at) {
                    if (!RecordFacts::Valid(run.records[i])) continue;
                    EventFacts of_record;
                    EventFacts of_line;
                    records.Read(run, i, ~0u, true, &of_record);
                    const bool valid =
                        parsed.Read(lines[at].kind, lines[at].line, ~0u, true, &of_line);
                    bool same = valid && of_record.kind == of_line.kind &&
                                of_record.time_ns == of_line.time_ns &&
                                (records.Line() == lines[at].line || IsFaulty(run.records[i]));
                    for (std::size_t f = 0; f < FieldsOf(of_line.kind).size(); ++f) {
                      same = same && of_record.values[f] == of_line.values[f];
                      if (FieldsOf(of_line.kind)[f].type != FieldType::kText) continue;
                      std::string a;
                      std::string b;
                      std::string c;
                      records.AppendText(f, &a);
                      parsed.AppendText(f, &b);
                      symbols.AppendText(of_record.values[f], &c);
                      same = same && a == b && a == c;
                    }
                    if (!same && ++wrong < 3) MESSAGE(lines[at].line);
                  }
                  return true;
                })
                .ok());
    CHECK(at == lines.size());
    CHECK(wrong == 0);
  }
}

TEST_CASE("The rule set dataflow expects what the fast path does, in every scenario") {
  const RuleSet rules = Load("dataflow");
  for (const std::string& name : BuiltInScenarios()) {
    CAPTURE(name);
    RunSpec spec = RulesSpec(name, 40'000);
    if (name == "fraud-ring") spec.id_prefix = "abc";
    const RulesRun run(spec);
    std::string fast;
    REQUIRE(Expect(run.run_dir(), "", std::nullopt, 2, [&](std::string_view lines) {
              fast += lines;
              return true;
            }).ok());
    const std::string by_rules = run.Expected(rules);
    CHECK(fast.size() > 1'000'000);
    CHECK((by_rules == fast));  // without printing either
    // And what the reference pipeline makes of the lines.
    ReferencePipeline pipeline;
    std::vector<ReferencePipeline::OutputRecord> outputs;
    std::string produced;
    for (const RecordedEvent& event : LinesOf(spec)) {
      outputs.clear();
      pipeline.Process(static_cast<ReferencePipeline::Input>(event.kind), event.line, &outputs);
      for (const auto& output : outputs) {
        produced += std::string(R"({"output":")") +
                    ReferencePipeline::kOutputNames[static_cast<int>(output.output)] +
                    R"(","key":")" + output.key + R"(","value":)" + output.value + "}\n";
      }
    }
    CHECK((produced == by_rules));
  }
}

// Lower thresholds, for more outputs of a short run.
void Lower(Expr* expr) {
  if (expr->op == Expr::Op::kGreater && expr->of[1].op == Expr::Op::kNumber &&
      expr->of[1].number > 2 && expr->of[1].number < 50) {
    expr->of[1].number = 1;
  }
  for (Expr& operand : expr->of) Lower(&operand);
}

TEST_CASE("Over a run, the rules expect what the naive evaluator makes of the lines sent") {
  // Slow enough that an hour has few events, and quick enough that windows have several.
  std::map<std::string, std::size_t> outputs;  // by rule set
  for (const auto& [scenario, milli_rate] :
       {std::pair{"fraud-ring", 100'000}, std::pair{"fraud-and-overload", 2'000},
        std::pair{"compat", 2'000}}) {
    CAPTURE(scenario);
    RunSpec spec = RulesSpec(scenario, 3'500);
    spec.scenario.plan = {{milli_rate, milli_rate, 0}};
    const RulesRun run(spec);
    const std::vector<RecordedEvent> lines = LinesOf(spec);
    for (const std::string& name : BuiltInRuleSets()) {
      CAPTURE(name);
      RuleSet rules = Load(name);
      for (Rule& rule : rules.rules) {
        for (Alternative& a : rule.alternatives) {
          if (a.when) Lower(&*a.when);
        }
      }
      std::string naive;
      for (const NaiveOutput& output : NaiveOutputs(rules, lines)) {
        if (output.open) continue;  // it need not come
        naive += R"({"output":")" + rules.rules[output.rule].output + R"(","key":")" + output.key +
                 R"(","value":)" + output.value + "}\n";
        ++outputs[name];
      }
      CHECK(run.Expected(rules) == naive);
    }
  }
  for (const std::string& name : BuiltInRuleSets()) {
    CAPTURE(name);
    MESSAGE(name << ": " << outputs[name] << " outputs");
    CHECK(outputs[name] >= 5);
  }
}

TEST_CASE("verify --rules: right outputs pass, wrapped, bare, and written otherwise") {
  const RulesRun run(RulesSpec("fraud-and-overload", 40'000));
  RuleSet rules = Load("impossible-travel");
  std::vector<std::string> lines = SplitLines(run.Expected(rules));
  REQUIRE(lines.size() > 20);
  run.Write("travel-alerts", lines);
  const Verification right = run.Judge(rules);
  CHECK(right.verdict.passed());
  REQUIRE(right.verdict.outputs.size() == 1);
  CHECK(right.verdict.outputs[0].expected == lines.size());
  CHECK(right.verdict.outputs[0].matched == lines.size());
  REQUIRE(right.verdict.rules.has_value());
  CHECK(right.verdict.rules->text == rules.text);
  CHECK(right.verdict.rules->sha256.size() == 64);
  CHECK(VerdictJson(right.verdict).find("\"sha256\": \"" + right.verdict.rules->sha256) !=
        std::string::npos);

  for (std::string& line : lines) {
    const std::size_t value = line.find("\"value\":") + 8;
    line = line.substr(value, line.size() - value - 1);
    const std::size_t shops = line.find("\"shops\":2");
    if (shops != std::string::npos) line.replace(shops, 9, "\"shops\": 2.0e0");
  }
  run.Write("travel-alerts", lines);
  CHECK(run.Judge(rules).verdict.passed());
}

TEST_CASE("verify --rules: what is damaged is called by its name, with the key's history") {
  const RulesRun run(RulesSpec("fraud-and-overload", 40'000));
  const RuleSet rules = Load("impossible-travel");
  const std::vector<std::string> right = SplitLines(run.Expected(rules));
  const auto counts = [&](const std::vector<std::string>& lines) {
    run.Write("travel-alerts", lines);
    return testing::Counts(run.Judge(rules).verdict.outputs[0]);
  };
  const std::string n = std::to_string(right.size());
  const std::string n1 = std::to_string(right.size() - 1);
  // expected/matched missing unexpected duplicate wrong
  std::vector<std::string> lines = right;
  lines.erase(lines.begin() + 7);
  CHECK(counts(lines) == n + "/" + n1 + " 1 0 0 0");
  const Verification lost = run.Judge(rules);
  const FlawExample& example = lost.verdict.outputs[0].examples[0][0];
  CHECK(right[7].find(example.expected) != std::string::npos);
  REQUIRE(lost.history);
  const std::vector<std::string> history = lost.history("travel-alerts", example.key);
  REQUIRE_FALSE(history.empty());
  const auto shows = [&](const std::string& text) {
    return std::any_of(history.begin(), history.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  };
  CHECK(shows("shops 0 -> 1, nothing"));
  CHECK(shows("shops 1 -> 2, output"));
  CHECK(shows("\"user_id\":\"" + example.key + "\""));
  CHECK(lost.history("travel-alerts", "player_0").empty());

  lines = right;
  lines.push_back(right[7]);
  CHECK(counts(lines) == n + "/" + n + " 0 0 1 0");
  lines = right;
  lines[7].replace(lines[7].find("\"shops\":"), 9, "\"shops\":7");
  CHECK(counts(lines) == n + "/" + n1 + " 0 0 0 1");
  lines = right;
  lines.emplace_back(R"({"output":"travel-alerts","key":"player_999999999","value":{"a":1}})");
  lines.emplace_back("not JSON");
  lines.emplace_back(R"({"no":"key"})");
  CHECK(counts(lines) == n + "/" + n + " 0 0 0 0 unreadable 3");
  lines = right;
  lines.push_back(right[7]);
  lines.back().replace(lines.back().find("\"shops\":"), 9, "\"shops\":7");
  CHECK(counts(lines) == n + "/" + n + " 0 1 0 0");
  lines = right;
  lines.emplace_back(R"({"output":"travel-alerts","key":"player_x_7","value":{"a":1}})");
  CHECK(counts(lines) == n + "/" + n + " 0 0 0 0 foreign 1");

  // The first two alerts of a user the other way round.
  for (std::size_t i = 0; i < right.size(); ++i) {
    const std::string key = right[i].substr(0, right[i].find(",\"value\""));
    const auto next = std::find_if(right.begin() + static_cast<std::ptrdiff_t>(i) + 1, right.end(),
                                   [&](const std::string& line) { return line.starts_with(key); });
    if (next == right.end()) continue;
    lines = right;
    std::swap(lines[i], lines[static_cast<std::size_t>(next - right.begin())]);
    CHECK(counts(lines) == n + "/" + n1 + " 0 0 0 1");
    break;
  }
}

// The same outputs of the same broken pipelines: the matcher that knows the four outputs and the
// one that knows none agree about which outputs are wrong.
TEST_CASE("A verdict that failed says what explains it, in words and as JSON") {
  const RulesRun run(RulesSpec("fraud-and-overload", 40'000));
  const RuleSet rules = Load("dataflow");
  RuleSet wrong = rules;
  for (Rule& rule : wrong.rules) {
    if (rule.output == "fraud-alerts") rule.alternatives[0].when->of[1].number = 3;
  }
  wrong.text = RuleSetText(wrong);
  run.Write("fraud-alerts", SplitLines(run.Expected(wrong, "fraud-alerts")));
  const Verification judged = run.Judge(rules, {"fraud-alerts"});
  const std::optional<Explanations>& causes = judged.verdict.outputs[0].causes;
  REQUIRE(causes.has_value());
  REQUIRE_FALSE(causes->found.empty());
  CHECK(causes->found[0].explains == causes->differing);
  const std::string all = FormatCount(causes->differing);
  CHECK(VerdictText(judged.verdict, {})
            .find("\n\nfraud-alerts: what explains it\n  "
                  "'transactions > 5' is 'transactions > 3': what came "
                  "for " +
                  all + " of " + all +
                  " keys with differences, and for "
                  "all of ") != std::string::npos);
  const std::string json = VerdictJson(judged.verdict);
  CHECK(json.find("\"what\": \"'transactions > 5' is 'transactions > 3'\"") != std::string::npos);
  CHECK(json.find("\"rule\": \"fraud-detection\"") != std::string::npos);
  CHECK(json.find("\"differing\": " + std::to_string(causes->differing)) != std::string::npos);

  run.Write("fraud-alerts", SplitLines(run.Expected(rules, "fraud-alerts")));
  const Verification passed = run.Judge(rules, {"fraud-alerts"});
  CHECK_FALSE(passed.verdict.outputs[0].causes.has_value());
  CHECK(VerdictJson(passed.verdict).find("causes") == std::string::npos);
}

TEST_CASE("verify --rules agrees with the fast path about broken pipelines") {
  const RunSpec spec = RulesSpec("fraud-and-overload", 40'000);
  const RulesRun run(spec);
  RuleSet rules = Load("dataflow");
  const std::vector<RecordedEvent> events = LinesOf(spec);
  for (const char* const broken :
       {"", "threshold=4", "threshold=6", "server-ge-80", "ignore-currency", "drop-one-in=10"}) {
    CAPTURE(broken);
    PipelineBreakage breakage;
    if (*broken != '\0') REQUIRE(ParseBreakage(broken, &breakage).ok());
    ReferencePipeline pipeline(breakage);
    std::map<std::string, std::vector<std::string>> produced;
    std::vector<ReferencePipeline::OutputRecord> outputs;
    for (const RecordedEvent& event : events) {
      outputs.clear();
      pipeline.Process(static_cast<ReferencePipeline::Input>(event.kind), event.line, &outputs);
      for (const auto& o : outputs) {
        const std::string name = ReferencePipeline::kOutputNames[static_cast<int>(o.output)];
        produced[name].push_back(R"({"output":")" + name + R"(","key":")" + o.key +
                                 R"(","value":)" + o.value + "}");
      }
    }
    for (const char* const name : ReferencePipeline::kOutputNames) run.Write(name, produced[name]);
    VerifyOptions options;
    options.run_dir = run.run_dir();
    options.from = "file:" + run.folder + "/outputs";
    const Result<Verification> fast = Verify(options, testing::kGoOn);
    REQUIRE(fast.has_value());
    const Verification by_rules = run.Judge(rules);
    REQUIRE(by_rules.verdict.outputs.size() == fast->verdict.outputs.size());
    CHECK(by_rules.verdict.rules->sha256 == fast->verdict.rules->sha256);
    CHECK(fast->verdict.passed() == (*broken == '\0'));
    for (const Comparison& expected : fast->verdict.outputs) {
      const auto got =
          std::find_if(by_rules.verdict.outputs.begin(), by_rules.verdict.outputs.end(),
                       [&](const Comparison& c) { return c.name == expected.name; });
      REQUIRE(got != by_rules.verdict.outputs.end());
      CAPTURE(expected.name);
      CHECK(got->expected == expected.expected);
      CHECK(got->passed() == expected.passed());
      if (std::string(broken) != "threshold=4") CHECK(got->matched == expected.matched);
    }
  }
}

TEST_CASE("verify --rules: what failed is not expected, what is unknown is not judged") {
  const RunSpec spec = RulesSpec("fraud-and-overload", 40'000);
  const RulesRun run(spec);
  const RuleSet rules = Load("dataflow");
  Result<std::vector<LedgerEntry>> ledger = ReadLedger(run.run_dir());
  REQUIRE(ledger.has_value());
  LedgerEntry& entry = (*ledger)[0];
  const Result<Manifest> manifest = ReadManifest(run.run_dir());
  REQUIRE(manifest.has_value());
  entry.intervals[static_cast<unsigned>(Fate::kFailed)] = {{10'000, 19'999}};
  entry.intervals[static_cast<unsigned>(Fate::kUnknown)] = {{20'000, 29'999}};
  entry.fates[0] = {};
  for (unsigned k = 0; k < kKinds; ++k) {
    const std::uint64_t quarter = entry.generated[k] / 4;
    entry.fates[static_cast<unsigned>(Fate::kFailed)][k] = quarter;
    entry.fates[static_cast<unsigned>(Fate::kUnknown)][k] = quarter;
    entry.fates[0][k] = entry.generated[k] - 2 * quarter;
  }
  REQUIRE(WriteLedger(run.run_dir(), manifest->run_id, *ledger).ok());

  const std::vector<RecordedEvent> events = LinesOf(spec);
  for (const bool unknown_came : {false, true}) {
    CAPTURE(unknown_came);
    ReferencePipeline pipeline;
    std::map<std::string, std::vector<std::string>> produced;
    std::vector<ReferencePipeline::OutputRecord> outputs;
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (i >= 10'000 && i < (unknown_came ? 20'000u : 30'000u)) continue;
      outputs.clear();
      pipeline.Process(static_cast<ReferencePipeline::Input>(events[i].kind), events[i].line,
                       &outputs);
      for (const auto& o : outputs) {
        const std::string name = ReferencePipeline::kOutputNames[static_cast<int>(o.output)];
        produced[name].push_back(R"({"output":")" + name + R"(","key":")" + o.key +
                                 R"(","value":)" + o.value + "}");
      }
    }
    for (const char* const name : ReferencePipeline::kOutputNames) run.Write(name, produced[name]);
    const Verification found = run.Judge(rules);
    CAPTURE(VerdictText(found.verdict, nullptr));
    CHECK(found.verdict.passed());
    CHECK(found.verdict.notes.size() == 3);
    for (const Comparison& c : found.verdict.outputs) {
      if (c.name == "player-session-summaries") CHECK((c.may > 0) == unknown_came);
    }
  }
}

// Three partitions each: order is known per key only, and of keys that are not the partitions' not
// at all.
TEST_CASE("verify --rules: from Kafka, after the reference pipeline, and keys in no order") {
  std::vector<std::string> topics(ReferencePipeline::kInputNames,
                                  ReferencePipeline::kInputNames + ReferencePipeline::kInputs);
  topics.insert(topics.end(), ReferencePipeline::kOutputNames,
                ReferencePipeline::kOutputNames + ReferencePipeline::kOutputs);
  const Result<std::unique_ptr<EmbeddedKafka>> kafka = EmbeddedKafka::Start(topics, 3);
  REQUIRE_MESSAGE(kafka.has_value(), kafka.error().message());
  const std::string address = "kafka://" + (*kafka)->bootstrap();
  const RulesRun run(RulesSpec("fraud-and-overload", 20'000), address);
  PipelineOptions pipeline;
  pipeline.brokers = (*kafka)->bootstrap();
  pipeline.until_idle = std::chrono::milliseconds(300);
  const Result<PipelineReport> report = RunPipeline(pipeline, testing::kGoOn);
  REQUIRE_MESSAGE(report.has_value(), report.error().message());

  RuleSet rules = Load("dataflow");
  VerifyOptions options;
  options.run_dir = run.run_dir();
  options.from = address;
  options.timeout = std::chrono::milliseconds(3'000);
  options.rules = rules;
  Result<Verification> found = Verify(options, testing::kGoOn);
  REQUIRE_MESSAGE(found.has_value(), found.error().message());
  CAPTURE(VerdictText(found->verdict, nullptr));
  CHECK(found->verdict.passed());
  CHECK(found->verdict.notes.empty());
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(found->verdict.outputs[i].matched == report->written[i]);
  }

  // One rule that the pipeline does not follow.
  rules.rules[3].alternatives[0].when->of[1].number = 6;
  options.timeout = std::chrono::milliseconds(1'000);
  options.rules = rules;
  options.only = {"fraud-alerts"};
  found = Verify(options, testing::kGoOn);
  REQUIRE_MESSAGE(found.has_value(), found.error().message());
  REQUIRE(found->verdict.outputs.size() == 1);
  CHECK_FALSE(found->verdict.passed());
  // One whose order of events nobody knows.
  rules.rules[3].key = "parameters.currency";
  rules.rules[3].output_key = FieldExpr("user_data.user_id");
  REQUIRE(CheckRules(rules).ok());
  options.rules = rules;
  found = Verify(options, testing::kGoOn);
  REQUIRE_MESSAGE(found.has_value(), found.error().message());
  CHECK(found->verdict.passed());
  CHECK(found->verdict.outputs[0].expected == 0);
  CHECK(found->verdict.outputs[0].may == report->written[3]);
  REQUIRE(found->verdict.notes.size() == 1);
  CHECK(found->verdict.notes[0].find("fraud-detection has the key parameters.currency") !=
        std::string::npos);
}

TEST_CASE(
    "Windows that answer when they close: those that are open at the end may be answered or not") {
  RunSpec spec = RulesSpec("fraud-and-overload", 60'000);
  spec.scenario.plan = {{500'000, 500'000, 0}};  // two minutes
  const RulesRun run(spec);
  const RuleSet rules = Load("spend-per-minute");
  std::vector<std::string> closed = SplitLines(run.Expected(rules));
  std::vector<std::string> open;
  for (const NaiveOutput& output : NaiveOutputs(rules, LinesOf(spec))) {
    if (!output.open) continue;
    open.push_back(R"({"output":"spend-per-minute","key":")" + output.key + R"(","value":)" +
                   output.value + "}");
  }
  REQUIRE(closed.size() > 100);
  REQUIRE(open.size() > 100);
  run.Write("spend-per-minute", closed);
  CHECK(run.Judge(rules).verdict.passed());
  std::vector<std::string> all = closed;
  all.insert(all.end(), open.begin(), open.end());
  run.Write("spend-per-minute", all);
  const Verdict with_open = run.Judge(rules).verdict;
  CHECK(with_open.passed());
  CHECK(with_open.outputs[0].may == open.size());
  CHECK(with_open.outputs[0].matched == closed.size());
  // But one that is closed must come, and an open one must be right.
  all.erase(all.begin() + 7);
  const std::size_t at = all.back().find("\"purchases\":") + 12;
  all.back().insert(at, "9");
  run.Write("spend-per-minute", all);
  const Verdict wrong = run.Judge(rules).verdict;
  CHECK(wrong.outputs[0].flaw(Flaw::kMissing) == 1);
  CHECK(wrong.outputs[0].flaw(Flaw::kUnexpected) == 1);
}

TEST_CASE("Where the order of a key's events is not known, its outputs are counted") {
  // The fraud rule by item, whose events come from six partitions: any order of them.
  RuleSet rules = Load("dataflow");
  rules.rules.erase(rules.rules.begin(), rules.rules.begin() + 3);
  Rule& rule = rules.rules[0];
  rule.key = "parameters.item_id";
  rule.alternatives.pop_back();
  rule.alternatives[0].when->of[1].number = 40;
  REQUIRE(CheckRules(rules).ok());
  const RunSpec spec = RulesSpec("fraud-and-overload", 60'000);
  const Replay replay(spec, {}, std::nullopt, 1);
  // What a pipeline says that has them in another order.
  std::vector<RecordedEvent> shuffled = LinesOf(spec);
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(5));
  const std::vector<NaiveOutput> outputs = NaiveOutputs(rules, shuffled);
  REQUIRE(outputs.size() > 100);
  const auto judged = [&](std::size_t without, std::size_t twice, Delivery delivery) {
    RulesJudgeOptions options;
    options.rules = rules;
    options.partitioned = {true, true, true};
    options.delivery = delivery;
    const auto judge = MakeRulesJudge(std::move(options));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      CollectedRecord record;
      record.output = 0;
      record.partition = static_cast<std::int32_t>(i % 3);
      record.key = outputs[i].key;
      record.value = outputs[i].value;
      for (int n = i == without ? 0 : i == twice ? 2 : 1; n > 0; --n) {
        judge->AddProduced(record, -1);
      }
    }
    judge->Begin(replay);
    std::array<Arrival, kRunLength> all{};
    REQUIRE(replay
                .Walk([&](const ReplayedRun& told) {
                  judge->Tell(told, all.data());
                  return true;
                })
                .ok());
    judge->End();
    CHECK(judge->Outstanding() == (without < outputs.size()));
    std::vector<std::string> notes;
    judge->AddNotes(&notes);
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].find("only how many each key has is judged") != std::string::npos);
    return judge->Judge(0);
  };
  const std::size_t none = outputs.size();
  const Comparison right = judged(none, none, Delivery::kExactlyOnce);
  CHECK(right.passed());
  CHECK(right.expected == outputs.size());
  CHECK(right.matched == outputs.size());
  CHECK(right.may == 0);
  const Comparison lost = judged(3, none, Delivery::kExactlyOnce);
  CHECK(lost.flaw(Flaw::kMissing) == 1);
  REQUIRE(!lost.examples[0].empty());
  CHECK(lost.examples[0][0].key == outputs[3].key);
  CHECK(lost.examples[0][0].expected.find("whatever the order of its events") != std::string::npos);
  CHECK(judged(none, 5, Delivery::kExactlyOnce).flaw(Flaw::kUnexpected) == 1);
  CHECK(judged(none, 5, Delivery::kAtLeastOnce).repeats == 1);

  // Keys that no event has, before all was told and afterwards: the same.
  for (const bool late : {false, true}) {
    RulesJudgeOptions options;
    options.rules = rules;
    options.partitioned = {true, true, true};
    const auto judge = MakeRulesJudge(std::move(options));
    const auto strange = [&] {
      for (int i = 0; i < 30; ++i) {
        const std::string key = (i % 2 == 0 ? "player_9990" : "nobody ") + std::to_string(i % 15);
        CollectedRecord record;
        record.output = 0;
        record.key = key;
        record.value = outputs[0].value;
        judge->AddProduced(record, -1);
      }
    };
    if (!late) strange();
    judge->Begin(replay);
    std::array<Arrival, kRunLength> all{};
    const auto tell = [&](const ReplayedRun& told) {
      judge->Tell(told, all.data());
      return true;
    };
    REQUIRE(replay.Walk(tell).ok());
    judge->End();
    if (late) strange();
    const Comparison c = judge->Judge(0);
    CHECK(c.flaw(Flaw::kUnexpected) == 30);
    CHECK(c.may == 0);
    CHECK(c.seen() == 30);
    const auto& examples = c.examples[static_cast<unsigned>(Flaw::kUnexpected)];
    REQUIRE(examples.size() == kExamples);
    CHECK(examples[0].key == "nobody 0");
    CHECK(examples[0].got == "1 output");
  }
}

TEST_CASE("At the edge of lateness a key is not judged, and a note says so") {
  RunSpec spec = RulesSpec("data-faults", 60'000);  // purchases come 1 to 30 s late
  spec.timestamp_form = TimestampForm::kMicros;     // and none exactly at the bound
  const RulesRun run(spec);
  RuleSet rules = Load("velocity");
  rules.rules[0].window.lateness_ns = 2'000'000'000;
  std::uint64_t may[2];
  for (const bool edge : {false, true}) {
    rules.rules[0].window.edge_ns = edge ? 1'500'000'000 : 0;
    run.Write("velocity-alerts", SplitLines(run.Expected(rules)));
    const Verdict verdict = run.Judge(rules).verdict;
    CHECK(verdict.passed());
    may[edge ? 1 : 0] = verdict.outputs[0].may;
    const bool noted = std::any_of(verdict.notes.begin(), verdict.notes.end(), [](const auto& n) {
      return n.find("at the edge of being late") != std::string::npos;
    });
    CHECK(noted == edge);
  }
  CHECK(may[0] == 0);
  CHECK(may[1] > 0);
}

TEST_CASE("What a window makes an answer wait is known to whoever measures latency") {
  RunSpec spec = RulesSpec("fraud-and-overload", 60'000);
  spec.scenario.plan = {{500'000, 500'000, 0}};
  const RulesRun run(spec);
  const RuleSet rules = Load("spend-per-minute");
  RulesJudgeOptions options;
  options.rules = rules;
  const auto judge = MakeRulesJudge(std::move(options));
  LatencyMeter::Options measured;
  measured.outputs = judge->latency_outputs();
  const Plan plan(spec.scenario.plan);
  measured.instants = [&](Position p) {
    const std::int64_t planned = spec.start_ns + plan.PlannedAt(p);
    return LatencyMeter::Instants{planned, planned, planned};
  };
  LatencyMeter meter(measured);
  judge->MeasureWith(&meter);
  const Replay replay(spec, {}, std::nullopt, 1);
  judge->Begin(replay);
  std::array<Arrival, kRunLength> all{};
  REQUIRE(replay
              .Walk([&](const ReplayedRun& told) {
                judge->Tell(told, all.data());
                return true;
              })
              .ok());
  judge->End();
  // A pipeline that takes 40 ms from the moment at which a window's 5 s of lateness are over.
  std::uint64_t seen = 0;
  for (const NaiveOutput& output : NaiveOutputs(rules, LinesOf(spec))) {
    if (output.open) continue;
    CollectedRecord record;
    record.output = 0;
    record.key = output.key;
    record.value = output.value;
    const std::int64_t minute = 60'000'000'000;
    const std::int64_t planned = spec.start_ns + plan.PlannedAt(output.cause);
    const std::int64_t closes = (planned / minute + 1) * minute + 5'000'000'000;
    judge->AddProduced(record, closes + 40'000'000);
    ++seen;
  }
  const OutputLatency latency = meter.Report().at(0);
  CHECK(latency.total.count() == seen);
  CHECK(latency.total.max() <= 41'000'000);
  CHECK(latency.total.Percentile(1) >= 39'000'000);
}

TEST_CASE("Polled events: the first of each kind, and no rule that needs their instants") {
  const RunSpec spec = RulesSpec("fraud-and-overload", 20'000);
  const RulesRun run(spec);
  Result<Manifest> manifest = ReadManifest(run.run_dir());
  REQUIRE(manifest.has_value());
  manifest->destinations[0].to = "http://127.0.0.1:1";
  manifest->destinations[0].polled = {{500, 400, 300}};
  const auto expect = [&](const RuleSet& rules, std::string* lines) {
    REQUIRE(WriteManifest(run.run_dir(), *manifest).ok());
    return ExpectRules({run.run_dir(), "polled", "", "", 1}, rules, [lines](std::string_view some) {
      *lines += some;
      return true;
    });
  };
  std::vector<RecordedEvent> first;
  std::array<std::uint64_t, kKinds> left = {500, 400, 300};
  for (RecordedEvent& event : LinesOf(spec)) {
    std::uint64_t& of_kind = left[static_cast<unsigned>(event.kind)];
    if (of_kind == 0) continue;
    --of_kind;
    first.push_back(std::move(event));
  }
  RuleSet rules = Load("dataflow");
  rules.rules.erase(rules.rules.begin() + 2);  // server alerts have the instant
  for (const Clock clock : {Clock::kVirtual, Clock::kLive}) {
    manifest->spec.clock = clock;
    std::string lines;
    REQUIRE(expect(rules, &lines).ok());
    CHECK(SplitLines(lines).size() == NaiveOutputs(rules, first).size());
  }
  std::string none;
  for (const char* const name : {"dataflow", "velocity", "impossible-travel", "level-spike"}) {
    CAPTURE(name);
    const Status refused = expect(Load(name), &none);
    CHECK(refused.code() == Code::kInvalid);
    CHECK(refused.message().find("instants") != std::string::npos);
  }
  CHECK(none.empty());
  CHECK(expect(Load("sustained-overload"), &none).ok());
}

TEST_CASE("OutputTopicsOf: which topics are sequences, and where their keys stand") {
  const std::vector<OutputTopic> topics = OutputTopicsOf(Load("dataflow"), false);
  REQUIRE(topics.size() == 4);
  using Path = std::vector<std::string>;
  CHECK(topics[0].name == "player-session-summaries");
  CHECK_FALSE(topics[0].sequence);
  CHECK(topics[0].key_path == Path{"player_id"});
  using Field = ContentMatcher::Field;
  CHECK(topics[0].fields == std::vector<Field>{{{"event_count"}, ExprType::kWhole, false},
                                               {{"player_id"}, ExprType::kText, false}});
  CHECK(topics[1].fields == std::vector<Field>{{{"total_amount"}, ExprType::kNumber, true},
                                               {{"transaction_count"}, ExprType::kWhole, true}});
  CHECK(topics[2].fields.size() == 8);
  CHECK(topics[2].fields.back() == Field{{"server_data", "server_type"}, ExprType::kText, false});
  CHECK(topics[3].fields == std::vector<Field>{{{"reason"}, ExprType::kText, false},
                                               {{"user_id"}, ExprType::kText, false}});
  CHECK(topics[1].sequence);
  CHECK(topics[1].key_path.empty());
  CHECK_FALSE(topics[2].sequence);
  CHECK(topics[2].key_path == Path{"parameters", "server_id"});
  CHECK(topics[3].sequence);
  CHECK(topics[3].key_path == Path{"user_id"});
  CHECK_FALSE(OutputTopicsOf(Load("dataflow"), true)[3].sequence);
  RuleSet rules = Load("impossible-travel");
  CHECK(OutputTopicsOf(rules, false)[0].sequence);
  rules.rules.push_back(rules.rules[0]);  // two services
  CHECK_FALSE(OutputTopicsOf(rules, false)[0].sequence);
  rules.rules.pop_back();
  rules.rules[0].key = "parameters.item_id";
  CHECK_FALSE(OutputTopicsOf(rules, false)[0].sequence);
  rules = Load("impossible-travel");
  rules.rules[0].output_key = FieldExpr("parameters.currency");
  CHECK_FALSE(OutputTopicsOf(rules, false)[0].sequence);
  CHECK(OutputTopicsOf(rules, false)[0].key_path == Path{"currency"});
  // Of two that write to a topic, what both have: a whole number here is a number there.
  rules = Load("dataflow");
  rules.rules[3].output = rules.rules[1].output;
  rules.rules[3].alternatives.resize(1);
  rules.rules[3].alternatives[0].record = rules.rules[1].alternatives[0].record;
  std::swap(rules.rules[3].alternatives[0].record[0].name,
            rules.rules[3].alternatives[0].record[1].name);
  rules.rules[3].state = rules.rules[1].state;
  CHECK(OutputTopicsOf(rules, false)[1].fields ==
        std::vector<Field>{{{"total_amount"}, ExprType::kNumber, true},
                           {{"transaction_count"}, ExprType::kNumber, true}});
  rules = Load("dataflow");
  rules.rules[0].output = rules.rules.back().output;
  CHECK(OutputTopicsOf(rules, false)[0].fields.empty());
}

}  // namespace
}  // namespace playload
