#include "transports/http/coverage.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace playload {
namespace {

constexpr std::uint8_t kPlayers = 1, kPurchases = 2, kServers = 4;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

// A run of which only the kinds of its events are known.
class Run {
 public:
  explicit Run(std::vector<Kind> kinds) : kinds_(std::move(kinds)) {}

  // Granule `index` in a form that wants `kinds`. Positions are ordinals.
  [[nodiscard]] Granule At(std::uint64_t index, std::uint8_t kinds) const {
    Granule granule;
    granule.first = index * kGranuleEvents;
    granule.slots =
        static_cast<std::uint8_t>(std::min<std::uint64_t>(kGranuleEvents, size() - granule.first));
    granule.form = static_cast<std::uint8_t>(Form{.kinds = kinds}.id());
    for (std::uint32_t r = 0; r < kGranuleRuns; ++r) {
      granule.positions[r] = granule.first + r * kRunLength;
    }
    for (std::uint8_t slot = 0; slot < granule.slots; ++slot) {
      const Kind kind = kinds_[granule.first + slot];
      if (!Wants(kinds, kind)) continue;
      granule.slot[granule.count] = slot;
      granule.kind[granule.count] = kind;
      ++granule.count;
    }
    return granule;
  }

  [[nodiscard]] Kind kind(Ordinal o) const { return kinds_[o]; }
  [[nodiscard]] std::uint64_t size() const { return kinds_.size(); }
  [[nodiscard]] std::array<std::uint64_t, kKinds> Count(Ordinal end) const {
    std::array<std::uint64_t, kKinds> counts{};
    for (Ordinal o = 0; o < end; ++o) ++counts[static_cast<unsigned>(kinds_[o])];
    return counts;
  }

