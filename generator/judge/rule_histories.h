// The histories of keys under a rule set: each event of a key, what the rules of an output knew
// before and after it, and what they made of it.
//
// Threads: one thread at a time. Errors: those of Replay.

#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "generator/base/status.h"
#include "generator/judge/history.h"
#include "generator/replay/expectation.h"
#include "generator/replay/replay.h"
#include "generator/rules/rule_set.h"

namespace playload {

// Whose history: an output topic, and a key of the rules that write to it.
using RuleKey = std::pair<std::string, std::string>;

// Makes the run's events again and shows those of the keys that are wanted, in plan order. Returns
// whether to go on.
using RuleHistorySink = std::function<bool(const RuleKey& of, HistoryEvent event)>;
Status WalkRuleHistories(const RuleSet& rules, std::string_view id_prefix, const Replay& replay,
                         const Arrivals& arrivals, const HistoryTopics& topics,
                         const std::set<RuleKey>& wanted, const RuleHistorySink& sink);

}  // namespace playload
