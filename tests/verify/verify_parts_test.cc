// The smaller parts of verification: ids, lines read for the oracle, arrivals, expected lines, and
// the verdict's two forms.

#include <doctest/doctest.h>
#include <simdjson.h>

#include <charconv>
#include <string>
#include <vector>

#include "generator/judge/verdict.h"
#include "generator/replay/facts.h"
#include "generator/verify/expect.h"
#include "generator/verify/verify.h"
#include "tests/judge/pipeline_world.h"

namespace playload {
namespace {

using testing::World;

TEST_CASE("IdForm: numbers of ids that are written exactly so") {
  const IdForm plain("player", "");
  const IdForm prefixed("player", "ab-1");
  CHECK(plain.Number("player_7") == 7);
  CHECK(plain.Number("player_1234567890123456789") == 1234567890123456789u);
  CHECK(plain.Text(7) == "player_7");
  CHECK(prefixed.Number("player_ab-1_7") == 7);
  CHECK(prefixed.Text(7) == "player_ab-1_7");
  for (const char* const id :
       {"", "player", "player_", "player_07", "player_x", "player_7x", "player_+7", "player_ab-1_7",
        "server_7", "player_12345678901234567890"}) {
    CAPTURE(id);
    CHECK_FALSE(plain.Number(id).has_value());
  }
  CHECK(plain.Number("player_0") == 0);
}

// Every length, at the very beginning of an allocation and with something in front of it.
TEST_CASE("ReadDecimal: the number that the digits say, whatever stands before them") {
  const std::vector<char> alone = {'7'};
  CHECK(ReadDecimal({alone.data(), 1}, 0) == 7);
  std::uint64_t number = 0;
  for (const char digit : std::string("9876543210123456789")) {
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
    for (const std::string before :
         {"", "x", "-------", "99999999", "trans_", "\xff\xff\xff\xff/:\x01"}) {
      const std::string text = before + std::to_string(number);
      const std::vector<char> exact(text.begin(), text.end());
      const std::string_view digits(exact.data() + before.size(), exact.size() - before.size());
      CHECK(ReadDecimal(digits, before.size()) == number);
      for (std::size_t i = 0; i < digits.size(); ++i) {
        for (const char wrong : {'/', ':', ' ', '\xb1', '\0'}) {
          std::vector<char> other = exact;
          other[before.size() + i] = wrong;
          CHECK_FALSE(ReadDecimal({other.data() + before.size(), digits.size()}, before.size())
                          .has_value());
        }
      }
    }
  }
  CHECK(IdForm("trans", "").Number("trans_7") == 7);
}

TEST_CASE("IdForm: foreign ids are those of a run with another prefix") {
  const IdForm plain("player", "");
  const IdForm prefixed("player", "ab");
  CHECK(plain.Foreign("player_ab_7"));
  CHECK_FALSE(plain.Foreign("player_7"));
  CHECK_FALSE(prefixed.Foreign("player_ab_7"));
  CHECK(prefixed.Foreign("player_7"));
  CHECK(prefixed.Foreign("player_abc_7"));
  for (const char* const id : {"player_", "player__7", "player_a_b_7", "player_ab_", "player_ab_x",
                               "player_ab_07", "server_ab_7", "", "player_x"}) {
    CAPTURE(id);
    CHECK_FALSE(plain.Foreign(id));
  }
}

TEST_CASE("Facts: what the oracle needs of a purchase's line") {
  const IdForm players("player", "");
  const auto read = [&](const std::string& amount) {
    return ReadPurchaseLine(testing::PurchaseLine("player_42", "KWD", amount, "refund"), players);
  };
  const auto line = read("19.2");
  REQUIRE(line.has_value());
  CHECK(line->facts.user == 42);
  CHECK(line->type == "refund");
  CHECK(line->currency == "KWD");
  CHECK(line->amount == "19.2");
  CHECK(line->time == "2026-01-01T00:00:00Z");
  CHECK(line->facts.minor_units == 192);
  CHECK(line->facts.decimals == 1);
  for (const char* const amount :
       {"0", "5", "0.05", "4.99", "1.005", "149000", "0.3", "12.000001"}) {
    CAPTURE(amount);
    double parsed = 0;
    std::from_chars(amount, amount + std::char_traits<char>::length(amount), parsed);
    CHECK(AmountOf(read(amount)->facts) == parsed);
  }
  for (const char* const amount : {"", "-1", "1e2", "1.", ".5", "\"1\"", "1.1234567", "1.2.3"}) {
    CAPTURE(amount);
    CHECK_FALSE(read(amount).has_value());
  }
  CHECK_FALSE(ReadPurchaseLine(testing::PurchaseLine("player_1", "XXX", "1"), players).has_value());
  CHECK_FALSE(
      ReadPurchaseLine(testing::PurchaseLine("player_a_1", "USD", "1"), players).has_value());
  CHECK_FALSE(ReadPurchaseLine(testing::PlayerLine("player_1"), players).has_value());
}

TEST_CASE("Facts: what the oracle needs of a server's line") {
  const auto facts = ReadServerLine(testing::ServerLine("server_1", "81", "7"));
  REQUIRE(facts.has_value());
  CHECK(facts->cpu_load == 81);
  CHECK(facts->memory_usage == 7);
  CHECK_FALSE(ReadServerLine(testing::ServerLine("server_1", "81.0", "7")).has_value());
  CHECK_FALSE(ReadServerLine(testing::PlayerLine("player_1")).has_value());
}

TEST_CASE("Arrivals: from the ledger's intervals") {
  LedgerEntry entry;
  entry.generated = {10, 10, 0};
  entry.intervals[static_cast<unsigned>(Fate::kFailed)] = {{5, 7}, {20, 20}};
  entry.intervals[static_cast<unsigned>(Fate::kUnknown)] = {{8, 9}};
  entry.intervals[static_cast<unsigned>(Fate::kShed)] = {{30, 40}};
  const auto of = [](const Arrivals& arrivals, Position p, Kind kind = Kind::kPlayer) {
    return arrivals.Of({p, kind, "", ""});
  };
  const Arrivals arrivals(entry);
  for (const Position p : {0, 4, 10, 19, 21, 29, 41, 1'000}) {
    CHECK(of(arrivals, p) == Arrival::kCertain);
  }
  for (const Position p : {5, 7, 20, 30, 40}) CHECK(of(arrivals, p) == Arrival::kNever);
  for (const Position p : {8, 9}) CHECK(of(arrivals, p) == Arrival::kUnknown);
  // A kind that was never sent.
  CHECK(of(arrivals, 4, Kind::kServer) == Arrival::kNever);
  CHECK(of(Arrivals(), 5) == Arrival::kCertain);

  // A coarse ledger is certain of nothing inside its intervals, which may overlap.
  entry.coarse = true;
  entry.intervals[static_cast<unsigned>(Fate::kUnknown)] = {{6, 12}};
  const Arrivals coarse(entry);
  for (const Position p : {5, 6, 12, 20, 35}) CHECK(of(coarse, p) == Arrival::kUnknown);
  CHECK(of(coarse, 13) == Arrival::kCertain);
}

TEST_CASE("Arrivals: an interval may speak of some kinds only") {
  constexpr std::uint8_t kPlayers = 1, kPurchases = 2, kServers = 4;
  LedgerEntry entry;
  entry.generated = {10, 10, 10};
  entry.intervals[static_cast<unsigned>(Fate::kShed)] = {
      {0, 9, kPlayers}, {10, 19, kPurchases | kServers}, {20, 29}};
  entry.intervals[static_cast<unsigned>(Fate::kUnknown)] = {{5, 14, kServers}};
  const Arrivals arrivals(entry);
  const auto of = [&](Position p, Kind kind) { return arrivals.Of({p, kind, "", ""}); };
  CHECK(of(0, Kind::kPlayer) == Arrival::kNever);
  CHECK(of(9, Kind::kPlayer) == Arrival::kNever);
  CHECK(of(10, Kind::kPlayer) == Arrival::kCertain);
  CHECK(of(9, Kind::kPurchase) == Arrival::kCertain);
  CHECK(of(10, Kind::kPurchase) == Arrival::kNever);
  CHECK(of(4, Kind::kServer) == Arrival::kCertain);
  CHECK(of(5, Kind::kServer) == Arrival::kUnknown);
  CHECK(of(19, Kind::kServer) == Arrival::kUnknown);  // they overlap: one does not know
  for (const Kind kind : {Kind::kPlayer, Kind::kPurchase, Kind::kServer}) {
    CHECK(of(25, kind) == Arrival::kNever);
    CHECK(of(30, kind) == Arrival::kCertain);
  }
}

StreamWalker Walker(const World& world) {
  return [&world](const EventVisitor& visit) -> Status {
    for (std::size_t i = 0; i < world.events.size(); ++i) {
      const testing::Event& e = world.events[i];
      if (!visit({i, e.kind, e.key, e.value})) break;
    }
    return {};
  };
}

// The oracle's lines are, byte for byte, what the reference pipeline puts out, in the same order.
TEST_CASE("Expected lines are the reference pipeline's outputs") {
  const World world = World::Random(8, 20'000, 700);
  std::string produced;
  for (const testing::Produced& p : world.Run()) {
    produced += R"({"output":")" + std::string(kOutputNames[static_cast<unsigned>(p.output)]) +
                R"(","key":")" + p.key + R"(","value":)" + p.value + "}\n";
  }
  std::string lines;
  std::size_t calls = 0;
  const auto sink = [&](std::string_view more) {
    CHECK(more.back() == '\n');
    lines += more;
    ++calls;
    return true;
  };
  REQUIRE(WriteExpected(Walker(world), Arrivals(), "", std::nullopt, sink).ok());
  CHECK(lines == produced);
  CHECK(calls > 5);

