// What a request asks for, typed. The head is parsed by cpp-httplib, which sees only what the guard
// has passed; everything it found is checked here against the documented parameters.
//
// Threads: RequestReader belongs to one thread. Errors: none leave; a bad request becomes the
// answer that says so.
//
// The checks come in this order, and the first that fails is told: Host, token, path, parameters,
// Accept.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "generator/event/record.h"
#include "transports/http/form.h"
#include "transports/http/response.h"
#include "transports/http/settings.h"

namespace playload {

// GET /stream_events.
struct StreamRequest {
  Form form;
  // Of Last-Event-ID, else of ?after=: the client has the events up to this sequence number.
  std::optional<std::uint64_t> after;
  std::uint64_t limit = 0;       // ?limit=; 0: none
  std::int64_t interval_ps = 0;  // ?rate=R: 10^12 / R picoseconds between two events; 0: none
};

// GET /player_event, /purchase_event, /server_metric.
struct PollRequest {
  Kind kind = Kind::kPlayer;
  std::uint32_t count = 1;
  bool array = false;   // ?count= was given: a JSON array, else one object
  bool ndjson = false;  // ?format=ndjson, else what Accept names
};

// Answered from what the server knows of itself.
enum class Page { kIndex, kHealth, kReady, kMetrics, kOpenApi, kStatus };

struct Request {
  bool head = false;        // HEAD: the answer without its body
  bool keep_alive = false;  // the connection may be used again
  std::string user_agent;   // printable ASCII, at most 128 bytes
  std::string origin;       // of CORS: the one to be allowed; empty: no CORS headers
  // A Response is a complete answer: an error, or OPTIONS.
  std::variant<Response, Page, PollRequest, StreamRequest> what;
};

class RequestReader {
 public:
  // `settings` outlives it.
  explicit RequestReader(const HttpSettings& settings);
  ~RequestReader();

  // REQUIRES: CheckHead(head) says kWhole for exactly these bytes.
  Request Read(std::string_view head);

 private:
  class Parser;
  const HttpSettings& settings_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace playload
