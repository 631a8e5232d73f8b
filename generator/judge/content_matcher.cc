#include "generator/judge/content_matcher.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "generator/judge/alignment.h"
#include "generator/judge/content.h"
#include "generator/judge/sequences.h"
#include "generator/judge/uncalled.h"

namespace playload {

namespace {

using simdjson::dom::element;

constexpr std::size_t kMostTextBytes = std::size_t{256} << 20;
constexpr std::size_t kMostProducedTextBytes = std::size_t{32} << 20;  // of them
// Where what agrees is forgotten: of the latest contents, at least half of this.
constexpr std::size_t kMostRecentBytes = std::size_t{32} << 20;
constexpr std::size_t kMostShown = 1'000;  // bytes of a record
constexpr std::int32_t kNoSource = -1;
constexpr std::int32_t kSeveral = -2;

using Item = AlignedItem;
using Items = AlignedItems;

// By ExprType.
constexpr const char* kTypeNames[] = {"condition", "text", "whole number", "number"};

bool HasType(const element& value, ExprType type) {
  if (type == ExprType::kText) return value.is_string();
  double number = 0;
  return value.get(number) == simdjson::SUCCESS &&
         (type == ExprType::kNumber || number == std::floor(number));
}

bool HasField(const element& value, const ContentMatcher::Field& field) {
  element at = value;
  for (const std::string& name : field.path) {
    if (at[name].get(at) != simdjson::SUCCESS) return false;
  }
  return HasType(at, field.type) || (field.nullable && at.is_null());
}

// What makes a record none of its topic's; "" where nothing does.
std::string WhyUnreadable(const element& value, const std::vector<ContentMatcher::Field>& fields) {
  for (const ContentMatcher::Field& field : fields) {
    if (HasField(value, field)) continue;
    std::string path;
    for (const std::string& name : field.path) path += (path.empty() ? "" : ".") + name;
    return path + " is missing or no " + kTypeNames[static_cast<unsigned>(field.type)];
  }
  return "";
}

}  // namespace

struct ContentMatcher::Impl {
  struct OneTopic {
    OneTopic(Topic of, const Options& options) : topic(std::move(of)), sequences(options.forget) {
      odd.name = topic.name;
      odd.delivery = options.delivery;
    }

    Topic topic;
    std::unordered_map<std::string_view, std::uint64_t> numbers;
    std::deque<std::string> keys;       // by number
    std::vector<std::int32_t> sources;  // of each key's produced records; kNoSource, kSeveral
    SequenceMatcher<Item> sequences;
    bool closed = false;
    bool none_judged = false;
    // Of what came since nothing is judged: how much, and of how many keys that were new then.
    std::uint64_t not_compared = 0;
    std::uint64_t uncalled_keys = 0;
    // Keys that nothing is expected for, of after Close(): what is shown of the first records.
    struct OfStrangers {
      std::uint64_t records = 0;
      SmallestKeys<std::string, std::vector<std::string>> first;
    };
    std::array<OfStrangers, kFlaws> strangers;
    std::uint64_t foreign = 0;
    Comparison odd;  // what is no JSON object, or says no key

    std::uint64_t Number(std::string_view key) {
      const auto found = numbers.find(key);
      if (found != numbers.end()) return found->second;
      keys.emplace_back(key);
      sources.push_back(kNoSource);
      return numbers.emplace(keys.back(), keys.size() - 1).first->second;
    }
    [[nodiscard]] bool Full() const {
      return sequences.Full() || (!closed && uncalled_keys >= kMostUncalled);
    }
    [[nodiscard]] bool Knows(std::string_view key) const { return numbers.count(key) > 0; }

    template <typename Show>
    void AddStranger(std::string_view key, Flaw flaw, Show show) {
      OfStrangers& of_class = strangers[static_cast<unsigned>(flaw)];
      ++of_class.records;
      auto* const first = of_class.first.Of(std::string(key.substr(0, kMostShown)));
      if (first != nullptr && first->size() < kExamples) first->push_back(show());
    }

    void AddStrangers(Comparison* c) const {
      for (unsigned f = 0; f < kFlaws; ++f) {
        std::uint64_t rest = strangers[f].records;
        for (const auto& [key, texts] : strangers[f].first.values()) {
          for (const std::string& text : texts) {
            c->Add(static_cast<Flaw>(f), 1, [&, key = key] { return FlawExample{key, "", text}; });
          }
          rest -= texts.size();
        }
        c->Add(static_cast<Flaw>(f), rest, MoreThanAreKept);
      }
    }
  };

  std::deque<OneTopic> topics;
  Foreign foreign;
  bool forget = false;
  bool recalls = false;
  bool settled = false;
  ContentReader reader;
  using Texts = std::unordered_map<std::uint64_t, std::string>;  // of contents
  Texts texts;
  Texts older;  // with `forget`: those before them
  std::size_t text_bytes = 0;
  std::size_t produced_text_bytes = 0;  // of them, of contents that nobody expected when they came

