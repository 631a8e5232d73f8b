#include "transports/http/request.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "generator/base/text.h"
#include "generator/base/wide.h"
#include "transports/http/accept.h"
#include "transports/http/names.h"
#include "transports/http/words.h"

namespace playload {
namespace {

constexpr std::size_t kMaxPairs = 16;
constexpr std::size_t kMaxUserAgentBytes = 128;
// Longer values of the headers below are none: no client has them, and the library has limits too.
constexpr std::size_t kMaxValueBytes = 2'048;
// Of a list, the lines that fit: each item of Accept costs something.
constexpr std::size_t kMaxListBytes = 1'024;
constexpr std::size_t kMaxPositionDigits = 18;
constexpr std::uint32_t kMaxCount = 10'000;
constexpr int kMaxFractionDigits = 9;

// The library is shown these headers alone: those it would act on by itself (Range, Expect,
// REMOTE_ADDR, ...) mean nothing here.
constexpr std::array<std::string_view, 7> kHeadersRead = {
    "accept", "authorization", "connection", "host", "last-event-id", "origin", "user-agent"};

// What is wrong with a query's shape, before anything is decoded.
struct QueryFault {
  std::string parameter;
  std::string message;
};

// A query that the library reads as everybody does: NAME=VALUE or NAME between single '&', no pair
// twice. (It would drop a repeated pair and everything between the first and the last '='.)
std::optional<QueryFault> CheckQuery(std::string_view query) {
  std::array<std::string_view, kMaxPairs> pairs;
  std::size_t count = 0;
  while (!query.empty()) {
    const std::string_view pair = TakeUpTo(query, '&');
    if (pair.empty()) continue;
    std::string_view value = pair;
    const std::string_view name = TakeUpTo(value, '=');
    if (name.empty()) return QueryFault{"", "a parameter has no name"};
    if (name.find('?') != name.npos || value.find_first_of("?=") != value.npos) {
      return QueryFault{std::string(name), "no parameter has ? or = in its name or value"};
    }
    if (std::find(pairs.begin(), pairs.begin() + count, pair) != pairs.begin() + count) {
      return QueryFault{std::string(name), Quoted(name) + " is given twice"};
    }
    if (count == kMaxPairs) return QueryFault{"", "there are more than 16 parameters"};
    pairs[count++] = pair;
  }
  return std::nullopt;
}

// Gives the library a head, and throws away what it answers.
class HeadStream final : public httplib::Stream {
 public:
  explicit HeadStream(std::string_view head) : rest_(head) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* out, std::size_t size) override {
    const std::size_t taken = std::min(size, rest_.size());
    std::memcpy(out, rest_.data(), taken);
    rest_.remove_prefix(taken);
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char*, std::size_t size) override { return static_cast<ssize_t>(size); }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string_view rest_;
};

}  // namespace

// Debian's cpp-httplib 0.11.4, without its sockets and threads.
class RequestReader::Parser final : public httplib::Server {
 public:
  Parser() {
    // Ends the library's own way right behind the parsing.
    set_pre_routing_handler(
        [](const httplib::Request&, httplib::Response&) { return HandlerResponse::Handled; });
  }

  // Whether the library could read it.
  bool Parse(std::string_view head) {
    ShowLibrary(head);
    bool parsed = false;
    try {
      HeadStream stream(shown_);
      bool closed = false;
      process_request(stream, true, closed, [&](httplib::Request& request) {
        request_ = std::move(request);
        parsed = true;
      });
    } catch (...) {
      // It threw while it wrote its answer, or ran out of memory.
    }
    return parsed;
  }

  // Of the last head that was parsed. The query has no parameters where fault() is one.
  [[nodiscard]] const httplib::Request& request() const { return request_; }
  [[nodiscard]] const std::optional<QueryFault>& fault() const { return fault_; }

