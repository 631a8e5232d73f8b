#include "transports/http/guard.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <string_view>

#include "tests/http/head_cases.h"

using playload::CheckHead;
using playload::HeadCase;
using playload::HeadCases;
using playload::HeadCheck;

namespace {

using State = HeadCheck::State;

bool Same(const HeadCheck& a, const HeadCheck& b) {
  return a.state == b.state && a.bytes == b.bytes && a.status == b.status &&
         std::strcmp(a.message, b.message) == 0;
}

}  // namespace

TEST_CASE("Guard: the table of heads") {
  for (const HeadCase& head : HeadCases()) {
    CAPTURE(head.name);
    const HeadCheck check = CheckHead(head.bytes);
    CAPTURE(std::string(check.message));
    CHECK(check.state == head.state);
    CHECK(check.status == head.status);
    CHECK((check.message[0] != '\0') == (head.state == State::kRefused));
    CHECK(check.bytes == (head.state == State::kWhole ? head.bytes.size() - head.behind : 0));
  }
}

TEST_CASE("Guard: who forgets the version is told") {
  CHECK(std::string(CheckHead("GET /\r\n").message) ==
        "the request line is not METHOD /PATH HTTP/1.1");
}

// For every head h of the table: every prefix of h gets "wait" until the first one that is decided,
// and every longer one the same verdict. So neither the cuts nor what follows a head matter.
TEST_CASE("Guard: however the bytes are cut, the verdict is the same") {
  for (const HeadCase& head : HeadCases()) {
    CAPTURE(head.name);
    const HeadCheck last = CheckHead(head.bytes);
    bool decided = false;
    std::size_t differ = 0;
    // 20 KB suffice for all that is decided at 16 KiB.
    const std::string bytes = head.bytes.substr(0, 20'000);
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      const HeadCheck now = CheckHead(std::string_view(bytes).substr(0, size));
      decided = decided || now.state != State::kIncomplete;
      if (!Same(now, decided ? last : HeadCheck{})) ++differ;
    }
    CHECK(differ == 0);
    CHECK(decided == (last.state != State::kIncomplete));
  }
}

// For every byte b at every place of a request: what is passed has no control byte but CR LF at the
// ends of its lines (and tabs in values).
TEST_CASE("Guard: no changed byte brings a control byte through") {
  const std::string head =
      "GET /stream_events?type=%41 HTTP/1.1\r\nHost: a\r\nX-A: b c\r\nContent-Length: 0\r\n\r\n";
  REQUIRE(CheckHead(head).state == State::kWhole);
  for (std::size_t at = 0; at < head.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = head;
      changed[at] = static_cast<char>(byte);
      const HeadCheck check = CheckHead(changed);
      if (check.state != State::kWhole) continue;
      std::string_view rest = std::string_view(changed).substr(0, check.bytes);
      while (!rest.empty()) {
        const std::size_t end = rest.find("\r\n");
        REQUIRE(end != rest.npos);
        for (const char c : rest.substr(0, end)) {
          const bool control = (c >= 0 && c < ' ' && c != '\t') || c == '\x7f';
          CHECK_MESSAGE(!control, "byte " << byte << " at " << at);
        }
        rest.remove_prefix(end + 2);
      }
    }
  }
}
