#include "generator/causes/record_forms.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>
#include <utility>

#include "generator/causes/field_relations.h"

namespace playload {

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::size_t kMostFields = 5;  // that are told of an output
constexpr const char* kNoKey = "have no key, and none in their values";

// By RecordSymbols::Id.
constexpr const char* kIdFields[] = {"a player's", "a session's", "a transaction's", "a server's"};

std::optional<RecordSymbols::Id> IdOf(std::string_view field) {
  using Id = RecordSymbols::Id;
  if (field == "parameters.player_id" || field == "user_data.user_id") return Id::kPlayer;
  if (field == "parameters.session_id") return Id::kSession;
  if (field == "parameters.transaction_id") return Id::kTransaction;
  if (field == "parameters.server_id") return Id::kServer;
  return std::nullopt;
}

void Flatten(const element& value, const std::string& path, JsonLeaves* leaves) {
  JsonLeaf leaf;
  switch (value.type()) {
    case element_type::OBJECT:
      for (const auto field : simdjson::dom::object(value)) {
        Flatten(field.value,
                path.empty() ? std::string(field.key) : path + "." + std::string(field.key),
                leaves);
      }
      return;
    case element_type::STRING:
      leaf.type = JsonLeaf::Type::kText;
      leaf.text = std::string_view(value);
      break;
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
      leaf.type = JsonLeaf::Type::kNumber;
      leaf.number = double(value);
      break;
    default:
      leaf.text = simdjson::minify(value);
  }
  leaves->emplace(path, std::move(leaf));
}

std::string Short(std::string_view text) {
  constexpr std::size_t kMostShown = 60;
  return text.size() > kMostShown ? std::string(text.substr(0, kMostShown)) + "..."
                                  : std::string(text);
}

// What the pairs of records, what came and what was expected in its place, have in common.
class Pairs {
 public:
  // Both are JSON, or have been.
  void Add(const std::optional<element>& expected_json, const std::optional<element>& got_json) {
    if (!expected_json || !got_json) return;
    ++pairs_;
    if (!got_json->is_object()) {
      ++(got_json->is_string() ? texts_ : got_json->is_array() ? lists_ : others_);
      return;
    }
    JsonLeaves expected;
    JsonLeaves got;
    Flatten(*expected_json, "", &expected);
    Flatten(*got_json, "", &got);
    for (const auto& [path, leaf] : expected) {
      const auto found = got.find(path);
      if (found == got.end()) {
        ++missing_[path];
        for (const auto& [other, candidate] : got) {
          if (!expected.contains(other) && candidate == leaf) ++renamed_[{path, other}];
        }
      } else if (!(found->second == leaf)) {
        fields_[path].Add(path, leaf, found->second, expected);
      }
    }
    for (const auto& [path, leaf] : got) {
      if (!expected.contains(path)) ++more_[path];
    }
  }

  void Explain(RecordForms::Found* found) const {
    AddIf(texts_, "are JSON texts that hold the JSON: encoded twice", found);
    AddIf(lists_, "are lists, and no objects", found);
    AddIf(others_, "are no JSON objects", found);
    std::map<std::string, std::uint64_t> missing = missing_;
    std::map<std::string, std::uint64_t> more = more_;
    for (const auto& [names, count] : renamed_) {
      // Every time: else two values are equal by chance.
      if (missing[names.first] != count || more[names.second] != count) continue;
      AddIf(count, names.second + " stands in the place of " + names.first, found);
      missing.erase(names.first);
      more.erase(names.second);
    }
    for (const auto& [path, count] : missing) AddIf(count, path + " is not there", found);
    for (const auto& [path, count] : more) {
      AddIf(count, path + " is there, and should not be", found);
    }
    for (const auto& [path, field] : fields_) {
      const std::optional<std::string> telling = field.Telling();
      auto& findings = telling ? found->telling : found->vague;
      findings.push_back({path + " " + telling.value_or(field.Vague()), field.pairs(), pairs_,
                          field.expected(), field.got()});
    }
    for (auto* findings : {&found->telling, &found->vague}) {
      std::stable_sort(findings->begin(), findings->end(),
                       [](const auto& a, const auto& b) { return a.records > b.records; });
      // What few records have is no pattern.
      std::erase_if(*findings, [](const auto& f) { return f.records * 10 < f.of; });
      if (findings->size() > kMostFields) findings->resize(kMostFields);
    }
  }

 private:
  void AddIf(std::uint64_t count, std::string what, RecordForms::Found* found) const {
    if (count > 0) found->telling.push_back({std::move(what), count, pairs_, "", ""});
  }

  std::uint64_t pairs_ = 0;
  std::uint64_t texts_ = 0;
  std::uint64_t lists_ = 0;
  std::uint64_t others_ = 0;
  std::map<std::string, std::uint64_t> missing_;
  std::map<std::string, std::uint64_t> more_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> renamed_;
  std::map<std::string, FieldRelations> fields_;
};

using Records = std::vector<std::pair<std::uint64_t, std::string>>;

// Those of `records` that `others` has not; each of `others` stands for one.
Records Without(const Records& records, const Records& others) {
  std::unordered_map<std::uint64_t, std::uint64_t> there;
  for (const auto& [content, value] : others) ++there[content];
  Records rest;
  for (const auto& record : records) {
    const auto found = there.find(record.first);
    if (found != there.end() && found->second > 0) {
      --found->second;
    } else {
      rest.push_back(record);
    }
  }
  return rest;
}

}  // namespace

