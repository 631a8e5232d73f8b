// What all ways of keeping a rule's state have in common: one step of each aggregate, sets of
// values in one word each, and rows of values; private to the incremental evaluator.
//
// Words: as in keyed_state.h. Threads: one owner.

#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <unordered_set>
#include <utility>
#include <vector>

#include "generator/oracle/number_map.h"
#include "generator/rules/evaluator.h"
#include "generator/rules/keyed_state.h"

namespace playload::row_math {

using Word = std::uint64_t;

inline constexpr Word kNone = Symbols::kNone;

inline double ToDouble(Word word) { return std::bit_cast<double>(word); }
inline Word ToWord(double number) { return std::bit_cast<Word>(number); }

inline bool BeginsWithNone(Aggregate aggregate) {
  return aggregate == Aggregate::kLast || aggregate == Aggregate::kMin ||
         aggregate == Aggregate::kMax;
}
inline Word First(Aggregate aggregate) { return BeginsWithNone(aggregate) ? kNone : ToWord(0.0); }

// One event more, for every aggregate but distinct.
inline void Take(Aggregate aggregate, Word in, Word* word) {
  switch (aggregate) {
    case Aggregate::kCount:
      *word = ToWord(ToDouble(*word) + 1);
      break;
    case Aggregate::kSum:
      *word = ToWord(ToDouble(*word) + ToDouble(in));
      break;
    case Aggregate::kLast:
      *word = in;
      break;
    case Aggregate::kMin:
      if (*word == kNone || ToDouble(in) < ToDouble(*word)) *word = in;
      break;
    case Aggregate::kMax:
      if (*word == kNone || ToDouble(in) > ToDouble(*word)) *word = in;
      break;
    case Aggregate::kDistinct:
      break;
  }
}

// Sets of values in one word each: a bit for each of the first 63 values that there ever were; a
// set with another one moves into a room of its own.
class DistinctSets {
 public:
  static constexpr Word kEmpty = 0;

  void Add(Word value, Word* set) {
    if ((*set & kSpilled) == 0) {
      const std::uint32_t bit = Number(value);
      if (bit < kBits) {
        *set |= Word{1} << bit;
        return;
      }
      Spill(set);
    }
    spilled_[*set & ~kSpilled].insert(value);
  }
  [[nodiscard]] std::size_t Size(Word set) const {
    return (set & kSpilled) == 0 ? static_cast<std::size_t>(std::popcount(set))
                                 : spilled_[set & ~kSpilled].size();
  }
  void Clear(Word* set) {
    if ((*set & kSpilled) != 0) {
      spilled_[*set & ~kSpilled] = {};
      free_.push_back(*set & ~kSpilled);
    }
    *set = kEmpty;
  }

 private:
  static constexpr unsigned kBits = 63;
  static constexpr Word kSpilled = Word{1} << 63;

  // Of the first values; kBits for those that came too late for one.
  std::uint32_t Number(Word value) {
    if (values_.size() >= kBits) {
      const std::uint32_t* const known = numbers_.Find(value);
      return known == nullptr ? kBits : *known - 1;
    }
    std::uint32_t& number = numbers_[value];
    if (number == 0) {
      values_.push_back(value);
      number = static_cast<std::uint32_t>(values_.size());
    }
    return number - 1;
  }

  void Spill(Word* set) {
    Word place = spilled_.size();
    if (free_.empty()) {
      spilled_.emplace_back();
    } else {
      place = free_.back();
      free_.pop_back();
    }
    for (unsigned bit = 0; bit < kBits; ++bit) {
      if ((*set >> bit & 1) != 0) spilled_[place].insert(values_[bit]);
    }
    *set = kSpilled | place;
  }

  NumberMap<std::uint32_t> numbers_;  // from 1
  std::vector<Word> values_;
  std::deque<std::unordered_set<Word>> spilled_;
  std::vector<Word> free_;
};

// The values' definitions, and rows of them.
class RowMath {
 public:
  explicit RowMath(std::vector<KeyedState::Value> values)
      : values_(std::move(values)), sets_(values_.size()) {}

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] const KeyedState::Value& operator[](std::size_t i) const { return values_[i]; }

  void Begin(Word* row) const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      row[i] = values_[i].aggregate == Aggregate::kDistinct ? DistinctSets::kEmpty
                                                            : First(values_[i].aggregate);
    }
  }
  void Reset(Word* row) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (values_[i].aggregate == Aggregate::kDistinct) sets_[i].Clear(&row[i]);
    }
    Begin(row);
  }
  void Add(const StateWords& in, Word* row) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (in[i] == kNone) continue;
      if (values_[i].aggregate == Aggregate::kDistinct) {
        sets_[i].Add(in[i], &row[i]);
      } else {
        Take(values_[i].aggregate, in[i], &row[i]);
      }
    }
  }
  void Read(const Word* row, StateWords* out) const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      (*out)[i] = values_[i].aggregate == Aggregate::kDistinct
                      ? ToWord(static_cast<double>(sets_[i].Size(row[i])))
                      : row[i];
    }
  }

 private:
  const std::vector<KeyedState::Value> values_;
  std::vector<DistinctSets> sets_;
};

}  // namespace playload::row_math