  // The header's values, joined by commas, those within kMaxListBytes; "" where there is none.
  [[nodiscard]] std::string List(const char* name) const {
    std::string joined;
    const auto [begin, end] = request_.headers.equal_range(name);
    for (auto header = begin; header != end; ++header) {
      if (joined.size() + header->second.size() > kMaxListBytes) break;
      if (!joined.empty()) joined += ',';
      joined += header->second;
    }
    return joined;
  }
  // The header's value; "" where there is none or more than one.
  [[nodiscard]] std::string_view One(const char* name) const {
    const auto [begin, end] = request_.headers.equal_range(name);
    if (begin == end || std::next(begin) != end) return {};
    return begin->second;
  }

 private:
  // Makes `shown_`: the request line, without a query that the library would misread, and the
  // headers that are read here. The library decodes percent escapes in headers, which nobody else
  // does: it gets them escaped once more.
  void ShowLibrary(std::string_view head) {
    shown_.clear();
    while (head.starts_with("\r\n")) head.remove_prefix(2);
    const std::string_view line = TakeLine(head);
    const std::size_t question = line.find('?');
    const std::size_t version = line.rfind(' ');
    fault_.reset();
    if (question != line.npos) {
      fault_ = CheckQuery(line.substr(question + 1, version - question - 1));
    }
    shown_ += line.substr(0, fault_ ? question : version);
    shown_ += line.substr(version);
    shown_ += "\r\n";
    while (!head.empty()) {
      const std::string_view header = TakeLine(head);
      std::string_view value = header;
      const std::string_view name = TakeUpTo(value, ':');
      if (value.size() > kMaxValueBytes) continue;
      if (std::ranges::none_of(kHeadersRead, [&](auto read) { return SameWord(name, read); })) {
        continue;
      }
      shown_.append(name).append(":");
      for (const char c : value) {
        shown_ += c;
        if (c == '%') shown_ += "25";
      }
      shown_ += "\r\n";
    }
    shown_ += "\r\n";
  }

  static std::string_view TakeLine(std::string_view& rest) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(line.size() + 2, rest.size()));
    return line;
  }

  std::string shown_;
  httplib::Request request_;
  std::optional<QueryFault> fault_;
};

namespace {

using Params = httplib::Params;

// A value, or the answer that says why there is none.
template <typename T>
using OrRefusal = std::variant<T, Response>;

Response BadParameter(std::string_view name, std::string_view message) {
  return ErrorResponse(400, name, message);
}

// From 1 to 18 digits.
std::optional<std::uint64_t> ParseDigits(std::string_view text) {
  if (text.empty() || text.size() > kMaxPositionDigits) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

// "100", "0.5": R events a second -> 10^12 / R picoseconds between two.
std::optional<std::int64_t> ParseIntervalPs(std::string_view text) {
  constexpr std::uint64_t kUnit = 1'000'000'000;  // of the smallest fraction
  constexpr std::uint64_t kLeast = kUnit / 1'000;
  constexpr std::uint64_t kMost = kUnit * 10'000'000;
  const std::size_t point = text.find('.');
  const std::optional<std::uint64_t> whole = ParseDigits(text.substr(0, point));
  if (!whole || *whole > kMost / kUnit) return std::nullopt;
  std::uint64_t rate = *whole * kUnit;
  if (point != text.npos) {
    const std::string_view digits = text.substr(point + 1);
    std::optional<std::uint64_t> fraction = ParseDigits(digits);
    if (!fraction || digits.size() > kMaxFractionDigits) return std::nullopt;
    for (std::size_t i = digits.size(); i < kMaxFractionDigits; ++i) *fraction *= 10;
    rate += *fraction;
  }
  if (rate < kLeast || rate > kMost) return std::nullopt;
  const Wide ps = Wide{1'000'000'000'000} * kUnit;
  return static_cast<std::int64_t>((ps + rate / 2) / rate);
}

// "player,server" -> their bits.
std::optional<std::uint8_t> ParseKinds(std::string_view text) {
  unsigned kinds = 0;
  for (bool more = true; more;) {
    more = text.find(',') != text.npos;
    const auto kind = std::ranges::find(kKindNames, TakeUpTo(text, ','));
    if (kind == kKindNames.end()) return std::nullopt;
    const unsigned bit = 1U << (kind - kKindNames.begin());
    if ((kinds & bit) != 0) return std::nullopt;
    kinds |= bit;
  }
  return static_cast<std::uint8_t>(kinds);
}

std::optional<StreamFormat> ParseFormat(std::string_view text) {
  const auto format = std::ranges::find(kFormatNames, text);
  if (format == kFormatNames.end()) return std::nullopt;
  return static_cast<StreamFormat>(format - kFormatNames.begin());
}

bool IsFluvio(std::string_view user_agent) { return user_agent.starts_with("fluvio/http-source"); }

// Whether the browser that made this request meant this machine: "localhost", 127.0.0.0/8, "[::1]",
// each with any port.
bool IsLoopbackHost(std::string_view host) {
  const std::size_t name_end =
      host.starts_with('[') ? std::min(host.find(']'), host.size() - 1) + 1 : host.find(':');
  const std::string name(host.substr(0, name_end));
  std::string_view port = host.substr(name.size());
  if (!port.empty()) {
    if (port.front() != ':') return false;
    port.remove_prefix(1);
    if (port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) return false;
  }
  if (SameWord(name, "localhost")) return true;
  in_addr v4{};
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return name.size() > 2 && name.ends_with(']') &&
         inet_pton(AF_INET6, name.substr(1, name.size() - 2).c_str(), &v6) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&v6) != 0;
}

// In a time that tells nothing of the token, not even its length.
bool IsToken(std::string_view given, std::string_view token) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> a{};
  std::array<unsigned char, SHA256_DIGEST_LENGTH> b{};
  SHA256(reinterpret_cast<const unsigned char*>(given.data()), given.size(), a.data());
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), b.data());
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool IsAuthorized(std::string_view header, std::string_view token) {
  const std::string_view scheme = TakeUpTo(header, ' ');
  return SameWord(scheme, "bearer") && IsToken(TrimBlanks(header), token);
}

