#include "transports/http/response.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using playload::AnswerOptions;
using playload::ErrorResponse;
using playload::Response;
using playload::ResponseText;
using playload::StreamHeadText;

namespace {

// The lines of the head, without the one that begins with "Date: ", whose form is checked; the last
// element is the body.
std::vector<std::string> Parts(const std::string& text) {
  std::vector<std::string> parts;
  std::string_view rest = text;
  int dates = 0;
  for (;;) {
    const std::size_t end = rest.find("\r\n");
    REQUIRE(end != rest.npos);
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (line.empty()) break;
    if (line.starts_with("Date: ")) {
      ++dates;
      // "Date: Sun, 06 Nov 1994 08:49:37 GMT"
      constexpr std::string_view kForm = "Date: Aaa, 99 Aaa 9999 99:99:99 GMT";
      REQUIRE(line.size() == kForm.size());
      for (std::size_t i = 6; i < line.size(); ++i) {
        const char c = line[i];
        CAPTURE(line);
        if (kForm[i] == '9') {
          CHECK((c >= '0' && c <= '9'));
        } else if (kForm[i] == 'A') {
          CHECK((c >= 'A' && c <= 'Z'));
        } else if (kForm[i] == 'a') {
          CHECK((c >= 'a' && c <= 'z'));
        } else {
          CHECK(c == kForm[i]);
        }
      }
      continue;
    }
    parts.emplace_back(line);
  }
  CHECK(dates == 1);
  parts.emplace_back(rest);
  return parts;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("Response: status line, headers and body") {
  const Response response{200, "application/json", "{}", {{"X-A", "b"}}};
  CHECK(Parts(ResponseText(response, {.keep_alive = true})) ==
        Strings{"HTTP/1.1 200 OK", "Content-Type: application/json", "Content-Length: 2",
                "Connection: keep-alive", "X-Content-Type-Options: nosniff",
                "Cache-Control: no-store", "X-A: b", "{}"});
  CHECK(Parts(ResponseText(response, {.head = true, .origin = "https://dash.example"})) ==
        Strings{"HTTP/1.1 200 OK", "Content-Type: application/json", "Content-Length: 2",
                "Connection: close", "X-Content-Type-Options: nosniff", "Cache-Control: no-store",
                "X-A: b", "Access-Control-Allow-Origin: https://dash.example", "Vary: Origin", ""});
}

TEST_CASE("Response: its own Cache-Control stands") {
  const Response response{200, "text/css", "x", {{"Cache-Control", "max-age=60"}}};
  CHECK(Parts(ResponseText(response, {})) == Strings{"HTTP/1.1 200 OK", "Content-Type: text/css",
                                                     "Content-Length: 1", "Connection: close",
                                                     "X-Content-Type-Options: nosniff",
                                                     "Cache-Control: max-age=60", "x"});
}

TEST_CASE("Response: without a body the length is 0, and a 204 has none") {
  CHECK(Parts(ResponseText({200, "", "", {}}, {})) ==
        Strings{"HTTP/1.1 200 OK", "Content-Length: 0", "Connection: close",
                "X-Content-Type-Options: nosniff", "Cache-Control: no-store", ""});
  CHECK(Parts(ResponseText({204, "", "", {}}, {})) ==
        Strings{"HTTP/1.1 204 No Content", "Connection: close", "X-Content-Type-Options: nosniff",
                "Cache-Control: no-store", ""});
}

TEST_CASE("Response: the head of a stream") {
  CHECK(Parts(StreamHeadText("text/event-stream", "")) ==
        Strings{"HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Connection: close",
                "X-Content-Type-Options: nosniff", "Cache-Control: no-store",
                "X-Accel-Buffering: no", ""});
  CHECK(Parts(StreamHeadText("application/json", "https://dash.example")) ==
        Strings{"HTTP/1.1 200 OK", "Content-Type: application/json", "Connection: close",
                "X-Content-Type-Options: nosniff", "Cache-Control: no-store",
                "X-Accel-Buffering: no", "Access-Control-Allow-Origin: https://dash.example",
                "Vary: Origin", ""});
}

TEST_CASE("Error: the body is JSON in ASCII without a newline") {
  const Response bad = ErrorResponse(400, "rate", "not a number: 'x'");
  CHECK(bad.status == 400);
  CHECK(bad.type == "application/json");
  CHECK(bad.body == R"({"error":{"code":400,"parameter":"rate","message":"not a number: 'x'"}})");
  CHECK(bad.headers.empty());
  CHECK(ErrorResponse(404, "", "none").body ==
        R"({"error":{"code":404,"parameter":null,"message":"none"}})");
}

TEST_CASE("Error: what came from outside is escaped, made ASCII and cut") {
  CHECK(ErrorResponse(400, "a\"\\\n\xc3\xa4", "m\"\x01").body ==
        R"({"error":{"code":400,"parameter":"a\"\\???","message":"m\"?"}})");
  CHECK(ErrorResponse(400, std::string(1'000, 'n'), "m").body ==
        R"({"error":{"code":400,"parameter":")" + std::string(64, 'n') + R"(","message":"m"}})");
}

TEST_CASE("Error: headers that belong to the status") {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  CHECK(ErrorResponse(401, "", "m").headers ==
        Headers{{"WWW-Authenticate", "Bearer realm=\"playload\""}});
  CHECK(ErrorResponse(405, "", "m").headers == Headers{{"Allow", "GET, HEAD, OPTIONS"}});
}

TEST_CASE("Response: every status that the server has is named") {
  for (const int status : {200, 204, 400, 401, 404, 405, 406, 413, 414, 421, 431, 501, 503, 505}) {
    const std::string line = Parts(ResponseText({status, "", "", {}}, {})).front();
    CAPTURE(line);
    CHECK(line.size() > std::string_view("HTTP/1.1 200 ").size());
  }
}
