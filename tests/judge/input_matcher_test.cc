#include "generator/judge/input_matcher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/judge/pipeline_world.h"
#include "transports/kafka/partition.h"

namespace playload {
namespace {

struct Line {
  Kind kind;
  std::string key;
  std::string value;
  Arrival arrival = Arrival::kCertain;
};

struct Read {
  Kind kind;
  std::int32_t partition;
  std::int64_t offset;
  std::string key;
  std::string value;
};

constexpr std::uint32_t kPartitions = 4;

InputMatcher::Options Options(bool files = false) {
  InputMatcher::Options options;
  options.names = {"player-events", "purchase-events", "server-metrics"};
  if (!files) options.partitions = {kPartitions, kPartitions, kPartitions};
  return options;
}

std::vector<Line> Lines(int count, unsigned players) {
  std::mt19937 random(17);
  std::vector<Line> lines;
  for (int i = 0; i < count; ++i) {
    const auto kind = static_cast<Kind>(random() % 3);
    lines.push_back(
        {kind, (kind == Kind::kServer ? "server_" : "player_") + std::to_string(random() % players),
         "{\"n\":" + std::to_string(i) + "}"});
  }
  return lines;
}

// What a topic holds after these lines were written.
std::vector<Read> Written(const std::vector<Line>& lines) {
  std::vector<Read> reads;
  std::int64_t next[kKinds][kPartitions] = {};
  for (const Line& line : lines) {
    if (line.arrival == Arrival::kNever) continue;
    const std::int32_t partition = PartitionOf(line.key, kPartitions);
    std::int64_t& offset = next[static_cast<int>(line.kind)][partition];
    reads.push_back({line.kind, partition, offset++, line.key, line.value});
  }
  return reads;
}

StreamWalker Walker(const std::vector<Line>& lines) {
  return [&lines](const EventVisitor& visit) -> Status {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!visit({i, lines[i].kind, lines[i].key, lines[i].value})) break;
    }
    return {};
  };
}

void Expect(const std::vector<Line>& lines, InputMatcher* matcher) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    matcher->Expect({i, lines[i].kind, lines[i].key, lines[i].value}, lines[i].arrival);
  }
}

void Add(const std::vector<Read>& reads, InputMatcher* matcher) {
  for (const Read& r : reads) matcher->AddRead(r.kind, r.partition, r.offset, r.key, r.value);
}

// As of testing::Counts(), of all topics together.
std::string Counts(const std::array<Comparison, kKinds>& comparisons) {
  Comparison all;
  for (const Comparison& c : comparisons) {
    CHECK(c.expected == c.matched + c.flaw(Flaw::kMissing) + c.flaw(Flaw::kWrong));
    all.expected += c.expected;
    all.matched += c.matched;
    all.may += c.may;
    all.foreign += c.foreign;
    for (unsigned f = 0; f < kFlaws; ++f) all.flaws[f] += c.flaws[f];
  }
  return testing::Counts(all);
}

std::string Judged(const std::vector<Line>& lines, const std::vector<Read>& reads) {
  std::string result;
  for (const int order : {0, 1, 2}) {
    InputMatcher matcher(Options());
    if (order == 0) Expect(lines, &matcher);
    if (order != 2) Add(reads, &matcher);
    if (order == 1) Expect(lines, &matcher);
    if (order == 2) {
      for (std::size_t i = 0; i < std::max(lines.size(), reads.size()); ++i) {
        if (i < reads.size()) Add({reads[i]}, &matcher);
        if (i < lines.size()) {
          matcher.Expect({i, lines[i].kind, lines[i].key, lines[i].value}, lines[i].arrival);
        }
      }
    }
    std::vector<InputMatcher::Wanted> wanted;
    const std::string counts = Counts(matcher.Judge(&wanted));
    if (order > 0) CHECK(counts == result);
    result = counts;
  }
  return result;
}

