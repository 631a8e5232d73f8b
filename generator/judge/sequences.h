// SequenceMatcher: per key, a sequence of expected items against a sequence of produced ones, which
// are told in any interleaving. As long as both sides say the same, each item is kept once; a key
// whose sides differ gets two lists of its own and is judged at the end, by its owner.
//
// Where it forgets, what both sides agree on is only counted: memory is that of what is
// outstanding. To judge a key whose sides differ it takes all that went before, so the expected
// side is then told once more, as Recall(); until that was done, the forgotten items are stood in
// for, each of which is the same on both sides and like no other.
//
// Where it forgets and knows of lives, it lets go of the keys of players who have left, once all of
// theirs has come. Where more comes about one of them, all that was expected is recalled too.
//
// After Close() nothing more is expected, and what is produced takes no memory beyond that of what
// is expected and of kMostUncalled items (uncalled.h): items of keys that nothing is expected for
// are counted, and where so many are kept that nothing called for, more of them are, too. Where it
// forgets, only the former holds; and it holds before Close(), too, for items that are settled,
// once so many are kept.
//
// Item: a trivially copyable value with `bool Same(const Item&) const`, members `may`, set on
// expected items that need not come, and `unreadable`, `std::optional<std::uint64_t> Content()
// const`, which is equal for items that are the same and nullopt for those that are like no other,
// and `static Item StandIn(std::uint32_t i)` for the i-th one from 0.
// Memory: sizeof(Item), rounded up to a power of two of items per key, and about 50 bytes a key.
// Threads: a value type.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "generator/judge/lives.h"
#include "generator/judge/uncalled.h"
#include "generator/judge/verdict.h"
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

  // Produced items that were counted and not kept: the first of them, with their keys.
  using Examples = std::vector<std::pair<std::uint64_t, Item>>;

  // `lives`: of the players whom the keys are of; null where they are of none. Outlives this.
  // `repeats`: whether what the pipeline puts out may be repeated.
  explicit SequenceMatcher(bool forget = false, const Lives* lives = nullptr, bool repeats = false)
      : forget_(forget), lives_(lives), repeats_(repeats) {}

  void AddExpected(std::uint64_t key, const Item& item) {
    Key& k = keys_[key];
    if (item.may) k.keeps = true;
    if (Balance(k) > 0) --uncalled_;
    if (k.apart != 0) {
      Apart& lists = apart_[k.apart - 1];
      if (!lists.not_judged) lists.expected.push_back(item);
    } else if (k.produced_ahead && k.agreed < k.items.size) {
      Item& next = pool_.At(k.items, k.agreed);
      if (next.Same(item)) {
        next.may = item.may;
        ++k.agreed;
        Forget(key, &k);
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
    if (CountsStrangers() && Drop(key, item)) return;
    const bool again = lives_ != nullptr && keys_.Find(key) == nullptr && Left(key);
    Key& k = keys_[key];
    if (again) k.again = true;
    if (Balance(k) >= 0) ++uncalled_;
    if (k.apart != 0) {
      Apart& lists = apart_[k.apart - 1];
      if (!lists.not_judged) {
        lists.produced.push_back(item);
      } else {
        ++lists.came;
        --uncalled_;
      }
    } else if (!k.produced_ahead && k.agreed < k.items.size) {
      const Item& next = pool_.At(k.items, k.agreed);
      if (next.Same(item)) {
        waiting_ -= next.may ? 0 : 1;
        ++k.agreed;
        Forget(key, &k);
      } else {
        Part(key, &k);
        apart_.back().produced.push_back(item);
      }
    } else {
      k.produced_ahead = true;
      pool_.Append(&k.items, item);
    }
  }

  // From now on, and back to its beginning, only how many items came is known of this key.
  void DoNotJudge(std::uint64_t key) {
    Key& k = keys_[key];
    if (k.apart == 0) Part(key, &k);
    Apart& lists = apart_[k.apart - 1];
    if (lists.not_judged) return;
    if (const std::int64_t beyond = Balance(k); beyond > 0) {
      uncalled_ -= static_cast<std::uint64_t>(beyond);
    }
    const std::uint64_t came = lists.produced.size() + lists.forgotten;
    lists = {.key = key, .came = came, .not_judged = true};
    ++not_judged_;
  }
  [[nodiscard]] std::uint64_t not_judged() const { return not_judged_; }

  // The player has left.
  void Leave(std::uint64_t key) {
    if (const Key* const k = keys_.Find(key)) LetGo(key, *k);
  }
  // Items of players who were let go of, which are neither in agreed() nor in differ().
  [[nodiscard]] std::uint64_t gone() const { return gone_; }

  // Nothing more is expected.
  void Close() { closed_ = true; }
  // Whether as much is kept as may be of what nothing called for so far.
  [[nodiscard]] bool Full() const { return !closed_ && uncalled_ >= kMostUncalled; }
  // Whether all that may have caused what is added from now on was told.
  void SetSettled(bool settled) { settled_ = settled; }
  // Whether an item of this key is one of those that are counted and not kept, as nothing is
  // expected for the key.
  [[nodiscard]] bool Stranger(std::uint64_t key) const {
    return CountsStrangers() && keys_.Find(key) == nullptr && !Left(key);
  }

  // Whether there are keys whose sides differ and whose first items are forgotten. More may still
  // be told afterwards.
  [[nodiscard]] bool NeedsRecall() {
    // What came beyond what is expected may be a repeat.
    for (const std::uint64_t key : keys_.SortedKeys([](const Key& k) {
           return (k.forgotten > 0 || k.again) && k.produced_ahead && k.agreed < k.items.size;
         })) {
      Part(key, &keys_[key]);
    }
    return std::any_of(apart_.begin(), apart_.end(),
                       [](const Apart& a) { return a.recalled.size() < a.forgotten || a.again; });
  }

  // An expected item as it was told, from the first one of the key on.
  void Recall(std::uint64_t key, const Item& item) {
    const Key* const k = keys_.Find(key);
    if (k == nullptr || k->apart == 0) return;
    Apart& lists = apart_[k->apart - 1];
    if (lists.again) {
      --gone_;
      ++lists.forgotten;
    }
    if (lists.recalled.size() < lists.forgotten) lists.recalled.push_back(item);
  }
  // Everything was told.
  void EndRecall() {
    for (Apart& lists : apart_) lists.again = false;
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
      if (lists.not_judged) continue;
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
  // of which are certain among so many forgotten ones, differ(key, expected, produced) for the
  // others, and not_judged(came) for those that are not judged. Then counted(flaw, count, examples)
  // for what is not kept.
  template <typename Agreed, typename Differ, typename NotJudged, typename Counted>
  void Judge(Agreed agreed, Differ differ, NotJudged not_judged, Counted counted) const {
    Items expected;
    Items produced;
    std::vector<std::uint64_t> keys = keys_.SortedKeys([](const Key&) { return true; });
    for (const OfStrangers& of_class : strangers_) {
      for (const auto& [key, items] : of_class.first.values()) keys.push_back(key);
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    for (const std::uint64_t key : keys) {
      const Key* const of_key = keys_.Find(key);
      if (of_key == nullptr) {
        produced.clear();
        for (const OfStrangers& of_class : strangers_) {
          const auto first = of_class.first.values().find(key);
          if (first == of_class.first.values().end()) continue;
          produced.insert(produced.end(), first->second.begin(), first->second.end());
        }
        differ(key, Items(), produced);
        continue;
      }
      const Key& k = *of_key;
      if (k.apart != 0) {
        const Apart& lists = apart_[k.apart - 1];
        if (lists.not_judged) {
          not_judged(lists.came);
          continue;
        }
        if (lists.again && repeats_) {
          not_judged(lists.produced.size());
          continue;
        }
        if (lists.forgotten == 0) {
          differ(key, lists.expected, lists.produced);
        } else {
          Fill(lists, &expected, &produced);
          differ(key, expected, produced);
        }
        continue;
      }
      if (k.again && repeats_) {
        not_judged(k.items.size);
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
    for (unsigned f = 0; f < kFlaws; ++f) {
      const Dropped& dropped = dropped_[f];
      if (dropped.count > 0) counted(static_cast<Flaw>(f), dropped.count, dropped.first);
    }
    for (const OfStrangers& of_class : strangers_) {
      std::uint64_t rest = of_class.items;
      for (const auto& [key, items] : of_class.first.values()) rest -= items.size();
      if (rest == 0) continue;
      const bool unreadable = &of_class == &strangers_[1];
      counted(unreadable ? Flaw::kUnreadable : Flaw::kUnexpected, rest, Examples());
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
    bool again = false;  // came when its player had left; there may have been another of this key
  };
  static_assert(sizeof(Key) == 32);
  // How many times more a content may come than it did, before it is a repeat.
  struct Room {
    std::uint64_t content;
    std::int64_t left;
    bool operator<(const Room& other) const { return content < other.content; }
  };
  struct Apart {
    std::uint64_t key = 0;
    Items expected = {};
    Items produced = {};
    std::uint32_t forgotten = 0;   // before both
    Items recalled = {};           // of them
    std::vector<Room> rooms = {};  // by content, of all expected ones; made when it is needed
    std::uint64_t came = 0;        // where it is not judged
    bool not_judged = false;
    bool again = false;  // as in Key, and not recalled
  };
  struct Dropped {
    std::uint64_t count = 0;
    Examples first;
  };
  struct OfStrangers {
    std::uint64_t items = 0;
    SmallestKeys<std::uint64_t, Items> first;  // the first items of each
  };
  // So many agreed items are forgotten at once where others wait behind them.
  static constexpr std::uint32_t kForgetAtOnce = 16;

  // How many more items were produced than expected.
  [[nodiscard]] std::int64_t Balance(const Key& k) const {
    if (k.apart != 0) {
      const Apart& lists = apart_[k.apart - 1];
      return static_cast<std::int64_t>(lists.produced.size()) -
             static_cast<std::int64_t>(lists.expected.size());
    }
    const std::int64_t ahead = k.items.size - k.agreed;
    return k.produced_ahead ? ahead : -ahead;
  }

  [[nodiscard]] bool CountsStrangers() const {
    return closed_ || (settled_ && uncalled_ >= kMostUncalled);
  }

  [[nodiscard]] bool Left(std::uint64_t key) const {
    return lives_ != nullptr && lives_->Left(key);
  }

  // REQUIRES: CountsStrangers(). Whether the item need not be kept; then it is counted.
  bool Drop(std::uint64_t key, const Item& item) {
    if (keys_.Find(key) == nullptr) {
      if (Left(key)) return false;
      OfStrangers& of_class = strangers_[item.unreadable ? 1 : 0];
      ++of_class.items;
      Items* const items = of_class.first.Of(key);
      if (items != nullptr && items->size() < kExamples) items->push_back(item);
      return true;
    }
    if (forget_ || uncalled_ < kMostUncalled) return false;
    Key& k = keys_[key];
    if (Balance(k) < 0) return false;  // no more of these than are expected
    if (k.apart == 0) Part(key, &k);
    Apart& lists = apart_[k.apart - 1];
    if (lists.not_judged) return false;
    if (lists.rooms.empty() && !lists.expected.empty()) MakeRooms(&lists);
    const std::optional<std::uint64_t> content = item.Content();
    Room* const room = content ? RoomOf(*content, &lists) : nullptr;
    if (room != nullptr && room->left > 0) {
      --room->left;
      return false;
    }
    const Flaw flaw = room != nullptr   ? Flaw::kDuplicate
                      : item.unreadable ? Flaw::kUnreadable
                                        : Flaw::kUnexpected;
    Dropped& dropped = dropped_[static_cast<unsigned>(flaw)];
    ++dropped.count;
    if (dropped.first.size() < kExamples) dropped.first.emplace_back(key, item);
    return true;
  }

  static void MakeRooms(Apart* lists) {
    for (const Item& item : lists->expected) {
      if (const auto content = item.Content()) lists->rooms.push_back({*content, 1});
    }
    std::sort(lists->rooms.begin(), lists->rooms.end());
    std::size_t n = 0;
    for (const Room& room : lists->rooms) {
      if (n > 0 && lists->rooms[n - 1].content == room.content) {
        ++lists->rooms[n - 1].left;
      } else {
        lists->rooms[n++] = room;
      }
    }
    lists->rooms.resize(n);
    for (const Item& item : lists->produced) {
      const std::optional<std::uint64_t> content = item.Content();
      Room* const room = content ? RoomOf(*content, lists) : nullptr;
      if (room != nullptr) --room->left;
    }
  }

  static Room* RoomOf(std::uint64_t content, Apart* lists) {
    const auto found = std::lower_bound(lists->rooms.begin(), lists->rooms.end(), Room{content, 0});
    return found != lists->rooms.end() && found->content == content ? &*found : nullptr;
  }

  void Forget(std::uint64_t key, Key* k) {
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
    if (Left(key)) LetGo(key, *k);
  }

  void LetGo(std::uint64_t key, const Key& k) {
    if (k.apart != 0 || k.items.size > 0 || k.keeps || k.again) return;
    gone_ += k.forgotten;
    keys_.Erase(key);
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
    Apart lists{.key = key, .forgotten = k->forgotten, .again = k->again};
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
  const Lives* const lives_;
  const bool repeats_;
  NumberMap<Key> keys_;
  std::uint64_t gone_ = 0;
  ArrayPool<Item> pool_;
  std::vector<Apart> apart_;
  std::uint64_t waiting_ = 0;   // certain expected items of keys not apart that nothing came for
  std::uint64_t uncalled_ = 0;  // over all keys: produced ones beyond as many as are expected
  std::uint64_t not_judged_ = 0;
  bool closed_ = false;
  bool settled_ = false;
  std::array<OfStrangers, 2> strangers_;  // unexpected, unreadable
  std::array<Dropped, kFlaws> dropped_;   // items of other keys
};

}  // namespace playload