std::string PrintableUserAgent(std::string_view text) {
  std::string printable(text.substr(0, kMaxUserAgentBytes));
  for (char& c : printable) c = c >= ' ' && c <= '~' ? c : '?';
  return printable;
}

// What is at a path.
enum class Endpoint { kPage, kPoll, kStream };
struct Route {
  std::string_view path;
  Endpoint endpoint = Endpoint::kPage;
  Page page = Page::kIndex;
  Kind kind = Kind::kPlayer;
};
constexpr std::array<Route, 10> kRoutes = {{
    {"/stream_events", Endpoint::kStream, {}, {}},
    {"/player_event", Endpoint::kPoll, {}, Kind::kPlayer},
    {"/purchase_event", Endpoint::kPoll, {}, Kind::kPurchase},
    {"/server_metric", Endpoint::kPoll, {}, Kind::kServer},
    {"/", Endpoint::kPage, Page::kIndex, {}},
    {"/healthz", Endpoint::kPage, Page::kHealth, {}},
    {"/readyz", Endpoint::kPage, Page::kReady, {}},
    {"/metrics", Endpoint::kPage, Page::kMetrics, {}},
    {"/status", Endpoint::kPage, Page::kStatus, {}},
    {"/openapi.json", Endpoint::kPage, Page::kOpenApi, {}},
}};

constexpr std::array<std::string_view, 7> kStreamParameters = {
    "format", "type", "after", "limit", "rate", "envelope", "events"};
constexpr std::array<std::string_view, 2> kPollParameters = {"count", "format"};

std::span<const std::string_view> ParametersOf(Endpoint endpoint) {
  if (endpoint == Endpoint::kStream) return kStreamParameters;
  if (endpoint == Endpoint::kPoll) return kPollParameters;
  return {};
}

// Unknown, repeated and empty parameters, and bytes that no value has.
std::optional<Response> CheckParams(const Params& params, const Route& route) {
  const std::span<const std::string_view> valid = ParametersOf(route.endpoint);
  for (const auto& [name, value] : params) {
    if (std::ranges::find(valid, name) == valid.end()) {
      const std::vector<std::string> candidates(valid.begin(), valid.end());
      return BadParameter(name, valid.empty() ? "this path has no parameters"
                                              : "unknown parameter" + DidYouMean(name, candidates));
    }
    if (params.count(name) > 1) return BadParameter(name, "the parameter is given twice");
    if (value.empty()) return BadParameter(name, "the parameter has no value");
    if (std::ranges::any_of(value, [](char c) { return c <= 0 || c > '~'; })) {
      return BadParameter(name, "the value holds a byte that is not ASCII, or NUL");
    }
  }
  return std::nullopt;
}

