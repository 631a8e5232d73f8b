// ServerStatus: what the server knows of itself, made by the reactor when somebody asks; shown as
// Prometheus text, as JSON and on the page.
//
// Threads: a value type.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "generator/event/record.h"
#include "transports/http/client_log.h"

namespace playload {

inline constexpr int kFormats = 3;
inline constexpr int kGapReasons = 3;
// Why a position was not served: "window", "slow", "ahead".
enum class GapReason : std::uint8_t { kWindow, kSlow, kAhead };
const char* GapReasonName(GapReason reason);

struct ServerStatus {
  std::string scenario;
  std::uint64_t seed = 0;
  std::int64_t start_ns = 0;   // UTC, of the plan
  bool begun = false;          // the run's clock is set: ready
  bool ended = false;          // every event of the run is released
  bool paced = true;           // else rate max
  double planned_rate = 0;     // events/s, now; 0 when not paced
  double released_rate = 0;    // events/s over the last seconds
  std::uint64_t head = 0;      // sequence number of the latest released event; 0: none
  std::int64_t behind_ns = 0;  // the latest release after its planned instant
  std::array<std::uint64_t, kKinds> released{};  // events of each kind
  std::array<std::uint64_t, kKinds> acked{};     // handed to one client at least
  std::array<std::string, kKinds> latest;        // the latest released event of each kind; "" none

  // Streams.
  std::array<std::uint64_t, kFormats> streams{};        // open now, by StreamFormat
  std::array<std::uint64_t, kFormats> stream_events{};  // handed out, over all clients
  std::array<std::uint64_t, kFormats> stream_bytes{};
  std::array<std::uint64_t, kGapReasons> gaps{};
  std::uint64_t missed = 0;  // events in gaps
  std::uint64_t slow_closed = 0;
  std::uint64_t streams_behind = 0;  // clients that are more than a second behind the head
  std::uint64_t streams_slow = 0;    // found too slow: they get a gap once they read again
  ClientSessions clients;            // of the page: the open ones, at most 100

  // Polled endpoints, by kind.
  std::array<std::uint64_t, kKinds> polls{};  // answers
  std::array<std::uint64_t, kKinds> polled_events{};

  // Connections and requests.
  std::uint64_t connections = 0;          // open now
  std::uint64_t connections_total = 0;    // accepted
  std::uint64_t connections_refused = 0;  // 503: full
  std::uint64_t accept_pauses = 0;        // descriptors used up
  std::uint64_t head_timeouts = 0;
  std::vector<std::pair<int, std::uint64_t>> answers;  // by status, ascending

  // The process.
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_descriptors = 0;
  double cpu_seconds = 0;
  std::uint64_t history_blocks = 0;  // made again from the seed
};

}  // namespace playload
