#include "generator/rules/load.h"

#include <algorithm>
#include <utility>

#include "generator/base/embedded.h"
#include "generator/base/text.h"
#include "generator/base/yaml.h"
#include "generator/rules/expression.h"

namespace playload {

extern const EmbeddedFile kRuleFiles[];  // made by cmake/Embed.cmake from scenarios/rules/

namespace {

constexpr std::int64_t kLongest = std::int64_t{3'650} * 86'400 * 1'000'000'000;
constexpr std::int64_t kShortest = 1'000'000;

bool IsPath(const std::string& name_or_path) {
  return name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".yaml") ||
         name_or_path.ends_with(".yml");
}

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  Result<RuleSet> Read(const YamlNode& root) {
    RuleSet set;
    set.file = file_;
    YamlFields fields(file_, root, "rule set");
    fields.Text("rule_set", &set.name, true);
    fields.Text("about", &set.about);
    const YamlNode* rules = fields.Node("rules", true);
    if (Status s = fields.Finish(); !s.ok()) return s;
    while (!set.about.empty() && (set.about.back() == '\n' || set.about.back() == ' ')) {
      set.about.pop_back();
    }
    if (rules->kind != YamlNode::Kind::kList || rules->list.empty()) {
      return At(rules->line, "rules must be a list with at least one rule");
    }
    for (const YamlNode& node : rules->list) {
      Rule rule;
      if (Status s = ReadRule(node, &rule); !s.ok()) return s;
      set.rules.push_back(std::move(rule));
    }
    return set;
  }

 private:
  [[nodiscard]] Status At(int line, const std::string& message) const {
    return Invalid(file_ + ":" + std::to_string(line) + ": " + message);
  }
  [[nodiscard]] Status InRule(int line, const std::string& message) const {
    return At(line, "rule " + Quoted(rule_) + ": " + message);
  }

  Status ReadExpr(const YamlNode& node, const std::string& what, Expr* out) const {
    if (node.kind != YamlNode::Kind::kText) {
      return InRule(node.line, what + " must be an expression, on one line");
    }
    Result<Expr> expr = ParseExpr(node.text, input_, node.line);
    if (!expr) return InRule(node.line, what + ": " + expr.error().message());
    *out = std::move(*expr);
    return {};
  }

  Status ReadRule(const YamlNode& node, Rule* rule) {
    rule->line = node.line;
    YamlFields fields(file_, node, "rule");
    std::string input;
    fields.Text("rule", &rule->name, true);
    fields.Text("input", &input, true);
    fields.Text("key", &rule->key, true);
    const YamlNode* state = fields.Node("state");
    const YamlNode* window = fields.Node("window");
    fields.Duration("cool_down", kShortest, kLongest, &rule->cool_down_ns);
    fields.Text("output", &rule->output, true);
    const YamlNode* output_key = fields.Node("output_key");
    const YamlNode* first_of = fields.Node("first_of");
    const YamlNode* when = fields.Node("when");
    const YamlNode* record = fields.Node("record");
    if (Status s = fields.Finish(); !s.ok()) return s;
    rule_ = rule->name;

    const std::vector<std::string> inputs(kRuleInputs, kRuleInputs + kKinds);
    const auto found = std::find(inputs.begin(), inputs.end(), input);
    if (found == inputs.end()) {
      return InRule(node.line, "unknown input " + Quoted(input) + DidYouMean(input, inputs));
    }
    rule->input = input_ = static_cast<Kind>(found - inputs.begin());
    if (state != nullptr) {
      if (Status s = ReadState(*state, rule); !s.ok()) return s;
    }
    if (window != nullptr) {
      if (Status s = ReadWindow(*window, rule); !s.ok()) return s;
    }
    if (output_key != nullptr) {
      if (Status s = ReadExpr(*output_key, "output_key", &rule->output_key); !s.ok()) return s;
    }
    if ((first_of == nullptr) == (record == nullptr) || (first_of != nullptr && when != nullptr)) {
      return InRule(node.line, "needs either 'record', with or without 'when', or 'first_of'");
    }
    if (record != nullptr) return ReadAlternative(record->line, when, *record, rule);
    return ReadFirstOf(*first_of, rule);
  }