const std::string* Find(const Params& params, const char* name) {
  const auto found = params.find(name);
  return found == params.end() ? nullptr : &found->second;
}

// What the headers say that a stream or poll asks for.
struct Wishes {
  std::string_view accept;
  std::string_view user_agent;
  std::string_view last_event_id;
};

Response NotAcceptable(std::string_view types) {
  return ErrorResponse(406, "", "Accept names nothing that is served here: " + std::string(types));
}

OrRefusal<PollRequest> ReadPoll(const Params& params, const Wishes& wishes, Kind kind) {
  PollRequest poll{.kind = kind};
  if (const std::string* count = Find(params, "count")) {
    const std::optional<std::uint64_t> number = ParseDigits(*count);
    if (!number || *number < 1 || *number > kMaxCount) {
      return BadParameter("count", "not a whole number from 1 to 10000: " + Quoted(*count));
    }
    poll.array = true;
    poll.count = static_cast<std::uint32_t>(*number);
  }
  if (const std::string* format = Find(params, "format")) {
    if (*format != "json" && *format != "ndjson") {
      return BadParameter("format", "not json or ndjson: " + Quoted(*format));
    }
    poll.ndjson = *format == "ndjson";
  } else if (!wishes.accept.empty()) {
    constexpr std::array kFormats = {StreamFormat::kJson, StreamFormat::kNdjson};
    const Accepted accepted = ChooseFormat(wishes.accept, kFormats);
    if (!accepted.format) return NotAcceptable("application/json, application/x-ndjson");
    poll.ndjson = *accepted.format == StreamFormat::kNdjson;
  }
  return poll;
}

OrRefusal<StreamRequest> ReadStream(const Params& params, const Wishes& wishes) {
  StreamRequest stream;
  std::optional<StreamFormat> format;
  if (const std::string* text = Find(params, "format")) {
    format = ParseFormat(*text);
    if (!format) return BadParameter("format", "not sse, ndjson or json: " + Quoted(*text));
  }
  if (const std::string* text = Find(params, "type")) {
    const std::optional<std::uint8_t> kinds = ParseKinds(*text);
    if (!kinds) {
      return BadParameter("type", "not a list of player, purchase, server: " + Quoted(*text));
    }
    stream.form.kinds = *kinds;
  }
  if (const std::string* text = Find(params, "after")) {
    stream.after = ParseDigits(*text);
    if (!stream.after) {
      return BadParameter("after", "not a sequence number of 1 to 18 digits: " + Quoted(*text));
    }
  }
  if (const std::optional<std::uint64_t> last = ParseDigits(wishes.last_event_id)) {
    stream.after = last;
  }
  if (const std::string* text = Find(params, "limit")) {
    const std::optional<std::uint64_t> limit = ParseDigits(*text);
    if (!limit || *limit < 1) {
      return BadParameter("limit", "not a whole number of 1 or more: " + Quoted(*text));
    }
    stream.limit = *limit;
  }
  if (const std::string* text = Find(params, "rate")) {
    const std::optional<std::int64_t> interval = ParseIntervalPs(*text);
    if (!interval) {
      return BadParameter("rate", "not a decimal number from 0.001 to 10000000: " + Quoted(*text));
    }
    stream.interval_ps = *interval;
  }
  if (const std::string* text = Find(params, "envelope")) {
    if (*text != "key") return BadParameter("envelope", "not key: " + Quoted(*text));
    stream.form.envelope = true;
  }
  if (const std::string* text = Find(params, "events")) {
    if (*text != "named") return BadParameter("events", "not named: " + Quoted(*text));
    stream.form.named = true;
  }

  if (!format && !wishes.accept.empty()) {
    constexpr std::array kFormats = {StreamFormat::kSse, StreamFormat::kJson,
                                     StreamFormat::kNdjson};
    const Accepted accepted = ChooseFormat(wishes.accept, kFormats);
    if (!accepted.format) {
      return NotAcceptable("text/event-stream, application/x-ndjson, application/json");
    }
    // Fluvio's connector says */* and cannot read SSE.
    if (accepted.named || !IsFluvio(wishes.user_agent)) format = accepted.format;
  }
  if (!format) format = IsFluvio(wishes.user_agent) ? StreamFormat::kNdjson : StreamFormat::kSse;
  stream.form.format = *format;
  if (stream.form.named && stream.form.format != StreamFormat::kSse) {
    return BadParameter(
        "events", "only SSE has names of events; this request asks for " +
                      std::string(kFormatNames[static_cast<std::size_t>(stream.form.format)]));
  }
  return stream;
}

