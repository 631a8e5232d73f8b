// ContentMatcher: what a correct pipeline must put out against what was put out, for any output
// topics: records compare by their content, whatever it is (docs/rules.md, "Expect and verify").
// Both sides may be told in any interleaving. output_matcher.h is the one that knows the four
// outputs of the reference pipeline.
//
// With `forget`, of keys whose sides agree only counts are kept; a verdict on keys whose sides
// differ takes the expected side again: Recall().
//
// Memory: 16 to 32 bytes for each expected record (with `forget`: that is outstanding), 50 for each
// of their keys and its text; up to kMostUncalled records of each topic (uncalled.h) that nothing
// calls for, where Full() is heeded, or what is added is settled and of strangers; the contents
// themselves, so that examples can show them, up to 256 MiB (32 MiB), of those that nobody expects
// up to 32 MiB. With `forget`, records about keys that something is expected for are all kept, even
// if nothing calls for them. Threads: one thread at a time.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/judge/verdict.h"
#include "generator/rules/rule_set.h"

namespace playload {

class ContentMatcher {
 public:
  // A field that each record of a topic has.
  struct Field {
    std::vector<std::string> path;  // names from the outside in
    ExprType type = ExprType::kText;
    bool nullable = false;  // it may be null

    bool operator==(const Field&) const = default;
  };
  struct Topic {
    std::string name;
    // Whether the records of a key have an order that is known, where they come from one source.
    bool sequence = false;
    // Where the key of a record without one stands in its value: names from the outside in. Empty:
    // nowhere.
    std::vector<std::string> key_path;
    // A record without one of them, or with another type there, is none of this topic's.
    std::vector<Field> fields;
  };
  // Whether a key is of a run with another prefix, or of another shard.
  using Foreign = std::function<bool(std::string_view key)>;

  struct Options {
    std::vector<Topic> topics;
    Foreign foreign;  // may be empty
    Delivery delivery = Delivery::kExactlyOnce;
    bool forget = false;
  };
  // Whom a record is about and what it says, as numbers. The same content of the same key of a
  // topic has the same identity.
  struct Identity {
    std::uint64_t key = 0;
    std::uint64_t content = 0;
  };

  explicit ContentMatcher(Options options);
  ~ContentMatcher();
  ContentMatcher(const ContentMatcher&) = delete;
  ContentMatcher& operator=(const ContentMatcher&) = delete;

  // The expected side, in the order of their causes. `certain`: false for outputs of events that
  // may or may not have arrived.
  Identity Expect(std::size_t topic, std::string_view key, std::string_view value, bool certain);
  // What comes under this key is not judged; or what comes in the whole topic.
  void DoNotJudge(std::size_t topic, std::string_view key);
  void DoNotJudge(std::size_t topic);

  // With `forget`, before Judge(): as of OutputMatcher.
  [[nodiscard]] bool NeedsRecall();
  void Recall(bool begin);

  // The expected side has ended.
  void Close();
  // As of OutputMatcher.
  void SetSettled(bool settled);
  // Whether more cannot be added before Close() within the memory above.
  [[nodiscard]] bool Full() const;

  struct Produced {
    std::string_view key;              // until the next call
    std::optional<Identity> identity;  // absent where nothing is expected for the key
  };
  // The produced side. `source`: a number for what keeps the records' order (a partition, a file).
  // nullopt for what is no JSON object, names nobody or is foreign.
  std::optional<Produced> AddProduced(std::size_t topic, std::int32_t source,
                                      std::optional<std::string_view> key, std::string_view value);
  // The same of a file's line: {"output":...,"key":...,"value":...} of this topic, or else a value
  // without a key.
  std::optional<Produced> AddLine(std::size_t topic, std::int32_t source, std::string_view line);

  // How many records were of other runs or shards.
  [[nodiscard]] std::uint64_t foreign() const;

  // How many certain expected records nothing of the same content has come for.
  [[nodiscard]] std::uint64_t Outstanding(std::size_t topic) const;
  // The judgement of what was told so far.
  [[nodiscard]] Comparison Judge(std::size_t topic) const;
  // Keys that are not judged, over all topics.
  [[nodiscard]] std::uint64_t not_judged() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
