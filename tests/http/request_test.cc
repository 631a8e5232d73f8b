#include "transports/http/request.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tests/http/head_cases.h"
#include "transports/http/guard.h"
#include "transports/http/settings.h"

using playload::CheckHead;
using playload::HeadCase;
using playload::HeadCases;
using playload::HeadCheck;
using playload::HttpSettings;
using playload::Kind;
using playload::ListenAddress;
using playload::Page;
using playload::ParseListenAddress;
using playload::PollRequest;
using playload::Request;
using playload::RequestReader;
using playload::Response;
using playload::StreamFormat;
using playload::StreamRequest;

namespace {

using Headers = std::vector<std::string>;

std::string Head(std::string_view method, std::string_view target, const Headers& headers,
                 std::string_view version = "1.1") {
  std::string head =
      std::string(method) + " " + std::string(target) + " HTTP/" + std::string(version) + "\r\n";
  for (const std::string& header : headers) head += header + "\r\n";
  return head + "\r\n";
}

// A request that the guard has passed, read by `settings`.
Request Read(const HttpSettings& settings, const std::string& head) {
  CAPTURE(head);
  const HeadCheck check = CheckHead(head);
  REQUIRE(check.state == HeadCheck::State::kWhole);
  REQUIRE(check.bytes == head.size());
  RequestReader reader(settings);
  return reader.Read(head);
}

Request Get(std::string_view target, Headers headers = {}) {
  headers.insert(headers.begin(), "Host: localhost:8000");
  return Read(HttpSettings{}, Head("GET", target, headers));
}

// 0 where the request is not refused.
int StatusOf(const Request& request) {
  const Response* response = std::get_if<Response>(&request.what);
  return response != nullptr ? response->status : 0;
}
std::string BodyOf(const Request& request) {
  const Response* response = std::get_if<Response>(&request.what);
  return response != nullptr ? response->body : "";
}

StreamRequest Stream(std::string_view query, const Headers& headers = {}) {
  const Request request = Get("/stream_events" + std::string(query), headers);
  CAPTURE(query);
  CAPTURE(BodyOf(request));
  REQUIRE(std::holds_alternative<StreamRequest>(request.what));
  return std::get<StreamRequest>(request.what);
}
PollRequest Poll(std::string_view target, const Headers& headers = {}) {
  const Request request = Get(target, headers);
  CAPTURE(target);
  CAPTURE(BodyOf(request));
  REQUIRE(std::holds_alternative<PollRequest>(request.what));
  return std::get<PollRequest>(request.what);
}

void CheckRefused(std::string_view target, std::string_view parameter, const Headers& headers = {},
                  int status = 400) {
  const Request request = Get(target, headers);
  CAPTURE(target);
  CAPTURE(BodyOf(request));
  CHECK(StatusOf(request) == status);
  CHECK(request.keep_alive);
  const std::string json = parameter.empty() ? "null" : "\"" + std::string(parameter) + "\"";
  CHECK(BodyOf(request).starts_with("{\"error\":{\"code\":" + std::to_string(status) +
                                    ",\"parameter\":" + json + ",\"message\":\""));
}

std::string HeaderOf(const Request& request, std::string_view name) {
  for (const auto& [header, value] : std::get<Response>(request.what).headers) {
    if (header == name) return value;
  }
  return "";
}

}  // namespace

TEST_CASE("Request: every path has its answer, and nothing else has one") {
  const std::vector<std::pair<std::string, Page>> pages = {
      {"/", Page::kIndex},          {"/healthz", Page::kHealth},  {"/readyz", Page::kReady},
      {"/metrics", Page::kMetrics}, {"/status", Page::kStatus},   {"/openapi.json", Page::kOpenApi},
      {"/?", Page::kIndex},         {"/%73tatus", Page::kStatus}, {"/status?&", Page::kStatus},
  };
  for (const auto& [path, page] : pages) {
    CAPTURE(path);
    const Request request = Get(path);
    REQUIRE(std::holds_alternative<Page>(request.what));
    CHECK(std::get<Page>(request.what) == page);
  }
  CHECK(Poll("/player_event").kind == Kind::kPlayer);
  CHECK(Poll("/purchase_event").kind == Kind::kPurchase);
  CHECK(Poll("/server_metric").kind == Kind::kServer);
  Stream("");
  for (const char* path : {"//",
                           "/.",
                           "/./",
                           "/../",
                           "/../healthz",
                           "/healthz/",
                           "//healthz",
                           "/Healthz",
                           "/healthz%00",
                           "/healthz%20",
                           "/healthz%2f",
                           "/healthz;a=b",
                           "/%2e%2e/%2e%2e/etc/passwd",
                           "/index.html",
                           "/stream_events/",
                           "/stream_events%3Ftype=player",
                           "/player_events",
                           "/favicon.ico",
                           "/\\healthz",
                           "/%c3%a4",
                           "/healthz+"}) {
    CheckRefused(path, "", {}, 404);
    CheckRefused(std::string(path) + "?nonsense=1", "", {}, 404);
  }
}

