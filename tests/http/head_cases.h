// Request heads and what the guard makes of them: the table of guard_test, and where the fuzzer
// starts from.
//
// Threads: a pure function.

#pragma once

#include <string>
#include <vector>

#include "transports/http/guard.h"

namespace playload {

struct HeadCase {
  std::string name;
  std::string bytes;
  HeadCheck::State state = HeadCheck::State::kWhole;
  int status = 0;          // kRefused
  std::size_t behind = 0;  // kWhole: bytes of the next request
};

inline std::vector<HeadCase> HeadCases() {
  using enum HeadCheck::State;
  const std::string host = "Host: a\r\n";
  const auto get = [](const std::string& target, const std::string& headers) {
    return "GET " + target + " HTTP/1.1\r\n" + headers + "\r\n";
  };
  const auto times = [](std::size_t count, const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += text;
    return out;
  };
  // A head of exactly `size` bytes.
  const auto head_of = [&](std::size_t size) {
    const std::string rest = get("/", host + "X: \r\n");
    return get("/", host + "X: " + std::string(size - rest.size(), 'x') + "\r\n");
  };

  return {
      {"curl", get("/stream_events",
                   "Host: 127.0.0.1:8000\r\nUser-Agent: curl/7.88.1\r\n"
                   "Accept: */*\r\n")},
      {"EventSource", get("/stream_events?type=player,purchase&limit=5&rate=0.5&format=sse",
                          "host: localhost\r\nLast-Event-ID: 17\r\naccept: text/event-stream\r\n"
                          "Cache-Control: no-cache\r\nConnection: keep-alive\r\n")},
      {"every parameter",
       get("/stream_events?format=sse&type=player,purchase,server&after=17&limit=5&rate=0.5"
           "&envelope=key&events=named",
           "Host: 127.0.0.1\r\nAuthorization: Bearer s3cret\r\nOrigin: https://dash.example\r\n"
           "Accept: text/event-stream;q=0.5, application/*;q=0.4, */*;q=.1\r\n")},
      {"a poll", get("/purchase_event?count=10000&format=ndjson",
                     "Host: [::1]\r\nAuthorization: Bearer s3cret\r\n"
                     "Accept: application/json, application/x-ndjson;q=0\r\n")},
      {"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"OPTIONS",
       "OPTIONS /metrics HTTP/1.1\r\nHost: a\r\nOrigin: https://dash.example\r\n"
       "Access-Control-Request-Method: GET\r\n\r\n"},
      {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n"},
      {"HTTP/1.0, ab", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a:1\r\n\r\n"},
      {"an empty Host", get("/", "Host:\r\n")},
      {"an IPv6 Host", get("/", "Host: [::1]:8000\r\n")},
      {"an announced body of nothing", get("/", host + "Content-Length: 0\r\n")},
      {"blanks around a value", get("/", "Host: \t a \t\r\nContent-Length:\t00 \r\n")},
      {"a value outside ASCII", get("/", host + "User-Agent: \xc3\xa4\xff\r\n")},
      {"an empty value", get("/", host + "X:\r\n")},
      {"escapes", get("/%73tream_events?type=%70layer%00%C3%bc", host)},
      {"Range and Expect", get("/", host + "Range: bytes=0-1,,-,99999999999999999999-\r\n"
                                           "Expect: 100-continue\r\nREMOTE_ADDR: 1.2.3.4\r\n")},
      {"escapes in a header", get("/", host + "User-Agent: a%0d%0ab%\r\nAuthorization: %41\r\n")},
      {"odd queries", get("/stream_events?limit==1&&limit=1&limit=1?&=&a=b=c", host)},
      {"the longest target", get("/" + std::string(kMaxTargetBytes - 1, 'x'), host)},
      {"the longest head", head_of(kMaxHeadBytes)},
      {"the most headers", get("/", host + times(kMaxHeaders - 1, "X: y\r\n"))},
      {"a whole head and garbage", get("/", host) + "\x16\x03\x01", kWhole, 0, 3},
      {"two heads", get("/", host) + get("/b", host), kWhole, 0, 28},
      {"an empty line before it", "\r\n" + get("/", host)},
      {"two empty lines before it", "\r\n\r\n" + get("/", host)},

      {"nothing yet", "", kIncomplete},
      {"an empty line alone", "\r\n", kIncomplete},
      {"half an empty line", "\r", kIncomplete},
      {"half a method", "OPT", kIncomplete},
      {"half a target", "GET /stream_", kIncomplete},
      {"half an escape", "GET /%4", kIncomplete},
      {"half a version", "GET / HTTP/1.", kIncomplete},
      {"half a line end", "GET / HTTP/1.1\r", kIncomplete},
      {"half a header", "GET / HTTP/1.1\r\nHost: a\r\nX", kIncomplete},
      {"no empty line", "GET / HTTP/1.1\r\nHost: a\r\n", kIncomplete},
      {"half an empty line at the end", "GET / HTTP/1.1\r\nHost: a\r\n\r", kIncomplete},
      {"one byte less than too much", head_of(kMaxHeadBytes + 10).substr(0, kMaxHeadBytes - 1),
       kIncomplete},

      {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01", 6), kForeign},
      {"binary", "GE\x80", kForeign},
      {"NUL first", std::string(1, '\0'), kForeign},
      {"DEL in the method", "G\x7fT / HTTP/1.1\r\n", kForeign},
      {"a TLS hello behind an empty line", "\r\n\x16\x03", kForeign},

      {"three empty lines", "\r\n\r\n\r\n" + get("/", host), kRefused, 400},
      {"a bare LF first", "\n" + get("/", host), kRefused, 400},
      {"a bare CR first", "\rG", kRefused, 400},
      {"no method", " / HTTP/1.1\r\n", kRefused, 400},
      {"a line end for a method", "GET\r\n", kRefused, 400},
      {"a tab for a blank", "GET\t/ HTTP/1.1\r\n", kRefused, 400},
      {"HTTP/0.9", "GET /\r\n", kRefused, 400},
      {"two blanks", "GET  / HTTP/1.1\r\n", kRefused, 400},
      {"two blanks before the version", "GET /  HTTP/1.1\r\n", kRefused, 400},
      {"a blank behind the version", "GET / HTTP/1.1 \r\n", kRefused, 400},
      {"lower case version", "GET / http/1.1\r\n", kRefused, 400},
      {"no version number", "GET / HTTP/\r\n", kRefused, 400},
      {"HTTP/1", "GET / HTTP/1\r\n", kRefused, 400},
      {"HTTP/1.10", "GET / HTTP/1.10\r\n", kRefused, 400},
      {"another protocol", "GET / RTSP/1.0\r\n", kRefused, 400},
      {"a bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", kRefused, 400},
      {"a bare CR behind the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", kRefused, 400},
      {"an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", kRefused, 400},
      {"a target without a slash", "GET stream_events HTTP/1.1\r\n", kRefused, 400},
      {"GET *", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", kRefused, 400},
      {"OPTIONS *x", "OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", kRefused, 400},
      {"a fragment", get("/#top", host), kRefused, 400},
      {"NUL in the target", "GET /" + std::string(1, '\0') + " HTTP/1.1\r\n", kRefused, 400},
      {"a byte outside ASCII in the target", get("/\xc3\xa4", host), kRefused, 400},
      {"a bad escape", get("/%zz", host), kRefused, 400},
      {"a short escape", get("/%4", host), kRefused, 400},
      {"an escape of an escape", get("/%%41", host), kRefused, 400},
      {"IIS' escape", get("/?a=%u0041", host), kRefused, 400},
      {"no Host", get("/", ""), kRefused, 400},
      {"no Host, but others", get("/", "Hosts: a\r\nX-Host: b\r\n"), kRefused, 400},
      {"two Hosts", get("/", host + "HOST: b\r\n"), kRefused, 400},
      {"two Hosts under HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", kRefused, 400},
      {"a list of Hosts", get("/", "Host: a, b\r\n"), kRefused, 400},
      {"a Host with a user", get("/", "Host: a@b\r\n"), kRefused, 400},
      {"a Host with a path", get("/", "Host: a/b\r\n"), kRefused, 400},
      {"a blank before the colon", get("/", "Host : a\r\n"), kRefused, 400},
      {"a folded line", get("/", host + " b\r\n"), kRefused, 400},
      {"a line folded by a tab", get("/", host + "\tb\r\n"), kRefused, 400},
      {"a header without a name", get("/", host + ": b\r\n"), kRefused, 400},
      {"a header without a colon", get("/", host + "X\r\n"), kRefused, 400},
      {"a bare LF behind a header", get("/", "Host: a\nX: y\r\n"), kRefused, 400},
      {"a bare CR in a header", get("/", "Host: a\rX: y\r\n"), kRefused, 400},
      {"NUL in a header", get("/", host + "X: " + std::string(1, '\0') + "\r\n"), kRefused, 400},
      {"DEL in a header", get("/", host + "X: \x7f\r\n"), kRefused, 400},
      {"a name outside ASCII", get("/", host + "\xc3\xa4: y\r\n"), kRefused, 400},
      {"a bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", kRefused, 400},
      {"a bare CR at the end", "GET / HTTP/1.1\r\nHost: a\r\n\rX", kRefused, 400},
      {"a length that is none", get("/", host + "Content-Length: 1x\r\n"), kRefused, 400},
      {"a negative length", get("/", host + "Content-Length: -1\r\n"), kRefused, 400},
      {"a length with a sign", get("/", host + "Content-Length: +0\r\n"), kRefused, 400},
      {"an empty length", get("/", host + "Content-Length:\r\n"), kRefused, 400},
      {"a list of lengths", get("/", host + "Content-Length: 0, 0\r\n"), kRefused, 400},
      {"two lengths", get("/", host + "Content-Length: 0\r\nContent-Length: 0\r\n"), kRefused, 400},

      {"POST", "POST ", kRefused, 405},
      {"PUT", "PUT / HTTP/1.1\r\n", kRefused, 405},
      {"DELETE", "DELETE / HTTP/1.1\r\n", kRefused, 405},
      {"PATCH", "PATCH / HTTP/1.1\r\n", kRefused, 405},
      {"TRACE", "TRACE / HTTP/1.1\r\n", kRefused, 405},
      {"QUERY", "QUERY / HTTP/1.1\r\n", kRefused, 405},
      {"CONNECT", "CONNECT a:443 HTTP/1.1\r\n", kRefused, 405},

      {"a body", get("/", host + "Content-Length: 5\r\n") + "hello", kRefused, 413},
      {"a body of a huge length", get("/", host + "content-length: 99999999999999999999\r\n"),
       kRefused, 413},
      {"a chunked body", get("/", host + "Transfer-Encoding: chunked\r\n"), kRefused, 413},
      {"a chunked body in disguise", get("/", host + "transfer-encoding:\tx\r\n"), kRefused, 413},
      {"a chunked body beside a length",
       get("/", host + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
       kRefused, 413},

      {"a target of one byte too many", "GET /" + std::string(kMaxTargetBytes, 'x'), kRefused, 414},
      {"a target of 100 KiB", "GET /" + std::string(102'400, 'x'), kRefused, 414},
      {"a target of escapes", "GET /" + times(2'000, "%41"), kRefused, 414},

      {"a head of one byte too many", head_of(kMaxHeadBytes + 1), kRefused, 431},
      {"a header of 100 KiB", get("/", host + "X: " + std::string(102'400, 'x')), kRefused, 431},
      {"one header too many", get("/", host + times(kMaxHeaders, "X: y\r\n")), kRefused, 431},
      {"10,000 headers", get("/", host + times(10'000, "X: y\r\n")), kRefused, 431},

      {"an unknown method", "BREW /pot HTTP/1.1\r\n", kRefused, 501},
      {"a method in lower case", "get / HTTP/1.1\r\n", kRefused, 501},
      {"a method without an end", std::string(100, 'G'), kRefused, 501},
      {"the HTTP/2 method elsewhere", "PRI / HTTP/1.1\r\n", kRefused, 501},
      {"SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", kRefused, 501},

      {"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", kRefused, 505},
      {"the HTTP/2 method alone", "PRI * HTTP/1.1\r\n", kRefused, 505},
      {"HTTP/2.0", "GET / HTTP/2.0\r\n", kRefused, 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\n", kRefused, 505},
      {"HTTP/0.9 by name", "GET / HTTP/0.9\r\n", kRefused, 505},
      {"HTTP/3.0", "GET / HTTP/3.0\r\n", kRefused, 505},
  };
}

}  // namespace playload