  Status ReadFirstOf(const YamlNode& node, Rule* rule) {
    if (node.kind != YamlNode::Kind::kList || node.list.empty()) {
      return InRule(node.line, "first_of must be a list with at least one entry");
    }
    for (const YamlNode& entry : node.list) {
      YamlFields fields(file_, entry, "first_of");
      const YamlNode* when = fields.Node("when");
      const YamlNode* record = fields.Node("record", true);
      if (Status s = fields.Finish(); !s.ok()) return s;
      if (Status s = ReadAlternative(entry.line, when, *record, rule); !s.ok()) return s;
    }
    return {};
  }

  Status ReadAlternative(int line, const YamlNode* when, const YamlNode& record, Rule* rule) const {
    Alternative alternative;
    alternative.line = line;
    if (when != nullptr) {
      if (Status s = ReadExpr(*when, "when", &alternative.when.emplace()); !s.ok()) return s;
    }
    if (record.kind == YamlNode::Kind::kText && record.text == "event") {
      alternative.event = true;
    } else if (record.kind != YamlNode::Kind::kMap || record.map.empty()) {
      return InRule(record.line, "a record is 'event', or a map with at least one field");
    } else if (Status s = ReadRecord(record, &alternative.record); !s.ok()) {
      return s;
    }
    rule->alternatives.push_back(std::move(alternative));
    return {};
  }

  Status ReadRecord(const YamlNode& node, std::vector<RecordField>* record) const {
    for (std::size_t i = 0; i < node.map.size(); ++i) {
      RecordField field;
      field.name = node.map[i].first;
      field.line = node.key_lines[i];
      // Before any message says it.
      if (Status s = CheckRecordField(field.name); !s.ok()) {
        return InRule(field.line, s.message());
      }
      const YamlNode& value = node.map[i].second;
      if (value.kind == YamlNode::Kind::kMap) {
        if (Status s = ReadRecord(value, &field.fields); !s.ok()) return s;
      } else if (Status s = ReadExpr(value, "record: " + field.name, &field.value.emplace());
                 !s.ok()) {
        return s;
      }
      record->push_back(std::move(field));
    }
    return {};
  }

  // "sum parameters.amount where ..."
  Status ReadState(const YamlNode& node, Rule* rule) const {
    if (node.kind != YamlNode::Kind::kMap || node.map.empty()) {
      return InRule(node.line, "state must be a map of names to values such as 'count'");
    }
    const std::vector<std::string> names(kAggregateNames, kAggregateNames + kAggregateForms);
    for (std::size_t i = 0; i < node.map.size(); ++i) {
      StateValue value;
      value.name = node.map[i].first;
      value.line = node.key_lines[i];
      const std::string what = "state " + Quoted(value.name);
      if (node.map[i].second.kind != YamlNode::Kind::kText) {
        return InRule(value.line, what + " must be such as 'count' or 'sum FIELD where CONDITION'");
      }
      std::string_view text = node.map[i].second.text;
      const std::string word = TakeWord(&text);
      const auto aggregate = std::find(names.begin(), names.end(), word);
      if (aggregate == names.end()) {
        return InRule(value.line, what + ": unknown " + Quoted(word) + DidYouMean(word, names));
      }
      value.aggregate = static_cast<Aggregate>(aggregate - names.begin());
      if (value.aggregate != Aggregate::kCount) {
        value.field = TakeWord(&text);
        if (value.field.empty()) return InRule(value.line, what + ": " + word + " needs a field");
      }
      if (!text.empty()) {
        const std::string where = TakeWord(&text);
        if (where != "where") {
          return InRule(value.line, what + ": expected 'where' or the end, not " + Quoted(where));
        }
        Result<Expr> condition = ParseExpr(text, rule->input, value.line);
        if (!condition) {
          return InRule(value.line, what + ": where: " + condition.error().message());
        }
        value.where = std::move(*condition);
      }
      rule->state.push_back(std::move(value));
    }
    return {};
  }