TEST_CASE("Request: without parameters a stream is live, whole and in SSE") {
  const StreamRequest stream = Stream("");
  CHECK(stream.form == playload::Form{});
  CHECK(stream.form.format == StreamFormat::kSse);
  CHECK(stream.form.kinds == 7);
  CHECK(!stream.after);
  CHECK(stream.limit == 0);
  CHECK(stream.interval_ps == 0);
}

TEST_CASE("Request: the parameters of a stream") {
  CHECK(Stream("?format=sse").form.format == StreamFormat::kSse);
  CHECK(Stream("?format=ndjson").form.format == StreamFormat::kNdjson);
  CHECK(Stream("?format=json").form.format == StreamFormat::kJson);
  CHECK(Stream("?type=player").form.kinds == 1);
  CHECK(Stream("?type=purchase").form.kinds == 2);
  CHECK(Stream("?type=server").form.kinds == 4);
  CHECK(Stream("?type=server,player").form.kinds == 5);
  CHECK(Stream("?type=player%2Cpurchase,server").form.kinds == 7);
  CHECK(Stream("?%74ype=%70layer").form.kinds == 1);
  CHECK(Stream("?after=0").after == 0);
  CHECK(Stream("?after=007").after == 7);
  CHECK(Stream("?after=999999999999999999").after == 999'999'999'999'999'999);
  CHECK(Stream("?limit=1").limit == 1);
  CHECK(Stream("?limit=00012").limit == 12);
  CHECK(Stream("?limit=999999999999999999").limit == 999'999'999'999'999'999);
  CHECK(Stream("?envelope=key").form.envelope);
  CHECK(Stream("?events=named").form.named);
  CHECK(Stream("?events=named&format=sse").form.named);
  const StreamRequest all =
      Stream("?format=sse&type=player&after=5&limit=6&rate=7&envelope=key&events=named&");
  CHECK(all.form == playload::Form{StreamFormat::kSse, true, true, 1});
  CHECK(all.after == 5);
  CHECK(all.limit == 6);
  CHECK(all.interval_ps == 142'857'142'857);
}

TEST_CASE("Request: rates are exact decimal numbers") {
  CHECK(Stream("?rate=1").interval_ps == 1'000'000'000'000);
  CHECK(Stream("?rate=0.001").interval_ps == 1'000'000'000'000'000);
  CHECK(Stream("?rate=10000000").interval_ps == 100'000);
  CHECK(Stream("?rate=10000000.000000000").interval_ps == 100'000);
  CHECK(Stream("?rate=3").interval_ps == 333'333'333'333);
  CHECK(Stream("?rate=1.5").interval_ps == 666'666'666'667);
  CHECK(Stream("?rate=0100.10").interval_ps == 9'990'009'990);
  for (const char* rate :
       {"0",     "0.0",          "0.0009999",    "10000000.1", "10000001", "99999999999999999999",
        "-1",    "%2B1",         "+1",           "1e3",        "1E3",      "inf",
        "nan",   "0x10",         ".5",           "1.",         ".",        "1.2.3",
        "1,5",   "1k",           "%201",         "1%20",       "1/s",      "max",
        "1_000", "0.0010000001", "1.0000000000", "%d9%a1",     "1%00",     "true"}) {
    CheckRefused("/stream_events?rate=" + std::string(rate), "rate");
  }
}

TEST_CASE("Request: numbers of every wrong kind") {
  for (const char* number :
       {"-1", "%2B1", "1.0", "1e3", "0x1", "1k", "a", "%201", "1%20", "1%00", "1,000",
        "1000000000000000000", "99999999999999999999", "%ef%bc%91", "0%0a"}) {
    for (const char* name : {"after", "limit"}) {
      CheckRefused("/stream_events?" + std::string(name) + "=" + number, name);
    }
    CheckRefused("/player_event?count=" + std::string(number), "count");
  }
  CheckRefused("/stream_events?limit=0", "limit");
  CheckRefused("/stream_events?limit=000", "limit");
  CheckRefused("/player_event?count=0", "count");
  CheckRefused("/player_event?count=10001", "count");
}

TEST_CASE("Request: bad words") {
  for (const char* format : {"xml", "SSE", "text/event-stream", "json,ndjson", "sse%00"}) {
    CheckRefused("/stream_events?format=" + std::string(format), "format");
    CheckRefused("/server_metric?format=" + std::string(format), "format");
  }
  CheckRefused("/server_metric?format=sse", "format");
  for (const char* type : {"players", "Player", "player,", ",player", "player,,server", ",",
                           "player,player", "player%20,server", "player+server", "all", "*"}) {
    CheckRefused("/stream_events?type=" + std::string(type), "type");
  }
  CheckRefused("/stream_events?envelope=value", "envelope");
  CheckRefused("/stream_events?events=all", "events");
}

TEST_CASE("Request: unknown, repeated and empty parameters") {
  CheckRefused("/stream_events?rat=1", "rat");
  CHECK(BodyOf(Get("/stream_events?rat=1")).find("did you mean 'rate'?") != std::string::npos);
  CHECK(BodyOf(Get("/stream_events?zzzzzz=1"))
            .find("valid: format, type, after, limit, rate, envelope, events") !=
        std::string::npos);
  CheckRefused("/stream_events?RATE=1", "RATE");
  CheckRefused("/stream_events?count=1", "count");
  CheckRefused("/player_event?limit=1", "limit");
  CheckRefused("/stream_events?access_token=s", "access_token");
  for (const char* path : {"/", "/healthz", "/readyz", "/metrics", "/status", "/openapi.json"}) {
    CheckRefused(std::string(path) + "?format=json", "format");
    CheckRefused(std::string(path) + "?a", "a");
  }

  CheckRefused("/stream_events?limit=1&limit=2", "limit");
  CheckRefused("/stream_events?limit=1&limit=1", "limit");
  CheckRefused("/stream_events?limit=1&format=json&limit=1", "limit");
  CheckRefused("/stream_events?limit=1&%6cimit=1", "limit");
  CheckRefused("/stream_events?type=player&type=server", "type");
  CheckRefused("/stream_events?limit&limit=1", "limit");

  for (const char* name : {"format", "type", "after", "limit", "rate", "envelope", "events"}) {
    CheckRefused("/stream_events?" + std::string(name), name);
    CheckRefused("/stream_events?" + std::string(name) + "=", name);
    CheckRefused("/stream_events?" + std::string(name) + "=%00", name);
    CheckRefused("/stream_events?" + std::string(name) + "=%c3%a4", name);
    CheckRefused("/stream_events?" + std::string(name) + "=%ff", name);
  }
  CheckRefused("/player_event?count", "count");
  for (const char* value : {"%00", "1%00", "%80", "%7f"}) {
    CHECK(BodyOf(Get("/stream_events?limit=" + std::string(value))).find("not ASCII, or NUL") !=
          std::string::npos);
  }
}

TEST_CASE("Request: queries that the library would misread") {
  CheckRefused("/stream_events?limit==1", "limit");
  CheckRefused("/stream_events?limit=1=2", "limit");
  CheckRefused("/stream_events?=1", "");
  CheckRefused("/stream_events?limit=1&=", "");
  CheckRefused("/stream_events??limit=1", "?limit");
  CheckRefused("/stream_events?limit=1?", "limit");
  CheckRefused("/stream_events?limit=1?type=player", "limit");
  std::string many = "/stream_events?a0=1";
  for (int i = 1; i < 17; ++i) many += "&a" + std::to_string(i) + "=1";
  CheckRefused(many, "");
  // A long one costs nothing and is shown in part.
  CheckRefused("/stream_events?" + std::string(4'000, 'a') + "=1", std::string(64, 'a'));
  CheckRefused("/stream_events?%22%5c%0a%c3%a4=1", R"(\"\\???)");
  CHECK(Stream("?&&limit=1&&").limit == 1);
}

// ?format, else an Accept that names a type, else the User-Agent, else SSE.
TEST_CASE("Request: the format of a stream") {
  struct Row {
    std::string query;
    Headers headers;
    StreamFormat format;
  };
  constexpr StreamFormat kSse = StreamFormat::kSse;
  constexpr StreamFormat kNdjson = StreamFormat::kNdjson;
  constexpr StreamFormat kJson = StreamFormat::kJson;
  const std::string fluvio = "User-Agent: fluvio/http-source 0.5.0";
  const std::vector<Row> rows = {
      {"", {}, kSse},
      {"", {"Accept: */*"}, kSse},
      {"", {"Accept: text/*"}, kSse},
      {"", {"Accept: text/event-stream"}, kSse},
      {"", {"ACCEPT: Text/Event-Stream"}, kSse},
      {"", {"Accept: text/event-stream;charset=utf-8"}, kSse},
      {"", {"Accept:"}, kSse},
      {"", {"Accept: application/x-ndjson"}, kNdjson},
      {"", {"Accept: application/json"}, kJson},
      {"", {"Accept: application/*"}, kJson},
      // A browser's navigation, axios, Java's HttpURLConnection.
      {"", {"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, kSse},
      {"", {"Accept: application/json, text/plain, */*"}, kJson},
      {"", {"Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}, kSse},
      {"", {"Accept: text/html, *; q=.2"}, kSse},
      // The better quality, then the more specific, then the first.
      {"", {"Accept: application/json;q=0.5, application/x-ndjson"}, kNdjson},
      {"", {"Accept: application/json;q=0.5, application/x-ndjson;q=0.501"}, kNdjson},
      {"", {"Accept: application/json ; Q=0.5 , text/event-stream ; q=0.4"}, kJson},
      {"", {"Accept: application/x-ndjson, application/json"}, kNdjson},
      {"", {"Accept: application/json, application/x-ndjson"}, kJson},
      {"", {"Accept: application/json", "Accept: text/event-stream;q=0.1"}, kJson},
      {"", {"Accept: application/*;q=0.5, text/event-stream;q=0.4"}, kJson},
      {"", {"Accept: application/json;q=0.3, */*;q=0.5"}, kSse},
      {"", {"Accept: */*, text/event-stream;q=0"}, kJson},
      {"", {"Accept: application/*, application/json;q=0"}, kNdjson},
      // An item that cannot be read is not there.
      {"", {"Accept: application/json;q=high, */*;q=0.1"}, kSse},
      {"", {"Accept: application/json;q=1.1, */*;q=0.1"}, kSse},
      {"", {"Accept: ,,;;, text/event-stream,"}, kSse},
      // Fluvio's connector says */*.
      {"", {fluvio}, kNdjson},
      {"", {"Accept: */*", fluvio}, kNdjson},
      {"", {"Accept: application/json", fluvio}, kJson},
      {"", {"Accept: text/event-stream", fluvio}, kSse},
      {"?format=json", {"Accept: */*", fluvio}, kJson},
      {"", {"User-Agent: Mozilla/5.0 fluvio/http-source"}, kSse},
      // The parameter beats everything.
      {"?format=ndjson", {"Accept: text/event-stream"}, kNdjson},
      {"?format=sse", {"Accept: image/png"}, kSse},
  };
  for (const Row& row : rows) {
    CAPTURE(row.headers.empty() ? row.query : row.headers.front());
    CHECK(Stream(row.query, row.headers).form.format == row.format);
  }
  for (const char* accept :
       {"image/png", "text/html", "text/plain, text/html", "text/event-stream;q=0", "*/*;q=0",
        "application/json;q=0, image/*", "text", "text/event-stream;q=x", "*/json", "te*/*",
        "text/event-stream2", "application/*+json", "\xff", "/", "text/event-stream;q=-1",
        "text/event-stream;q=0.0000"}) {
    CheckRefused("/stream_events", "", {"Accept: " + std::string(accept)}, 406);
  }
  // Parameters are looked at first.
  CheckRefused("/stream_events?limit=0", "limit", {"Accept: image/png"});
}

TEST_CASE("Request: events=named is SSE's alone") {
  CheckRefused("/stream_events?events=named&format=ndjson", "events");
  CheckRefused("/stream_events?events=named&format=json", "events");
  CheckRefused("/stream_events?events=named", "events", {"Accept: application/json"});
  CheckRefused("/stream_events?events=named", "events", {"User-Agent: fluvio/http-source"});
}

// Last-Event-ID beats ?after=, as the URL of a reconnect stays what it was. What is no position
// counts as absent: a 400 would end an EventSource for good.
TEST_CASE("Request: Last-Event-ID") {
  CHECK(Stream("", {"Last-Event-ID: 17"}).after == 17);
  CHECK(Stream("?after=3", {"last-event-id: 17"}).after == 17);
  CHECK(Stream("?after=3", {"Last-Event-ID: 0"}).after == 0);
  CHECK(Stream("", {"Last-Event-ID:  018 "}).after == 18);
  for (const char* bad : {"", "-1", "+1", "1.5", "abc", "1 2", "1,2", "%31", "0x1",
                          "1000000000000000000", "\xff", "null", "undefined"}) {
    CAPTURE(bad);
    CHECK(!Stream("", {"Last-Event-ID: " + std::string(bad)}).after);
    CHECK(Stream("?after=3", {"Last-Event-ID: " + std::string(bad)}).after == 3);
  }
  CHECK(Stream("?after=3", {"Last-Event-ID: 4", "Last-Event-ID: 5"}).after == 3);
  CheckRefused("/stream_events?after=x", "after", {"Last-Event-ID: 17"});
}

TEST_CASE("Request: polled endpoints") {
  const PollRequest plain = Poll("/player_event");
  CHECK(plain.count == 1);
  CHECK(!plain.array);
  CHECK(!plain.ndjson);
  CHECK(Poll("/player_event?count=1").array);
  CHECK(Poll("/player_event?count=1").count == 1);
  CHECK(Poll("/purchase_event?count=10000&format=json").count == 10'000);
  CHECK(!Poll("/purchase_event?count=10000&format=json").ndjson);
  CHECK(Poll("/server_metric?format=ndjson").ndjson);
  CHECK(!Poll("/server_metric?format=ndjson").array);

  CHECK(!Poll("/player_event", {"Accept: */*"}).ndjson);
  CHECK(!Poll("/player_event", {"Accept: application/*"}).ndjson);
  CHECK(!Poll("/player_event", {"Accept: */*", "User-Agent: fluvio/http-source"}).ndjson);
  CHECK(Poll("/player_event", {"Accept: application/x-ndjson"}).ndjson);
  CHECK(!Poll("/player_event?format=json", {"Accept: application/x-ndjson"}).ndjson);
  CHECK(Poll("/player_event?format=ndjson", {"Accept: image/png"}).ndjson);
  CheckRefused("/player_event", "", {"Accept: text/event-stream"}, 406);
  CheckRefused("/player_event?count=0", "count", {"Accept: text/event-stream"});
}

TEST_CASE("Request: HEAD asks for what GET does") {
  const Request page = Read({}, Head("HEAD", "/metrics", {"Host: localhost"}));
  CHECK(page.head);
  CHECK(std::get<Page>(page.what) == Page::kMetrics);
  const Request error = Read({}, Head("HEAD", "/x", {"Host: localhost"}));
  CHECK(error.head);
  CHECK(StatusOf(error) == 404);
  CHECK(!Get("/").head);
}

TEST_CASE("Request: OPTIONS") {
  HttpSettings settings;
  settings.cors_origins = {"https://dash.example", "https://b.example"};
  for (const char* target : {"*", "/", "/stream_events?nonsense", "/player_event"}) {
    CAPTURE(target);
    const Request plain = Read(settings, Head("OPTIONS", target, {"Host: localhost"}));
    CHECK(StatusOf(plain) == 204);
    CHECK(BodyOf(plain).empty());
    CHECK(HeaderOf(plain, "Allow") == "GET, HEAD, OPTIONS");
    CHECK(HeaderOf(plain, "Access-Control-Allow-Methods").empty());
    CHECK(plain.origin.empty());

    const Request preflight = Read(
        settings,
        Head("OPTIONS", target,
             {"Host: localhost", "Origin: https://b.example", "Access-Control-Request-Method: GET",
              "Access-Control-Request-Headers: last-event-id"}));
    CHECK(StatusOf(preflight) == 204);
    CHECK(preflight.origin == "https://b.example");
    CHECK(HeaderOf(preflight, "Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS");
    CHECK(HeaderOf(preflight, "Access-Control-Allow-Headers") == "Authorization, Last-Event-ID");
    CHECK(HeaderOf(preflight, "Access-Control-Max-Age") == "600");

    const Request foreign = Read(
        settings, Head("OPTIONS", target, {"Host: localhost", "Origin: https://evil.example"}));
    CHECK(StatusOf(foreign) == 204);
    CHECK(foreign.origin.empty());
    CHECK(HeaderOf(foreign, "Access-Control-Allow-Methods").empty());
  }
  CHECK(StatusOf(Read(settings, Head("OPTIONS", "/x", {"Host: localhost"}))) == 404);
}

TEST_CASE("Request: only origins that were named are allowed") {
  HttpSettings settings;
  settings.cors_origins = {"https://dash.example"};
  const auto origin = [&](const Headers& headers) {
    Headers all = {"Host: localhost"};
    all.insert(all.end(), headers.begin(), headers.end());
    return Read(settings, Head("GET", "/stream_events", all)).origin;
  };
  CHECK(origin({"Origin: https://dash.example"}) == "https://dash.example");
  CHECK(origin({}).empty());
  for (const char* other : {"null", "*", "https://dash.example.evil.example", "http://dash.example",
                            "https://dash.example:8443", "https://dash.example/",
                            "https://Dash.example", "https://dash%2Eexample", ""}) {
    CAPTURE(other);
    CHECK(origin({"Origin: " + std::string(other)}).empty());
  }
  CHECK(origin({"Origin: https://dash.example", "Origin: https://dash.example"}).empty());
  // Without any, an absent Origin is not taken for an empty one.
  CHECK(Get("/", {"Origin:"}).origin.empty());
}

// DNS rebinding: a page of another site whose name leads to 127.0.0.1 sends that name.
TEST_CASE("Request: on a loopback address the Host is a loopback one") {
  const auto status = [](const std::string& host) {
    return StatusOf(Read({}, Head("GET", "/healthz", {"Host: " + host})));
  };
  for (const char* host :
       {"localhost", "LocalHost", "localhost:8000", "localhost:1", "localhost:", "127.0.0.1",
        "127.0.0.1:80", "127.1.2.3:8000", "[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]"}) {
    CAPTURE(host);
    CHECK(status(host) == 0);
  }
  for (const char* host : {"",
                           "evil.example",
                           "evil.example:8000",
                           "localhost.evil.example",
                           "evil.localhost",
                           "localhost.",
                           "127.0.0.1.evil.example",
                           "128.0.0.1",
                           "0.0.0.0",
                           "10.0.0.1",
                           "127.1",
                           "2130706433",
                           "0x7f.0.0.1",
                           "[::2]",
                           "[::]",
                           "[::ffff:10.0.0.1]",
                           "::1",
                           "[::1",
                           "[",
                           "[]",
                           "]",
                           ":",
                           ":80",
                           "localhost:80:80",
                           "localhost:x",
                           "localhost:8000000",
                           "[::1]8000",
                           "[::1]x:80",
                           "[::1%25lo]",
                           "localhost%00"}) {
    CAPTURE(host);
    CHECK(status(host) == 421);
  }
  // Older clients need not say it; a browser always does.
  CHECK(StatusOf(Read({}, Head("GET", "/healthz", {}, "1.0"))) == 0);
  CHECK(StatusOf(Read({}, Head("GET", "/healthz", {"Host: evil.example"}, "1.0"))) == 421);
  CHECK(StatusOf(Read({}, Head("OPTIONS", "*", {"Host: evil.example"}))) == 421);
  // X-Forwarded-Host is not trusted.
  CHECK(StatusOf(Read(
            {}, Head("GET", "/", {"Host: evil.example", "X-Forwarded-Host: localhost"}))) == 421);
  HttpSettings open;
  open.listen.loopback = false;
  CHECK(StatusOf(Read(open, Head("GET", "/healthz", {"Host: play.example"}))) == 0);
}

TEST_CASE("Request: the token") {
  HttpSettings settings;
  settings.token = "s3cret%41 x";
  const auto status = [&](const std::string& target, const Headers& headers) {
    Headers all = {"Host: localhost"};
    all.insert(all.end(), headers.begin(), headers.end());
    return StatusOf(Read(settings, Head("GET", target, all)));
  };
  for (const char* target : {"/metrics", "/status", "/openapi.json", "/player_event",
                             "/stream_events", "/stream_events?x=1", "/none"}) {
    CAPTURE(target);
    CHECK(status(target, {}) == 401);
  }
  for (const char* right : {"Bearer s3cret%41 x", "bearer s3cret%41 x", "BEARER   s3cret%41 x  "}) {
    CAPTURE(right);
    CHECK(status("/stream_events", {"Authorization: " + std::string(right)}) == 0);
    CHECK(status("/none", {"authorization: " + std::string(right)}) == 404);
  }
  for (const char* wrong :
       {"", "Bearer", "Bearer ", "Bearer s3cret%41", "Bearer s3cret%41 xx", "Bearer S3CRET%41 x",
        "Bearer s3cretA x", "Basic s3cret%41 x", "s3cret%41 x", "Bearer: s3cret%41 x",
        "Bearers3cret%41 x", "Bearer\ts3cret%41 x"}) {
    CAPTURE(wrong);
    CHECK(status("/stream_events", {"Authorization: " + std::string(wrong)}) == 401);
  }
  CHECK(status("/status",
               {"Authorization: Bearer s3cret%41 x", "Authorization: Bearer s3cret%41 x"}) == 401);
  CHECK(status("/status", {"Authorization: Bearer " + std::string(9'000, 'x')}) == 401);

  // Free: what watches the server; the page, which is the same for everybody and then asks for the
  // token; and preflights, which cannot carry one.
  CHECK(status("/", {}) == 0);
  CHECK(status("/healthz", {}) == 0);
  CHECK(status("/readyz", {}) == 0);
  CHECK(status("/healthz?x", {}) == 400);
  CHECK(StatusOf(Read(settings, Head("OPTIONS", "/stream_events", {"Host: localhost"}))) == 204);
  const Request refused = Read(settings, Head("GET", "/status", {"Host: localhost"}));
  CHECK(HeaderOf(refused, "WWW-Authenticate") == "Bearer realm=\"playload\"");
  CHECK(refused.keep_alive);
  // The Host is looked at first.
  CHECK(StatusOf(Read(settings, Head("GET", "/", {"Host: evil.example"}))) == 421);
}

TEST_CASE("Request: whether the connection stays") {
  const auto stays = [](const Headers& headers, std::string_view version) {
    Headers all = {"Host: localhost"};
    all.insert(all.end(), headers.begin(), headers.end());
    return Read({}, Head("GET", "/healthz", all, version)).keep_alive;
  };
  CHECK(stays({}, "1.1"));
  CHECK(stays({"Connection: keep-alive"}, "1.1"));
  CHECK(stays({"Connection: Upgrade, HTTP2-Settings"}, "1.1"));
  CHECK(!stays({"Connection: close"}, "1.1"));
  CHECK(!stays({"connection: Close"}, "1.1"));
  CHECK(!stays({"Connection: x, close ,y"}, "1.1"));
  CHECK(!stays({"Connection: keep-alive", "Connection: close"}, "1.1"));
  CHECK(stays({"Connection: closed"}, "1.1"));
  CHECK(!stays({}, "1.0"));
  CHECK(stays({"Connection: Keep-Alive"}, "1.0"));
  CHECK(!stays({"Connection: keep-alive, close"}, "1.0"));
  CHECK(!stays({"Connection: close"}, "1.0"));
}

TEST_CASE("Request: the User-Agent is printable and short") {
  const auto agent = [](const std::string& text) {
    return Get("/", {"User-Agent: " + text}).user_agent;
  };
  CHECK(Get("/").user_agent.empty());
  CHECK(agent("curl/7.88.1") == "curl/7.88.1");
  CHECK(agent("a\tb\xc3\xa4") == "a?b??");
  CHECK(agent("a%0d%0aSet-Cookie: b%") == "a%0d%0aSet-Cookie: b%");
  CHECK(agent(std::string(1'000, 'x')) == std::string(128, 'x'));
}

TEST_CASE("Request: what the library would act on means nothing") {
  for (const std::string header :
       {"Range: bytes=0-0", "Range: bytes=99999999999999999999-", "Range: x",
        "Expect: 100-continue", "REMOTE_ADDR: 1.2.3.4", "Content-Type: multipart/form-data",
        "Content-Length: 0", "Upgrade: h2c", "If-None-Match: *", "Accept-Encoding: gzip"}) {
    CAPTURE(header);
    CHECK(std::holds_alternative<Page>(Get("/", {header}).what));
  }
  std::string ranges = "Range: bytes=0-1";
  while (ranges.size() < 15'000) ranges += ",0-1";
  CHECK(std::holds_alternative<Page>(Get("/", {ranges}).what));
}

// A value that no client sends is none, whatever it costs to look at.
TEST_CASE("Request: very long values count as absent") {
  const std::string commas(2'000, ',');
  const Headers accepts(7, "Accept: image/png" + commas);
  CHECK(Stream("", accepts).form.format == StreamFormat::kSse);
  CHECK(!Stream("", {"Last-Event-ID: 1" + std::string(3'000, '0')}).after);
  CHECK(Get("/", {"User-Agent: " + std::string(3'000, 'x')}).user_agent.empty());
  CHECK(Get("/", {"Connection: close, " + std::string(3'000, 'x')}).keep_alive);
  // Escapes three times as long for the library, which has a limit of 8 KiB a line.
  CHECK(Get("/", {"User-Agent: " + std::string(2'000, '%')}).user_agent == std::string(128, '%'));
}

// Whatever the guard passes, the library can read; and one reader reads all of them in turn as a
// fresh one would.
TEST_CASE("Request: every head that is passed can be read") {
  HttpSettings settings;
  settings.listen.loopback = false;
  RequestReader reader(settings);
  for (const HeadCase& head : HeadCases()) {
    if (head.state != HeadCheck::State::kWhole) continue;
    CAPTURE(head.name);
    const std::string_view bytes =
        std::string_view(head.bytes).substr(0, head.bytes.size() - head.behind);
    const Request request = reader.Read(bytes);
    CHECK(BodyOf(request).find("cannot be read") == std::string::npos);
    RequestReader fresh(settings);
    const Request again = fresh.Read(bytes);
    CHECK(request.what.index() == again.what.index());
    CHECK(BodyOf(request) == BodyOf(again));
    CHECK(request.user_agent == again.user_agent);
    CHECK(request.keep_alive == again.keep_alive);
  }
}

TEST_CASE("Listen address: what is one") {
  struct Row {
    const char* text;
    const char* shown;
    bool loopback;
  };
  for (const Row& row : std::vector<Row>{{"127.0.0.1:8000", "127.0.0.1:8000", true},
                                         {"localhost:0", "127.0.0.1:0", true},
                                         {"127.9.9.9:65535", "127.9.9.9:65535", true},
                                         {"0.0.0.0:80", "0.0.0.0:80", false},
                                         {"10.1.2.3:8000", "10.1.2.3:8000", false},
                                         {"[::1]:8000", "[::1]:8000", true},
                                         {"[0:0::1]:8000", "[::1]:8000", true},
                                         {"[::]:8000", "[::]:8000", false},
                                         {"[2001:db8::1]:1", "[2001:db8::1]:1", false}}) {
    CAPTURE(row.text);
    const auto address = ParseListenAddress(row.text);
    REQUIRE(address);
    CHECK(address->text() == row.shown);
    CHECK(address->loopback == row.loopback);
  }
  for (const std::string text : {"",
                                 ":",
                                 ":8000",
                                 "8000",
                                 "127.0.0.1",
                                 "127.0.0.1:",
                                 "127.0.0.1:x",
                                 "127.0.0.1:-1",
                                 "127.0.0.1:+1",
                                 "127.0.0.1: 1",
                                 "127.0.0.1:65536",
                                 "127.0.0.1:000080",
                                 "127.1:80",
                                 "127.0.0.256:80",
                                 "example.org:80",
                                 "*:80",
                                 "::1:80",
                                 "[::1]",
                                 "[::1]80",
                                 "[::1:80",
                                 "[]:80",
                                 "[:80",
                                 "]:80",
                                 "[127.0.0.1]:80",
                                 "[fe80::1%lo]:80",
                                 "http://127.0.0.1:80",
                                 "127.0.0.1:80/",
                                 "LOCALHOST:80 "}) {
    CAPTURE(text);
    const auto address = ParseListenAddress(text);
    CHECK(!address);
    CHECK(address.error().code() == playload::Code::kInvalid);
    CHECK(address.error().message().find("such as 127.0.0.1:8000") != std::string::npos);
  }
  CHECK(!ParseListenAddress(std::string_view("127.0.0.1\0:80", 13)));
  CHECK(!ParseListenAddress(std::string_view("[::1\0]:80", 9)));
}