RecordForms::RecordForms(std::string key, std::vector<OutputForm> outputs, std::size_t own,
                         const RecordSymbols* symbols)
    : key_field_(std::move(key)),
      key_id_(IdOf(key_field_)),
      outputs_(std::move(outputs)),
      own_(own),
      symbols_(symbols) {}

std::string RecordForms::FaultOf(std::string_view key) const {
  if (!key_id_) return "";
  const auto is = [&](std::string_view text, RecordSymbols::Id id) {
    const std::optional<std::uint64_t> symbol = symbols_->OfIdText(text);
    return symbol && ((*symbol ^ RecordSymbols::OfId(id, 0)) >> 56) == 0;
  };
  if (is(key, *key_id_)) return "";
  for (std::size_t i = 0; i < std::size(kIdFields); ++i) {
    if (is(key, static_cast<RecordSymbols::Id>(i))) {
      return std::string("are under ") + kIdFields[i] + " id as their key, not under " + key_field_;
    }
  }
  std::string text(key);
  const auto trim = [&text](std::string_view around) {
    while (!text.empty() && around.find(text.front()) != around.npos) text.erase(0, 1);
    while (!text.empty() && around.find(text.back()) != around.npos) text.pop_back();
  };
  trim(" \t\r\n");
  if (is(text, *key_id_)) return "have blanks around their key";
  trim("\"'");
  if (is(text, *key_id_)) return "have quotes around their key: written as JSON?";
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (is(text, *key_id_)) return "have their key in other letters, small or capital";
  return text.empty() ? "have an empty key" : "";
}

bool RecordForms::UnderKey(std::optional<std::string_view> key, std::string_view value) {
  ++came_;
  const std::string fault = key ? FaultOf(*key) : kNoKey;
  if (fault.empty()) return true;
  ++wrong_keys_;
  Counted& counted = key_faults_[fault];
  if (++counted.count == 1 && key) counted.first = Short(*key);
  LookWhose(value);
  return false;
}

// Whether it is a record of another output.
void RecordForms::LookWhose(std::string_view value) {
  if (looks_ >= kMostLooks) return;
  ++looks_;
  const std::optional<element> json = reader_.Parse(value);
  if (!json || !json->is_object()) return;
  const auto has_all = [&](const OutputForm& form) {
    return !form.fields.empty() &&
           std::all_of(form.fields.begin(), form.fields.end(), [&](const std::string& field) {
             return simdjson::dom::object(*json)[field].error() == simdjson::SUCCESS;
           });
  };
  if (has_all(outputs_[own_])) return;
  for (const OutputForm& form : outputs_) {
    if (!has_all(form)) continue;
    ++of_others_[form.name];
    return;
  }
}

void RecordForms::Came(std::uint64_t key, std::uint64_t content, std::string_view value) {
  keys_[key].came.Add(content, value);
  LookWhose(value);
}

void RecordForms::Expected(std::uint64_t key, std::uint64_t content, std::string_view value) {
  const auto found = keys_.find(key);
  if (found != keys_.end()) found->second.expected.Add(content, value);
}

bool RecordForms::Misplaced() const {
  std::uint64_t others = 0;
  for (const auto& [name, count] : of_others_) others += count;
  return (wrong_keys_ > 0 && wrong_keys_ * 2 >= came_) || (others > 0 && others * 2 >= looks_);
}

RecordForms::Found RecordForms::Explain() {
  Found found;
  const auto add = [&found](std::string what, std::uint64_t records, std::uint64_t of,
                            const std::string& got = "") {
    found.telling.push_back({std::move(what), records, of, "", got});
  };
  if (no_json_ > 0) add("are no JSON", no_json_, looked_at_);
  for (const auto& [what, counted] : key_faults_) add(what, counted.count, came_, counted.first);
  for (const auto& [name, count] : of_others_) {
    add("have the fields of " + name + ": written to the wrong topic?", count, looks_);
  }
  // Where most are about something else, a comparison tells no more.
  if (!of_others_.empty() || Misplaced()) return found;
  Pairs pairs;
  ContentReader other;
  for (const auto& [symbol, key] : keys_) {
    // Of more or fewer, which stands for which is not known.
    if (key.came.count != key.expected.count) continue;
    const Records came = Without(key.came.records, key.expected.records);
    const Records expected = Without(key.expected.records, key.came.records);
    if (came.size() != expected.size()) continue;
    for (std::size_t i = 0; i < came.size(); ++i) {
      pairs.Add(reader_.Parse(expected[i].second), other.Parse(came[i].second));
    }
  }
  pairs.Explain(&found);
  return found;
}

}  // namespace playload