  // `why`: what makes it unreadable, or "".
  void KeepText(std::uint64_t content, std::string_view text, const std::string& why,
                bool produced) {
    if (forget && text_bytes >= kMostRecentBytes / 2) {
      older = std::exchange(texts, {});
      text_bytes = 0;
      produced_text_bytes = 0;
    }
    if (text_bytes >= kMostTextBytes) return;
    if (produced && produced_text_bytes >= kMostProducedTextBytes) return;
    const auto [kept, is_new] = texts.try_emplace(content);
    if (!is_new) return;
    kept->second = Shown(text, why);
    const std::size_t bytes = kept->second.size() + 64;
    text_bytes += bytes;
    produced_text_bytes += produced ? bytes : 0;
  }

  [[nodiscard]] std::string TextOf(const Item& item) const {
    for (const Texts* kept : {&texts, &older}) {
      const auto found = kept->find(item.content);
      if (found != kept->end()) return found->second;
    }
    return "(more contents than are kept)";
  }

  // What an example shows of a record.
  static std::string Shown(std::string_view value, const std::string& why) {
    std::string text(value.substr(0, kMostShown));
    if (value.size() > kMostShown) text += "...";
    if (!why.empty()) text += " (" + why + ")";
    return text;
  }

  void AddUnreadable(OneTopic* topic, std::string_view key, const std::string& why,
                     std::string_view value) {
    topic->odd.Add(Flaw::kUnreadable, 1, [&] {
      return FlawExample{std::string(key.substr(0, 100)), "", Shown(value, why)};
    });
  }

