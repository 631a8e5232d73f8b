// InputMatcher: the events of a run against what is in the input topics (or files): each exactly
// once, byte for byte, in order per key, in the partition of its key. Both sides may be told in any
// interleaving.
//
// An event is a 63-bit hash of key and value: 23 bits of the key, 40 of the value, so that an
// altered event passes for the one it replaces once in 10^12 times.
//
// Memory: 8 bytes an event; twice that for partitions whose sides differ, and 16 bytes more for
// each of their events from the first difference on while they are judged. Threads: one thread at a
// time.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/judge/verdict.h"
#include "generator/replay/expectation.h"
#include "generator/replay/outputs.h"
#include "generator/replay/walker.h"

namespace playload {

class InputMatcher {
 public:
  struct Options {
    std::array<std::string, kKinds> names;  // as the verdict calls them
    std::string id_prefix;                  // of the run
    // How many partitions each topic has. Empty: files, whose lines have no keys.
    std::optional<std::array<std::uint32_t, kKinds>> partitions;
    OwnNumber own;
    bool timestamps = true;  // else all but event_timestamp is compared
  };

  explicit InputMatcher(Options options);

  // The expected side, in plan order.
  void Expect(const StreamEvent& event, Arrival arrival);
  // The read side, in order within a partition. `offset`: the record's, or the line's number.
  void AddRead(Kind kind, std::int32_t partition, std::int64_t offset, std::string_view key,
               std::string_view value);

  // How many certain events were not read yet. A lower bound where sides differ.
  [[nodiscard]] std::uint64_t Outstanding() const;

  // A place in an example that wants the text of an event: Tell() each event of the stream to
  // MissingTexts to get it.
  struct Wanted {
    Kind kind;
    std::uint32_t partition;
    std::uint64_t index;  // among the events expected in that partition
    Flaw flaw;
    std::size_t example;
  };

  // The judgement of what was told so far, one for each kind.
  std::array<Comparison, kKinds> Judge(std::vector<Wanted>* wanted) const;

  // Walks the stream once more and fills in what Judge() has left out.
  Status FillTexts(const StreamWalker& walker, const Arrivals& arrivals,
                   const std::vector<Wanted>& wanted,
                   std::array<Comparison, kKinds>* comparisons) const;

 private:
  struct Item {
    std::uint64_t bits = 0;
    [[nodiscard]] std::uint64_t hash() const { return bits >> 1; }
    [[nodiscard]] bool may() const { return (bits & 1) != 0; }  // expected, but need not be there
  };
  static_assert(sizeof(Item) == 8);

  // A vector that grows without moving, block by block.
  class Items {
   public:
    [[nodiscard]] std::uint64_t size() const { return size_; }
    Item& operator[](std::uint64_t i) { return blocks_[i / kBlock][i % kBlock]; }
    const Item& operator[](std::uint64_t i) const { return blocks_[i / kBlock][i % kBlock]; }
    void push_back(Item item) {
      if (size_ == blocks_.size() * kBlock) blocks_.push_back(std::make_unique<Item[]>(kBlock));
      (*this)[size_++] = item;
    }
    // REQUIRES: not more than there are.
    void Shorten(std::uint64_t size) {
      size_ = size;
      blocks_.resize((size + kBlock - 1) / kBlock);
    }

   private:
    static constexpr std::uint64_t kBlock = 4'096;
    std::vector<std::unique_ptr<Item[]>> blocks_;
    std::uint64_t size_ = 0;
  };

  struct Partition {
    // Agreed ones, then those of the side that is ahead; once the sides differ, the expected ones.
    Items items;
    Items read;  // only once the sides differ: all that was read
    std::uint64_t agreed = 0;
    bool read_ahead = false;
    bool apart = false;
    // (index, offset) of reads whose offset is not the previous one's plus one.
    std::vector<std::pair<std::uint64_t, std::int64_t>> jumps;
    std::uint64_t reads = 0;
    std::int64_t next_offset = 0;  // after the latest read
  };

  [[nodiscard]] std::uint64_t Hash(std::string_view key, std::string_view value) const;
  [[nodiscard]] std::uint32_t PartitionFor(Kind kind, std::string_view key) const;
  [[nodiscard]] bool Foreign(Kind kind, std::string_view key) const;
  static void Part(Partition* p);
  static std::int64_t OffsetOf(const Partition& p, std::uint64_t index);
  static void JudgePartition(const Partition& p, Kind kind, std::uint32_t number, Comparison* out,
                             std::vector<Wanted>* wanted);

  const Options options_;
  const IdForm players_;
  const IdForm transactions_;
  const IdForm servers_;
  std::array<std::vector<Partition>, kKinds> partitions_;
  std::array<std::uint64_t, kKinds> foreign_{};
  std::array<std::uint64_t, kKinds> elsewhere_{};  // read from partitions that the topic had not
};

}  // namespace playload
