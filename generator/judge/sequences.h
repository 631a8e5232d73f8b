// SequenceMatcher: per key, a sequence of expected items against a sequence of produced ones, which
// are told in any interleaving. As long as both sides say the same, each item is kept once; a key
// whose sides differ gets two lists of its own and is judged at the end, by its owner.
//
// Where it forgets, what both sides agree on is only counted: memory is that of what is
// outstanding. To judge a key whose sides differ it takes all that went before, so the expected
// side is then told once more, as Recall(); until that was done, the forgotten items are stood in
// for, each of which is the same on both sides and like no other.
//
// Item: a trivially copyable value with `bool Same(const Item&) const`, a member `bool may`, set on
// expected items that need not come, and `static Item StandIn(std::uint32_t i)` for the i-th one
// from 0.
// Memory: sizeof(Item), rounded up to a power of two of items per key, and about 50 bytes a key.
// Threads: a value type.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "generator/oracle/number_map.h"

namespace playload {

// Many growing arrays in one store; an array that outgrows its room leaves it to another one.
template <typename Item>
class ArrayPool {
 public:
  struct Array {
    std::uint64_t begin = 0;
    std::uint32_t size = 0;
    std::uint8_t room_log2 = 0;  // room for 2^n items; none while size is 0
  };

  Item& At(const Array& array, std::uint32_t i) { return Slot(array.begin + i); }
  const Item& At(const Array& array, std::uint32_t i) const {
    return const_cast<ArrayPool*>(this)->Slot(array.begin + i);
  }

  void Append(Array* array, const Item& item) {
    if (array->size == 0) {
      array->begin = Allocate(0);
      array->room_log2 = 0;
    } else if (array->size == std::uint32_t{1} << array->room_log2) {
      const std::uint64_t old = array->begin;
      array->begin = Allocate(array->room_log2 + 1u);
      for (std::uint32_t i = 0; i < array->size; ++i) Slot(array->begin + i) = Slot(old + i);
      free_[array->room_log2].push_back(old);
      ++array->room_log2;
    }
    Slot(array->begin + array->size++) = item;
  }

  // The first `n` of more items than that.
  void DropFront(Array* array, std::uint32_t n) {
    for (std::uint32_t i = n; i < array->size; ++i) {
      Slot(array->begin + i - n) = Slot(array->begin + i);
    }
    array->size -= n;
  }

  void Release(Array* array) {
    if (array->size > 0) free_[array->room_log2].push_back(array->begin);
    *array = {};
  }

 private:
  static constexpr unsigned kBlockBits = 14;

  Item& Slot(std::uint64_t i) { return blocks_[i >> kBlockBits][i & ((1u << kBlockBits) - 1)]; }

  std::uint64_t Allocate(unsigned room_log2) {
    std::vector<std::uint64_t>& free = free_[room_log2];
    if (!free.empty()) {
      const std::uint64_t begin = free.back();
      free.pop_back();
      return begin;
    }
    const std::uint64_t begin = used_;
    used_ += std::uint64_t{1} << room_log2;
    while (blocks_.size() << kBlockBits < used_) {
      blocks_.push_back(std::make_unique<Item[]>(std::size_t{1} << kBlockBits));
    }
    return begin;
  }

  std::vector<std::unique_ptr<Item[]>> blocks_;
  std::uint64_t used_ = 0;
  std::array<std::vector<std::uint64_t>, 32> free_;
};

template <typename Item>
class SequenceMatcher {
 public:
  using Items = std::vector<Item>;

  explicit SequenceMatcher(bool forget = false) : forget_(forget) {}

  void AddExpected(std::uint64_t key, const Item& item) {
    Key& k = keys_[key];
    if (item.may) k.keeps = true;
    if (k.apart != 0) {
      apart_[k.apart - 1].expected.push_back(item);
    } else if (k.produced_ahead && k.agreed < k.items.size) {
      Item& next = pool_.At(k.items, k.agreed);
      if (next.Same(item)) {
        next.may = item.may;
        ++k.agreed;
        Forget(&k);
      } else {
        Part(key, &k);
        apart_.back().expected.push_back(item);
      }
    } else {
      k.produced_ahead = false;
      pool_.Append(&k.items, item);
      waiting_ += item.may ? 0 : 1;
    }
  }

  void AddProduced(std::uint64_t key, const Item& item) {
    Key& k = keys_[key];
    if (k.apart != 0) {
      apart_[k.apart - 1].produced.push_back(item);
    } else if (!k.produced_ahead && k.agreed < k.items.size) {
      const Item& next = pool_.At(k.items, k.agreed);
      if (next.Same(item)) {
        waiting_ -= next.may ? 0 : 1;
        ++k.agreed;
        Forget(&k);
      } else {
        Part(key, &k);
        apart_.back().produced.push_back(item);
      }
    } else {
      k.produced_ahead = true;
      pool_.Append(&k.items, item);
    }
  }

  // Gives the key its two lists now: `missing` below then decides alone what is outstanding for it.
  void Part(std::uint64_t key) {
    Key& k = keys_[key];
    if (k.apart == 0) Part(key, &k);
  }

  // Whether there are keys whose sides differ and whose first items are forgotten. More may still
  // be told afterwards.
  [[nodiscard]] bool NeedsRecall() {
    // What came beyond what is expected may be a repeat.
    for (const std::uint64_t key : keys_.SortedKeys([](const Key& k) {
           return k.forgotten > 0 && k.produced_ahead && k.agreed < k.items.size;
         })) {
      Part(key);
    }
    return std::any_of(apart_.begin(), apart_.end(),
                       [](const Apart& a) { return a.recalled.size() < a.forgotten; });
  }