TEST_CASE("InputMatcher: topics as they were written pass") {
  const std::vector<Line> lines = Lines(5'000, 50);
  CHECK(Judged(lines, Written(lines)) == "5000/5000 0 0 0 0");
  CHECK(Judged({}, {}) == "0/0 0 0 0 0");
}

TEST_CASE("InputMatcher: every kind of damage has its name") {
  const std::vector<Line> lines = Lines(3'000, 50);
  const std::vector<Read> right = Written(lines);
  const auto damaged = [&](auto damage) {
    std::vector<Read> reads = right;
    damage(&reads);
    return Judged(lines, reads);
  };
  CHECK(damaged([](auto* r) { r->erase(r->begin() + 1'500); }) == "3000/2999 1 0 0 0");
  CHECK(damaged([](auto* r) { r->erase(r->begin(), r->begin() + 1'500); }) ==
        "3000/1500 1500 0 0 0");
  CHECK(damaged([](auto* r) { r->resize(10); }) == "3000/10 2990 0 0 0");
  CHECK(damaged([](auto* r) { r->clear(); }) == "3000/0 3000 0 0 0");
  // Again: at the end, and in the middle.
  CHECK(damaged([](auto* r) { r->push_back((*r)[7]); }) == "3000/3000 0 0 1 0");
  CHECK(damaged([](auto* r) { r->insert(r->begin() + 1'501, (*r)[1'500]); }) ==
        "3000/3000 0 0 1 0");
  // A stretch that a new producer has sent again.
  CHECK(damaged([](auto* r) {
          const std::vector<Read> again(r->begin() + 1'000, r->begin() + 1'200);
          r->insert(r->begin() + 1'200, again.begin(), again.end());
        }) == "3000/3000 0 0 200 0");
  CHECK(damaged([](auto* r) {
          r->insert(r->begin() + 9, {Kind::kPlayer, 2, 0, "player_3", "{\"n\":-1}"});
        }) == "3000/3000 0 1 0 0");
  // One byte of a value, and of a key.
  CHECK(damaged([](auto* r) { (*r)[1'000].value[2] = 'm'; }) == "3000/2999 1 1 0 0");
  CHECK(damaged([](auto* r) { (*r)[1'000].key.back() = 'x'; }) == "3000/2999 1 1 0 0");
  // In another partition than its key's.
  CHECK(damaged([](auto* r) { (*r)[1'000].partition = ((*r)[1'000].partition + 1) % 4; }) ==
        "3000/2999 1 1 0 0");
  CHECK(damaged([](auto* r) { (*r)[1'000].partition = 4; }) == "3000/2999 1 1 0 0");
}

TEST_CASE("InputMatcher: order is judged per key") {
  const std::vector<Line> lines = {{Kind::kPlayer, "player_1", "a"},
                                   {Kind::kPlayer, "player_1", "b"},
                                   {Kind::kPlayer, "player_1", "c"},
                                   {Kind::kServer, "server_1", "d"}};
  std::vector<Read> reads = Written(lines);
  std::swap(reads[0], reads[1]);
  CHECK(Judged(lines, reads) == "4/3 0 0 0 1");
  reads = Written(lines);
  std::rotate(reads.begin(), reads.begin() + 1, reads.begin() + 3);  // b c a
  CHECK(Judged(lines, reads) == "4/3 0 0 0 1");

  // Two keys of one partition may pass each other.
  std::vector<Line> two = {{Kind::kPlayer, "player_1", "a"}};
  for (int n = 2; two.size() < 2; ++n) {
    const std::string key = "player_" + std::to_string(n);
    if (PartitionOf(key, kPartitions) == PartitionOf("player_1", kPartitions)) {
      two.push_back({Kind::kPlayer, key, "a"});
    }
  }
  reads = Written(two);
  std::swap(reads[0], reads[1]);
  CHECK(Judged(two, reads) == "2/2 0 0 0 0");
}

TEST_CASE("InputMatcher: equal events count") {
  std::vector<Line> lines(5, Line{Kind::kPlayer, "player_1", "same"});
  const std::vector<Read> five = Written(lines);
  CHECK(Judged(lines, five) == "5/5 0 0 0 0");
  CHECK(Judged(lines, {five.begin(), five.begin() + 3}) == "5/3 2 0 0 0");
  std::vector<Read> seven = five;
  seven.insert(seven.end(), five.begin(), five.begin() + 2);
  CHECK(Judged(lines, seven) == "5/5 0 0 2 0");
  // The uncertain one of them goes without first.
  lines[0].arrival = Arrival::kUnknown;
  CHECK(Judged(lines, {five.begin(), five.begin() + 4}) == "4/4 0 0 0 0");
  CHECK(Judged(lines, five) == "4/4 0 0 0 0 may 1");
  CHECK(Judged(lines, {five.begin(), five.begin() + 3}) == "4/3 1 0 0 0");
}

TEST_CASE("InputMatcher: events that did not arrive must not be there, unknown ones may") {
  std::vector<Line> lines = Lines(900, 20);
  for (std::size_t i = 0; i < lines.size(); i += 3) {
    lines[i].arrival = i % 2 == 0 ? Arrival::kNever : Arrival::kUnknown;
  }
  CHECK(Judged(lines, Written(lines)) == "600/600 0 0 0 0 may 150");
  std::vector<Line> all = lines;
  for (Line& line : all) line.arrival = Arrival::kCertain;
  CHECK(Judged(lines, Written(all)) == "600/600 0 150 0 0 may 150");
  std::vector<Line> few = lines;
  for (Line& line : few) {
    if (line.arrival == Arrival::kUnknown) line.arrival = Arrival::kNever;
  }
  CHECK(Judged(lines, Written(few)) == "600/600 0 0 0 0");
}

TEST_CASE("InputMatcher: events of runs with another prefix are foreign") {
  const std::vector<Line> lines = Lines(300, 20);
  std::vector<Read> reads = Written(lines);
  reads.insert(reads.begin(), {Kind::kPlayer, 1, 7, "player_other_3", "x"});
  reads.push_back({Kind::kPurchase, 2, 7, "trans_other_3", "x"});
  CHECK(Judged(lines, reads) == "300/300 0 0 0 0 foreign 2");
}

TEST_CASE("InputMatcher: what is outstanding") {
  const std::vector<Line> lines = Lines(300, 20);
  const std::vector<Read> reads = Written(lines);
  InputMatcher matcher(Options());
  CHECK(matcher.Outstanding() == 0);
  Expect(lines, &matcher);
  CHECK(matcher.Outstanding() > 0);
  Add({reads.begin(), reads.end() - 1}, &matcher);
  CHECK(matcher.Outstanding() > 0);
  Add({reads.back()}, &matcher);
  CHECK(matcher.Outstanding() == 0);
}

TEST_CASE("InputMatcher: examples show the lost event and where the others are") {
  std::vector<Line> lines = Lines(200, 20);
  lines[5].arrival = Arrival::kNever;  // has no place in the topic
  std::vector<Read> reads = Written(lines);
  const Read lost = reads[100];
  reads.erase(reads.begin() + 100);
  Read again = reads[50];
  again.offset = 1'000;  // there is a gap before it
  reads.push_back(again);
  InputMatcher matcher(Options());
  Add(reads, &matcher);
  Expect(lines, &matcher);
  std::vector<InputMatcher::Wanted> wanted;
  std::array<Comparison, kKinds> comparisons = matcher.Judge(&wanted);
  REQUIRE(Counts(comparisons) == "199/198 1 0 1 0");
  LedgerEntry ledger;
  ledger.generated = {1, 1, 1};
  ledger.intervals[static_cast<unsigned>(Fate::kFailed)] = {{5, 5}};
  REQUIRE(matcher.FillTexts(Walker(lines), Arrivals(ledger), wanted, &comparisons).ok());
  for (const Comparison& c : comparisons) {
    for (const FlawExample& e : c.examples[static_cast<unsigned>(Flaw::kMissing)]) {
      CHECK(e.key == lost.key);
      CHECK(e.expected == lost.value);
      CHECK(e.got.empty());
    }
    for (const FlawExample& e : c.examples[static_cast<unsigned>(Flaw::kDuplicate)]) {
      CHECK(e.got == "partition " + std::to_string(again.partition) + ", offset 1000");
    }
  }
}

TEST_CASE("InputMatcher: files have no keys and one order") {
  const std::vector<Line> lines = Lines(100, 20);
  for (const bool swapped : {false, true}) {
    InputMatcher matcher(Options(true));
    Expect(lines, &matcher);
    std::vector<Line> rows = lines;
    if (swapped) {
      const auto next = std::find_if(rows.begin() + 1, rows.end(),
                                     [&](const Line& l) { return l.kind == rows[0].kind; });
      std::swap(rows[0], *next);
    }
    std::int64_t number = 0;
    for (const Line& row : rows) matcher.AddRead(row.kind, 0, ++number, "", row.value);
    std::vector<InputMatcher::Wanted> wanted;
    CHECK(Counts(matcher.Judge(&wanted)) == (swapped ? "100/99 0 0 0 1" : "100/100 0 0 0 0"));
  }
}

}  // namespace
}  // namespace playload
