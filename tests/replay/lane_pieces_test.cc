#include "generator/replay/lane_pieces.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "generator/stream/tables.h"
#include "tests/support/world.h"

namespace playload {
namespace {

constexpr std::uint64_t kLane = 3;
constexpr std::uint64_t kRuns = 3'000;

using Event = std::pair<Record, std::uint64_t>;

bool Same(const std::vector<Event>& a, const std::vector<Event>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i].first, &b[i].first, sizeof(Record)) != 0) return false;
    if (a[i].second != b[i].second) return false;
  }
  return true;
}

struct Made {
  explicit Made(const Model& m) : model(m), records(kRuns * kRunLength) {
    Lanes lanes(model, kLane);
    lanes.Simulate(kLane, records.data(), kRuns * kRunLength);
  }

  [[nodiscard]] std::vector<Event> Of(const LaneEntity& who, std::uint64_t from,
                                      std::uint64_t to) const {
    std::vector<Event> events;
    for (std::uint64_t i = from * kRunLength; i < to * kRunLength; ++i) {
      if (records[i].entity != who.index) continue;
      if ((KindOf(records[i].action) == Kind::kServer) == who.server) {
        events.emplace_back(records[i], i);
      }
    }
    return events;
  }

  // At each of these runs a copy; at 0 none is needed.
  [[nodiscard]] std::vector<LanePiece> Cut(const std::vector<std::uint64_t>& at) const {
    std::vector<LanePiece> pieces;
    Lanes lanes(model, kLane);
    std::vector<Record> thrown_away(kRuns * kRunLength);
    std::uint64_t made = 0;
    for (const std::uint64_t begin : at) {
      const std::uint64_t more = (begin - made) * kRunLength;
      if (more > 0) lanes.Simulate(kLane, thrown_away.data(), static_cast<std::uint32_t>(more));
      made = begin;
      pieces.push_back({begin, lanes.Copy()});
    }
    return pieces;
  }

  const Model& model;
  std::vector<Record> records;
};

TEST_CASE("WalkLane: made in pieces a lane gives what it gives when made from the beginning") {
  const StreamTables tables(test::SpecOf(test::World(5'000, {"casual", "whale"}), 3, 1'000'000));
  const Made made(tables.model);
  for (const LaneEntity& who : {LaneEntity{kLane, true, 0}, LaneEntity{kLane, true, 4},
                                LaneEntity{kLane, false, 7}, LaneEntity{kLane, false, 311}}) {
    for (const std::vector<std::uint64_t>& at : std::vector<std::vector<std::uint64_t>>{
             {0},
             {1'000},
             {0, 1'500},
             {0, 1, 2'900},
             {500, 500, 1'000, kRuns},
             {0, 300, 301, 900, 1'200, 1'500, 1'800, 2'000, 2'001, 2'500, 2'999}}) {
      const std::vector<LanePiece> pieces = made.Cut(at);
      for (const std::uint64_t end : {std::uint64_t{kRuns}, at.back(), at.back() + 77}) {
        if (end > kRuns) continue;
        const std::vector<Event> expected = made.Of(who, at.front(), end);
        for (const int threads : {1, 2, 3, 20}) {
          CAPTURE(at.size());
          CAPTURE(end);
          CAPTURE(threads);
          std::vector<Event> events;
          const auto visit = [&](const Record& record, std::uint64_t index) {
            events.emplace_back(record, index);
            return true;
          };
          REQUIRE(WalkLane(tables.model, who, pieces, end, threads, visit).ok());
          REQUIRE(Same(events, expected));
          // A visitor who has seen enough gets no more.
          if (expected.size() < 2) continue;
          std::size_t seen = 0;
          const auto enough = [&](const Record&, std::uint64_t) {
            return ++seen < expected.size() / 2;
          };
          REQUIRE(WalkLane(tables.model, who, pieces, end, threads, enough).ok());
          REQUIRE(seen == std::max<std::size_t>(expected.size() / 2, 1));
        }
      }
    }
    CHECK(made.Of(who, 0, kRuns).size() > 5);
  }
}

}  // namespace
}  // namespace playload
