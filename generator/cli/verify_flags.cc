#include "generator/cli/verify_flags.h"

#include <algorithm>
#include <utility>

#include "generator/base/text.h"
#include "generator/judge/judge_thresholds.h"
#include "generator/judge/reference_judge.h"
#include "generator/judge/rule_topics.h"
#include "generator/replay/outputs.h"
#include "generator/rules/load.h"

namespace playload {

namespace {

Status ReadOnly(const Flags& flags, VerifyOptions* options) {
  const std::vector<std::string> outputs = OutputsOf(options->rules);
  for (const std::string& name : flags.Texts("only")) {
    if (std::find(outputs.begin(), outputs.end(), name) == outputs.end()) {
      return flags.Wrong("only", Quoted(name) + " is no output" + DidYouMean(name, outputs));
    }
    options->only.push_back(name);
  }
  return {};
}

// --isolation, which is another word for a property of librdkafka.
Status ReadIsolation(const Flags& flags, VerifyOptions* options) {
  constexpr std::string_view kProperty = "isolation.level";
  if (!flags.Has("isolation")) return {};
  const std::string level = flags.Text("isolation");
  if (level != "read_committed" && level != "read_uncommitted") {
    return flags.Wrong("isolation",
                       Quoted(level) + " is neither read_committed nor read_uncommitted");
  }
  if (options->from.starts_with("file:")) {
    return flags.Wrong("isolation", "files know no transactions; it is for --from kafka://...");
  }
  const std::string given = options->settings.Get(kProperty);
  if (!given.empty() && given != level) {
    return flags.Wrong("isolation", level + " contradicts the Kafka property isolation.level=" +
                                        given + ", which is given too; leave one of them out");
  }
  options->settings = options->settings.With(kProperty, level);
  return {};
}

Status ReadThresholds(const Flags& flags, VerifyOptions* options) {
  const ThresholdNames names =
      VerdictNames(options->rules ? LatencyOutputsOf(*options->rules) : ReferenceLatencyOutputs());
  for (const std::string& text : flags.Texts("threshold")) {
    Result<Threshold> threshold = ParseThreshold(text, names);
    if (!threshold) return flags.Wrong("threshold", threshold.error().message());
    options->latency = options->latency || threshold->latency();
    options->thresholds.push_back(std::move(*threshold));
  }
  return {};
}

}  // namespace

std::vector<Flag> VerifyFlags() {
  return {
      {"rules", "NAME|FILE",
       "what the pipeline is to do: a built-in rule set, or a file of one (default: dataflow)"},
      {"only", "OUTPUT", "verify this output alone; repeat it for several", true},
      {"delivery", "PROMISE",
       "what the pipeline promises: exactly-once (default), or at-least-once, under which exact "
       "repeats of outputs are allowed"},
      {"isolation", "LEVEL",
       "Kafka: read_committed (default), or read_uncommitted, which also sees what transactions "
       "did not commit"},
      {"locate", "",
       "Kafka: find partition and offset of the events behind the examples, in the input topics"},
      {"no-causes", "",
       "do not look for what explains the differences (a second for each million events)"},
      {"threshold", "CONDITION",
       "what must hold of it, too: 'alert_latency.p(99)<2s', 'matched{fraud-alerts}>=100'; exit "
       "code 99 if it does not",
       true},
  };
}

Result<std::optional<RuleSet>> ReadRules(const Flags& flags) {
  if (!flags.Has("rules") || flags.Text("rules") == kReferenceRules) {
    return std::optional<RuleSet>();
  }
  Result<RuleSet> loaded = LoadRuleSet(flags.Text("rules"));
  if (!loaded) return flags.Wrong("rules", loaded.error().message());
  return std::optional<RuleSet>(std::move(*loaded));
}

Status ReadVerifyFlags(const Flags& flags, VerifyOptions* options) {
  Result<std::optional<RuleSet>> rules = ReadRules(flags);
  if (!rules) return rules.error();
  options->rules = std::move(*rules);
  if (Status s = ReadOnly(flags, options); !s.ok()) return s;
  if (Status s = ReadIsolation(flags, options); !s.ok()) return s;
  if (Status s = ReadThresholds(flags, options); !s.ok()) return s;
  if (flags.Has("delivery")) {
    const Result<Delivery> delivery = ParseDelivery(flags.Text("delivery"));
    if (!delivery) return flags.Wrong("delivery", delivery.error().message());
    options->delivery = *delivery;
  }
  options->causes = !flags.On("no-causes");
  options->locate = flags.On("locate");
  if (options->locate && options->from.starts_with("file:")) {
    return flags.Wrong("locate", "finds events in Kafka's topics; files have no offsets");
  }
  return {};
}

std::vector<std::string> OutputsOf(const std::optional<RuleSet>& rules) {
  return rules ? rules->Outputs()
               : std::vector<std::string>(kOutputNames, kOutputNames + kOutputKinds);
}

std::vector<std::string> TopicsToRename(const std::optional<RuleSet>& rules) {
  std::vector<std::string> names(kRuleInputs, kRuleInputs + kKinds);
  const std::vector<std::string> outputs = OutputsOf(rules);
  names.insert(names.end(), outputs.begin(), outputs.end());
  return names;
}

}  // namespace playload
