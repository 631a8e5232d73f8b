// HttpSettings: what the flags say of the HTTP server.
//
// Threads: a value type, constant once the server runs.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/encode/schema.h"

namespace playload {

// Where to listen: "127.0.0.1:8000", "[::1]:8000", "localhost:8000", ":8000" is not one (which
// address is meant must be said). Port 0: the system chooses, and it is shown.
struct ListenAddress {
  std::string host;  // numeric, without brackets
  std::uint16_t port = 0;
  bool loopback = true;

  // "127.0.0.1:8000", "[::1]:8000".
  [[nodiscard]] std::string text() const;
};

// A host name other than "localhost" is an error: binding is by address. kInvalid, without flag.
Result<ListenAddress> ParseListenAddress(std::string_view text);

struct HttpSettings {
  ListenAddress listen;
  std::string token;                       // bearer; empty: none is asked for
  std::vector<std::string> cors_origins;   // exact origins, "https://dash.example"
  std::uint64_t window = 0;                // --window: events behind the head served; 0: all
  bool slow_closes = false;                // --slow-client close, else gap
  std::uint64_t slow_after = 0;            // --slow-after, events; 0: 100,000 or 5 s of the plan
  bool end_closes = false;                 // --at-end close
  std::uint32_t max_connections = 16'000;  // in all
  std::uint32_t max_per_address = 0;       // 0: all of them on a loopback bind, else 1,024
  std::chrono::milliseconds head_timeout{5'000};   // from accept, or from the first byte of a head
  std::chrono::milliseconds idle_timeout{60'000};  // between two requests of a connection
  std::chrono::milliseconds keep_alive{15'000};  // an SSE comment after this long without an event
  std::string scenario;                          // shown on the page
  SchemaOptions events;                          // what /openapi.json says of the events
};

}  // namespace playload
