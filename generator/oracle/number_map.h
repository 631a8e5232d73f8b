// NumberMap: a hash map from user (or server) numbers to small values, in one flat array with
// linear probing: the per-user state of the oracle and of the verification.
//
// REQUIRES: keys are not ~0. Value is trivially copyable; a new one is Value{}.
// References and pointers live until the next insertion of a new key, or Erase().
// Order: ForEach() goes in the order of the table, which means nothing; SortedKeys() is for output.
// Memory: at most three times (8 bytes + sizeof(Value)) a key, half as much again while it grows;
// of the most keys that there were at a time. Threads: a value type.

#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace playload {

template <typename Value>
class NumberMap {
  static_assert(std::is_trivially_copyable_v<Value>);

 public:
  NumberMap() : slots_(kFirstCapacity) {}

  // The value of `key`, made if it was not there.
  Value& operator[](std::uint64_t key) {
    assert(key != kEmpty);
    std::size_t i = Place(key);
    if (slots_[i].key == kEmpty) {
      if ((size_ + 1) * 4 > slots_.size() * 3) {
        Grow();
        i = Place(key);
      }
      slots_[i].key = key;
      ++size_;
    }
    return slots_[i].value;
  }

  // Null when `key` is not there.
  [[nodiscard]] const Value* Find(std::uint64_t key) const {
    const Slot& slot = slots_[Place(key)];
    return slot.key == kEmpty ? nullptr : &slot.value;
  }

  // Those behind it move up, so that none is left behind a gap.
  void Erase(std::uint64_t key) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t gap = Place(key);
    if (slots_[gap].key == kEmpty) return;
    for (std::size_t i = (gap + 1) & mask; slots_[i].key != kEmpty; i = (i + 1) & mask) {
      if (((i - Home(slots_[i].key)) & mask) < ((i - gap) & mask)) continue;
      slots_[gap] = slots_[i];
      gap = i;
    }
    slots_[gap] = Slot{};
    --size_;
  }

  // Asks for the memory of `key`, which will be looked up some dozens of instructions later: a miss
  // costs 60 to 100 ns where the table is larger than the caches.
  void Prefetch(std::uint64_t key) const { __builtin_prefetch(&slots_[Home(key)], 1); }

  [[nodiscard]] std::size_t size() const { return size_; }

  template <typename Function>
  void ForEach(Function function) const {
    for (const Slot& slot : slots_) {
      if (slot.key != kEmpty) function(slot.key, slot.value);
    }
  }

  // The keys whose value is picked, ascending.
  template <typename Pick>
  [[nodiscard]] std::vector<std::uint64_t> SortedKeys(Pick pick) const {
    std::vector<std::uint64_t> keys;
    ForEach([&](std::uint64_t key, const Value& value) {
      if (pick(value)) keys.push_back(key);
    });
    std::sort(keys.begin(), keys.end());
    return keys;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  static constexpr std::size_t kFirstCapacity = 64;  // 2^6; all later ones are powers of two too

  struct Slot {
    std::uint64_t key = kEmpty;
    Value value{};
  };

  // Numbers of users are dense and consecutive; the multiplication spreads them. Its highest bits
  // are those that all bits of the key reach, and keep the order of the slots when the table
  // doubles: growing then writes ascending addresses, not random ones.
  [[nodiscard]] std::size_t Home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> shift_);
  }

  // Where `key` is, or the empty slot where it would go.
  [[nodiscard]] std::size_t Place(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = Home(key);
    while (slots_[i].key != key && slots_[i].key != kEmpty) i = (i + 1) & mask;
    return i;
  }

  void Grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    --shift_;
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[Place(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  unsigned shift_ = 64 - 6;  // 64 - log2 of slots_.size()
  std::size_t size_ = 0;
};

}  // namespace playload
