// RecordForms: what the records of an output are like, whatever the events: under which keys they
// are, whether they are another output's, and how those of some keys differ from the ones that were
// expected in their places, field by field: renamed, rounded, scaled, as text, of another time
// zone.
//
// Use: UnderKey() for all that came; Came() and Expected() for some keys, each in its order;
// Explain().
//
// Memory: bounded by the constants below. Threads: one owner.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/judge/content.h"
#include "generator/judge/explanations.h"
#include "generator/replay/record_events.h"

namespace playload {

// An output's name and the outermost fields that every record of it has.
struct OutputForm {
  std::string name;
  std::vector<std::string> fields;
};

class RecordForms {
 public:
  static constexpr std::size_t kMostOfKey = 32;
  static constexpr std::size_t kMostKeys = 256;
  static constexpr std::size_t kMostBytes = 4'096;  // of a record that is compared
  static constexpr std::size_t kMostLooks = 2'000;  // at records for which other output they are

  // `key`: the field whose ids are the records' keys; "" where these are no ids. `own`: which of
  // `outputs` it is. `symbols` outlives it.
  RecordForms(std::string key, std::vector<OutputForm> outputs, std::size_t own,
              const RecordSymbols* symbols);

  // A record that came, under this key, or under none where its value does not say it either.
  // Whether that can be the key of an output.
  bool UnderKey(std::optional<std::string_view> key, std::string_view value);
  // Of a record whose key is looked at: whether its value is JSON.
  void Json(bool is) {
    ++looked_at_;
    no_json_ += is ? 0 : 1;
  }

  // What came for a key, all of it, and what was expected for it; each with its hash, too. There is
  // room for more keys, or not.
  [[nodiscard]] bool HasRoom() const { return keys_.size() < kMostKeys; }
  void Drop(std::uint64_t key) { keys_.erase(key); }
  void Came(std::uint64_t key, std::uint64_t content, std::string_view value);
  void Expected(std::uint64_t key, std::uint64_t content, std::string_view value);

  // Most of what came is under keys that no output can have, or another output's: which events it
  // is about is not known.
  [[nodiscard]] bool Misplaced() const;

  struct Found {
    std::vector<RecordFinding> telling;
    std::vector<RecordFinding> vague;  // that a field differs, and no more
  };
  [[nodiscard]] Found Explain();

 private:
  struct Side {
    std::vector<std::pair<std::uint64_t, std::string>> records;  // the first kMostOfKey
    std::uint64_t count = 0;

    void Add(std::uint64_t content, std::string_view value) {
      ++count;
      if (records.size() < kMostOfKey) records.emplace_back(content, value.substr(0, kMostBytes));
    }
  };
  struct Key {
    Side came;
    Side expected;
  };

  // What is wrong with a key; "" when nothing is known to be.
  [[nodiscard]] std::string FaultOf(std::string_view key) const;
  void LookWhose(std::string_view value);

  const std::string key_field_;
  const std::optional<RecordSymbols::Id> key_id_;
  const std::vector<OutputForm> outputs_;
  const std::size_t own_;
  const RecordSymbols* const symbols_;
  ContentReader reader_;
  std::uint64_t came_ = 0;
  std::uint64_t wrong_keys_ = 0;
  std::uint64_t looked_at_ = 0;
  std::uint64_t no_json_ = 0;
  struct Counted {
    std::uint64_t count = 0;
    std::string first;
  };
  std::map<std::string, Counted> key_faults_;
  std::size_t looks_ = 0;
  std::map<std::string, std::uint64_t> of_others_;  // by output
  std::map<std::uint64_t, Key> keys_;
};

}  // namespace playload