  lines.clear();
  REQUIRE(WriteExpected(Walker(world), Arrivals(), "", OutputKind::kFraudAlerts, sink).ok());
  CHECK(std::count(lines.begin(), lines.end(), '\n') > 500);
  CHECK(lines.find("purchase-aggregates") == std::string::npos);

  // A sink that has enough.
  std::size_t taken = 0;
  REQUIRE(WriteExpected(Walker(world), Arrivals(), "", std::nullopt, [&](std::string_view) {
            ++taken;
            return false;
          }).ok());
  CHECK(taken == 1);
}

TEST_CASE("Expected lines: a line that is not ours is an error, not silence") {
  World world;
  world.events.push_back({Kind::kPurchase, "player_1", "{}"});
  const Status status = WriteExpected(Walker(world), Arrivals(), "", std::nullopt,
                                      [](std::string_view) { return true; });
  CHECK(status.code() == Code::kInternal);
  CHECK(status.message().find("event 0") != std::string::npos);
}

Verdict SomeVerdict() {
  Verdict verdict;
  verdict.run_id = "run-1";
  verdict.from = "kafka://127.0.0.1:9092";
  Comparison right;
  right.name = "player-session-summaries";
  right.expected = right.matched = 1'234'567;
  Comparison wrong;
  wrong.name = "fraud-alerts";
  wrong.expected = 12;
  wrong.matched = 1;
  wrong.may = 3;
  for (int i = 0; i < 11; ++i) {
    wrong.Add(Flaw::kMissing, 1, [&] {
      return FlawExample{"player_" + std::to_string(i), "an \"alert\"", ""};
    });
  }
  wrong.Add(Flaw::kUnexpected, 5, [] { return FlawExample{"", "", "x"}; });
  wrong.Add(Flaw::kWrong, 0, []() -> FlawExample { throw "not asked for"; });
  verdict.outputs = {right, wrong};
  verdict.notes = {"a note"};
  return verdict;
}

TEST_CASE("Verdict: JSON has every number, and reads back") {
  const std::string text = VerdictJson(SomeVerdict());
  CHECK(text.back() == '\n');
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  REQUIRE(parser.parse(text).get(json) == simdjson::SUCCESS);
  const auto number = [&](const char* pointer) {
    std::uint64_t value = ~std::uint64_t{0};
    CHECK(json.at_pointer(pointer).get(value) == simdjson::SUCCESS);
    return value;
  };
  const auto flag = [&](const char* pointer) {
    bool value = false;
    CHECK(json.at_pointer(pointer).get(value) == simdjson::SUCCESS);
    return value;
  };
  CHECK(number("/version") == 1);
  CHECK_FALSE(flag("/passed"));
  CHECK(flag("/outputs/player-session-summaries/passed"));
  CHECK(number("/outputs/player-session-summaries/expected") == 1'234'567);
  CHECK(number("/outputs/player-session-summaries/matched") == 1'234'567);
  CHECK(number("/outputs/fraud-alerts/missing") == 11);
  CHECK(number("/outputs/fraud-alerts/unexpected") == 5);
  CHECK(number("/outputs/fraud-alerts/duplicate") == 0);
  CHECK(number("/outputs/fraud-alerts/wrong") == 0);
  CHECK(number("/outputs/fraud-alerts/unreadable") == 0);
  CHECK(number("/outputs/fraud-alerts/may") == 3);
  CHECK(number("/outputs/fraud-alerts/foreign") == 0);
  std::string_view key;
  CHECK(json.at_pointer("/outputs/fraud-alerts/examples/9/key").get(key) == simdjson::SUCCESS);
  CHECK(key == "player_9");
  CHECK(json.at_pointer("/outputs/fraud-alerts/examples/10/flaw").get(key) == simdjson::SUCCESS);
  CHECK(key == "unexpected");
  CHECK(json.at_pointer("/outputs/fraud-alerts/examples/11/flaw").error() != simdjson::SUCCESS);
  CHECK(json.at_pointer("/notes/0").get(key) == simdjson::SUCCESS);
}

TEST_CASE("Verdict: passes when all passed") {
  Verdict verdict = SomeVerdict();
  CHECK_FALSE(verdict.passed());
  verdict.outputs.pop_back();
  CHECK(verdict.passed());
  Comparison input;
  input.flaws[static_cast<unsigned>(Flaw::kDuplicate)] = 1;
  verdict.inputs = {input};
  CHECK_FALSE(verdict.passed());
}

TEST_CASE("Verdict: the text for people") {
  const auto history = [](const std::string& name, const std::string& key) {
    return std::vector<std::string>{"history of " + key + " in " + name};
  };
  CHECK(
      VerdictText(SomeVerdict(), history) ==
      R"(                           expected       seen    matched  missing  unexpected  duplicate  wrong  may
player-session-summaries  1,234,567  1,234,567  1,234,567        0           0          0      0    0
fraud-alerts                     12          9          1       11           5          0      0    3
may: free to come or not, so none of it is a difference
note: a note

fraud-alerts, missing: 11; the first examples
  (a purchase calls for an alert: it was lost, state began anew, or the threshold is too high)
  player_0
    expected: an "alert"
      history of player_0 in fraud-alerts
  player_1
    expected: an "alert"
      history of player_1 in fraud-alerts
  player_2
    expected: an "alert"
      history of player_2 in fraud-alerts
  player_3
    expected: an "alert"
      history of player_3 in fraud-alerts
  player_4
    expected: an "alert"
      history of player_4 in fraud-alerts
  player_5
    expected: an "alert"
      history of player_5 in fraud-alerts
  player_6
    expected: an "alert"
      history of player_6 in fraud-alerts
  player_7
    expected: an "alert"
      history of player_7 in fraud-alerts
  player_8
    expected: an "alert"
      history of player_8 in fraud-alerts
  player_9
    expected: an "alert"
      history of player_9 in fraud-alerts

fraud-alerts, unexpected: 5
  (no purchase of this user calls for it: events were counted twice, state is older than the run, or the threshold is too low)
  (no key)
    got:      x
      history of  in fraud-alerts

FAILED: 16 differences
)");
  Verdict right = SomeVerdict();
  right.outputs.pop_back();
  right.notes.clear();
  CHECK(
      VerdictText(right, nullptr) ==
      R"(                           expected       seen    matched  missing  unexpected  duplicate  wrong
player-session-summaries  1,234,567  1,234,567  1,234,567        0           0          0      0

passed
)");
}

TEST_CASE("Verdict: what cannot be read is told apart where there is some") {
  Comparison garbage;
  garbage.name = "server-alerts";
  garbage.expected = garbage.matched = 20;
  garbage.foreign = 1;
  garbage.Add(Flaw::kUnreadable, 12, [] { return FlawExample{"", "", "x (not JSON)"}; });
  CHECK_FALSE(garbage.passed());
  CHECK(garbage.seen() == 33);
  Verdict verdict;
  verdict.outputs = {garbage};
  const std::string text = VerdictText(verdict, nullptr);
  CHECK(text.starts_with(
      R"(               expected  seen  matched  missing  unexpected  duplicate  wrong  unreadable  foreign
server-alerts        20    33       20        0           0          0      0          12        1
)"));
  CHECK(text.find("\nserver-alerts, unreadable: 12\n  (no JSON object") != std::string::npos);
  CHECK(text.ends_with("\nFAILED: 12 differences\n"));
}

TEST_CASE("Verdict: what was promised stands in it, and decides about repeats") {
  Comparison again;
  again.name = "server-alerts";
  again.expected = again.matched = 2'000;
  again.delivery = Delivery::kAtLeastOnce;
  again.Add(Flaw::kDuplicate, 1'500, []() -> FlawExample { throw "not asked for"; });
  CHECK(again.passed());
  CHECK(again.seen() == 3'500);
  Verdict verdict;
  verdict.delivery = Delivery::kAtLeastOnce;
  verdict.isolation = "read_uncommitted";
  verdict.outputs = {again};
  CHECK(VerdictText(verdict, nullptr) ==
        R"(               expected   seen  matched  missing  unexpected  duplicate  wrong    may
server-alerts     2,000  3,500    2,000        0           0          0      0  1,500
may: free to come or not, so none of it is a difference
at-least-once: 1,500 outputs came again, which it allows

passed
)");
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  REQUIRE(parser.parse(VerdictJson(verdict)).get(json) == simdjson::SUCCESS);
  std::string_view word;
  std::uint64_t repeats = 0;
  CHECK(json.at_pointer("/delivery").get(word) == simdjson::SUCCESS);
  CHECK(word == "at-least-once");
  CHECK(json.at_pointer("/isolation").get(word) == simdjson::SUCCESS);
  CHECK(word == "read_uncommitted");
  CHECK(json.at_pointer("/outputs/server-alerts/repeats").get(repeats) == simdjson::SUCCESS);
  CHECK(repeats == 1'500);
  REQUIRE(parser.parse(VerdictJson(SomeVerdict())).get(json) == simdjson::SUCCESS);
  CHECK(json.at_pointer("/delivery").get(word) == simdjson::SUCCESS);
  CHECK(word == "exactly-once");
  CHECK(json.at_pointer("/isolation").error() != simdjson::SUCCESS);
}

TEST_CASE("Verdict: each flaw of each output is explained in one line") {
  for (const char* const name : kOutputNames) {
    Comparison c;
    c.name = name;
    for (unsigned f = 0; f < kFlaws; ++f) {
      c.Add(static_cast<Flaw>(f), 1, [] { return FlawExample{"key", "expected", "got"}; });
    }
    Verdict verdict;
    verdict.outputs = {c};
    const std::string text = VerdictText(verdict, nullptr);
    for (unsigned f = 0; f < kFlaws; ++f) {
      const std::string head = std::string(name) + ", " + kFlawNames[f] + ": 1\n  (";
      const std::size_t at = text.find(head);
      REQUIRE(at != std::string::npos);
      CHECK(text.find(")\n  key\n", at) > at + head.size() + 20);
    }
  }
}

TEST_CASE("ParseDelivery: the two promises, and an error that names them") {
  for (int i = 0; i < kDeliveries; ++i) {
    const Result<Delivery> delivery = ParseDelivery(kDeliveryNames[i]);
    REQUIRE(delivery.has_value());
    CHECK(static_cast<int>(*delivery) == i);
  }
  CHECK(ParseDelivery("at-most-once").error().message() ==
        "'at-most-once' is neither exactly-once nor at-least-once");
}

TEST_CASE("ParseOutputKind: the four names, and the nearest one for others") {
  for (int i = 0; i < kOutputKinds; ++i) {
    const Result<OutputKind> kind = ParseOutputKind(kOutputNames[i]);
    REQUIRE(kind.has_value());
    CHECK(*kind == static_cast<OutputKind>(i));
  }
  const Result<OutputKind> wrong = ParseOutputKind("fraud-alert");
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().code() == Code::kInvalid);
  CHECK(wrong.error().message().find("'fraud-alerts'") != std::string::npos);
}

}  // namespace
}  // namespace playload
