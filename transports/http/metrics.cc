#include <charconv>
#include <cmath>
#include <string>
#include <string_view>

#include "transports/http/names.h"
#include "transports/http/pages.h"

namespace playload {
namespace {

constexpr double kNsPerSecond = 1e9;

// Text format 0.0.4. Labels have values of our own, from short lists: nothing that a client sent
// comes in here, so nothing needs escaping and no client can make series.
class Exposition {
 public:
  void Counter(std::string_view name, std::string_view help) { Family(name, "counter", help); }
  void Gauge(std::string_view name, std::string_view help) { Family(name, "gauge", help); }

  // A sample of the latest family.
  void Sample(std::uint64_t value) { Line({}, {}, std::to_string(value)); }
  void Sample(double value) { Line({}, {}, Text(value)); }
  void Sample(std::string_view label, std::string_view is, std::uint64_t value) {
    Line(label, is, std::to_string(value));
  }

  // Families of one sample.
  void Counter(std::string_view name, std::string_view help, std::uint64_t value) {
    Counter(name, help);
    Sample(value);
  }
  template <typename T>
  void Gauge(std::string_view name, std::string_view help, T value) {
    Gauge(name, help);
    Sample(value);
  }

  // A counter with a sample for each of the label's values.
  template <std::size_t kCount>
  void Counters(std::string_view name, std::string_view help, std::string_view label,
                const std::array<std::string_view, kCount>& is,
                const std::array<std::uint64_t, kCount>& values) {
    Counter(name, help);
    for (std::size_t i = 0; i < kCount; ++i) Sample(label, is[i], values[i]);
  }

  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  // Without the locale's decimal point. What is no number would spoil the reader's arithmetic.
  static std::string Text(double value) {
    char text[32];
    const std::to_chars_result end =
        std::to_chars(text, text + sizeof(text), std::isfinite(value) ? value : 0.0);
    return {text, end.ptr};
  }

  void Family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  void Line(std::string_view label, std::string_view is, std::string_view value) {
    text_.append(name_);
    if (!label.empty()) text_.append("{").append(label).append("=\"").append(is).append("\"}");
    text_.append(" ").append(value).append("\n");
  }

  std::string_view name_;  // a literal
  std::string text_;
};

void PutRun(const ServerStatus& status, Exposition* out) {
  out->Gauge("playload_build_info", "The program's version, as a label; always 1");
  out->Sample("version", PLAYLOAD_VERSION, 1);
  out->Gauge("playload_run_ready", "1 once the run has begun",
             static_cast<std::uint64_t>(status.begun));
  out->Gauge("playload_run_ended", "1 once every event of the run is released",
             static_cast<std::uint64_t>(status.ended));
  out->Gauge("playload_planned_events_per_second",
             "What the plan asks for now; 0 where nothing is planned (rate max)",
             status.planned_rate);
  out->Gauge("playload_head_sequence_number", "Sequence number of the latest released event",
             status.head);
  out->Gauge("playload_release_lateness_seconds",
             "How long after its planned instant the latest event was released",
             static_cast<double>(status.behind_ns) / kNsPerSecond);
  out->Counters("playload_released_events_total", "Events of the run that clients may have", "kind",
                kKindNames, status.released);
  out->Counters("playload_acked_events_total",
                "Events of the run that were handed whole to at least one client", "kind",
                kKindNames, status.acked);
}

void PutStreams(const ServerStatus& status, Exposition* out) {
  out->Gauge("playload_streams", "Open streams");
  for (std::size_t f = 0; f < kFormatNames.size(); ++f) {
    out->Sample("format", kFormatNames[f], status.streams[f]);
  }
  out->Gauge("playload_streams_behind", "Open streams more than a second behind the head",
             status.streams_behind);
  out->Gauge("playload_streams_slow",
             "Open streams found too slow, which get a gap once they read again",
             status.streams_slow);
  out->Counter("playload_stream_sessions_total", "Streams that were begun", status.clients.total);
  out->Counters("playload_stream_events_total", "Events handed out on streams, over all clients",
                "format", kFormatNames, status.stream_events);
  out->Counters("playload_stream_bytes_total", "Bytes of these events", "format", kFormatNames,
                status.stream_bytes);
  out->Counter("playload_stream_gaps_total", "Gaps in streams of all formats, by reason");
  for (int r = 0; r < kGapReasons; ++r) {
    out->Sample("reason", GapReasonName(static_cast<GapReason>(r)),
                status.gaps[static_cast<std::size_t>(r)]);
  }
  out->Counter("playload_stream_missed_events_total", "Events in gaps, as far as known",
               status.missed);
  out->Counter("playload_slow_streams_closed_total", "Streams that were closed because of slowness",
               status.slow_closed);
}

void PutRequests(const ServerStatus& status, Exposition* out) {
  out->Counters("playload_polls_total", "Answers of the polled endpoints", "kind", kKindNames,
                status.polls);
  out->Counters("playload_polled_events_total", "Events handed out by the polled endpoints", "kind",
                kKindNames, status.polled_events);
  out->Counter("playload_http_responses_total", "Answers, by status");
  for (const auto& [code, count] : status.answers) {
    out->Sample("status", std::to_string(code), count);
  }
  out->Gauge("playload_connections", "Open connections", status.connections);
  out->Counter("playload_connections_accepted_total", "Connections that were accepted",
               status.connections_total);
  out->Counter("playload_connections_refused_total", "Connections that were refused: full",
               status.connections_refused);
  out->Counter("playload_accept_pauses_total",
               "Times that accepting paused because descriptors were used up",
               status.accept_pauses);
  out->Counter("playload_head_timeouts_total",
               "Connections that were closed because no whole request came in time",
               status.head_timeouts);
}

// Under the names that every Prometheus client library gives them.
void PutProcess(const ServerStatus& status, Exposition* out) {
  out->Counter("playload_history_blocks_total", "Blocks of events made again from the seed",
               status.history_blocks);
  out->Gauge("process_resident_memory_bytes", "Resident memory", status.resident_bytes);
  out->Gauge("process_open_fds", "Open file descriptors", status.open_descriptors);
  out->Counter("process_cpu_seconds_total", "User and system CPU time");
  out->Sample(status.cpu_seconds);
}

}  // namespace

const char* GapReasonName(GapReason reason) {
  switch (reason) {
    case GapReason::kWindow:
      return "window";
    case GapReason::kSlow:
      return "slow";
    case GapReason::kAhead:
      return "ahead";
  }
  return "";
}

Response MetricsPage(const ServerStatus& status) {
  Exposition out;
  PutRun(status, &out);
  PutStreams(status, &out);
  PutRequests(status, &out);
  PutProcess(status, &out);
  Response response;
  response.type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = out.Take();
  return response;
}

}  // namespace playload
