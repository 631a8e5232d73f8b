// The checker of the load clients is held to known streams: what it lets pass would be believed.

#include "bench/http/stream_check.h"

#include <doctest/doctest.h>

#include <string>

namespace playload {
namespace {

std::string Event(std::uint64_t id) {
  return "data: {\"n\":" + std::to_string(id) + "}\nid: " + std::to_string(id) + "\n\n";
}

std::string Gap(const std::string& missed, std::uint64_t next, const std::string& reason) {
  return "event: gap\ndata: {\"missed\":" + missed + ",\"next\":" + std::to_string(next) +
         ",\"reason\":\"" + reason + "\"}\n\n";
}

StreamCheck Checked(const std::string& text, bool whole = true) {
  StreamCheck check(false, whole);
  check.Ended(text.size() - check.Take(text));
  return check;
}

std::uint64_t Faults(const std::string& text, bool whole = true) {
  return Checked(text, whole).faults().total();
}

TEST_CASE("StreamCheck: every documented form passes and is counted") {
  const StreamCheck check =
      Checked("retry: 1000\n\n" + Event(7) + ":\n\n" + "event: purchase\n" + Event(8) + Event(9) +
              Gap("10", 20, "slow") + Event(20) + Gap("null", 5, "ahead") + Event(5));
  CHECK(check.faults().total() == 0);
  CHECK(check.events() == 5);
  CHECK(check.position() == 5);
  CHECK(check.missed() == 10);
  CHECK(check.gaps()[1] == 1);
  CHECK(check.gaps()[2] == 1);
  CHECK(Faults("data: {}\nid: 1\nevent: server\n\n") == 0);
}

TEST_CASE("StreamCheck: the same verdict wherever the bytes are cut") {
  const std::string text = "retry: 5\n\n" + Event(9) + Event(10) + "event: player\n" + Event(11) +
                           Gap("88", 100, "window") + Event(100) + Event(102) + Event(101);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(cut);
    StreamCheck check(false, true);
    const std::size_t taken = check.Take(std::string_view(text).substr(0, cut));
    REQUIRE(taken <= cut);
    check.Ended(text.size() - taken - check.Take(std::string_view(text).substr(taken)));
    CHECK(check.events() == 6);
    CHECK(check.faults().hole == 1);
    CHECK(check.faults().order == 1);
    CHECK(check.faults().total() == 2);
  }
}

TEST_CASE("StreamCheck: holes are faults unless a filter explains them") {
  CHECK(Checked(Event(1) + Event(3)).faults().hole == 1);
  CHECK(Faults(Event(1) + Event(3), false) == 0);
  for (const bool whole : {true, false}) {
    CHECK(Checked(Event(3) + Event(3), whole).faults().order == 1);
    CHECK(Checked(Event(3) + Event(2), whole).faults().order == 1);
  }
}

TEST_CASE("StreamCheck: a resume goes on where the client was") {
  StreamCheck check(false, true);
  CHECK_FALSE(check.has_position());
  check.StartAfter(0);
  check.Take(Event(1) + Event(2));
  check.Resume();
  CHECK(check.position() == 2);
  check.Take(Event(3));
  CHECK(check.faults().total() == 0);
  check.Resume();
  check.Take(Event(5));
  CHECK(check.faults().hole == 1);
  check.Resume();
  check.Take(Event(5));
  CHECK(check.faults().order == 1);
  // What a gap promised is forgotten with the connection: the client asks for what it lacks again.
  check.Take(Gap("4", 10, "slow"));
  check.Resume();
  check.Take(Event(6));
  CHECK(check.faults().total() == 2);
}

TEST_CASE("StreamCheck: a gap is held to what it says") {
  CHECK(Faults(Event(5) + Gap("4", 10, "slow") + Event(10)) == 0);
  CHECK(Checked(Event(5) + Gap("5", 10, "slow") + Event(10)).faults().gap == 1);
  CHECK(Checked(Event(5) + Gap("4", 10, "slow") + Event(11)).faults().gap == 1);
  CHECK(Checked(Event(5) + Gap("4", 10, "slow") + Event(9)).faults().gap == 1);
  CHECK(Checked(Event(5) + Gap("null", 10, "slow") + Event(10)).faults().gap == 1);
  CHECK(Checked(Event(5) + Gap("4", 10, "ahead") + Event(10)).faults().gap == 1);
  CHECK(Checked(Event(5) + Gap("4", 10, "tired") + Event(6)).faults().malformed == 1);
  // Two in a row: the second counts from where the first has led.
  CHECK(Faults(Event(5) + Gap("4", 10, "slow") + Gap("20", 30, "slow") + Event(30)) == 0);
  // A filter may leave out the event that the gap names.
  CHECK(Faults(Event(5) + Gap("4", 10, "slow") + Event(12), false) == 0);
  CHECK(Checked(Event(5) + Gap("4", 10, "slow") + Event(9), false).faults().gap == 1);
}

TEST_CASE("StreamCheck: what has no documented form is malformed") {
  for (const std::string text :
       {"id: 1\ndata: {}\n\n", "data: {}\n\n", "id: 1\n\n", "data: {}\ndata: {}\nid: 1\n\n",
        "data: [1]\nid: 1\n\n", "data: {}\nid: x\n\n", "data: {}\nid: 1\nid: 1\n\n", "nonsense\n\n",
        "data:{}\nid: 1\n\n", "retry: soon\n\n", "event: gap\ndata: {}\n\n", "data: {\nid: 1\n\n",
        "data: {}\nid: \n\n"}) {
    CAPTURE(text);
    CHECK(Checked(text).faults().malformed == 1);
  }
}

TEST_CASE("StreamCheck: an end within a record is a cut") {
  CHECK(Checked(Event(1) + "data: {}").faults().cut == 1);
  CHECK(Checked(Event(1) + "data: {}\nid: 2\n").faults().cut == 1);
  CHECK(Checked(Event(1)).faults().cut == 0);
}

TEST_CASE("StreamCheck: lines are objects") {
  StreamCheck check(true, true);
  CHECK(check.Take("{\"a\":1}\n{}\n[]\n\n{\"b\"") == 15);
  CHECK(check.events() == 4);
  CHECK(check.faults().malformed == 2);
}

}  // namespace
}  // namespace playload
