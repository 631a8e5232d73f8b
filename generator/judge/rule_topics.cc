#include "generator/judge/rule_topics.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "generator/base/text.h"
#include "generator/run/json_file.h"

namespace playload {

namespace {

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

// Whether the value may be none: of a state of which nothing is known yet, or not finite.
bool MayBeNull(const Expr& expr) { return expr.op == Expr::Op::kState || !expr.of.empty(); }

using FieldsByPath = std::map<std::vector<std::string>, ContentMatcher::Field>;

void FindFields(const Rule& rule, const std::vector<RecordField>& record,
                std::vector<std::string>* path, FieldsByPath* fields) {
  for (const RecordField& field : record) {
    path->push_back(field.name);
    if (field.value) {
      (*fields)[*path] = {*path, TypeOf(rule, *field.value), MayBeNull(*field.value)};
    } else {
      FindFields(rule, field.fields, path, fields);
    }
    path->pop_back();
  }
}

// Of an alternative's record.
FieldsByPath FieldsIn(const Rule& rule, const Alternative& alternative) {
  FieldsByPath fields;
  std::vector<std::string> path;
  if (!alternative.event) {
    FindFields(rule, alternative.record, &path, &fields);
    return fields;
  }
  for (const EventField& field : FieldsOf(rule.input)) {
    const std::size_t dot = field.path.find('.');
    path = {std::string(field.path.substr(0, dot))};
    if (dot != std::string_view::npos) path.emplace_back(field.path.substr(dot + 1));
    fields[path] = {path, TypeOf(rule, FieldExpr(std::string(field.path))), false};
  }
  return fields;
}

// What both have; where one has a text and the other a number, nothing is known of that field.
FieldsByPath Both(const FieldsByPath& a, const FieldsByPath& b) {
  FieldsByPath both;
  for (const auto& [path, field] : a) {
    const auto other = b.find(path);
    if (other == b.end()) continue;
    const ExprType other_type = other->second.type;
    const bool same = other_type == field.type;
    if (!same && (field.type == ExprType::kText || other_type == ExprType::kText)) continue;
    both[path] = {path, same ? field.type : ExprType::kNumber,
                  field.nullable || other->second.nullable};
  }
  return both;
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
    if (value.field == kTimeField || (value.where && Mentions(*value.where, kTimeField))) {
      return true;
    }
  }
  return std::any_of(rule.alternatives.begin(), rule.alternatives.end(), [](const Alternative& a) {
    return a.event || (a.when && Mentions(*a.when, kTimeField)) || Mentions(a.record, kTimeField);
  });
}

}  // namespace

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

bool IsOrderUnknown(const Rule& rule, const std::array<bool, kKinds>& partitioned, bool compat) {
  return partitioned[static_cast<unsigned>(rule.input)] && rule.has_memory() &&
         !IsPartitionKey(rule, compat);
}

bool IsRuleKey(const Rule& rule, const Expr& expr) {
  return expr.op == Expr::Op::kKey || (expr.op == Expr::Op::kField && expr.name == rule.key);
}

std::vector<OutputTopic> OutputTopicsOf(const RuleSet& rules, bool compat) {
  std::vector<OutputTopic> topics;
  for (const std::string& name : rules.Outputs()) {
    OutputTopic topic;
    topic.name = name;
    std::optional<std::set<std::vector<std::string>>> paths;
    std::optional<FieldsByPath> fields;
    int writers = 0;
    bool ordered = true;
    for (const Rule& rule : rules.rules) {
      if (rule.output != name) continue;
      ++writers;
      ordered =
          rule.has_memory() && IsPartitionKey(rule, compat) && IsRuleKey(rule, rule.output_key);
      for (const Alternative& alternative : rule.alternatives) {
        FieldsByPath of_alternative = FieldsIn(rule, alternative);
        fields = fields ? Both(*fields, of_alternative) : std::move(of_alternative);
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
    if (fields) {
      for (auto& [path, field] : *fields) topic.fields.push_back(std::move(field));
    }
    topics.push_back(std::move(topic));
  }
  return topics;
}

Status CheckInstants(const RuleSet& rules, const RunSpec& spec, bool polled) {
  if (!polled || spec.clock == Clock::kVirtual) return {};
  for (const Rule& rule : rules.rules) {
    if (!NeedsInstant(rule)) continue;
    return Invalid("rule " + Quoted(rule.name) +
                   " needs the instants of events, and polled events have those of their requests, "
                   "which nobody can make again");
  }
  return {};
}

std::vector<LatencyOutput> LatencyOutputsOf(const RuleSet& rules) {
  std::vector<LatencyOutput> outputs;
  for (const std::string& name : rules.Outputs()) {
    LatencyOutput output{name, {}};
    for (const Rule& rule : rules.rules) {
      if (rule.output == name) output.parts.push_back(rule.name);
    }
    if (output.parts.size() < 2) output.parts.clear();
    outputs.push_back(std::move(output));
  }
  return outputs;
}

VerdictRules VerdictRulesOf(const RuleSet& rules) {
  return {rules.name, rules.file, Sha256Hex(rules.text), rules.text};
}

}  // namespace playload