  // An expected item as it was told, from the first one of the key on.
  void Recall(std::uint64_t key, const Item& item) {
    const Key* const k = keys_.Find(key);
    if (k == nullptr || k->apart == 0) return;
    Apart& lists = apart_[k->apart - 1];
    if (lists.recalled.size() < lists.forgotten) lists.recalled.push_back(item);
  }

  // How many certain expected items have nothing yet; `missing(key, expected, produced)` counts
  // them for a key whose sides differ.
  template <typename Missing>
  [[nodiscard]] std::uint64_t Outstanding(Missing missing) const {
    std::uint64_t count = waiting_;
    Items expected;
    Items produced;
    for (std::size_t i = 0; i < apart_.size() && count == 0; ++i) {
      const Apart& lists = apart_[i];
      if (lists.forgotten == 0) {
        count += missing(lists.key, lists.expected, lists.produced);
      } else {
        Fill(lists, &expected, &produced);
        count += missing(lists.key, expected, produced);
      }
    }
    return count;
  }

  // Calls, by ascending key: agreed(key, items, forgotten) for keys whose sides say the same, all
  // of which are certain among so many forgotten ones, and differ(key, expected, produced) for the
  // others.
  template <typename Agreed, typename Differ>
  void Judge(Agreed agreed, Differ differ) const {
    Items expected;
    Items produced;
    for (const std::uint64_t key : keys_.SortedKeys([](const Key&) { return true; })) {
      const Key& k = *keys_.Find(key);
      if (k.apart != 0) {
        const Apart& lists = apart_[k.apart - 1];
        if (lists.forgotten == 0) {
          differ(key, lists.expected, lists.produced);
        } else {
          Fill(lists, &expected, &produced);
          differ(key, expected, produced);
        }
        continue;
      }
      expected.clear();
      produced.clear();
      if (k.agreed < k.items.size) {
        StandIn(k.forgotten, &expected);
        StandIn(k.forgotten, &produced);
      }
      for (std::uint32_t i = 0; i < k.items.size; ++i) {
        if (i < k.agreed || !k.produced_ahead) expected.push_back(pool_.At(k.items, i));
        if (i < k.agreed || k.produced_ahead) produced.push_back(pool_.At(k.items, i));
      }
      if (k.agreed == k.items.size) {
        agreed(key, expected, k.forgotten);
      } else {
        differ(key, expected, produced);
      }
    }
  }

 private:
  struct Key {
    typename ArrayPool<Item>::Array items;  // agreed ones, then those of the side that is ahead
    std::uint32_t agreed = 0;
    std::uint32_t apart = 0;      // 1 + index into apart_; 0: the sides do not differ so far
    std::uint32_t forgotten = 0;  // agreed on before `items`
    bool produced_ahead = false;
    bool keeps = false;  // forgets no more: some items need not come
  };
  static_assert(sizeof(Key) == 32);
  struct Apart {
    std::uint64_t key;
    Items expected;
    Items produced;
    std::uint32_t forgotten;  // before both
    Items recalled;           // of them
  };
  // So many agreed items are forgotten at once where others wait behind them.
  static constexpr std::uint32_t kForgetAtOnce = 16;

  void Forget(Key* k) {
    if (!forget_ || k->keeps) return;
    if (k->agreed == k->items.size) {
      pool_.Release(&k->items);
      k->produced_ahead = false;
    } else if (k->agreed >= kForgetAtOnce && k->agreed >= k->items.size / 2) {
      pool_.DropFront(&k->items, k->agreed);
    } else {
      return;
    }
    k->forgotten += k->agreed;
    k->agreed = 0;
  }

  static void StandIn(std::uint32_t forgotten, Items* items) {
    for (auto i = static_cast<std::uint32_t>(items->size()); i < forgotten; ++i) {
      items->push_back(Item::StandIn(i));
    }
  }

  // Both lists with all that is before them.
  static void Fill(const Apart& lists, Items* expected, Items* produced) {
    *expected = lists.recalled;
    StandIn(lists.forgotten, expected);
    *produced = *expected;
    expected->insert(expected->end(), lists.expected.begin(), lists.expected.end());
    produced->insert(produced->end(), lists.produced.begin(), lists.produced.end());
  }

  void Part(std::uint64_t key, Key* k) {
    Apart lists{
        .key = key, .expected = {}, .produced = {}, .forgotten = k->forgotten, .recalled = {}};
    for (std::uint32_t i = 0; i < k->items.size; ++i) {
      const Item& item = pool_.At(k->items, i);
      if (i < k->agreed || !k->produced_ahead) lists.expected.push_back(item);
      if (i < k->agreed || k->produced_ahead) lists.produced.push_back(item);
      if (i >= k->agreed && !k->produced_ahead) waiting_ -= item.may ? 0 : 1;
    }
    pool_.Release(&k->items);
    apart_.push_back(std::move(lists));
    k->apart = static_cast<std::uint32_t>(apart_.size());
  }

  const bool forget_;
  NumberMap<Key> keys_;
  ArrayPool<Item> pool_;
  std::vector<Apart> apart_;
  std::uint64_t waiting_ = 0;  // certain expected items of keys not apart that nothing came for
};

}  // namespace playload
