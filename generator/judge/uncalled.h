// What is kept of records that nothing calls for, so that memory is that of the run and not of
// what stands in a topic (docs/verify.md, "How fast, and with how much memory").
//
// While the events are still told, such a record may be called for later: up to kMostUncalled of an
// output are kept, and then whoever reads waits. Once all is told, a key that nothing is expected
// for, a *stranger*, needs no state of its own: its records are counted, and the smallest of such
// keys keep what examples need.
//
// Threads: value types.

#pragma once

#include <cstdint>
#include <iterator>
#include <map>

#include "generator/judge/verdict.h"

namespace playload {

// Of each output: records (or keys, where only counts are kept of them) beyond what is expected.
inline constexpr std::uint64_t kMostUncalled = std::uint64_t{1} << 18;

// The values of the kExamples smallest keys that were ever asked for. A key that is among them at
// the end was among them from its first record on, so its value misses none.
template <typename Key, typename Value>
class SmallestKeys {
 public:
  // The key's value, made if it was not there; null when there are enough smaller keys.
  Value* Of(const Key& key) {
    const auto found = values_.lower_bound(key);
    if (found != values_.end() && found->first == key) return &found->second;
    if (values_.size() == kExamples) {
      if (found == values_.end()) return nullptr;
      values_.erase(std::prev(values_.end()));
    }
    return &values_[key];
  }

  [[nodiscard]] const std::map<Key, Value>& values() const { return values_; }

 private:
  std::map<Key, Value> values_;
};

// Where a class has no other example.
inline FlawExample MoreThanAreKept() { return {"", "", "(more records than are kept)"}; }

// Adds what SequenceMatcher counted and did not keep; `example(key, item)`: of one.
template <typename Examples, typename MakeExample>
void AddCounted(Flaw flaw, std::uint64_t count, const Examples& examples, MakeExample example,
                Comparison* out) {
  for (const auto& [key, item] : examples) {
    out->Add(flaw, 1, [&, key = key, item = item] { return example(key, item); });
  }
  out->Add(flaw, count - examples.size(), MoreThanAreKept);
}

}  // namespace playload
