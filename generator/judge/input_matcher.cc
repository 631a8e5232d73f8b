#include "generator/judge/input_matcher.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "generator/oracle/number_map.h"
#include "transports/kafka/partition.h"

namespace playload {

namespace {

constexpr unsigned kValueBits = 40;  // of 63; the other 23 are the key's
constexpr std::uint64_t kValueMask = (std::uint64_t{1} << kValueBits) - 1;

std::size_t At(Kind kind) { return static_cast<std::size_t>(kind); }

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15u;

// Without a seed: for lines of more than 240 bytes that costs as much as the hash (42 ns, else 19).
// Pieces of 240 bytes, for which XXH3 has another way, gain nothing.
std::uint64_t HashText(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

// Where the text of event_timestamp begins; the value's size where it has none.
std::size_t TimestampIn(std::string_view value) {
  constexpr std::string_view kField = R"("event_timestamp":")";
  const std::size_t at = value.find(kField);
  return at == std::string_view::npos ? value.size() : at + kField.size();
}

}  // namespace

InputMatcher::InputMatcher(Options options)
    : options_(std::move(options)),
      players_("player", options_.id_prefix),
      transactions_("trans", options_.id_prefix),
      servers_("server", "") {
  for (std::size_t k = 0; k < kKinds; ++k) {
    partitions_[k].resize(options_.partitions ? (*options_.partitions)[k] : 1);
  }
}

std::uint64_t InputMatcher::Hash(std::string_view key, std::string_view value) const {
  const std::uint64_t of_key = options_.partitions ? XXH3_64bits(key.data(), key.size()) : 0;
  std::uint64_t of_value = of_key * kOdd;
  if (!options_.timestamps) {
    const std::string_view before = value.substr(0, TimestampIn(value));
    of_value = (of_value + HashText(before)) * kOdd;
    value.remove_prefix(before.size());
    value.remove_prefix(std::min(value.find('"'), value.size()));
  }
  of_value += HashText(value);
  return (of_key >> 41) << kValueBits | (of_value & kValueMask);
}

std::uint32_t InputMatcher::PartitionFor(Kind kind, std::string_view key) const {
  if (!options_.partitions) return 0;
  return static_cast<std::uint32_t>(PartitionOf(key, (*options_.partitions)[At(kind)]));
}

bool InputMatcher::Foreign(Kind kind, std::string_view key) const {
  if (!options_.partitions) return false;
  const bool server = kind == Kind::kServer;
  if (!server && (players_.Foreign(key) || transactions_.Foreign(key))) return true;
  if (!options_.own) return false;
  const std::optional<std::uint64_t> number = (server ? servers_ : players_).Number(key);
  return number && !options_.own(server, *number);
}

void InputMatcher::Expect(const StreamEvent& event, Arrival arrival) {
  if (arrival == Arrival::kNever) return;
  Partition& p = partitions_[At(event.kind)][PartitionFor(event.kind, event.key)];
  const Item item{Hash(event.key, event.value) << 1 | (arrival == Arrival::kCertain ? 0u : 1u)};
  if (!p.apart && p.read_ahead && p.agreed < p.items.size()) {
    if (p.items[p.agreed].hash() == item.hash()) {
      p.items[p.agreed++] = item;
      return;
    }
    Part(&p);
  }
  if (!p.apart) p.read_ahead = false;
  p.items.push_back(item);
}

void InputMatcher::AddRead(Kind kind, std::int32_t partition, std::int64_t offset,
                           std::string_view key, std::string_view value) {
  if (Foreign(kind, key)) {
    ++foreign_[At(kind)];
    return;
  }
  std::vector<Partition>& partitions = partitions_[At(kind)];
  if (partition < 0 || static_cast<std::size_t>(partition) >= partitions.size()) {
    ++elsewhere_[At(kind)];
    return;
  }
  Partition& p = partitions[static_cast<std::size_t>(partition)];
  if (p.reads == 0 || p.next_offset != offset) p.jumps.emplace_back(p.reads, offset);
  p.next_offset = offset + 1;
  ++p.reads;
  const Item item{Hash(key, value) << 1};
  if (!p.apart && !p.read_ahead && p.agreed < p.items.size()) {
    if (p.items[p.agreed].hash() == item.hash()) {
      ++p.agreed;
      return;
    }
    Part(&p);
  }
  if (p.apart) {
    p.read.push_back(item);
  } else {
    p.read_ahead = true;
    p.items.push_back(item);
  }
}

void InputMatcher::Part(Partition* p) {
  const std::uint64_t read = p->read_ahead ? p->items.size() : p->agreed;
  for (std::uint64_t i = 0; i < read; ++i) p->read.push_back(p->items[i]);
  if (p->read_ahead) p->items.Shorten(p->agreed);
  p->apart = true;
}

std::int64_t InputMatcher::OffsetOf(const Partition& p, std::uint64_t index) {
  const auto after =
      std::upper_bound(p.jumps.begin(), p.jumps.end(), index,
                       [](std::uint64_t i, const std::pair<std::uint64_t, std::int64_t>& jump) {
                         return i < jump.first;
                       });
  const auto& [first, offset] = *std::prev(after);
  return offset + static_cast<std::int64_t>(index - first);
}

std::uint64_t InputMatcher::Outstanding() const {
  std::uint64_t count = 0;
  for (const std::vector<Partition>& partitions : partitions_) {
    for (const Partition& p : partitions) {
      if (p.apart) {
        count += p.items.size() > p.read.size() ? p.items.size() - p.read.size() : 0;
      } else if (!p.read_ahead) {
        for (std::uint64_t i = p.agreed; i < p.items.size() && count == 0; ++i) {
          count += p.items[i].may() ? 0 : 1;
        }
      }
    }
  }
  return count;
}

void InputMatcher::JudgePartition(const Partition& p, Kind kind, std::uint32_t number,
                                  Comparison* out, std::vector<Wanted>* wanted) {
  // Where the sides do not differ, one list holds both.
  const Items& expected = p.items;
  const Items& read = p.apart ? p.read : p.items;
  const std::uint64_t expected_count = p.apart || !p.read_ahead ? expected.size() : p.agreed;
  const std::uint64_t read_count = p.apart || p.read_ahead ? read.size() : p.agreed;
  for (std::uint64_t i = 0; i < expected_count; ++i) out->expected += expected[i].may() ? 0 : 1;
  for (std::uint64_t i = 0; i < p.agreed; ++i) ++(expected[i].may() ? out->may : out->matched);

  const std::string where = "partition " + std::to_string(number) + ", ";
  const auto example_of = [&](Flaw flaw, std::optional<std::uint64_t> e,
                              std::optional<std::uint64_t> r) {
    out->Add(flaw, 1, [&] {
      if (e) {
        wanted->push_back(
            {kind, number, *e, flaw, out->examples[static_cast<unsigned>(flaw)].size()});
      }
      FlawExample example;
      if (r) example.got = where + "offset " + std::to_string(OffsetOf(p, *r));
      return example;
    });
  };

  // From the first difference on: both sides by hash, each hash as often as expected.
  struct Place {
    std::uint64_t hash;
    std::uint64_t index;
  };
  const auto by_hash = [&](const Items& items, std::uint64_t count) {
    std::vector<Place> places;
    places.reserve(count - p.agreed);
    for (std::uint64_t i = p.agreed; i < count; ++i) places.push_back({items[i].hash(), i});
    std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
      return std::tie(a.hash, a.index) < std::tie(b.hash, b.index);
    });
    return places;
  };
  struct Pair {
    std::uint64_t read;
    std::uint64_t expected;
  };
  std::vector<Pair> pairs;
  std::vector<std::uint64_t> missing;
  std::vector<std::uint64_t> surplus;
  std::vector<std::uint64_t> repeats;
  {
    const std::vector<Place> es = by_hash(expected, expected_count);
    const std::vector<Place> rs = by_hash(read, read_count);
    std::size_t r = 0;
    for (std::size_t e = 0; e < es.size();) {
      const std::uint64_t hash = es[e].hash;
      while (r < rs.size() && rs[r].hash < hash) surplus.push_back(rs[r++].index);
      std::size_t came = r;
      while (came < rs.size() && rs[came].hash == hash) ++came;
      std::size_t wanted_here = e;
      while (wanted_here < es.size() && es[wanted_here].hash == hash) ++wanted_here;
      // Of equal events the uncertain ones go without first.
      std::size_t short_by = wanted_here - e > came - r ? (wanted_here - e) - (came - r) : 0;
      for (; e < wanted_here; ++e) {
        if (short_by > 0 && expected[es[e].index].may()) {
          --short_by;
        } else if (r < came) {
          pairs.push_back({rs[r++].index, es[e].index});
        } else {
          missing.push_back(es[e].index);
        }
      }
      while (r < rs.size() && rs[r].hash == hash) repeats.push_back(rs[r++].index);
    }
    for (; r < rs.size(); ++r) surplus.push_back(rs[r].index);
  }
  // What is beyond may repeat an event from before the first difference.
  if (!surplus.empty()) {
    std::unordered_set<std::uint64_t> asked;
    for (const std::uint64_t i : surplus) asked.insert(read[i].hash());
    std::unordered_set<std::uint64_t> known;
    for (std::uint64_t i = 0; i < p.agreed; ++i) {
      if (asked.count(expected[i].hash()) != 0) known.insert(expected[i].hash());
    }
    const auto unknown = std::partition(surplus.begin(), surplus.end(), [&](std::uint64_t i) {
      return known.count(read[i].hash()) != 0;
    });
    repeats.insert(repeats.end(), surplus.begin(), unknown);
    surplus.erase(surplus.begin(), unknown);
  }
  // The same the other way round: an uncertain event that came may have been the equal certain one.
  if (!missing.empty()) {
    std::unordered_map<std::uint64_t, std::uint64_t> uncertain;  // hash -> how many came
    for (std::uint64_t i = 0; i < p.agreed; ++i) {
      if (expected[i].may()) ++uncertain[expected[i].hash()];
    }
    std::erase_if(missing, [&](std::uint64_t i) {
      const auto came = uncertain.find(expected[i].hash());
      if (came == uncertain.end() || came->second == 0) return false;
      --came->second;
      --out->may;
      ++out->matched;
      return true;
    });
  }
  // Order per key: in the order of reading, an event before one that was planned after it.
  std::sort(pairs.begin(), pairs.end(),
            [](const Pair& a, const Pair& b) { return a.read < b.read; });
  struct Latest {
    std::uint64_t index = 0;
  };
  NumberMap<Latest> latest;
  for (const Pair& pair : pairs) {
    Latest& of_key = latest[expected[pair.expected].hash() >> kValueBits];
    const bool in_order = pair.expected >= of_key.index;
    of_key.index = std::max(of_key.index, pair.expected);
    if (expected[pair.expected].may()) {
      ++out->may;
    } else if (in_order) {
      ++out->matched;
    } else {
      example_of(Flaw::kWrong, pair.expected, pair.read);
    }
  }
  std::sort(missing.begin(), missing.end());
  std::sort(surplus.begin(), surplus.end());
  std::sort(repeats.begin(), repeats.end());
  for (const std::uint64_t i : missing) example_of(Flaw::kMissing, i, std::nullopt);
  for (const std::uint64_t i : surplus) example_of(Flaw::kUnexpected, std::nullopt, i);
  for (const std::uint64_t i : repeats) example_of(Flaw::kDuplicate, std::nullopt, i);
}

