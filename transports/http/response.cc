#include "transports/http/response.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace playload {
namespace {

constexpr std::size_t kMaxParameterBytes = 64;

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  out += '"';
}

void AppendHeader(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void AppendTwoDigits(unsigned number, std::string& out) {
  out += static_cast<char>('0' + number / 10);
  out += static_cast<char>('0' + number % 10);
}

// "Date: Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7), whatever the locale.
void AppendDate(std::string& out) {
  static constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{now - day};
  out += "Date: ";
  out += kDays.substr(std::size_t{3} * std::chrono::weekday{day}.c_encoding(), 3);
  out += ", ";
  AppendTwoDigits(static_cast<unsigned>(date.day()), out);
  out += ' ';
  out += kMonths.substr(std::size_t{3} * (static_cast<unsigned>(date.month()) - 1), 3);
  out += ' ';
  out += std::to_string(static_cast<int>(date.year()));
  out += ' ';
  AppendTwoDigits(static_cast<unsigned>(time.hours().count()), out);
  out += ':';
  AppendTwoDigits(static_cast<unsigned>(time.minutes().count()), out);
  out += ':';
  AppendTwoDigits(static_cast<unsigned>(time.seconds().count()), out);
  out += " GMT\r\n";
}

void AppendOrigin(std::string_view origin, std::string& out) {
  if (origin.empty()) return;
  AppendHeader("Access-Control-Allow-Origin", origin, out);
  AppendHeader("Vary", "Origin", out);
}

bool IsCacheControl(const std::pair<std::string, std::string>& header) {
  return header.first == "Cache-Control";
}

}  // namespace

Response ErrorResponse(int status, std::string_view parameter, std::string_view message) {
  Response response{status, "application/json", {}, {}};
  response.body = "{\"error\":{\"code\":" + std::to_string(status) + ",\"parameter\":";
  if (parameter.empty()) {
    response.body += "null";
  } else {
    AppendJsonString(parameter.substr(0, kMaxParameterBytes), response.body);
  }
  response.body += ",\"message\":";
  AppendJsonString(message, response.body);
  response.body += "}}";
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"playload\"");
  if (status == 405) response.headers.emplace_back("Allow", kAllowedMethods);
  return response;
}

std::string ResponseText(const Response& response, const AnswerOptions& options) {
  std::string out;
  out.reserve(384 + (options.head ? 0 : response.body.size()));
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out.append(Reason(response.status)).append("\r\n");
  AppendDate(out);
  if (!response.type.empty()) AppendHeader("Content-Type", response.type, out);
  const bool may_have_body = response.status != 204 && response.status != 304;
  if (may_have_body) {
    AppendHeader("Content-Length", std::to_string(response.body.size()), out);
  }
  AppendHeader("Connection", options.keep_alive ? "keep-alive" : "close", out);
  AppendHeader("X-Content-Type-Options", "nosniff", out);
  if (!std::ranges::any_of(response.headers, IsCacheControl)) {
    AppendHeader("Cache-Control", "no-store", out);
  }
  for (const auto& [name, value] : response.headers) AppendHeader(name, value, out);
  AppendOrigin(options.origin, out);
  out += "\r\n";
  if (may_have_body && !options.head) out += response.body;
  return out;
}

std::string StreamHeadText(std::string_view type, std::string_view origin) {
  std::string out = "HTTP/1.1 200 OK\r\n";
  AppendDate(out);
  AppendHeader("Content-Type", type, out);
  AppendHeader("Connection", "close", out);
  AppendHeader("X-Content-Type-Options", "nosniff", out);
  AppendHeader("Cache-Control", "no-store", out);
  AppendHeader("X-Accel-Buffering", "no", out);
  AppendOrigin(origin, out);
  out += "\r\n";
  return out;
}

}  // namespace playload