  void JudgeKey(const OneTopic& topic, std::uint64_t key, const Items& expected,
                const Items& produced, Comparison* c) const {
    const auto certain = static_cast<std::uint64_t>(
        std::count_if(expected.begin(), expected.end(), [](const Item& i) { return !i.may; }));
    if (topic.none_judged) {
      c->may += produced.size();
      return;
    }
    c->expected += certain;
    const Alignment found = topic.topic.sequence && topic.sources[key] != kSeveral
                                ? AlignSequences(expected, produced)
                                : AlignMultisets(expected, produced);
    for (const std::size_t e : found.matched) ++(expected[e].may ? c->may : c->matched);
    const std::string& name = topic.keys[key];
    for (const auto& [e, p] : found.instead) {
      c->Add(Flaw::kWrong, 1, [&, e = e, p = p] {
        return FlawExample{name, TextOf(expected[e]), TextOf(produced[p])};
      });
    }
    for (const std::size_t e : found.missing) {
      c->Add(Flaw::kMissing, 1, [&] { return FlawExample{name, TextOf(expected[e]), ""}; });
    }
    std::unordered_set<std::uint64_t> known;
    if (!found.surplus.empty()) {
      for (const Item& item : expected) known.insert(item.content);
    }
    for (const std::size_t p : found.surplus) {
      const bool again = known.count(produced[p].content) > 0;
      const Flaw flaw = again                    ? Flaw::kDuplicate
                        : produced[p].unreadable ? Flaw::kUnreadable
                                                 : Flaw::kUnexpected;
      c->Add(flaw, 1, [&] { return FlawExample{name, "", TextOf(produced[p])}; });
    }
  }
};

ContentMatcher::ContentMatcher(Options options) : impl_(std::make_unique<Impl>()) {
  for (Topic& topic : options.topics) impl_->topics.emplace_back(std::move(topic), options);
  impl_->foreign = std::move(options.foreign);
  impl_->forget = options.forget;
}

ContentMatcher::~ContentMatcher() = default;

ContentMatcher::Identity ContentMatcher::Expect(std::size_t topic, std::string_view key,
                                                std::string_view value, bool certain) {
  Impl::OneTopic& t = impl_->topics[topic];
  const std::uint64_t number = t.Number(key);
  const std::optional<element> json = impl_->reader.Parse(value);
  if (!json) return {};  // it is our own, and always is JSON
  const std::uint64_t content = impl_->reader.Hash(*json);
  impl_->KeepText(content, value, "", false);
  const Item item{content, !certain};
  if (impl_->recalls) {
    t.sequences.Recall(number, item);
  } else if (!t.none_judged) {
    t.sequences.AddExpected(number, item);
  }
  return {number, content};
}

bool ContentMatcher::NeedsRecall() {
  bool needs = false;
  for (Impl::OneTopic& topic : impl_->topics) needs = topic.sequences.NeedsRecall() || needs;
  return needs;
}

void ContentMatcher::Recall(bool begin) { impl_->recalls = begin; }

void ContentMatcher::DoNotJudge(std::size_t topic, std::string_view key) {
  Impl::OneTopic& t = impl_->topics[topic];
  const std::uint64_t number = t.Number(key);
  if (!impl_->recalls) t.sequences.DoNotJudge(number);
}

void ContentMatcher::DoNotJudge(std::size_t topic) { impl_->topics[topic].none_judged = true; }

void ContentMatcher::Close() {
  for (Impl::OneTopic& topic : impl_->topics) {
    topic.closed = true;
    topic.sequences.Close();
  }
}

void ContentMatcher::SetSettled(bool settled) { impl_->settled = settled; }

bool ContentMatcher::Full() const {
  return std::any_of(impl_->topics.begin(), impl_->topics.end(),
                     [](const Impl::OneTopic& topic) { return topic.Full(); });
}

std::optional<ContentMatcher::Produced> ContentMatcher::AddProduced(
    std::size_t topic, std::int32_t source, std::optional<std::string_view> key,
    std::string_view value) {
  Impl::OneTopic& t = impl_->topics[topic];
  const std::optional<element> json = impl_->reader.Parse(value);
  if (!json) {
    impl_->AddUnreadable(&t, key.value_or(""),
                         value.empty() ? "no value, as a tombstone has none" : "not JSON", value);
    return std::nullopt;
  }
  if (!json->is_object()) {
    impl_->AddUnreadable(&t, key.value_or(""), "not a JSON object", value);
    return std::nullopt;
  }
  if (!key) key = ContentReader::TextAt(*json, t.topic.key_path);
  if (!key) {
    impl_->AddUnreadable(&t, "", "neither key nor value say whom it is about", value);
    return std::nullopt;
  }
  if (impl_->foreign && impl_->foreign(*key)) {
    ++t.foreign;
    return std::nullopt;
  }
  const bool known = t.Knows(*key);
  const bool counts = !known && (t.closed || (impl_->settled && t.Full()));
  if (t.none_judged) {
    ++t.not_compared;
    if (counts) return Produced{*key, std::nullopt};
    t.uncalled_keys += known ? 0 : 1;
    return Produced{*key, Identity{t.Number(*key), impl_->reader.Hash(*json)}};
  }
  const std::string why = WhyUnreadable(*json, t.topic.fields);
  if (counts) {
    t.AddStranger(*key, why.empty() ? Flaw::kUnexpected : Flaw::kUnreadable,
                  [&] { return Impl::Shown(value, why); });
    return Produced{*key, std::nullopt};
  }
  const std::uint64_t number = t.Number(*key);
  std::int32_t& of_key = t.sources[number];
  of_key = of_key == kNoSource || of_key == source ? source : kSeveral;
  const std::uint64_t content = impl_->reader.Hash(*json);
  impl_->KeepText(content, value, why, true);
  t.sequences.AddProduced(number, {content, false, !why.empty()});
  return Produced{*key, Identity{number, content}};
}

std::optional<ContentMatcher::Produced> ContentMatcher::AddLine(std::size_t topic,
                                                                std::int32_t source,
                                                                std::string_view line) {
  const ContentReader::Line read = impl_->reader.ReadLine(line, impl_->topics[topic].topic.name);
  return AddProduced(topic, source, read.key, read.value);
}

std::uint64_t ContentMatcher::foreign() const {
  std::uint64_t foreign = 0;
  for (const Impl::OneTopic& topic : impl_->topics) foreign += topic.foreign;
  return foreign;
}

std::uint64_t ContentMatcher::Outstanding(std::size_t topic) const {
  const Impl::OneTopic& t = impl_->topics[topic];
  if (t.none_judged) return 0;
  return t.sequences.Outstanding(
      [](std::uint64_t /*key*/, const Items& expected, const Items& produced) {
        std::unordered_map<std::uint64_t, std::uint64_t> came;
        for (const Item& item : produced) ++came[item.content];
        std::uint64_t missing = 0;
        for (const Item& item : expected) {
          if (item.may) continue;
          std::uint64_t& left = came[item.content];
          left == 0 ? ++missing : --left;
        }
        return missing;
      });
}

Comparison ContentMatcher::Judge(std::size_t topic) const {
  const Impl::OneTopic& t = impl_->topics[topic];
  Comparison comparison = t.odd;
  comparison.foreign = t.foreign;
  t.sequences.Judge(
      [&](std::uint64_t /*key*/, const Items& items, std::uint32_t forgotten) {
        if (t.none_judged) {
          comparison.may += items.size() + forgotten;
          return;
        }
        comparison.expected += forgotten;
        comparison.matched += forgotten;
        for (const Item& item : items) {
          comparison.may += item.may ? 1 : 0;
          comparison.expected += item.may ? 0 : 1;
          comparison.matched += item.may ? 0 : 1;
        }
      },
      [&](std::uint64_t key, const Items& expected, const Items& produced) {
        impl_->JudgeKey(t, key, expected, produced, &comparison);
      },
      [&](std::uint64_t came) { comparison.may += came; },
      [&](Flaw flaw, std::uint64_t count, const SequenceMatcher<Item>::Examples& examples) {
        AddCounted(
            flaw, count, examples,
            [&](std::uint64_t key, const Item& item) {
              return FlawExample{t.keys[key], "", impl_->TextOf(item)};
            },
            &comparison);
      });
  comparison.may += t.not_compared;
  t.AddStrangers(&comparison);
  return comparison;
}

std::uint64_t ContentMatcher::not_judged() const {
  std::uint64_t keys = 0;
  for (const Impl::OneTopic& topic : impl_->topics) keys += topic.sequences.not_judged();
  return keys;
}

}  // namespace playload
