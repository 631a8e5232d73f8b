// The text of an HTTP/1.1 answer.
//
// Threads: pure functions but for the clock of Date, and value types.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace playload {

inline constexpr std::string_view kAllowedMethods = "GET, HEAD, OPTIONS";

struct Response {
  int status = 200;
  std::string type;  // Content-Type; empty: there is no body
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// {"error":{"code":400,"parameter":"rate","message":"..."}}, without a newline at its end.
// `parameter` empty: null. `message` is ASCII and never repeats more than 64 bytes of what came.
// With the headers that belong to the status: Allow to 405, WWW-Authenticate to 401.
Response ErrorResponse(int status, std::string_view parameter, std::string_view message);

struct AnswerOptions {
  bool head = false;  // Content-Length as for GET, no body
  bool keep_alive = false;
  std::string_view origin = {};  // Access-Control-Allow-Origin, with Vary: Origin; empty: none
};

// Status line, headers (Date, Content-Type, Content-Length but for 204 and 304, Connection,
// X-Content-Type-Options: nosniff, Cache-Control: no-store where `headers` says no other) and body.
std::string ResponseText(const Response& response, const AnswerOptions& options);

// The head of a stream's answer: 200, no length, Connection: close, Cache-Control: no-store,
// X-Accel-Buffering: no.
std::string StreamHeadText(std::string_view type, std::string_view origin);

}  // namespace playload