std::array<Comparison, kKinds> InputMatcher::Judge(std::vector<Wanted>* wanted) const {
  std::array<Comparison, kKinds> result;
  for (std::size_t k = 0; k < kKinds; ++k) {
    Comparison& comparison = result[k];
    comparison.name = options_.names[k];
    comparison.foreign = foreign_[k];
    for (std::size_t p = 0; p < partitions_[k].size(); ++p) {
      JudgePartition(partitions_[k][p], static_cast<Kind>(k), static_cast<std::uint32_t>(p),
                     &comparison, wanted);
    }
    comparison.Add(Flaw::kUnexpected, elsewhere_[k], [] {
      return FlawExample{"", "", "in partitions that were added after the verification had begun"};
    });
  }
  return result;
}

Status InputMatcher::FillTexts(const StreamWalker& walker, const Arrivals& arrivals,
                               const std::vector<Wanted>& wanted,
                               std::array<Comparison, kKinds>* comparisons) const {
  if (wanted.empty()) return {};
  std::array<std::vector<std::uint64_t>, kKinds> next;  // index of each partition's next event
  for (std::size_t k = 0; k < kKinds; ++k) next[k].resize(partitions_[k].size());
  std::size_t found = 0;
  return walker([&](const StreamEvent& event) {
    if (arrivals.Of(event) == Arrival::kNever) return true;
    const std::uint32_t partition = PartitionFor(event.kind, event.key);
    const std::uint64_t index = next[At(event.kind)][partition]++;
    for (const Wanted& w : wanted) {
      if (w.kind != event.kind || w.partition != partition || w.index != index) continue;
      FlawExample& example =
          (*comparisons)[At(w.kind)].examples[static_cast<unsigned>(w.flaw)][w.example];
      example.key = event.key;
      example.expected = AsAscii(event.value);
      ++found;
    }
    return found < wanted.size();
  });
}

}  // namespace playload
