#include "transports/http/client_log.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

namespace playload {
namespace {

ClientSession Session(std::uint64_t number, SessionEnd end) {
  ClientSession session;
  session.number = number;
  session.address = "127.0.0.1:" + std::to_string(number);
  session.events = 10;
  session.bytes = 1'000;
  session.gaps = 1;
  session.end = end;
  return session;
}

}  // namespace

TEST_CASE("ClientLog: what the sessions had, those that are open and those that are over") {
  ClientLog log;
  CHECK(log.Copy({}).total == 0);
  CHECK(log.Begin() == 1);
  CHECK(log.Begin() == 2);
  CHECK(log.Begin() == 3);
  log.End(Session(2, SessionEnd::kLimit));
  CHECK(log.Begin() == 4);
  log.End(Session(1, SessionEnd::kClient));
  log.End(Session(4, SessionEnd::kClient));

  const ClientSessions copy = log.Copy({Session(3, SessionEnd::kOpen)});
  CHECK(copy.total == 4);
  CHECK(copy.most_at_once == 3);
  CHECK(copy.events == 40);
  CHECK(copy.bytes == 4'000);
  CHECK(copy.gaps == 4);
  CHECK(copy.ends[static_cast<unsigned>(SessionEnd::kClient)] == 2);
  CHECK(copy.ends[static_cast<unsigned>(SessionEnd::kLimit)] == 1);
  CHECK(copy.ends[static_cast<unsigned>(SessionEnd::kOpen)] == 0);
  REQUIRE(copy.sessions.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(copy.sessions[i].number == i + 1);
  CHECK(copy.sessions[2].end == SessionEnd::kOpen);
  CHECK(copy.sessions[1].address == "127.0.0.1:2");
}

// The very first ones that come may be the last ones that go.
TEST_CASE("ClientLog: of many sessions the first and the latest are kept, and all are counted") {
  constexpr std::uint64_t kAll = 3 * (ClientLog::kFirst + ClientLog::kLatest);
  ClientLog log;
  for (std::uint64_t n = 1; n <= kAll; ++n) CHECK(log.Begin() == n);
  for (std::uint64_t n = 11; n <= kAll; ++n) log.End(Session(n, SessionEnd::kSlow));
  std::vector<ClientSession> open;
  for (std::uint64_t n = 1; n <= 10; ++n) open.push_back(Session(n, SessionEnd::kOpen));
  const auto check = [&](const ClientSessions& copy) {
    CHECK(copy.total == kAll);
    CHECK(copy.most_at_once == kAll);
    CHECK(copy.events == kAll * 10);
    REQUIRE(copy.sessions.size() == ClientLog::kFirst + ClientLog::kLatest);
    for (std::uint64_t i = 0; i < ClientLog::kFirst; ++i) CHECK(copy.sessions[i].number == i + 1);
    for (std::uint64_t i = 0; i < ClientLog::kLatest; ++i) {
      CHECK(copy.sessions[ClientLog::kFirst + i].number == kAll - ClientLog::kLatest + i + 1);
    }
  };
  const ClientSessions copy = log.Copy(open);
  check(copy);
  CHECK(copy.ends[static_cast<unsigned>(SessionEnd::kSlow)] == kAll - 10);
  for (std::uint64_t n = 10; n >= 1; --n) log.End(Session(n, SessionEnd::kShutdown));
  check(log.Copy({}));
}

TEST_CASE("ClientLog: more open sessions than are kept") {
  ClientLog log;
  std::vector<ClientSession> open;
  for (std::uint64_t n = 1; n <= 5'000; ++n) {
    open.push_back(Session(log.Begin(), SessionEnd::kOpen));
  }
  const ClientSessions copy = log.Copy(open);
  CHECK(copy.total == 5'000);
  CHECK(copy.events == 50'000);
  CHECK(copy.sessions.size() == ClientLog::kFirst + ClientLog::kLatest);
  CHECK(copy.sessions.back().number == 5'000);
}

TEST_CASE("ClientLog: many at once") {
  ClientLog log;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log] {
      for (int i = 0; i < 1'000; ++i) {
        log.End(Session(log.Begin(), SessionEnd::kClient));
        if (i % 100 == 0) CHECK(log.Copy({}).sessions.size() <= 1'000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const ClientSessions copy = log.Copy({});
  CHECK(copy.total == 4'000);
  CHECK(copy.ends[static_cast<unsigned>(SessionEnd::kClient)] == 4'000);
  CHECK(copy.most_at_once >= 1);
  CHECK(copy.most_at_once <= 4);
}

TEST_CASE("ClientLog: why a session ended has a name") {
  const std::vector<std::string> names = {"open",      "client",   "limit", "slow",
                                          "run-ended", "shutdown", "error"};
  REQUIRE(names.size() == kSessionEnds);
  for (unsigned i = 0; i < names.size(); ++i) {
    CHECK(SessionEndName(static_cast<SessionEnd>(i)) == names[i]);
  }
}

}  // namespace playload