 private:
  std::vector<Kind> kinds_;
};

Run RandomRun(Random& random, std::uint64_t size) {
  // From even shares to kinds so rare that whole granules have none.
  const unsigned purchases = random() % 3 == 0 ? 300 : 1 + random() % 40;
  const unsigned servers = random() % 3 == 0 ? 300 : random() % 10;
  std::vector<Kind> kinds;
  for (std::uint64_t o = 0; o < size; ++o) {
    const unsigned draw = random() % 1'000;
    kinds.push_back(draw < purchases             ? Kind::kPurchase
                    : draw < purchases + servers ? Kind::kServer
                                                 : Kind::kPlayer);
  }
  return Run(std::move(kinds));
}

// A reader as the reactor has it.
struct Client {
  std::uint8_t kinds;
  Ordinal since;  // nothing of its kinds was skipped from here on
  Ordinal next;   // what it had last was before this
};

// Clients of all sorts on one run, and beside the coverage the plainest account of who got what.
class Crowd {
 public:
  Crowd(unsigned seed, std::size_t max_holes)
      : random_(seed),
        run_(RandomRun(random_, 500 + random_() % 4'000)),
        deliveries_([this](Position p) {
          timed_.push_back(p);
          return std::int64_t{0};
        }),
        coverage_(&deliveries_, max_holes),
        handed_(run_.size(), false) {
    const unsigned clients = 1 + random_() % 12;
    for (unsigned i = 0; i < clients; ++i) clients_.push_back(Come());
  }

  // Somebody comes, goes, jumps ahead, or gets a piece of a granule.
  void Step() {
    if (random_() % 3 == 0) head_ = std::min(run_.size(), head_ + random_() % 100);
    Client& client = clients_[random_() % clients_.size()];
    const unsigned what = random_() % 40;
    if (what == 0) {
      client = Come();
    } else if (what == 1 && client.next < head_) {  // a gap
      client.since = client.next = client.next + random_() % (head_ - client.next);
    } else {
      Hand(client);
    }
  }

  // Exactly what was handed to somebody is acked.
  void CheckCounts() {
    std::array<std::uint64_t, kKinds> counts{};
    for (Ordinal o = 0; o < handed_.size(); ++o) {
      if (handed_[o]) ++counts[static_cast<unsigned>(run_.kind(o))];
    }
    for (unsigned k = 0; k < kKinds; ++k) {
      CHECK(coverage_.acked(static_cast<Kind>(k)) == counts[k]);
    }
  }

  // Holes hold exactly what was handed to nobody.
  void CheckHoles() {
    const std::vector<std::uint8_t> in_hole = InHoles();
    Ordinal o = 0;
    while (o < head_ && Wants(in_hole[o], run_.kind(o)) == !handed_[o]) ++o;
    CHECK(o == head_);
  }

  // Every event is acked, or in a hole of its kind (in a coarse one, both may be).
  void CheckPartition() {
    const std::vector<std::uint8_t> in_hole = InHoles();
    std::array<std::uint64_t, kKinds> shed{};
    std::vector<Ordinal> lost;
    for (Ordinal o = 0; o < head_; ++o) {
      const auto k = static_cast<unsigned>(run_.kind(o));
      const bool in = Wants(in_hole[o], run_.kind(o));
      if (in) ++shed[k];
      if (!in && !handed_[o]) lost.push_back(o);
    }
    CHECK(lost.empty());
    const std::array<std::uint64_t, kKinds> all = run_.Count(head_);
    for (unsigned k = 0; k < kKinds; ++k) {
      const std::uint64_t acked = coverage_.acked(static_cast<Kind>(k));
      CHECK(deliveries_.fate(Fate::kAcked, static_cast<Kind>(k)) == acked);
      if (coverage_.coarse()) {
        CHECK(acked + shed[k] >= all[k]);
      } else {
        CHECK(acked + shed[k] == all[k]);
      }
    }
  }

  [[nodiscard]] const Coverage& coverage() const { return coverage_; }

 private:
  Client Come() {
    const auto kinds = static_cast<std::uint8_t>(1 + random_() % kAllKinds);
    const Ordinal at = random_() % 2 == 0 ? head_ : random_() % (head_ + 1);
    return {kinds, at, at};
  }

  void Hand(Client& client) {
    while (client.next < head_) {
      const Granule granule = run_.At(client.next / kGranuleEvents, client.kinds);
      const std::uint32_t from = granule.EventAt(client.next);
      const std::uint32_t most = granule.EventAt(head_);
      if (from < most) {
        const std::uint32_t to = from + 1 + random_() % (most - from);
        const Ordinal since = random_() % 2 == 0 ? client.next : client.since;
        std::vector<Ordinal> fresh;
        for (std::uint32_t e = from; e < to; ++e) {
          const Ordinal o = granule.first + granule.slot[e];
          if (!handed_[o]) fresh.push_back(o);
          handed_[o] = true;
        }
        timed_.clear();
        coverage_.Handed(granule, from, to, client.kinds, since, 7);
        client.next = granule.first + granule.slot[to - 1] + 1;
        CheckTimed(fresh);
        return;
      }
      // Nothing of its kinds is left here.
      client.next = std::min<Ordinal>(head_, granule.first + granule.slots);
    }
  }

  // Latency was taken of the first and the last of what nobody had before. What lies in a hole that
  // was given up is not taken as new.
  void CheckTimed(const std::vector<Ordinal>& fresh) {
    if (coverage_.acked(Kind::kPlayer) + coverage_.acked(Kind::kPurchase) +
            coverage_.acked(Kind::kServer) !=
        static_cast<std::uint64_t>(std::count(handed_.begin(), handed_.end(), true))) {
      return;
    }
    std::vector<Ordinal> expected;
    if (!fresh.empty()) expected.push_back(fresh.front());
    if (fresh.size() > 1) expected.push_back(fresh.back());
    CHECK(timed_ == expected);
  }

  std::vector<std::uint8_t> InHoles() {
    std::vector<std::uint8_t> kinds(head_, 0);
    Ordinal free = 0;  // holes ascend and do not overlap
    for (const Coverage::Hole& hole : coverage_.Holes(head_)) {
      REQUIRE(hole.first >= free);
      REQUIRE(hole.last >= hole.first);
      REQUIRE(hole.last < head_);
      REQUIRE(hole.kinds != 0);
      for (Ordinal o = hole.first; o <= hole.last; ++o) kinds[o] = hole.kinds;
      free = hole.last + 1;
    }
    return kinds;
  }

  Random random_;
  const Run run_;
  std::vector<Ordinal> timed_;
  Deliveries deliveries_;
  Coverage coverage_;
  std::vector<bool> handed_;
  std::vector<Client> clients_;
  Ordinal head_ = 0;  // nothing from here on is released yet
};

std::vector<Kind> Kinds(const std::string& letters) {
  const std::map<char, Kind> of = {
      {'p', Kind::kPlayer}, {'$', Kind::kPurchase}, {'s', Kind::kServer}};
  std::vector<Kind> kinds;
  for (const char letter : letters) kinds.push_back(of.at(letter));
  return kinds;
}

std::string Text(const std::vector<Coverage::Hole>& holes) {
  std::string text;
  for (const Coverage::Hole& hole : holes) {
    text += "[" + std::to_string(hole.first) + "-" + std::to_string(hole.last) + ":" +
            std::to_string(hole.kinds) + "]";
  }
  return text;
}

}  // namespace

TEST_CASE("Coverage: clients of all sorts, against an account event by event") {
  for (unsigned seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    Crowd crowd(seed, Coverage::kMaxHoles);
    for (int step = 0; step < 600; ++step) {
      crowd.Step();
      if (step % 60 == 59) {
        crowd.CheckCounts();
        crowd.CheckHoles();
      }
    }
    crowd.CheckPartition();
    CHECK_FALSE(crowd.coverage().coarse());
  }
}

TEST_CASE("Coverage: with fewer holes than there are, every event still has one fate") {
  int coarse = 0, exact = 0;
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    Crowd crowd(seed, 2 + seed % 12);
    for (int step = 0; step < 400; ++step) {
      crowd.Step();
      if (step % 40 == 39) crowd.CheckPartition();
    }
    ++(crowd.coverage().coarse() ? coarse : exact);
  }
  CHECK(coarse > 10);
  CHECK(exact > 10);
}

TEST_CASE("Coverage: a hole closes for the kinds that somebody got") {
  //                         0         1
  //                         0123456789012345
  const Run run(Kinds("pp$ppspp$pppppsp"));
  Deliveries deliveries(nullptr);
  Coverage coverage(&deliveries);
  CHECK(Text(coverage.Holes(16)) == "[0-15:7]");
  CHECK(coverage.Holes(0).empty());

  // Purchases alone: the first one, of a client that was there from ordinal 1 on.
  const Granule purchases = run.At(0, kPurchases);
  coverage.Handed(purchases, 0, 1, kPurchases, 1, 0);
  CHECK(coverage.acked(Kind::kPurchase) == 1);
  // Up to the next purchase nothing is missing, and before ordinal 1 nothing is known.
  CHECK(Text(coverage.Holes(16)) == "[0-0:7][1-7:5][8-15:7]");
  coverage.Handed(purchases, 1, 2, kPurchases, 3, 0);
  CHECK(Text(coverage.Holes(16)) == "[0-0:7][1-15:5]");
  CHECK(Text(coverage.Holes(5)) == "[0-0:7][1-4:5]");
  // The same again is nothing new.
  coverage.Handed(purchases, 0, 2, kPurchases, 1, 0);
  CHECK(coverage.acked(Kind::kPurchase) == 2);

  // All kinds, from the middle to the middle.
  const Granule all = run.At(0, kAllKinds);
  coverage.Handed(all, 4, 7, kAllKinds, 4, 0);
  CHECK(coverage.acked(Kind::kPlayer) == 2);
  CHECK(coverage.acked(Kind::kServer) == 1);
  CHECK(Text(coverage.Holes(16)) == "[0-0:7][1-3:5][7-15:5]");

  // Servers and players from the beginning.
  const Granule others = run.At(0, kPlayers | kServers);
  coverage.Handed(others, 0, others.count, kPlayers | kServers, 0, 0);
  CHECK(Text(coverage.Holes(16)) == "[0-0:2]");
  CHECK(coverage.acked(Kind::kPlayer) == 12);
  CHECK(coverage.acked(Kind::kServer) == 2);
  CHECK(coverage.acked(Kind::kPurchase) == 2);
}

TEST_CASE("Coverage: the narrower half of too many holes is given up") {
  const Run run(std::vector<Kind>(640, Kind::kPlayer));
  Deliveries deliveries(nullptr);
  Coverage coverage(&deliveries, 4);
  const auto hand = [&](Ordinal from, Ordinal to) {
    const Granule granule = run.At(from / kGranuleEvents, kAllKinds);
    coverage.Handed(granule, granule.EventAt(from), granule.EventAt(to), kAllKinds, from, 0);
  };
  hand(20, 21);    // hole 0-19
  hand(23, 24);    // hole 21-22
  hand(64, 65);    // hole 24-63
  hand(70, 71);    // hole 65-69
  hand(100, 101);  // hole 71-99: the fifth; 21-22 and 65-69 are given up
  CHECK(coverage.acked(Kind::kPlayer) == 5);
  CHECK(Text(coverage.Holes(101)) == "[0-19:7][21-22:7][24-63:7][65-69:7][71-99:7]");
  hand(21, 23);
  hand(65, 70);
  CHECK(coverage.acked(Kind::kPlayer) == 5);
  hand(0, 20);
  hand(24, 64);
  hand(71, 100);
  CHECK(coverage.acked(Kind::kPlayer) == 5 + 20 + 40 + 29);
  CHECK(Text(coverage.Holes(101)) == "[21-22:7][65-69:7]");
  CHECK_FALSE(coverage.coarse());
}

TEST_CASE("TellShed: generated = acked + shed, and the positions say of which kinds") {
  const Run run(Kinds("pp$ppspp$pppppsp"));
  const Layout layout(64, 0, 1, 16);
  Deliveries deliveries(nullptr);
  const std::array<std::uint64_t, kKinds> counts = run.Count(16);
  for (unsigned k = 0; k < kKinds; ++k) deliveries.Generated(static_cast<Kind>(k), counts[k]);
  Coverage coverage(&deliveries);
  const Granule purchases = run.At(0, kPurchases | kServers);
  coverage.Handed(purchases, 0, 3, kPurchases | kServers, 0, 0);
  TellShed(coverage, layout, 16, &deliveries);
  for (unsigned k = 0; k < kKinds; ++k) {
    const auto kind = static_cast<Kind>(k);
    CHECK(deliveries.fate(Fate::kAcked, kind) == coverage.acked(kind));
    CHECK(deliveries.fate(Fate::kShed, kind) == counts[k] - coverage.acked(kind));
  }
  // No purchase is missing, so none is spoken of.
  const std::vector<PositionInterval> expected = {{0, 13, kPlayers}, {14, 15, kPlayers | kServers}};
  CHECK(deliveries.intervals(Fate::kShed) == expected);
  CHECK(deliveries.reasons() ==
        std::map<std::string, std::uint64_t>{{"handed to no client", 12 + 1}});
  CHECK_FALSE(deliveries.coarse());

  // Told twice it is told once.
  TellShed(coverage, layout, 16, &deliveries);
  CHECK(deliveries.fate(Fate::kShed, Kind::kPlayer) == 12);
}

TEST_CASE("TellShed: a run that somebody got whole has shed nothing") {
  const Run run(Kinds("p$sp"));
  Deliveries deliveries(nullptr);
  for (unsigned k = 0; k < kKinds; ++k) {
    deliveries.Generated(static_cast<Kind>(k), run.Count(4)[k]);
  }
  Coverage coverage(&deliveries);
  coverage.Handed(run.At(0, kAllKinds), 0, 4, kAllKinds, 0, 0);
  TellShed(coverage, Layout(64, 0, 1, 4), 4, &deliveries);
  CHECK(deliveries.intervals(Fate::kShed).empty());
  CHECK(deliveries.reasons().empty());
}

// In a shard an interval may span positions of others; of its own it holds exactly those that
// nobody got.
TEST_CASE("TellShed: positions of a shard") {
  Random random(5);
  const std::uint64_t size = 2'000;
  const Run run = RandomRun(random, size);
  const Layout layout(8, 1, 3, RunSpec::kNoEnd);
  Deliveries deliveries(nullptr);
  for (unsigned k = 0; k < kKinds; ++k) {
    deliveries.Generated(static_cast<Kind>(k), run.Count(size)[k]);
  }
  Coverage coverage(&deliveries);
  std::vector<bool> handed(size, false);
  for (int i = 0; i < 12; ++i) {
    const auto kinds = static_cast<std::uint8_t>(1 + random() % kAllKinds);
    const Granule granule = run.At(random() % (size / kGranuleEvents), kinds);
    if (granule.count == 0) continue;
    const std::uint32_t from = random() % granule.count;
    const std::uint32_t to = from + 1 + random() % (granule.count - from);
    coverage.Handed(granule, from, to, kinds, granule.first + granule.slot[from], 0);
    for (std::uint32_t e = from; e < to; ++e) handed[granule.first + granule.slot[e]] = true;
  }
  TellShed(coverage, layout, size, &deliveries);
  const std::vector<PositionInterval> intervals = deliveries.intervals(Fate::kShed);
  REQUIRE(intervals.size() > 5);
  for (Ordinal o = 0; o < size; ++o) {
    const Position position = layout.PositionOf(o);
    const bool shed = std::any_of(intervals.begin(), intervals.end(), [&](const auto& i) {
      return i.first <= position && position <= i.last && Wants(i.kinds, run.kind(o));
    });
    CAPTURE(o);
    REQUIRE(shed == !handed[o]);
  }
}

}  // namespace playload