Response Options(bool preflight) {
  Response response{204, "", "", {{"Allow", std::string(kAllowedMethods)}}};
  if (preflight) {
    response.headers.emplace_back("Access-Control-Allow-Methods", kAllowedMethods);
    response.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Last-Event-ID");
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  return response;
}

}  // namespace

RequestReader::RequestReader(const HttpSettings& settings)
    : settings_(settings), parser_(std::make_unique<Parser>()) {}

RequestReader::~RequestReader() = default;

Request RequestReader::Read(std::string_view head) {
  Request out;
  if (!parser_->Parse(head)) {
    out.what = ErrorResponse(400, "", "the request cannot be read");
    return out;
  }
  const httplib::Request& parsed = parser_->request();
  const bool old = parsed.version == "HTTP/1.0";
  const std::string connection = parser_->List("Connection");
  out.head = parsed.method == "HEAD";
  out.keep_alive = !HasItem(connection, "close") && (!old || HasItem(connection, "keep-alive"));
  out.user_agent = PrintableUserAgent(parser_->One("User-Agent"));
  if (const auto origin = std::ranges::find(settings_.cors_origins, parser_->One("Origin"));
      origin != settings_.cors_origins.end()) {
    out.origin = *origin;
  }

  const std::string_view host = parser_->One("Host");
  if (settings_.listen.loopback && !(host.empty() && old) && !IsLoopbackHost(host)) {
    out.what = ErrorResponse(421, "", "the Host is no loopback one: " + Quoted(host));
    return out;
  }
  const auto route = std::ranges::find(kRoutes, parsed.path, &Route::path);
  const bool found = route != kRoutes.end();
  const bool options = parsed.method == "OPTIONS";
  // The index is the same for everybody: it asks for the token, and shows nothing without.
  const bool free = options || (found && route->endpoint == Endpoint::kPage &&
                                (route->page == Page::kHealth || route->page == Page::kReady ||
                                 route->page == Page::kIndex));
  if (!settings_.token.empty() && !free &&
      !IsAuthorized(parser_->One("Authorization"), settings_.token)) {
    out.what = ErrorResponse(401, "", "this server wants Authorization: Bearer and its token");
    return out;
  }
  if (options && parsed.path == "*") {
    out.what = Options(!out.origin.empty());
    return out;
  }
  if (!found) {
    out.what = ErrorResponse(404, "", "nothing is at this path; GET / shows what there is");
    return out;
  }
  if (options) {
    out.what = Options(!out.origin.empty());
    return out;
  }
  if (const std::optional<QueryFault>& fault = parser_->fault()) {
    out.what = ErrorResponse(400, fault->parameter, fault->message);
    return out;
  }
  if (std::optional<Response> refusal = CheckParams(parsed.params, *route)) {
    out.what = *std::move(refusal);
    return out;
  }

  const std::string accept = parser_->List("Accept");
  const Wishes wishes{accept, out.user_agent, parser_->One("Last-Event-ID")};
  const auto answer = [&out](auto read) {
    std::visit([&out](auto& what) { out.what = std::move(what); }, read);
  };
  switch (route->endpoint) {
    case Endpoint::kPage:
      out.what = route->page;
      break;
    case Endpoint::kPoll:
      answer(ReadPoll(parsed.params, wishes, route->kind));
      break;
    case Endpoint::kStream:
      answer(ReadStream(parsed.params, wishes));
      break;
  }
  return out;
}

}  // namespace playload