  static std::string TakeWord(std::string_view* text) {
    const auto skip = [text] {
      while (!text->empty() && (text->front() == ' ' || text->front() == '\n')) {
        text->remove_prefix(1);
      }
    };
    skip();
    const std::size_t end = std::min(text->find_first_of(" \n"), text->size());
    std::string word(text->substr(0, end));
    text->remove_prefix(end);
    skip();
    return word;
  }

  Status ReadWindow(const YamlNode& node, Rule* rule) const {
    RuleWindow& window = rule->window;
    YamlFields fields(file_, node, "window");
    int forms = 0;
    for (const RuleWindow::Form form :
         {RuleWindow::Form::kTumbling, RuleWindow::Form::kSliding, RuleWindow::Form::kSession}) {
      std::int64_t size = 0;
      fields.Duration(kWindowNames[static_cast<unsigned>(form)], kShortest, kLongest, &size);
      if (size == 0) continue;
      ++forms;
      window.form = form;
      window.size_ns = size;
    }
    fields.Integer("last", 1, 100'000, &window.events);
    if (window.events > 0) {
      ++forms;
      window.form = RuleWindow::Form::kLast;
    }
    const YamlNode* lateness = fields.Node("lateness");
    fields.Duration("lateness", 0, kLongest, &window.lateness_ns);
    const YamlNode* edge = fields.Node("edge");
    fields.Duration("edge", 0, kLongest, &window.edge_ns);
    std::string answer = kAnswerNames[0];
    fields.Text("answer", &answer);
    if (Status s = fields.Finish(); !s.ok()) return s;
    if (forms != 1) {
      return InRule(node.line, "window needs one of tumbling, sliding, session and last");
    }
    const YamlNode* const of_time = lateness != nullptr ? lateness : edge;
    if (of_time != nullptr && window.form == RuleWindow::Form::kLast) {
      return InRule(node.line, std::string("window: last goes by arrival; leave out '") +
                                   (of_time == lateness ? "lateness" : "edge") + "'");
    }
    const std::vector<std::string> answers(kAnswerNames, kAnswerNames + 2);
    const auto found = std::find(answers.begin(), answers.end(), answer);
    if (found == answers.end()) {
      return InRule(node.line,
                    "window: unknown answer " + Quoted(answer) + DidYouMean(answer, answers));
    }
    window.answer = static_cast<RuleWindow::Answer>(found - answers.begin());
    return {};
  }

  const std::string file_;
  std::string rule_;  // being read
  Kind input_ = Kind::kPlayer;
};

}  // namespace

std::vector<std::string> BuiltInRuleSets() {
  std::vector<std::string> names;
  for (const EmbeddedFile* file = kRuleFiles; file->name != nullptr; ++file) {
    names.emplace_back(file->name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<RuleSet> ParseRuleSet(const std::string& file, std::string_view text) {
  const Result<YamlNode> root = ParseYaml(file, text);
  if (!root) return root.error();
  Result<RuleSet> set = Reader(file).Read(*root);
  if (!set) return set.error();
  if (Status s = CheckRules(*set); !s.ok()) return s;
  set->text = text;
  return set;
}

Result<RuleSet> LoadRuleSet(const std::string& name_or_path) {
  if (IsPath(name_or_path)) {
    const Result<std::string> text = ReadTextFile(name_or_path);
    if (!text) return text.error();
    return ParseRuleSet(name_or_path, *text);
  }
  for (const EmbeddedFile* file = kRuleFiles; file->name != nullptr; ++file) {
    if (name_or_path == file->name) {
      return ParseRuleSet(name_or_path + " (built-in)", file->content);
    }
  }
  return Invalid("unknown rule set " + Quoted(name_or_path) +
                 DidYouMean(name_or_path, BuiltInRuleSets()) +
                 " (a file's path has a '/' or ends in .yaml)");
}

}  // namespace playload
