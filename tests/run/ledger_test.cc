#include "generator/run/ledger.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/run/fakes.h"

namespace playload {
namespace {

LedgerEntry Sample() {
  LedgerEntry entry;
  entry.to = "kafka://127.0.0.1:9092";
  entry.topics = {"player-events", "purchase-events", "server-metrics"};
  entry.end = 1'000;
  entry.generated = {900, 60, 40};
  entry.fates = {{{890, 60, 30}, {7, 0, 0}, {3, 0, 4}, {0, 0, 6}}};
  entry.intervals = {{{}, {{5, 9}, {11, 12}}, {{500, 506}}, {{994, 999}}}};
  return entry;
}

std::string Refusal(const std::string& json) {
  const Result<std::vector<LedgerEntry>> ledger = ParseLedger("dir/ledger.json", json);
  if (ledger) return "";
  CHECK(ledger.error().code() == Code::kInvalid);
  CHECK(ledger.error().message().starts_with("dir/ledger.json: "));
  return ledger.error().message();
}

std::string With(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE_MESSAGE(at != std::string::npos, from);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("Ledger: counts of data faults by topic, unknown ones, and none") {
  LedgerEntry with = Sample();
  with.has_faults = true;
  with.faults.emplace();
  (*with.faults)[0][0] = 12;
  (*with.faults)[2][9] = 3;
  LedgerEntry unknown = Sample();
  unknown.has_faults = true;
  const std::string text = LedgerJson("run-1", {with, unknown, Sample()});
  const Result<std::vector<LedgerEntry>> read = ParseLedger("dir/ledger.json", text);
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  REQUIRE(read->size() == 3);
  CHECK((*read)[0].has_faults);
  REQUIRE((*read)[0].faults);
  CHECK(*(*read)[0].faults == *with.faults);
  CHECK((*read)[1].has_faults);
  CHECK_FALSE((*read)[1].faults);
  CHECK_FALSE((*read)[2].has_faults);
  CHECK(text.find("\"duplicate\": 12") != std::string::npos);
  CHECK(text.find("\"schema-version\": 3") != std::string::npos);
  CHECK(LedgerJson("run-1", {Sample()}).find("faults") == std::string::npos);
  CHECK(Refusal(With(text, "\"duplicate\": 12", "\"duplicate\": \"many\"")).find("duplicate") !=
        std::string::npos);
}

TEST_CASE("Ledger: what is written is what is read") {
  const test::ScratchFolder folder;
  LedgerEntry second = Sample();
  second.to = "null";
  second.coarse = true;
  REQUIRE(WriteLedger(folder.path(), "run-1", {Sample(), second}).ok());
  const Result<std::vector<LedgerEntry>> read = ReadLedger(folder.path());
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  REQUIRE(read->size() == 2);
  const LedgerEntry& entry = read->front();
  CHECK(entry.to == Sample().to);
  CHECK(entry.topics == Sample().topics);
  CHECK(entry.end == 1'000);
  CHECK(entry.generated == Sample().generated);
  CHECK(entry.fates == Sample().fates);
  CHECK(!entry.coarse);
  REQUIRE(entry.intervals[1].size() == 2);
  CHECK(entry.intervals[1][1].first == 11);
  CHECK(entry.intervals[1][1].last == 12);
  CHECK(entry.intervals[0].empty());
  CHECK(read->back().coarse);
  CHECK(LedgerJson("run-1", *read) == LedgerJson("run-1", {Sample(), second}));
}

TEST_CASE("Ledger: an interval that speaks of some kinds names their topics") {
  LedgerEntry entry = Sample();
  entry.intervals[3] = {{990, 991, 1}, {993, 995, 6}, {996, 999, 5}};
  const std::string json = LedgerJson("run-1", {entry});
  CHECK(json.find(R"([990, 991, "player-events"])") != std::string::npos);
  CHECK(json.find(R"([993, 995, "purchase-events", "server-metrics"])") != std::string::npos);
  CHECK(json.find(R"([500, 506]])") != std::string::npos);
  const Result<std::vector<LedgerEntry>> read = ParseLedger("ledger.json", json);
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  CHECK(read->front().intervals == entry.intervals);
  // Their order does not matter, and all three are as good as none.
  const Result<std::vector<LedgerEntry>> other = ParseLedger(
      "ledger.json",
      With(With(json, R"("purchase-events", "server-metrics"])",
                R"("server-metrics", "purchase-events"])"),
           "[500, 506]", R"([500, 506, "server-metrics", "player-events", "purchase-events"])"));
  REQUIRE_MESSAGE(other.has_value(), other.error().message());
  CHECK(other->front().intervals == entry.intervals);
}

TEST_CASE("Ledger: it is taken from Deliveries, and adds up there") {
  Deliveries deliveries([](Position) { return std::int64_t{-1}; });
  deliveries.Generated(Kind::kPlayer, 10);
  deliveries.Generated(Kind::kServer, 2);
  deliveries.AckedMany(Kind::kPlayer, 7);
  deliveries.Lost(Fate::kFailed, Kind::kPlayer, 3, "too large");
  deliveries.Lost(Fate::kFailed, Kind::kPlayer, 4, "too large");
  deliveries.Lost(Fate::kUnknown, Kind::kPlayer, 9, "purged");
  deliveries.AckedMany(Kind::kServer, 1);
  LedgerEntry entry = MakeLedgerEntry("fake", Sample().topics, 12, deliveries);
  CHECK(!entry.adds_up());  // one server metric has no fate yet
  deliveries.LostRange(Fate::kShed, {0, 0, 1}, {{10, 11, 4}}, "reader gone", false);
  entry = MakeLedgerEntry("fake", Sample().topics, 12, deliveries);
  CHECK(entry.adds_up());
  CHECK(entry.total_generated() == 12);
  CHECK(entry.total(Fate::kAcked) == 8);
  CHECK(entry.total(Fate::kFailed) == 2);
  REQUIRE(entry.intervals[1].size() == 1);
  CHECK(entry.intervals[1][0].first == 3);
  CHECK(entry.intervals[1][0].last == 4);
  CHECK(entry.intervals[3] == std::vector<PositionInterval>{{10, 11, 4}});
}

TEST_CASE("Ledger: what was changed is refused") {
  const std::string json = LedgerJson("run-1", {Sample()});
  REQUIRE(Refusal(json).empty());
  struct Change {
    std::string from, to, says;
  };
  const std::vector<Change> changes = {
      {R"("version": 1)", R"("version": 7)", "version 7"},
      {R"("acked": 890)", R"("acked": 891)", "do not add up"},
      {R"("acked": 890)", R"("acked": -1)", "topics[0].acked' is not"},
      {R"("unknown": 3)", R"("unknowns": 3)", "topics[0].unknown' is missing"},
      {"[5, 9]", "[9, 5]", "positions.failed"},
      {"[11, 12]", "[9, 12]", "positions.failed"},
      {"[11, 12]", "[11]", "positions.failed"},
      {"[11, 12]", "11", "positions.failed"},
      {"[11, 12]", R"([11, 12, "player-metrics"])", "other topics"},
      {"[11, 12]", R"([11, 12, "player-events", "player-events"])", "other topics"},
      {"[11, 12]", "[11, 12, 1]", "other topics"},
      {"[11, 12]", R"([11, "player-events"])", "positions.failed"},
      {R"("topics": [)", R"("topics": [ {},)", "three topics"},
      {R"("coarse": false)", R"("coarse": "no")", "coarse"},
  };
  for (const Change& change : changes) {
    CAPTURE(change.from);
    const std::string refusal = Refusal(With(json, change.from, change.to));
    CHECK_MESSAGE(refusal.find(change.says) != std::string::npos, refusal);
  }
}

}  // namespace playload
